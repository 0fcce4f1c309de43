"""Fire and smoke: suspected by one picture, told by a focus or by three visits; not what is steady, worn, or usual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from patrol.domain.burning import Box, Burning, FireFinder, Part
from patrol.domain.burning_map import BurningMap
from patrol.domain.conditions.base import Seen
from patrol.domain.conditions.fire_smoke import LEAST_LOOKS, FireSmoke
from patrol.domain.events import Event
from patrol.domain.rules import Rule, Watch, step
from patrol.domain.scene import Pixels
from patrol.domain.zones import RuleId
from tests.builders import camera
from tests.domain.conditions.drawn import (
    Picture,
    box_of_person,
    noisy,
    room,
    scene,
    with_flame,
    with_lamp,
    with_person,
    with_smoke,
)
from tests.domain.conditions.moving import area

FLAME: Box = (0.42, 0.45, 0.58, 0.72)
CLOUD: Box = (0.35, 0.3, 0.65, 0.75)
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Says:
    """A finder that sees these places in every picture; see FireFinder."""

    found: tuple[Burning, ...]

    def find(self, pixels: Pixels) -> tuple[Burning, ...]:
        return self.found


def says(part: Part = Part.FIRE, score: float = 0.8, box: Box = FLAME) -> FireFinder:
    return Says((Burning(part, box, score),))


def flame(_: float) -> Picture:
    return with_flame(room(), 320, 250, 70, RNG)


def lamp(_: float) -> Picture:
    return with_lamp(room(), 320, 210, 22)


def smoke(t: float) -> Picture:
    return with_smoke(room(), t, 320, 190)


def still(_: float) -> Picture:
    return room()


@dataclass
class Watched:
    """What a rule made of it. ``asked_s``: when a closer look was asked for."""

    events: list[Event]
    asked_s: list[float]
    memory: object


def watch(
    condition: FireSmoke,
    draw: Callable[[float], Picture],
    visits: Sequence[float] = (),
    focus: Sequence[float] = (),
    boxes: Sequence[tuple[tuple[float, float, float, float], str]] = (),
    begin: Watch | None = None,
) -> Watched:
    rule = Rule(RuleId("rule"), "烟火", "fire", condition, for_s=0.0, clear_after_s=30.0, cool_down_s=60.0)
    rng, state, events, asked = np.random.default_rng(5), begin or Watch(), [], []
    for t in sorted([*visits, *focus]):
        looked = step(rule, area(), camera().id, state, scene(t, noisy(draw(t), rng), boxes, in_focus=t in focus))
        state = looked.watch
        events += [looked.confirmed] if looked.confirmed else []
        asked += [t] if looked.is_worth_a_focus else []
    return Watched(events, asked, state)


FOCUS = [5 + index / 4 for index in range(1, 25)]


def test_a_flame_is_told_within_three_seconds_of_the_suspicion() -> None:
    found = watch(FireSmoke(finder=says()), flame, visits=[5], focus=FOCUS)
    (event,) = found.events
    assert (event.confirmed_at - event.began_at).total_seconds() <= 3.0
    assert "疑似明火" in event.evidence.words_zh
    assert "fire, flickering" in event.evidence.words_en
    assert event.evidence.boxes == (FLAME,)


def test_smoke_that_drifts_is_told_and_a_grey_wall_is_not() -> None:
    (event,) = watch(FireSmoke(finder=says(Part.SMOKE, box=CLOUD)), smoke, visits=[5], focus=FOCUS).events
    assert "烟雾" in event.evidence.words_zh
    assert watch(FireSmoke(finder=says(Part.SMOKE, box=CLOUD)), still, visits=[5], focus=FOCUS).events == []


def test_a_lamp_is_none_and_is_left_alone_after_a_focus_found_it_steady() -> None:
    later = [20, 25, 30, 35, 60]
    found = watch(FireSmoke(finder=says()), lamp, visits=[5, *later], focus=FOCUS)
    assert found.events == []
    assert not set(found.asked_s) & set(later)


def test_what_was_steady_is_looked_at_again_after_a_while() -> None:
    found = watch(FireSmoke(finder=says(score=0.45)), lamp, visits=[5, 30, 700], focus=FOCUS)
    assert 30 not in found.asked_s
    assert 700 in found.asked_s


def test_where_no_focus_comes_three_visits_that_agree_tell_it() -> None:
    found = watch(FireSmoke(finder=says()), lamp, visits=[0, 5, 10])
    (event,) = found.events
    assert "in picture after picture" in event.evidence.words_en
    assert found.asked_s == [0]
    assert watch(FireSmoke(finder=says()), lamp, visits=[0, 5]).events == []


@pytest.mark.parametrize("score", [0.36, 0.49])
def test_what_is_less_sure_is_worth_a_focus_and_no_more(score: float) -> None:
    found = watch(FireSmoke(finder=says(score=score)), lamp, visits=[0, 5, 10])
    assert found.events == []
    assert found.asked_s == [0, 5, 10]
    assert watch(FireSmoke(finder=says(score=0.2)), lamp, visits=[0, 5]).asked_s == []


def test_less_sure_and_flickering_is_told() -> None:
    assert len(watch(FireSmoke(finder=says(score=0.4)), flame, visits=[5], focus=FOCUS).events) == 1


def test_a_vest_of_a_flames_colours_is_worn() -> None:
    person = (box_of_person(320, 280, 160), "person")

    def draw(_: float) -> Picture:
        return with_lamp(with_person(room(), 320, 280, 160), 320, 200, 15)

    found = watch(FireSmoke(finder=says(box=(0.47, 0.5, 0.53, 0.6))), draw, visits=[0, 5, 10, 15], boxes=[person])
    assert found.events == []
    assert found.asked_s == []


def test_only_the_part_that_is_asked_for() -> None:
    condition = FireSmoke(parts=frozenset({Part.SMOKE}), finder=says())
    assert watch(condition, flame, visits=[0, 5, 10, 15]).events == []


def test_what_has_looked_like_that_for_long_belongs_to_the_place() -> None:
    visits = [5.0 * index for index in range(LEAST_LOOKS + 2)]
    before = watch(FireSmoke(finder=Says(())), lamp, visits=visits)
    assert isinstance(before.memory, Watch)
    later = [visits[-1] + 5 * index for index in (1, 2, 3)]
    assert watch(FireSmoke(finder=says()), lamp, visits=later, begin=before.memory).events == []
    unlike = watch(FireSmoke(finder=Says(())), still, visits=visits)
    assert isinstance(unlike.memory, Watch)
    assert len(watch(FireSmoke(finder=says()), lamp, visits=later, begin=unlike.memory).events) == 1


def test_it_stays_in_its_zone_and_needs_a_picture() -> None:
    elsewhere = area(((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2)))
    shown = scene(0.0, room())
    assert FireSmoke(finder=says()).see(elsewhere, shown, None).holding is None
    blind = type(shown)(shown.at, shown.detections, shown.track_id, {})
    assert FireSmoke(finder=says()).see(area(), blind, None).holding is None


def test_what_is_remembered_is_bounded() -> None:
    memory: object = None
    rng = np.random.default_rng(0)
    for index in range(120):
        box = tuple(float(value) for value in (0.01 * (index % 90), 0.1, 0.01 * (index % 90) + 0.02, 0.2))
        seen: Seen = FireSmoke(finder=says(box=box)).see(
            area(), scene(index / 4, noisy(room(), rng), in_focus=True), memory
        )  # type: ignore[arg-type]
        memory = seen.memory
    assert len(memory.glances) <= 16  # type: ignore[attr-defined]
    assert len(memory.steady) <= 16  # type: ignore[attr-defined]


def test_what_the_detectors_network_says_goes_before_colour() -> None:
    fire = np.full((12, 20), -4.0, np.float32)
    fire[4:9, 8:13] = 2.0

    def seen(burning: BurningMap | None, score: float) -> Seen:
        shown = scene(0.0, room())
        shown = replace(shown, detections=replace(shown.detections, burning=burning))
        return FireSmoke(finder=says(score=score)).see(area(), shown, None)

    nothing = BurningMap(np.full_like(fire, -4.0), np.full_like(fire, -4.0))
    assert seen(BurningMap(fire, nothing.smoke), score=0.0).is_worth_a_focus
    assert not seen(nothing, score=0.9).is_worth_a_focus
    assert seen(None, score=0.9).is_worth_a_focus


def test_a_white_place_that_always_looked_like_fire_belongs_to_the_place() -> None:
    visits = [5.0 * index for index in range(LEAST_LOOKS + 2)]
    later = [visits[-1] + 5 * index for index in (1, 2, 3)]
    before = watch(FireSmoke(finder=says(score=0.4)), still, visits=visits)
    assert isinstance(before.memory, Watch)
    assert watch(FireSmoke(finder=says(score=0.6)), still, visits=later, begin=before.memory).events == []
    never = watch(FireSmoke(finder=Says(())), still, visits=visits)
    assert isinstance(never.memory, Watch)
    assert len(watch(FireSmoke(finder=says(score=0.6)), still, visits=later, begin=never.memory).events) == 1
