"""What the tests of travel times share: a small town in squares, as files, and routing services that know it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import networkx

from patrol.domain.vocabulary import EARTH_RADIUS_M, Place
from patrol.domain.ways import Start, TravelMode
from tests.builders import SQUARE

DEGREE_M = math.radians(EARTH_RADIUS_M)
BLOCK_M = 100.0
CORNERS = 5  # of the town, along each side
ISLAND_M = -3000.0  # so far south of the town are streets that lead nowhere else
METRES_OF_KM = 1000.0


def spot(east_m: float, north_m: float) -> Place:
    """So many metres east and north of the town's south-western corner."""
    longitude = SQUARE.longitude + east_m / (DEGREE_M * math.cos(math.radians(SQUARE.latitude)))
    return Place(SQUARE.latitude + north_m / DEGREE_M, longitude)


def corner(east: int, north: int) -> Place:
    """A crossing, so many blocks east and north."""
    return spot(east * BLOCK_M, north * BLOCK_M)


def start(place: Place, mode: TravelMode = TravelMode.FOOT, speed_m_s: float = 2.0) -> Start:
    return Start(place, mode, speed_m_s)


class Town:
    """A directed graph as osmnx makes it: each value as text, a two-way street as two edges."""

    def __init__(self, *, directed: bool = True) -> None:
        self.graph: Any = networkx.MultiDiGraph() if directed else networkx.MultiGraph()
        self.graph.graph["crs"] = "epsg:4326"

    def crossing(self, name: str, place: Place) -> None:
        self.graph.add_node(name, x=str(place.longitude), y=str(place.latitude), street_count="4")

    def street(self, begins: str, ends: str, **values: str) -> None:
        """Both ways; ``oneway="True"``: only from the first to the second. ``length``: usually as the crow flies."""
        places = [
            Place(float(node["y"]), float(node["x"])) for node in map(self.graph.nodes.__getitem__, (begins, ends))
        ]
        length = str(places[0].distance_m(places[1]))
        given = {"osmid": "1", "highway": "residential", "oneway": "False", "length": length} | values
        self.graph.add_edge(begins, ends, **given, reversed="False")
        if given["oneway"] == "False" and self.graph.is_directed():
            if "geometry" in given:
                given["geometry"] = turned(given["geometry"])
            self.graph.add_edge(ends, begins, **given, reversed="True")

    def written(self, folder: Path) -> Path:
        path = folder / "town.graphml"
        networkx.write_graphml(self.graph, path)
        return path


def line(*places: Place) -> str:
    """A line in WKT."""
    return "LINESTRING (" + ", ".join(f"{place.longitude!r} {place.latitude!r}" for place in places) + ")"


def turned(geometry: str) -> str:
    """The same line from its other end."""
    points = geometry.removeprefix("LINESTRING (").removesuffix(")").split(", ")
    return "LINESTRING (" + ", ".join(reversed(points)) + ")"


def town(*, directed: bool = True) -> Town:
    """Streets in squares, and an island far to the south."""
    made = Town(directed=directed)
    for east in range(CORNERS):
        for north in range(CORNERS):
            made.crossing(f"{east}-{north}", corner(east, north))
    for east in range(CORNERS):
        for north in range(CORNERS - 1):
            made.street(f"{east}-{north}", f"{east}-{north + 1}")
            made.street(f"{north}-{east}", f"{north + 1}-{east}")
    made.crossing("island-1", spot(0, ISLAND_M))
    made.crossing("island-2", spot(BLOCK_M, ISLAND_M))
    made.street("island-1", "island-2")
    return made


def geojson(folder: Path, lines: Sequence[tuple[Sequence[Place], dict[str, object]]]) -> Path:
    """A file of these lines, each with its properties."""
    features = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": "LineString", "coordinates": [[p.longitude, p.latitude] for p in places]},
        }
        for places, properties in lines
    ]
    path = folder / "town.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


