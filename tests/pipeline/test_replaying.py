"""Replaying: recorded video through the live rules, at the recording's own time, the same whatever the batches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId
from patrol.pipeline import replaying as module
from patrol.pipeline.replaying import RECORDING_BEGINS, ReplayedEvent, TimedPixels, replay
from tests.builders import CLASSES, camera, crowd, people, rule


class CountsBrightness:
    """Sees as many people as the picture is bright."""

    class_names = CLASSES

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.pictures: list[npt.NDArray[np.uint8]] = []

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        self.pictures += [frame.pixels for frame in frames]
        self.batches.append(len(frames))
        return [crowd(count) if (count := int(frame.pixels[0, 0, 0])) else people() for frame in frames]


def recording(*counts: int, fps: float = 1.0) -> Iterator[TimedPixels]:
    for index, count in enumerate(counts):
        yield index / fps, index, np.full((2, 2, 3), count, np.uint8)


def replayed(frames: Iterator[TimedPixels], detector: CountsBrightness | None = None) -> list[ReplayedEvent]:
    async def run() -> list[ReplayedEvent]:
        watcher = Watcher({RuleId("crowd"): rule(for_s=3.0, clear_after_s=2.0)})
        return [found async for found in replay(frames, camera(), watcher, detector or CountsBrightness())]

    return asyncio.run(run())


def times(found: Sequence[ReplayedEvent]) -> list[tuple[float, float, float]]:
    return [(each.start_s, each.confirmed_s, each.end_s) for each in found]


def test_an_event_is_told_once_it_has_ended_with_its_times_in_the_recording() -> None:
    assert times(replayed(recording(0, 0, *[5] * 6, *[0] * 5))) == [(2.0, 5.0, 7.0)]


def test_an_event_that_is_still_on_at_the_end_ends_with_the_recording() -> None:
    assert times(replayed(recording(0, *[5] * 6))) == [(1.0, 4.0, 6.0)]


def test_two_crowds_are_two_events_in_order() -> None:
    assert times(replayed(recording(*[4] * 5, *[0] * 4, *[4] * 5))) == [(0.0, 3.0, 4.0), (9.0, 12.0, 13.0)]


def test_too_short_a_crowd_and_an_empty_recording_are_nothing() -> None:
    assert replayed(recording(5, 5, 5, 0, 0, 0, 0)) == []
    assert replayed(recording()) == []


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_how_frames_are_batched_changes_nothing(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    counts = (*[4] * 9, *[0] * 7, *[6] * 11)
    expected = times(replayed(recording(*counts, fps=2.0)))
    monkeypatch.setattr(module, "BATCH", batch)
    detector = CountsBrightness()
    assert times(replayed(recording(*counts, fps=2.0), detector)) == expected
    assert max(detector.batches) == min(batch, len(counts))


def test_what_the_cameras_masks_cover_is_seen_by_nobody() -> None:
    right_half = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    frames = ((float(index), index, np.full((8, 8, 3), 5, np.uint8)) for index in range(3))
    detector = CountsBrightness()

    async def run() -> None:
        watcher = Watcher({RuleId("crowd"): rule(for_s=3.0, clear_after_s=2.0)})
        async for _ in replay(frames, camera(masks=(right_half,)), watcher, detector):
            pass

    asyncio.run(run())
    assert len(detector.pictures) == 3
    for picture in detector.pictures:
        assert not picture[:, 4:].any()
        assert (picture[:, :2] == 5).all()


def test_recorded_frames_are_never_held_in_memory_all_at_once() -> None:
    read = 0

    def long_recording() -> Iterator[TimedPixels]:
        nonlocal read
        for frame in recording(*[5] * 5, *[0] * 200):
            read += 1
            yield frame

    async def first() -> ReplayedEvent:
        watcher = Watcher({RuleId("crowd"): rule(for_s=3.0, clear_after_s=2.0)})
        found = replay(long_recording(), camera(), watcher, CountsBrightness())
        event = await anext(found)
        await found.aclose()
        return event

    assert asyncio.run(first()).event.began_at == RECORDING_BEGINS
    assert read <= 2 * module.BATCH
