"""The baseline that tells fire and smoke by colour: what it measures, and that it stands any picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol.domain.burning import BY_COLOUR, Fitted, Part, score_of, surest
from patrol.domain.fire_features import CELLS, FLAME_VALUES, measured, smoke_cells, warm_mask, warm_places
from tests.domain.conditions.drawn import room, with_flame, with_lamp


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(0, 2**31), st.sampled_from([0, 40, 255]))
def test_any_picture_gives_boxes_inside_it_and_scores_that_are_some(w: int, h: int, seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, 256, 3) + rng.integers(-spread, spread + 1, (h, w, 3))).clip(0, 255).astype(np.uint8)
    found = BY_COLOUR.find(pixels)
    assert len(found) <= 5
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        x1, y1, x2, y2 = one.box
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        assert 0 <= one.score <= 1


def test_a_flame_has_a_flames_colours_and_is_measured_where_it_is() -> None:
    rng = np.random.default_rng(0)
    place = max(warm_places(measured(with_flame(room(), 320, 250, 80, rng))), key=lambda one: one.values[0])
    x1, y1, x2, y2 = place.box
    assert x1 == pytest.approx((320 - 45) / 640, abs=0.04)
    assert y2 == pytest.approx(250 / 360, abs=0.02)
    assert x1 < 0.5 < x2
    assert y1 < 0.6
    assert place.values.shape == (len(FLAME_VALUES),)


@pytest.mark.parametrize("colour", [(200, 80, 30), (60, 200, 60), (128, 128, 128), (255, 255, 255), (30, 30, 60)])
def test_cold_colours_are_none(colour: tuple[int, int, int]) -> None:
    assert not warm_mask(np.full((8, 8, 3), colour, np.uint8)).any()


def test_a_flame_is_surer_than_a_room() -> None:
    rng = np.random.default_rng(0)

    def fire(pixels: np.ndarray) -> float:
        return max((one.score for one in BY_COLOUR.find(pixels) if one.part is Part.FIRE), default=0.0)

    assert fire(with_flame(room(), 320, 250, 80, rng)) > fire(room())
    assert fire(with_flame(room(), 320, 250, 80, rng)) > fire(with_lamp(room(), 320, 250, 25, (60, 60, 190)))


def test_every_cell_of_the_grid_is_measured() -> None:
    cells = smoke_cells(measured(room()))
    assert cells.shape == (CELLS[0] * CELLS[1], len(BY_COLOUR.smoke.mean))
    assert np.isfinite(cells).all()


def test_a_regression_says_what_its_numbers_say() -> None:
    fitted = Fitted((1.0, 0.0), (2.0, 1.0), (1.0, 0.5), -0.25)
    assert fitted.log_odds(np.array([[3.0, 1.0], [1.0, 0.0]])).tolist() == [1.25, -0.25]
    assert fitted.log_odds(np.array([[1e9, 0.0]])).tolist() == [3.75]  # no farther out than four spreads
    assert score_of(0.0) == 0.5
    assert surest(np.arange(384.0).reshape(16, 24)) == 377.5
