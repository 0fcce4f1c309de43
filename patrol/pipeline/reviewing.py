"""Reviewing: once a second, what the tour promises is held against what it does.

Bounds follow their schedule; the measured capacity is held against what the bounds ask for; a camera that passes its
bound is an alarm, and technicians are told.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from patrol.domain.admission import Feasibility, feasibility
from patrol.domain.camera import Camera, CameraId, Ring, RingName
from patrol.domain.errors import CaptureFailure
from patrol.domain.schedules import bound_at
from patrol.domain.tour import Tour
from patrol.domain.troubles import Trouble
from patrol.metrics import Metrics
from patrol.ports import Clock, OpenSessions, ProcessorUse

_log = logging.getLogger(__name__)

STARTING = 10  # reviews: what the start costs is no visit's cost
MEASURED_OVER = 30  # reviews: what one second costs says little
JUDGED_EVERY = 10
FEWEST_VISITS = 30
RELIEVED = 0.95  # of what is usable: near its edge a verdict that changes every time says nothing
# What these cameras show is told for itself, as a trouble of its own (inspecting.py).
SHOWN = frozenset({CaptureFailure.WRONG_PICTURE, CaptureFailure.NO_SIGNAL})
MOST_HOSTS = 10
LATE = "late"  # no visit failed: the tour itself did not come round in time


class TroubleSide(Protocol):
    """Who is told of cameras that are of no use at present."""

    def troubled(self, camera: Camera, trouble: Trouble, detail: str, since: datetime) -> None:
        """There is trouble with a camera; telling it again changes nothing."""

    def recovered(self, camera: Camera, trouble: Trouble, at: datetime) -> None:
        """That trouble is over."""


@dataclass(frozen=True, slots=True)
class _Sample:
    visits: int
    own_s: float


class Capacity:
    """How many visits a second the machine could make, measured while it works.

    A visit costs what this process used, rules, store and console included, shared out over the visits it made; the
    machine has one second of each core a second. What else runs on it is not known: if it takes too much, visits come
    late, and the stretch says so.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._samples: deque[_Sample] = deque(maxlen=MEASURED_OVER)

    def update(self, visits: int, own_s: float) -> float | None:
        """Take the counts so far. Visits a second; None while too little was seen to say."""
        self._samples.append(_Sample(visits, own_s))
        first, last = self._samples[0], self._samples[-1]
        made, own = last.visits - first.visits, last.own_s - first.own_s
        if len(self._samples) < JUDGED_EVERY or made < FEWEST_VISITS or own <= 0:
            return None
        return self._cores * made / own


