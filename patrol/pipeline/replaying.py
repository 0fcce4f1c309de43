"""Replaying: recorded video through the same detector and the same rules as live, at the recording's own time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np
import numpy.typing as npt

from patrol.domain.camera import Camera
from patrol.domain.events import Event
from patrol.domain.frame import Frame
from patrol.domain.masks import blackened
from patrol.domain.watching import Watcher
from patrol.ports import Detector

RECORDING_BEGINS = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 8

TimedPixels = tuple[float, int, npt.NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class ReplayedEvent:
    """An event with its times in seconds from the recording's first frame."""

    event: Event
    start_s: float
    confirmed_s: float
    end_s: float


async def replay(
    frames: Iterable[TimedPixels], camera: Camera, watcher: Watcher, detector: Detector
) -> AsyncIterator[ReplayedEvent]:
    """Yield each event once it has ended, the last ones with the recording.

    ``frames``: (t_s, index, pixels) in order of time; see adapters.stream.frames_of. What the camera's masks cover is
    blackened in them, as it is live.
    """
    waiting = iter(frames)
    while batch := list(islice(waiting, BATCH)):
        for event in await _observe(batch, camera, watcher, detector):
            yield _in_seconds(event)
    for event in watcher.finish():
        yield _in_seconds(event)


async def _observe(
    batch: Sequence[TimedPixels], camera: Camera, watcher: Watcher, detector: Detector
) -> Sequence[Event]:
    frames = [
        Frame(camera.id, RECORDING_BEGINS + timedelta(seconds=t_s), blackened(pixels, camera.masks))
        for t_s, _, pixels in batch
    ]
    ended: list[Event] = []
    for frame, detections in zip(frames, await detector.detect(frames), strict=True):
        ended += watcher.observe(camera, frame.captured_at, detections, frame.pixels).ended
    return ended


def _in_seconds(event: Event) -> ReplayedEvent:
    ended_at = event.ended_at or event.confirmed_at
    return ReplayedEvent(event, *(_seconds(at) for at in (event.began_at, event.confirmed_at, ended_at)))


def _seconds(at: datetime) -> float:
    return (at - RECORDING_BEGINS).total_seconds()
