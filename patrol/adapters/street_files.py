"""Files of streets: GraphML as osmnx writes it, and lines in GeoJSON.

Coordinates are WGS-84 degrees, longitude first, as both formats have it.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx
import shapely

from patrol.domain.errors import InputError
from patrol.domain.vocabulary import Place

LARGEST_BYTES = 64 * 2**20  # a district has a tenth of that; while it is read, it takes many times as much memory
LONGEST_M = 100_000.0  # of one street
MOST_STREETS_M = 5_000_000.0  # of all streets together: a large city's

Point = tuple[float, float]
"""(longitude, latitude), degrees."""

_DIGITS = 7  # of a degree: a centimetre; points that are no farther apart are one
_WORD = re.compile(r"-1|[a-z0-9_]+")
_FORTH, _BACK, _BOTH = (True, False), (False, True), (True, True)
_YES, _AGAINST, _NOTHING_SAID = {"true", "yes", "1", "t"}, {"-1", "reverse"}, {"none", "nan", "null"}


@dataclass(frozen=True, slots=True)
class Street:
    """A street from one crossing to the next. ``points``: its line; ``begins``, ``ends``: the names of the crossings.

    ``forth``, ``back``: whether traffic may go along its line, and against it. ``highway``: OpenStreetMap's words for
    what it is; none where the file does not say.
    """

    points: tuple[Point, ...]
    begins: Hashable
    ends: Hashable
    length_m: float
    forth: bool
    back: bool
    highway: frozenset[str]


def read_streets(path: Path) -> list[Street]:
    """All streets of a file. Blocks for seconds. Raises InputError, which names the file and the place in it."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: expected a file that ends in {', '.join(_READERS)}")
    try:
        streets = _merged(reader(_bytes_of(path)))
    except _WrongError as error:
        raise InputError(f"{path}: {error}") from None
    if not streets:
        raise InputError(f"{path}: has no street; expected edges (GraphML) or LineStrings (GeoJSON)")
    if sum(street.length_m for street in streets) > MOST_STREETS_M:
        raise InputError(f"{path}: has more than {MOST_STREETS_M / 1000:,.0f} km of streets; expected one area's")
    return streets


class _WrongError(Exception):
    """What is wrong in a file, with its place there."""


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise _WrongError(f"cannot be read: {error.strerror}; expected a file of streets") from None
    if len(data) > LARGEST_BYTES:
        raise _WrongError(f"is larger than {LARGEST_BYTES // 2**20} MiB; expected the streets of one area")
    return data


def _merged(streets: Iterable[Street]) -> list[Street]:
    """A street that a file tells of twice, once for each direction, is one: who stands in it may go either way."""
    kept: dict[Hashable, Street] = {}
    for street in streets:
        drawn = frozenset(map(_rounded, street.points))
        key = (frozenset((street.begins, street.ends)), drawn, round(street.length_m), street.highway)
        first = kept.setdefault(key, street)
        if first is not street:
            turned = street.begins != first.begins
            forth, back = (street.back, street.forth) if turned else (street.forth, street.back)
            kept[key] = replace(first, forth=first.forth or forth, back=first.back or back)
    return list(kept.values())


def _streets_of_graphml(data: bytes) -> Iterator[Street]:
    """Each edge. osmnx writes each value as text, lists in Python's brackets."""
    try:
        graph = networkx.read_graphml(io.BytesIO(data), force_multigraph=True)
    except ElementTree.ParseError as error:
        raise _WrongError(f"is no XML: {error}; expected GraphML") from None
    except (networkx.NetworkXException, LookupError, TypeError, ValueError) as error:
        raise _WrongError(f"is no GraphML that can be read: {error}") from None
    unsaid = _FORTH if graph.is_directed() else _BOTH
    places = {node: _node_at(node, values) for node, values in graph.nodes(data=True)}
    for begins, ends, values in graph.edges(data=True):
        where = f"edge {begins} -> {ends}"
        points = _drawn(values.get("geometry"), places[begins], places[ends], where)
        forth, back = _directions(values.get("oneway"), unsaid)
        metres = _length(values.get("length"), points, where)
        yield Street(points, begins, ends, metres, forth, back, _highway(values))


def _node_at(node: Hashable, values: Mapping[str, object]) -> Point:
    for name in ("x", "y"):
        if name not in values:
            raise _WrongError(f"node {node}: has no {name}; expected x (longitude) and y (latitude), as osmnx has them")
    return _point(values["x"], values["y"], f"node {node}")


def _drawn(geometry: object, begins: Point, ends: Point, where: str) -> tuple[Point, ...]:
    """An edge's line, from its first node to its second; straight where the file draws none."""
    if geometry is None or str(geometry) == "":
        return begins, ends
    try:
        line = shapely.from_wkt(str(geometry))
    except shapely.errors.ShapelyError:
        line = None
    if line is None or line.geom_type != "LineString" or len(line.coords) < 2:
        raise _WrongError(f"{where}: geometry is no line; expected LINESTRING (longitude latitude, ...)")
    points = [_point(x, y, f"{where}: geometry") for x, y, *_ in line.coords]
    if math.dist(points[0], begins) > math.dist(points[0], ends):  # an undirected edge may be drawn from either end
        points.reverse()
    return begins, *points[1:-1], ends


