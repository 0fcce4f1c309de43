"""Schedules: which bound holds at which hour of which day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.schedules import EVERY_DAY, ScheduledBound, TimeWindow, bound_at

SCHOOL_DAYS = frozenset(range(5))
TIMES = st.times().map(lambda moment: moment.replace(microsecond=0))
# Naive, as the station's own time is told here.
MOMENTS = st.builds(datetime.combine, st.dates(date(2025, 1, 2), date(2030, 1, 1)), st.times())


def local(text: str) -> datetime:
    """2026-03-02 is a Monday. Naive: the caller has turned it into the station's own time."""
    return datetime.fromisoformat(text)


def scheduled(bound_s: float, *windows: TimeWindow) -> ScheduledBound:
    return ScheduledBound("上学时段", "school hours", windows, bound_s)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-03-02 07:19:59", False),
        ("2026-03-02 07:20", True),
        ("2026-03-02 08:09:59", True),
        ("2026-03-02 08:10", False),
        ("2026-03-06 07:30", True),
        ("2026-03-07 07:30", False),  # Saturday
    ],
)
def test_school_hours_hold_on_school_days_and_their_end_does_not_belong_to_them(moment: str, holds: bool) -> None:
    assert TimeWindow(time(7, 20), time(8, 10), SCHOOL_DAYS).holds(local(moment)) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-03-06 21:59", False),
        ("2026-03-06 22:00", True),  # Friday
        ("2026-03-07 01:59", True),  # still Friday's night
        ("2026-03-07 02:00", False),
        ("2026-03-07 22:30", False),  # Saturday has none
        ("2026-03-06 01:00", False),  # nor had Thursday
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(moment: str, holds: bool) -> None:
    assert TimeWindow(time(22), time(2), frozenset({4})).holds(local(moment)) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-10-01 23:00", True),  # a Thursday
        ("2026-10-02 00:30", True),  # the day after, before it ends
        ("2026-10-02 23:00", False),
        ("2026-10-01 00:30", False),
        ("2025-10-01 23:00", False),
    ],
)
def test_named_dates_hold_whatever_weekday_they_are_and_only_they(moment: str, holds: bool) -> None:
    window = TimeWindow(time(22), time(1), days=frozenset({0}), dates=frozenset({date(2026, 10, 1)}))
    assert window.holds(local(moment)) is holds


@given(begins=TIMES, moment=MOMENTS)
def test_a_window_that_ends_when_it_begins_lasts_a_whole_day(begins: time, moment: datetime) -> None:
    assert TimeWindow(begins, begins).holds(moment)
    starts = datetime.combine(moment.date(), begins)
    one_day = TimeWindow(begins, begins, dates=frozenset({moment.date()}))
    assert one_day.holds(moment) is (starts <= moment < starts + timedelta(days=1))


@given(begins=TIMES, ends=TIMES, days=st.frozensets(st.integers(0, 6)), moment=MOMENTS)
def test_it_holds_from_its_beginning_until_the_next_time_it_is_its_end(
    begins: time, ends: time, days: frozenset[int], moment: datetime
) -> None:
    """Against the plain meaning: it began today or yesterday, on one of its days, and has not ended yet."""
    held = False
    for day in (moment.date(), moment.date() - timedelta(days=1)):
        start, end = datetime.combine(day, begins), datetime.combine(day, ends)
        end += timedelta(days=1) if ends <= begins else timedelta()
        held = held or (day.weekday() in days and start <= moment < end)
    assert TimeWindow(begins, ends, days).holds(moment) is held


def test_the_strictest_bound_in_force_holds_else_the_usual_one() -> None:
    morning = scheduled(3.0, TimeWindow(time(7), time(9)), TimeWindow(time(16), time(18)))
    market = scheduled(8.0, TimeWindow(time(8), time(12), EVERY_DAY))
    found = [bound_at(15.0, (market, morning), local(f"2026-03-02 {hour:02}:30")) for hour in (6, 7, 8, 10, 13, 17)]
    assert found == [15.0, 3.0, 3.0, 8.0, 15.0, 3.0]


def test_at_night_a_camera_may_be_seen_later_than_usual() -> None:
    night = scheduled(60.0, TimeWindow(time(1), time(5)))
    assert bound_at(15.0, (night,), local("2026-03-02 03:00")) == 60.0
    assert bound_at(15.0, (night,), local("2026-03-02 05:00")) == 15.0
    assert bound_at(15.0, (), local("2026-03-02 03:00")) == 15.0
