"""The store of record: one transaction or nothing, everything once, and nothing forgotten by a restart."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import event, text

from patrol.adapters.clock import SystemClock
from patrol.adapters.memory import FakeClock
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_board import _WAITING
from patrol.adapters.sql_history import _LAST_ALERT, _OPENED
from patrol.adapters.sql_opening import LOOK_AGAIN_S, _in_turn
from patrol.adapters.sql_outbox import _OTHERS, _UNSETTLED, _URGENT
from patrol.adapters.sql_version import LAYOUT
from patrol.domain import board, turns
from patrol.domain.alerts import Alert, Candidate, Verdict
from patrol.domain.board import Board, Crews, Sending
from patrol.domain.camera import CameraId, Place, RingName
from patrol.domain.dispatch import Duty, Outcome, Situation, doubt, told
from patrol.domain.errors import ConfigError, IllegalTransition, StoreError, StoreFailure
from patrol.domain.events import Kind, Level
from patrol.domain.feedback import close, confirm
from patrol.domain.incidents import (
    AlertId,
    Cause,
    ClockName,
    ClosingRequest,
    Disposition,
    EarlierLife,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
    LevelChange,
    LoopStage,
    Maintenance,
    OrderId,
    StageTimes,
    Stamp,
    TroubledCamera,
    Witness,
)
from patrol.domain.orders import Candidate as WeighedUnit
from patrol.domain.orders import Order, OrderState, Receipt, ReceiptKind
from patrol.domain.receiving import receive
from patrol.domain.room import BEFORE_ALL, ClosedPlace
from patrol.domain.streams import EntryId
from patrol.domain.troubles import Trouble
from patrol.domain.units import Unit, UnitId, UnitState
from patrol.domain.ways import Ways
from patrol.ports import Effect, OutboxRow
from tests.builders import NOON, at, camera, candidate, maintenance_incident, order, ring, sent, unit
from tests.builders import event as seen
from tests.examples import examples

UNITS = (unit("U-1"), unit("U-2"))
FIRST = IncidentId("I-1")


@asynccontextmanager
async def opened(folder: Path, units: Sequence[Unit] = UNITS) -> AsyncIterator[SqlStore]:
    store = SqlStore(address(folder), units, FakeClock(NOON))
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def address(folder: Path) -> str:
    return f"sqlite:///{folder / 'patrol.db'}"


@contextmanager
def direct(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database without the store, for any thread."""
    file = folder / "patrol.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as connection:
        yield connection


def by_camera(number: int, camera_id: str) -> Candidate:
    return candidate(number, event=seen(camera_id=CameraId(camera_id)))


async def send(store: SqlStore, incident_id: str, order_id: str, once: Effect | None = None) -> Outcome | None:
    return await store.decide(IncidentId(incident_id), lambda s: sent(s, order_id), once)


async def answer(store: SqlStore, order_id: str, kind: ReceiptKind, seconds: float, place: Place | None = None) -> None:
    receipt = Receipt(order_id, 1, "units", "U-1", kind, at(seconds), place=place)
    await store.decide(FIRST, lambda s: receive(s, receipt, 1, at(seconds)))


async def accept_many(store: SqlStore) -> None:
    for number in range(2, 400):
        await store.accept(by_camera(number, f"C-{number}"), at(1))


async def pragma(store: SqlStore, text: str) -> object:
    """What the store's own connection answers."""
    return await store._transaction(lambda connection: connection.exec_driver_sql(f"PRAGMA {text}").scalar())


def placed(rows: Sequence[OutboxRow]) -> dict[int, EntryId]:
    """As if the queue had taken them."""
    return {row.number: EntryId(1000 + row.number) for row in rows}


async def outbox(store: SqlStore) -> list[tuple[str, str]]:
    return [(row.message.stream, row.message.id) for row in await store.unpublished(1000)]


