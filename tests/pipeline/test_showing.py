"""Showing: stills of what is in sight alone, newest first wins, and nothing of it holds up the tour."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from patrol.adapters.memory import FakeClock
from patrol.adapters.memory_wall import MemoryWall
from patrol.adapters.wall_picture import as_wall_still
from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.errors import QueueError, StoreError
from patrol.domain.frame import Frame
from patrol.domain.wall import WISHED_FOR_S, WallStill
from patrol.pipeline.showing import WAITING_STILLS, Showing
from patrol.ports import Arriving, Clock
from patrol.wall_metrics import WallMetrics
from tests.builders import NOON, at, people
from tests.pipeline.parts import counted, frame_of, fresh_metrics

ONE = CameraId("C-1")


class StandingClock(FakeClock):
    """Moves by hand alone; whoever sleeps lets others have their turn."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Stage:
    def __init__(self) -> None:
        self.clock, self.wall, self.metrics = StandingClock(NOON), MemoryWall(), fresh_metrics()
        self.showing = Showing(self.make, self.wall, self.clock, self.metrics.wall)
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails: Exception | None = None

    def make(self, frame: Frame, detections: Detections) -> WallStill:
        assert threading.current_thread() is not threading.main_thread()
        assert self.go_on.wait(5)
        if self.fails is not None:
            raise self.fails
        return as_wall_still(frame, detections)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Arriving[WallStill]]:
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks, self.wall.stills() as stills:
            tasks.create_task(self.showing.run(stopping))
            await asyncio.sleep(0.01)  # it listens by then
            yield stills
            stopping.set()

    async def wish(self, *cameras: str) -> None:
        await self.wall.wish([CameraId(each) for each in cameras])
        await asyncio.sleep(0.01)

    def stills(self, outcome: str) -> float:
        return counted(self.metrics, "patrol_wall_stills_total", outcome=outcome)


def test_nothing_is_made_of_what_nobody_has_in_sight() -> None:
    async def check() -> None:
        stage = Stage()
        async with stage.running() as stills:
            stage.showing.see(frame_of("C-1"), people())
            await stage.wish("C-2")
            stage.showing.see(frame_of("C-1"), people())
            assert await stills.next(0.1) is None
        assert [stage.stills(outcome) for outcome in WallMetrics.OUTCOMES] == [0, 0, 0, 0]

    asyncio.run(check())


def test_a_still_is_the_picture_with_what_was_found_in_it_until_the_wish_is_over() -> None:
    async def check() -> None:
        stage = Stage()
        async with stage.running() as stills:
            await stage.wish("C-1")
            stage.showing.see(frame_of("C-1", at(3)), people((0.5, 0.5), (0.7, 0.5)))
            still = await stills.next(5)
            assert still is not None
            assert (still.camera_id, still.captured_at, len(still.boxes)) == (ONE, at(3), 2)
            assert still.jpeg.startswith(b"\xff\xd8")
            stage.clock.advance(WISHED_FOR_S)
            stage.showing.see(frame_of("C-1", at(9)), people())
            assert await stills.next(0.1) is None
        assert stage.stills("shown") == 1

    asyncio.run(check())


def test_while_it_is_behind_the_newest_of_each_camera_wins_and_what_is_overtaken_is_counted() -> None:
    async def check() -> None:
        stage = Stage()
        cameras = [f"C-{number}" for number in range(WAITING_STILLS + 4)]
        async with stage.running() as stills:
            await stage.wish(*cameras)
            stage.go_on.clear()
            stage.showing.see(frame_of("C-0", at(0)), people())
            await asyncio.sleep(0.01)  # it is in the thread
            for seconds, camera_id in enumerate(cameras, 1):
                stage.showing.see(frame_of(camera_id, at(seconds)), people())
            stage.showing.see(frame_of(cameras[-1], at(99)), people())
            stage.go_on.set()
            shown = [await stills.next(5) for _ in range(1 + WAITING_STILLS)]
            assert await stills.next(0.05) is None
        assert stage.stills("behind") == 4 + 1
        last = shown[-1]
        assert last is not None
        assert (last.camera_id, last.captured_at) == (cameras[-1], at(99))

    asyncio.run(check())


def test_what_waits_or_is_made_when_masks_change_is_not_shown() -> None:
    async def check() -> None:
        stage = Stage()
        async with stage.running() as stills:
            await stage.wish("C-1", "C-2")
            stage.go_on.clear()
            stage.showing.see(frame_of("C-1", at(1)), people())
            await asyncio.sleep(0.01)  # it is in the thread
            stage.showing.see(frame_of("C-1", at(2)), people())
            stage.showing.see(frame_of("C-2", at(3)), people())
            stage.showing.forget(ONE)
            stage.go_on.set()
            still = await stills.next(5)
            assert still is not None
            assert still.captured_at == at(3)
            assert await stills.next(0.1) is None

    asyncio.run(check())


def test_a_picture_that_cannot_be_made_and_a_queue_that_is_away_are_counted_and_it_goes_on() -> None:
    class Away(MemoryWall):
        away = True

        async def show(self, still: WallStill) -> None:
            if self.away:
                raise QueueError("redis: away")
            await super().show(still)

    async def check() -> None:
        stage = Stage()
        wall = stage.wall = Away()
        clock: Clock = stage.clock
        stage.showing = Showing(stage.make, wall, clock, stage.metrics.wall)
        async with stage.running() as stills:
            await stage.wish("C-1")
            stage.fails = StoreError("cannot be encoded")
            stage.showing.see(frame_of("C-1", at(1)), people())
            await asyncio.sleep(0.05)
            stage.fails = None
            stage.showing.see(frame_of("C-1", at(2)), people())
            await asyncio.sleep(0.05)
            wall.away = False
            stage.showing.see(frame_of("C-1", at(3)), people())
            assert await stills.next(5) is not None
        assert [stage.stills(outcome) for outcome in WallMetrics.OUTCOMES] == [1, 0, 1, 1]

    asyncio.run(check())
