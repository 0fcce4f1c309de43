"""Detecting: frames in, detections out, in batches that close on time.

Frames wait in one slot per camera, where the newest wins; those of a focus behind all others.
``captured = processed + dropped`` holds exactly once everything has stopped; until then the difference is what is under
way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from patrol.domain.camera import CameraId, RingName
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.metrics import Metrics
from patrol.ports import Clock, Detector

# Frames wait for as long as a batch stays open, and hardly longer, while the detector is quick enough.
KEEPING_UP = 1.5


class FrameFate(Protocol):
    """Who is told what became of a frame."""

    async def processed(self, frame: Frame, detections: Detections) -> None:
        """It went through the detector."""

    def dropped(self, frame: Frame) -> None:
        """It never will."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    frame: Frame
    ring: RingName
    since: float
    is_extra: bool


class NewestFrames:
    """One slot per camera, newest wins, overwrites counted."""

    def __init__(self, clock: Clock, on_dropped: Callable[[Frame, str], None]) -> None:
        self._clock = clock
        self._on_dropped = on_dropped
        self._slots: dict[CameraId, _Waiting] = {}  # oldest first
        self._arrived = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        """Leave a frame for the detector; never waits. After ``close`` it is dropped, and counted.

        ``is_extra``: it is of a focus, and goes behind those of cameras that are due.
        """
        if self._closed:
            self._on_dropped(frame, "shutdown")
            return
        older = self._slots.pop(frame.camera_id, None)
        is_extra &= older is None or older.is_extra  # in its place it does for a camera that is due
        self._slots[frame.camera_id] = _Waiting(frame, ring, self._clock.monotonic(), is_extra)
        self._arrived.set()
        if older is not None:
            self._on_dropped(older.frame, "overwritten")

    def oldest_age_s(self) -> float:
        """How long the oldest frame has waited."""
        oldest = next(iter(self._slots.values()), None)
        return self._clock.monotonic() - oldest.since if oldest else 0.0

    @property
    def ended(self) -> bool:
        """No more frames come, and none waits."""
        return self._closed and not self._slots

    def close(self) -> None:
        """No more frames come: end of stream."""
        self._closed = True
        self._arrived.set()

    def drop_all(self, reason: str) -> None:
        """Drop what waits, and count it."""
        dropped, self._slots = self._slots, {}
        for waiting in dropped.values():
            self._on_dropped(waiting.frame, reason)

    async def take(self, limit: int, close_after_s: float) -> Sequence[_Waiting]:
        """The oldest frames, those of a focus last, at most ``limit``.

        Once the first is there, no longer than ``close_after_s``. Empty at the end of the stream, or where
        another lane was quicker.
        """
        await self._arrived.wait()
        if len(self._slots) < limit and not self._closed:
            await self._clock.sleep(close_after_s)
        in_turn = sorted(self._slots, key=lambda camera_id: self._slots[camera_id].is_extra)
        batch = [self._slots.pop(camera_id) for camera_id in in_turn[:limit]]
        if not self._slots and not self._closed:
            self._arrived.clear()
        return batch


@dataclass(slots=True)
class FrameCounts:
    """What became of all frames; ``captured - processed - dropped`` are under way."""

    captured: int = 0
    processed: int = 0
    dropped: int = 0


class Detecting:
    """Runs the detector over the frames that wait.

    ``lanes``: batches under way at the same time, so that the detector is never idle while results are handed on.
    """

    def __init__(
        self,
        detector: Detector,
        clock: Clock,
        metrics: Metrics,
        fate: FrameFate,
        *,
        batch: int,
        close_after_s: float,
        lanes: int = 2,
    ) -> None:
        self._detector = detector
        self._clock = clock
        self._metrics = metrics
        self._fate = fate
        self._batch = batch
        self._close_after_s = close_after_s
        self._lanes = lanes
        self._frames = NewestFrames(clock, self._drop)
        self.counts = FrameCounts()

    @property
    def waiting(self) -> int:
        """Frames that wait for the detector."""
        return len(self._frames)

    @property
    def keeps_up(self) -> bool:
        """Whether no frame waits longer than it takes to gather a batch: one more would not be in another's way."""
        return self._frames.oldest_age_s() <= KEEPING_UP * self._close_after_s

    def offer(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        """Take a captured frame, of a focus or not; never waits."""
        self.counts.captured += 1
        self._metrics.detect.captured.inc()
        self._frames.put(frame, ring, is_extra=is_extra)
        self._show()

    def refuse(self, reason: str) -> None:
        """Count a captured frame that nothing shall be detected in."""
        self.counts.captured += 1
        self.counts.dropped += 1
        self._metrics.detect.captured.inc()
        self._metrics.detect.dropped.labels(reason).inc()

    def close(self) -> None:
        """End of stream: what waits is still processed, then ``run`` returns."""
        self._frames.close()

    def abandon(self) -> None:
        """Too little time is left: what waits is dropped, and counted."""
        self._frames.drop_all("shutdown")

    async def run(self) -> None:
        """Work until the end of the stream."""
        async with asyncio.TaskGroup() as lanes:
            for _ in range(self._lanes):
                lanes.create_task(self._run_lane())

    async def _run_lane(self) -> None:
        while True:
            batch = await self._frames.take(self._batch, self._close_after_s)
            self._show()
            if batch:
                await self._process(batch)
            elif self._frames.ended:
                return

    async def _process(self, batch: Sequence[_Waiting]) -> None:
        self._metrics.detect.batch.observe(len(batch))
        try:
            found = await self._detector.detect([waiting.frame for waiting in batch])
            results = list(zip(batch, found, strict=True))
        except BaseException:
            for waiting in batch:
                self._drop(waiting.frame, "detector_error")
            raise
        for waiting, detections in results:
            self.counts.processed += 1
            self._metrics.detect.processed.inc()
            self._metrics.stages.took("detect", waiting.ring, self._clock.monotonic() - waiting.since)
            await self._fate.processed(waiting.frame, detections)

    def _drop(self, frame: Frame, reason: str) -> None:
        self.counts.dropped += 1
        self._metrics.detect.dropped.labels(reason).inc()
        self._fate.dropped(frame)

    def _show(self) -> None:
        self._metrics.detect.waiting.set(len(self._frames))
        self._metrics.detect.waiting_age.set(self._frames.oldest_age_s())
