"""Schedules (重点时段): hours in which a camera must be seen sooner, or may be seen later, than at other times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A stretch of the day, in the station's own time.

    ``days``: weekdays, 0 for Monday. ``dates``: if any are named, only those days count, whatever weekday they are.
    ``begins`` belongs to the window and ``ends`` does not; an end at or before the beginning is on the next day.
    """

    begins: time
    ends: time
    days: frozenset[int] = EVERY_DAY
    dates: frozenset[date] = frozenset()

    def holds(self, local: datetime) -> bool:
        """Whether ``local``, in the station's own time, lies in the window."""
        now = local.time()
        if self.begins < self.ends:
            return self.begins <= now < self.ends and self._is_day(local.date())
        if now >= self.begins:
            return self._is_day(local.date())
        return now < self.ends and self._is_day(local.date() - timedelta(days=1))

    def _is_day(self, day: date) -> bool:
        return day in self.dates if self.dates else day.weekday() in self.days


@dataclass(frozen=True, slots=True)
class ScheduledBound:
    """The revisit bound, in seconds, that holds in any of ``windows``."""

    name: str
    name_en: str
    windows: tuple[TimeWindow, ...]
    revisit_bound_s: float


def bound_at(usual_s: float, scheduled: Iterable[ScheduledBound], local: datetime) -> float:
    """The revisit bound at ``local``, the station's own time: the strictest of those in force, else the usual one."""
    in_force = [bound.revisit_bound_s for bound in scheduled if any(window.holds(local) for window in bound.windows)]
    return min(in_force, default=usual_s)
