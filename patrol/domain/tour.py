"""The tour: which camera is visited next, and how long each has been unseen.

Earliest deadline first: a camera's deadline is its last look plus its revisit bound. It becomes due ``lead_s``
before that. Failing cameras wait out a random back-off and never take a healthy one's turn; a focus gets a turn only
when nothing else is due. All times are monotonic seconds, given by the caller.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from patrol.domain.camera import Camera, CameraId, Ring, RingName
from patrol.domain.room import CameraStatus, RingStatus


@dataclass(frozen=True, slots=True)
class TourSettings:
    """How the tour works; times in seconds.

    ``workers``: visits at the same time. ``visit_deadline_s``: the longest one visit may hold a worker.
    ``lead_s``: how long before its bound a camera becomes due. ``backoff_base_s``, ``backoff_cap_s``: a failing
    camera is tried again after a random wait of up to base x 2^failures, at most the cap (full jitter).
    """

    workers: int = 32
    visit_deadline_s: float = 10.0
    lead_s: float = 1.5
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 60.0


class Turn(StrEnum):
    """Why a camera is visited now."""

    DUE = "due"
    RETRY = "retry"
    FOCUS = "focus"


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at one camera that is to be made now."""

    camera: Camera
    turn: Turn


@dataclass(slots=True)
class _Standing:
    """What the tour knows of one camera."""

    camera: Camera
    seen_at: float
    ever_seen: bool = False
    failures: int = 0
    failing: str | None = None
    under_way: bool = False
    people: int | None = None
    ticket: int = 0
    focus_until: float = 0.0
    focus_every_s: float = 1.0


@dataclass(order=True, slots=True)
class _Entry:
    """A place in a heap, ordered by ``at``; stale once the camera's ticket has moved on."""

    at: float
    ticket: int
    camera_id: CameraId = field(compare=False)
    due_at: float = field(compare=False)


MAX_STRETCH = 100.0