def town_in_lines(folder: Path) -> Path:
    """The same town, a line for each of its streets."""
    through = range(CORNERS)
    lines: list[tuple[Sequence[Place], dict[str, object]]] = []
    for each in through:
        lines.append(([corner(each, north) for north in through], {"highway": "residential"}))
        lines.append(([corner(east, each) for east in through], {"highway": "residential", "oneway": "no"}))
    lines.append(([spot(0, ISLAND_M), spot(BLOCK_M, ISLAND_M)], {}))
    return geojson(folder, lines)


def round_corners_m(begins: Place, ends: Place) -> float | None:
    """How far it is in a town in squares; None from the town to the island and back."""
    if (begins.latitude < SQUARE.latitude - 0.01) != (ends.latitude < SQUARE.latitude - 0.01):
        return None
    elbow = Place(begins.latitude, ends.longitude)
    return begins.distance_m(elbow) + elbow.distance_m(ends)


@dataclass
class Reply:
    """What a service answers."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it came. ``body``: of a POST, as JSON."""

    path: str
    query: dict[str, list[str]]
    authorization: str | None
    body: Any


@dataclass
class Service:
    """A running service, and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)


Answer = Callable[[Asked], Reply]


@contextmanager
def service(answer: Answer) -> Iterator[Service]:
    """A web server on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_answer(None)

        def do_POST(self) -> None:
            self.do_answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_answer(self, body: Any) -> None:
            parts = urlsplit(self.path)
            asked = Asked(parts.path, parse_qs(parts.query), self.headers["Authorization"], body)
            running.asked.append(asked)
            reply = answer(asked)
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that waits no longer has gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        running = Service(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join(5)


def as_json(content: object) -> Reply:
    return Reply(json.dumps(content).encode())


def osrm(asked: Asked) -> Reply:
    """As OSRM answers ``table``: every place in the path, and who of them are sources and destinations."""
    _, table, version, _profile, coordinates = asked.path.split("/")
    assert (table, version) == ("table", "v1")
    assert asked.query["annotations"] == ["distance"]
    places = [_place(*map(float, pair.split(","))) for pair in coordinates.split(";")]
    assert len(places) <= 100, "an OSRM server takes no more unless it is told to"
    begins, ends = ([places[int(i)] for i in asked.query[name][0].split(";")] for name in ("sources", "destinations"))
    distances = [[round_corners_m(one, other) for other in ends] for one in begins]
    return as_json({"code": "Ok", "distances": distances, "sources": [], "destinations": []})


def valhalla(asked: Asked) -> Reply:
    """As Valhalla answers ``sources_to_targets`` when it is asked to be brief."""
    kilometres = _valhalla_km(asked)
    found = {"distances": kilometres, "durations": [[None if km is None else 60 for km in row] for row in kilometres]}
    return as_json({"sources_to_targets": found, "units": "kilometers", "algorithm": "costmatrix"})


def old_valhalla(asked: Asked) -> Reply:
    """As a Valhalla answers that does not know how to be brief."""
    rows = [
        [{"from_index": i, "to_index": j, "time": 60, "distance": km} for j, km in enumerate(row)]
        for i, row in enumerate(_valhalla_km(asked))
    ]
    return as_json({"sources_to_targets": rows, "units": "kilometers", "sources": [], "targets": []})


def _valhalla_km(asked: Asked) -> list[list[float | None]]:
    assert asked.path.endswith("/sources_to_targets")
    begins, ends = ([_place(each["lon"], each["lat"]) for each in asked.body[name]] for name in ("sources", "targets"))
    assert len(begins) * len(ends) <= 2500, "a Valhalla takes no more unless it is told to"
    metres = [[round_corners_m(one, other) for other in ends] for one in begins]
    return [[None if each is None else round(each / METRES_OF_KM, 3) for each in row] for row in metres]


def _place(longitude: float, latitude: float) -> Place:
    return Place(latitude, longitude)
