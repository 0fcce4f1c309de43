"""Where incidents were, on the real store: what counts, how it is put together, how often it is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock
from patrol.adapters.sql_heat import SqlHeat
from patrol.domain.camera import CameraId
from patrol.domain.events import Level
from patrol.domain.heat import Heat, HeatCell, Span
from patrol.domain.incidents import Disposition
from patrol.pipeline.heating import STAYS_TRUE_S, Heating
from tests.builders import NOON, SQUARE, camera, candidate, event, north
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room

FAR_M = 400.0


async def happened(
    room: DispatchRoom, number: int, metres: float = 0.0, level: Level = Level.RED, *, simulated: bool = False
) -> None:
    """An incident of its own, so many metres north of the square."""
    seen = event(camera_id=CameraId(f"C-{number}"))
    where = camera(f"C-{number}", place=north(metres), simulated=simulated)
    told = candidate(number, event=seen, camera=where, level=level)
    accepted = await room.store.accept(told, room.clock.now())
    assert accepted.incident is not None


def heating(room: DispatchRoom, *, simulated: bool = False) -> Heating:
    return Heating(SqlHeat(room.store, SQUARE, simulated=simulated), room.clock)


def counts(heat: Heat) -> list[int]:
    return [cell.incidents for cell in heat.cells]


def test_what_lies_close_together_is_one_and_the_fullest_come_first(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await happened(room, 1, FAR_M)
            for number in (2, 3, 4):
                await happened(room, number, number)
            heat = await heating(room).heat(Span.SHIFT, None)
            assert counts(heat) == [3, 1]
            assert heat.incidents == 4
            assert heat.cells[0].place.distance_m(north(3)) < 0.1
            assert heat.at - heat.since == Span.SHIFT.length

    asyncio.run(check())


def test_it_looks_back_as_far_as_it_is_asked_to(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await happened(room, 1)
            room.clock.advance(9 * 3600)
            of_it = heating(room)
            assert counts(await of_it.heat(Span.SHIFT, None)) == []
            assert counts(await of_it.heat(Span.DAY, None)) == [1]

    asyncio.run(check())


def test_less_urgent_levels_can_be_left_out(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            for number, level in enumerate(Level, start=1):
                await happened(room, number, level=level)
            of_it = heating(room)
            found = [counts(await of_it.heat(Span.SHIFT, least)) for least in (None, Level.YELLOW, Level.RED)]
            assert found == [[4], [2], [1]]

    asyncio.run(check())


def test_false_alarms_and_what_is_simulated_among_real_ones_do_not_count(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await happened(room, 1)
            await happened(room, 2)
            await happened(room, 3, simulated=True)
            incident = await room.incident("I-2")
            await room.desk.close(incident.id, Disposition.FALSE_ALARM, "Li", "a shadow")
            assert counts(await heating(room).heat(Span.SHIFT, None)) == [1]
            assert counts(await heating(room, simulated=True).heat(Span.SHIFT, None)) == [2]

    asyncio.run(check())


class Counted:
    """A HeatSource that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, Level | None]] = []

    async def cells(self, since: datetime, least: Level | None) -> Sequence[HeatCell]:
        self.asked.append((since, least))
        return [HeatCell(SQUARE, 2)]


def test_however_many_look_it_is_counted_once_in_a_while() -> None:
    async def check() -> None:
        clock, source = FakeClock(NOON), Counted()
        of_it = Heating(source, clock)
        many = await asyncio.gather(*(of_it.heat(Span.SHIFT, None) for _ in range(20)))
        assert len({heat.at for heat in many}) == 1
        await of_it.heat(Span.SHIFT, Level.RED)
        assert len(source.asked) == 2
        clock.advance(STAYS_TRUE_S + 1)
        await of_it.heat(Span.SHIFT, None)
        assert len(source.asked) == 3

    asyncio.run(check())


@pytest.mark.parametrize("span", Span)
def test_a_span_is_as_long_as_it_says(span: Span) -> None:
    assert span.length.total_seconds() == span.value * 3600
