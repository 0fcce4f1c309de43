"""Sessions: whether hosts, and the tour itself, have enough at once that no bound is passed, whatever comes due when.

Two answers, and both are told. Little's law (J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations
Research 9(3), 1961) says how many sessions are busy on average: with fewer, bounds cannot be kept. With as many, they
may not be either, where cameras come due together: the analysis that the tour itself goes by (slots.py) says when they
surely are. Both depend on how long visits take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from patrol.domain.admission import ROUNDING, bounds_at, times_that_differ
from patrol.domain.camera import Camera, Strategy
from patrol.domain.hosts import host_of, sessions_on, worst_wait_on_host_s
from patrol.domain.leads import PATIENCE, STEP
from patrol.domain.slots import Demand, worst_wait_s
from patrol.domain.visits import TourSettings

LONGEST_SHARE = 0.5  # of its bound that a visit is given at most
PRECISELY_S = 0.005
MOST_STRETCHED = 64.0


@dataclass(frozen=True, slots=True)
class SessionDemand:
    """Whether one host, or the tour as a whole (``host`` is empty), has sessions enough, at its worst time.

    ``warm`` sessions are kept open and always busy. ``bound_s``: the strictest bound among the cameras, at any time.
    ``busy``: sessions that are, on average, if visits take as long as is expected. ``kept``: whether every bound is
    surely kept then; ``kept_at_most``: however long visits take. ``longest_visit_s``: for how long they may, each of
    them, so that it is; None: not even the quickest will do. ``sessions_needed``: so many are enough however long
    visits take. ``possible_bound_s``: what the strictest bound could be, if all were stretched alike, with visits as
    long as is expected; None where no bound would do. ``at``: when it is worst, first.
    """

    host: str
    cameras: int
    warm: int
    sessions: int
    bound_s: float
    busy: float
    kept: bool
    kept_at_most: bool
    longest_visit_s: float | None
    sessions_needed: int
    possible_bound_s: float | None
    at: datetime

    @property
    def is_possible(self) -> bool:
        """Whether the sessions would be enough if cameras came due one after another, never together."""
        return self.warm + self.busy <= self.sessions + ROUNDING


def host_demands(
    cameras: Sequence[Camera],
    since: datetime,
    *,
    visit_s: float,
    settings: TourSettings,
    sessions_of: Mapping[str, int],
) -> tuple[SessionDemand, ...]:
    """What each host is asked for at its worst time within a week of ``since`` and on every named date after that.

    ``visit_s``: how long a visit is expected to take. ``sessions_of``: hosts that bear another number than the usual
    one. Sorted by what is lacking, most first.
    """
    by_host: dict[str, list[Camera]] = {}
    for camera in cameras:
        host = host_of(camera)
        if host is not None:
            by_host.setdefault(host, []).append(camera)
    besides_s = _longest_overall_wait_s(cameras, since, settings)
    found = [
        _demand(
            host,
            group,
            since,
            visit_s,
            sessions_on(host, settings.sessions_per_host, sessions_of),
            lambda bounds, free, takes_s: _is_sure_on_host(bounds, free, takes_s, settings, besides_s(takes_s)),
        )
        for host, group in by_host.items()
    ]
    return tuple(sorted(found, key=lambda demand: (demand.sessions - demand.sessions_needed, demand.host)))


def total_demand(
    cameras: Sequence[Camera], since: datetime, *, visit_s: float, settings: TourSettings
) -> SessionDemand:
    """What all cameras together ask of the tour's own slots at their worst time; ``host`` is empty.

    Warm cameras count like the others: a look at one takes a slot, too, if only for a moment.
    """

    def is_sure(bounds: Sequence[float], workers: int, takes_s: float) -> bool:
        return _overall_wait_s(bounds, workers, takes_s, settings) is not None

    return _demand("", cameras, since, visit_s, settings.workers, is_sure)


IsSure = Callable[[Sequence[float], int, float], bool]
"""Whether these bounds are surely kept on so many sessions, by visits that take so long at most."""


def given_s(takes_s: float, bound_s: float, settings: TourSettings) -> float:
    """What the tour gives to visits of a camera that take so long; see tour.py."""
    least_s = min(settings.visit_deadline_s, bound_s * LONGEST_SHARE)
    longest_s = max(least_s, min(settings.longest_visit_s, bound_s * LONGEST_SHARE))
    needed_s = PATIENCE * takes_s
    if needed_s >= longest_s:
        return longest_s
    steps = math.ceil(math.log(needed_s / least_s, STEP) - 1e-9) if needed_s > least_s else 0
    return min(longest_s, least_s * STEP**steps)


def _asked(bounds: Sequence[float], takes_s: float, settings: TourSettings, besides_s: float = 0.0) -> list[Demand]:
    return [
        Demand(
            given_s(takes_s, bound_s, settings) + besides_s,
            bound_s - min(settings.lead_s, bound_s / 4) - settings.along_s(bound_s),
        )
        for bound_s in bounds
    ]


def _overall_wait_s(bounds: Sequence[float], workers: int, takes_s: float, settings: TourSettings) -> float | None:
    return worst_wait_s(_asked(bounds, takes_s, settings), workers)


def _longest_overall_wait_s(
    cameras: Sequence[Camera], since: datetime, settings: TourSettings
) -> Callable[[float], float]:
    """How long a visit may have to wait for one of the tour's own slots, at any time; by how long visits take."""
    if len(cameras) <= settings.workers:
        return lambda takes_s: 0.0
    by_time = [[bound_s for _, bound_s in bounds_at(cameras, at)] for at in times_that_differ(cameras, since)]
    known: dict[float, float] = {}

    def wait_s(takes_s: float) -> float:
        if takes_s not in known:
            waits = (_overall_wait_s(bounds, settings.workers, takes_s, settings) or 0.0 for bounds in by_time)
            known[takes_s] = max(waits, default=0.0)
        return known[takes_s]

    return wait_s


