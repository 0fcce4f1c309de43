"""Streets from files: who may go where, how far it is, and what a file must be like."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters import street_files, street_graph
from patrol.adapters.street_files import Street, read_streets
from patrol.adapters.street_graph import StreetGraph
from patrol.domain.errors import InputError
from patrol.domain.vocabulary import Place
from patrol.domain.ways import TravelMode
from tests.adapters.streets import CORNERS, Town, corner, geojson, line, spot, start, town, town_in_lines
from tests.examples import examples

FOOT, SCOOTER, CAR = TravelMode.FOOT, TravelMode.SCOOTER, TravelMode.CAR


def metres(graph: StreetGraph, begins: Place, ends: Place, mode: TravelMode = FOOT) -> float | None:
    """How far it is, at a metre a second."""
    table = asyncio.run(graph.table([start(begins, mode, 1.0)], [ends]))
    return table.seconds[0][0]


def of(made: Town, folder: Path) -> StreetGraph:
    return StreetGraph.read(made.written(folder))


def two_crossings(*, directed: bool = True) -> Town:
    made = Town(directed=directed)
    made.crossing("west", spot(0, 0))
    made.crossing("east", spot(100, 0))
    return made


def ring(**west_to_east: str) -> Town:
    """A street from west to east, and a way round it over the north, 300 m long."""
    made = two_crossings()
    made.crossing("north-west", spot(0, 100))
    made.crossing("north-east", spot(100, 100))
    made.street("west", "east", **west_to_east)
    for begins, ends in (("west", "north-west"), ("north-west", "north-east"), ("north-east", "east")):
        made.street(begins, ends)
    return made


WEST, EAST = spot(0, 0), spot(100, 0)


def about(expected: float) -> Any:
    return pytest.approx(expected, abs=1.0)


class TestWhoMayGoWhere:
    def test_traffic_goes_round_where_a_street_is_one_way_and_people_on_foot_do_not(self, tmp_path: Path) -> None:
        graph = of(ring(oneway="True"), tmp_path)
        for mode in (CAR, SCOOTER):
            assert metres(graph, WEST, EAST, mode) == about(100)
            assert metres(graph, EAST, WEST, mode) == about(300)
        assert metres(graph, EAST, WEST, FOOT) == about(100)

    @pytest.mark.parametrize("oneway", ["-1", "reverse"])
    def test_a_street_may_be_one_way_against_its_line(self, tmp_path: Path, oneway: str) -> None:
        lines = [([WEST, EAST], {"oneway": oneway}), ([WEST, spot(0, 100), spot(100, 100), EAST], {})]
        graph = StreetGraph.read(geojson(tmp_path, lines))
        assert metres(graph, EAST, WEST, CAR) == about(100)
        assert metres(graph, WEST, EAST, CAR) == about(300)

    @pytest.mark.parametrize("oneway", ["no", "False", "reversible", False, None])
    def test_what_is_not_one_way_is_open_both_ways(self, tmp_path: Path, oneway: object) -> None:
        graph = StreetGraph.read(geojson(tmp_path, [([WEST, EAST], {"oneway": oneway})]))
        assert metres(graph, EAST, WEST, CAR) == metres(graph, WEST, EAST, CAR) == about(100)

    def test_a_stretch_that_is_one_way_in_a_part_is_one_way(self, tmp_path: Path) -> None:
        graph = of(ring(oneway="[True, False]"), tmp_path)
        assert metres(graph, EAST, WEST, CAR) == about(300)

    def test_a_directed_edge_that_says_nothing_goes_one_way(self, tmp_path: Path) -> None:
        made = ring(oneway="True")
        for _, _, values in made.graph.edges(data=True):
            values.pop("oneway")
        graph = of(made, tmp_path)
        assert metres(graph, WEST, EAST, CAR) == about(100)
        assert metres(graph, EAST, WEST, CAR) == about(300)

    @pytest.mark.parametrize(
        ("highway", "foot", "scooter", "car"),
        [
            ("residential", 100, 100, 100),
            ("trunk", 100, 100, 100),
            ("motorway", 300, 300, 100),
            ("motorway_link", 300, 300, 100),
            ("['motorway', 'residential']", 300, 300, 100),
            ("footway", 100, 100, 300),
            ("pedestrian", 100, 100, 300),
            ("cycleway", 100, 100, 300),
            ("steps", 100, 300, 300),
        ],
    )
    def test_each_goes_where_it_may(self, tmp_path: Path, highway: str, foot: int, scooter: int, car: int) -> None:
        graph = of(ring(highway=highway), tmp_path)
        found = [metres(graph, WEST, EAST, mode) for mode in (FOOT, SCOOTER, CAR)]
        assert found == [about(foot), about(scooter), about(car)]

    def test_a_town_without_a_street_for_cars_has_no_way_for_them(self, tmp_path: Path) -> None:
        graph = StreetGraph.read(geojson(tmp_path, [([WEST, EAST], {"highway": "footway"})]))
        assert metres(graph, WEST, EAST, CAR) is None
        assert metres(graph, WEST, EAST, FOOT) == about(100)


class TestHowFarItIs:
    def test_within_a_block_nobody_goes_to_its_corner_first(self, tmp_path: Path) -> None:
        graph = of(town(), tmp_path)
        for mode in (FOOT, CAR):
            assert metres(graph, spot(220, 100), spot(260, 100), mode) == about(40)

    def test_who_stands_in_the_middle_of_a_two_way_street_may_drive_either_way(self, tmp_path: Path) -> None:
        made = two_crossings()
        made.street("west", "east", geometry=line(WEST, spot(33, 20), spot(71, 20), EAST), length="115")
        graph = of(made, tmp_path)
        middle = spot(52, 20)
        to_west, to_east = metres(graph, middle, WEST, CAR), metres(graph, middle, EAST, CAR)
        assert to_west is not None
        assert to_east is not None
        assert to_west + to_east == about(115)
        assert to_west == about(115 * (39 + 19) / (39 + 38 + 35))

    @pytest.mark.parametrize("metres_in", [1, 12])
    def test_who_is_at_a_crossing_may_take_any_of_its_streets(self, tmp_path: Path, metres_in: float) -> None:
        graph = of(ring(oneway="True"), tmp_path)
        into_one_way = spot(metres_in, 0)
        assert metres(graph, into_one_way, spot(0, 100), CAR) == about(100 + metres_in)
        assert metres(graph, spot(50, 0), spot(0, 100), CAR) == about(50 + 200)

    def test_a_street_is_as_long_as_the_file_says_whatever_line_is_drawn(self, tmp_path: Path) -> None:
        made = two_crossings()
        made.street("west", "east", length="180")
        assert metres(of(made, tmp_path), WEST, EAST) == about(180)

    def test_a_street_whose_length_is_not_said_is_as_long_as_its_line(self, tmp_path: Path) -> None:
        made = two_crossings()
        made.street("west", "east", length="", geometry=line(WEST, spot(0, 50), spot(100, 50), EAST))
        assert metres(of(made, tmp_path), WEST, EAST) == about(200)

    def test_of_two_streets_between_the_same_corners_the_shorter_counts(self, tmp_path: Path) -> None:
        made = two_crossings()
        made.street("west", "east", length="180", geometry=line(WEST, spot(50, 75), EAST))
        made.street("west", "east", length="120", geometry=line(WEST, spot(50, -33), EAST))
        assert metres(of(made, tmp_path), WEST, EAST) == about(120)

    def test_an_undirected_file_and_lines_that_are_drawn_from_the_far_end_are_the_same(self, tmp_path: Path) -> None:
        made = two_crossings(directed=False)
        made.street("west", "east", geometry=line(EAST, spot(100, 50), spot(0, 50), WEST), length="200")
        graph = of(made, tmp_path)
        assert metres(graph, WEST, EAST, CAR) == metres(graph, EAST, WEST, CAR) == about(200)
        assert metres(graph, WEST, spot(0, 50), CAR) == about(50)

    def test_from_a_place_to_its_street_the_straight_line_counts_with_its_detour(self, tmp_path: Path) -> None:
        made = town().written(tmp_path)
        graph, straight = StreetGraph.read(made, detour=2.0), StreetGraph.read(made, detour=1.0)
        off_street, far = spot(240, 150), corner(4, 4)
        one, other = metres(graph, off_street, far), metres(straight, off_street, far)
        assert one is not None
        assert other is not None
        assert one - other == pytest.approx(40, abs=3), "its street is 40 m away"

    def test_two_who_are_in_one_square_need_no_street(self, tmp_path: Path) -> None:
        graph = StreetGraph.read(town().written(tmp_path), detour=1.3)
        assert metres(graph, spot(240, 150), spot(260, 150)) == pytest.approx(20 * 1.3, abs=1)

    def test_the_same_town_in_lines_is_the_same_town(self, tmp_path: Path) -> None:
        one, other = of(town(), tmp_path), StreetGraph.read(town_in_lines(tmp_path))
        for begins, ends in [((10, 30), (370, 240)), ((150, 99), (20, 180)), ((400, 400), (0, 0))]:
            assert metres(one, spot(*begins), spot(*ends), CAR) == pytest.approx(
                metres(other, spot(*begins), spot(*ends), CAR), abs=1
            )

    @examples(40)
    @given(data=st.data())
    def test_between_crossings_it_is_what_networkx_finds(self, data: st.DataObject) -> None:
        graph: Any = networkx.DiGraph()
        names = [(east, north) for east in range(CORNERS) for north in range(CORNERS)]
        streets = []
        for east, north in names:
            for other in ((east + 1, north), (east, north + 1)):
                kind = data.draw(st.sampled_from(["both", "forth", "back", "none"]))
                if other in names and kind != "none":
                    length = data.draw(st.integers(100, 180))
                    streets.append(street((east, north), other, length, kind != "back", kind != "forth"))
                    if kind != "back":
                        graph.add_edge((east, north), other, weight=length)
                    if kind != "forth":
                        graph.add_edge(other, (east, north), weight=length)
        if not streets:
            return
        begins, ends = (data.draw(st.sampled_from(sorted(graph.nodes))) for _ in range(2))
        found = metres(StreetGraph(streets), corner(*begins), corner(*ends), CAR)
        try:
            expected = networkx.shortest_path_length(graph, begins, ends, weight="weight")
        except networkx.NetworkXNoPath:
            assert found is None
        else:
            assert found == pytest.approx(expected, abs=1)


def street(begins: tuple[int, int], ends: tuple[int, int], length: float, forth: bool, back: bool) -> Street:
    points = tuple((corner(*name).longitude, corner(*name).latitude) for name in (begins, ends))
    return Street(points, begins, ends, length, forth, back, frozenset({"residential"}))


class TestWhatItDoesNotKnow:
    def test_a_place_far_from_every_street(self, tmp_path: Path) -> None:
        graph = of(town(), tmp_path)
        assert metres(graph, spot(-600, 0), corner(1, 1)) is None
        assert metres(graph, corner(1, 1), spot(-600, 0)) is None
        assert metres(graph, spot(-600, 0), spot(-610, 0)) is None, "not even to next door"

    def test_a_way_that_is_too_far_for_anybody_to_be_sent(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(street_graph, "FARTHEST_M", 350.0)
        graph = of(town(), tmp_path)
        assert metres(graph, corner(0, 0), corner(1, 2)) == about(300)
        assert metres(graph, corner(0, 0), corner(4, 4)) is None


class TestSearches:
    @pytest.fixture
    def searched(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The points that were searched from."""
        points: list[int] = []

        def counted(*arguments: Any, **options: Any) -> Any:
            points.append(options["indices"])
            return real(*arguments, **options)

        real = street_graph.dijkstra
        monkeypatch.setattr(street_graph, "dijkstra", counted)
        return points

    def test_both_ends_of_a_destinations_street_are_searched_from_however_many_go_there(
        self, tmp_path: Path, searched: list[int]
    ) -> None:
        graph = of(town(), tmp_path)
        starts = [start(corner(0, index % CORNERS), mode) for index in range(30) for mode in (FOOT, CAR)]
        asyncio.run(graph.table(starts, [spot(50, 100), spot(350, 200), spot(350, 200)]))
        assert len(searched) == 2 * 2 * 2
        asyncio.run(graph.table(starts, [spot(350, 200)]))
        assert len(searched) == 2 * 2 * 2, "it is remembered"

    def test_no_more_are_remembered_than_there_is_room_for(
        self, tmp_path: Path, searched: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(street_graph, "CACHED_BYTES", 0)
        monkeypatch.setattr(street_graph, "FEWEST_CACHED", 2)
        graph = of(town(), tmp_path)
        counts = []
        for place in (spot(50, 0), spot(50, 0), spot(350, 200), spot(50, 0)):
            metres(graph, corner(3, 3), place)
            counts.append(len(searched))
        assert counts == [2, 2, 4, 6], "what was wanted longest ago is forgotten"

    def test_several_may_ask_at_once(self, tmp_path: Path) -> None:
        graph = of(town(), tmp_path)

        async def ask() -> list[float | None]:
            tables = [graph.table([start(corner(0, 0))], [corner(east, 2)]) for east in range(CORNERS)]
            return [table.seconds[0][0] for table in await asyncio.gather(*tables)]

        assert asyncio.run(ask()) == pytest.approx([100, 150, 200, 250, 300], rel=0.01)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_streets(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


class TestFilesThatCannotBeUsed:
    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        assert refused(tmp_path / "none.graphml").startswith("cannot be read: No such file")

    def test_one_of_another_kind(self, tmp_path: Path) -> None:
        assert "ends in .graphml, .geojson, .json" in refused(tmp_path / "town.shp")

    def test_one_that_is_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(street_files, "LARGEST_BYTES", 2**20)
        path = tmp_path / "town.graphml"
        path.write_bytes(b" " * (2**20 + 1))
        assert refused(path) == "is larger than 1 MiB; expected the streets of one area"

    def test_one_with_more_streets_than_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(street_files, "MOST_STREETS_M", 1000.0)
        assert "more than 1 km of streets" in refused(town().written(tmp_path))

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (("nodes", "west", "x", "far"), "node west: is at (far, "),
            (("nodes", "west", "x", "nan"), "node west: is at (nan, "),
            (("nodes", "west", "x", "612345.6"), "is it projected?"),
            (("nodes", "west", "y", "112.85"), "expected degrees"),
            (("edges", "length", "long"), "edge west -> east: length is long; expected metres"),
            (("edges", "length", "-5"), "length is -5"),
            (("edges", "length", "nan"), "length is nan"),
            (("edges", "length", "1e9"), "0 to 100,000"),
            (("edges", "geometry", "LINESTRING (112"), "edge west -> east: geometry is no line"),
            (("edges", "geometry", "POINT (112 35)"), "geometry is no line"),
            (("edges", "geometry", "LINESTRING (1 2, 900 3, 4 5)"), "geometry: is at (900, 3)"),
        ],
    )
    def test_graphml_with_something_wrong_in_it(self, tmp_path: Path, change: tuple[str, ...], expected: str) -> None:
        made = two_crossings()
        made.street("west", "east", oneway="True")
        if change[0] == "nodes":
            made.graph.nodes[change[1]][change[2]] = change[3]
        else:
            made.graph.edges["west", "east", 0][change[1]] = change[2]
        assert expected in refused(made.written(tmp_path))

    def test_graphml_whose_coordinates_are_swapped(self, tmp_path: Path) -> None:
        made = Town()
        made.crossing("west", Place(112.85, 35.49))
        assert "longitude comes first, are they swapped?" in refused(made.written(tmp_path))

    def test_graphml_without_places(self, tmp_path: Path) -> None:
        made = two_crossings()
        del made.graph.nodes["west"]["x"]
        assert refused(made.written(tmp_path)).startswith("node west: has no x; expected x (longitude)")

    def test_graphml_with_an_edge_to_nowhere(self, tmp_path: Path) -> None:
        path = two_crossings().written(tmp_path)
        text = path.read_text("utf-8").replace("</graph>", '<edge source="west" target="gone"/></graph>')
        path.write_text(text, "utf-8")
        assert refused(path).startswith("node gone: has no x")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "is no XML: no element found"),
            ("<graphml", "is no XML"),
            ("<html></html>", "is no GraphML that can be read"),
            (
                '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">'
                '<node id="a"><data key="d9">1</data></node></graph></graphml>',
                "is no GraphML that can be read: Bad GraphML data: no key d9",
            ),
            (
                '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed"/></graphml>',
                "has no street",
            ),
        ],
    )
    def test_what_is_no_graphml(self, tmp_path: Path, text: str, expected: str) -> None:
        path = tmp_path / "town.graphml"
        path.write_text(text, "utf-8")
        assert expected in refused(path)

    def test_xml_that_would_fill_the_memory_is_refused(self, tmp_path: Path) -> None:
        levels = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 20}">' for level in range(1, 12))
        path = tmp_path / "town.graphml"
        path.write_text(f'<!DOCTYPE g [<!ENTITY e0 "street">{levels}]><graphml>&e11;</graphml>', "utf-8")
        assert "is no XML" in refused(path)

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ([], "has no list of features"),
            ({"type": "FeatureCollection"}, "has no list of features"),
            ({"features": [7]}, "features[0]: expected a Feature"),
            ({"features": [{"properties": [1]}]}, "features[0].properties"),
            ({"features": []}, "has no street"),
            ({"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}, {"geometry": None}]}, "no street"),
            (("LineString", 5), "features[0].geometry.coordinates: expected a list"),
            (("LineString", [[1, 2]]), "features[0].geometry.coordinates: has 1 points; expected two or more"),
            (("LineString", [[1, 2], 3]), "features[0].geometry.coordinates[1]: expected [longitude, latitude]"),
            (("LineString", [[1, 2], [None, 4]]), "coordinates[1]: is at (None, 4)"),
            (("LineString", [[35.4, 112.8], [35.5, 112.8]]), "coordinates[0]: is at (35.4, 112.8); expected degrees"),
            (("LineString", [[1, 2], [50, 2]]), "features[0].geometry.coordinates: is 5,"),
            (
                ("MultiLineString", [[[1, 2], [1, 2.001]], [[1, 2]]]),
                "features[0].geometry.coordinates[1]: has 1 points",
            ),
        ],
    )
    def test_geojson_with_something_wrong_in_it(self, tmp_path: Path, content: Any, expected: str) -> None:
        if isinstance(content, tuple):
            content = {"features": [{"geometry": {"type": content[0], "coordinates": content[1]}}]}
        path = tmp_path / "town.geojson"
        path.write_text(json.dumps(content), "utf-8")
        assert expected in refused(path)

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"features": [}'])
    def test_what_is_no_json(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "town.json"
        path.write_text(text, "utf-8")
        assert "is no JSON" in refused(path)


def test_a_street_that_comes_back_to_its_crossing_is_a_street(tmp_path: Path) -> None:
    made = two_crossings()
    made.street("west", "east")
    made.street("west", "west", oneway="True", length="300", geometry=line(WEST, spot(0, -100), spot(-100, -100), WEST))
    graph = of(made, tmp_path)
    assert metres(graph, spot(0, -100), EAST, FOOT) == pytest.approx(188, abs=12)
    assert metres(graph, spot(0, -100), EAST, CAR) == pytest.approx(312, abs=12), "it can only go on"


def test_several_lines_may_be_one_feature_and_meet_where_they_share_a_point(tmp_path: Path) -> None:
    lines = [[spot(0, 0), spot(50, 0), spot(100, 0)], [spot(50, 0), spot(50, 80)]]
    coordinates = [[[place.longitude, place.latitude, 740.0] for place in each] for each in lines]
    feature = {"type": "Feature", "geometry": {"type": "MultiLineString", "coordinates": coordinates}}
    path = tmp_path / "town.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    assert metres(StreetGraph.read(path), spot(100, 0), spot(50, 80)) == about(130)


def test_who_is_in_a_street_is_where_he_is_and_not_at_a_point_near_by() -> None:
    long = Street(((112.85, 35.49), (112.86, 35.49)), "a", "b", 910.0, True, True, frozenset())
    graph = StreetGraph([long])
    for share in np.linspace(0, 1, 57):
        at = Place(35.49, 112.85 + 0.01 * share)
        assert metres(graph, at, Place(35.49, 112.85)) == pytest.approx(910 * share, abs=0.1)


def test_the_words_of_errors_name_no_python_type(tmp_path: Path) -> None:
    path = tmp_path / "town.geojson"
    path.write_text('{"features": [{"geometry": {"type": "LineString", "coordinates": {}}}]}', "utf-8")
    assert not re.search(r"<class|dict|NoneType", refused(path))
