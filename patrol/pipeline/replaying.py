"""Replaying: recorded video through the same detector and the same rules as live, at the recording's own time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np
import numpy.typing as npt

from patrol.domain.camera import Camera
from patrol.domain.detections import Detections
from patrol.domain.events import Event
from patrol.domain.frame import Frame
from patrol.domain.masks import blackened
from patrol.domain.watching import Findings, Watcher
from patrol.pipeline.looking_closer import LookingCloser, Networks
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


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One frame of a recording, what was found in it, and what that changed. ``t_s``: since the first frame."""

    t_s: float
    frame: Frame
    detections: Detections
    findings: Findings


NO_NETWORKS = Networks()


async def replay(
    frames: Iterable[TimedPixels],
    camera: Camera,
    watcher: Watcher,
    detector: Detector,
    networks: Networks = NO_NETWORKS,
) -> AsyncIterator[ReplayedEvent]:
    """Yield each event once it has ended, the last ones with the recording.

    ``frames``: (t_s, index, pixels) in order of time; see adapters.stream.frames_of. What the camera's masks cover is
    blackened in them, as it is live. ``networks``: what looks closer where a rule asks for it.
    """
    async for shown in show(frames, camera, watcher, detector, networks):
        for event in shown.findings.ended:
            yield in_seconds(event)
    for event in watcher.finish():
        yield in_seconds(event)


async def show(
    frames: Iterable[TimedPixels],
    camera: Camera,
    watcher: Watcher,
    detector: Detector,
    networks: Networks = NO_NETWORKS,
) -> AsyncIterator[Shown]:
    """Yield every frame once the rules have seen it. What is still on at the end, ``watcher.finish`` tells."""
    waiting, looking_closer = iter(frames), LookingCloser(watcher, networks)
    while batch := list(islice(waiting, BATCH)):
        captured = [
            Frame(camera.id, RECORDING_BEGINS + timedelta(seconds=t_s), blackened(pixels, camera.masks))
            for t_s, _, pixels in batch
        ]
        found = await detector.detect(captured)
        for (t_s, _, _), frame, detections in zip(batch, captured, found, strict=True):
            yield Shown(t_s, frame, detections, await looking_closer.observe(camera, frame, detections))


def in_seconds(event: Event) -> ReplayedEvent:
    """An event of a recording; one that has not ended ends where it was confirmed."""
    ended_at = event.ended_at or event.confirmed_at
    return ReplayedEvent(event, *(_seconds(at) for at in (event.began_at, event.confirmed_at, ended_at)))


def _seconds(at: datetime) -> float:
    return (at - RECORDING_BEGINS).total_seconds()
