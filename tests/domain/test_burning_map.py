"""A map of log odds becomes places: where they are, how sure, and that any map is stood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol.domain.burning import Part, places_in
from patrol.domain.burning_map import BurningMap, spots, surest


def cells(rows: int = 12, columns: int = 20, value: float = -4.0) -> np.ndarray:
    return np.full((rows, columns), value, np.float32)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 50), st.integers(0, 2**31))
def test_places_lie_in_the_picture_and_come_surest_first(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    of = BurningMap(*(rng.normal(0, 3, (2, rows, columns)).astype(np.float32)))
    found = places_in(of)
    assert len(found) <= 8
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        x1, y1, x2, y2 = one.box
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        assert 0 <= one.score <= 1


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 50), st.integers(0, 2**31), st.sampled_from([1, 3, 5]))
def test_the_surest_place_is_as_sure_as_the_picture(rows: int, columns: int, seed: int, over: int) -> None:
    of = np.random.default_rng(seed).normal(0, 3, (rows, columns)).astype(np.float32)
    assert spots(of, over, least=-100.0)[0].log_odds == pytest.approx(surest(of, over))


def test_a_fire_is_told_where_it_is() -> None:
    fire = cells()
    fire[3:7, 10:14] = 3.0
    (found,) = places_in(BurningMap(fire, cells()))
    assert found.part is Part.FIRE
    assert found.score > 0.9
    x1, y1, x2, y2 = found.box
    assert x1 <= 0.5 < 0.7 <= x2
    assert y1 <= 0.25 < 7 / 12 <= y2
    assert x2 - x1 < 0.4


def test_two_places_apart_are_two() -> None:
    fire = cells()
    fire[1:4, 1:4] = fire[8:11, 15:18] = 3.0
    assert len(places_in(BurningMap(fire, cells()))) == 2


def test_where_nothing_is_sure_nothing_is_there() -> None:
    assert places_in(BurningMap(cells(), cells())) == ()


def test_maps_must_be_of_one_shape() -> None:
    with pytest.raises(ValueError, match="one shape"):
        BurningMap(cells(3, 4), cells(4, 3))
    with pytest.raises(ValueError, match="one shape"):
        BurningMap(cells(0, 4), cells(0, 4))