def _is_sure_on_host(
    bounds: Sequence[float], sessions: int, takes_s: float, settings: TourSettings, besides_s: float
) -> bool:
    longest_s = max((given_s(math.inf, bound_s, settings) for bound_s in bounds), default=0.0)
    return worst_wait_on_host_s(_asked(bounds, takes_s, settings, besides_s), sessions, longest_s) is not None


def _demand(
    host: str, cameras: Sequence[Camera], since: datetime, visit_s: float, sessions: int, is_sure: IsSure
) -> SessionDemand:
    warm = {camera.id for camera in cameras if host and camera.strategy is Strategy.WARM}
    free = max(1, sessions - len(warm))
    at_times = {at: bounds_at(cameras, at) for at in times_that_differ(cameras, since)}
    opened = {at: sorted(s for camera, s in bounds if camera.id not in warm) for at, bounds in at_times.items()}

    def longest_visit_s(bounds: Sequence[float]) -> float:
        return _longest_visit_s(lambda takes_s: is_sure(bounds, free, takes_s))

    longest = {at: longest_visit_s(bounds) for at, bounds in opened.items()}
    worst = min(longest, key=longest.__getitem__)  # the first of them
    kept = all(is_sure(bounds, free, visit_s) for bounds in opened.values())
    return SessionDemand(
        host=host,
        cameras=len(cameras),
        warm=len(warm),
        sessions=sessions,
        bound_s=min(bound_s for bounds in at_times.values() for _, bound_s in bounds),
        busy=max(sum(min(visit_s / bound_s, LONGEST_SHARE) for bound_s in bounds) for bounds in opened.values()),
        kept=kept,
        kept_at_most=longest[worst] == math.inf,
        longest_visit_s=None if longest[worst] < 0 else longest[worst],
        sessions_needed=len(warm) + max(_fewest(bounds, is_sure) for bounds in opened.values()),
        possible_bound_s=None if kept else _possible_bound_s(opened[worst], free, visit_s, is_sure),
        at=worst,
    )


def _longest_visit_s(is_sure: Callable[[float], bool]) -> float:
    """How long visits may take; infinity: as long as they are ever given; below zero: not even the quickest will do."""
    if is_sure(math.inf):
        return math.inf
    if not is_sure(0.0):
        return -1.0
    long_enough, too_long = 0.0, 1.0
    while is_sure(too_long):
        long_enough, too_long = too_long, 2 * too_long
    while too_long - long_enough > PRECISELY_S:
        middle = (long_enough + too_long) / 2
        long_enough, too_long = (middle, too_long) if is_sure(middle) else (long_enough, middle)
    return long_enough


def _fewest(bounds: Sequence[float], is_sure: IsSure) -> int:
    """The fewest sessions that are enough however long visits take; one for each camera always is."""
    too_few, enough = 0, len(bounds)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_sure(bounds, middle, math.inf) else (middle, enough)
    return enough


def _possible_bound_s(bounds: Sequence[float], sessions: int, visit_s: float, is_sure: IsSure) -> float | None:
    def is_sure_stretched(factor: float) -> bool:
        return is_sure([bound_s * factor for bound_s in bounds], sessions, visit_s)

    too_little, enough = 1.0, 2.0
    while not is_sure_stretched(enough):
        too_little, enough = enough, 2 * enough
        if enough > MOST_STRETCHED:
            return None
    while enough - too_little > 0.01:
        middle = (too_little + enough) / 2
        too_little, enough = (too_little, middle) if is_sure_stretched(middle) else (middle, enough)
    return min(bounds) * enough
