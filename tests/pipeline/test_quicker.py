"""Two operators at once: one of them wins, the other is told who it was, and nothing is undone unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from patrol.domain.errors import IllegalTransition, Objection, Unsendable
from patrol.domain.events import Level
from patrol.domain.incidents import ClockName, Disposition, IncidentId
from patrol.domain.units import UnitId
from tests.builders import NOON
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room

ONE, OTHER, CAR = IncidentId("I-1"), IncidentId("I-2"), UnitId("U-2")
Story = Callable[[DispatchRoom], Awaitable[None]]


def play(folder: Path, story: Story) -> None:
    async def run() -> None:
        async with dispatch_room(folder) as room:
            for number in (1, 2):
                await room.alert(number)
            room.clock.advance(10.0)
            await story(room)

    asyncio.run(run())


async def overtaken_by(action: Awaitable[object]) -> tuple[str, str | None]:
    """Why it was refused, and who was quicker."""
    with pytest.raises(IllegalTransition) as refused:
        await action
    why = getattr(refused.value, "why", None)
    return (why.value if why is not None else "closed_already"), refused.value.by


def test_a_unit_that_another_has_just_sent_is_not_taken_away_by_who_has_not_seen_that(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.desk.order_unit(ONE, CAR, "li", NOON)
        late = overtaken_by(room.desk.order_unit(OTHER, CAR, "wang", NOON + timedelta(seconds=5)))
        assert await late == (Unsendable.OVERTAKEN, "li")
        assert [order.incident_id for order in await room.orders()] == [ONE]
        await room.desk.order_unit(OTHER, CAR, "wang", room.clock.now())  # who has seen it may
        assert [order.incident_id for order in await room.orders() if order.is_open] == [OTHER]

    play(tmp_path, story)


def test_who_does_not_say_what_was_seen_and_who_changes_their_own_mind_is_not_held_up(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.desk.order_unit(ONE, CAR, "li", NOON)
        await room.desk.order_unit(OTHER, CAR, "li", NOON)
        await room.desk.order_unit(ONE, CAR, "wang")
        assert [order.incident_id for order in await room.orders() if order.is_open] == [ONE]

    play(tmp_path, story)


def test_a_level_that_another_has_just_given_is_not_changed_by_who_has_not_seen_that(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.desk.change_level(ONE, Level.BLUE, "li", "calm", NOON)
        late = overtaken_by(room.desk.change_level(ONE, Level.RED, "wang", "a knife", NOON))
        assert await late == (Objection.OVERTAKEN, "li")
        assert (await room.incident(ONE)).level is Level.BLUE
        await room.desk.change_level(ONE, Level.BLUE, "wang", "calm", NOON)  # they agree
        await room.desk.change_level(ONE, Level.RED, "wang", "a knife", room.clock.now())
        assert (await room.incident(ONE)).level_by == "wang"

    play(tmp_path, story)


def test_whatever_is_said_of_what_another_has_closed_names_who_closed_it(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        desk = room.desk
        await desk.order_unit(OTHER, CAR, "li")
        (order,) = await room.orders()
        await desk.take_back(OTHER, order.id, "li")
        assert await overtaken_by(desk.take_back(OTHER, order.id, "wang")) == (Unsendable.NO_SUCH_ORDER, "li")
        await desk.close(ONE, Disposition.HANDLED, "li", "settled")
        assert await overtaken_by(desk.close(ONE, Disposition.HANDLED, "wang", "x")) == ("closed_already", "li")
        assert await overtaken_by(desk.change_level(ONE, Level.RED, "wang", "x")) == (Objection.CLOSED, "li")
        assert await overtaken_by(desk.withdraw_closing(ONE, "wang")) == (Objection.CLOSED, "li")
        assert await overtaken_by(desk.order_unit(ONE, CAR, "wang")) == (Unsendable.NOT_WANTED, "li")
        for both in ((ONE, OTHER), (OTHER, ONE)):
            assert (await overtaken_by(desk.merge(*both, "wang")))[1] == "li"
        await desk.reopen(ONE, "li", "it goes on")
        assert await overtaken_by(desk.reopen(ONE, "wang", "x")) == (Objection.OPEN, "li")
        await desk.merge(ONE, OTHER, "li")
        merged = OTHER if (await room.incident(ONE)).is_open else ONE
        assert await overtaken_by(desk.reopen(merged, "wang", "x")) == (Objection.MERGED, "li")

    play(tmp_path, story)


def test_what_both_say_is_no_conflict(tmp_path: Path) -> None:
    async def story(room: DispatchRoom) -> None:
        await room.desk.confirm(ONE, "li")
        await room.desk.confirm(ONE, "wang")
        await room.desk.note(ONE, "li", "one")
        await room.desk.note(ONE, "wang", "two")
        incident = await room.incident(ONE)
        assert incident.clocks[ClockName.CONFIRMED].source == "li"
        assert [note.operator for note in incident.notes] == ["li", "wang"]

    play(tmp_path, story)