class Tour:
    """Decides who is next. Not thread-safe: one event loop owns it.

    ``jitter``: a number in [0, 1) at each call, for the back-off. Cost per decision: O(log n).
    """

    def __init__(
        self, cameras: Sequence[Camera], settings: TourSettings, now: float, jitter: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._jitter = jitter
        self._standings = {camera.id: _Standing(camera, seen_at=now) for camera in cameras}
        self._waiting: list[_Entry] = []  # by the time at which it becomes due
        self._due: list[_Entry] = []  # by deadline
        self._focused: list[_Entry] = []  # by the time of the next extra look
        self._tickets = 0
        self.stretch = 1.0
        self._spread_first_looks(now)

    def _spread_first_looks(self, now: float) -> None:
        """First looks are spread over each camera's own bound: no rush at the start, and none is late."""
        by_bound: dict[float, list[_Standing]] = {}
        for standing in self._standings.values():
            by_bound.setdefault(standing.camera.revisit_bound_s, []).append(standing)
        for bound_s, group in by_bound.items():
            span = max(0.0, bound_s - self._lead(bound_s))
            for index, standing in enumerate(group):
                self._wait(standing, now + span * index / len(group))

    def next(self, now: float) -> Visit | float:
        """The visit to make now, or how many seconds nothing is due (at most 1). The visit counts as begun."""
        while self._waiting and self._waiting[0].at <= now:
            entry = heapq.heappop(self._waiting)
            if self._is_current(entry):
                heapq.heappush(self._due, replace(entry, at=self._deadline(entry)))
        while self._due:
            entry = heapq.heappop(self._due)
            if self._is_current(entry):
                standing = self._standings[entry.camera_id]
                return self._begin(standing, Turn.RETRY if standing.failures else Turn.DUE)
        focused = self._next_focus(now)
        return focused if focused is not None else self._idle_s(now)

    def _next_focus(self, now: float) -> Visit | None:
        while self._focused and self._focused[0].at <= now:
            standing = self._standings[heapq.heappop(self._focused).camera_id]
            if now > standing.focus_until:
                standing.focus_until = 0.0
                continue
            self._focus_again(standing, now)
            if not standing.under_way and not standing.failures:
                return self._begin(standing, Turn.FOCUS)
        return None

    def _focus_again(self, standing: _Standing, now: float) -> None:
        at = now + standing.focus_every_s
        heapq.heappush(self._focused, _Entry(at, 0, standing.camera.id, at))

    def _idle_s(self, now: float) -> float:
        upcoming = [heap[0].at for heap in (self._waiting, self._focused) if heap]
        return min(1.0, max(0.0, min(upcoming) - now)) if upcoming else 1.0

    def seen(self, camera_id: CameraId, captured_at: float, people: int) -> float:
        """A frame captured at ``captured_at`` went through the detector. Returns the gap it ends, seconds."""
        standing = self._standings[camera_id]
        gap_s = captured_at - standing.seen_at
        standing.seen_at = max(standing.seen_at, captured_at)
        standing.ever_seen = True
        standing.failures, standing.failing, standing.people = 0, None, people
        self._wait_for_next_look(standing)
        return gap_s

    def failed(self, camera_id: CameraId, why: str, now: float) -> float:
        """The visit brought no frame. Returns the seconds until the next try."""
        standing = self._standings[camera_id]
        standing.failures += 1
        standing.failing = why
        settings = self._settings
        ceiling_s = min(settings.backoff_cap_s, settings.backoff_base_s * 2.0 ** min(standing.failures, 32))
        pause_s = ceiling_s * self._jitter()
        self._wait(standing, now + pause_s)
        return pause_s

    def dropped(self, camera_id: CameraId) -> None:
        """The frame was captured but never went through the detector: the camera is still unseen."""
        self._wait_for_next_look(self._standings[camera_id])

    def focus(self, camera_id: CameraId, now: float, seconds: float, every_s: float) -> None:
        """Look again every ``every_s`` for ``seconds``, with spare capacity only."""
        standing = self._standings[camera_id]
        already = standing.focus_until > 0.0
        standing.focus_until, standing.focus_every_s = now + seconds, every_s
        if not already:
            self._focus_again(standing, now)

    def review_stretch(self, now: float) -> float:
        """Announce by how much all bounds are stretched at present: 1.0 unless the tour cannot keep up.

        Rises at once to the worst share of its bound that a healthy camera has waited for its turn, and comes down
        by 3% a call. A visit under way does not count: how long a camera takes to answer is not the tour's doing.
        """
        worst = max(
            (
                (now - standing.seen_at) / standing.camera.revisit_bound_s
                for standing in self._standings.values()
                if not standing.failures and not standing.under_way
            ),
            default=0.0,
        )
        before = self.stretch
        self.stretch = min(MAX_STRETCH, max(1.0, worst, self.stretch * 0.97))
        if self.stretch != before:
            self._weigh_anew()
        return self.stretch

    def _weigh_anew(self) -> None:
        """Order what is due by the stretch as it is now: by an older, larger one distant deadlines would starve."""
        self._due = [replace(entry, at=self._deadline(entry)) for entry in self._due if self._is_current(entry)]
        heapq.heapify(self._due)

    def blind_age_s(self, camera_id: CameraId, now: float) -> float:
        """Seconds since the camera was last seen; since the start if it never was."""
        return now - self._standings[camera_id].seen_at

    def camera_statuses(self, now: float) -> tuple[CameraStatus, ...]:
        """Every camera's standing, in the order of the configuration."""
        return tuple(
            CameraStatus(
                id=standing.camera.id,
                blind_age_s=now - standing.seen_at if standing.ever_seen else None,
                failing=standing.failing,
                people=standing.people,
            )
            for standing in self._standings.values()
        )

    def ring_status(self, ring: Ring, visits: int, now: float) -> RingStatus:
        """One ring's blind ages. ``visits``: how many were made in it, counted by the caller."""
        standings = [s for s in self._standings.values() if s.camera.ring is ring.name]
        ages = sorted(now - standing.seen_at for standing in standings)
        return RingStatus(
            name=ring.name,
            revisit_bound_s=ring.revisit_bound_s,
            response_target_s=ring.response_target_s,
            cameras=len(standings),
            failing=sum(standing.failures > 0 for standing in standings),
            visits=visits,
            blind_age_p50_s=quantile(ages, 0.5),
            blind_age_p99_s=quantile(ages, 0.99),
            blind_age_max_s=ages[-1] if ages else 0.0,
        )

    def ring_of(self, camera_id: CameraId) -> RingName:
        """The ring a camera belongs to."""
        return self._standings[camera_id].camera.ring

    def _wait_for_next_look(self, standing: _Standing) -> None:
        bound_s = standing.camera.revisit_bound_s
        self._wait(standing, standing.seen_at + bound_s - self._lead(bound_s))

    def _deadline(self, entry: _Entry) -> float:
        """When a camera that is due must be looked at.

        The stretch weighs who goes first; it never makes anyone wait while a slot is free. A failing camera has no
        claim on a bound: its deadline counts from when it became due, so it queues behind the healthy ones.
        """
        standing = self._standings[entry.camera_id]
        since = entry.due_at if standing.failures else standing.seen_at
        return since + standing.camera.revisit_bound_s * self.stretch

    def _lead(self, bound_s: float) -> float:
        return min(self._settings.lead_s, bound_s / 2)

    def _wait(self, standing: _Standing, due_at: float) -> None:
        self._tickets += 1
        standing.ticket = self._tickets
        standing.under_way = False
        heapq.heappush(self._waiting, _Entry(due_at, standing.ticket, standing.camera.id, due_at))

    def _begin(self, standing: _Standing, turn: Turn) -> Visit:
        standing.ticket = 0  # its places in the heaps are stale until the visit ends
        standing.under_way = True
        return Visit(standing.camera, turn)

    def _is_current(self, entry: _Entry) -> bool:
        return self._standings[entry.camera_id].ticket == entry.ticket


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of numbers in ascending order; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def visits_per_s_needed(cameras: Iterable[Camera]) -> float:
    """How many visits a second the cameras' revisit bounds ask for: the sum of 1 / bound."""
    return sum(1.0 / camera.revisit_bound_s for camera in cameras)
