"""Filming: the last seconds of each focus are kept, and become the clip that goes with an alert.

Nothing here holds up anything else: frames are compressed and clips are made in threads, one at a time each, out of
bounded queues. Where they are full, a frame or a clip is given up and counted; the alert stands, with its picture.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from patrol.domain.camera import CameraId
from patrol.domain.clips import AFTER_S, ClipOrder, Films, Still
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, EvidenceStore

_log = logging.getLogger(__name__)

Compress = Callable[[Frame], bytes]
Encode = Callable[[Sequence[Still]], bytes]

WAITING_FRAMES = 16  # of 0.7 MB each, as the detector has them
WAITING_CLIPS = 64
# A frame is on its way through camera, detector and compression for so long at most, in most cases.
ARRIVES_WITHIN_S = 1.0


class FilmSide(Protocol):
    """What confirming and alerting tell the film."""

    def see(self, frame: Frame, *, is_wanted: bool) -> bool:
        """Every frame that went through the detector. Whether its camera is in focus, so that there can be a clip.

        ``is_wanted``: a rule wants a closer look at what it shows. Never waits.
        """

    def order(self, order: ClipOrder) -> None:
        """An alert was accepted, and its clip is to be made and kept. Never waits."""


class NotFilming:
    """Keeps nothing: a FilmSide for where nobody looks at clips."""

    def see(self, frame: Frame, *, is_wanted: bool) -> bool:
        """See FilmSide."""
        return False

    def order(self, order: ClipOrder) -> None:
        """See FilmSide."""


@dataclass(frozen=True, slots=True)
class _Due:
    order: ClipOrder
    ordered_at: float  # monotonic seconds

    @property
    def ready_at(self) -> float:
        return self.ordered_at + AFTER_S + ARRIVES_WITHIN_S


class Filming:
    """Keeps frames and makes clips. ``compress``, ``encode`` are called in threads; both raise StoreError."""

    def __init__(
        self, compress: Compress, encode: Encode, evidence: EvidenceStore, clock: Clock, metrics: Metrics
    ) -> None:
        self._compress = compress
        self._encode = encode
        self._evidence = evidence
        self._clock = clock
        self._metrics = metrics.clips
        self._films = Films()
        self._closing, self._all_kept = asyncio.Event(), asyncio.Event()
        self._abandoned = False
        # How often each camera was forgotten, and the number that stood when a frame came: bounded by the cameras.
        self._forgotten: Counter[CameraId] = Counter()
        self._frames: asyncio.Queue[tuple[Frame, int] | None] = asyncio.Queue(WAITING_FRAMES)
        self._orders: asyncio.Queue[_Due | None] = asyncio.Queue(WAITING_CLIPS)

    def see(self, frame: Frame, *, is_wanted: bool) -> bool:
        """See FilmSide."""
        in_focus = self._films.follows(frame.camera_id, frame.captured_at)
        if in_focus or is_wanted:
            try:
                self._frames.put_nowait((frame, self._forgotten[frame.camera_id]))
            except asyncio.QueueFull:
                self._metrics.frames_dropped.labels("waiting").inc()
        return in_focus

    def order(self, order: ClipOrder) -> None:
        """See FilmSide."""
        try:
            self._orders.put_nowait(_Due(order, self._clock.monotonic()))
        except asyncio.QueueFull:
            self._lose(order, f"{WAITING_CLIPS} others wait already")

    def forget(self, camera_id: CameraId) -> None:
        """What was filmed of a camera until now is in no clip any more: its masks are others."""
        self._forgotten[camera_id] += 1  # what waits, and what is being compressed
        self._films.forget(camera_id)

    async def close(self) -> None:
        """End of stream: the clips that were ordered are made of what there is, then ``run`` returns."""
        self._closing.set()
        await self._frames.put(None)
        await self._orders.put(None)

    def abandon(self) -> None:
        """Too little time is left: clips that are not made yet are given up, each counted."""
        self._abandoned = True
        self._closing.set()

    async def run(self) -> None:
        """Work until the end of the stream."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_frames())
            tasks.create_task(self._make_clips())

    async def _keep_frames(self) -> None:
        while (waiting := await self._frames.get()) is not None:
            frame, number = waiting
            try:
                jpeg = await asyncio.to_thread(self._compress, frame)
            except StoreError as error:
                self._metrics.frames_dropped.labels("unreadable").inc()
                _log.error("a frame of camera %s is not filmed: %s", frame.camera_id, error)
                continue
            if self._forgotten[frame.camera_id] != number:
                continue
            given_up = self._films.add(frame.camera_id, Still(frame.captured_at, jpeg))
            self._metrics.films_given_up.inc(given_up)
            self._metrics.film_bytes.set(self._films.size)
        self._all_kept.set()

    async def _make_clips(self) -> None:
        while (due := await self._orders.get()) is not None:
            await pause(self._clock, self._closing, max(0.0, due.ready_at - self._clock.monotonic()))
            if self._abandoned:
                self._lose(due.order, "too little time is left")
                continue
            if self._closing.is_set():
                await self._all_kept.wait()
            await self._make(due)

    async def _make(self, due: _Due) -> None:
        order = due.order
        stills = self._films.cut(order)
        if not stills:
            self._lose(order, "the focus brought too few frames")
            return
        try:
            webm = await asyncio.to_thread(self._encode, stills)
            await self._evidence.put_clip(order.clip_id, webm)
        except StoreError as error:
            self._lose(order, str(error))
            return
        self._metrics.made.labels("stored").inc()
        self._metrics.took.observe(self._clock.monotonic() - due.ordered_at)

    def _lose(self, order: ClipOrder, why: str) -> None:
        self._metrics.made.labels("lost").inc()
        _log.error("camera %s: clip %s is lost, its alert stands: %s", order.camera_id, order.clip_id, why)
