"""The record of an incident as the store keeps it: orders with their receipts, and deeds, by an index."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from patrol.adapters.sql_deeds import SqlDeeds
from patrol.adapters.sql_record import SqlRecords
from patrol.domain.deeds import Action
from patrol.domain.events import Level
from patrol.domain.incident_record import MOST_ENTRIES, Happening, IncidentRecord
from patrol.domain.incidents import AlertId, Disposition, IncidentId
from patrol.domain.messages import read_message, receipt_message
from patrol.domain.orders import Order, Receipt, ReceiptKind
from patrol.domain.units import UnitId
from tests.builders import at, unit
from tests.domain.test_closeness import seen_by
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room

UNITS = tuple(unit(f"U-{number}") for number in range(1, 4))
FIRST = IncidentId("I-1")
Story = Callable[[DispatchRoom], Awaitable[None]]


def play(folder: Path, story: Story) -> None:
    async def run() -> None:
        async with dispatch_room(folder, UNITS) as room:
            await story(room)

    asyncio.run(run())


async def answer(room: DispatchRoom, order: Order, kind: ReceiptKind, seconds: float, why: str | None = None) -> None:
    """The unit's terminal says so, ``seconds`` later."""
    room.clock.advance(seconds)
    receipt = Receipt(order.id, 1, "units", order.unit_id, kind, room.clock.now(), reason_code=why)
    receipt = replace(receipt, sequence=int(room.clock.monotonic()) + 1)
    await room.dispatching.handle(read_message(receipt_message(receipt, order.incident_id).body))


async def newest(room: DispatchRoom) -> Order:
    return max(await room.orders(), key=lambda order: order.sent_at)


def lines(record: IncidentRecord) -> list[tuple[float, Happening, str | None, str | None]]:
    """After how many seconds, what, which unit, and who."""
    return [((entry.at - at(0)).total_seconds(), entry.what, entry.unit_id, entry.who) for entry in record.entries]


def test_who_was_sent_declined_came_and_was_taken_back_and_what_people_did_is_told_in_times_order(
    tmp_path: Path,
) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.alert(1)
        await room.deciding.assign(FIRST)
        first = await newest(room)
        await answer(room, first, ReceiptKind.RECEIVED, 4)
        await answer(room, first, ReceiptKind.REJECTED, 4, "busy")
        room.clock.advance(1)
        await room.deciding.assign(FIRST)
        second = await newest(room)
        await answer(room, second, ReceiptKind.ACCEPTED, 3)
        await answer(room, second, ReceiptKind.EN_ROUTE, 3)
        await room.desk.confirm(FIRST, "Li")
        room.clock.advance(5)
        await room.desk.change_level(FIRST, Level.YELLOW, "Wang", "fewer than it looked")
        room.clock.advance(1)
        await room.desk.order_unit(FIRST, UnitId("U-3"), "Wang")
        third = await newest(room)
        room.clock.advance(2)
        await room.desk.take_back(FIRST, third.id, "Zhao")
        await answer(room, second, ReceiptKind.ON_SCENE, 7)
        await answer(room, second, ReceiptKind.DONE, 70)
        await room.desk.close(FIRST, Disposition.HANDLED, "Li", "went home")
        record = await SqlRecords(room.store).record(FIRST)
        one, two, three = first.unit_id, second.unit_id, UnitId("U-3")
        assert lines(record) == [
            (0, Happening.ORDERED, one, None),
            (4, Happening.RECEIVED, one, None),
            (8, Happening.DECLINED, one, None),
            (9, Happening.ORDERED, two, None),
            (12, Happening.ACCEPTED, two, None),
            (15, Happening.CONFIRMED, None, "Li"),
            (15, Happening.EN_ROUTE, two, None),
            (20, Happening.LEVEL_CHANGED, None, "Wang"),
            (21, Happening.ORDERED, three, "Wang"),
            (23, Happening.RECALLED, three, "Zhao"),
            (30, Happening.ON_SCENE, two, None),
            (100, Happening.CLOSED, None, "Li"),
            (100, Happening.DONE, two, None),
        ]
        assert [entry.text for entry in record.entries if entry.text] == ["busy", "fewer than it looked", "went home"]
        assert not record.cut

    play(tmp_path, story)


