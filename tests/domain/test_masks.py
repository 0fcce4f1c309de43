"""Privacy masks: every pixel a mask touches is black, and no other is changed for it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from patrol.domain.masks import blackened, touched
from patrol.domain.zones import Polygon
from tests.examples import examples

LEFT_HALF: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def white(width: int = 64, height: int = 36) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), 255, np.uint8)


def star(corners: list[tuple[float, float]]) -> Polygon:
    """The same corners, in the order round their middle, so that no edges cross."""
    middle_x, middle_y = (sum(axis) / len(corners) for axis in zip(*corners, strict=True))
    return tuple(sorted(corners, key=lambda corner: math.atan2(corner[1] - middle_y, corner[0] - middle_x)))


shares = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
corners = st.lists(st.tuples(shares, shares), min_size=3, max_size=7)


def pixels_of(polygon: Polygon, width: int, height: int, grown: float = 0.0) -> npt.NDArray[np.bool_]:
    """Which pixels, as squares, share area with the polygon (grown by some pixels): the slow and certain way."""
    rows, columns = np.mgrid[0:height, 0:width]
    shape = shapely.Polygon([(x * width, y * height) for x, y in polygon]).buffer(grown)
    squares = shapely.box(columns, rows, columns + 1, rows + 1)
    return np.asarray(shapely.area(shapely.intersection(squares, shape)) > 1e-2)


@examples(60)
@given(corners, st.integers(8, 90), st.integers(8, 60))
def test_every_pixel_that_a_mask_touches_is_black(found: list[tuple[float, float]], width: int, height: int) -> None:
    polygon = star(found)
    assume(shapely.Polygon(polygon).is_valid)
    picture = blackened(white(width, height), [polygon])
    assert not picture[pixels_of(polygon, width, height)].any()


@examples(60)
@given(corners, st.integers(8, 90), st.integers(8, 60))
def test_what_is_farther_than_three_pixels_from_a_mask_is_left_alone(
    found: list[tuple[float, float]], width: int, height: int
) -> None:
    polygon = star(found)
    assume(shapely.Polygon(polygon).is_valid and shapely.Polygon(polygon).area > 1e-4)
    picture = blackened(white(width, height), [polygon])
    assert (picture[~pixels_of(polygon, width, height, grown=3.0)] == 255).all()


def test_masks_add_up_and_may_lie_over_each_other() -> None:
    low = ((0.25, 0.5), (1.0, 0.5), (1.0, 1.0), (0.25, 1.0))
    both = touched([LEFT_HALF, low], 64, 36)
    assert (both == (touched([LEFT_HALF], 64, 36) | touched([low], 64, 36))).all()


def test_a_frames_own_pixels_are_blackened_and_returned() -> None:
    picture = white()
    assert blackened(picture, [LEFT_HALF]) is picture
    assert picture[18, 10].tolist() == [0, 0, 0]
    assert picture[18, 60].tolist() == [255, 255, 255]


def test_pixels_that_cannot_be_written_are_left_as_they_are_and_a_copy_is_blackened() -> None:
    picture = white()
    picture.flags.writeable = False
    masked = blackened(picture, [LEFT_HALF])
    assert picture.min() == 255
    assert masked[18, 10].tolist() == [0, 0, 0]


def test_without_masks_nothing_is_touched_or_copied() -> None:
    picture = white()
    assert blackened(picture, []) is picture
    assert picture.min() == 255


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (352, 288)])
def test_a_mask_holds_for_every_resolution(size: tuple[int, int]) -> None:
    assert touched([LEFT_HALF], *size).mean() == pytest.approx(0.5, abs=0.02)
