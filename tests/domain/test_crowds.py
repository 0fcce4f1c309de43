"""Crowds in numbers: grades, densities with their uncertainty, and trends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.crowds import (
    GRADE_BEGINS,
    GRADES,
    MOST_SAMPLES,
    TREND_S,
    Count,
    Course,
    Grade,
    Sample,
    Way,
    begins_at,
    grade_of,
    sampled,
    trend_of,
)
from patrol.domain.ground import Measured
from tests.builders import at

ways = st.sampled_from(list(Way))


@pytest.mark.parametrize(
    ("per_m2", "grade"),
    [(0.0, "A"), (0.3, "A"), (0.31, "B"), (0.5, "C"), (1.0, "D"), (1.08, "E"), (2.1, "E"), (3.2, "F"), (9.0, "F")],
)
def test_a_density_has_fruin_s_grade(per_m2: float, grade: str) -> None:
    assert grade_of(per_m2) == grade


@given(st.floats(0, 10), st.floats(0, 10))
def test_denser_is_never_a_better_grade(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert GRADES.index(grade_of(low)) <= GRADES.index(grade_of(high))


def test_a_grade_begins_where_it_is_that_grade() -> None:
    assert [grade_of(begins_at(grade)) for grade in Grade] == list(Grade)
    assert [round(1 / begins, 2) for begins in GRADE_BEGINS[1:]] == [3.23, 2.33, 1.39, 0.93, 0.46], "m² a person"


@given(st.floats(0, 5000), ways, st.floats(1, 1e4), st.floats(0, 0.5))
def test_a_density_is_as_unsure_as_its_count_and_its_ground(people: float, way: Way, area: float, off: float) -> None:
    count = Count(people, way)
    density = count.per_m2(Measured(area, off * area))
    assert density.value == pytest.approx(people / area)
    assert density.error >= density.value * off * 0.999
    if people > 0:
        assert density.error == pytest.approx(density.value * math.hypot(count.error / people, off))


def samples(counts: list[float], every_s: float = 10.0, way: Way = Way.BOXES) -> list[Sample]:
    return [Sample(at(n * every_s), Count(people, way)) for n, people in enumerate(counts)]


def test_a_crowd_that_grows_evenly_is_told_by_how_much() -> None:
    trend = trend_of(samples([20, 22, 25, 27, 29, 32, 34]))
    assert trend is not None
    assert trend.course is Course.GATHERING
    assert trend.per_minute == pytest.approx(14, abs=1)


def test_one_that_goes_away_disperses() -> None:
    trend = trend_of(samples([60, 52, 44, 36, 28]))
    assert trend is not None
    assert trend.course is Course.DISPERSING
    assert trend.per_minute == pytest.approx(-48)


@pytest.mark.parametrize(
    "counts", [[30, 30, 30, 30, 30], [30, 33, 28, 31, 29, 32], [4, 5, 4, 5, 5], [30, 30, 90, 30, 30, 30]]
)
def test_one_that_only_wavers_is_steady(counts: list[float]) -> None:
    trend = trend_of(samples(counts))
    assert trend is not None
    assert trend.course is Course.STEADY


def test_too_few_and_too_short_tell_nothing() -> None:
    assert trend_of(samples([10, 20, 30])) is None
    assert trend_of(samples([10, 20, 30, 40, 50], every_s=2.0)) is None


def test_counts_of_two_ways_are_not_compared() -> None:
    mixed = [*samples([10, 11, 10, 11, 10, 11]), Sample(at(60), Count(80, Way.DENSITY))]
    assert trend_of(mixed) is None
    again = [*mixed, *(Sample(at(60 + 10 * n), Count(80 + n, Way.DENSITY)) for n in range(1, 5))]
    trend = trend_of(again)
    assert trend is not None
    assert trend.course is Course.STEADY


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 500), ways), min_size=1, max_size=200))
def test_what_is_remembered_is_bounded_ordered_and_no_older_than_a_trend(
    steps: list[tuple[float, float, Way]],
) -> None:
    kept: tuple[Sample, ...] = ()
    now = 0.0
    for step_s, people, way in steps:
        now += step_s
        kept = sampled(kept, at(now), Count(people, way))
        times = [each.at for each in kept]
        assert len(kept) <= MOST_SAMPLES
        assert times == sorted(times)
        assert (at(now) - times[0]).total_seconds() <= TREND_S
        assert kept[-1] == Sample(at(now), Count(people, way))


def test_pictures_of_a_focus_leave_room_for_the_visits_before_it() -> None:
    kept: tuple[Sample, ...] = ()
    for seconds in [*range(0, 100, 10), *(100 + 0.25 * n for n in range(40))]:
        kept = sampled(kept, at(seconds), Count(10, Way.BOXES))
    assert kept[0].at == at(0)
    assert len(kept) < 20


@given(st.lists(st.floats(0, 300), min_size=4, max_size=12), st.floats(3, 10))
def test_played_backwards_a_trend_turns_round(counts: list[float], every_s: float) -> None:
    forward, backward = trend_of(samples(counts, every_s)), trend_of(samples(counts[::-1], every_s))
    assert (forward is None) == (backward is None)
    if forward is not None and backward is not None:
        assert forward.per_minute == pytest.approx(-backward.per_minute, rel=1e-5, abs=1e-3)
