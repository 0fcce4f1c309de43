"""Showing: stills for the tour wall, of the cameras that somebody has in sight, and never in the tour's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.errors import QueueError, StoreError
from patrol.domain.frame import Frame
from patrol.domain.wall import WallStill, Wishes
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Wall
from patrol.wall_metrics import WallMetrics

MakeStill = Callable[[Frame, Detections], WallStill]

WAITING_STILLS = 16  # frames of 0.7 MB each, as the detector has them
LISTEN_S = 1.0
LISTEN_AGAIN_S = 2.0  # after the queue was away


class WallSide(Protocol):
    """What confirming tells the wall."""

    def see(self, frame: Frame, detections: Detections) -> None:
        """Every frame that went through the detector. Never waits."""


class NotShowing:
    """Shows nothing: a WallSide for where there is no wall."""

    def see(self, frame: Frame, detections: Detections) -> None:
        """See WallSide."""


class Showing:
    """Makes stills of what is wished for. ``make`` is called in a thread, one at a time; it raises StoreError."""

    def __init__(self, make: MakeStill, wall: Wall, clock: Clock, metrics: WallMetrics) -> None:
        self._make = make
        self._wall = wall
        self._clock = clock
        self._metrics = metrics
        self._wishes = Wishes()
        self._waiting: dict[CameraId, tuple[Frame, Detections]] = {}  # newest wins; oldest first
        self._void: set[CameraId] = set()  # whose still is shown no more, if one is being made
        self._arrived = asyncio.Event()

    def see(self, frame: Frame, detections: Detections) -> None:
        """See WallSide."""
        if not self._wishes.holds(frame.camera_id, self._clock.monotonic()):
            return
        overtaken = self._waiting.pop(frame.camera_id, None)
        if overtaken is None and len(self._waiting) >= WAITING_STILLS:
            overtaken = self._waiting.pop(next(iter(self._waiting)))
        if overtaken is not None:
            self._metrics.stills.labels("behind").inc()
        self._waiting[frame.camera_id] = frame, detections
        self._arrived.set()

    def forget(self, camera_id: CameraId) -> None:
        """What waits of a camera, or is being made, is shown no more: its masks are others."""
        self._waiting.pop(camera_id, None)
        self._void.add(camera_id)

    async def run(self, stopping: asyncio.Event) -> None:
        """Show until ``stopping``; what waits then is nobody's loss."""
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(self._listen(ending)), tasks.create_task(self._show_all(ending))]
            try:
                await stopping.wait()
            finally:
                ending.set()  # also when another part has died: a command of redis-py may miss that, but not this
            for task in working:
                task.cancel()

    async def _listen(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                async with self._wall.wishes() as wishes:
                    while not stopping.is_set():
                        self._hear(await wishes.next(LISTEN_S))
            except QueueError:
                await pause(self._clock, stopping, LISTEN_AGAIN_S)

    def _hear(self, cameras: Sequence[CameraId] | None) -> None:
        now = self._clock.monotonic()
        if cameras is not None:
            self._wishes.hear(cameras, now)
        self._metrics.in_sight.set(self._wishes.count(now))

    async def _show_all(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._arrived.wait()
            while self._waiting and not stopping.is_set():
                await self._show(*self._waiting.pop(next(iter(self._waiting))))
            self._arrived.clear()

    async def _show(self, frame: Frame, detections: Detections) -> None:
        self._void.discard(frame.camera_id)
        try:
            still = await asyncio.to_thread(self._make, frame, detections)
            if frame.camera_id in self._void:
                return
            await self._wall.show(still)
        except StoreError:
            self._metrics.stills.labels("unreadable").inc()
        except QueueError:
            self._metrics.stills.labels("queue_away").inc()
        else:
            self._metrics.stills.labels("shown").inc()
