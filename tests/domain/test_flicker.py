"""Flames flicker at their edge and stay; lamps do not, blinking ones do as a whole, what moves takes its seat along."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from patrol.domain.flicker import Glance, drift, flicker, glance, is_enough
from tests.builders import at
from tests.domain.conditions.drawn import (
    Picture,
    noisy,
    room,
    with_flame,
    with_lamp,
    with_person,
    with_smoke,
)

RNG = np.random.default_rng(1)
PLACE = (0.4, 0.3, 0.6, 0.7)


def glances(draw: Callable[[int], Picture], count: int = 12) -> list[Glance]:
    rng = np.random.default_rng(2)
    return [glance(at(index / 4), noisy(draw(index), rng), (), ()) for index in range(count)]


@pytest.mark.parametrize("height", [24, 60, 100])
def test_a_flame_is_a_flame_near_and_far(height: int) -> None:
    seen = flicker(glances(lambda _: with_flame(room(), 320, 230, height, RNG)), PLACE)
    assert seen.is_flame


@pytest.mark.parametrize(
    "draw",
    [
        lambda _: with_lamp(room(), 320, 180, 20),
        lambda index: with_lamp(room(), 320, 180, 20) if index % 2 else room(),
        lambda index: with_lamp(room(), 270 + 9 * index, 180, 14),
        lambda _: room(),
        lambda index: with_lamp(room(), 320, 180, 20 if index < 6 else 26),
    ],
    ids=["steady", "blinking", "moving", "nothing warm", "turned up once"],
)
def test_a_lamp_is_none(draw: Callable[[int], Picture]) -> None:
    assert not flicker(glances(draw), PLACE).is_flame


def test_smoke_drifts_and_a_wall_does_not() -> None:
    assert drift(glances(lambda index: with_smoke(room(), index / 4, 320, 180)), PLACE).is_smoke
    assert not drift(glances(lambda _: room()), PLACE).is_smoke
    assert not drift(glances(lambda _: with_smoke(room(), 0.0, 320, 180)), PLACE).is_smoke


def test_light_that_grows_is_no_smoke() -> None:
    brighter = drift(glances(lambda index: np.clip(room() * (0.7 + 0.03 * index), 0, 255).astype(np.uint8)), PLACE)
    assert not brighter.is_smoke


def test_somebody_in_front_counts_for_nothing() -> None:
    def draw(index: int) -> Picture:
        return with_person(room(), 280 + 6 * index, 250, 140)

    rng = np.random.default_rng(2)
    hidden = [
        glance(at(i / 4), noisy(draw(i), rng), [((255 + 6 * i) / 640, 0.3, (305 + 6 * i) / 640, 0.7)], ())
        for i in range(12)
    ]
    assert not drift(hidden, PLACE).is_smoke


def test_what_is_kept_is_small_and_says_when_it_is_enough() -> None:
    seen = glances(lambda _: room(), 6)
    assert seen[0].warm.nbytes + seen[0].grey.nbytes == 2 * 160 * 90
    assert is_enough(seen)
    assert not is_enough(seen[:5])
    assert not is_enough([glance(at(index / 25), room(), (), ()) for index in range(6)])


def test_a_box_at_the_edge_or_of_no_size_is_measured_all_the_same() -> None:
    seen = glances(lambda _: room(), 6)
    for box in ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0), (0.999, 0.0, 1.0, 1.0)):
        assert not flicker(seen, box).is_flame
        assert not drift(seen, box).is_smoke
