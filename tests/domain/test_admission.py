"""Whether the bounds can be kept, at every hour, and if not, whose: numbers that can be worked out by hand."""

from __future__ import annotations

import math
import time as stopwatch
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.admission import (
    USABLE_SHARE,
    Admission,
    Period,
    admission,
    bounds_at,
    feasibility,
    visits_per_s,
)
from patrol.domain.camera import Camera, Ring, RingName
from patrol.domain.schedules import EVERY_DAY, ScheduledBound, TimeWindow
from tests.builders import camera, ring
from tests.examples import examples

BOUNDS = {RingName.CORE: 5.0, RingName.PERIPHERY: 15.0, RingName.FAR: 30.0}
RINGS: dict[RingName, Ring] = {name: ring(name, revisit_bound_s=bound_s) for name, bound_s in BOUNDS.items()}
MONDAY = datetime.fromisoformat("2026-11-23")  # the station's own time, as all of them here
WORKDAYS = frozenset(range(5))
SUNDAY = date(2026, 11, 29)


def cameras(core: int = 0, periphery: int = 0, far: int = 0, *bounds: ScheduledBound) -> list[Camera]:
    """So many in each ring, with the ring's bound; ``bounds`` concern all of them."""
    counts = {RingName.CORE: core, RingName.PERIPHERY: periphery, RingName.FAR: far}
    return [
        camera(f"{name.value}-{n}", ring=name, revisit_bound_s=BOUNDS[name], bounds=bounds)
        for name, count in counts.items()
        for n in range(count)
    ]


def as_usual(found: Sequence[Camera]) -> list[tuple[Camera, float]]:
    return [(each, each.revisit_bound_s) for each in found]


def window(begins: str, ends: str, days: frozenset[int] = EVERY_DAY, *dates: date) -> TimeWindow:
    return TimeWindow(time.fromisoformat(begins), time.fromisoformat(ends), days, frozenset(dates))


def schedule(name: str, bound_s: float, *windows: TimeWindow) -> ScheduledBound:
    return ScheduledBound(name, name, windows, bound_s)


SCHOOL_HOURS = schedule("school hours", 10.0, window("07:00", "08:00", WORKDAYS), window("16:00", "18:00", WORKDAYS))


class TestFeasibility:
    STATION = cameras(64, 200, 212)
    NEEDED = 64 / 5 + 200 / 15 + 212 / 30

    def test_the_need_is_the_sum_of_one_over_the_bound(self) -> None:
        found = feasibility(as_usual(self.STATION), RINGS, 100)

        assert found.needed_per_s == pytest.approx(self.NEEDED)
        assert visits_per_s(as_usual(self.STATION)) == pytest.approx(self.NEEDED)
        assert [demand.visits_per_s for demand in found.rings] == pytest.approx([64 / 5, 200 / 15, 212 / 30])
        assert [demand.cameras for demand in found.rings] == [64, 200, 212]

    def test_just_enough_keeps_every_bound(self) -> None:
        found = feasibility(as_usual(self.STATION), RINGS, self.NEEDED / USABLE_SHARE)

        assert found.kept
        assert found.stretch == 1.0
        assert [demand.possible_bound_s for demand in found.rings] == [5, 15, 30]

    def test_a_little_less_costs_the_outer_ring_and_says_what_it_could_have(self) -> None:
        usable = self.NEEDED - 212 / 60
        found = feasibility(as_usual(self.STATION), RINGS, usable / USABLE_SHARE)

        assert [demand.kept for demand in found.rings] == [True, True, False]
        assert found.rings[2].possible_bound_s == pytest.approx(60)
        assert found.stretch == pytest.approx(self.NEEDED / usable)

    def test_when_the_inner_ring_cannot_be_kept_nothing_is_left_for_the_others(self) -> None:
        found = feasibility(as_usual(self.STATION), RINGS, 6.4 / USABLE_SHARE)

        assert not found.kept
        assert found.rings[0].possible_bound_s == pytest.approx(10)
        assert [demand.possible_bound_s for demand in found.rings[1:]] == [None, None]

    def test_a_ring_without_cameras_asks_for_nothing_and_is_kept_by_nothing(self) -> None:
        found = feasibility(as_usual(cameras(core=64)), RINGS, 12.8 / USABLE_SHARE)

        assert found.kept
        assert [demand.visits_per_s for demand in found.rings[1:]] == [0, 0]

    def test_without_any_capacity_nothing_is_promised(self) -> None:
        found = feasibility(as_usual(self.STATION), RINGS, 0.0)

        assert not found.kept
        assert found.stretch == math.inf
        assert [demand.possible_bound_s for demand in found.rings] == [None, None, None]

    def test_the_bound_in_force_counts_not_the_usual_one(self) -> None:
        found = feasibility([(each, 2.5) for each in cameras(core=10)], RINGS, 100)

        assert found.needed_per_s == pytest.approx(4.0)

    @pytest.mark.long
    def test_it_is_cheap_enough_to_be_asked_again_whenever_the_capacity_changes(self) -> None:
        many = as_usual(cameras(0, 0, 100_000))
        began = stopwatch.process_time()
        feasibility(many, RINGS, 5_000)

        assert stopwatch.process_time() - began < 1.0, "it takes about 0.03 s for 100,000 cameras"


