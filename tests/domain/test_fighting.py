"""Measures of motion: what stays at its place and thrashes has more of them than what passes or stands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.clip_scorers import Box, Glimpse, glimpse
from patrol.domain.fight_fitted import FITTED
from patrol.domain.fighting import BY_MOTION, LEAST_FRAMES, NAMES, SIZE, measures
from patrol.domain.logistic import Fitted, Weight
from tests.builders import at
from tests.examples import examples

WIDTH, HEIGHT = SIZE
GROUND = np.random.default_rng(5).integers(60, 120, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, 2)
PERSON = (0.4, 0.3, 0.5, 0.8)
OTHER = (0.48, 0.3, 0.58, 0.8)

Paint = Callable[[np.ndarray, int], None]
People = Callable[[int], tuple[Box, ...]]
BOTH: People = lambda n: (PERSON, OTHER)  # noqa: E731


def clip(
    paint: object, people: object = lambda n: (PERSON, OTHER), frames: int = 17, fps: float = 4.0
) -> list[Glimpse]:
    """So many frames; ``paint(picture, n)`` draws into each."""
    made = []
    for n in range(frames):
        pixels = GROUND.copy()
        paint(pixels, n)
        made.append(Glimpse(at(n / fps), pixels, people(n), WIDTH / HEIGHT))
    return made


def standing(pixels: np.ndarray, n: int) -> None:
    pixels[27:72, 64:80] = 200


def walking(pixels: np.ndarray, n: int) -> None:
    left = 5 + 8 * n
    pixels[27:72, left : left + 12] = 200


def thrashing(pixels: np.ndarray, n: int) -> None:
    shapes = np.random.default_rng(n)
    for _ in range(12):
        x, y = int(shapes.integers(55, 90)), int(shapes.integers(25, 60))
        pixels[y : y + 16, x : x + 10] = int(shapes.integers(0, 255))


def named(of: list[Glimpse]) -> dict[str, float]:
    values = measures(of)
    assert values is not None
    return dict(zip(NAMES, values.tolist(), strict=True))


def test_who_thrashes_about_at_one_place_changes_it_more_than_who_walks_past_or_stands() -> None:
    stand, walk, thrash = named(clip(standing)), named(clip(walking)), named(clip(thrashing))
    for name in ("churn", "torn", "jerk"):
        assert thrash[name] > walk[name] + 0.3 >= stand[name], name


def test_a_camera_that_trembles_is_no_fight() -> None:
    def shaken(pixels: np.ndarray, n: int) -> None:
        thrashing(pixels, 0)
        pixels[:] = np.roll(pixels, (n % 2) * 2, axis=1)

    assert named(clip(shaken))["jerk"] < named(clip(thrashing))["jerk"] - 0.3


def test_people_who_overlap_and_who_come_and_go_are_counted() -> None:
    apart = named(clip(standing, lambda n: (PERSON, (0.7, 0.3, 0.8, 0.8))))
    together = named(clip(standing))
    lost = named(clip(standing, lambda n: (PERSON, OTHER)[: n % 3]))
    assert apart["overlap"] == 0 < together["overlap"] < 1
    assert apart["flicker"] == 0 < lost["flicker"]


@pytest.mark.parametrize("of", [clip(standing, frames=LEAST_FRAMES - 1), clip(standing, fps=0.2), []])
def test_of_too_little_nothing_is_said(of: list[Glimpse]) -> None:
    assert measures(of) is None
    assert BY_MOTION.score(of) is None


def test_what_was_learned_fits_the_measures_and_tells_thrashing_from_walking() -> None:
    assert tuple(FITTED.weights) == NAMES
    thrash, walk = BY_MOTION.score(clip(thrashing)), BY_MOTION.score(clip(walking))
    assert thrash is not None
    assert walk is not None
    assert thrash > walk


@examples(20)
@given(seed=st.integers(0, 1000), frames=st.integers(LEAST_FRAMES, 20), fps=st.floats(1.5, 15))
def test_any_clip_gets_a_score_between_0_and_1_and_always_the_same(seed: int, frames: int, fps: float) -> None:
    def noise(pixels: np.ndarray, n: int) -> None:
        pixels[:] = np.random.default_rng(seed + n).integers(0, 255, pixels.shape, np.uint8)

    one, again = (BY_MOTION.score(clip(noise, frames=frames, fps=fps)) for _ in range(2))
    assert one is not None
    assert 0 <= one <= 1
    assert one == again


def test_a_picture_without_contrast_is_nothing() -> None:
    def blank(pixels: np.ndarray, n: int) -> None:
        pixels[:] = 0

    values = measures(clip(blank))
    assert values is not None
    assert np.isfinite(values).all()


@given(value=st.floats(-1e6, 1e6))
def test_more_of_what_counts_for_it_makes_it_surer(value: float) -> None:
    learned = Fitted({"x": Weight(mean=1.0, scale=2.0, weight=0.7)}, bias=-0.1)
    assert 0 <= learned.sure([value]) <= learned.sure([value + 1.0]) <= 1


def test_a_glimpse_is_of_the_size_asked_for_and_knows_the_shape_of_its_picture() -> None:
    one = glimpse(at(0), np.zeros((384, 640, 3), np.uint8), (PERSON,), (32, 18))
    assert one.pixels.shape == (18, 32, 3)
    assert one.aspect == pytest.approx(640 / 384)
