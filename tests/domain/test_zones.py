"""Who stands in a zone, and which polygons are zones at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.detections import Detections
from patrol.domain.zones import inside, polygon_problem
from tests.builders import CLASSES, people, zone

RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def test_a_person_is_where_the_feet_are_not_where_the_head_is() -> None:
    lower_half = zone(polygon=((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)))
    assert inside(lower_half, people((0.5, 0.51), (0.5, 0.49))).tolist() == [True, False]


def test_the_edge_counts_as_inside() -> None:
    assert inside(zone(polygon=RIGHT_HALF), people((0.5, 0.5))).tolist() == [True]


def test_feet_cut_off_by_the_picture_still_stand_in_a_zone_that_reaches_the_edge() -> None:
    cut = Detections(
        100, 100, np.array([[60, 50, 80, 100]], np.float32), np.zeros(1, np.int64), np.ones(1, np.float32), CLASSES
    )
    assert inside(zone(polygon=RIGHT_HALF), cut).tolist() == [True]


def test_nobody_gives_an_empty_mask() -> None:
    assert inside(zone(), people()).shape == (0,)


@given(st.floats(0.01, 0.99), st.floats(0.05, 0.99))
def test_a_point_is_in_the_left_or_the_right_half_and_only_on_the_edge_in_both(x: float, y: float) -> None:
    left_half = zone(polygon=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    someone = people((x, y))
    foot_x = float(someone.xyxy[0, 0] + someone.xyxy[0, 2]) / 2 / 1000
    both = inside(left_half, someone)[0] and inside(zone(polygon=RIGHT_HALF), someone)[0]
    assert inside(left_half, someone)[0] or inside(zone(polygon=RIGHT_HALF), someone)[0]
    assert not both or foot_x == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(
    ("polygon", "problem"),
    [
        (((0, 0), (1, 1)), "at least 3 points"),
        (((0, 0), (1.2, 0), (1, 1)), "between 0 and 1"),
        (((0, 0), (1, 1), (1, 0), (0, 1)), "do not cross"),
        (((0.1, 0.1), (0.5, 0.1), (0.9, 0.1)), "area"),
    ],
)
def test_a_polygon_that_is_no_zone_is_named_as_such(polygon: tuple[tuple[float, float], ...], problem: str) -> None:
    assert problem in (polygon_problem(polygon) or "")


def test_a_good_polygon_has_no_problem() -> None:
    assert polygon_problem(RIGHT_HALF) is None
