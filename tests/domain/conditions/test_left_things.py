"""What was left and what was taken, from visit to visit and in a focus; not who waits, stands by it, or walks past."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from patrol.domain.conditions import AbandonedObject, RemovedObject
from patrol.domain.conditions.left_things import MOST_PEOPLE, MOST_THINGS, Remembered
from patrol.domain.events import Event
from patrol.domain.rules import Rule, Watch, last_words, step
from patrol.domain.zones import RuleId
from tests.builders import at, camera
from tests.domain.conditions.drawn import box_of_person, noisy, room, scene, with_bag, with_person
from tests.domain.conditions.moving import area

Where = Callable[[float], tuple[int, int] | None]
"""Where somebody's feet are at a second."""

IN_A_FOCUS = [index / 2 for index in range(240)]
ON_A_TOUR = [5.0 * index for index in range(24)]
PACES = pytest.mark.parametrize(
    "times", [pytest.param(IN_A_FOCUS, id="0.5 s", marks=pytest.mark.long), pytest.param(ON_A_TOUR, id="5 s")]
)


def play(
    condition: AbandonedObject | RemovedObject,
    times: Sequence[float],
    bag: Callable[[float], bool],
    people: Sequence[Where] = (),
    label: str | None = None,
    light: Callable[[float], float] = lambda _: 1.0,
    zone: object = None,
) -> tuple[list[Event], Remembered]:
    """What is told, each once, with its end where it has one."""
    rule = Rule(RuleId("rule"), "物品", "object", condition, for_s=0.0, clear_after_s=15.0, cool_down_s=60.0)
    rng, watch, events = np.random.default_rng(3), Watch(), []
    for t in times:
        picture = with_bag(room(), 320, 300, 34) if bag(t) else room()
        boxes: list[tuple[tuple[float, float, float, float], str]] = []
        for where in people:
            place = where(t)
            if place is not None:
                picture = with_person(picture, *place)
                boxes.append((box_of_person(*place), "person"))
        if bag(t) and label is not None:
            boxes.append(((303, 266, 337, 300), label))
        shown = noisy(np.clip(picture * light(t), 0, 255).astype(np.uint8), rng)
        near = times[1] - times[0] <= 1.0
        result = step(rule, zone or area(), camera().id, watch, scene(t, shown, boxes, in_focus=near), 30.0)  # type: ignore[arg-type]
        watch = result.watch
        events += [result.ended] if result.ended else []
    last = last_words(watch)
    assert isinstance(watch.remembered, Remembered)
    return [*events, *([last] if last else [])], watch.remembered


def brings_it(t: float) -> tuple[int, int] | None:
    """Comes, stands, and leaves at 30 s."""
    if t < 15 or t > 36:
        return None
    return (round(np.interp(t, [15, 20, 30, 36], [20, 295, 295, 650])), 302)


def passes(begins: float) -> Where:
    return lambda t: (round(-20 + 70 * (t - begins)), 325) if begins <= t < begins + 9.5 else None


def lies(t: float) -> bool:
    return t >= 22


@PACES
def test_a_bag_whose_owner_left_is_told_since_they_left(times: list[float]) -> None:
    (event,), _ = play(AbandonedObject(), times, lies, [brings_it, passes(50), passes(70)])
    began_s = (event.began_at - at(0)).total_seconds()
    assert began_s == pytest.approx(32.8, abs=times[1] / 2 + 0.6)  # then they are 2 m away
    assert (event.confirmed_at - event.began_at).total_seconds() == pytest.approx(30, abs=6)
    assert "物品 1 件无人看管 3" in event.evidence.words_zh
    assert "1 object with nobody near for 3" in event.evidence.words_en


@PACES
def test_it_is_over_when_somebody_takes_it(times: list[float]) -> None:
    (event,), _ = play(AbandonedObject(), times, lambda t: 22 <= t < 85, [brings_it])
    assert event.ended_at is not None
    assert (event.ended_at - at(0)).total_seconds() == pytest.approx(85, abs=6)


@PACES
def test_who_passes_by_just_when_it_is_known_did_not_bring_it(times: list[float]) -> None:
    """A thing is known at its third look; the camera comes by every five seconds."""
    (event,), _ = play(AbandonedObject(), times, lies, [brings_it, passes(31)])
    assert (event.began_at - at(0)).total_seconds() == pytest.approx(32.8, abs=times[1] / 2 + 0.6)


@PACES
def test_it_is_over_when_somebody_comes_who_takes_it(times: list[float]) -> None:
    def fetches(t: float) -> tuple[int, int] | None:
        place = brings_it(t - 70)
        return None if place is None or t < 85 else place

    (event,), _ = play(AbandonedObject(), times, lambda t: 22 <= t < 93, [brings_it, passes(60), fetches])
    assert event.ended_at is not None  # who takes it is 2 m away at 87.9 s
    assert (event.ended_at - at(0)).total_seconds() == pytest.approx(87.9, abs=times[1] / 2 + 0.6)


