"""Touring: async workers that visit whichever camera is next."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from patrol.domain.camera import Camera, CameraId, Ring, RingName
from patrol.domain.camera_history import CameraSpan, Unseen, VisitMemory, VisitRecord
from patrol.domain.errors import CaptureError, CaptureFailure, QueueError
from patrol.domain.frame import Frame
from patrol.domain.pins import USUAL_EVERY_S, Pin
from patrol.domain.requests import LiveSession, TourRequest, ViewAcceptance
from patrol.domain.room import PinnedCamera, SceneStanding, SkippedCamera, TourStatus
from patrol.domain.skips import Skip
from patrol.domain.tour import Tour
from patrol.domain.tour_status import with_blinded
from patrol.domain.troubles import Trouble
from patrol.domain.visits import Asker, Turn, Visit
from patrol.metrics import Metrics
from patrol.pipeline.detecting import Detecting, FrameCounts
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, FrameSource, OpenSessions, TourReports, TourRequests

_log = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
RECENT = 12
FINISH_VISITS_S = 1.0
# A drop or a focus may make something due sooner than the tour could foresee.
LOOK_AGAIN_S = 0.1
SHORTEST_WAIT_S = 0.01  # visits that become due together begin together
# Who wants a camera seen more often than this wants more than its key frames; see OpenSessions.
KEY_FRAMES_LIE_APART_S = 2.0
# Visits rest while so many frames wait for the detector: a picture should be looked at while it is fresh.
MAX_WAITING_FRAMES = 32

OnGap = Callable[[CameraId, RingName, float], None]
"""Told of every gap, in seconds, by camera and ring."""


def nobody(_camera: CameraId, _ring: RingName, _gap_s: float) -> None:
    """Nobody listens."""


class TourBook:
    """The tour with what happened in it: who is next, who was seen, who failed. See confirming.TourSide."""

    def __init__(
        self,
        tour: Tour,
        rings: Mapping[RingName, Ring],
        sessions: OpenSessions,
        clock: Clock,
        metrics: Metrics,
        on_gap: OnGap = nobody,
        memory: VisitMemory | None = None,
    ) -> None:
        self._tour = tour
        self._memory = memory or VisitMemory()
        self._sessions = sessions
        self._on_gap = on_gap
        self._rings = rings
        self._clock = clock
        self._metrics = metrics
        self._visits: Counter[RingName] = Counter()
        self._recent: deque[CameraId] = deque(maxlen=RECENT)
        self._failing: set[CameraId] = set()
        self._pins: dict[CameraId, PinnedCamera] = {}
        self._skips: dict[CameraId, SkippedCamera] = {}
        self._rate = VisitRate()
        self._reviewed_at = clock.monotonic()

    def next(self, may_focus: bool) -> Visit | float:
        """The visit to make now, or the seconds in which nothing is due. ``may_focus``: see Tour."""
        return self._tour.next(self._clock.monotonic(), may_focus)

    def ended(self, visit: Visit) -> None:
        """The visit is over."""
        camera_id, sessions = visit.camera.id, self._sessions
        self._tour.ended(visit, is_kept_open=camera_id in sessions.kept_open, is_passing=camera_id in sessions.passing)

    def unconfirmed(self, camera: Camera, held_s: float) -> None:
        """A session was closed without the camera's word; its host may hold it for so long. See ports.OnUnconfirmed."""
        self._metrics.tour.unconfirmed.labels(camera.ring.value).inc()
        self._tour.unconfirmed(camera.id, held_s, self._clock.monotonic())

    def lent(self, session: LiveSession) -> None:
        """One of a host's sessions is taken by who looks at a camera live; nothing for one that is not in the tour."""
        if session.camera_id in self._tour:
            self._tour.unconfirmed(session.camera_id, session.seconds, self._clock.monotonic())

    def visited(self, visit: Visit, frame: Frame, seconds: float) -> None:
        """The visit brought a frame."""
        ring = visit.camera.ring
        self._visits[ring] += 1
        self._metrics.tour.visits.labels(ring.value).inc()
        self._metrics.stages.took("visit", ring, seconds)
        waits_s = self._sessions.longest_wait_s(visit.camera.id)
        self._tour.captured(visit.camera.id, seconds, self._age_s(frame), waits_s)
        self._memory.captured(visit, frame.captured_at, seconds)
        if visit.turn is Turn.FOCUS:
            self._metrics.tour.focus_visits.inc()

    def failed(self, visit: Visit, error: CaptureError, seconds: float) -> None:
        """The visit brought none: the camera waits out a back-off."""
        camera, failure = visit.camera, error.failure
        self._memory.failed(visit, failure, self._clock.now(), seconds, error.detail)
        self._metrics.tour.failures.labels(camera.ring.value, failure.value).inc()
        self._failed(camera.id, failure)

    def refused(self, frame: Frame, failure: CaptureFailure) -> None:
        """A frame does not show its camera's scene: it counts for nothing."""
        self._metrics.tour.failures.labels(self._tour.ring_of(frame.camera_id).value, failure.value).inc()
        self._memory.refused(frame.camera_id, frame.captured_at, failure)
        self._failed(frame.camera_id, failure)

    def _failed(self, camera_id: CameraId, failure: CaptureFailure) -> None:
        self._tour.failed(camera_id, failure, self._clock.monotonic())
        if camera_id not in self._failing:
            self._failing.add(camera_id)
            _log.warning("camera %s cannot be seen: %s", camera_id, failure.value)

    def seen(self, frame: Frame, people: int) -> None:
        """A frame went through the detector: its camera has been seen."""
        captured_at = self._clock.monotonic() - self._age_s(frame)
        gap_s = self._tour.seen(frame.camera_id, captured_at, people)
        ring = self._tour.ring_of(frame.camera_id)
        # Never below zero: a wall clock that was set while the picture was on its way must not count backwards.
        self._metrics.tour.gap.labels(ring.value).observe(max(0.0, gap_s))
        self._on_gap(frame.camera_id, ring, gap_s)
        self._memory.seen(frame.camera_id, frame.captured_at, people, gap_s)
        self._recent.appendleft(frame.camera_id)
        if frame.camera_id in self._failing:
            self._failing.discard(frame.camera_id)
            _log.info("camera %s is back", frame.camera_id)

    def _age_s(self, frame: Frame) -> float:
        """How old a frame is; never below zero, although the wall clock may have been set."""
        return max(0.0, (self._clock.now() - frame.captured_at).total_seconds())

    def dropped(self, frame: Frame) -> None:
        """A frame never went through the detector: its camera is still unseen."""
        self._memory.dropped(frame.camera_id, frame.captured_at)
        self._tour.dropped(frame.camera_id)

    @property
    def visits(self) -> int:
        """How many visits brought a frame."""
        return self._visits.total()

    def pin(self, camera_id: CameraId, seconds: float, every_s: float, asker: Asker) -> None:
        """Focus: look at a camera again soon, for a while, with spare capacity; 0 seconds ends the asker's."""
        now = self._clock.monotonic()
        self._tour.pin(camera_id, now, seconds, every_s, asker)
        self._sessions.hold(camera_id, self._tour.in_focus_for_s(camera_id, now, KEY_FRAMES_LIE_APART_S))

    def pinned(self, pin: Pin) -> None:
        """An operator pins a camera, or lets it go; one that is not in the tour is nobody's wish any more.

        Who wants to see it does not want it skipped.
        """
        if pin.camera_id not in self._tour:
            return
        until = self._clock.now() + timedelta(seconds=pin.seconds)
        self._pins.pop(pin.camera_id, None)
        if pin.seconds:
            self._end_skip(pin.camera_id)
            self._pins[pin.camera_id] = PinnedCamera(pin.camera_id, until, pin.operator, pin.is_hold)
        self.pin(pin.camera_id, pin.seconds, pin.every_s, Asker.OPERATOR)

    def skipped(self, skip: Skip) -> None:
        """An operator has a camera left out, and nobody's pin holds it then; or wants it visited again."""
        camera_id = skip.camera_id
        if camera_id not in self._tour:
            return
        if not skip.seconds:
            self._end_skip(camera_id)
            return
        self._pins.pop(camera_id, None)
        self.pin(camera_id, 0.0, USUAL_EVERY_S, Asker.OPERATOR)
        until = self._clock.now() + timedelta(seconds=skip.seconds)
        self._skips[camera_id] = SkippedCamera(camera_id, until, skip.operator, skip.reason)
        self._tour.skip(camera_id, skip.seconds, self._clock.monotonic())
        _log.warning("camera %s is skipped for %g s, by %s", camera_id, skip.seconds, skip.operator)

    def redrawn(self, _before: Camera, after: Camera) -> None:
        """See redrawing.Redrawn."""
        if after.id in self._tour:
            self._tour.redraw(after)

    def _end_skip(self, camera_id: CameraId) -> None:
        if self._skips.pop(camera_id, None) is not None:
            self._tour.skip(camera_id, 0.0, self._clock.monotonic())

    def _skipped(self) -> tuple[SkippedCamera, ...]:
        now = self._clock.now()
        self._skips = {camera_id: skip for camera_id, skip in self._skips.items() if skip.until > now}
        rings = Counter(self._tour.ring_of(camera_id) for camera_id in self._skips)
        for ring in RingName:
            self._metrics.tour.skipped.labels(ring.value).set(rings[ring])
        return tuple(self._skips.values())

    def _pinned(self) -> tuple[PinnedCamera, ...]:
        now = self._clock.now()
        self._pins = {camera_id: pin for camera_id, pin in self._pins.items() if pin.until > now}
        return tuple(self._pins.values())

    def status(self, frames: FrameCounts) -> TourStatus:
        """How the tour stands now."""
        now = self._clock.monotonic()
        rings = tuple(self._tour.ring_status(ring, self._visits[ring.name], now) for ring in self._rings.values())
        status = TourStatus(
            at=self._clock.now(),
            stretch=self._review(now),
            visits_per_s=self._rate.update(now, self._visits.total()),
            rings=rings,
            cameras=self._tour.camera_statuses(now),
            recent=tuple(self._recent),
            frames_captured=frames.captured,
            frames_processed=frames.processed,
            frames_dropped=frames.dropped,
            pinned=self._pinned(),
            skipped=self._skipped(),
        )
        self._metrics.tour.show(status.stretch, rings)
        return status

    def _review(self, now: float) -> float:
        """The stretch. For how long there was one is counted: most are over before the next scrape."""
        stretch = self._tour.review(now)
        if stretch > 1.0:
            self._metrics.tour.stretched.inc(now - self._reviewed_at)
        self._reviewed_at = now
        self._memory.stretched(stretch)
        return stretch

    def end_span(self, began_at: datetime) -> tuple[CameraSpan, ...]:
        """See remembering.MemorySide."""
        return self._memory.end_span(began_at, self._tour.unseen(self._clock.monotonic()))

    def record(self, camera_id: CameraId) -> VisitRecord | None:
        """See remembering.MemorySide."""
        if camera_id not in self._tour:
            return None
        now = self._clock.monotonic()
        bound_s = self._tour.bounds()[camera_id]
        unseen = Unseen(camera_id, self._tour.blind_age_s(camera_id, now), bound_s)
        return self._memory.record(unseen, self._clock.now())


