"""``patrol choices``: choices of units that were made, done again from what they looked at."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told
from patrol.cli.queueing import DEFAULT_VAR, Var, database_address
from patrol.domain.incidents import IncidentId

if TYPE_CHECKING:  # numpy and pydantic are imported when the command runs, so that --help is quick
    from patrol.domain.looked import LookedAt, Redone, Went


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    commands = typer.Typer(no_args_is_help=True, help="Do choices of units again, from what they looked at.")
    commands.callback()(_choices)  # with one command alone, typer would leave its name out
    commands.command("replay")(replay)
    app.add_typer(commands, name="choices")


def _choices() -> None:
    """Do choices of units again, from what they looked at."""


def replay(
    incident: Annotated[str | None, typer.Option(help="only those that were about this incident")] = None,
    since: Annotated[datetime | None, typer.Option(help="only those since then, in this machine's time")] = None,
    config: Annotated[
        Path | None, typer.Option(help="by the policy of this configuration; else by the one they were made by")
    ] = None,
    var: Var = DEFAULT_VAR,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="at most so many, the newest")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: an object a line")] = False,
) -> None:
    """Make each choice once more by the present rule, and say what would be different. Nobody is sent.

    Exit code 0: all would be the same; 1: some would not, or cannot be read.
    """
    from patrol.config import load
    from patrol.domain.looked import redone

    with errors_told():
        sending = load(config, os.environ, variables_required=False).sending if config else None
        found, unread = asyncio.run(_looked_at(database_address(var), since, incident, limit))
    policy, crews = (sending.policy, sending.crews.by_level) if sending else (None, None)
    again = [redone(looked, policy, crews) for looked in found]
    for one in again:
        print(json.dumps(_as_json(one), ensure_ascii=False) if as_json else _text(one))
    differ = sum(not one.is_same for one in again)
    if not as_json:
        rest = f"; {unread} of another version cannot be read" if unread else ""
        print(f"{len(again)} choice{'s' * (len(again) != 1)}, {differ} would be different{rest}")
    raise typer.Exit(1 if differ or unread else 0)


async def _looked_at(
    address: str, since: datetime | None, incident: str | None, limit: int
) -> tuple[Sequence[LookedAt], int]:
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.sql import SqlStore
    from patrol.adapters.sql_choices import choices_since

    incident_id = IncidentId(incident) if incident else None
    at = since.astimezone() if since else None
    store = SqlStore(address, (), SystemClock())
    try:
        await store.open()
        return await store.read(lambda connection: choices_since(connection, at, incident_id, limit))
    finally:
        await store.aclose()


def _text(one: Redone) -> str:
    head = f"{one.looked.at.isoformat(timespec='seconds')}  {len(one.looked.wants)} incidents"
    if one.is_same:
        return f"{head}: same, {_units(one.looked.went)}"
    lines = [
        f"  {incident_id}: {_units(now)} instead of {_units(before)}" for incident_id, before, now in one.differing()
    ]
    return "\n".join([f"{head}: different", *lines])


def _units(went: Sequence[Went]) -> str:
    each = [
        f"{one.unit_id} in {one.eta_s:.0f} s" + (f" from {one.takes_from}" if one.takes_from else "") for one in went
    ]
    return ", ".join(each) or "nobody"


def _as_json(one: Redone) -> dict[str, object]:
    def rows(went: Sequence[Went]) -> list[dict[str, object]]:
        return [
            {
                "incident_id": each.incident_id,
                "unit_id": each.unit_id,
                "eta_s": each.eta_s,
                "takes_from": each.takes_from,
            }
            for each in went
        ]

    return {
        "at": one.looked.at.isoformat(),
        "same": one.is_same,
        "went": rows(one.looked.went),
        "would": rows(one.went),
    }
