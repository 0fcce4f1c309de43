"""Learning what fights look like: the method, on numbers whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fit_fight import FITTED, PENALTY, Sample, area_under, as_python, curve, fitted, left_out
from patrol.domain.fighting import NAMES
from patrol.domain.logistic import Fitted, Weight
from patrol.evaluation.truth import Item, Media

COUNT = 60
IS_FIGHT = np.arange(COUNT) % 3 > 0


def values(apart: float, seed: int = 0) -> np.ndarray:
    """Measures of which the first tells fights, by so many standard deviations, and the others nothing."""
    found = np.random.default_rng(seed).normal(0, 1, (COUNT, len(NAMES)))
    found[:, 0] += apart * IS_FIGHT
    return found


def samples(apart: float) -> list[Sample]:
    item = Item(Path("x.mp4"), "x.mp4", 1, "fight", Media.VIDEO)
    return [Sample(item, bool(fight), row) for fight, row in zip(IS_FIGHT, values(apart), strict=True)]


def test_what_tells_fights_gets_the_weight() -> None:
    learned = fitted(values(3.0), IS_FIGHT)
    weights = [abs(one.weight) for one in learned.weights.values()]
    assert weights[0] == max(weights)
    assert weights[0] > 3 * max(weights[1:])


def test_it_is_where_the_slope_is_zero() -> None:
    found = values(1.0)
    learned = fitted(found, IS_FIGHT)
    counts = np.where(IS_FIGHT, 0.5 / IS_FIGHT.mean(), 0.5 / (1 - IS_FIGHT.mean()))
    off = np.array([learned.sure(row) for row in found]) - IS_FIGHT
    for index, one in enumerate(learned.weights.values()):
        slope = float((counts * off * (found[:, index] - one.mean) / one.scale).sum()) + PENALTY * one.weight
        assert slope == pytest.approx(0.0, abs=1e-6)


def test_clips_that_were_left_out_are_told_by_what_is_true_and_not_by_chance() -> None:
    assert area_under(left_out(samples(3.0)), IS_FIGHT) > 0.95
    assert 0.3 < area_under(left_out(samples(0.0)), IS_FIGHT) < 0.7


def test_the_curve_falls_from_all_to_none() -> None:
    rows = curve(left_out(samples(1.5)), IS_FIGHT)
    found, wrong = [row[1] for row in rows], [row[2] for row in rows]
    assert found == sorted(found, reverse=True)
    assert wrong == sorted(wrong, reverse=True)


def test_what_is_written_can_be_read_and_says_what_it_was_made_of() -> None:
    learned = Fitted({name: Weight(1.25, 0.5, -0.75) for name in NAMES}, bias=0.125)
    text = as_python(learned, "From 3 clips.")
    made: dict[str, object] = {}
    exec(compile(text, "fight_fitted.py", "exec"), made)
    assert made["FITTED"] == learned
    assert "From 3 clips." in text


def test_the_module_that_ships_was_written_by_it() -> None:
    text = FITTED.read_text("utf-8")
    assert "make fit-fight" in text
    assert f"penalty of {PENALTY:g}" in text
