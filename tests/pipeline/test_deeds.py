"""Whatever somebody does leaves a row with whose it was, in the transaction of what it changes; nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from patrol.adapters import sql_rows
from patrol.adapters.memory import MemoryTourRequests
from patrol.adapters.sql_deeds import SqlDeeds
from patrol.domain.camera import CameraId
from patrol.domain.deeds import ASKED, Action, Deed
from patrol.domain.errors import IllegalTransition, NotToBeSent, QueueError, StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import Disposition, FalseAlarmReason, IncidentId
from patrol.domain.pins import Pin
from patrol.domain.requests import ViewAcceptance
from patrol.domain.skips import Skip
from patrol.domain.units import UnitId
from patrol.pipeline.closing import Desk
from tests.builders import NOON, candidate
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room

Story = Callable[[DispatchRoom, SqlDeeds, IncidentId], Awaitable[None]]


def play(folder: Path, story: Story, second_person: frozenset[Level] = frozenset()) -> None:
    async def run() -> None:
        async with dispatch_room(folder, second_person=second_person) as room:
            accepted = await room.store.accept(candidate(1), NOON)
            assert accepted.incident is not None
            await story(room, SqlDeeds(room.store, room.clock), accepted.incident.id)

    asyncio.run(run())


async def told(deeds: SqlDeeds) -> list[tuple[str, Action, str, str]]:
    """The oldest first."""
    found = [deed for _, deed in await deeds.latest(100)]
    return [(deed.who, deed.action, deed.subject, deed.detail) for deed in reversed(found)]


def test_each_action_leaves_a_row_with_who_what_and_why(tmp_path: Path) -> None:
    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        await room.desk.confirm(incident, "li")
        await room.desk.change_level(incident, Level.YELLOW, "li", "smaller than it looked")
        await room.desk.note(incident, "wang", "the shop has called")
        await room.desk.order_unit(incident, UnitId("U-2"), "wang")
        (order,) = (await room.store.open_ledger()).orders
        await room.desk.take_back(incident, order.id, "wang")
        await room.desk.close(incident, Disposition.FALSE_ALARM, "li", "", FalseAlarmReason.POSTER)
        await room.desk.reopen(incident, "zhao", "it was one after all")
        assert await told(deeds) == [
            ("li", Action.CONFIRM, incident, ""),
            ("li", Action.CHANGE_LEVEL, incident, "yellow: smaller than it looked"),
            ("wang", Action.NOTE, incident, "the shop has called"),
            ("wang", Action.ORDER_UNIT, incident, "U-2"),
            ("wang", Action.TAKE_BACK, incident, order.id),
            ("li", Action.CLOSE, incident, "false_alarm (poster)"),
            ("zhao", Action.REOPEN, incident, "it was one after all"),
        ]
        assert {deed.at for _, deed in await deeds.latest(100)} == {NOON}

    play(tmp_path, story)


def test_the_deed_of_a_duplicate_says_of_which_incident(tmp_path: Path) -> None:
    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        await room.alert(2)
        await room.desk.close(incident, Disposition.DUPLICATE, "li", "seen twice", duplicate_of=IncidentId("I-2"))
        assert await told(deeds) == [("li", Action.CLOSE, incident, "duplicate I-2 seen twice")]

    play(tmp_path, story)


def test_closing_by_two_people_is_two_deeds(tmp_path: Path) -> None:
    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        assert not await room.desk.close(incident, Disposition.HANDLED, "li", "cleared")
        await room.desk.withdraw_closing(incident, "wang")
        assert not await room.desk.close(incident, Disposition.HANDLED, "li", "cleared now")
        assert await room.desk.close(incident, Disposition.HANDLED, "wang", "cleared now")
        assert [(who, action) for who, action, _, _ in await told(deeds)] == [
            ("li", Action.CLOSE), ("wang", Action.WITHDRAW_CLOSING), ("li", Action.CLOSE), ("wang", Action.CLOSE),
        ]  # fmt: skip

    play(tmp_path, story, frozenset(Level))


def test_what_changes_nothing_and_what_no_person_does_leaves_none(tmp_path: Path) -> None:
    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        await room.deciding.assign(incident)
        await room.desk.displayed(incident, "seat-1")
        await room.desk.confirm(incident, "li")
        await room.desk.confirm(incident, "wang")
        await room.desk.note(incident, "li", "seen")
        await room.desk.note(incident, "li", "seen")
        with pytest.raises(NotToBeSent):
            await room.desk.order_unit(incident, UnitId("U-99"), "wang")
        await room.desk.close(incident, Disposition.HANDLED, "li", "cleared")
        with pytest.raises(IllegalTransition):
            await room.desk.close(incident, Disposition.HANDLED, "wang", "cleared")
        assert [(who, action) for who, action, _, _ in await told(deeds)] == [
            ("li", Action.CONFIRM), ("li", Action.NOTE), ("li", Action.CLOSE),
        ]  # fmt: skip

    play(tmp_path, story)


def test_where_the_row_cannot_be_written_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def run(self, *_: object) -> None:
            raise StoreError("database: disk full")

    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        before = await room.store.open_ledger()
        with monkeypatch.context() as patched:
            patched.setattr(sql_rows, "_ADD_DEED", Full())
            with pytest.raises(StoreError):
                await room.desk.change_level(incident, Level.GREEN, "li", "nothing")
        assert await room.store.open_ledger() == before
        assert await told(deeds) == []

    play(tmp_path, story)


def test_what_the_tour_is_asked_is_noted_before_it_is_asked(tmp_path: Path) -> None:
    class Away(MemoryTourRequests):
        async def ask(self, request: object) -> None:
            raise QueueError("redis does not answer")

    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        desk = Desk(room.deciding, Away(), deeds=deeds)
        with pytest.raises(QueueError):
            await desk.pin(Pin(CameraId("C-1"), 60.0, 1.0, "li"))
        there = Desk(room.deciding, MemoryTourRequests(), deeds=deeds)
        await there.accept_view(ViewAcceptance(CameraId("C-2"), "wang"))
        await there.skip(Skip(CameraId("C-3"), 300.0, "li", "repair"))
        await there.skip(Skip(CameraId("C-3"), 0.0, "wang"))
        assert await told(deeds) == [
            ("li", Action.PIN, "C-1", "60 s"), ("wang", Action.ACCEPT_VIEW, "C-2", ""),
            ("li", Action.SKIP, "C-3", "300 s: repair"), ("wang", Action.SKIP, "C-3", "0 s"),
        ]  # fmt: skip
        assert [deed.led_to for _, deed in reversed(await deeds.latest(9))] == ["", ASKED, ASKED, ASKED]

    play(tmp_path, story)


def test_deeds_are_read_a_page_at_a_time(tmp_path: Path) -> None:
    async def story(room: DispatchRoom, deeds: SqlDeeds, incident: IncidentId) -> None:
        for number in range(5):
            await deeds.note("li", Action.PIN, f"C-{number}")
        newest = await deeds.latest(2)
        assert [deed for _, deed in newest] == [Deed(NOON, "li", Action.PIN, f"C-{n}") for n in (4, 3)]
        assert [deed.subject for _, deed in await deeds.latest(9, before=newest[-1][0])] == ["C-2", "C-1", "C-0"]

    play(tmp_path, story)
