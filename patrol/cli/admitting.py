"""The verdict of ``patrol check`` on the bounds: in words, as a table, and for programs.

Imported when the command runs: what it needs takes longer to import than --help may take.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from rich.table import Table

from patrol.config import Configuration
from patrol.config.measuring import Origin, VisitCost
from patrol.domain.admission import (
    ROUNDING,
    Admission,
    Blame,
    Feasibility,
    Period,
    RingDemand,
    admission,
)
from patrol.domain.camera import Camera
from patrol.domain.schedules import ScheduledBound
from patrol.domain.sessions import SessionDemand, host_demands, total_demand

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_HOSTS = 10
# At twice the resolution the detector takes 134 ms instead of 30 (docs/accuracy.md), of a visit's 36.
FINE_COSTS = 4.0
MOST_TIMES = 3
LEAST_PER_S = 0.01
ORIGINS = {
    Origin.GIVEN: "as given",
    Origin.MEASURED: "as measured",
    Origin.ASSUMED: "assumed; --measured or --visit-cost-ms tells yours",
}


@dataclass(frozen=True, slots=True)
class FineCameras:
    """How many cameras look twice as finely, and how many visits a second that costs beyond their own."""

    cameras: int
    more_per_s: float

    @classmethod
    def of(cls, cameras: Iterable[Camera]) -> FineCameras:
        """Among these."""
        bounds = [camera.revisit_bound_s for camera in cameras if camera.fine]
        return cls(len(bounds), sum((FINE_COSTS - 1) / bound_s for bound_s in bounds))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a machine of so many cores keeps the bounds, and whether hosts and the tour have sessions enough."""

    cost: VisitCost
    cores: int
    admission: Admission
    fine: FineCameras
    hosts: tuple[SessionDemand, ...]
    total: SessionDemand

    @property
    def kept(self) -> bool:
        """Whether every bound is surely kept at all times, while visits take as long as is expected."""
        return self.admission.kept and self.total.kept and all(host.kept for host in self.hosts)

    @property
    def fails(self) -> bool:
        """Whether a strict check has to fail: on an assumed cost it does not."""
        return not self.kept and self.cost.origin is not Origin.ASSUMED


def verdict(configuration: Configuration, cost: VisitCost, cores: int | None, now: datetime) -> Verdict:
    """``cores``: None for this machine's. ``now``: the station's own time; all from the last midnight on is judged."""
    since = datetime.combine(now.date(), time(0))
    cores = cores or len(os.sched_getaffinity(0))
    cameras, tour, fine = configuration.cameras, configuration.tour, FineCameras.of(configuration.cameras)
    capacity = cores * 1000 / cost.cost_ms
    return Verdict(
        cost=cost,
        cores=cores,
        admission=admission(cameras, configuration.rings, max(LEAST_PER_S, capacity - fine.more_per_s), since),
        fine=fine,
        hosts=host_demands(
            cameras, since, visit_s=cost.visit_s, settings=tour, sessions_of=configuration.sessions_of_host
        ),
        total=total_demand(cameras, since, visit_s=cost.visit_s, settings=tour),
    )


def station_time(configuration: Configuration) -> datetime:
    """The station's own time, as its schedules are meant."""
    return datetime.now(configuration.timezone).replace(tzinfo=None)


def lines(found: Verdict) -> Iterator[str]:
    """The verdict in words, after the table."""
    cost, usable = found.cost, found.admission.usual.usable_per_s
    cores = f"{found.cores} core{'s' if found.cores > 1 else ''}"
    yield f"capacity: {cores}, {cost.cost_ms:.3g} ms a visit ({ORIGINS[cost.origin]})"
    if found.fine.cameras:
        of = f"{found.fine.cameras} camera{'s' if found.fine.cameras > 1 else ''}"
        yield f"{of} to be looked at twice as finely: {found.fine.more_per_s:.1f} visits per second go into that"
    yield f"{usable:.1f} visits per second can be promised: {_summed_up(found.admission)}"
    yield from _not_kept(found.admission)
    yield from _session_lines(found)


def warnings(found: Verdict) -> Iterator[str]:
    """What whoever starts the tour must not miss: the rings that cannot be kept, and the hosts that cannot either."""
    judged = found.admission
    if not judged.usual.kept:
        yield _cannot_be_kept(judged.usual, found.cost, "")
    elif not judged.kept:
        yield _cannot_be_kept(judged.worst.feasibility, found.cost, f" at the worst time ({when(judged.worst)})")
    short = [demand.host or "tour.workers" for demand in (*found.hosts, found.total) if not demand.is_possible]
    if short:
        more = f" and {len(short) - MOST_HOSTS} more" if len(short) > MOST_HOSTS else ""
        yield f"too few sessions at once, so bounds cannot be kept: {', '.join(short[:MOST_HOSTS])}{more}"


