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


_DAYS_ZH = ("一", "二", "三", "四", "五", "六", "日")
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WORKDAYS, WEEKEND = frozenset(range(5)), frozenset({5, 6})


def windows_in_words(windows: Iterable[TimeWindow]) -> tuple[str, str]:
    """When they hold, in Chinese and in English: ``周一至周五 07:10–08:20`` and ``Mon–Fri 07:10–08:20``."""
    told = [_window_in_words(window) for window in windows]
    return "；".join(zh for zh, _ in told), "; ".join(en for _, en in told)


def _window_in_words(window: TimeWindow) -> tuple[str, str]:
    zh, en = _days_in_words(window)
    hours = "" if window.begins == window.ends else f" {window.begins:%H:%M}–{window.ends:%H:%M}"
    return f"{zh}{hours or '全天'}", f"{en}{hours or ' all day'}"


def _days_in_words(window: TimeWindow) -> tuple[str, str]:
    if window.dates:
        dates = sorted(window.dates)
        return "、".join(f"{day.month} 月 {day.day} 日" for day in dates), ", ".join(f"{day:%d %b}" for day in dates)
    if window.days == EVERY_DAY:
        return "每天", "every day"
    if window.days == WORKDAYS:
        return "周一至周五", "Mon–Fri"
    if window.days == WEEKEND:
        return "周末", "at weekends"
    days = sorted(window.days)
    return "周" + "、".join(_DAYS_ZH[day] for day in days), ", ".join(_DAYS_EN[day] for day in days)
