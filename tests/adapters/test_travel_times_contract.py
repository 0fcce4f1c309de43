"""TravelTimes, held by all alike: who is asked, and from what they know it, changes no promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from patrol.adapters.routing_service import RoutingService
from patrol.adapters.straight_line import StraightLine
from patrol.adapters.street_graph import StreetGraph
from patrol.domain.camera import StreamAddress
from patrol.domain.travel_settings import ServiceKind, ServiceSettings
from patrol.domain.vocabulary import Place
from patrol.domain.ways import Fallback, Start, TravelMode, TravelTable, Ways, WaySource
from patrol.ports import TravelTimes
from tests.adapters import streets
from tests.adapters.looking import StandingClock
from tests.adapters.streets import CORNERS, ISLAND_M, Answer, corner, spot, start
from tests.builders import duty

ISLAND = spot(0, ISLAND_M)
PLACES = [corner(0, 0), corner(1, 3), corner(4, 4), spot(150, 200), spot(210, 380), ISLAND]
STARTS = [
    start(corner(0, 0)),
    start(spot(130, 300), TravelMode.SCOOTER, 6.0),
    start(corner(4, 1), TravelMode.CAR, 11.0),
    start(spot(90, 260), TravelMode.DRONE, 12.0),
    start(spot(30, ISLAND_M)),
]
ROUNDING = 1.002  # a degree is not quite as long everywhere, and a service counts in metres


@asynccontextmanager
async def straight(folder: Path) -> AsyncIterator[TravelTimes]:
    yield StraightLine()


@asynccontextmanager
async def graphml(folder: Path) -> AsyncIterator[TravelTimes]:
    yield StreetGraph.read(streets.town().written(folder))


@asynccontextmanager
async def geojson(folder: Path) -> AsyncIterator[TravelTimes]:
    yield StreetGraph.read(streets.town_in_lines(folder))


def service(kind: ServiceKind, answer: Answer) -> Callable[[Path], AbstractAsyncContextManager[TravelTimes]]:
    @asynccontextmanager
    async def opened(folder: Path) -> AsyncIterator[TravelTimes]:
        with streets.service(answer) as running:
            address = StreamAddress(f"http://127.0.0.1:{running.port}")
            travel = RoutingService(ServiceSettings(kind, address, within_s=30.0), StandingClock())
            try:
                yield travel
            finally:
                await travel.aclose()

    return opened


Opened = Callable[[Path], AbstractAsyncContextManager[TravelTimes]]
ON_STREETS: dict[str, Opened] = {
    "GraphML": graphml,
    "GeoJSON": geojson,
    "OSRM": service(ServiceKind.OSRM, streets.osrm),
    "Valhalla": service(ServiceKind.VALHALLA, streets.valhalla),
    "Valhalla in full": service(ServiceKind.VALHALLA, streets.old_valhalla),
}
ALL = ON_STREETS | {"straight line": straight}
each = pytest.mark.parametrize("opened", ALL.values(), ids=ALL)
each_on_streets = pytest.mark.parametrize("opened", ON_STREETS.values(), ids=ON_STREETS)


def tables(opened: Opened, folder: Path, *asked: tuple[Sequence[Start], Sequence[Place]]) -> list[TravelTable]:
    async def ask() -> list[TravelTable]:
        async with opened(folder) as travel:
            return [await travel.table(starts, places) for starts, places in asked]

    return asyncio.run(ask())


@each
def test_there_is_a_row_for_each_start_and_a_column_for_each_destination(opened: Opened, tmp_path: Path) -> None:
    (table,) = tables(opened, tmp_path, (STARTS, PLACES))
    assert [len(row) for row in table.seconds] == [len(PLACES)] * len(STARTS)
    assert len(table.why) == len(STARTS)


@each
def test_nobody_is_there_sooner_than_by_flying_straight(opened: Opened, tmp_path: Path) -> None:
    (table,) = tables(opened, tmp_path, (STARTS, PLACES))
    for begins, row in zip(STARTS, table.seconds, strict=True):
        for place, seconds in zip(PLACES, row, strict=True):
            flown_s = begins.place.distance_m(place) / begins.speed_m_s
            assert seconds is None or seconds * ROUNDING >= flown_s


@each
def test_drones_fly_straight_and_over_everything(opened: Opened, tmp_path: Path) -> None:
    drone = STARTS[3]
    (table,) = tables(opened, tmp_path, ([drone], PLACES))
    assert table.seconds[0] == pytest.approx([drone.place.distance_m(place) / 12.0 for place in PLACES])


@each
def test_who_goes_twice_as_fast_is_there_in_half_the_time(opened: Opened, tmp_path: Path) -> None:
    starts = [start(corner(1, 1), TravelMode.CAR, 5.0), start(corner(1, 1), TravelMode.CAR, 10.0)]
    (table,) = tables(opened, tmp_path, (starts, PLACES[:-1]))
    slow, fast = table.seconds
    assert fast == pytest.approx([seconds / 2 for seconds in slow if seconds is not None])


@each
def test_who_is_there_already_needs_no_time(opened: Opened, tmp_path: Path) -> None:
    (table,) = tables(opened, tmp_path, ([start(corner(2, 2))], [corner(2, 2)]))
    assert table.seconds[0][0] == pytest.approx(0, abs=1)


@each
def test_what_else_is_asked_about_changes_nothing(opened: Opened, tmp_path: Path) -> None:
    one_by_one = [([begins], [place]) for begins in STARTS for place in PLACES]
    whole, *single = tables(opened, tmp_path, (STARTS, PLACES), *one_by_one)
    alone = iter(single)
    for row in whole.seconds:
        for seconds in row:
            (found,) = next(alone).seconds[0]
            assert found == (None if seconds is None else pytest.approx(seconds))


@each
def test_nobody_and_nowhere_can_be_asked_about(opened: Opened, tmp_path: Path) -> None:
    nobody, nowhere = tables(opened, tmp_path, ([], PLACES), (STARTS, []))
    assert (nobody.seconds, nobody.why) == ((), ())
    assert nowhere.seconds == ((),) * len(STARTS)


@each
def test_ways_are_made_of_it(opened: Opened, tmp_path: Path) -> None:
    somebody = duty(place=corner(0, 0))
    (table,) = tables(opened, tmp_path, ([start(corner(0, 0), speed_m_s=2.6)], PLACES))
    way = Ways.found([somebody], PLACES, table).way(somebody, PLACES[1])
    assert way.source is table.source
    assert way.fallback is None


@each_on_streets
def test_the_way_is_round_the_corners(opened: Opened, tmp_path: Path) -> None:
    (table,) = tables(opened, tmp_path, ([start(corner(0, 0))], [corner(1, 3), corner(4, 4), spot(150, 200)]))
    assert table.seconds[0] == pytest.approx([400 / 2, 800 / 2, 350 / 2], rel=0.01)
    assert table.source is not WaySource.STRAIGHT_LINE


@each_on_streets
def test_where_no_street_leads_there_is_no_time_and_that_is_why(opened: Opened, tmp_path: Path) -> None:
    (table,) = tables(opened, tmp_path, ([start(corner(0, 0)), start(ISLAND)], [corner(1, 0), ISLAND]))
    assert table.seconds[0][1] is None
    assert table.seconds[1][0] is None
    assert table.seconds[0][0] == pytest.approx(50, rel=0.01)
    assert table.seconds[1][1] == pytest.approx(0, abs=1)
    assert table.why == (Fallback.NO_WAY,) * 2


@each_on_streets
def test_a_storm_of_incidents_is_asked_about_at_once(opened: Opened, tmp_path: Path) -> None:
    starts = [start(spot(2 * index, 0)) for index in range(120)]
    places = [corner(index % CORNERS, index // CORNERS % CORNERS) for index in range(60)]
    (table,) = tables(opened, tmp_path, (starts, places))
    assert [len(row) for row in table.seconds] == [60] * 120
    for begins, row in zip(starts[::17], table.seconds[::17], strict=True):
        expected = [streets.round_corners_m(begins.place, place) for place in places]
        assert row == pytest.approx([(metres or 0) / 2 for metres in expected], abs=6)
