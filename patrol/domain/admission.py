"""Admission: whether the revisit bounds can be kept, now and at every hour of the week, and if not, whose.

Bounds that follow a schedule are judged for every time at which other schedules are in force, so that an overload in
school hours is found when the configuration is loaded, not on Monday morning. All times are the station's own (naive).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from patrol.domain.camera import Camera, Ring, RingName
from patrol.domain.schedules import ScheduledBound, bound_at

USABLE_SHARE = 5 / 6
"""A schedule is sure to exist while the bounds ask for no more than this of the capacity.

A. Kawamura, "Proof of the Density Threshold Conjecture for Pinwheel Scheduling", STOC 2024: one
visit at a time, camera i at least every a_i visits, can be arranged whenever the sum of 1/a_i is at most 5/6. With no
more than two different bounds the whole would do; the rest stays a reserve for retries, focus and noise.
"""

DAYS_AHEAD = 7
ROUNDING = 1e-9

Bounds = Iterable[tuple[Camera, float]]
"""Cameras, each with the revisit bound, in seconds, that holds for it at some time."""

InForce = frozenset[ScheduledBound]


@dataclass(frozen=True, slots=True)
class RingDemand:
    """What one ring asks for.

    ``possible_bound_s``: what could be kept instead of the ring's bound, if all bounds of its cameras, also their own
    and scheduled ones, were stretched alike; None when nothing is left for it.
    """

    ring: RingName
    cameras: int
    visits_per_s: float
    kept: bool
    possible_bound_s: float | None


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What the bounds ask for against what there is, both in visits per second.

    ``stretch``: by how much all bounds have to be stretched together, 1.0 when they are kept.
    """

    needed_per_s: float
    usable_per_s: float
    stretch: float
    rings: tuple[RingDemand, ...]

    @property
    def kept(self) -> bool:
        """Whether every bound is kept."""
        return all(demand.kept for demand in self.rings)


@dataclass(frozen=True, slots=True)
class Blame:
    """A schedule that asks for too much. ``possible_bound_s``: what it could ask for, if it alone were changed."""

    schedule: ScheduledBound
    possible_bound_s: float | None


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in which the same schedules are in force.

    ``blame``: the schedules without any one of which every bound would be kept; where no single one would do, all
    that ask for more than the usual bounds. Empty while all bounds are kept, and when not even the usual ones could be.
    """

    begins: datetime
    ends: datetime
    in_force: tuple[ScheduledBound, ...]
    feasibility: Feasibility
    blame: tuple[Blame, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """The verdict. ``usual``: with no schedule in force; ``periods``: the days ahead and every date that is named."""

    usual: Feasibility
    periods: tuple[Period, ...]

    @property
    def worst(self) -> Period:
        """The first of the times that ask for most."""
        return max(self.periods, key=lambda period: period.feasibility.needed_per_s)

    @property
    def periods_differ(self) -> bool:
        """Whether some time asks for more than the usual bounds do."""
        return self.worst.feasibility.needed_per_s > self.usual.needed_per_s + ROUNDING

    @property
    def overloads(self) -> tuple[Period, ...]:
        """The times at which not every bound can be kept."""
        return tuple(period for period in self.periods if not period.feasibility.kept)

    @property
    def kept(self) -> bool:
        """Whether every bound is kept at all times."""
        return self.usual.kept and not self.overloads


def visits_per_s(bounds: Bounds) -> float:
    """How many visits a second the bounds ask for: the sum of 1 / bound."""
    return sum(1.0 / bound_s for _, bound_s in bounds)


def feasibility(bounds: Bounds, rings: Mapping[RingName, Ring], capacity_per_s: float) -> Feasibility:
    """Serves the rings from the inside out with ``capacity_per_s`` visits per second, less the reserve. O(cameras)."""
    asked = dict.fromkeys(RingName, 0.0)
    cameras = dict.fromkeys(RingName, 0)
    for camera, bound_s in bounds:
        asked[camera.ring] += 1.0 / bound_s
        cameras[camera.ring] += 1
    usable = max(0.0, capacity_per_s) * USABLE_SHARE
    left, demands = usable, []
    for name in RingName:
        demands.append(_ring_demand(rings[name], cameras[name], asked[name], left))
        left = max(0.0, left - asked[name])
    needed = sum(asked.values())
    return Feasibility(needed, usable, _stretch(needed, usable), tuple(demands))


def admission(
    cameras: Sequence[Camera], rings: Mapping[RingName, Ring], capacity_per_s: float, since: datetime
) -> Admission:
    """Judges the bounds for a week from ``since`` and on every named date after that."""
    usual = feasibility(_usual(cameras), rings, capacity_per_s)
    schedules = {bound for camera in cameras for bound in camera.bounds}
    known: dict[InForce, tuple[Feasibility, tuple[Blame, ...]]] = {}
    periods = []
    for begins, ends, in_force in _stretches(schedules, since):
        if in_force not in known:
            found = feasibility(bounds_at(cameras, begins), rings, capacity_per_s)
            known[in_force] = found, _blame(cameras, rings, capacity_per_s, begins, in_force, usual, found)
        periods.append(Period(begins, ends, _by_name(in_force), *known[in_force]))
    return Admission(usual, tuple(periods))


def bounds_at(cameras: Iterable[Camera], local: datetime) -> list[tuple[Camera, float]]:
    """Each camera with the bound that holds for it at ``local``, the station's own time."""
    return [(camera, bound_at(camera.revisit_bound_s, camera.bounds, local)) for camera in cameras]