def _cannot_be_kept(found: Feasibility, cost: VisitCost, hour: str) -> str:
    rings = ", ".join(f"{demand.ring.value} ({_instead(demand)})" for demand in found.rings if not demand.kept)
    return (
        f"the bounds ask for {found.needed_per_s:.1f} visits per second{hour}, and {found.usable_per_s:.1f} can be"
        f" promised at {cost.cost_ms:.3g} ms a visit ({cost.origin.value}): cannot be kept: {rings};"
        f" all bounds would be stretched by {found.stretch:.2f}"
    )


def table(found: Verdict) -> Table:
    """What each ring asks for, usually and at the worst time, and whether that can be kept."""
    made = Table()
    made.add_column("ring")
    for heading in ("asks for", "kept", "at worst", "kept", "else seen every"):
        made.add_column(heading, justify="right")
    worst = found.admission.worst.feasibility
    for usual, busiest in zip(found.admission.usual.rings, worst.rings, strict=True):
        made.add_row(
            usual.ring.value,
            f"{usual.visits_per_s:.1f}/s",
            _yes(usual.kept),
            f"{busiest.visits_per_s:.1f}/s",
            _yes(busiest.kept),
            "" if busiest.kept else _bound(busiest.possible_bound_s),
        )
    return made


def needed(found: Admission) -> str:
    """``33.2 visits per second, 36.0 at the worst time (Mon 07:20-08:20, School hours)``."""
    worst, words = found.worst, f"{found.usual.needed_per_s:.1f} visits per second"
    if not found.periods_differ:
        return words
    return f"{words}, {worst.feasibility.needed_per_s:.1f} at the worst time ({when(worst)}, {_named(worst.in_force)})"


def when(period: Period) -> str:
    """``Mon 07:20-08:20``; a day that is named by its date is shown by it."""
    is_named = any(window.dates for bound in period.in_force for window in bound.windows if window.holds(period.begins))
    first, last = (_day(at, is_named) for at in (period.begins, period.ends - timedelta(microseconds=1)))
    ends = "24:00" if period.ends.time() == time(0) else f"{period.ends:%H:%M}"
    return f"{first} {period.begins:%H:%M}-{ends if first == last else f'{last} {ends}'}"


def as_json(found: Verdict) -> dict[str, Any]:
    """The verdict for programs."""
    return {
        "kept": found.kept,
        "visit_cost_ms": round(found.cost.cost_ms, 2),
        "visit_s": round(found.cost.visit_s, 3),
        "origin": found.cost.origin.value,
        "cores": found.cores,
        "fine": {"cameras": found.fine.cameras, "visits_per_s": round(found.fine.more_per_s, 2)},
        **_feasibility_as_json(found.admission.usual),
        "worst": _period_as_json(found.admission.worst),
        "overloads": [_period_as_json(period) for period in found.admission.overloads],
        "hosts": [_sessions_as_json(host) for host in found.hosts if not host.kept_at_most],
        "visits_at_once": _sessions_as_json(found.total),
    }


def _summed_up(found: Admission) -> str:
    if not found.usual.kept:
        return "not every bound can be kept"
    if not found.kept:
        return "not every bound can be kept at all times"
    usual, worst = found.usual, found.worst.feasibility
    peak = f", {worst.needed_per_s / worst.usable_per_s:.0%} at the worst time" if found.periods_differ else ""
    return f"every bound can be kept ({usual.needed_per_s / usual.usable_per_s:.0%} used{peak})"


def _not_kept(found: Admission) -> Iterator[str]:
    """A paragraph for the usual bounds, and one for each set of schedules that asks for more than is kept."""
    if not found.usual.kept:
        yield from _ring_lines(found.usual)
    by_schedules: dict[tuple[ScheduledBound, ...], list[Period]] = {}
    for period in found.overloads:
        if found.usual.kept or period.feasibility.needed_per_s > found.usual.needed_per_s + ROUNDING:
            by_schedules.setdefault(period.in_force, []).append(period)
    for in_force, periods in by_schedules.items():
        more = f" and {len(periods) - MOST_TIMES} more" if len(periods) > MOST_TIMES else ""
        yield f"{_named(in_force)} ({', '.join(when(period) for period in periods[:MOST_TIMES])}{more}):"
        yield from _ring_lines(periods[0].feasibility)
        if periods[0].blame:
            yield f"  because of {'; '.join(_told(blame) for blame in periods[0].blame)}"


