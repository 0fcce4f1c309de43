"""What moves, told by pixels: where it is, how it goes on, and what is no motion."""

from __future__ import annotations

import numpy as np
import pytest

from patrol.domain.conditions.wrong_way import WrongWay
from patrol.domain.detections import Detections
from patrol.domain.motion import (
    LARGEST,
    MOST_POINTS,
    NOTHING_MOVES,
    SMALL,
    Moving,
    Pixels,
    blobs_in,
    has_changed,
    looked,
    mask_of,
    small_grey,
)
from patrol.domain.scene import NO_TRACK, Scene
from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId
from tests.builders import WHOLE_PICTURE, at, camera, people, rule
from tests.domain.conditions.moving import area

WIDTH, HEIGHT = 640, 360
WHOLE = mask_of(WHOLE_PICTURE)


def picture(x: float | None, y: float = 180.0, grey: int = 90, noise: float = 0.0, seed: int = 0) -> Pixels:
    """A road of one grey, with something bright of 80 x 50 pixels in it."""
    pixels = np.full((HEIGHT, WIDTH, 3), grey, np.float64)
    if x is not None:
        left, top = max(0, round(x)), round(y)
        pixels[top : top + 50, left : max(0, round(x) + 80)] = 220
    if noise:
        pixels += np.random.default_rng(seed).normal(0, noise, pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def moved(pictures: list[Pixels], apart_from: tuple[tuple[float, float, float, float], ...] = ()) -> Moving:
    moving = NOTHING_MOVES
    for number, pixels in enumerate(pictures):
        moving = looked(moving, at(0.25 * number), pixels, apart_from)
    return moving


def test_something_that_goes_on_leaves_trails_at_both_its_ends() -> None:
    trails = moved([picture(40 + 30 * n) for n in range(10)]).trails
    assert 1 <= len(trails) <= 2
    for trail in trails:
        assert len(trail) == 8, "it takes two pictures to know what a third one has come to"
        steps = np.diff([point.foot[0] for point in trail])
        assert steps == pytest.approx(30 / WIDTH, abs=0.02)
        assert trail[-1].foot[1] == pytest.approx(230 / HEIGHT, abs=0.05)


def test_two_that_pass_each_other_keep_their_trails() -> None:
    def both(n: int) -> Pixels:
        return np.maximum(picture(40 + 40 * n, 60), picture(560 - 40 * n, 250))

    trails = moved([both(n) for n in range(9)]).trails
    ways = {(round(trail[-1].foot[1], 1), float(np.sign(trail[-1].foot[0] - trail[0].foot[0]))) for trail in trails}
    assert ways == {(0.3, 1.0), (0.8, -1.0)}


@pytest.mark.parametrize(
    "pictures",
    [
        [picture(200)] * 8,
        [picture(200, noise=6.0, seed=n) for n in range(8)],
        [picture(None, grey=90 + 80 * (n % 2)) for n in range(8)],
        [picture(200, grey=90 + 4 * n) for n in range(8)],
    ],
    ids=["standing", "noise", "light switched", "light rising"],
)
def test_what_is_no_motion_has_no_trail(pictures: list[Pixels]) -> None:
    assert moved(pictures).trails == ()


def test_in_boxes_that_do_not_count_nothing_moves() -> None:
    assert moved([picture(40 + 30 * n) for n in range(8)], apart_from=((0.0, 0.4, 1.0, 0.7),)).trails == ()


def test_what_is_remembered_is_bounded() -> None:
    rng = np.random.default_rng(3)
    moving = NOTHING_MOVES
    for number in range(200):
        pixels = np.maximum.reduce([picture(*rng.uniform((0, 0), (560, 300))) for _ in range(12)])
        moving = looked(moving, at(0.25 * number), pixels, ())
    assert len(moving.greys) <= 2
    assert len(moving.trails) <= 16
    assert all(len(trail) <= MOST_POINTS for trail in moving.trails)


def test_what_came_since_the_last_visit_is_a_change_and_light_is_none() -> None:
    road = small_grey(picture(None))
    assert has_changed(road, small_grey(picture(300)), WHOLE)
    assert not has_changed(road, small_grey(picture(None, noise=6.0)), WHOLE)
    assert not has_changed(road, small_grey(picture(None, grey=200)), WHOLE)
    assert not has_changed(road, small_grey(picture(300)), mask_of(((0, 0), (0.2, 0), (0.2, 1), (0, 1))))


def test_a_mask_that_is_nearly_all_of_it_is_no_blob() -> None:
    mask = np.zeros(SMALL[::-1], np.bool_)
    mask[: round(mask.shape[0] * (LARGEST + 0.1))] = True
    assert blobs_in(mask, at(0)) == []


def played(pictures: list[Pixels], found: Detections, direction_deg: float = 90.0) -> int:
    """How many wrong ways are told, where the detector knows nothing of what moves."""
    watched = rule(id=RuleId("rule"), condition=WrongWay(), for_s=0.0)
    watcher = Watcher({watched.id: watched})
    lane = camera(zones=(area(direction_deg=direction_deg),))
    return sum(len(watcher.observe(lane, at(0.25 * n), found, pixels).confirmed) for n, pixels in enumerate(pictures))


def test_a_vehicle_that_the_detector_does_not_know_goes_the_wrong_way() -> None:
    leftwards, rightwards = [picture(560 - 30 * n) for n in range(12)], [picture(40 + 30 * n) for n in range(12)]
    assert played(leftwards, people()) == 1
    assert played(rightwards, people()) == 0
    assert played(rightwards, people(), direction_deg=270.0) == 1


def test_somebody_who_walks_against_it_is_no_vehicle() -> None:
    everywhere = people((0.5, 0.65))
    wide = Detections(
        everywhere.width, everywhere.height, np.array([[0, 400, 1000, 700]], np.float32), everywhere.class_id,
        everywhere.confidence, everywhere.class_names,
    )  # fmt: skip
    assert played([picture(560 - 30 * n) for n in range(12)], wide) == 0


def test_a_visit_that_finds_something_new_on_the_road_asks_for_a_closer_look() -> None:
    condition, lane, memory = WrongWay(), area(direction_deg=90.0), None
    asked = []
    for number, pixels in enumerate((picture(None), picture(None, noise=5.0), picture(300))):
        none = Detections.none(WIDTH, HEIGHT, ("person",))
        scene = Scene(at(5.0 * number), none, np.full(0, NO_TRACK, np.int64), {}, pixels=pixels)
        seen = condition.see(lane, scene, memory)
        memory = seen.memory
        asked.append(seen.is_worth_a_focus)
    assert asked == [False, False, True]