def times_that_differ(cameras: Sequence[Camera], since: datetime) -> list[datetime]:
    """One moment for each set of schedules that are in force together for these cameras; ``since`` at least."""
    schedules = {bound for camera in cameras for bound in camera.bounds}
    if not schedules:
        return [since]
    first: dict[InForce, datetime] = {}
    for begins, _, in_force in _stretches(schedules, since):
        first.setdefault(in_force, begins)
    return list(first.values())


def _ring_demand(ring: Ring, cameras: int, asked: float, left: float) -> RingDemand:
    kept = asked <= left + ROUNDING
    if kept:
        return RingDemand(ring.name, cameras, asked, kept, ring.revisit_bound_s)
    return RingDemand(ring.name, cameras, asked, kept, ring.revisit_bound_s * asked / left if left > 0 else None)


def _stretch(needed: float, usable: float) -> float:
    if needed <= usable + ROUNDING:
        return 1.0
    return needed / usable if usable > 0 else math.inf


def _usual(cameras: Iterable[Camera]) -> list[tuple[Camera, float]]:
    return [(camera, camera.revisit_bound_s) for camera in cameras]


def _blame(
    cameras: Sequence[Camera],
    rings: Mapping[RingName, Ring],
    capacity_per_s: float,
    at: datetime,
    in_force: InForce,
    usual: Feasibility,
    found: Feasibility,
) -> tuple[Blame, ...]:
    if found.kept or not usual.kept:
        return ()
    schedules = _by_name(in_force)

    def judged(kept: Collection[ScheduledBound]) -> Feasibility:
        return feasibility(_bounds_with(cameras, kept, at), rings, capacity_per_s)

    alone = [one for one in schedules if judged(in_force - {one}).kept]
    if alone:
        return tuple(Blame(one, _possible_s(cameras, one, in_force, at, found)) for one in alone)
    return tuple(Blame(one, None) for one in schedules if judged({one}).needed_per_s > usual.needed_per_s + ROUNDING)


def _possible_s(
    cameras: Sequence[Camera], schedule: ScheduledBound, in_force: InForce, at: datetime, found: Feasibility
) -> float | None:
    """The bound of ``schedule`` that would just be kept beside everything else."""
    pairs = zip(bounds_at(cameras, at), _bounds_with(cameras, in_force - {schedule}, at), strict=True)
    concerned = sum(bound_s != other_s for (_, bound_s), (_, other_s) in pairs)
    left = found.usable_per_s - (found.needed_per_s - concerned / schedule.revisit_bound_s)
    return concerned / left if left > 0 else None


def _bounds_with(
    cameras: Iterable[Camera], kept: Collection[ScheduledBound], at: datetime
) -> Iterator[tuple[Camera, float]]:
    """Each camera's bound if of all schedules there were only ``kept``."""
    for camera in cameras:
        yield camera, bound_at(camera.revisit_bound_s, (bound for bound in camera.bounds if bound in kept), at)


def _by_name(schedules: Iterable[ScheduledBound]) -> tuple[ScheduledBound, ...]:
    return tuple(sorted(schedules, key=lambda schedule: (schedule.name_en, schedule.name, schedule.revisit_bound_s)))


def _stretches(schedules: Collection[ScheduledBound], since: datetime) -> Iterator[tuple[datetime, datetime, InForce]]:
    """(begins, ends, in force), joined where nothing changes. Time not told of, between far dates, is left out."""
    days = _days(schedules, since.date())
    held: tuple[datetime, datetime, InForce] | None = None
    for begins, ends in pairwise(_edges(schedules, days, since)):
        if begins.date() not in days:
            continue
        in_force = _in_force(schedules, begins)
        if held is not None and held[1] == begins and held[2] == in_force:
            held = held[0], ends, in_force
            continue
        if held is not None:
            yield held
        held = begins, ends, in_force
    if held is not None:
        yield held


def _in_force(schedules: Collection[ScheduledBound], at: datetime) -> InForce:
    return frozenset(bound for bound in schedules if any(window.holds(at) for window in bound.windows))


def _days(schedules: Collection[ScheduledBound], first: date) -> frozenset[date]:
    """The days ahead, and each named date with the day after it, into which its windows may reach."""
    named = {day for bound in schedules for window in bound.windows for day in window.dates}
    reached = {day + timedelta(days=more) for day in named for more in (0, 1) if day < date.max}
    ahead = {first + timedelta(days=more) for more in range(DAYS_AHEAD)}
    return frozenset(ahead | {day for day in reached if day >= first})


def _edges(schedules: Collection[ScheduledBound], days: Collection[date], since: datetime) -> list[datetime]:
    """Every moment on one of ``days`` at which a schedule may begin or end; and their midnights, before and after."""
    windows = [window for bound in schedules for window in bound.windows]
    times = {time(0), *(window.begins for window in windows), *(window.ends for window in windows)}
    moments = {datetime.combine(day, moment) for day in days for moment in times}
    midnights = {datetime.combine(day + timedelta(days=1), time(0)) for day in days}
    return [since, *sorted(moment for moment in moments | midnights if moment > since)]
