"""``patrol choices replay``: what dispatch chose, done again from its own store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from patrol.adapters import sql_choices
from patrol.adapters.sql_choices import choices_since, keep
from patrol.adapters.sql_tables import CHOICES
from patrol.cli import make_cli
from patrol.domain.board import Board, Sending, send
from patrol.domain.events import Level
from patrol.domain.incidents import OrderId
from patrol.domain.ways import Ways
from tests.builders import at, situation, unit
from tests.config.test_follow_up import dispatch
from tests.pipeline.dispatch_room import dispatch_room


def two_choices(folder: Path) -> None:
    """A yellow one gets its crew, a red one then finds nobody free."""

    async def night() -> None:
        async with dispatch_room(folder, (unit("U-1"),)) as room:
            await room.deciding.assign(await room.alert(1, level=Level.YELLOW))
            order = (await room.orders())[0]
            room.clock.advance(5)
            assert order.unit_id == "U-1"
            await room.deciding.assign(await room.alert(2, level=Level.GREEN))

    asyncio.run(night())


def replayed(folder: Path, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(make_cli(), ["choices", "replay", "--var", str(folder), *more])
    return done.exit_code, done.output


def test_all_that_was_chosen_is_chosen_again_also_that_nobody_could_go(tmp_path: Path) -> None:
    two_choices(tmp_path)
    code, told = replayed(tmp_path)
    assert (code, told.splitlines()[-1]) == (0, "2 choices, 0 would be different")
    assert "1 incidents: same, U-1 in 55 s" in told
    assert "same, nobody" in told
    code, told = replayed(tmp_path, "--incident", "I-2", "--json")
    (row,) = [json.loads(line) for line in told.splitlines()]
    assert (code, row["same"], row["went"]) == (0, True, [])
    assert replayed(tmp_path, "--since", "2030-01-01")[1] == "0 choices, 0 would be different\n"


def test_by_another_configuration_it_says_what_would_be_different(tmp_path: Path) -> None:
    two_choices(tmp_path)
    config = tmp_path / "other.yaml"
    config.write_text(json.dumps(dispatch(reserve={"core": 1})), "utf-8")
    code, told = replayed(tmp_path, "--config", str(config))
    assert code == 1
    assert "  I-1: nobody instead of U-1 in 55 s" in told.splitlines()
    assert told.endswith("2 choices, 1 would be different\n")


def test_where_there_is_no_store_it_says_so(tmp_path: Path) -> None:
    code, told = replayed(tmp_path)
    assert code == 1
    assert "there is no store" in told


def test_old_choices_are_forgotten_and_what_another_version_wrote_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_choices, "MOST_KEPT", 20)
    outcomes = send(Board((situation(),), situation().duties), lambda *_: OrderId("O-1"), Ways(), Sending(), at(1))
    looked = outcomes[0].looked_at
    assert looked is not None

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for _ in range(2 * sql_choices.CLEARED_EVERY):
                await room.store.within(lambda connection: keep(connection, looked))
            kept = await room.store.read(lambda c: c.execute(select(func.count()).select_from(CHOICES)).scalar_one())
            assert kept == 20
            await room.store.within(lambda c: c.execute(CHOICES.insert().values(at="2026", about=" I-1 ", body=b"{}")))
            found, unread = await room.store.read(lambda connection: choices_since(connection, None, None, 100))
            assert (len(found), unread) == (20, 1)

    asyncio.run(check())
