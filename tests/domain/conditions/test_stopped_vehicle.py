"""Who stands too long, told from visit to visit; not who moves, waits in a queue that moves, or takes turns."""

from __future__ import annotations

import numpy as np
import pytest

from patrol.domain.conditions.base import Seen
from patrol.domain.conditions.stopped_vehicle import StoppedVehicle
from patrol.domain.scene import NO_TRACK, Scene
from tests.builders import at
from tests.domain.conditions.moving import Mover, Played, area, goes, hidden, legs, picture, play, seconds, stays

CAR = (160.0, 90.0)
BY_VISITS = [5.0 * n for n in range(80)]
DWELL_S = 60.0


def played(*movers: Mover, times: list[float] = BY_VISITS) -> Played:
    return play(StoppedVehicle(DWELL_S), area(), movers, times, clear_after_s=30.0)


def car(path: object, label: str = "car") -> Mover:
    return Mover(path, CAR, label)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "times", [BY_VISITS, seconds(100.0), [30.0 * n for n in range(10)]], ids=["5 s", "0.25 s", "30 s"]
)
def test_a_car_that_stands_is_one_event_since_it_stopped(times: list[float]) -> None:
    (event,) = played(car(stays(600, 400)), times=times).events
    assert event.began_at == at(0)
    assert event.confirmed_at == at(next(t for t in times if t >= DWELL_S))
    assert "1 car stopped for 1 min" in event.evidence.words_en
    assert "1 辆汽车停留 1 分" in event.evidence.words_zh


@pytest.mark.parametrize(
    "mover",
    [
        car(goes((0, 400), (30, 0))),
        car(legs((0, 0, 400), (40, 600, 400), (95, 600, 400), (140, 1200, 400))),
        Mover(stays(600, 400)),
        car(goes((100, 400), (6, 0))),
    ],
    ids=["driving", "stopping for 55 s", "a person", "creeping in a queue"],
)
def test_who_moves_on_in_time_is_none(mover: Mover) -> None:
    assert played(mover).events == []


def test_it_begins_when_it_stopped_and_not_when_it_was_first_seen() -> None:
    (event,) = played(car(legs((0, 0, 400), (50, 600, 400), (400, 600, 400)))).events
    began_s = (event.began_at - at(0)).total_seconds()
    assert 40.0 <= began_s <= 55.0


def test_a_missed_look_or_something_that_passes_before_it_restarts_nothing() -> None:
    path = hidden(stays(600, 400), (20, 24), (38, 50))
    (event,) = played(car(path), car(goes((0, 420), (40, 0)), "bus")).events
    assert event.began_at == at(0)


def test_one_that_left_and_came_back_begins_anew() -> None:
    (event,) = played(car(hidden(stays(600, 400), (40, 140)))).events
    assert event.began_at == at(140)


def test_what_the_model_calls_it_may_change() -> None:
    kinds = [
        car(hidden(stays(600, 400), *spans), label) for label, spans in (("car", [(20, 400)]), ("truck", [(0, 20)]))
    ]
    (event,) = played(*kinds).events
    assert event.began_at == at(0)


def test_two_that_take_turns_at_one_place_are_told_apart_by_their_colours() -> None:
    condition, zone, memory, events = StoppedVehicle(DWELL_S), area(), None, 0
    for t in BY_VISITS:
        found, _ = picture([car(stays(600, 400))], t)
        pixels = np.full((720, 1280, 3), 60, np.uint8)
        pixels[310:400, 520:680] = (30, 30, 180) if int(t) % 100 < 50 else (200, 200, 190)
        scene = Scene(at(t), found, np.full(len(found), NO_TRACK, np.int64), {}, pixels=pixels)
        seen: Seen = condition.see(zone, scene, memory)
        memory, events = seen.memory, events + (seen.holding is not None)
    assert events == 0


def test_light_that_changes_slowly_is_no_other_car() -> None:
    condition, zone, memory, held = StoppedVehicle(DWELL_S), area(), None, False
    for t in BY_VISITS:
        found, _ = picture([car(stays(600, 400))], t)
        pixels = np.full((720, 1280, 3), int(40 + t / 3), np.uint8)
        scene = Scene(at(t), found, np.full(len(found), NO_TRACK, np.int64), {}, pixels=pixels)
        seen: Seen = condition.see(zone, scene, memory)
        memory, held = seen.memory, held or seen.holding is not None
    assert held


def test_what_is_remembered_is_bounded() -> None:
    rng = np.random.default_rng(1)
    movers = [car(goes((float(x), 400), (0, 0), t, t + 4)) for t in range(0, 400, 5) for x in rng.uniform(100, 1100, 3)]
    condition, memory = StoppedVehicle(DWELL_S), None
    for t in BY_VISITS:
        found, _ = picture(movers, t)
        memory = condition.see(area(), Scene.of(at(t), found), memory).memory
    assert len(memory.standing) <= 64  # type: ignore[attr-defined]
