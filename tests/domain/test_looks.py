"""What one look measures, on photographs that were really changed."""

from __future__ import annotations

import math
import sys
from dataclasses import fields

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.looks import GRID, Look, likeness, look_at, shifted_likeness
from patrol.domain.masks import blackened
from patrol.domain.zones import Polygon
from tests.photographs import photograph

Pixels = npt.NDArray[np.uint8]


BUS, PEOPLE = photograph("bus.jpg", (640, 360)), photograph("zidane.jpg", (640, 360))
RIGHT_HALF: Polygon = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def brighter(picture: Pixels, gain: float, offset: float = 0.0) -> Pixels:
    return np.asarray(np.clip(picture * gain + offset, 0, 255), np.uint8)


def noisy(picture: Pixels, sigma: float, seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).normal(0.0, sigma, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def test_brightness_and_contrast_are_those_of_the_picture() -> None:
    grey = cv2.cvtColor(BUS, cv2.COLOR_BGR2GRAY)
    look = look_at(BUS)
    assert look.brightness == pytest.approx(float(grey.mean()), abs=1.0)
    assert look.contrast == pytest.approx(float(grey.std()), rel=0.15)  # the finest of it is averaged out
    assert look.low < look.brightness < look.high


@pytest.mark.parametrize(("grey", "dark", "white"), [(0, 1.0, 0.0), (128, 0.0, 0.0), (255, 0.0, 1.0)])
def test_dark_and_white_are_shares_of_the_picture(grey: int, dark: float, white: float) -> None:
    look = look_at(np.full((360, 640, 3), grey, np.uint8))
    assert (look.dark, look.white) == (dark, white)


def test_colour_is_gone_in_infrared() -> None:
    infrared = cv2.cvtColor(cv2.cvtColor(BUS, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert look_at(BUS).colour > 10
    assert look_at(np.asarray(infrared, np.uint8)).colour == 0


def test_a_drawn_picture_is_flat_and_a_photograph_is_not() -> None:
    card = np.full((360, 640, 3), (180, 40, 10), np.uint8)
    cv2.putText(card, "NO SIGNAL", (180, 190), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 3)
    assert look_at(card).flat > 0.85
    assert look_at(BUS).flat < 0.4


@pytest.mark.parametrize("picture", [BUS, PEOPLE], ids=["bus", "people"])
def test_the_more_a_picture_is_blurred_the_less_sharp_it_is(picture: Pixels) -> None:
    blurred = [look_at(np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))).sharpness for sigma in (1.0, 2.0, 4.0)]
    in_order = [look_at(picture).sharpness, *blurred]
    assert in_order == sorted(in_order, reverse=True)
    assert blurred[1] < 0.45 * in_order[0]


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.2])
def test_sharpness_and_scene_do_not_depend_on_the_exposure(gain: float) -> None:
    usual, now = look_at(BUS), look_at(brighter(BUS, gain))
    assert now.sharpness == pytest.approx(usual.sharpness, rel=0.35)
    assert likeness(usual.field, now.field) > 0.9


def test_where_there_are_no_edges_sharpness_cannot_be_told() -> None:
    assert math.isnan(look_at(np.full((360, 640, 3), 90, np.uint8)).sharpness)


def test_equal_pictures_have_equal_digests_and_a_sensors_noise_changes_them() -> None:
    assert look_at(BUS).digest == look_at(BUS.copy()).digest
    assert look_at(noisy(BUS, 1.0, seed=1)).digest != look_at(noisy(BUS, 1.0, seed=2)).digest


def test_a_place_is_like_itself_and_unlike_another() -> None:
    bus, people = look_at(BUS), look_at(PEOPLE)
    assert likeness(bus.field, look_at(noisy(BUS, 6.0)).field) > 0.8
    assert abs(likeness(bus.field, people.field)) < 0.2
    assert shifted_likeness(bus.field, people.field, people.visible) < 0.4


@given(st.integers(13, 190), st.integers(0, 60))
def test_a_turned_camera_shows_the_same_place_shifted(right: int, down: int) -> None:
    whole = photograph("bus.jpg", (900, 480))
    before = look_at(np.ascontiguousarray(whole[:360, :640]))
    after = look_at(np.ascontiguousarray(whole[down : down + 360, right : right + 640]))
    assert shifted_likeness(before.field, after.field, after.visible) > 0.5


@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (320, 240), (352, 288), (100, 60)])
def test_pictures_of_any_size_are_measured_on_the_same_grid(width: int, height: int) -> None:
    look = look_at(photograph("bus.jpg", (width, height)))
    assert look.field.shape == (GRID[1], GRID[0], 2)
    assert likeness(look.field, look_at(BUS).field) > 0.6


def test_what_happens_behind_a_mask_changes_nothing() -> None:
    changed = BUS.copy()
    changed[:, 320:] = PEOPLE[:, 320:]
    before, after = (look_at(blackened(picture.copy(), [RIGHT_HALF]), [RIGHT_HALF]) for picture in (BUS, changed))
    for each in fields(Look):
        one, other = getattr(before, each.name), getattr(after, each.name)
        assert np.array_equal(one, other), each.name


def test_the_black_of_a_mask_is_not_darkness_and_its_edge_no_edge() -> None:
    bright = np.full((360, 640, 3), 200, np.uint8)
    look = look_at(blackened(bright, [RIGHT_HALF]), [RIGHT_HALF])
    assert (look.dark, look.low, look.detail) == (0.0, 200, 0.0)
    assert not look.field.any()


def test_a_picture_that_is_all_mask_is_measured_as_nothing() -> None:
    everything: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    look = look_at(BUS, [everything])
    assert (look.brightness, look.detail, look.colour) == (0.0, 0.0, 0.0)
    assert not look.visible.any()


def test_a_look_is_small() -> None:
    look = look_at(BUS)
    arrays = (look.thumbnail, look.field, look.visible)
    assert sum(array.nbytes for array in arrays) + sys.getsizeof(look) < 5_000


@given(st.integers(0, 2**32 - 1))
def test_any_picture_at_all_can_be_measured(seed: int) -> None:
    chance = np.random.default_rng(seed)
    height, width = (int(side) for side in chance.integers(2, 80, 2))
    look = look_at(chance.integers(0, 256, (height, width, 3), dtype=np.uint8))
    assert 0.0 <= look.flat <= 1.0
    assert 0 <= look.low <= look.high <= 255
    assert -1.0 <= likeness(look.field, look_at(BUS).field) <= 1.0
