"""Against the way traffic goes, far and straight enough; nobody else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.tracking import ByteTracker
from patrol.domain.conditions.wrong_way import STRAIGHT, WrongWay
from patrol.domain.events import Kind
from tests.domain.conditions.moving import Mover, Played, area, goes, play, seconds, stays, trembling
from tests.examples import examples

CAR = (120.0, 80.0)
TO_THE_RIGHT = area(direction_deg=90.0)
FOCUS = seconds(6.0)


def played(*movers: Mover, times: list[float] = FOCUS) -> Played:
    return play(WrongWay(), TO_THE_RIGHT, movers, times)


def car(path: object, label: str = "car") -> Mover:
    return Mover(path, CAR, label)  # type: ignore[arg-type]


def test_a_car_that_comes_against_it_is_one_event_with_words() -> None:
    (event,) = played(car(goes((1000, 400), (-100, 0)))).events
    assert event.kind is Kind.WRONG_WAY
    assert event.evidence.words_en.startswith("east: 1 car going the wrong way")
    assert "1 辆汽车逆行" in event.evidence.words_zh
    assert len(event.evidence.boxes) == 1


@pytest.mark.parametrize(
    "mover",
    [
        car(goes((100, 400), (150, 0))),
        car(goes((600, 100), (0, 150))),
        car(stays(600, 400)),
        car(trembling(stays(600, 400), 8.0)),
        Mover(goes((1000, 400), (-100, 0))),
    ],
    ids=["the right way", "across", "standing", "trembling", "a person"],
)
def test_nothing_else_is(mover: Mover) -> None:
    assert played(mover).events == []


def test_one_that_shunts_to_and_fro_is_parking() -> None:
    def path(t: float) -> tuple[float, float]:
        return 600 + 60 * math.sin(4 * t), 400

    assert played(car(path)).events == []


def test_single_visits_see_nothing_and_ask_for_a_closer_look_where_a_vehicle_is() -> None:
    against = played(car(goes((1000, 400), (-20, 0))), times=[0.0, 5.0, 10.0])
    assert against.events == []
    assert against.asked_s == [0.0, 5.0, 10.0]
    assert played(times=[0.0, 5.0]).asked_s == []


def test_a_zone_without_a_direction_knows_no_wrong_way() -> None:
    assert play(WrongWay(), area(), [car(goes((1000, 400), (-100, 0)))], FOCUS).events == []


def test_outside_of_its_zone_nobody_is_concerned() -> None:
    upper = area(((0.0, 0.0), (1.0, 0.0), (1.0, 0.4), (0.0, 0.4)), direction_deg=90.0)
    assert play(WrongWay(), upper, [car(goes((1000, 400), (-100, 0)))], FOCUS).events == []


def test_with_a_real_tracker_too() -> None:
    movers = [car(goes((1100, 300), (-120, 0))), car(goes((100, 600), (120, 0)))]
    (event,) = play(WrongWay(), TO_THE_RIGHT, movers, seconds(6.0, 5.0), ByteTracker).events
    assert event.evidence.count == 1


@examples(60)
@given(way=st.floats(0, 359), off=st.floats(0, 180), speed=st.floats(80, 200))
def test_any_way_is_judged_by_the_angle_to_it(way: float, off: float, speed: float) -> None:
    heading = math.radians(way + off)
    velocity = (speed * math.sin(heading), -speed * math.cos(heading))
    path = goes((640, 360), velocity)
    events = play(WrongWay(), area(direction_deg=way), [Mover(path, (60.0, 60.0), "car")], seconds(3.0)).events
    against = -math.cos(math.radians(off))
    if against > STRAIGHT + 0.01:
        assert len(events) == 1
    elif against < STRAIGHT - 0.01:
        assert events == []
