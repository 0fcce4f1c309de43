"""When a unit is on duty today, and when that changes next."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.rosters import LOOKED_AHEAD, WHOLE_DAY, Stretch, changes_at, stretches_of
from patrol.domain.schedules import EVERY_DAY, TimeWindow
from patrol.domain.units import Shift

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 11, 30)
DAY, NIGHT = TimeWindow(time(8), time(20)), TimeWindow(time(20), time(8))


def shift(*windows: TimeWindow) -> Shift:
    return Shift(windows, SHANGHAI)


def local(hour: int, minute: int = 0, day: date = MONDAY) -> datetime:
    return datetime.combine(day, time(hour, minute), SHANGHAI)


def test_a_day_shows_each_stretch_of_duty_and_one_that_goes_over_midnight_in_two() -> None:
    assert stretches_of(None, MONDAY) == WHOLE_DAY
    assert stretches_of(shift(DAY), MONDAY) == (Stretch(8.0, 20.0),)
    assert stretches_of(shift(NIGHT), MONDAY) == (Stretch(0.0, 8.0), Stretch(20.0, 24.0))
    assert stretches_of(shift(DAY, NIGHT), MONDAY) == WHOLE_DAY
    assert stretches_of(shift(TimeWindow(time(7, 30), time(9), frozenset({1}))), MONDAY) == ()
    friday = shift(TimeWindow(time(22), time(6), frozenset({4})))
    assert stretches_of(friday, MONDAY + timedelta(days=5)) == (Stretch(0.0, 6.0),)  # Saturday's early hours


def test_the_next_change_is_when_the_crew_comes_or_goes_and_not_where_two_windows_meet() -> None:
    assert changes_at(None, local(12)) is None
    assert changes_at(shift(DAY), local(12)) == local(20)
    assert changes_at(shift(DAY), local(21)) == local(8, day=MONDAY + timedelta(days=1))
    assert changes_at(shift(DAY, TimeWindow(time(20), time(22))), local(12)) == local(22)
    assert changes_at(shift(DAY, NIGHT), local(12)) is None
    weekly = shift(TimeWindow(time(8), time(9), frozenset({0})))
    assert changes_at(weekly, local(10)) == local(8, day=MONDAY + timedelta(days=7))
    assert changes_at(shift(TimeWindow(time(8), time(9), dates=frozenset({date(2027, 5, 1)}))), local(10)) is None


WINDOWS = st.builds(
    TimeWindow,
    st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30))),
    st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30))),
    st.one_of(st.just(EVERY_DAY), st.frozensets(st.integers(0, 6), min_size=1)),
)


@given(st.lists(WINDOWS, min_size=1, max_size=3), st.integers(0, 7 * 24 * 60 - 1))
def test_what_is_shown_is_what_the_shift_does(windows: list[TimeWindow], minute: int) -> None:
    one, now = shift(*windows), local(0) + timedelta(minutes=minute)
    hour = now.hour + now.minute / 60
    shown = any(stretch.begins_h <= hour < stretch.ends_h for stretch in stretches_of(one, now.date()))
    assert shown is one.holds(now)
    change = changes_at(one, now)
    until = change or now + LOOKED_AHEAD - timedelta(days=1)
    for quarter in range(int((until - now) / timedelta(minutes=15))):
        assert one.holds(now + timedelta(minutes=15 * quarter)) is one.holds(now)
    if change is not None:
        assert change > now
        assert one.holds(change) is not one.holds(now)
        assert one.holds(change.astimezone(UTC)) is not one.holds(now)
