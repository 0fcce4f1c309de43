"""Right and wrong, both ways; nothing counted twice."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.shares import wilson
from patrol.evaluation.counting import Counted, band_name, band_of, score_counts
from patrol.evaluation.scoring import TOLERANCE_S, Case, Interval, Told, judged, merged, score
from patrol.evaluation.statistics import nearest_rank


def told(start: float, end: float, confirmed: float | None = None, sure: float = 0.9) -> Told:
    return Told(Interval(start, end), end if confirmed is None else confirmed, sure)


def case(*intervals: tuple[float, float], says: tuple[Told, ...] = (), holds: bool | None = None) -> Case:
    true = tuple(Interval(*each) for each in intervals)
    return Case(bool(true) if holds is None else holds, true, says, 60.0, bool(says), "alone")


def test_an_interval_that_is_told_is_found_with_its_delay() -> None:
    found = score([case((10, 20), says=(told(11, 19, confirmed=13),))])
    assert (found.tally.tp, found.tally.fp, found.tally.fn) == (1, 0, 0)
    assert (found.delay_p50_s, found.loose) == (3.0, 0)


def test_several_told_of_one_interval_are_one_finding_and_what_lies_apart_is_in_vain() -> None:
    found = score([case((10, 20), says=(told(11, 12), told(15, 16), told(40, 41)))])
    assert (found.tally.tp, found.tally.fp, found.false_alarms) == (1, 1, 1)


def test_one_told_finds_one_interval_only() -> None:
    found = score([case((10, 20), (21, 30), says=(told(11, 29),))])
    assert (found.tally.tp, found.tally.fn) == (1, 1)


def test_a_clip_of_which_only_is_known_that_it_holds_it() -> None:
    assert score([case(says=(told(1, 2),), holds=True)]).tally.tp == 1
    assert score([case(holds=True)]).tally.fn == 1


def test_a_clip_that_holds_none_is_wrong_once_however_often_it_alarms() -> None:
    found = score([case(says=(told(1, 2), told(8, 9))), case()])
    assert (found.tally.fp, found.tally.tn, found.false_alarms) == (1, 1, 2)
    assert found.false_alarms_per_hour == pytest.approx(60.0)


def test_an_end_that_is_far_off_is_loose() -> None:
    assert score([case((10, 20), says=(told(10, 20 + TOLERANCE_S + 0.1),))]).loose == 1


spans = st.tuples(st.floats(0, 50), st.floats(0, 10)).map(lambda each: (each[0], each[0] + each[1]))


@given(st.lists(spans, max_size=6), st.lists(spans, max_size=8))
def test_every_interval_is_found_or_missed_and_everything_told_counts_once_at_most(
    true: list[tuple[float, float]], says: list[tuple[float, float]]
) -> None:
    one = case(*true, says=tuple(told(*each) for each in says))
    verdict = judged(one)
    if true:
        assert sorted([index for index, _ in verdict.found] + list(verdict.missed)) == list(range(len(true)))
        used = [index for _, index in verdict.found]
        assert len(used) == len(set(used))
        assert not set(used) & set(verdict.stray)
    else:
        assert verdict.stray == tuple(range(len(says)))
    found = score([one])
    for share in (found.tally.precision, found.tally.recall, found.tally.f1):
        assert share is None or 0 <= share <= 1


@given(st.lists(spans, max_size=8))
def test_merged_intervals_cover_the_same_and_lie_apart(all_spans: list[tuple[float, float]]) -> None:
    made = merged([Interval(*each) for each in all_spans])
    assert all(earlier.end_s < later.start_s for earlier, later in itertools.pairwise(made))
    for start, end in all_spans:
        assert any(one.start_s <= start and end <= one.end_s for one in made)


@given(st.integers(0, 50), st.integers(1, 50))
def test_an_interval_of_a_share_holds_the_share(right: int, of: int) -> None:
    right = min(right, of)
    low, high = wilson(right, of) or (1.0, 0.0)
    assert 0 <= low <= right / of + 1e-9
    assert right / of - 1e-9 <= high <= 1


def test_quantiles_by_nearest_rank() -> None:
    assert nearest_rank([], 0.5) is None
    assert [nearest_rank(range(1, 11), share) for share in (0.5, 0.9, 1.0)] == [5, 9, 10]


def test_counts_and_their_bands() -> None:
    assert [band_of(count) for count in (0, 1, 9, 10, 29, 30, 99, 100, 299, 300, 999, 1000, 4633)] == [
        0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6,
    ]  # fmt: skip
    assert [band_name(band) for band in (0, 1, 6)] == ["0", "1-9", "≥ 1,000"]
    found = score_counts([Counted(10, 12), Counted(100, 25)])
    assert (found.mae, found.relative_error) == (38.5, pytest.approx((0.2 + 0.75) / 2))
    assert (found.band_right, found.band_near) == (0.5, 0.5)