class FrameSide(Protocol):
    """Where captured frames go."""

    def offer(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        """Take a frame, of a focus or not; never waits."""

    @property
    def blinded(self) -> Mapping[CameraId, Trouble]:
        """The cameras whose pictures show nothing, and why."""

    def accept_view(self, acceptance: ViewAcceptance) -> None:
        """A person says that a camera shows what it shall show; nothing if there is no such camera."""


class ReviewSide(Protocol):
    """Who looks at the tour as a whole. Visits a second that could be made, and are asked for; None until known."""

    @property
    def capacity_per_s(self) -> float | None: ...

    @property
    def needed_per_s(self) -> float | None: ...

    def review(self, visits: int) -> None:
        """Once a second. ``visits``: how many brought a frame since the start."""


class Touring:
    """Makes the visits the tour names, and reports on it."""

    def __init__(
        self,
        book: TourBook,
        source: FrameSource,
        frames: FrameSide,
        detecting: Detecting,
        reviewing: ReviewSide,
        reports: TourReports,
        requests: TourRequests,
        clock: Clock,
        scenes: Callable[[], SceneStanding | None] = lambda: None,
    ) -> None:
        """``scenes``: how far the process has taken up what was drawn."""
        self._book = book
        self._scenes = scenes
        self._requests = requests
        self._source = source
        self._frames = frames
        self._detecting = detecting
        self._reviewing = reviewing
        self._reports = reports
        self._clock = clock
        self._under_way: dict[asyncio.Task[None], Visit] = {}
        self._visit_ended = asyncio.Event()
        self._reviewed = asyncio.Event()
        self._status: TourStatus | None = None  # as of the last review

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
        self._book.ended(self._under_way.pop(task))
        self._visit_ended.set()

    async def _next_visit(self, stopping: asyncio.Event) -> Visit | None:
        """The next visit to make; None after a short wait if there is none, or no slot for it."""
        wait_s = LOOK_AGAIN_S
        if self._detecting.waiting < MAX_WAITING_FRAMES:
            # What is left for focus is an estimate, and others use this machine, too. Where it was too high, focus must
            # not fill the line that the pictures of cameras that are due stand in.
            visit = self._book.next(may_focus=self._detecting.keeps_up)
            if isinstance(visit, Visit):
                return visit
            wait_s = min(visit, LOOK_AGAIN_S)
        await pause(self._clock, stopping, max(wait_s, SHORTEST_WAIT_S))
        return None

    async def _make(self, visit: Visit) -> None:
        began = self._clock.monotonic()
        try:
            frame = await self._source.capture(visit.camera, visit.deadline_s)
        except CaptureError as error:
            self._book.failed(visit, error, self._clock.monotonic() - began)
            return
        self._book.visited(visit, frame, self._clock.monotonic() - began)
        self._frames.offer(frame, visit.camera.ring, is_extra=visit.turn is Turn.FOCUS)

    async def run_reports(self, stopping: asyncio.Event) -> None:
        """Tell the room and Prometheus how the tour stands, and hear what the room asks for, once a second.

        The review goes on by itself: a queue that swallows everything holds up the room, and no bound or alarm.
        """
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(self._talk_to_the_room(stopping))
            while not await pause(self._clock, stopping, REPORT_EVERY_S):
                self._reviewing.review(self._book.visits)
                self._status = self.status()
                self._reviewed.set()
            talking.cancel()

    async def _talk_to_the_room(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():  # a command of redis-py may miss that it was cancelled
            await self._reviewed.wait()
            self._reviewed.clear()
            assert self._status is not None
            # Where the queue is away, the relay says so; the tour goes on.
            with contextlib.suppress(QueueError):
                await self._reports.report(self._status)
            with contextlib.suppress(QueueError):
                for request in await self._requests.take():
                    self._hear(request)

    def _hear(self, request: TourRequest) -> None:
        match request:
            case Pin():
                self._book.pinned(request)
            case Skip():
                self._book.skipped(request)
            case ViewAcceptance():
                self._frames.accept_view(request)
            case LiveSession():
                self._book.lent(request)

    def status(self) -> TourStatus:
        """How the tour stands now."""
        status = self._book.status(self._detecting.counts)
        reviewing = self._reviewing
        return replace(
            status,
            cameras=with_blinded(status.cameras, self._frames.blinded),
            capacity_per_s=reviewing.capacity_per_s,
            needed_per_s=reviewing.needed_per_s,
            scenes=self._scenes(),
        )


class VisitRate:
    """Visits a second over the last ten reports."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=10)

    def update(self, now: float, visits: int) -> float:
        """Take the count so far; gives the rate."""
        self._points.append((now, visits))
        (then, before), (last, after) = self._points[0], self._points[-1]
        return (after - before) / (last - then) if last > then else 0.0