def _instead(demand: RingDemand) -> str:
    return f"{_bound(demand.possible_bound_s)} could be" if demand.possible_bound_s else "nothing is left for it"


def _ring_lines(found: Feasibility) -> Iterator[str]:
    for demand in found.rings:
        if not demand.kept:
            yield f"  {demand.ring.value}: cannot be kept; {_instead(demand)}"
    yield f"  or all bounds stretched by {found.stretch:.2f}, which is what the tour does"


def _session_lines(found: Verdict) -> Iterator[str]:
    short = [host for host in found.hosts if not host.kept_at_most]
    for host in short[:MOST_HOSTS]:
        yield f"{host.host}: {_sessions(host, found.cost.visit_s, 'sessions')}"
    if len(short) > MOST_HOSTS:
        yield f"and {len(short) - MOST_HOSTS} more hosts with too few sessions; --json names them all"
    if not found.total.kept_at_most:
        yield f"tour.workers: {_sessions(found.total, found.cost.visit_s, 'visits')}"
    if not short and found.total.kept_at_most:
        yield "no camera has to wait too long for a session, however long visits take"


def _sessions(demand: SessionDemand, visit_s: float, what: str) -> str:
    cameras = f"{demand.cameras} camera{'s' if demand.cameras > 1 else ''}, the strictest every {demand.bound_s:g} s"
    there, enough = f"{demand.sessions} {what} at once", f"with {demand.sessions_needed} {what}"
    if demand.kept:
        return (
            f"{cameras}: kept with {there} as long as a visit takes no more than {demand.longest_visit_s:.1f} s;"
            f" {enough} however long it takes"
        )
    quicker = f"if none takes more than {demand.longest_visit_s:.1f} s, " if demand.longest_visit_s else ""
    looser = (
        f"with {_bound(demand.possible_bound_s)} instead of {demand.bound_s:g} s, " if demand.possible_bound_s else ""
    )
    return (
        f"{cameras}: {'not sure to be' if demand.is_possible else 'cannot be'} kept with {there} if a visit takes"
        f" {visit_s:.1f} s; surely kept {quicker}{looser}or {enough} however long visits take"
    )


def _yes(kept: bool) -> str:
    return "yes" if kept else "no"


def _bound(bound_s: float | None) -> str:
    return "-" if bound_s is None else f"{bound_s:.1f} s"


def _day(at: datetime, by_date: bool) -> str:
    return at.date().isoformat() if by_date else WEEKDAYS[at.weekday()]


def _named(schedules: Iterable[ScheduledBound]) -> str:
    return " + ".join(bound.name_en for bound in schedules) or "usual bounds"


def _told(blame: Blame) -> str:
    possible = f", {_bound(blame.possible_bound_s)} could be" if blame.possible_bound_s is not None else ""
    return f"{blame.schedule.name_en} (every {blame.schedule.revisit_bound_s:g} s{possible})"


def _feasibility_as_json(found: Feasibility) -> dict[str, Any]:
    return {
        "usable_per_s": round(found.usable_per_s, 2),
        "needed_per_s": round(found.needed_per_s, 2),
        "stretch": round(found.stretch, 3),
        "rings": {
            demand.ring.value: {
                "kept": demand.kept,
                "visits_per_s": round(demand.visits_per_s, 2),
                "possible_bound_s": _rounded(demand.possible_bound_s),
            }
            for demand in found.rings
        },
    }


def _period_as_json(period: Period) -> dict[str, Any]:
    return {
        "begins": period.begins.isoformat(),
        "ends": period.ends.isoformat(),
        "schedules": [bound.name_en for bound in period.in_force],
        "because_of": [
            {"schedule": blame.schedule.name_en, "possible_bound_s": _rounded(blame.possible_bound_s)}
            for blame in period.blame
        ],
        "kept": period.feasibility.kept,
        **_feasibility_as_json(period.feasibility),
    }


def _rounded(bound_s: float | None) -> float | None:
    return None if bound_s is None else round(bound_s, 1)


def _sessions_as_json(demand: SessionDemand) -> dict[str, Any]:
    return {
        "host": demand.host,
        "cameras": demand.cameras,
        "sessions": demand.sessions,
        "warm": demand.warm,
        "bound_s": demand.bound_s,
        "at": demand.at.isoformat(),
        "kept": demand.kept,
        "kept_at_most": demand.kept_at_most,
        "possible": demand.is_possible,
        "longest_visit_s": None if demand.kept_at_most else _rounded(demand.longest_visit_s),
        "possible_bound_s": _rounded(demand.possible_bound_s),
        "sessions_needed": demand.sessions_needed,
    }