class TestTheWeek:
    """60 far cameras every 30 s ask for 2 visits a second; 60 in school hours every 10 s for 6."""

    def judged(self, *bounds: ScheduledBound, usable: float, since: datetime = MONDAY) -> Admission:
        return admission(cameras(0, 0, 60, *bounds), RINGS, usable / USABLE_SHARE, since)

    def test_without_schedules_there_is_one_period_and_no_worst_time(self) -> None:
        found = self.judged(usable=2.0)

        assert [(period.begins, period.ends) for period in found.periods] == [(MONDAY, MONDAY + timedelta(days=7))]
        assert found.kept
        assert not found.periods_differ

    def test_an_overload_of_school_hours_is_found_on_any_day_of_the_week(self) -> None:
        for day in range(7):
            found = self.judged(SCHOOL_HOURS, usable=4.0, since=MONDAY + timedelta(days=day))
            assert found.usual.kept
            assert not found.kept
            assert len(found.overloads) == 10
            assert found.worst.feasibility.stretch == pytest.approx(1.5)
            assert {period.begins.weekday() for period in found.overloads} == WORKDAYS

    def test_each_time_is_told_from_edge_to_edge(self) -> None:
        first, second = self.judged(SCHOOL_HOURS, usable=4.0).overloads[:2]

        hours = [(at - MONDAY).total_seconds() / 3600 for at in (first.begins, first.ends, second.begins, second.ends)]
        assert hours == [7, 8, 16, 18]

    def test_the_schedule_to_blame_is_named_with_the_bound_it_could_ask_for(self) -> None:
        (blame,) = self.judged(SCHOOL_HOURS, usable=4.0).overloads[0].blame

        assert blame.schedule == SCHOOL_HOURS
        assert blame.possible_bound_s == pytest.approx(15.0), "60 cameras, 4 visits a second"

    def test_only_the_schedule_without_which_all_would_be_well_is_to_blame(self) -> None:
        quiet = schedule("quiet", 29.0, window("00:00", "23:59"))
        (blame,) = self.judged(SCHOOL_HOURS, quiet, usable=4.0).overloads[0].blame

        assert blame.schedule == SCHOOL_HOURS
        assert blame.possible_bound_s == pytest.approx(15.0)

    def test_two_that_are_each_too_much_are_both_to_blame(self) -> None:
        same_hours = schedule("market", 9.0, window("07:00", "08:00"))
        found = self.judged(SCHOOL_HOURS, same_hours, usable=4.0)
        at_seven = next(period for period in found.overloads if len(period.in_force) == 2)

        assert [(blame.schedule.name, blame.possible_bound_s) for blame in at_seven.blame] == [
            ("market", None), ("school hours", None),
        ]  # fmt: skip

    def test_nobody_is_to_blame_when_not_even_the_usual_bounds_can_be_kept(self) -> None:
        found = self.judged(SCHOOL_HOURS, usable=1.0)

        assert not found.usual.kept
        assert {period.blame for period in found.overloads} == {()}

    def test_a_date_is_judged_however_far_away_it_is_together_with_what_else_holds_then(self) -> None:
        far_day = date(2027, 6, 1)
        assembly = schedule("assembly", 20.0, window("07:30", "09:00", EVERY_DAY, far_day))
        found = self.judged(SCHOOL_HOURS, assembly, usable=6.0)
        there = [period for period in found.periods if period.begins.date() == far_day]

        assert far_day.weekday() in WORKDAYS
        assert [(period.begins.time(), len(period.in_force)) for period in there] == [
            (time(0), 0), (time(7), 1), (time(7, 30), 2), (time(8), 1), (time(9), 0), (time(16), 1), (time(18), 0),
        ]  # fmt: skip
        assert found.kept

    def test_a_date_that_has_passed_is_not_judged(self) -> None:
        past = schedule("past", 1.0, window("07:00", "08:00", EVERY_DAY, date(2020, 1, 1)))

        assert self.judged(past, usable=2.0).kept

    def test_a_window_over_midnight_reaches_into_the_next_day(self) -> None:
        night = schedule("night", 10.0, window("22:00", "02:00", frozenset({6})))
        (after_midnight, evening) = self.judged(night, usable=4.0).overloads

        assert (after_midnight.begins, after_midnight.ends.time()) == (MONDAY, time(2)), "it began on the Sunday before"
        assert (evening.begins.date(), evening.begins.time()) == (SUNDAY, time(22))

    def test_a_looser_schedule_relieves(self) -> None:
        found = self.judged(schedule("night", 60.0, window("22:00", "05:00")), usable=2.0)

        assert found.kept
        assert not found.periods_differ
        assert min(period.feasibility.needed_per_s for period in found.periods) == pytest.approx(1.0)

    @examples(60)
    @given(data=st.data())
    def test_at_any_moment_the_period_around_it_tells_the_truth(self, data: st.DataObject) -> None:
        times = st.times(min_value=time(0), max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0))
        windows = st.builds(
            TimeWindow,
            times,
            times,
            st.frozensets(st.integers(0, 6), min_size=1),
            st.frozensets(st.dates(date(2026, 11, 20), date(2026, 12, 20)), max_size=2),
        )
        bounds = [
            ScheduledBound(f"s{n}", f"s{n}", tuple(data.draw(st.lists(windows, min_size=1, max_size=3))), 5.0 + n)
            for n in range(data.draw(st.integers(1, 3)))
        ]
        group = [camera(f"c{n}", revisit_bound_s=7.0, bounds=(bound,)) for n, bound in enumerate(bounds)]
        since = MONDAY + timedelta(minutes=data.draw(st.integers(0, 24 * 60)))
        moment = since + timedelta(minutes=data.draw(st.integers(0, 5 * 24 * 60)))
        found = admission(group, RINGS, 100.0, since)

        (around,) = [period for period in found.periods if period.begins <= moment < period.ends]
        assert around.feasibility.needed_per_s == pytest.approx(visits_per_s(bounds_at(group, moment)))
        assert_no_overlap(found.periods)


def assert_no_overlap(periods: Sequence[Period]) -> None:
    for before, after in pairwise(periods):
        assert before.begins < before.ends <= after.begins
