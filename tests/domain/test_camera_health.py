"""Camera health and identity, on photographs that were really harmed, as H.264, one visit after the other."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clips import shared_data
from benchmarks.evaluate_health import (
    HARMS,
    LIGHTS,
    OTHER_LIGHT,
    VISIT_S,
    Run,
    cameras_in,
    card,
    half_hidden,
    learned,
    looks_at,
    through_h264,
)
from patrol.domain.camera import CameraId
from patrol.domain.camera_health import HealthStep, accepted, step
from patrol.domain.health_memory import HealthMemory, Identity, from_plain, to_plain
from patrol.domain.health_settings import DEFAULT
from patrol.domain.health_watching import HealthWatcher, SceneBook
from patrol.domain.looks import Look, likeness, likenesses, look_at
from patrol.domain.troubles import Trouble
from tests.builders import at
from tests.domain.test_looks import BUS, PEOPLE, noisy
from tests.examples import examples

Pixels = npt.NDArray[np.uint8]

YARD, SQUARE = CameraId("yard"), CameraId("square")
PASSER_BY = BUS[150:330, 20:110]


@cache
def frames(of: str, count: int = 12) -> tuple[Pixels, ...]:
    """What a camera before one of the photographs sends: noise, and somebody who walks through."""
    picture = {"bus": BUS, "people": PEOPLE}[of]
    seen = [noisy(picture, 2.0, seed) for seed in range(count)]
    for number, frame in enumerate(seen):
        left = 60 + 40 * number % 480
        frame[150:330, left : left + 90] = PASSER_BY
    return tuple(through_h264(seen))


@cache
def looks(of: str, count: int = 12) -> tuple[Look, ...]:
    return tuple(looks_at(frames(of, count)))


def harmed(trouble: Trouble, severity: str, of: str = "bus", count: int = 10) -> list[Look]:
    pictures = HARMS[trouble][severity](frames(of, 12)[:count], np.random.default_rng(1))
    return looks_at(pictures if trouble is Trouble.FROZEN else through_h264(pictures))


class Visits:
    """A camera that is visited every 15 seconds."""

    def __init__(self, memory: HealthMemory | None = None) -> None:
        self.memory = memory or HealthMemory()
        self.seconds = 0.0
        self.told: list[tuple[str, Trouble]] = []

    def see(self, seen: Iterable[Look], every_s: float = VISIT_S, elsewhere: Any = lambda look: None) -> HealthStep:
        result = None
        for look in seen:
            self.seconds += every_s
            result = step(self.memory, look, at(self.seconds), elsewhere=elsewhere)
            self.memory = result.memory
            self.told += [("raised", trouble) for trouble in result.raised]
            self.told += [("cleared", trouble) for trouble in result.cleared]
        assert result is not None
        return result


def acquainted(of: str = "bus") -> Visits:
    """A camera that knows its scene."""
    visits = Visits()
    assert visits.see(looks(of)).identity is Identity.SAME
    return visits


STRONG = [
    (trouble, severity)
    for trouble, severities in HARMS.items()
    for severity in severities
    if severity.startswith("strong") or trouble is Trouble.NO_SIGNAL
]


@pytest.mark.parametrize(("trouble", "severity"), STRONG, ids=lambda value: str(value))
def test_each_harm_is_raised_once_cleared_by_whole_pictures_and_raised_again(trouble: Trouble, severity: str) -> None:
    visits = acquainted()
    visits.see([*harmed(trouble, severity), *harmed(trouble, severity)[:6]])
    assert visits.told.count(("raised", trouble)) == 1
    assert trouble in visits.see(harmed(trouble, severity)[:1]).troubles
    assert trouble not in visits.see(looks("bus")[:4]).troubles
    assert visits.told.count(("cleared", trouble)) == 1
    visits.see(harmed(trouble, severity))
    assert visits.told.count(("raised", trouble)) == 2


@pytest.mark.parametrize("of", ["bus", "people"])
def test_nothing_is_raised_about_a_camera_before_which_people_walk(of: str) -> None:
    visits = Visits()
    for _ in range(3):
        assert visits.see(looks(of)).trusted
    assert visits.told == []


@pytest.mark.parametrize("trouble", [Trouble.BLACK, Trouble.COVERED, Trouble.OVER_EXPOSED, Trouble.DEFOCUSED])
def test_one_bad_visit_is_not_told(trouble: Trouble) -> None:
    worst = [severity for severity in HARMS[trouble] if severity.startswith("strong")][-1]
    visits = acquainted()
    for _ in range(3):
        visits.see(harmed(trouble, worst, count=1))
        visits.see(looks("bus")[:3])
    assert visits.told == []


def test_a_black_picture_is_told_soon_at_a_core_cameras_pace() -> None:
    visits = acquainted()
    black = harmed(Trouble.BLACK, "strong: nothing")
    visits.see(black[:5], every_s=5.0)
    assert visits.told == [("raised", Trouble.BLACK)]


# Whose picture it is


def test_the_first_picture_of_another_camera_is_distrusted() -> None:
    result = acquainted("bus").see(looks("people")[:1])
    assert not result.trusted
    assert result.identity is Identity.OTHER


def test_one_picture_of_another_camera_is_not_told_and_the_next_of_its_own_is_trusted() -> None:
    visits = acquainted("bus")
    visits.see(looks("people")[:1])
    assert visits.see(looks("bus")[:1]).trusted
    assert visits.told == []


def test_after_the_clock_was_set_back_pictures_are_judged_as_before() -> None:
    visits = acquainted("bus")
    black = harmed(Trouble.BLACK, "strong: nothing")
    visits.see(black[:5])
    assert visits.told == [("raised", Trouble.BLACK)]
    visits.seconds -= 3600.0
    assert not visits.see(looks("people")[:1]).trusted, "another camera's, an hour earlier"
    visits.see(looks("bus")[:4])
    assert visits.told == [("raised", Trouble.BLACK), ("cleared", Trouble.BLACK)]


def test_a_wrong_picture_that_is_another_cameras_is_named_and_never_learned() -> None:
    watcher = HealthWatcher()
    for number in range(8):
        watcher.observe(YARD, looks("bus")[number], at(15.0 * number))
        watcher.observe(SQUARE, looks("people")[number], at(15.0 * number))
    for number in range(100):
        result = watcher.observe(YARD, looks("people")[number % 12], at(200.0 + 15.0 * number))
        assert not result.trusted
        assert result.looks_like == SQUARE
    assert result.troubles == {Trouble.WRONG_PICTURE}


def test_a_wrong_picture_that_comes_again_is_told_again() -> None:
    visits = acquainted("bus")
    for _ in range(2):
        visits.see(looks("people")[:2])
        visits.see(looks("bus")[:2])
    assert visits.told == [("raised", Trouble.WRONG_PICTURE), ("cleared", Trouble.WRONG_PICTURE)] * 2


def test_a_strange_view_that_stays_is_a_moved_camera_and_waiting_never_makes_it_its_own() -> None:
    visits = acquainted("bus")
    visits.see(looks("people")[:4])
    assert visits.told == [("raised", Trouble.WRONG_PICTURE)]
    for _ in range(20):  # an hour
        assert not visits.see(looks("people")).trusted
    assert visits.told[1:] == [("raised", Trouble.MOVED), ("cleared", Trouble.WRONG_PICTURE)]
    assert visits.see(looks("bus")[:2]).troubles == frozenset(), "turned back"


def test_a_camera_turned_a_little_stays_told_until_it_is_turned_back() -> None:
    visits = acquainted()
    for _ in range(10):
        assert visits.see(harmed(Trouble.MOVED, "strong: by 20% of the view")).troubles == {Trouble.MOVED}
    assert visits.told == [("raised", Trouble.MOVED)]
    assert visits.see(looks("bus")[:2]).troubles == frozenset()


def test_a_strange_view_is_no_light_of_the_scene_although_one_picture_of_it_was_taken_for_the_scenes() -> None:
    visits = acquainted("bus")
    visits.see(looks("people"))
    own, strange = looks("bus")[0].field.astype(np.int16), looks("people")[0].field.astype(np.int16)
    mixed = replace(looks("people")[0], field=(0.35 * own + 0.65 * strange).astype(np.int8))
    assert visits.see([mixed]).identity is Identity.SAME, "else this test tests nothing"
    assert not visits.see(looks("people")[:1]).trusted


def test_a_view_that_changes_all_the_time_is_never_learned_as_the_new_one() -> None:
    visits = acquainted("bus")
    upside_down = looks_at(np.ascontiguousarray(frame[::-1]) for frame in frames("people"))
    visits.see([look for pair in zip(looks("people"), upside_down, strict=True) for look in pair] * 4)
    assert visits.told == [("raised", Trouble.WRONG_PICTURE)]
    assert not visits.memory.trusted


def test_waiting_never_makes_paint_on_the_lens_the_cameras_own_scene() -> None:
    visits = acquainted("bus")
    last = visits.see(harmed(Trouble.COVERED, "strong: paint, 90%") * 12)
    assert last.troubles == {Trouble.COVERED}
    assert visits.see(looks("bus")[:2]).troubles == frozenset()


@pytest.mark.parametrize("visits_before", [2, 12])  # told as wrong picture, and as moved
def test_a_person_can_accept_the_new_view_at_once(visits_before: int) -> None:
    visits = acquainted("bus")
    visits.see(looks("people")[:visits_before])
    visits.memory = accepted(visits.memory)
    assert visits.see(looks("people")[:1]).trusted
    assert visits.see(looks("people")[1:4]).troubles == frozenset()
    assert not visits.see(looks("bus")[:1]).trusted, "the old scene is another one now"


def test_a_turned_cameras_view_can_be_accepted() -> None:
    visits = acquainted()
    visits.see(harmed(Trouble.MOVED, "strong: by 20% of the view"))
    visits.memory = accepted(visits.memory)
    last = visits.see(harmed(Trouble.MOVED, "strong: by 20% of the view")[:3])
    assert (last.identity, last.troubles) == (Identity.SAME, frozenset())


def test_accepting_once_more_or_where_nothing_is_strange_forgets_nothing() -> None:
    visits = acquainted("bus")
    assert accepted(visits.memory) is visits.memory
    visits.see(looks("people")[:1])
    assert accepted(visits.memory) is visits.memory, "nothing was told yet"
    visits.see(looks("people")[1:3])
    once = accepted(visits.memory)
    assert accepted(once) is once
    assert once.scenes


def test_a_view_hidden_in_the_moment_of_the_click_is_accepted_as_it_was_seen_last() -> None:
    visits = acquainted("bus")
    visits.see([*looks("people")[:4], *harmed(Trouble.BLACK, "strong: nothing", count=1)])
    visits.memory = accepted(visits.memory)
    assert visits.see(looks("people")[:1]).trusted


def test_a_camera_turned_a_little_is_told_and_still_trusted() -> None:
    result = acquainted().see(harmed(Trouble.MOVED, "strong: by 20% of the view"))
    assert result.troubles == {Trouble.MOVED}
    assert result.identity is Identity.SHIFTED
    assert result.trusted


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("of", ["bus", "people"])
def test_another_light_from_one_visit_to_the_next_is_the_same_place(of: str, light: str) -> None:
    visits = acquainted(of)
    changed = looks_at(through_h264(LIGHTS[light](frames(of), np.random.default_rng(2))))
    for look in changed * 3:
        result = visits.see([look])
        assert result.trusted
        assert not result.troubles & {Trouble.WRONG_PICTURE, Trouble.MOVED}
    assert visits.see(looks(of)).trusted


def test_a_light_seen_for_a_while_is_remembered_beside_the_day() -> None:
    visits = acquainted()
    railings = np.where(np.arange(640) // 24 % 2, 0.25, 1.0)[None, :, None]
    low_sun = looks_at(through_h264(np.asarray(frame * railings, np.uint8) for frame in frames("bus")))
    assert visits.see(low_sun * 2).trusted
    day = visits.see(looks("bus"))
    assert day.troubles == frozenset()
    assert 1 < len(visits.memory.scenes) <= DEFAULT.max_scenes


def test_a_lorry_before_half_of_the_view_is_no_other_place() -> None:
    visits = acquainted("bus")
    lorry = looks_at(half_hidden([PEOPLE], 0.5)(frames("bus"), np.random.default_rng(0)))
    assert visits.see(lorry).trusted
    assert not visits.told


@pytest.mark.parametrize(
    ("trouble", "severity"),
    [
        (Trouble.BLACK, "strong: nothing"),
        (Trouble.COVERED, "strong: hand, all"),
        (Trouble.COVERED, "strong: paint, 90%"),
    ],
)
def test_smoke_or_a_hand_before_the_lens_does_not_silence_the_camera(trouble: Trouble, severity: str) -> None:
    assert acquainted().see(harmed(trouble, severity)).trusted


def test_a_view_hidden_for_the_most_part_is_covered_for_as_long_as_it_is() -> None:
    visits = acquainted("bus")
    lorry = looks_at(half_hidden([PEOPLE], 0.74)(frames("bus"), np.random.default_rng(0)))
    for _ in range(6):
        last = visits.see(lorry)
        assert last.troubles == {Trouble.COVERED}
    assert visits.see(looks("bus")[:2]).troubles == frozenset()


def test_a_recorders_card_is_nobodys_picture() -> None:
    blue = looks_at(through_h264(card((180, 40, 10), "NO SIGNAL")([BUS] * 2, np.random.default_rng(0))))
    result = acquainted().see(blue)
    assert not result.trusted
    assert result.troubles == {Trouble.NO_SIGNAL}


def test_a_moved_camera_that_goes_black_stays_moved() -> None:
    visits = acquainted()
    visits.see(harmed(Trouble.MOVED, "strong: by 20% of the view"))
    assert visits.see(harmed(Trouble.BLACK, "strong: nothing")).troubles == {Trouble.MOVED, Trouble.BLACK}


# Learning


def test_a_torn_first_picture_is_not_taken_for_the_scene() -> None:
    visits = Visits()
    visits.see([looks("people")[0], *looks("bus")])
    assert visits.memory.trusted
    assert visits.told == []


def test_a_camera_that_turns_by_itself_from_the_start_is_never_judged() -> None:
    visits = Visits()
    result = visits.see([look for pair in zip(looks("bus"), looks("people"), strict=True) for look in pair])
    assert result.identity is Identity.LEARNING
    assert result.trusted
    assert visits.told == []


def test_another_cameras_scene_is_not_learned_as_ones_own() -> None:
    watcher = HealthWatcher()
    for number, look in enumerate(looks("people")):
        watcher.observe(SQUARE, look, at(15.0 * number))
    for number, look in enumerate(looks("people") * 5):
        result = watcher.observe(YARD, look, at(15.0 * number))
        assert (result.trusted, result.looks_like) == (False, SQUARE)
    assert result.troubles == {Trouble.WRONG_PICTURE}
    for number, look in enumerate(looks("bus")):
        result = watcher.observe(YARD, look, at(1000.0 + 15.0 * number))
        assert result.trusted
    assert (result.identity, result.troubles) == (Identity.SAME, frozenset())


def test_a_first_view_that_is_another_cameras_too_can_be_accepted() -> None:
    watcher = HealthWatcher()
    for number, look in enumerate(looks("people")):
        watcher.observe(SQUARE, look, at(15.0 * number))
        watcher.observe(YARD, look, at(15.0 * number))
    assert not watcher.accept(SQUARE)
    assert watcher.accept(YARD)
    for number, look in enumerate(looks("people")):
        for camera_id in (SQUARE, YARD):
            result = watcher.observe(camera_id, look, at(300.0 + 15.0 * number))
            assert result.trusted
    assert result.troubles == frozenset()


def test_where_a_view_is_shared_the_first_one_is_believed() -> None:
    watcher, shared = HealthWatcher(), replace(DEFAULT, shared_view=True)
    for number, look in enumerate(looks("people")):
        watcher.observe(SQUARE, look, at(15.0 * number))
        assert watcher.observe(YARD, look, at(15.0 * number), shared).trusted


def test_a_dead_camera_is_told_before_any_scene_is_known() -> None:
    visits = Visits()
    visits.see(harmed(Trouble.BLACK, "strong: nothing"))
    assert visits.told == [("raised", Trouble.BLACK)]


# Frozen


def test_equal_pictures_are_frozen_only_when_key_frames_cannot_be_that_far_apart() -> None:
    still = [look_at(frames("bus")[0])]
    visits = acquainted()
    visits.see(still * 12, every_s=5.0)
    assert visits.told == []
    visits.see(still * 2, every_s=5.0)
    assert visits.told == [("raised", Trouble.FROZEN)]


def test_a_recorder_that_encodes_its_last_picture_anew_is_frozen_after_half_an_hour() -> None:
    last = frames("bus")[0]
    again = looks_at(through_h264([last], quality)[0] for quality in (18, 19, 20, 21, 22, 23))
    assert len({look.digest for look in again}) > 1
    visits = acquainted()
    visits.see(again * 10, every_s=29.0)
    assert visits.told == []
    visits.see(again, every_s=29.0)
    assert visits.told == [("raised", Trouble.FROZEN)]


def test_a_still_scene_with_a_clock_burnt_in_is_alive() -> None:
    def at_second(second: int) -> Pixels:
        shown = frames("bus")[0].copy()
        cv2.putText(shown, f"12:00:{second:02}", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        return shown

    visits = Visits()
    clock = looks_at(through_h264([at_second(second) for second in range(60)]))
    visits.see(clock * 2, every_s=30.0)
    assert visits.told == []


def test_a_drawn_source_can_be_spared() -> None:
    spared = replace(DEFAULT, frozen_s=math.inf, alike_s=math.inf)
    memory = acquainted().memory
    for number in range(200):
        result = step(memory, looks("bus")[0], at(1000.0 + 30.0 * number), spared)
        memory = result.memory
        assert not result.troubles


# Memory


def test_a_restart_forgets_neither_the_scene_nor_what_was_told() -> None:
    visits = acquainted()
    visits.see(harmed(Trouble.DEFOCUSED, "strong: blur of 3 pixels"))
    plain = json.loads(json.dumps(to_plain(visits.memory)))
    again = Visits(from_plain(plain))
    again.see(harmed(Trouble.DEFOCUSED, "strong: blur of 3 pixels"))
    assert again.told == []
    assert not again.see(looks("people")[:1]).trusted
    again.see(looks("bus"))
    assert ("cleared", Trouble.DEFOCUSED) in again.told


def test_what_is_kept_of_a_camera_is_small() -> None:
    visits = acquainted()
    for light in LIGHTS.values():
        visits.see(looks_at(light(frames("bus"), np.random.default_rng(0))))
    assert len(json.dumps(to_plain(visits.memory))) < 15_000


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"form": "8x8/1", "scenes": [], "on": []},
        {"on": ["haunted"]},
        {"scenes": [{"field": "no base64!", "looks": 1, "detail": 0.5, "white": 0.0, "sharpness": 1.0}]},
        {"scenes": [{"field": "eJwDAAAAAAE=", "looks": 1, "detail": 0.5, "white": 0.0, "sharpness": 1.0}]},
        {"scenes": 7},
    ],
)
def test_a_memory_that_is_none_is_refused(broken: Mapping[str, Any]) -> None:
    plain = to_plain(acquainted().memory) | broken if broken else broken
    with pytest.raises(ValueError, match=r"expected|haunted|base64|reshape|Incorrect|padding|form"):
        from_plain(plain)


def test_a_picture_that_comes_late_changes_nothing() -> None:
    visits = acquainted()
    before = visits.memory
    late = step(before, looks("people")[0], at(visits.seconds - 0.5))
    assert late.memory is before
    assert late.trusted


@pytest.mark.parametrize("trouble", [Trouble.COVERED, Trouble.OVER_EXPOSED])
def test_of_two_cameras_that_show_one_place_neither_is_taken_for_the_other(trouble: Trouble) -> None:
    watcher = HealthWatcher()
    for number, look in enumerate(looks("bus")):
        watcher.observe(YARD, look, at(15.0 * number))
        watcher.observe(SQUARE, look, at(15.0 * number))
    for severity in HARMS[trouble]:
        for number, look in enumerate(harmed(trouble, severity)):
            assert watcher.observe(YARD, look, at(400.0 + 15.0 * number)).trusted


def test_one_scene_against_many_is_each_against_each() -> None:
    masked = look_at(BUS, [((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))])
    known = [look.field for name in ("bus", "people") for look in looks(name)] * 4
    for look in (looks("bus")[0], masked):
        one_by_one = [likeness(field, look.field, look.visible) for field in known]
        assert likenesses(known, look.field, look.visible) == pytest.approx(one_by_one, abs=1e-4)


def test_a_camera_that_is_gone_is_in_nobodys_way() -> None:
    book = SceneBook()
    book.enter(YARD, acquainted("bus").memory)
    assert book.whose(looks("bus")[0]) == YARD
    assert book.whose(looks("bus")[0], but=YARD) is None
    assert book.whose(looks("people")[0]) is None
    book.forget(YARD)
    assert book.whose(looks("bus")[0]) is None


POOL: Sequence[tuple[Trouble | None, str]] = [
    (None, "bus"),
    (None, "people"),
    *[(trouble, severity) for trouble, severity in STRONG if trouble is not Trouble.FROZEN],
]


@cache
def pool() -> tuple[Look, ...]:
    return tuple(looks(name)[0] if trouble is None else harmed(trouble, name, count=1)[0] for trouble, name in POOL)


@examples(60)
@given(st.lists(st.tuples(st.integers(0, len(POOL) - 1), st.integers(1, 12), st.floats(0.1, 300.0)), max_size=12))
def test_whatever_a_camera_shows_told_and_on_agree_and_memory_stays_small(
    story: list[tuple[int, int, float]],
) -> None:
    memory, now, on = HealthMemory(), at(0), set[Trouble]()
    for which, times, gap_s in story:
        for _ in range(times):
            now += timedelta(seconds=gap_s)
            result = step(memory, pool()[which], now)
            memory = result.memory
            assert not result.raised & on
            assert result.cleared <= on
            on = on - result.cleared | result.raised
            assert result.troubles == on
            assert result.trusted or result.identity in {Identity.OTHER, Identity.UNCLEAR}
            assert len(memory.scenes) <= DEFAULT.max_scenes
    assert to_plain(from_plain(to_plain(memory))) == to_plain(memory)


# Recorded clips

DATA = shared_data()
recorded = pytest.mark.skipif(DATA is None, reason="needs the recorded clips: PATROL_SHARED_DATA, or ../shared/data")


@cache
def recorded_looks(camera: str) -> tuple[Look, ...]:
    assert DATA is not None
    return tuple(looks_at(cameras_in(DATA, [camera])[camera]))


@recorded
@pytest.mark.shared_data
@pytest.mark.parametrize("camera", ["walkway", "table", "tills", "mess hall", "bedroom"])
def test_nothing_is_raised_on_a_recorded_cameras_pictures(camera: str) -> None:
    run = Run()
    assert run.visits(recorded_looks(camera)) == set()
    assert run.memory.trusted


@recorded
@pytest.mark.shared_data
@pytest.mark.parametrize(("lamp", "infrared"), OTHER_LIGHT)
def test_a_recorded_place_in_another_light_is_trusted(lamp: str, infrared: str) -> None:
    for first, second in ((lamp, infrared), (infrared, lamp)):
        memory = learned(recorded_looks(first))
        assert memory.seen_last_at is not None
        results = [step(memory, look, memory.seen_last_at + timedelta(seconds=15)) for look in recorded_looks(second)]
        assert all(result.trusted for result in results)


@recorded
@pytest.mark.shared_data
def test_recorded_cameras_are_told_apart() -> None:
    names = ("walkway", "table", "tills", "kiosk", "hall")
    for own in names:
        memory = learned(recorded_looks(own))
        assert memory.seen_last_at is not None
        for other in set(names) - {own}:
            for look in recorded_looks(other)[::8]:
                assert not step(memory, look, memory.seen_last_at + timedelta(seconds=15)).trusted, (own, other)