@PACES
def test_one_that_nobody_was_seen_to_bring_counts_since_it_came(times: list[float]) -> None:
    (event,), _ = play(AbandonedObject(), times, lies)
    assert (event.began_at - at(0)).total_seconds() == pytest.approx(22, abs=5)


@PACES
def test_who_stands_by_it_keeps_it(times: list[float]) -> None:
    def stays(t: float) -> tuple[int, int] | None:
        place = brings_it(min(t, 30.0))
        return None if place is None else (place[0] + round(2 * np.sin(t)), place[1])

    assert play(AbandonedObject(), times, lies, [stays, passes(60)])[0] == []


@PACES
def test_who_waits_is_no_object_even_where_the_detector_blinks(times: list[float]) -> None:
    def waits(t: float) -> tuple[int, int] | None:
        return (320 + round(1.5 * np.sin(t)), 300) if t >= 10 else None

    assert play(AbandonedObject(), times, lambda _: False, [waits])[0] == []


@PACES
@pytest.mark.parametrize(
    "light",
    [lambda t: 0.55 if 40 <= t < 80 else 1.0, lambda t: 1 + 0.15 * np.sin(t / 20)],
    ids=["switched", "drifting"],
)
def test_light_is_no_object(times: list[float], light: Callable[[float], float]) -> None:
    assert play(AbandonedObject(), times, lambda _: False, light=light)[0] == []
    assert play(RemovedObject(), times, lambda _: True, light=light)[0] == []


@PACES
def test_what_is_taken_along_in_time_or_stood_there_before_is_none(times: list[float]) -> None:
    assert play(AbandonedObject(), times, lambda t: 22 <= t < 45, [brings_it])[0] == []
    assert play(AbandonedObject(), times, lambda _: True, [passes(40)])[0] == []


@PACES
def test_a_detector_that_knows_it_says_what_it_is(times: list[float]) -> None:
    (event,), _ = play(AbandonedObject(), times, lies, [brings_it], label="backpack")
    assert "背包 1 件" in event.evidence.words_zh
    assert "1 backpack" in event.evidence.words_en
    assert event.score == 0.9


@PACES
def test_what_is_taken_is_told_and_is_over_when_it_is_back(times: list[float]) -> None:
    (event,), _ = play(RemovedObject(), times, lambda t: not 30 <= t < 80, [passes(28)])
    assert (event.began_at - at(0)).total_seconds() == pytest.approx(30, abs=times[1] / 2 + 2.5)
    assert event.ended_at is not None
    assert (event.ended_at - at(0)).total_seconds() == pytest.approx(80, abs=times[1] / 2 + 0.6)
    assert "物品 1 件不见" in event.evidence.words_zh
    assert "1 object gone for" in event.evidence.words_en


@PACES
def test_who_stands_before_it_takes_nothing(times: list[float]) -> None:
    def stands(t: float) -> tuple[int, int] | None:
        return (325, 310) if 30 <= t < 90 else None

    assert play(RemovedObject(), times, lambda _: True, [stands])[0] == []


@pytest.mark.long
def test_something_that_came_is_not_removed_and_the_other_way_round() -> None:
    assert play(RemovedObject(), IN_A_FOCUS, lies)[0] == []
    assert play(AbandonedObject(), IN_A_FOCUS, lambda t: t < 40)[0] == []


def test_out_of_its_zone_nothing_is_told() -> None:
    corner = area(((0.0, 0.0), (0.3, 0.0), (0.3, 0.3), (0.0, 0.3)))
    assert play(AbandonedObject(), ON_A_TOUR, lies, zone=corner)[0] == []
    assert play(RemovedObject(), ON_A_TOUR, lambda t: t < 40, zone=corner)[0] == []


def test_without_a_picture_nothing_is_known() -> None:
    shown = scene(0.0, room())
    blind = type(shown)(shown.at, shown.detections, shown.track_id, {})
    assert AbandonedObject().see(area(), blind, None).holding is None
    assert RemovedObject().see(area(), blind, None).holding is None


def test_what_is_remembered_is_bounded() -> None:
    rng = np.random.default_rng(0)
    memory: object = None
    for index in range(60):
        picture = room()
        for _ in range(12):
            picture = with_bag(picture, int(rng.integers(40, 600)), int(rng.integers(150, 350)), 30)
        boxes = [((x, 100.0, x + 20.0, 160.0), "person") for x in range(0, 600, 30)]
        memory = AbandonedObject().see(area(), scene(5.0 * index, picture, boxes), memory).memory
    assert isinstance(memory, Remembered)
    assert len(memory.things) <= MOST_THINGS
    assert len(memory.people) <= MOST_PEOPLE
