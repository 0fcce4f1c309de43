"""How often a rule was right on a camera, and what is proposed where it hardly ever is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patrol.domain.conditions import (
    AbandonedObject,
    Condition,
    Crowd,
    Fall,
    Fight,
    FireSmoke,
    Intrusion,
    LineCrossing,
    Loitering,
    RemovedObject,
)
from patrol.domain.events import Kind
from patrol.domain.incidents import Disposition
from patrol.domain.precision import FEWEST, RIGHT, TOO_LOW, WRONG, Precision, proposals, together
from patrol.domain.shares import wilson
from patrol.domain.vocabulary import CameraId, RuleId
from tests.builders import rule


def told(right: int, wrong: int, camera_id: str = "C-1", **changes: Any) -> Precision:
    return Precision(CameraId(camera_id), RuleId("crowd"), changes.get("kind", Kind.CROWD), right, wrong)


def test_feedback_says_right_or_wrong_or_neither() -> None:
    assert not RIGHT & WRONG
    assert set(Disposition) - RIGHT - WRONG == {Disposition.DUPLICATE, Disposition.DRILL}


def test_the_interval_is_wilsons() -> None:
    """Of 10 trials with 1 success, by E. B. Wilson's formula at 95%: 0.018 to 0.404 (Agresti and Coull 1998)."""
    low, high = told(1, 9).within or (1.0, 0.0)
    assert low == pytest.approx(0.0179, abs=1e-3)
    assert high == pytest.approx(0.4042, abs=1e-3)
    assert told(0, 0).within is None
    assert told(0, 0).share is None


@given(st.integers(0, 200), st.integers(1, 200))
@example(0, 125)
def test_the_share_lies_within_its_interval(right: int, wrong: int) -> None:
    one = told(right, wrong)
    low, high = one.within or (1.0, 0.0)
    assert 0.0 <= low <= (one.share or 0.0) <= high <= 1.0


def test_stretches_of_time_add_up_by_camera_and_rule_and_the_worst_comes_first() -> None:
    found = together([told(1, 4), told(9, 1, "C-2"), told(0, 5), told(1, 9, "C-3")])
    assert [(one.camera_id, one.right, one.wrong) for one in found] == [("C-1", 1, 9), ("C-3", 1, 9), ("C-2", 9, 1)]


@pytest.mark.parametrize(
    ("right", "wrong", "proposed"),
    [
        (0, FEWEST - 1, False),  # too few to say
        (0, FEWEST, True),
        (1, 9, True),
        (3, 7, False),  # may be right more often than not
        (9, 1, False),
    ],
)
def test_only_what_is_surely_wrong_more_often_than_not_is_proposed_to_be_changed(
    right: int, wrong: int, proposed: bool
) -> None:
    found = proposals([told(right, wrong)], {RuleId("crowd"): rule()})
    assert bool(found) == proposed
    high = (wilson(right, right + wrong) or (0.0, 1.0))[1]
    assert proposed == (right + wrong >= FEWEST and high < TOO_LOW)


@pytest.mark.parametrize(
    ("condition", "for_s", "parameter", "now", "then"),
    [
        (Crowd(5), 3.0, "at_least", 5, 6),
        (Crowd(40), 3.0, "at_least", 40, 48),
        (Loitering(dwell_s=180), 0.0, "dwell_s", 180, 270),
        (AbandonedObject(alone_s=30), 0.0, "alone_s", 30, 45),
        (RemovedObject(gone_s=15), 0.0, "gone_s", 15, 22.5),
        (Fall(stays_s=2), 0.0, "stays_s", 2, 3),
        (Fight(sure=0.5), 1.0, "sure", 0.5, 0.62),
        (Intrusion(), 1.0, "for_s", 1, 1.5),
        (FireSmoke(min_confidence=0.4), 0.0, "min_confidence", 0.4, 0.55),
        (LineCrossing(min_confidence=0.6), 0.0, "min_confidence", 0.6, 0.7),
    ],
)
def test_what_is_proposed_depends_on_the_kind(
    condition: Condition, for_s: float, parameter: str, now: float, then: float
) -> None:
    one = told(0, 12, kind=condition.kind)
    (found,) = proposals([one], {RuleId("crowd"): rule(condition=condition, for_s=for_s)})
    assert (found.parameter, found.now, found.proposed) == (parameter, now, pytest.approx(then))


def test_it_says_in_words_what_was_seen_and_what_to_change() -> None:
    (found,) = proposals([told(1, 11, "C-017")], {RuleId("crowd"): rule(at_least=5)})
    assert found.words_zh == (
        "C-017 的规则“人员聚集”：90 天内研判 12 起，11 起不属实（属实率至多 35%）。"
        "建议在该点位把数量阈值 at_least 由 5 改为 6"
    )
    assert found.words_en == (
        "rule 'crowd' on C-017: 11 of 12 judged in 90 days were not so (right 35% at most)."
        " Proposed for this camera: at_least 6 instead of 5 (how many it takes)"
    )


def test_of_a_rule_that_is_not_configured_any_more_nothing_is_proposed() -> None:
    assert proposals([told(0, 12)], {}) == ()


@given(st.floats(0.01, 1.0))
def test_what_cannot_be_stricter_is_not_proposed(sure: float) -> None:
    found = proposals([told(0, 12, kind=Kind.FIGHT)], {RuleId("crowd"): rule(condition=Fight(sure=sure))})
    assert all(sure < each.proposed <= 1.0 for each in found)