class Reviewing:
    """Looks at the tour as a whole."""

    def __init__(
        self,
        tour: Tour,
        cameras: Mapping[CameraId, Camera],
        rings: Mapping[RingName, Ring],
        timezone: tzinfo,
        processor: ProcessorUse,
        sessions: OpenSessions,
        troubles: TroubleSide,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._tour = tour
        self._cameras = cameras
        self._rings = rings
        self._timezone = timezone
        self._processor = processor
        self._sessions = sessions
        self._troubles = troubles
        self._clock = clock
        self._metrics = metrics
        self._capacity = Capacity(processor.cores)
        self._reviews = 0
        self.capacity_per_s: float | None = None
        self.needed_per_s: float | None = None
        self._kept: bool | None = None
        self._short: frozenset[str] = frozenset()  # hosts with too few sessions
        self._passed: dict[CameraId, float] = {}  # cameras past their bounds, and when that was counted
        self._told: set[CameraId] = set()  # those of them that technicians know of
        self._note_what_is_asked()

    def review(self, visits: int) -> None:
        """Once a second. ``visits``: how many brought a frame since the start."""
        self.follow_schedules()
        self._note_what_is_asked()
        self._follow_sessions()
        self._judge_slots()
        self._judge_capacity(visits)
        self._sound_alarms()

    def follow_schedules(self) -> None:
        """Give each camera the bound of the hour."""
        local = self._clock.now().astimezone(self._timezone)
        now_s = self._tour.bounds()
        changed = {
            camera.id: bound_s
            for camera in self._cameras.values()
            if camera.bounds and (bound_s := bound_at(camera.revisit_bound_s, camera.bounds, local)) != now_s[camera.id]
        }
        if changed:
            self._tour.set_bounds(changed, self._clock.monotonic())
            _log.info("the revisit bounds of %d cameras changed with the hour", len(changed))

    def _follow_sessions(self) -> None:
        """Cameras that are kept open hold their hosts' sessions all the time.

        Held against what the tour believes: it learns of some by itself, as their visits end.
        """
        kept_open, passing = self._sessions.kept_open, self._sessions.passing
        self._metrics.tour.warm.set(len(kept_open))
        if (kept_open, passing) != (self._tour.kept_open, self._tour.passing):
            self._tour.set_kept_open(kept_open, passing)

    def _note_what_is_asked(self) -> None:
        self.needed_per_s = sum(1.0 / bound_s for bound_s in self._tour.bounds().values())
        self._metrics.tour.needed.set(self.needed_per_s)

    def _judge_slots(self) -> None:
        """Whether anybody may have to wait too long for a session, whatever comes due when."""
        short = frozenset(name or "tour.workers" for name in self._tour.not_admitted)
        self._metrics.tour.admitted.set(not short)
        if short - self._short:
            _log.warning(
                "too few sessions at once for visits as long as they may take at present, so bounds are not sure to be"
                " kept: %s; `patrol check` tells how many would do",
                _listed(short),
            )
        elif self._short and not short:
            _log.info("there are sessions enough again for all bounds")
        self._short = short

    def _judge_capacity(self, visits: int) -> None:
        self._reviews += 1
        if self._reviews <= STARTING:
            return
        per_s = self._capacity.update(visits, self._processor.used_s())
        if per_s is None or self._reviews % JUDGED_EVERY:
            return
        bounds = self._tour.bounds()
        found = feasibility(
            [(self._cameras[camera_id], bound) for camera_id, bound in bounds.items()], self._rings, per_s
        )
        self.capacity_per_s = per_s
        self._metrics.tour.capacity.set(per_s)
        self._tour.set_spare(found.usable_per_s - self._tour.due_per_s, self._clock.monotonic())
        self._tell(found, per_s)

    def _tell(self, found: Feasibility, per_s: float) -> None:
        relieved = found.needed_per_s <= RELIEVED * found.usable_per_s
        if found.kept == self._kept or (self._kept is False and not relieved):
            return
        if not found.kept:
            rings = ", ".join(
                f"{ring.ring} ({_seconds(ring.possible_bound_s)} could be kept)"
                for ring in found.rings
                if not ring.kept
            )
            _log.warning(
                "the bounds ask for %.1f visits a second, this machine makes %.1f at most, a sixth of it kept in"
                " reserve: not sure to be kept: %s",
                found.needed_per_s,
                per_s,
                rings,
            )
        elif self._kept is False:
            _log.info("the machine is quick enough again for all bounds: %.1f visits a second", per_s)
        self._kept = found.kept

    def _sound_alarms(self) -> None:
        now = self._clock.monotonic()
        past = [camera for camera in self._tour.past_bound(now) if self._tour.failing(camera) not in SHOWN]
        by_ring = Counter(self._cameras[camera_id].ring for camera_id in past)
        for ring in RingName:
            self._metrics.tour.past_bound.labels(ring.value).set(by_ring[ring])
        for camera_id in past:
            if camera_id not in self._passed:
                self._passed[camera_id] = now
                self._metrics.tour.bounds_passed.labels(self._cameras[camera_id].ring.value).inc()
            # Of one that a person had skipped technicians have nothing to mend; the figures hide nothing.
            if camera_id not in self._told and not self._tour.is_excused(camera_id, now):
                self._tell_unseen(self._cameras[camera_id], now)
        for camera_id in [c for c, at in self._passed.items() if self._tour.blind_age_s(c, now) < now - at]:
            del self._passed[camera_id]
            if camera_id in self._told:
                self._told.discard(camera_id)
                self._troubles.recovered(self._cameras[camera_id], Trouble.UNSEEN, self._clock.now())

    def _tell_unseen(self, camera: Camera, now: float) -> None:
        self._told.add(camera.id)
        since = self._clock.now() - timedelta(seconds=self._tour.blind_age_s(camera.id, now))
        self._troubles.troubled(camera, Trouble.UNSEEN, self._tour.failing(camera.id) or LATE, since)


def _listed(hosts: Set[str]) -> str:
    names = sorted(hosts)
    return ", ".join(names[:MOST_HOSTS]) + (f" and {len(names) - MOST_HOSTS} more" if len(names) > MOST_HOSTS else "")


def _seconds(bound_s: float | None) -> str:
    return "no bound" if bound_s is None else f"{bound_s:.1f} s"