def test_an_accepted_alert_is_stored_with_its_messages(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            acceptance = await store.accept(candidate(), at(0))
            assert acceptance.verdict is Verdict.NEW_INCIDENT
            assert acceptance.alert is not None
            assert acceptance.alert.accepted_at == at(0)
            assert (await store.open_ledger()).incidents == (acceptance.incident,)
            assert await outbox(store) == [("patrol:alert:red", "A-1"), ("patrol:incident", "I-1:2")]
            assert (await store.totals()).alerts_accepted == 1

    asyncio.run(check())


def test_the_same_alert_again_gets_the_first_answer_and_changes_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            first = await store.accept(candidate(), at(0))
            for later in (0.1, 30, 3600):
                assert await store.accept(candidate(), at(later)) == first
            assert (await store.totals()).alerts_accepted == 1
            assert len(await outbox(store)) == 2

    asyncio.run(check())


def test_an_alert_and_its_messages_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.execute("create trigger full before insert on outbox begin select raise(abort, 'full'); end")
            with pytest.raises(StoreError, match="full"):
                await store.accept(candidate(), at(0))
            assert (await store.open_ledger()).incidents == ()
            assert (await store.totals()).alerts_accepted == 0
            with direct(tmp_path) as other:
                other.execute("drop trigger full")
            assert (await store.accept(candidate(), at(5))).verdict is Verdict.NEW_INCIDENT

    asyncio.run(check())


def test_what_an_alert_is_held_against_is_found_by_its_fingerprint_however_much_is_open_or_has_been(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with opened(tmp_path):
            with direct(tmp_path) as other:
                for statement, index in ((_OPENED, "ix_incidents_fingerprint"), (_LAST_ALERT, "alerts_newest")):
                    values = statement._ordered({"key": "x"})
                    plan = " ".join(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement._text}", values))
                    assert index in plan
                    assert "SCAN" not in plan.replace("SCALAR", "")
                    assert "TEMP B-TREE" not in plan

    asyncio.run(check())


def test_what_waits_or_is_not_settled_is_found_without_passing_all_that_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path):
            with direct(tmp_path) as other:
                for statement, step in (
                    (_URGENT, "SCAN outbox USING INDEX outbox_waiting"),
                    (_OTHERS, "SCAN outbox USING INDEX outbox_waiting"),
                    (_UNSETTLED, "SEARCH outbox USING INDEX outbox_unsettled (number>?)"),
                ):
                    values = statement._ordered({"most": 200, "after": 0})
                    plan = [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement._text}", values)]
                    assert plan == [step]

    asyncio.run(check())


def test_one_camera_cools_down_and_mutes_no_other(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(by_camera(1, "C-1"), at(0))
            repeated = await store.accept(by_camera(2, "C-1"), at(59))
            other = await store.accept(by_camera(3, "C-2"), at(59))
            assert (repeated.verdict, repeated.alert) == (Verdict.COOLING_DOWN, None)
            assert other.verdict is Verdict.NEW_INCIDENT
            assert (await store.totals()).alerts_accepted == 2

    asyncio.run(check())


def test_whether_something_cools_down_can_be_asked_first_and_changes_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            assert not await store.cools_down(by_camera(1, "C-1"), at(0))
            await store.accept(by_camera(1, "C-1"), at(0))
            answers = [await store.cools_down(by_camera(2, "C-1"), at(seconds)) for seconds in (-1, 0, 59, 60)]
            assert answers == [False, True, True, False]
            assert not await store.cools_down(by_camera(3, "C-2"), at(1))
            assert (await store.totals()).alerts_accepted == 1

    asyncio.run(check())


def test_after_the_cool_down_it_joins_the_open_incident_and_after_that_is_closed_opens_its_own(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(1), at(0))
            joined = await store.accept(candidate(2), at(60))
            assert joined.verdict is Verdict.JOINED
            assert joined.incident is not None
            assert joined.incident.id == FIRST
            assert joined.incident.alert_ids == ("A-1", "A-2")
            assert joined.incident.accepted_at == at(0)  # the ring's clock never restarts
            assert await store.accept(candidate(2), at(61)) == joined
            await store.decide(FIRST, lambda s: close(s, Disposition.HANDLED, "Li", "", at(100)))
            reopened = await store.accept(candidate(3), at(121))
            assert reopened.verdict is Verdict.NEW_INCIDENT
            assert reopened.incident is not None
            assert reopened.incident.id == "I-3"

    asyncio.run(check())


def test_messages_of_an_incident_carry_growing_sequence_numbers(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(1), at(0))
            await send(store, "I-1", "O-1")
            await answer(store, "O-1", ReceiptKind.ACCEPTED, 3)
            await store.accept(candidate(2), at(70))
            await store.decide(FIRST, lambda s: close(s, Disposition.HANDLED, "Li", "", at(100)))
            rows = sorted(await store.unpublished(100), key=lambda row: row.number)
            told = [row.message.body.split('"sequence":"')[1][:12] for row in rows]
            numbers = [int(text) for text in told]
            assert numbers == sorted(set(numbers))

    asyncio.run(check())


def test_a_unit_with_an_open_order_is_refused_a_second_one_by_the_database_itself(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(by_camera(1, "C-1"), at(0))
            await store.accept(by_camera(2, "C-2"), at(0))
            await send(store, "I-1", "O-1")
            before = await store.open_ledger()
            second = order(number=2, incident_id=IncidentId("I-2"))
            with pytest.raises(StoreError, match="UNIQUE"):
                await store.decide(IncidentId("I-2"), lambda s: Outcome(orders=(second,)))
            assert await store.open_ledger() == before
            # ... and a free one is taken, so that the refusal above is about the unit.
            await store.decide(IncidentId("I-2"), lambda s: Outcome(orders=(replace(second, unit_id=UnitId("U-2")),)))

    asyncio.run(check())


def test_an_order_of_before_it_was_kept_when_one_was_accepted_and_over_is_read(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            await send(store, "I-1", "O-1")
            older = "UPDATE orders SET body = json_remove(body, '$.accepted_at', '$.ended_at')"
            await store.within(lambda connection: connection.execute(text(older)))
            (read,) = (await store.open_ledger()).orders
            assert (read.id, read.accepted_at, read.ended_at) == ("O-1", None, None)

    asyncio.run(check())


def test_a_decision_sees_all_orders_of_its_incident_and_what_every_unit_does(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            await send(store, "I-1", "O-1")
            await store.decide(FIRST, lambda s: doubt(s, 10, 1, at(20)))
            await send(store, "I-1", "O-2")
            looked_at: list[Situation] = []

            def look(found: Situation) -> Outcome:
                looked_at.append(found)
                return Outcome()

            await store.decide(FIRST, look)
            (found,) = looked_at
            assert [(o.id, o.state) for o in found.orders] == [("O-1", OrderState.DOUBTED), ("O-2", OrderState.SENT)]
            states = {duty.unit.id: (duty.state, duty.order_id) for duty in found.duties}
            assert states == {"U-1": (UnitState.ASSIGNED, "O-1"), "U-2": (UnitState.ASSIGNED, "O-2")}

    asyncio.run(check())


def test_an_effect_is_stored_once_and_the_second_time_nothing_is_even_decided(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            once = Effect("dispatch", "/patrol#A-1")
            assert await send(store, "I-1", "O-1", once) is not None
            before, sent = await store.open_ledger(), await outbox(store)

            def never(found: Situation) -> Outcome:
                raise AssertionError("decided again")

            assert await store.decide(FIRST, never, once) is None
            assert await store.open_ledger() == before
            assert await outbox(store) == sent
            assert await store.decide(FIRST, lambda s: Outcome(), Effect("console", "/patrol#A-1")) is not None

    asyncio.run(check())


def test_a_decision_that_raises_stores_nothing_not_even_its_effect(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            before, sent = await store.open_ledger(), await outbox(store)
            once = Effect("dispatch", "k")

            def refuse(found: Situation) -> Outcome:
                raise IllegalTransition("no")

            with pytest.raises(IllegalTransition):
                await store.decide(FIRST, refuse, once)
            with pytest.raises(KeyError):
                await store.decide(IncidentId("I-unknown"), lambda s: Outcome(), once)
            assert await store.open_ledger() == before
            assert await outbox(store) == sent
            assert await send(store, "I-1", "O-1", once) is not None

    asyncio.run(check())


def test_the_outbox_gives_what_waits_in_order_until_it_is_published(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            assert await store.waiting() == (0, None)
            for number in range(3):
                await store.accept(by_camera(number, f"C-{number}"), at(number))
            rows: Sequence[OutboxRow] = await store.unpublished(3)
            assert [row.message.id for row in rows] == ["A-0", "A-1", "A-2"]
            assert [row.waiting_since for row in rows] == [NOON] * 3
            await store.mark_published(placed(rows))
            await store.mark_published({})
            assert [row.message.id for row in await store.unpublished(100)] == ["I-0:2", "I-1:2", "I-2:2"]
            assert await store.waiting() == (3, NOON)
            assert (await store.totals()).alerts_delivered == 3

    asyncio.run(check())


@asynccontextmanager
async def on_real_time(folder: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore(address(folder), UNITS, SystemClock())
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


async def waited_s(store: SqlStore, within_s: float) -> float:
    began = time.monotonic()
    await store.news(within_s)
    return time.monotonic() - began


async def hears_news(store: SqlStore) -> None:
    """Of something, and not by the hour's end. How soon is for ``make bench-queue`` to say."""
    async with asyncio.timeout(30):
        await store.news(3600.0)


async def until_quiet(store: SqlStore) -> None:
    """What came before is told of, and what may hide behind it."""
    for _ in range(2):
        await store.news(0.1)


def test_who_waits_for_messages_is_told_of_those_of_this_process_and_of_those_of_others(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with on_real_time(tmp_path) as store, on_real_time(tmp_path) as other:
            await until_quiet(store)
            assert await waited_s(store, 0.3) >= 0.3  # nothing came
            await store.accept(candidate(), at(0))
            await hears_news(store)
            await store.news(5.0)  # another may hide behind it
            assert await waited_s(store, 0.3) >= 0.3  # and it is told once
            waiting = asyncio.create_task(hears_news(store))
            await asyncio.sleep(0.1)
            await other.accept(by_camera(2, "C-2"), at(0))
            await waiting
            await store.news(5.0)
            assert await waited_s(store, 0.3) >= 0.3

    asyncio.run(check())


def test_a_commit_that_looks_like_the_one_before_it_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        async with on_real_time(tmp_path) as store:
            monkeypatch.setattr(store, "_written", lambda: (7, 7))
            await store.news(0.1)  # one is found
            await hears_news(store)  # and another may hide behind it
            assert await waited_s(store, 0.3) >= 0.3

    asyncio.run(check())


def test_of_messages_that_came_while_nobody_waited_one_is_told_all_the_same(tmp_path: Path) -> None:
    async def check() -> None:
        async with on_real_time(tmp_path) as store, on_real_time(tmp_path) as other:
            await until_quiet(store)
            await other.accept(candidate(), at(0))
            await hears_news(store)
            assert [row.message.id for row in await store.unpublished(10)] == ["A-1", "I-1:2"]

    asyncio.run(check())


def test_what_is_only_read_waits_for_no_other_process_and_holds_none_up(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            with direct(tmp_path) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("UPDATE outbox SET body = 'half written'")
                # Who waited would wait in vain: the other one goes on only after these.
                assert "half written" not in [row.message.body for row in await store.unpublished(10)]
                assert len((await store.open_ledger()).incidents) == 1
                other.execute("COMMIT")
            assert [row.message.body for row in await store.unpublished(10)] == ["half written"] * 2

    asyncio.run(check())


def test_the_first_receipt_for_an_alert_counts_and_an_unknown_alert_changes_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            for alert_id in ("A-1", "A-1", "A-nobody"):
                await store.acknowledge_alert(alert_id, at(1))
            assert (await store.totals()).alerts_acknowledged == 1

    asyncio.run(check())


def test_closed_incidents_are_listed_by_when_they_were_closed(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            for number in (1, 2, 3):
                await store.accept(by_camera(number, f"C-{number}"), at(number))
            for number, closed_at in ((3, 10), (1, 20), (2, 15)):
                await store.decide(
                    IncidentId(f"I-{number}"), lambda s, t=closed_at: close(s, Disposition.UNFOUNDED, "Li", "", at(t))
                )
            closed = (await store.latest_closed(2)).incidents
            assert [found.id for found in closed] == ["I-1", "I-2"]
            behind = await store.latest_closed(2, ClosedPlace.of(closed[-1]))
            assert [found.id for found in behind.incidents] == ["I-3"]
            assert (await store.latest_closed(2, BEFORE_ALL)).incidents == closed
            assert (await store.latest_closed(2, ClosedPlace.of(behind.incidents[-1]))).incidents == ()
            assert (await store.open_ledger()).incidents == ()

    asyncio.run(check())


def test_open_incidents_are_listed_newest_first_with_their_orders_oldest_first(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            for number in (1, 2, 3):
                await store.accept(by_camera(number, f"C-{number}"), at(number))
            await send(store, "I-2", "O-9")
            await store.decide(IncidentId("I-2"), lambda s: doubt(s, 1, 1, at(9)))
            await store.decide(IncidentId("I-2"), lambda s: sent(s, "O-1", at(10)))
            ledger = await store.open_ledger()
            assert [found.id for found in ledger.incidents] == ["I-3", "I-2", "I-1"]
            assert [found.id for found in ledger.orders] == ["O-9", "O-1"]
            assert [found.unit.id for found in ledger.duties] == ["U-1", "U-2"]

    asyncio.run(check())


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            await send(store, "I-1", "O-1", Effect("dispatch", "k"))
            await answer(store, "O-1", ReceiptKind.ON_SCENE, 30, Place(35.5, 112.9))
            await store.mark_published(placed(await store.unpublished(1)))
            before = (await store.open_ledger(), await store.unpublished(100), await store.totals())
        async with opened(tmp_path) as store:
            assert (await store.open_ledger(), await store.unpublished(100), await store.totals()) == before
            assert await send(store, "I-1", "O-2", Effect("dispatch", "k")) is None
            assert (await store.accept(candidate(7), at(59))).verdict is Verdict.COOLING_DOWN

    asyncio.run(check())


def test_the_configuration_says_who_the_units_are_and_the_store_what_they_do(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            await send(store, "I-1", "O-1")
        renamed = replace(UNITS[0], name="新名")
        async with opened(tmp_path, (renamed, unit("U-3"))) as store:
            duties = (await store.open_ledger()).duties
            assert [(d.unit.id, d.unit.name, d.state) for d in duties] == [
                ("U-1", "新名", UnitState.ASSIGNED),
                ("U-3", "联勤1组", UnitState.AVAILABLE),
            ]

    asyncio.run(check())


def test_connections_write_ahead_and_sync_every_commit(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            full = 2
            for name, expected in (("journal_mode", "wal"), ("synchronous", full), ("foreign_keys", 1)):
                assert await pragma(store, name) == expected

    asyncio.run(check())


def test_a_reader_never_blocks_while_another_process_writes(tmp_path: Path) -> None:
    """WAL: somebody who looks at the database with a tool holds nothing up."""

    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            with direct(tmp_path) as other:
                other.execute("BEGIN")
                assert other.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
                async with asyncio.timeout(30):
                    assert (await store.accept(by_camera(2, "C-2"), at(1))).verdict is Verdict.NEW_INCIDENT
                assert other.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
                other.execute("COMMIT")

    asyncio.run(check())


def test_while_another_process_writes_what_was_there_before_can_be_read_at_once(tmp_path: Path) -> None:
    """The room and the follow-up look at everything several times a second: no alert waits for that."""

    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            with direct(tmp_path) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("DELETE FROM incidents")
                async with asyncio.timeout(30):
                    assert len((await store.open_ledger()).incidents) == 1
                    assert (await store.latest_closed(10)).incidents == ()
                    assert len(await store.unpublished(10)) == 2
                    assert (await store.waiting())[0] == 2
                    assert await store.unsettled_by_stream() == {}
                other.execute("COMMIT")
            assert (await store.open_ledger()).incidents == ()

    asyncio.run(check())


def test_a_folder_that_does_not_exist_and_a_file_that_is_no_database_are_store_errors(tmp_path: Path) -> None:
    async def check() -> None:
        with pytest.raises(StoreError, match="unable to open database file"):
            async with opened(tmp_path / "missing"):
                pass
        (tmp_path / "patrol.db").write_bytes(b"no database at all, but long enough to be looked at" * 40)
        with pytest.raises(StoreError, match="not a database"):
            async with opened(tmp_path):
                pass

    asyncio.run(check())


def test_a_full_disk_is_a_store_error_that_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            before = await store.open_ledger()
            # What SQLite says of a full disk it says of a full page budget, too.
            await pragma(store, "max_page_count=1")
            with pytest.raises(StoreError, match="database or disk is full"):
                await accept_many(store)
            kept = await store.open_ledger()
            await pragma(store, "max_page_count=1000000")
            assert kept.incidents[-1:] == before.incidents
            assert (await store.totals()).alerts_accepted == len(kept.incidents)
            assert (await store.accept(by_camera(999, "C-999"), at(2))).verdict is Verdict.NEW_INCIDENT

    asyncio.run(check())


def test_a_row_that_cannot_be_read_is_a_store_error_that_names_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            with direct(tmp_path) as other:
                other.execute("update incidents set body = '{}'")
            with pytest.raises(StoreError, match="stored Incident cannot be read"):
                await store.open_ledger()

    asyncio.run(check())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://patrol:canary-41@db/patrol",
        "postgresql+psycopg://patrol:canary-41@db/patrol",
        "sqlite+aiosqlite:///x.db",
        "patrol:canary-41",
        "mysql://patrol:canary-41@db:port/x",
        "",
    ],
)
def test_another_database_is_a_configuration_error_that_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL: .*expected sqlite:///path/to/patrol\.db") as caught:
        SqlStore(url, UNITS, FakeClock())
    assert "canary-41" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
    ],
)
def test_a_database_in_memory_is_refused_because_nothing_in_it_would_last(url: str) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL: a path is expected.*sqlite:///path/to/patrol\.db"):
        SqlStore(url, UNITS, FakeClock())


def test_a_database_that_another_process_holds_is_given_up_on_soon_and_used_again_later(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.isolation_level = None
                other.execute("BEGIN IMMEDIATE")
                began = time.monotonic()
                with pytest.raises(StoreError, match="database is locked"):
                    await store.accept(candidate(), at(0))
                assert time.monotonic() - began > 1.0  # not at the first refusal
                other.execute("ROLLBACK")
            assert (await store.accept(candidate(), at(1))).verdict is Verdict.NEW_INCIDENT

    asyncio.run(check())


def test_the_room_is_seen_as_it_is_while_another_process_holds_the_database(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            with direct(tmp_path) as other:
                other.isolation_level = None
                other.execute("BEGIN IMMEDIATE")
                accepting = asyncio.create_task(store.accept(candidate(), at(60)))
                await asyncio.sleep(0)
                assert (await store.totals()).alerts_accepted == 1
                assert not accepting.done()  # it was not behind it
                other.execute("ROLLBACK")
            await accepting

    asyncio.run(check())


def test_a_cancelled_caller_leaves_a_whole_transaction_behind(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            caller = asyncio.create_task(store.accept(candidate(), at(0)))
            await asyncio.sleep(0)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
        async with opened(tmp_path) as store:  # closed and opened again: what waited has been finished
            assert (await store.totals()).alerts_accepted == 1
            assert len(await outbox(store)) == 2

    asyncio.run(check())


def test_two_stores_at_once_on_one_database_lose_no_update(tmp_path: Path) -> None:
    """As two processes would: each with connections of its own."""

    async def decide_often(store: SqlStore) -> None:
        for _ in range(60):
            await store.decide(FIRST, lambda s: Outcome(replace(s.incident, sequence=s.incident.sequence + 1)))

    async def check() -> None:
        async with opened(tmp_path) as one, opened(tmp_path) as other:
            await one.accept(candidate(), at(0))
            async with asyncio.TaskGroup() as both:
                both.create_task(decide_often(one))
                both.create_task(decide_often(other))
            assert (await one.open_ledger()).incidents[0].sequence == 2 + 2 * 60

    asyncio.run(check())


def test_two_stores_that_open_a_new_database_at_once_both_get_it(tmp_path: Path) -> None:
    async def check() -> None:
        stores = [SqlStore(address(tmp_path), UNITS, FakeClock(NOON)) for _ in range(4)]
        try:
            await asyncio.gather(*(store.open() for store in stores))
            for number, store in enumerate(stores):
                await store.accept(by_camera(number, f"C-{number}"), at(0))
            assert (await stores[0].totals()).alerts_accepted == 4
        finally:
            for store in stores:
                await store.aclose()

    asyncio.run(check())


def test_times_come_back_aware_and_exact(tmp_path: Path) -> None:
    async def check() -> None:
        beijing = timezone(timedelta(hours=8))
        began = datetime(2026, 3, 1, 20, 0, 0, 123456, tzinfo=beijing)
        async with opened(tmp_path) as store:
            await store.accept(candidate(event=seen(began_at=began)), at(0))
            await store.decide(FIRST, lambda s: confirm(s, "Li", began))
            (found,) = (await store.open_ledger()).incidents
            for name, expected in ((ClockName.BEGAN, began), (ClockName.ACCEPTED, at(0)), (ClockName.CONFIRMED, began)):
                assert found.clocks[name].at == expected
                assert found.clocks[name].at.utcoffset() is not None

    asyncio.run(check())


def test_red_alerts_and_orders_are_given_out_first_and_each_stream_keeps_its_order(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            levels = [Level.GREEN, Level.RED, Level.YELLOW, Level.RED]
            for number, level in enumerate(levels, start=1):
                made = candidate(number, level=level, event=seen(camera_id=CameraId(f"C-{number}")))
                await store.accept(made, at(number))
            await send(store, "I-2", "O-1")
            found = await outbox(store)
            assert found[:3] == [("patrol:alert:red", "A-2"), ("patrol:alert:red", "A-4"), ("patrol:order:core", "O-1")]
            assert sorted(found) == sorted({*found})
            assert found[3:] == [
                ("patrol:alert:green", "A-1"),
                ("patrol:incident", "I-1:2"),
                ("patrol:incident", "I-2:2"),
                ("patrol:alert:yellow", "A-3"),
                ("patrol:incident", "I-3:2"),
                ("patrol:incident", "I-4:2"),
                ("patrol:incident", "I-2:3"),
            ]
            assert [row.message.id for row in await store.unpublished(4)] == ["A-2", "A-4", "O-1", "A-1"]
            assert [row.message.id for row in await store.unpublished(1)] == ["A-2"]

    asyncio.run(check())


# Everything a value may hold is drawn, so that no field is forgotten on the way into the database and back.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
moments = st.timedeltas(timedelta(0), timedelta(days=36_500)).map(lambda since: NOON + since)
places = st.builds(Place, numbers, numbers)
stamps = st.builds(Stamp, moments, texts)
troubled = st.builds(
    TroubledCamera, texts, st.sampled_from(Trouble), texts, moments, st.none() | moments, st.booleans()
)
repairs = st.builds(
    Maintenance,
    st.sampled_from(Cause),
    texts,
    st.none() | st.sampled_from(Trouble),
    st.lists(troubled, max_size=3).map(tuple),
)
witnesses = st.builds(
    Witness,
    place=places,
    site=texts,
    target_s=st.none() | numbers,
    kind=st.sampled_from(Kind),
    level=st.sampled_from(Level),
    words_zh=texts,
    evidence_id=st.none() | texts,
    clip_id=st.none() | texts,
    alert_ids=st.lists(texts, min_size=1, max_size=3).map(tuple),
    began_at=moments,
    detected_at=moments,
    accepted_at=moments,
    last_at=moments,
    distance_m=numbers,
    why_zh=texts,
    operator=st.none() | texts,
)
levels = st.sampled_from(Level)
reason_codes = st.none() | st.sampled_from(FalseAlarmReason)
originals = st.none() | texts
closings = st.builds(ClosingRequest, st.sampled_from(Disposition), reason_codes, texts, texts, moments, originals)
stage_times = st.builds(
    StageTimes, st.sampled_from(LoopStage), moments, st.dictionaries(st.sampled_from(LoopStage), numbers)
)
level_changes = st.builds(LevelChange, moments, texts, levels, levels, texts)
earlier_lives = st.builds(
    EarlierLife,
    life=st.integers(1, 9),
    disposition=st.none() | st.sampled_from(Disposition),
    reason_code=reason_codes,
    reason=st.none() | texts,
    closed_by=st.none() | texts,
    closing=st.none() | closings,
    clocks=st.dictionaries(st.sampled_from(ClockName), stamps),
    reopened_at=moments,
    reopened_by=texts,
    reopened_why=texts,
    duplicate_of=originals,
)
incidents = st.builds(
    Incident,
    id=st.just(FIRST),
    kind=st.sampled_from(Kind),
    level=st.sampled_from(Level),
    place=places,
    target_s=st.none() | st.floats(1, 86_400),
    maintenance=st.none() | repairs,
    camera_name=texts,
    words_zh=texts,
    evidence_id=st.none() | texts,
    clip_id=st.none() | texts,
    simulated=st.booleans(),
    alert_ids=st.lists(texts, max_size=3).map(tuple),
    state=st.sampled_from([state for state in IncidentState if state is not IncidentState.CLOSED]),
    sequence=st.integers(0, 10**9),
    clocks=st.dictionaries(st.sampled_from(ClockName), stamps).map(
        lambda clocks: {**clocks, ClockName.ACCEPTED: Stamp(NOON, "store")}
    ),
    overdue=st.booleans(),
    disposition=st.none() | st.sampled_from(Disposition),
    closed_by=st.none() | texts,
    reason=st.none() | texts,
    witnesses=st.lists(witnesses, max_size=3).map(tuple),
    urged_at=st.none() | moments,
    merged_into=st.none() | texts,
    split_from=st.none() | texts,
    split_by=st.none() | texts,
    life=st.integers(1, 9),
    reopened_at=st.none() | moments,
    history=st.lists(earlier_lives, max_size=2).map(tuple),
    level_why_zh=texts,
    level_by=st.none() | texts,
    level_changes=st.lists(level_changes, max_size=2).map(tuple),
    held_until=st.none() | moments,
    reason_code=reason_codes,
    closing=st.none() | closings,
    highest_level=levels,
    duplicate_of=originals,
    stages=stage_times,
)
weighed = st.builds(WeighedUnit, texts, st.none() | numbers, st.none() | texts)
orders = st.builds(
    Order,
    id=st.just(OrderId("O-1")),
    incident_id=st.just(FIRST),
    destination=places,
    state=st.sampled_from(OrderState),
    sent_at=moments,
    eta_s=numbers,
    target_feasible=st.booleans(),
    why_zh=texts,
    candidates=st.lists(weighed, max_size=3).map(tuple),
)
duties = st.builds(
    Duty,
    unit=st.just(UNITS[0]),
    state=st.sampled_from(UnitState),
    place=st.none() | places,
    fix_at=st.none() | moments,
    order_id=st.none() | texts,
)


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(incidents, orders, duties)
def test_whatever_is_stored_comes_back_as_it_was(tmp_path: Path, stored: Incident, sent: Order, on_duty: Duty) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            await store.decide(FIRST, lambda s: Outcome(incident=stored, orders=(sent,), duties=(on_duty,)))
            ledger = await store.open_ledger()
            assert ledger.incidents == (stored,)
            assert ledger.orders == (sent,)
            assert ledger.duties[0] == on_duty

    asyncio.run(check())


def test_an_alert_comes_back_whole_when_it_is_accepted_again(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            alert = (await store.accept(candidate(), at(0))).alert
            assert isinstance(alert, Alert)
        async with opened(tmp_path) as store:
            assert (await store.accept(candidate(), at(9))).alert == alert
        assert alert.id == AlertId("A-1")

    asyncio.run(check())


# As version 0.1 made it, with one incident in it.
OLDER_TABLE = """
CREATE TABLE incidents (
    id VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, is_open INTEGER NOT NULL,
    accepted_at VARCHAR NOT NULL, closed_at VARCHAR, body TEXT NOT NULL, PRIMARY KEY (id)
)
"""
OLDER_BODY = """
{"id":"I-1","kind":"crowd","level":"red","ring":"core","camera_id":"C-1","camera_name":"会堂东",
"camera_name_en":"Hall east","place":{"latitude":35.4908,"longitude":112.8518},"target_s":60.0,
"fingerprint":"C-1/crowd/crowd/ground","words_zh":"广场内 3 人","words_en":"3 in square",
"evidence_id":"V-20260101-120000-000000000001","simulated":false,"alert_ids":["A-1"],"state":"new","sequence":2,
"clocks":{"t0":{"at":"2026-01-01T11:59:56Z","source":"rule"},"t3":{"at":"2026-01-01T12:00:00Z","source":"store"}},
"overdue":false,"disposition":null,"closed_by":null,"reason":null}
"""
INSERT_OLDER = (
    "INSERT INTO incidents (id, fingerprint, is_open, accepted_at, closed_at, body) VALUES (?, ?, 1, ?, NULL, ?)"
)


def an_older_database(folder: Path) -> None:
    with direct(folder) as other:
        other.execute(OLDER_TABLE)
        row = ("I-1", "C-1/crowd/crowd/ground", "2026-01-01T12:00:00.000000+00:00", OLDER_BODY)
        other.execute(INSERT_OLDER, row)


def test_a_database_of_an_older_version_is_opened_with_all_that_is_in_it(tmp_path: Path) -> None:
    async def check() -> None:
        an_older_database(tmp_path)
        for _ in range(2):  # the second time there is nothing left to add
            async with opened(tmp_path) as store:
                (found,) = (await store.open_ledger()).incidents
                assert (found.id, found.target_s, found.maintenance) == ("I-1", 60.0, None)
                assert await store.open_maintenance() == frozenset()
                assert found.due_at == at(60)
        async with opened(tmp_path) as store:
            await store.begin(told(Outcome(incident=maintenance_incident(2)), at(0)))
            assert await store.open_maintenance() == {"I-2"}
            assert (await store.accept(candidate(3), at(70))).verdict is Verdict.JOINED

    asyncio.run(check())


def test_a_program_of_an_older_version_can_still_write_into_a_newer_database(tmp_path: Path) -> None:
    """In the middle of an upgrade: what it does not know of has a default."""

    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.execute(INSERT_OLDER, ("I-1", "x", "2026-01-01T12:00:00.000000+00:00", OLDER_BODY))
            assert [found.id for found in (await store.open_ledger()).incidents] == ["I-1"]
            assert await store.open_maintenance() == frozenset()

    asyncio.run(check())


def test_what_is_asked_all_the_time_reads_no_whole_table_however_much_is_stored(tmp_path: Path) -> None:
    """Each is asked some times a second, in a transaction that others wait for."""

    async def check() -> None:
        async with opened(tmp_path) as store:
            asked: list[tuple[str, object]] = []

            def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
                asked.append((statement, parameters))

            event.listen(store._door._engine, "before_cursor_execute", note)
            await store.latest_closed(40)
            await store.unsettled_by_stream()
            await store.waiting()
            await store.open_ledger()
            event.remove(store._door._engine, "before_cursor_execute", note)
            queries = [one for one in asked if one[0].startswith("SELECT")]
            assert len(queries) >= 7
            with direct(tmp_path) as other:
                for statement, parameters in queries:
                    plan = [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                    whole = [step for step in plan if step.startswith("SCAN") and not _by_part(step)]
                    assert whole == [], statement
                    if "incidents.is_open = ?" in statement and parameters[:1] == (0,):
                        assert not [step for step in plan if "TEMP B-TREE" in step], plan

    asyncio.run(check())


def _by_part(step: str) -> bool:
    """Of a table that stays small, or by an index that holds only the few rows that matter."""
    small = ("SCAN duties", "SCAN CONSTANT", "SCAN (subquery")
    return step.startswith(small) or any(name in step for name in ("outbox_unsettled", "outbox_waiting", "latest_clos"))


def test_a_database_whose_layout_is_newer_is_left_alone_also_while_it_is_open(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            with direct(tmp_path) as other:
                assert other.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
                other.execute(f"PRAGMA user_version = {LAYOUT + 1}")
            with pytest.raises(StoreError, match="newer version of Patrol") as refused:
                await store.accept(by_camera(2, "C-2"), at(1))
            assert refused.value.failure is StoreFailure.TOO_NEW
            with direct(tmp_path) as other:
                assert other.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
        with pytest.raises(StoreError, match="newer version of Patrol"):
            async with opened(tmp_path):
                pass
        with direct(tmp_path) as other:  # somebody put the older one back on purpose
            assert other.execute("PRAGMA user_version").fetchone() == (LAYOUT + 1,)
            other.execute(f"PRAGMA user_version = {LAYOUT}")
        async with opened(tmp_path) as store:
            assert (await store.accept(by_camera(2, "C-2"), at(1))).verdict is Verdict.NEW_INCIDENT

    asyncio.run(check())


def test_a_full_database_says_so_and_takes_alerts_again_once_there_is_room(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            pages = await pragma(store, "page_count")
            await pragma(store, f"max_page_count={pages}")
            with pytest.raises(StoreError, match="full") as refused:
                await accept_many(store)
            assert refused.value.failure is StoreFailure.DISK_FULL
            accepted = (await store.totals()).alerts_accepted
            assert await pragma(store, "integrity_check") == "ok"
            await pragma(store, f"max_page_count={2**30}")
            await accept_many(store)
            assert accepted < (await store.totals()).alerts_accepted == 399

    asyncio.run(check())


def test_a_database_that_another_process_holds_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patrol.adapters.sql_opening.BUSY_S", 0.05)

    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.execute("begin exclusive")
                with pytest.raises(StoreError, match="locked") as refused:
                    await store.accept(candidate(), at(0))
                assert refused.value.failure is StoreFailure.BUSY

    asyncio.run(check())


def test_who_waits_for_another_process_looks_often_and_comes_to_it_between_two_of_its_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.execute("BEGIN IMMEDIATE")

                def rest(seconds: float) -> None:
                    looks.append(seconds)
                    if len(looks) == 200:
                        other.execute("COMMIT")

                monkeypatch.setattr("patrol.adapters.sql_opening.time.sleep", rest)
                await store.accept(candidate(), at(0))
        assert looks == [LOOK_AGAIN_S] * 200

    asyncio.run(check())


def test_a_database_that_another_process_recovers_after_a_kill_is_waited_for_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("patrol.adapters.sql_opening.time.sleep", lambda _: None)
    busy, done = sqlite3.OperationalError("database is locked"), list[str]()
    busy.sqlite_errorname, answers = "SQLITE_BUSY_RECOVERY", iter([busy, busy, None])

    class Cursor:
        def execute(self, statement: str) -> None:
            if statement == "BEGIN IMMEDIATE" and (error := next(answers)) is not None:
                raise error
            done.append(statement)

    _in_turn(Cursor(), "BEGIN IMMEDIATE")
    assert done[1] == "BEGIN IMMEDIATE"


def test_alerts_that_waited_together_are_told_apart_by_when_they_happened(tmp_path: Path) -> None:
    """Half an hour without a store, a minute's cool-down: what happened half an hour apart is two alerts."""

    async def check() -> None:
        async with opened(tmp_path) as store:
            for number, happened_at in ((1, 0), (2, 20), (3, 1800)):
                waited = candidate(number, detected_at=at(happened_at))
                acceptance = await store.accept(waited, at(3600 + number))
                expected = {1: Verdict.NEW_INCIDENT, 2: Verdict.COOLING_DOWN, 3: Verdict.JOINED}[number]
                assert acceptance.verdict is expected

    asyncio.run(check())


async def _board_ids(store: SqlStore, asking: str) -> set[str]:
    """Which incidents are on the board for one that asks."""
    found: set[str] = set()

    def decision(there: Board) -> Sequence[Outcome]:
        found.update(each.incident.id for each in there.situations)
        return ()

    await store.decide_board(IncidentId(asking), decision)
    return found


def _waiting_at(number: int, **changes: object) -> Candidate:
    where = camera(f"C-{number}", **changes)
    return candidate(number, camera=where, event=seen(camera_id=where.id), ring=ring(where.ring))


def test_of_each_line_that_waits_some_are_on_the_board_also_those_that_an_older_program_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 2)

    async def story() -> None:
        async with opened(tmp_path, [unit("U-1")]) as store:
            for number in range(1, 6):
                await store.accept(_waiting_at(number), at(number))
            await store.accept(_waiting_at(6, ring=RingName.PERIPHERY), at(6))
            await store.accept(_waiting_at(7, simulated=True), at(7))
            await store.accept(_waiting_at(8, ring=RingName.FAR), at(8))
            assert await _board_ids(store, "I-5") == {"I-1", "I-2", "I-5", "I-6", "I-7", "I-8"}
            with closing(sqlite3.connect(tmp_path / "patrol.db")) as older:
                older.execute("UPDATE incidents SET waits_in = NULL WHERE id IN ('I-3', 'I-4')")
                older.commit()
            assert await _board_ids(store, "I-5") == {f"I-{number}" for number in range(1, 9)}

    asyncio.run(story())


def test_each_line_is_read_in_its_order_and_no_farther_than_is_looked_at(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path):
            with direct(tmp_path) as other:
                for line in (turns.LINES[0], None):
                    values = _WAITING._ordered({"line": line, "most": 50})
                    plan = [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {_WAITING._text}", values)]
                    assert plan == ["SEARCH incidents USING INDEX incidents_waiting_in_line (waits_in=? AND waits>?)"]

    asyncio.run(check())


def test_those_that_wait_for_one_crew_more_stand_in_a_line_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 1)

    async def story() -> None:
        async with opened(tmp_path, [unit("U-1")]) as store:
            for number in range(1, 4):
                await store.accept(_waiting_at(number), at(number))
            two_each = Sending(Crews({Level.RED: 2}))

            def decision(there: Board) -> Sequence[Outcome]:
                return board.send(there, lambda *_: OrderId("O-1"), Ways(), two_each, at(9))

            await store.decide_board(FIRST, decision)
            assert await _board_ids(store, "I-3") == {"I-1", "I-2", "I-3"}

    asyncio.run(story())
