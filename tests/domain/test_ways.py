"""How long a way takes, who says so, and why it is only the straight line's."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.dispatch import Duty, travel_time_s
from patrol.domain.units import UnitKind
from patrol.domain.vocabulary import Place
from patrol.domain.ways import (
    DETOUR_FACTOR,
    Fallback,
    Start,
    TravelMode,
    TravelTable,
    Way,
    Ways,
    WaySource,
    start_of,
    straight_s,
)
from tests.builders import SQUARE, duty, north, unit

GATE = north(500)
ON_FOOT = duty("U-1", metres=100)
BY_CAR = replace(duty("U-2"), unit=unit("U-2", home=north(1000), speed_m_s=10.0, mode=TravelMode.CAR))
DRONE = replace(duty("U-3"), unit=unit("U-3", home=north(600), speed_m_s=12.0, kind=UnitKind.DRONE_GROUP))


def table(*rows: tuple[float | None, ...], why: Fallback = Fallback.NO_WAY) -> TravelTable:
    return TravelTable(WaySource.GRAPH, rows, (why,) * len(rows))


def found(duties: list[Duty], places: list[Place], *rows: tuple[float | None, ...]) -> Ways:
    return Ways.found(duties, places, table(*rows))


def test_a_way_that_is_known_is_as_long_as_it_was_found_to_be() -> None:
    ways = found([ON_FOOT, BY_CAR], [SQUARE, GATE], (61.0, 222.0), (83.0, 84.0))
    assert ways.way(ON_FOOT, SQUARE) == Way(61.0, WaySource.GRAPH)
    assert ways.way(BY_CAR, GATE) == Way(84.0, WaySource.GRAPH)


def test_a_way_that_nobody_knows_is_the_straight_lines_and_says_why() -> None:
    ways = found([ON_FOOT], [SQUARE], (None,))
    straight = ways.way(ON_FOOT, SQUARE)
    assert straight.seconds == pytest.approx(100 * DETOUR_FACTOR / 2.6, abs=0.1)
    assert (straight.source, straight.fallback) == (WaySource.STRAIGHT_LINE, Fallback.NO_WAY)


def test_why_is_told_for_each_unit_as_it_came() -> None:
    silent = TravelTable(WaySource.SERVICE, ((None,), (None,)), (Fallback.NO_ANSWER, Fallback.NOT_ASKED))
    ways = Ways.found([ON_FOOT, BY_CAR], [SQUARE], silent)
    assert ways.way(ON_FOOT, SQUARE).fallback is Fallback.NO_ANSWER
    assert ways.way(BY_CAR, SQUARE).fallback is Fallback.NOT_ASKED


def test_a_unit_and_a_place_that_were_not_asked_about_have_a_way_all_the_same() -> None:
    ways = found([ON_FOOT], [SQUARE], (61.0,))
    assert ways.way(BY_CAR, SQUARE).fallback is Fallback.NOT_ASKED
    assert ways.way(ON_FOOT, GATE).fallback is Fallback.NOT_ASKED


def test_where_no_streets_are_known_the_straight_line_is_no_fallback() -> None:
    straight = Ways.straight_line_only()
    assert straight.way(ON_FOOT, SQUARE) == Way(
        straight_s(start_of(ON_FOOT), SQUARE), WaySource.STRAIGHT_LINE, fallback=None
    )


def test_the_straight_line_with_mobilisation_is_what_dispatch_has_always_reckoned_with() -> None:
    straight = Ways.straight_line_only()
    for each in (ON_FOOT, BY_CAR):
        assert straight.travel_s(each, SQUARE) == pytest.approx(travel_time_s(each, SQUARE))


def test_mobilisation_is_added_to_a_known_way_too() -> None:
    assert found([ON_FOOT], [SQUARE], (61.0,)).travel_s(ON_FOOT, SQUARE) == pytest.approx(5 + 61)


def test_a_drone_flies_whatever_a_table_says_of_it() -> None:
    ways = found([DRONE], [SQUARE], (9999.0,))
    flies = ways.way(DRONE, SQUARE)
    assert flies.seconds == pytest.approx(600 / 12, abs=0.1)
    assert (flies.source, flies.fallback) == (WaySource.STRAIGHT_LINE, None)


def test_a_detour_of_ones_own_lengthens_what_is_not_known_and_nothing_else() -> None:
    ways = Ways.found([ON_FOOT, BY_CAR], [SQUARE], table((61.0,), (None,)), detour=2.0)
    assert ways.way(ON_FOOT, SQUARE).seconds == 61.0
    assert ways.way(BY_CAR, SQUARE).seconds == pytest.approx(1000 * 2 / 10, abs=0.2)


def test_a_unit_that_moved_begins_where_it_is_not_at_its_post() -> None:
    moved = replace(ON_FOOT, place=GATE)
    assert start_of(moved) == Start(GATE, TravelMode.FOOT, 2.6)


def test_a_table_of_another_size_than_what_was_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        found([ON_FOOT, BY_CAR], [SQUARE], (61.0,))
    with pytest.raises(ValueError, match="zip"):
        found([ON_FOOT], [SQUARE, GATE], (61.0,))


def test_a_way_can_stand_in_the_log_of_an_order_as_json() -> None:
    way = found([ON_FOOT], [SQUARE], (None,)).way(ON_FOOT, SQUARE)
    read = json.loads(json.dumps(asdict(way)))
    assert Way(read["seconds"], WaySource(read["source"]), Fallback(read["fallback"])) == way


@given(
    seconds=st.lists(st.one_of(st.none(), st.floats(0, 3600)), min_size=1, max_size=8),
    metres=st.integers(1, 5000),
)
def test_every_way_has_seconds_from_whoever_knows_it_best(seconds: list[float | None], metres: int) -> None:
    places = [north(metres + 10 * index) for index in range(len(seconds))]
    ways = found([ON_FOOT], places, tuple(seconds))
    for place, known in zip(places, seconds, strict=True):
        way = ways.way(ON_FOOT, place)
        assert way.seconds == (straight_s(start_of(ON_FOOT), place) if known is None else known)
        assert (way.source is WaySource.STRAIGHT_LINE) == (way.fallback is not None) == (known is None)
