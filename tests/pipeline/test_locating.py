"""Locating: positions are judged, stored together once a second, and acknowledged after that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from patrol.adapters.memory import FakeClock, MemoryQueue, MemorySubscription
from patrol.adapters.sql_duties import SqlDuties
from patrol.domain.deeds import Deed
from patrol.domain.dispatch import Duty
from patrol.domain.errors import StoreError
from patrol.domain.fixes import FixSettings
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import DEAD_STREAM, POSITION_STREAM, position_message
from patrol.domain.units import UnitId, UnitState
from patrol.metrics import Metrics
from patrol.pipeline.locating import (
    BURIED_A_MINUTE,
    GROUP,
    STREAMS,
    Locating,
    RecordedPosition,
    judged,
    send_in_time,
)
from tests.builders import NOON, SQUARE, at, duty, north, unit
from tests.domain.test_fixes import fix
from tests.pipeline.parts import UNITS, counted, fresh_metrics, sql_store, told_by


def position(metres: float, seconds: float = 0, unit_id: str = "U-1", **changes: Any) -> PositionData:
    place = north(metres)
    plain = PositionData(unit_id, PlaceData(round(place.latitude, 7), round(place.longitude, 7)), at(seconds))
    return replace(plain, **changes)


class MemoryDuties:
    """DutyStore in a dictionary, so that nothing goes through a thread. ``away``: so many calls fail."""

    def __init__(self) -> None:
        self.there = {each.id: Duty(each) for each in UNITS}
        self.writes: list[int] = []
        self.away = 0

    async def all_duties(self) -> Sequence[Duty]:
        return tuple(self.there.values())

    async def place(self, decision: Callable[[Mapping[UnitId, Duty]], Sequence[Duty]]) -> None:
        if self.away > 0:
            self.away -= 1
            raise StoreError("database: away")
        decision(self.there)  # as where others waited together, and one of them failed
        changed = decision(self.there)
        self.writes.append(len(changed))
        self.there |= {each.unit.id: self.there[each.unit.id].placed_as(each) for each in changed}

    async def change(
        self,
        decision: Callable[[Sequence[Duty]], Sequence[Duty]],
        who: str,
        why: str,
        at: datetime,
        deed: Deed | None = None,
    ) -> Sequence[Duty]:
        changed = decision(tuple(self.there.values()))
        self.there |= {each.unit.id: each for each in changed}
        return changed


@dataclass
class Room:
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    metrics: Metrics = field(default_factory=fresh_metrics)
    duties: MemoryDuties = field(default_factory=MemoryDuties)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    def subscription(self) -> MemorySubscription:
        return MemorySubscription(self.queue, GROUP, "host", STREAMS)

    def send(self, *positions: PositionData) -> None:
        for each in positions:
            self.queue.append(POSITION_STREAM, position_message(each, self.clock.now()).body.encode())

    async def run_for(self, seconds: float) -> None:
        """One life of the process."""
        stopping = asyncio.Event()
        units = [each.id for each in UNITS]
        locating = Locating(self.subscription(), self.duties, units, FixSettings(), self.clock, self.metrics)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(locating.run(stopping))
            await self.clock.sleep(seconds)
            stopping.set()

    async def unfinished(self) -> int:
        return len(await self.subscription().receive(10_000, 0))

    def count(self, verdict: str) -> float:
        return counted(self.metrics, "patrol_positions_total", verdict=verdict)


def test_a_position_moves_its_unit_within_a_second_and_a_half_and_is_acknowledged() -> None:
    async def check() -> None:
        room = Room()
        room.send(position(300))
        await room.run_for(1.5)
        there = room.duties.there[UnitId("U-1")]
        assert there.where.distance_m(north(300)) < 0.1
        assert (there.fix_at, there.had_fix, room.count("taken")) == (NOON, True, 1)
        assert await room.unfinished() == 0

    asyncio.run(check())


def test_ten_thousand_positions_are_few_writes_and_the_newest_of_each_unit_is_what_counts() -> None:
    async def check() -> None:
        room = Room()
        room.clock.advance(10)
        for number in range(5000):
            room.send(position(100 + number * 0.1, number / 1000, "U-1"), position(200, number / 1000, "U-2"))
        await room.run_for(30)
        assert room.count("taken") == 10_000
        assert len(room.duties.writes) <= 4
        assert room.duties.there[UnitId("U-1")].fix_at == at(4.999)
        assert max(room.duties.writes) <= len(UNITS)

    asyncio.run(check())


def test_while_positions_come_without_a_pause_they_are_written_once_a_second() -> None:
    async def check() -> None:
        room = Room()

        async def keep_sending() -> None:
            for number in range(100):
                room.send(position(100, number / 10))
                await room.clock.sleep(0.1)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_sending())
            await room.run_for(11)
        assert room.count("taken") == 100
        assert 5 <= len(room.duties.writes) <= 12

    asyncio.run(check())


def test_what_cannot_be_believed_is_counted_and_acknowledged() -> None:
    async def check() -> None:
        room = Room()
        room.clock.advance(10)
        nowhere = position(0, 3, place=PlaceData(0.0, 0.0))
        room.send(position(100, 2), position(100, 2), position(90, 1), nowhere, position(9000, 4))
        room.send(position(100, 4000))
        await room.run_for(2)
        counts = {name: room.count(name) for name in ("taken", "duplicate", "older", "impossible", "jumping", "future")}
        assert counts == {"taken": 1, "duplicate": 1, "older": 1, "impossible": 1, "jumping": 1, "future": 1}
        assert await room.unfinished() == 0
        assert room.queue.streams[DEAD_STREAM] == []

    asyncio.run(check())


def test_what_is_no_position_or_of_no_unit_is_a_dead_letter_that_says_why_and_the_next_one_is_taken() -> None:
    async def check() -> None:
        room = Room()
        good = json.loads(position_message(position(100), NOON).body)
        bad = [
            b"not json",
            json.dumps({**good, "type": "cn.patrol.alert.v1"}).encode(),
            json.dumps({**good, "data": {**good["data"], "coordinate_system": "bd09"}}).encode(),
        ]
        for body in bad:
            room.queue.append(POSITION_STREAM, body)
        room.send(position(100, 0, "U-99"), position(140))
        await room.run_for(2)
        assert room.queue.streams[DEAD_STREAM][:3] == bad
        assert len(room.queue.streams[DEAD_STREAM]) == 4
        for reason, says in zip(room.queue.reasons, ("JSON", "type", "bd09", "U-99"), strict=True):
            assert says in reason
        assert (room.count("unreadable"), room.count("taken")) == (4, 1)
        assert counted(room.metrics, "patrol_messages_dead_total", group=GROUP) == 4
        assert await room.unfinished() == 0

    asyncio.run(check())


def test_a_terminal_that_sends_nonsense_does_not_fill_the_dead_letters() -> None:
    async def check() -> None:
        room = Room()
        for number in range(100):
            room.queue.append(POSITION_STREAM, b"nonsense %d" % number)
        await room.run_for(70)
        assert len(room.queue.streams[DEAD_STREAM]) == BURIED_A_MINUTE
        assert room.count("unreadable") == 100
        assert await room.unfinished() == 0
        room.queue.append(POSITION_STREAM, b"a minute later")
        await room.run_for(70)
        assert room.queue.streams[DEAD_STREAM][-1] == b"a minute later"

    asyncio.run(check())


def test_a_store_that_is_away_is_waited_for_and_nothing_is_acknowledged_or_buried_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        room = Room()
        room.duties.away = 200  # more than three minutes: longer than a lease, and than all tries
        room.send(position(300))
        await room.run_for(190)
        assert await room.unfinished() == 1
        await room.run_for(60)
        assert room.duties.there[UnitId("U-1")].fix_at == NOON
        assert room.queue.streams[DEAD_STREAM] == []
        assert await room.unfinished() == 0

    asyncio.run(check())
    assert sum("wait for the store" in line for line in told_by(caplog)) == 2, "said once a life, not once a second"


def test_a_crash_between_write_and_acknowledgement_brings_them_again_as_duplicates() -> None:
    async def check() -> None:
        room = Room()
        room.send(position(300))
        place = room.duties.place

        async def then_the_queue_is_away(decision: Callable[[Mapping[UnitId, Duty]], Sequence[Duty]]) -> None:
            await place(decision)
            room.queue.broken = True

        room.duties.place = then_the_queue_is_away  # type: ignore[method-assign]
        await room.run_for(2)
        room.duties.place = place  # type: ignore[method-assign]
        room.queue.broken = False
        await room.run_for(2)
        assert (room.count("taken"), room.count("duplicate")) == (1, 1)
        assert await room.unfinished() == 0

    asyncio.run(check())


def test_what_was_read_when_the_service_stops_is_still_written() -> None:
    async def check() -> None:
        room = Room()
        room.send(position(100))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(room.run_for(0.8))
            await room.clock.sleep(0.4)
            room.send(position(150, 0.4))
        assert room.duties.there[UnitId("U-1")].fix_at == at(0.4)

    asyncio.run(check())


def test_of_one_unit_each_fix_is_judged_by_what_the_one_before_left() -> None:
    start = {UnitId("U-1"): duty(place=north(100), fix_at=at(0)), UnitId("U-2"): duty("U-2")}
    jump_and_proof = [fix(5000, 10), fix(5005, 11), fix(unit_id=UnitId("U-9"))]
    changed, verdicts = judged(jump_and_proof, start, at(11), FixSettings())
    assert [verdict.value for verdict in verdicts] == ["jumping", "taken"]
    (moved,) = changed
    assert (moved.unit.id, moved.where) == ("U-1", north(5005))


@asynccontextmanager
async def sql_duties(folder: Path) -> AsyncIterator[SqlDuties]:
    async with sql_store(folder, units=(unit("U-1"), unit("U-2"))) as store:
        yield SqlDuties(store)


def test_in_the_database_a_position_never_undoes_what_dispatch_decides_meanwhile(tmp_path: Path) -> None:
    async def check() -> None:
        async with sql_duties(tmp_path) as duties:
            stale = {each.unit.id: each for each in await duties.all_duties()}

            def sent_out(there: Sequence[Duty]) -> Sequence[Duty]:
                return (there[0].to(UnitState.OUT_OF_SERVICE),)

            await duties.change(sent_out, "li", "flat tyre", NOON)
            seen = replace(stale[UnitId("U-1")], place=SQUARE, fix_at=at(1), had_fix=True)
            await duties.place(lambda there: (seen,))
            first, second = await duties.all_duties()
            assert (first.state, first.where, first.fix_at) == (UnitState.OUT_OF_SERVICE, SQUARE, at(1))
            assert (second.state, second.place) == (UnitState.AVAILABLE, None)

    asyncio.run(check())


def test_a_file_is_sent_at_the_times_it_says_and_as_fast_as_it_is_told_to() -> None:
    async def check() -> None:
        clock = FakeClock(NOON)
        queue = MemoryQueue(clock)
        recorded = [RecordedPosition(s, position(100 + s, 0)) for s in (10.0, 0.0, 4.0)]
        recorded.append(RecordedPosition(10.0, position(50, 0, "U-2")))
        assert await send_in_time(recorded, queue, clock, speed=2.0) == 4
        assert clock.monotonic() == pytest.approx(5.0)
        bodies = [json.loads(body)["data"] for body in queue.streams[POSITION_STREAM]]
        assert [(body["unit_id"], datetime.fromisoformat(body["at"])) for body in bodies] == [
            ("U-1", at(0)), ("U-1", at(2)), ("U-1", at(5)), ("U-2", at(5)),
        ]  # fmt: skip

    asyncio.run(check())
