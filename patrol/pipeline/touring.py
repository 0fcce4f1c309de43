"""Touring: async workers that visit whichever camera is next."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Mapping
from datetime import timedelta

from patrol.domain.camera import CameraId, Ring, RingName
from patrol.domain.errors import CaptureError, CaptureFailure, QueueError
from patrol.domain.frame import Frame
from patrol.domain.room import TourStatus
from patrol.domain.tour import Tour, TourSettings, Turn, Visit
from patrol.metrics import Metrics
from patrol.pipeline.detecting import Detecting, FrameCounts
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, FrameSource, TourReports

_log = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
RECENT = 12
FINISH_VISITS_S = 1.0
# A drop or a focus may make something due sooner than the tour could foresee.
LOOK_AGAIN_S = 0.1
# Of all slots, at most one in four for cameras that failed last time: with a dead network segment most of them
# would hold a slot for the whole deadline, and healthy cameras would miss their bounds.
RETRIES_SHARE = 4
# Visits rest while so many frames wait for the detector: a picture should be looked at while it is fresh.
MAX_WAITING_FRAMES = 64


class TourBook:
    """The tour with what happened in it: who is next, who was seen, who failed. See confirming.TourSide."""

    def __init__(self, tour: Tour, rings: Mapping[RingName, Ring], clock: Clock, metrics: Metrics) -> None:
        self._tour = tour
        self._rings = rings
        self._clock = clock
        self._metrics = metrics
        self._visits: Counter[RingName] = Counter()
        self._recent: deque[CameraId] = deque(maxlen=RECENT)
        self._failing: set[CameraId] = set()
        self._rate = VisitRate()

    def next(self) -> Visit | float:
        """The visit to make now, or the seconds in which nothing is due."""
        return self._tour.next(self._clock.monotonic())

    def visited(self, visit: Visit, seconds: float) -> None:
        """The visit brought a frame."""
        ring = visit.camera.ring
        self._visits[ring] += 1
        self._metrics.tour.visits.labels(ring.value).inc()
        self._metrics.stages.took("visit", ring, seconds)
        if visit.turn is Turn.FOCUS:
            self._metrics.tour.focus_visits.inc()

    def failed(self, visit: Visit, failure: CaptureFailure) -> None:
        """The visit brought none: the camera waits out a back-off."""
        camera = visit.camera
        self._metrics.tour.failures.labels(camera.ring.value, failure.value).inc()
        self._tour.failed(camera.id, failure.value, self._clock.monotonic())
        if camera.id not in self._failing:
            self._failing.add(camera.id)
            _log.warning("camera %s cannot be seen: %s", camera.id, failure.value)

    def seen(self, frame: Frame, people: int) -> None:
        """A frame went through the detector: its camera has been seen."""
        age = self._clock.now() - frame.captured_at
        captured_at = self._clock.monotonic() - max(age, timedelta(0)).total_seconds()
        gap_s = self._tour.seen(frame.camera_id, captured_at, people)
        # Never below zero: a wall clock that was set while the picture was on its way must not count backwards.
        self._metrics.tour.gap.labels(self._tour.ring_of(frame.camera_id).value).observe(max(0.0, gap_s))
        self._recent.appendleft(frame.camera_id)
        if frame.camera_id in self._failing:
            self._failing.discard(frame.camera_id)
            _log.info("camera %s is back", frame.camera_id)

    def dropped(self, frame: Frame) -> None:
        """A frame never went through the detector: its camera is still unseen."""
        self._tour.dropped(frame.camera_id)

    def focus(self, camera_id: CameraId, seconds: float, every_s: float) -> None:
        """Look at a camera again soon, for a while, with spare capacity."""
        self._tour.focus(camera_id, self._clock.monotonic(), seconds, every_s)

    def status(self, frames: FrameCounts) -> TourStatus:
        """How the tour stands now."""
        now = self._clock.monotonic()
        rings = tuple(self._tour.ring_status(ring, self._visits[ring.name], now) for ring in self._rings.values())
        status = TourStatus(
            at=self._clock.now(),
            stretch=self._tour.review_stretch(now),
            visits_per_s=self._rate.update(now, self._visits.total()),
            rings=rings,
            cameras=self._tour.camera_statuses(now),
            recent=tuple(self._recent),
            frames_captured=frames.captured,
            frames_processed=frames.processed,
            frames_dropped=frames.dropped,
        )
        self._metrics.tour.show(status.stretch, rings)
        return status


class Touring:
    """Spends the visit slots on the cameras the tour names, and reports on it."""

    def __init__(
        self,
        book: TourBook,
        settings: TourSettings,
        source: FrameSource,
        detecting: Detecting,
        reports: TourReports,
        clock: Clock,
    ) -> None:
        self._book = book
        self._deadline_s = settings.visit_deadline_s
        self._source = source
        self._detecting = detecting
        self._reports = reports
        self._clock = clock
        self._workers = settings.workers
        self._retries_at_once = max(1, settings.workers // RETRIES_SHARE)
        self._under_way: dict[asyncio.Task[None], Visit] = {}
        self._visit_ended = asyncio.Event()
        self._retries_waiting: deque[Visit] = deque()  # at most one of each camera

    async def run(self, stopping: asyncio.Event) -> None:
        """Tour until ``stopping``; visits under way have a moment to finish, then no more frames come."""
        async with asyncio.TaskGroup() as visits:
            while not stopping.is_set():
                visit = await self._next_visit(stopping)
                if visit is not None:
                    self._keep(visits.create_task(self._make(visit)), visit)
            await self._finish()
        self._detecting.close()

    async def _finish(self) -> None:
        ends_at = self._clock.monotonic() + FINISH_VISITS_S
        while self._under_way and (left_s := ends_at - self._clock.monotonic()) > 0:
            self._visit_ended.clear()
            await pause(self._clock, self._visit_ended, left_s)
        for task in self._under_way:
            task.cancel()

    def _keep(self, task: asyncio.Task[None], visit: Visit) -> None:
        self._under_way[task] = visit
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._visit_ended.set()

    async def _next_visit(self, stopping: asyncio.Event) -> Visit | None:
        """The next visit to make; None after a short wait if there is none, or no slot for it."""
        if len(self._under_way) >= self._workers:
            self._visit_ended.clear()
            await pause(self._clock, self._visit_ended, LOOK_AGAIN_S)
            return None
        wait_s = LOOK_AGAIN_S
        if self._detecting.waiting < MAX_WAITING_FRAMES:
            visit = self._next_that_may_begin()
            if isinstance(visit, Visit):
                return visit
            wait_s = min(visit, LOOK_AGAIN_S)
        await pause(self._clock, stopping, max(wait_s, 0.002))
        return None

    def _next_that_may_begin(self) -> Visit | float:
        """The next visit, but of failing cameras only some at once: each may hold its slot up to the deadline."""
        under_way = sum(visit.turn is Turn.RETRY for visit in self._under_way.values())
        if self._retries_waiting and under_way < self._retries_at_once:
            return self._retries_waiting.popleft()
        while isinstance(visit := self._book.next(), Visit):
            if visit.turn is not Turn.RETRY or under_way < self._retries_at_once:
                return visit
            self._retries_waiting.append(visit)
        return visit

    async def _make(self, visit: Visit) -> None:
        began = self._clock.monotonic()
        try:
            frame = await self._source.capture(visit.camera, self._deadline_s)
        except CaptureError as error:
            self._book.failed(visit, error.failure)
            return
        self._book.visited(visit, self._clock.monotonic() - began)
        self._detecting.offer(frame, visit.camera.ring)

    async def run_reports(self, stopping: asyncio.Event) -> None:
        """Tell the room and Prometheus how the tour stands, once a second."""
        while not await pause(self._clock, stopping, REPORT_EVERY_S):
            status = self.status()
            try:
                await self._reports.report(status)
            except QueueError:
                continue  # the relay says that the queue is away; the tour goes on

    def status(self) -> TourStatus:
        """How the tour stands now."""
        return self._book.status(self._detecting.counts)


class VisitRate:
    """Visits a second over the last ten reports."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=10)

    def update(self, now: float, visits: int) -> float:
        """Take the count so far; gives the rate."""
        self._points.append((now, visits))
        (then, before), (last, after) = self._points[0], self._points[-1]
        return (after - before) / (last - then) if last > then else 0.0
