"""The roster (班表): when a unit is on duty today, and when that changes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from patrol.domain.units import Shift

LOOKED_AHEAD = timedelta(days=8)
"""A week and a day: each weekly shift begins or ends within it."""

HOURS_OF_DAY = 24.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one day, in hours from its midnight, 0 to 24, as the station's clocks show."""

    begins_h: float
    ends_h: float


WHOLE_DAY = (Stretch(0.0, HOURS_OF_DAY),)


def stretches_of(shift: Shift | None, day: date) -> tuple[Stretch, ...]:
    """When a unit is on duty on a day, in order; who has no shift is always."""
    if shift is None:
        return WHOLE_DAY
    edges = sorted(
        {0.0, HOURS_OF_DAY, *(_hours(edge) for window in shift.windows for edge in (window.begins, window.ends))}
    )
    joined: list[Stretch] = []
    for begins_h, ends_h in pairwise(edges):
        if not _holds(shift, day, (begins_h + ends_h) / 2):
            continue
        if joined and joined[-1].ends_h == begins_h:
            joined[-1] = Stretch(joined[-1].begins_h, ends_h)
        else:
            joined.append(Stretch(begins_h, ends_h))
    return tuple(joined)


def changes_at(shift: Shift | None, now: datetime) -> datetime | None:
    """When its crew next comes on duty or goes off it, aware; None where that is never, or not for a week."""
    if shift is None:
        return None
    is_on = shift.holds(now)
    later = (edge for edge in _edges(shift, now) if edge > now and shift.holds(edge) is not is_on)
    return min(later, default=None)


def _edges(shift: Shift, now: datetime) -> Iterator[datetime]:
    today = now.astimezone(shift.timezone).date()
    for day in _days(today, today + LOOKED_AHEAD):
        for window in shift.windows:
            for edge in (window.begins, window.ends):
                yield datetime.combine(day, edge, shift.timezone)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _hours(of_day: time) -> float:
    return of_day.hour + of_day.minute / 60


def _holds(shift: Shift, day: date, hours: float) -> bool:
    local = datetime.combine(day, time()) + timedelta(hours=hours)
    return any(window.holds(local) for window in shift.windows)
