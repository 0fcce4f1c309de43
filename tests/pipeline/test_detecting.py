"""Detecting: every frame is processed or dropped, never both and never neither, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from random import Random

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import RingName
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame
from patrol.metrics import Metrics
from patrol.pipeline.detecting import Detecting, NewestFrames
from tests.builders import CLASSES, NOON
from tests.pipeline.parts import counted, frame_of, fresh_metrics, nobody, turns

CORE = RingName.CORE


class SlowDetector:
    """Finds nobody, in ``takes_s`` a batch; the batch after ``good`` fails."""

    def __init__(self, clock: FakeClock, takes_s: float = 0.05, good: int = 10**9) -> None:
        self.class_names = CLASSES
        self.batches: list[list[str]] = []
        self._clock = clock
        self._takes_s = takes_s
        self._good = good

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        await self._clock.sleep(self._takes_s)
        if len(self.batches) >= self._good:
            raise ModelError("the device is gone")
        self.batches.append([frame.camera_id for frame in frames])
        return [nobody() for _ in frames]


class Fates:
    """Remembers what became of each frame; ``takes_s``: how long the rules need for one."""

    def __init__(self, clock: FakeClock, takes_s: float = 0.0) -> None:
        self.processed_frames: list[Frame] = []
        self.dropped_frames: list[Frame] = []
        self._clock = clock
        self._takes_s = takes_s

    async def processed(self, frame: Frame, detections: Detections) -> None:
        if self._takes_s:
            await self._clock.sleep(self._takes_s)
        self.processed_frames.append(frame)

    def dropped(self, frame: Frame) -> None:
        self.dropped_frames.append(frame)


class Line:
    """A detecting line of its own with all it needs."""

    def __init__(self, *, takes_s: float = 0.05, good: int = 10**9, batch: int = 4, lanes: int = 2) -> None:
        self.clock = FakeClock(NOON)
        self.metrics: Metrics = fresh_metrics()
        self.fates = Fates(self.clock)
        self.detector = SlowDetector(self.clock, takes_s, good)
        self.detecting = Detecting(
            self.detector, self.clock, self.metrics, self.fates, batch=batch, close_after_s=0.02, lanes=lanes
        )

    def drops(self) -> dict[str, float]:
        reasons = ("overwritten", "shutdown", "detector_error")
        return {reason: counted(self.metrics, "patrol_frames_dropped_total", reason=reason) for reason in reasons}

    def assert_balanced(self) -> None:
        """captured = processed + dropped, in the counts, in the metrics, and frame by frame."""
        counts = self.detecting.counts
        assert counts.captured == counts.processed + counts.dropped
        assert counts.captured == counted(self.metrics, "patrol_frames_captured_total")
        assert counts.processed == counted(self.metrics, "patrol_frames_processed_total")
        assert counts.dropped == sum(self.drops().values())
        fates = [*self.fates.processed_frames, *self.fates.dropped_frames]
        assert len(fates) == len({id(frame) for frame in fates}) == counts.captured


def test_each_frame_is_processed_once_in_batches_of_the_size_asked_for() -> None:
    async def check() -> None:
        line = Line(batch=4)
        for number in range(10):
            line.detecting.offer(frame_of(f"C-{number}"), CORE)
        line.detecting.close()
        await line.detecting.run()
        line.assert_balanced()
        assert line.detecting.counts.processed == 10
        assert [len(batch) for batch in line.detector.batches] == [4, 4, 2]
        assert list(chain(*line.detector.batches)) == [f"C-{number}" for number in range(10)]

    asyncio.run(check())


def test_of_one_camera_the_newest_frame_wins_and_the_others_are_counted() -> None:
    async def check() -> None:
        line = Line()
        frames = [frame_of("C-1", NOON + timedelta(seconds=second)) for second in range(5)]
        for frame in frames:
            line.detecting.offer(frame, CORE)
        line.detecting.close()
        await line.detecting.run()
        assert line.fates.processed_frames == [frames[-1]]
        assert line.fates.dropped_frames == frames[:-1]
        assert line.drops()["overwritten"] == 4
        line.assert_balanced()

    asyncio.run(check())


def test_a_batch_closes_on_time_and_never_waits_for_all_places_to_fill() -> None:
    async def check() -> None:
        line = Line(takes_s=0.0, batch=8)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.detecting.run())
            await line.clock.sleep(5.0)
            line.detecting.offer(frame_of("C-1"), CORE)
            offered_at = line.clock.monotonic()
            while not line.fates.processed_frames:
                await line.clock.sleep(0.001)
            assert line.clock.monotonic() - offered_at <= 0.02 + 0.002
            line.detecting.close()
        assert line.detector.batches == [["C-1"]]

    asyncio.run(check())


def test_a_full_batch_goes_at_once() -> None:
    async def check() -> None:
        line = Line(takes_s=0.0, batch=2, lanes=1)
        for number in range(2):
            line.detecting.offer(frame_of(f"C-{number}"), CORE)
        running = asyncio.create_task(line.detecting.run())
        await turns(15)  # fewer than the clock would need to move on
        assert line.fates.processed_frames
        assert line.clock.monotonic() == 0.0
        line.detecting.close()
        await running

    asyncio.run(check())


def test_the_oldest_frames_go_first() -> None:
    async def check() -> None:
        dropped: list[Frame] = []
        frames = NewestFrames(FakeClock(), lambda frame, _reason: dropped.append(frame))
        for camera_id in ("C-1", "C-2", "C-3", "C-1"):  # an overwritten place goes to the back
            frames.put(frame_of(camera_id), CORE)
        taken = await frames.take(2, 0.0)
        assert [waiting.frame.camera_id for waiting in taken] == ["C-2", "C-3"]
        assert len(dropped) == 1

    asyncio.run(check())


def test_frames_of_a_focus_go_behind_those_of_cameras_that_are_due() -> None:
    async def check() -> None:
        frames = NewestFrames(FakeClock(), lambda frame, _reason: None)
        for camera_id in ("F-1", "F-2", "C-1"):
            frames.put(frame_of(camera_id), CORE, is_extra=camera_id.startswith("F"))
        frames.put(frame_of("C-2"), CORE)
        frames.put(frame_of("C-2"), CORE, is_extra=True)  # newer, in the place of one that is due
        taken = [await frames.take(3, 0.0), await frames.take(3, 0.0)]
        assert [[waiting.frame.camera_id for waiting in batch] for batch in taken] == [["C-1", "C-2", "F-1"], ["F-2"]]

    asyncio.run(check())


def test_how_many_wait_and_for_how_long_is_shown() -> None:
    line = Line()
    line.detecting.offer(frame_of("C-1"), CORE)
    line.clock.advance(2.5)
    line.detecting.offer(frame_of("C-2"), CORE)
    assert line.detecting.waiting == 2
    assert counted(line.metrics, "patrol_detector_waiting_frames") == 2
    assert counted(line.metrics, "patrol_detector_waiting_age_seconds") == 2.5


def test_the_detector_keeps_up_while_frames_wait_for_their_batch_alone() -> None:
    line = Line()
    assert line.detecting.keeps_up
    line.detecting.offer(frame_of("C-1"), CORE)
    line.clock.advance(0.025)
    assert line.detecting.keeps_up
    line.clock.advance(0.01)
    assert not line.detecting.keeps_up


def test_at_the_end_what_waits_is_still_processed_and_what_comes_later_is_dropped() -> None:
    async def check() -> None:
        line = Line()
        for number in range(9):
            line.detecting.offer(frame_of(f"C-{number}"), CORE)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.detecting.run())
            await turns()
            line.detecting.close()
            line.detecting.offer(frame_of("C-late"), CORE)
        line.assert_balanced()
        assert line.detecting.counts.processed == 9
        assert line.drops() == {"overwritten": 0, "shutdown": 1, "detector_error": 0}

    asyncio.run(check())


def test_with_no_time_left_what_waits_is_dropped_and_what_is_under_way_is_finished() -> None:
    async def check() -> None:
        line = Line(takes_s=10.0, batch=2)
        for number in range(9):
            line.detecting.offer(frame_of(f"C-{number}"), CORE)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.detecting.run())
            await line.clock.sleep(1.0)
            line.detecting.close()
            line.detecting.abandon()
        assert line.clock.monotonic() < 11
        line.assert_balanced()
        assert line.detecting.counts.processed == 4  # two lanes of two
        assert line.drops()["shutdown"] == 5

    asyncio.run(check())


def test_a_detector_that_fails_ends_the_stage_and_its_frames_are_counted() -> None:
    async def check() -> None:
        line = Line(good=1, batch=3, lanes=1)
        for number in range(6):
            line.detecting.offer(frame_of(f"C-{number}"), CORE)
        with pytest.raises(ExceptionGroup) as caught:
            await line.detecting.run()
        assert caught.group_contains(ModelError, match="the device is gone")
        line.assert_balanced()
        assert line.detecting.counts.processed == 3
        assert line.drops()["detector_error"] == 3

    asyncio.run(check())


def test_a_detector_that_answers_for_fewer_frames_than_it_was_given_is_a_fault_and_not_silence() -> None:
    class Forgetful(SlowDetector):
        async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
            return [nobody() for _ in frames[1:]]

    async def check() -> None:
        line = Line()
        detecting = Detecting(
            Forgetful(line.clock), line.clock, line.metrics, line.fates, batch=4, close_after_s=0.01, lanes=1
        )
        detecting.offer(frame_of("C-1"), CORE)
        detecting.offer(frame_of("C-2"), CORE)
        detecting.close()
        with pytest.raises(ExceptionGroup) as caught:
            await detecting.run()
        assert caught.group_contains(ValueError)
        assert (detecting.counts.captured, detecting.counts.processed, detecting.counts.dropped) == (2, 0, 2)

    asyncio.run(check())


@pytest.mark.parametrize("seed", range(5))
def test_under_random_load_the_sum_always_holds(seed: int) -> None:
    async def check() -> None:
        chance = Random(seed)
        line = Line(takes_s=0.08, batch=3)
        line.fates._takes_s = 0.01
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.detecting.run())
            for _ in range(300):
                line.detecting.offer(frame_of(f"C-{chance.randrange(12)}", line.clock.now()), CORE)
                await line.clock.sleep(chance.uniform(0, 0.03))
            if chance.random() < 0.5:
                line.detecting.abandon()
            line.detecting.close()
        line.assert_balanced()
        assert line.detecting.counts.captured == 300
        assert line.drops()["overwritten"] > 0
        assert line.detecting.counts.processed > 20

    asyncio.run(check())
