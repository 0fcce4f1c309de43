"""The ground plane: areas, the horizon, and there and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patrol.domain.calibrating import View, _plane_of
from patrol.domain.ground import GroundPlane

TEN_BY_FIVE = GroundPlane((10, 0, 0, 0, 5, 0, 0, 0, 1))  # seen straight from above: the picture shows 10 m x 5 m
STREET = GroundPlane(_plane_of(math.radians(20), 6.0, View(16 / 9, 80)))

shares = st.floats(0.0, 1.0)


def test_the_area_of_a_zone_seen_straight_from_above_is_its_share_of_the_picture() -> None:
    area = TEN_BY_FIVE.area(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    assert area is not None
    assert area.value == pytest.approx(50)
    half = TEN_BY_FIVE.area(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    assert half is not None
    assert half.value == pytest.approx(25)


def test_lengths_that_are_a_tenth_off_make_areas_a_fifth_off() -> None:
    area = GroundPlane.with_error(TEN_BY_FIVE.homography, 0.1).area(((0, 0), (1, 0), (1, 1), (0, 1)))
    assert area is not None
    assert area.relative_error == pytest.approx(0.21)


@given(shares, st.floats(0.3, 1.0))
def test_what_is_on_the_ground_is_seen_where_it_came_from(x: float, y: float) -> None:
    point = np.array([[x, y]])
    assert STREET.in_picture(STREET.on_ground(point)) == pytest.approx(point, abs=1e-9)


def test_what_is_behind_the_camera_is_not_in_the_picture() -> None:
    assert np.isnan(STREET.in_picture(np.array([[0.0, -5.0]]))).all()


@given(st.floats(0.0, 0.9), st.floats(0.0, 1.0))
def test_a_zone_that_reaches_the_horizon_has_no_area(top: float, left: float) -> None:
    # tilted down by 20 degrees, the ground ends 0.39 heights of the picture above its middle
    horizon = 0.5 - View(16 / 9, 80).focal * math.tan(math.radians(20))
    zone = ((left, top), (min(1.0, left + 0.1), top), (0.5, 1.0))
    assume(abs(top - horizon) > 0.03)
    assert (STREET.area(zone) is None) == (top < horizon)


@given(st.floats(0.35, 0.8), st.floats(0.05, 0.9))
def test_two_halves_of_a_zone_have_its_area_together(top: float, middle: float) -> None:
    def area(x1: float, x2: float) -> float:
        found = STREET.area(((x1, top), (x2, top), (x2, 1.0), (x1, 1.0)))
        assert found is not None
        return found.value

    assert area(0.0, middle) + area(middle, 1.0) == pytest.approx(area(0.0, 1.0))