def _length(value: object, points: tuple[Point, ...], where: str) -> float:
    if value is None or str(value) == "":
        return _length_of_line(points)
    metres = _number(value)
    if metres is None or not 0 <= metres <= LONGEST_M:
        raise _WrongError(f"{where}: length is {value!s:.40}; expected metres, 0 to {LONGEST_M:,.0f}")
    return metres


def _length_of_line(points: tuple[Point, ...]) -> float:
    places = [Place(latitude, longitude) for longitude, latitude in points]
    return sum(one.distance_m(other) for one, other in pairwise(places))


def _streets_of_geojson(data: bytes) -> Iterator[Street]:
    """Each line, from crossing to crossing: lines meet wherever they share a point, as OpenStreetMap's ways do."""
    lines = [
        (_points(coordinates, place), properties)
        for properties, geometry, where in _features(data)
        for coordinates, place in _lines(geometry, where)
    ]
    times_there = Counter(_rounded(point) for points, _ in lines for point in points)
    for points, properties in lines:
        forth, back = _directions(properties.get("oneway"), _BOTH)
        inside = (index for index in range(1, len(points) - 1) if times_there[_rounded(points[index])] > 1)
        for begins, ends in pairwise([0, *inside, len(points) - 1]):
            part = points[begins : ends + 1]
            metres = _length_of_line(part)
            yield Street(part, _rounded(part[0]), _rounded(part[-1]), metres, forth, back, _highway(properties))


def _features(data: bytes) -> Iterator[tuple[Mapping[str, object], object, str]]:
    """Each feature's properties and its geometry, and where that is in the file."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _WrongError(f"is no JSON: {error}; expected GeoJSON") from None
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list):
        raise _WrongError("has no list of features; expected a GeoJSON FeatureCollection")
    for index, feature in enumerate(features):
        where = f"features[{index}]"
        if not isinstance(feature, dict):
            raise _WrongError(f"{where}: expected a Feature")
        properties = feature.get("properties") or {}
        if not isinstance(properties, dict):
            raise _WrongError(f"{where}.properties: expected keys with values")
        yield properties, feature.get("geometry"), f"{where}.geometry"


def _lines(geometry: object, where: str) -> Iterator[tuple[list[Any], str]]:
    """The lines of a geometry, each with its place in the file; other shapes are no streets."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("LineString", "MultiLineString"):
        return
    place = f"{where}.coordinates"
    lines = _list(geometry.get("coordinates"), place)
    if kind == "LineString":
        yield lines, place
        return
    for index, line in enumerate(lines):
        yield _list(line, f"{place}[{index}]"), f"{place}[{index}]"


def _points(coordinates: list[Any], where: str) -> tuple[Point, ...]:
    if len(coordinates) < 2:
        raise _WrongError(f"{where}: has {len(coordinates)} points; expected two or more")
    points = tuple(_position(position, f"{where}[{index}]") for index, position in enumerate(coordinates))
    metres = _length_of_line(points)
    if metres > LONGEST_M:
        raise _WrongError(f"{where}: is {metres:,.0f} m long; expected a street of {LONGEST_M:,.0f} m at most")
    return points


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _WrongError(f"{where}: expected a list")
    return value


def _position(value: object, where: str) -> Point:
    if not isinstance(value, list) or len(value) < 2:
        raise _WrongError(f"{where}: expected [longitude, latitude]")
    return _point(value[0], value[1], where)


def _point(x: object, y: object, where: str) -> Point:
    longitude, latitude = _number(x), _number(y)
    if longitude is None or latitude is None:
        raise _WrongError(f"{where}: is at ({x!s:.20}, {y!s:.20}); expected two numbers, longitude and latitude")
    if abs(longitude) > 180 or abs(latitude) > 90:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        hint = "longitude comes first, are they swapped?" if swapped else "is it projected?"
        raise _WrongError(f"{where}: is at ({longitude:g}, {latitude:g}); expected degrees, WGS-84; {hint}")
    return longitude, latitude


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _rounded(point: Point) -> Point:
    return round(point[0], _DIGITS), round(point[1], _DIGITS)


def _words(value: object) -> frozenset[str]:
    """The words of a value, whether it is one, a list, or a list written as text."""
    return frozenset(_WORD.findall(str(value).lower())) - _NOTHING_SAID


def _highway(values: Mapping[str, object]) -> frozenset[str]:
    return _words(values.get("highway"))


def _directions(oneway: object, unsaid: tuple[bool, bool]) -> tuple[bool, bool]:
    """(along the line, against it). What is one-way in a part is one-way: rather too long a way than one too short."""
    words = _words(oneway)
    if words & _AGAINST:
        return _BACK
    if words & _YES:
        return _FORTH
    return _BOTH if words else unsaid


_READERS: Mapping[str, Callable[[bytes], Iterator[Street]]] = {
    ".graphml": _streets_of_graphml,
    ".geojson": _streets_of_geojson,
    ".json": _streets_of_geojson,
}
