"""What came and what went, told from shadow, light and people; bounded, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol.domain.background import SMALL, Background, Box, ChangedPlace, changed_places, looked
from tests.domain.conditions.drawn import HEIGHT, WIDTH, Picture, noisy, room, with_bag, with_person

CAME_S = 20.0


def played(
    draw: Callable[[float], Picture],
    times: Sequence[float],
    hidden: Callable[[float], Sequence[Box]] = lambda _: (),
) -> tuple[Background, list[ChangedPlace]]:
    rng = np.random.default_rng(0)
    model = None
    for t in times:
        model = looked(model, t, noisy(draw(t), rng), hidden(t))
    assert model is not None
    return model, changed_places(model)


EVERY_S = [float(t) for t in range(60)]
EVERY_5_S = [5.0 * t for t in range(16)]
PACES = pytest.mark.parametrize(
    "times", [pytest.param(EVERY_S, id="1 s", marks=pytest.mark.long), pytest.param(EVERY_5_S, id="5 s")]
)


@PACES
@pytest.mark.parametrize("size", [16, 36, 80])
def test_a_bag_that_came_is_new_and_known_since_then(times: list[float], size: int) -> None:
    _, (place,) = played(lambda t: with_bag(room(), 300, 300, size) if t >= CAME_S else room(), times)
    assert place.is_new
    assert not place.is_light
    assert place.before_s < CAME_S <= place.since_s
    assert place.since_s - place.before_s == pytest.approx(times[1] - times[0], abs=0.5)
    assert place.seen_s == times[-1]
    x1, y1, x2, y2 = place.box
    assert x1 * WIDTH < 300 < x2 * WIDTH
    assert y1 * HEIGHT < 300 - size / 2 < y2 * HEIGHT


@PACES
def test_one_that_went_is_not_new(times: list[float]) -> None:
    _, (place,) = played(lambda t: room() if t >= CAME_S else with_bag(room(), 300, 300), times)
    assert not place.is_new
    assert not place.is_light


def test_one_that_is_taken_along_again_leaves_nothing() -> None:
    _, places = played(lambda t: with_bag(room(), 300, 300) if CAME_S <= t < 40 else room(), EVERY_S)
    assert places == []


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.4])
def test_light_that_is_switched_is_nothing(gain: float) -> None:
    def draw(t: float) -> Picture:
        return np.clip(room() * (gain if t >= CAME_S else 1.0) + 3, 0, 255).astype(np.uint8)

    _, places = played(draw, EVERY_S)
    assert [place for place in places if not place.is_light] == []


@pytest.mark.parametrize("share", [0.55, 0.7, 0.85, 1.3])
def test_a_shadow_and_a_pool_of_light_are_light(share: float) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillPoly(mask, [np.array([(260, 230), (330, 225), (345, 320), (270, 330)])], 1.0)
    shade = (1 + (share - 1) * cv2.GaussianBlur(mask, (0, 0), 2))[..., np.newaxis]

    def draw(t: float) -> Picture:
        return np.clip(room() * shade, 0, 255).astype(np.uint8) if t >= CAME_S else room()

    _, places = played(draw, EVERY_S)
    assert [place for place in places if not place.is_light] == []


def test_behind_somebody_nothing_changes_and_what_they_hide_is_not_gone() -> None:
    def draw(t: float) -> Picture:
        picture = with_bag(room(), 300, 300)
        return with_person(picture, 310, 320, 150) if t >= CAME_S else picture

    def hidden(t: float) -> Sequence[Box]:
        return [(285 / WIDTH, 170 / HEIGHT, 335 / WIDTH, 320 / HEIGHT)] if t >= CAME_S else ()

    _, places = played(draw, EVERY_S, hidden)
    assert places == []


def test_what_went_while_somebody_stood_before_it_went_in_that_time() -> None:
    def draw(t: float) -> Picture:
        picture = with_bag(room(), 300, 300) if t < 25 else room()
        return with_person(picture, 310, 320, 150) if 20 <= t < 30 else picture

    def hidden(t: float) -> Sequence[Box]:
        return [(285 / WIDTH, 170 / HEIGHT, 335 / WIDTH, 320 / HEIGHT)] if 20 <= t < 30 else ()

    _, (place,) = played(draw, EVERY_S, hidden)
    assert place.is_new is False
    assert (place.before_s, place.since_s) == (19.0, 30.0)


def test_who_stands_before_it_later_is_known_to_hide_it() -> None:
    def hidden(t: float) -> Sequence[Box]:
        return [(0.4, 0.4, 0.55, 0.9)] if t >= 40 else ()

    _, (place,) = played(lambda t: with_bag(room(), 300, 300) if t >= CAME_S else room(), EVERY_S, hidden)
    assert place.seen_s == 39.0


@pytest.mark.long
def test_what_stands_long_is_not_eaten_up_from_its_rim() -> None:
    def box_at(until: int) -> Box:
        times = [float(t) for t in range(until)]
        _, (place,) = played(lambda t: with_bag(room(), 300, 300, 24) if t >= CAME_S else room(), times)
        return place.box

    assert box_at(120) == pytest.approx(box_at(40), abs=2 / 144)


def test_what_changes_little_by_little_is_the_place_itself() -> None:
    def draw(t: float) -> Picture:
        share = min(1.0, max(0.0, (t - 10) / 40))
        return np.asarray(room() * (1 - share) + with_bag(room(), 300, 300) * share, np.uint8)

    _, places = played(draw, EVERY_S)
    assert places == []


def test_a_thing_as_bright_as_a_shadow_is_told_by_its_colour() -> None:
    coloured = room()
    coloured[230:320, 270:340] = (coloured[230:320, 270:340] * 0.55 * (0.4, 0.6, 1.7)).clip(0, 255).astype(np.uint8)
    _, (place,) = played(lambda t: coloured if t >= CAME_S else room(), EVERY_S)
    assert not place.is_light


def test_a_camera_that_is_turned_is_learned_anew_and_nothing_is_told_meanwhile() -> None:
    told = []
    rng, model = np.random.default_rng(0), None
    for t in EVERY_S:
        model = looked(model, t, noisy(room(1) if t < CAME_S else np.roll(room(7), 90, axis=1), rng), ())
        told += changed_places(model)
    assert told == []
    assert model is not None
    assert not model.is_upset
    assert model.known.mean() > 0.9


@pytest.mark.long
def test_what_moves_all_the_time_never_stands() -> None:
    def draw(t: float) -> Picture:
        return with_person(room(), 40 + round(9 * t), 300, 120)

    model, places = played(draw, EVERY_S)
    assert [place for place in places if model.at_s - place.since_s > 6] == []


@pytest.mark.long
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 40), st.integers(0, 3)), min_size=1, max_size=12), st.integers(0, 99))
def test_it_stays_as_large_as_it_is_whatever_comes(looks: list[tuple[float, int]], seed: int) -> None:
    rng, model, t = np.random.default_rng(seed), None, 0.0
    for gap, which in looks:
        t += gap
        pictures = (room(seed), np.zeros((90, 160, 3), np.uint8), room(seed + 1), with_bag(room(seed), 300, 300))
        model = looked(model, t, noisy(pictures[which], rng), [(0.9, 0.9, 1.4, 1.2), (-0.2, -0.2, -0.1, 0.5)])
        held = [value for name in model.__slots__ if isinstance(value := getattr(model, name), np.ndarray)]
        assert sum(one.nbytes for one in held) == SMALL[0] * SMALL[1] * 16
        for place in changed_places(model):
            assert 0 <= place.box[0] < place.box[2] <= 1
            assert 0 <= place.box[1] < place.box[3] <= 1
            assert place.since_s <= t
