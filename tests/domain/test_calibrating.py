"""Calibration: what a made-up camera sees must lead back to its own ground, within the uncertainty that is stated."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patrol.domain.calibrating import (
    PICK_ERROR,
    TAPE_ERROR_M,
    Calibration,
    PickedPoint,
    View,
    _plane_of,
    from_heights,
    from_points,
    standing_people,
)
from patrol.domain.detections import Detections
from patrol.domain.errors import InputError
from patrol.domain.ground import GroundPlane, depths, mapped
from tests.examples import examples

VIEW = View(aspect=16 / 9, view_deg=80)
SQUARE = ((0.3, 0.6), (0.7, 0.6), (0.8, 0.9), (0.2, 0.9))

tilts = st.floats(math.radians(12), math.radians(60))
heights = st.floats(3.0, 15.0)


def camera(tilt: float, height: float, view: View = VIEW) -> GroundPlane:
    return GroundPlane(_plane_of(tilt, height, view))


def area_of(plane: GroundPlane) -> float:
    area = plane.area(SQUARE)
    assert area is not None
    return area.value


def picked(plane: GroundPlane, at: tuple[tuple[float, float], ...] = SQUARE) -> list[PickedPoint]:
    return [
        PickedPoint(each, (float(x), float(y))) for each, (x, y) in zip(at, plane.on_ground(np.array(at)), strict=True)
    ]


def head_of(plane: GroundPlane, camera_m: float, foot: npt.NDArray[np.float64], tall_m: float) -> float:
    """Where a head is seen, by an independent way: it hides the ground so many times as far from the point under the
    camera as the person stands, and is seen where that ground is."""
    hidden = mapped(plane.homography, foot[None]) * camera_m / (camera_m - tall_m)
    return float(plane.in_picture(hidden)[0, 1])


def standing(
    tilt: float, height: float, count: int, seed: int, view: View = VIEW
) -> tuple[GroundPlane, npt.NDArray[np.float64]]:
    plane = camera(tilt, height, view)
    dice = np.random.default_rng(seed)
    rows: list[tuple[float, float, float]] = []
    while len(rows) < count:
        x, y = dice.uniform(0.05, 0.95), dice.uniform(0.05, 0.99)
        ground = plane.on_ground(np.array([[x, y]]))[0]
        if depths(plane.homography, np.array([[x, y]]))[0] < 0.1 or not 2 < np.linalg.norm(ground) < 40:
            continue
        head = head_of(plane, height, np.array([x, y]), float(dice.normal(1.7, 0.08)))
        if 0 < head < y:
            rows.append((x, y, head))
    return plane, np.array(rows)


@given(tilts, heights)
def test_four_points_give_the_ground_back(tilt: float, height: float) -> None:
    truth = camera(tilt, height)
    assume(not truth.reaches_horizon(SQUARE))
    found = from_points(picked(truth))
    assert area_of(found.plane) == pytest.approx(area_of(truth), rel=1e-6)
    assert found.residuals.max() < 1e-6


@given(tilts, heights, st.integers(0, 2**32 - 1))
def test_the_area_is_right_within_the_stated_uncertainty_for_points_picked_badly(
    tilt: float, height: float, seed: int
) -> None:
    truth = camera(tilt, height)
    assume(not truth.reaches_horizon(SQUARE))
    dice = np.random.default_rng(seed)
    points = [
        PickedPoint(
            tuple(np.array(point.at) + dice.normal(0, PICK_ERROR, 2)),
            tuple(np.array(point.metres) + dice.normal(0, TAPE_ERROR_M, 2)),
        )
        for point in picked(truth)
    ]
    area = from_points(points).plane.area(SQUARE)
    assert area is not None
    assume(area.relative_error < 0.25)
    assert abs(area.value - area_of(truth)) < 5 * area.error


def test_uncertain_points_are_wrong_by_as_much_as_is_stated() -> None:
    truth, dice = camera(math.radians(25), 6.0), np.random.default_rng(7)
    off = []
    for _ in range(300):
        points = [
            PickedPoint(
                tuple(np.array(point.at) + dice.normal(0, PICK_ERROR, 2)),
                tuple(np.array(point.metres) + dice.normal(0, TAPE_ERROR_M, 2)),
            )
            for point in picked(truth)
        ]
        area = from_points(points).plane.area(SQUARE)
        assert area is not None
        off.append((area.value - area_of(truth)) / area.error)
    assert 0.8 < np.std(off) < 1.25


def test_a_point_measured_wrongly_shows_in_the_residuals_and_widens_the_uncertainty() -> None:
    at = (*SQUARE, (0.5, 0.75), (0.4, 0.7))
    good = picked(camera(math.radians(25), 6.0), at)
    wrong = [*good[:-1], PickedPoint(good[-1].at, (good[-1].metres[0] + 2.0, good[-1].metres[1]))]
    before, after = from_points(good), from_points(wrong)
    assert before.residuals.max() < 1e-6
    assert after.residuals.max() > 0.3
    assert after.error > 3 * before.error


@pytest.mark.parametrize(
    ("at", "metres", "words"),
    [
        (SQUARE[:3], ((0, 0), (4, 0), (4, 4)), "at least 4 points"),
        (((0.1, 0.5), (0.4, 0.5), (0.6, 0.5), (0.9, 0.5)), ((0, 0), (4, 0), (4, 4), (0, 4)), "one line in the picture"),
        (((0.1, 0.5), (0.4, 0.5), (0.6, 0.5), (0.9, 0.9)), ((0, 0), (4, 0), (4, 4), (0, 4)), "one line in the picture"),
        (SQUARE, ((0, 0), (4, 0), (8, 0), (2, 0)), "one line on the ground"),
        ((*SQUARE[:3], SQUARE[0]), ((0, 0), (4, 0), (4, 4), (0, 4)), "one line in the picture"),
        (SQUARE, ((0, 8), (5, 8), (0, 2), (5, 2)), "exchanged"),
    ],
)
def test_points_that_give_no_plane_are_refused_with_words(
    at: tuple[tuple[float, float], ...], metres: tuple[tuple[float, float], ...], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        from_points([PickedPoint(*each) for each in zip(at, metres, strict=True)])


def _is_within(found: Calibration, truth: GroundPlane, sigmas: float = 4.0) -> bool:
    area = found.plane.area(SQUARE)
    return area is not None and abs(area.value - area_of(truth)) < sigmas * area.error


@examples(15)
@given(st.floats(math.radians(15), math.radians(45)), st.floats(4.0, 10.0), st.integers(0, 2**32 - 1))
def test_heights_of_people_give_the_ground_within_the_stated_uncertainty(tilt: float, height: float, seed: int) -> None:
    truth, people = standing(tilt, height, 150, seed)
    found = from_heights(people, VIEW)
    assert found.error < 0.3
    assert _is_within(found, truth)


def test_people_who_sit_and_boxes_that_are_wrong_do_not_move_the_ground() -> None:
    truth, people = standing(math.radians(25), 6.0, 200, 3)
    spoilt = people.copy()
    spoilt[::6, 2] += 0.45 * (spoilt[::6, 1] - spoilt[::6, 2])  # a sixth of them sit
    spoilt[1::20, 2] = 0.0
    found = from_heights(spoilt, VIEW)
    assert _is_within(found, truth)
    assert not found.used[1::20].any()


def test_people_at_one_distance_or_too_few_are_refused() -> None:
    people = standing(math.radians(20), 6.0, 400, 5)[1]
    with pytest.raises(InputError, match="at least 20"):
        from_heights(people[:19], VIEW)
    near = people[np.argsort(np.abs(people[:, 1] - 0.7))[:25]]
    with pytest.raises(InputError, match="one distance"):
        from_heights(near, VIEW)


def test_only_people_in_full_view_speak_for_the_ground() -> None:
    boxes = np.array(
        [
            [100, 100, 140, 220],  # stands
            [300, 100, 420, 220],  # too wide: sits, or two
            [0, 100, 40, 220],  # cut off by the edge
            [500, 100, 540, 220],  # half hidden by the next
            [515, 110, 555, 230],
            [700, 100, 740, 220],  # not sure enough
        ],
        np.float32,
    )
    sure = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.2], np.float32)
    seen = Detections(1000, 500, boxes, np.zeros(6, np.int64), sure, ("person",))
    assert standing_people(seen) == pytest.approx(np.array([[0.12, 0.44, 0.2]]))
