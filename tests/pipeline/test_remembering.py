"""Remembering: spans are written as they end, wait for a store that is away, and are told to who looks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from patrol.adapters.memory import FakeClock
from patrol.adapters.memory_cameras import MemoryCameraHistory, MemoryVisitRecords
from patrol.domain.camera import CameraId
from patrol.domain.camera_history import KEPT_FOR, SPAN, CameraSpan, VisitRecord
from patrol.domain.errors import QueueError, StoreError
from patrol.pipeline.remembering import AT_ONCE, MOST_SPANS, Remembering
from tests.builders import NOON

ONE = CameraId("C-1")


@dataclass
class Counting:
    """A MemorySide that says when each span began."""

    ended: list[datetime] = field(default_factory=list)

    def end_span(self, began_at: datetime) -> tuple[CameraSpan, ...]:
        self.ended.append(began_at)
        return (CameraSpan(ONE, began_at, 4.0, 5.0, 1.0, 1),)

    def record(self, camera_id: CameraId) -> VisitRecord | None:
        return VisitRecord(ONE, NOON, (), CameraSpan(ONE, NOON, 4.0, 5.0, 1.0, 1)) if camera_id == ONE else None


class MovableHistory(MemoryCameraHistory):
    """Refuses while it is told to."""

    is_away = False
    before: datetime | None = None

    async def keep(self, spans: Sequence[CameraSpan], before: datetime) -> None:
        if self.is_away:
            raise StoreError("database: locked")
        self.before = before
        await super().keep(spans, before)


class Stage:
    def __init__(self, begins: datetime = NOON + timedelta(minutes=4)) -> None:
        self.clock = FakeClock(begins)
        self.memory, self.history, self.records = Counting(), MovableHistory(), MemoryVisitRecords()
        self.remembering = Remembering(self.memory, self.history, self.records, self.clock)

    async def run_for(self, *minutes: float) -> None:
        """Runs; between these the store goes away and comes back."""
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.remembering.run(stopping))
            for place, each in enumerate(minutes):
                self.history.is_away = place % 2 == 1
                await self.clock.sleep(60 * each)
            stopping.set()

    async def kept(self) -> list[datetime]:
        return [span.began_at for span in await self.history.spans(ONE, NOON)]


def test_each_span_is_written_when_it_ends_and_the_last_when_it_stops() -> None:
    async def check() -> None:
        stage = Stage()
        await stage.run_for(25.0)
        assert stage.memory.ended == [NOON, NOON + SPAN, NOON + 2 * SPAN]
        assert await stage.kept() == stage.memory.ended
        assert stage.history.before == NOON + 2 * SPAN - KEPT_FOR

    asyncio.run(check())


def test_what_the_store_refuses_waits_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        stage = Stage()
        await stage.run_for(1.0, 27.0, 0.1)
        assert await stage.kept() == stage.memory.ended
        assert len(stage.memory.ended) == 4
        assert [record.message for record in caplog.records] == [
            "cameras' histories wait for the store: database: locked"
        ]

    asyncio.run(check())


def test_of_many_cameras_so_many_are_written_at_once_and_none_twice() -> None:
    class Many(Counting):
        def end_span(self, began_at: datetime) -> tuple[CameraSpan, ...]:
            return tuple(CameraSpan(CameraId(f"C-{n}"), began_at, 4.0, 5.0, 1.0, 1) for n in range(2 * AT_ONCE + 5))

    class Flaky(MovableHistory):
        written: list[int]

        async def keep(self, spans: Sequence[CameraSpan], before: datetime) -> None:
            self.is_away = len(self.written) == 2
            self.written.append(len(spans))
            await super().keep(spans, before)

    async def check() -> None:
        stage, history = Stage(), Flaky()
        history.written = []
        stage.remembering = Remembering(Many(), history, stage.records, stage.clock)
        await stage.run_for(6.5)
        assert history.written[:5] == [AT_ONCE, AT_ONCE, 5, 5, AT_ONCE]
        for n in (0, AT_ONCE, 2 * AT_ONCE + 4):
            assert [span.visits for span in await history.spans(CameraId(f"C-{n}"), NOON)] == [1, 1]

    asyncio.run(check())


@pytest.mark.long
def test_what_waits_is_bounded_and_the_oldest_goes_first() -> None:
    async def check() -> None:
        stage = Stage()
        await stage.run_for(1.0, 10.0 * (MOST_SPANS + 5), 0.1)
        assert await stage.kept() == stage.memory.ended[-MOST_SPANS - 1 :]

    asyncio.run(check())


def test_who_looks_at_a_camera_is_told_within_a_second_and_a_queue_that_is_away_ends_nothing() -> None:
    class FlakyRecords(MemoryVisitRecords):
        failed = 0

        async def wanted(self) -> Sequence[CameraId]:
            if self.failed < 3:
                self.failed += 1
                raise QueueError("redis: away")
            return await super().wanted()

    async def check() -> None:
        stage = Stage()
        records = FlakyRecords()
        stage.remembering = Remembering(stage.memory, stage.history, records, stage.clock)
        await records.want(CameraId("gone"))
        await records.want(ONE)
        await stage.run_for(0.1)
        assert records.failed == 3
        assert (await records.latest(ONE)) == stage.memory.record(ONE)
        assert await records.latest(CameraId("gone")) is None

    asyncio.run(check())