def test_there_is_none_of_what_is_unknown_and_an_empty_one_of_what_is_new(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.alert(1)
        records = SqlRecords(room.store)
        assert await records.record(FIRST) == IncidentRecord((), False)
        with pytest.raises(KeyError):
            await records.record(IncidentId("I-99"))

    play(tmp_path, story)


def test_what_became_part_of_it_is_told_with_it_and_nothing_of_others(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        for number in range(1, 5):
            await room.alert(number)
            room.clock.advance(1)
        for number in range(1, 5):
            await room.desk.note(IncidentId(f"I-{number}"), "Li", f"of {number}")
        await room.desk.merge(IncidentId("I-3"), IncidentId("I-2"), "Wang")  # and I-3 comes along
        await room.desk.merge(IncidentId("I-2"), FIRST, "Wang")
        record = await SqlRecords(room.store).record(FIRST)
        assert [entry.incident_id for entry in record.entries if entry.what is Happening.NOTED] == ["I-1", "I-2", "I-3"]
        merges = [(one.incident_id, one.other_id) for one in record.entries if one.what is Happening.MERGED]
        assert merges == [("I-2", "I-3"), ("I-1", "I-2")]
        gone = await SqlRecords(room.store).record(IncidentId("I-3"))
        assert [(entry.what, entry.incident_id) for entry in gone.entries] == [
            (Happening.NOTED, "I-3"),
            (Happening.MERGED, "I-2"),
        ]

    play(tmp_path, story)


def test_what_was_split_off_says_by_whom_and_nothing_else_of_where_it_was(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        for made in (seen_by(1), seen_by(2, 300.0)):
            await room.store.accept(made, room.clock.now())
        await room.desk.merge(FIRST, IncidentId("I-2"), "Wang")
        await room.desk.note(FIRST, "Li", "two of them")
        new = await room.desk.split(FIRST, AlertId("A-2"), "Zhao")
        record = await SqlRecords(room.store).record(new)
        people = [(entry.what, entry.who, entry.other_id) for entry in record.entries if entry.unit_id is None]
        assert people == [(Happening.SPLIT, "Zhao", new)]

    play(tmp_path, story)


def test_the_newest_are_read_and_it_is_said_that_there_are_more(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.alert(1)
        deeds = SqlDeeds(room.store, room.clock)
        for number in range(MOST_ENTRIES):
            await deeds.note("Li", Action.NOTE, FIRST, str(number))
            room.clock.advance(1)
        assert not (await SqlRecords(room.store).record(FIRST)).cut
        await deeds.note("Li", Action.NOTE, FIRST, "last")
        record = await SqlRecords(room.store).record(FIRST)
        assert (len(record.entries), record.cut) == (MOST_ENTRIES, True)
        assert [record.entries[0].text, record.entries[-1].text] == ["1", "last"]

    play(tmp_path, story)


def test_it_is_found_without_reading_a_whole_table_also_in_a_database_of_an_older_version(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.alert(1)
        await room.alert(2)
        await room.desk.merge(FIRST, IncidentId("I-2"), "Wang")
        new = await room.desk.split(FIRST, AlertId("A-2"), "Zhao")
        asked: list[tuple[str, Any]] = []

        def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            asked.append((statement, parameters))

        event.listen(room.store._door._engine, "before_cursor_execute", note)
        await SqlRecords(room.store).record(FIRST)
        await SqlRecords(room.store).record(new)
        event.remove(room.store._door._engine, "before_cursor_execute", note)
        queries = [one for one in asked if one[0].startswith("SELECT")]
        assert len(queries) >= 6
        with closing(sqlite3.connect(tmp_path / "patrol.db")) as other:
            plans = [
                " ".join(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
                for statement, parameters in queries
            ]
        assert [plan for plan in plans if "SCAN" in plan] == []
        assert any("incidents_merged" in plan for plan in plans)
        assert any("deeds_of_subject" in plan for plan in plans)

    play(tmp_path, story)
    with closing(sqlite3.connect(tmp_path / "patrol.db", isolation_level=None)) as older:
        for index in ("incidents_merged", "deeds_of_subject"):
            older.execute(f"drop index {index}")

    async def reopened() -> None:
        async with dispatch_room(tmp_path, UNITS):
            with closing(sqlite3.connect(tmp_path / "patrol.db")) as other:
                there = {name for (name,) in other.execute("select name from sqlite_master where type = 'index'")}
            assert {"incidents_merged", "deeds_of_subject"} <= there

    asyncio.run(reopened())
