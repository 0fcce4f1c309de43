"""The base map: GeoJSON files (RFC 7946) of streets, buildings and the like, read, checked and put together once.

What is wrong with a file leaves that file out, and is told; the map goes on without it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patrol.domain.coordinates import to_wgs84
from patrol.domain.errors import ConfigProblem
from patrol.domain.map_settings import BaseFile, BaseKind, BaseMap, MapSettings, TileFile
from patrol.domain.vocabulary import CoordinateSystem

LARGEST_BYTES = 32 * 2**20  # a district has a tenth of that
MOST_FEATURES = 100_000  # of all files together; a browser draws them
LARGEST_TOGETHER = 24 * 2**20  # as it is sent
MOST_TEXT = 80  # of a name
DIGITS = 6  # of a degree: a decimetre
PMTILES_MAGIC = b"PMTiles\x03"

# How deep the positions of each geometry lie in its coordinates.
DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
LEAST_POSITIONS = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}

# OpenStreetMap's words, for files that come from there.
KIND_OF_TAG = {
    "highway": BaseKind.ROADS,
    "building": BaseKind.BUILDINGS,
    "waterway": BaseKind.WATER,
    "water": BaseKind.WATER,
    "leisure": BaseKind.GREEN,
    "landuse": BaseKind.GREEN,
    "place": BaseKind.PLACES,
    "amenity": BaseKind.PLACES,
    "boundary": BaseKind.BOUNDARY,
}
MAIN_ROADS = frozenset({"motorway", "trunk", "primary", "secondary"})
LANES = frozenset({"service", "footway", "path", "pedestrian", "cycleway", "steps", "track"})


class _WrongError(Exception):
    """What is wrong in a file, with its place there and what was expected."""


@dataclass(frozen=True, slots=True)
class _Feature:
    """One feature as it is sent."""

    properties: Mapping[str, str]
    geometry: Mapping[str, Any]


def read_map_files(settings: MapSettings) -> tuple[BaseMap | None, tuple[ConfigProblem, ...]]:
    """The base map, None where there is none, and what is wrong with each file. Blocks."""
    base, problems = read_base_map(settings.base)
    of_tiles = tile_file_problem(settings.pmtiles) if settings.pmtiles is not None else None
    return base, (*problems, of_tiles) if of_tiles is not None else problems


def read_base_map(files: Sequence[BaseFile]) -> tuple[BaseMap | None, tuple[ConfigProblem, ...]]:
    """All files that can be used, as one, None where there is none; and what is wrong with the others. Blocks."""
    features: list[bytes] = []
    problems: list[ConfigProblem] = []
    size = 0
    for file in files:
        try:
            found = [_as_json(feature) for feature in _features_of(file)]
            size += sum(map(len, found))
            if len(features) + len(found) > MOST_FEATURES or size > LARGEST_TOGETHER:
                raise _WrongError(
                    f"makes the base map larger than {MOST_FEATURES:,} features or {LARGEST_TOGETHER // 2**20} MiB;"
                    " expected one area's, made simpler; PMTiles are for more"
                )
        except _WrongError as error:
            problems.append(ConfigProblem(file.where, f"{file.path}: {error}", file.line))
            continue
        features += found
    if not features:
        return None, tuple(problems)
    geojson = b'{"type":"FeatureCollection","features":[' + b",".join(features) + b"]}"
    etag = f'"{hashlib.sha256(geojson).hexdigest()[:16]}"'
    return BaseMap(geojson, gzip.compress(geojson, mtime=0), etag, len(features)), tuple(problems)


def tile_file_problem(file: TileFile) -> ConfigProblem | None:
    """What is wrong with a PMTiles file, as far as its first bytes say. Blocks."""
    try:
        with file.path.open("rb") as opened:
            begins = opened.read(len(PMTILES_MAGIC))
    except OSError as error:
        message = f"{file.path}: cannot be read: {error.strerror}; expected a PMTiles file"
        return ConfigProblem(file.where, message, file.line)
    if begins != PMTILES_MAGIC:
        return ConfigProblem(file.where, f"{file.path}: is no PMTiles file of version 3; expected one", file.line)
    return None


def _as_json(feature: _Feature) -> bytes:
    whole = {"type": "Feature", "properties": feature.properties, "geometry": feature.geometry}
    try:
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise _WrongError("a name holds half a character (\\ud800 to \\udfff); expected whole ones") from None


def _features_of(file: BaseFile) -> Iterator[_Feature]:
    raw = _collection(file)
    for index, each in enumerate(raw):
        yield _feature(each, file, f"features[{index}]")


def _collection(file: BaseFile) -> list[Any]:
    try:
        with file.path.open("rb") as opened:
            data = opened.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise _WrongError(f"cannot be read: {error.strerror}; expected a GeoJSON file") from None
    if len(data) > LARGEST_BYTES:
        raise _WrongError(f"is larger than {LARGEST_BYTES // 2**20} MiB; expected one area's; PMTiles are for more")
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise _WrongError(f"is no JSON: {error}; expected GeoJSON") from None
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list) or not features:
        raise _WrongError("has no list of features; expected a GeoJSON FeatureCollection")
    return features


def _feature(raw: Any, file: BaseFile, where: str) -> _Feature:
    if not isinstance(raw, dict) or not isinstance(raw.get("geometry"), dict):
        raise _WrongError(f"{where}: has no geometry; expected a GeoJSON Feature")
    given = raw.get("properties")
    properties = given if isinstance(given, dict) else {}
    kind = file.kind or _kind_of(properties, where)
    geometry = raw["geometry"]
    shape = geometry.get("type")
    if not isinstance(shape, str) or shape not in DEPTHS:
        raise _WrongError(f"{where}.geometry.type: expected one of {', '.join(DEPTHS)}, got {_shown(shape)}")
    coordinates = _coordinates(geometry.get("coordinates"), shape, DEPTHS[shape], file.datum, where)
    return _Feature(_kept(properties, kind), {"type": shape, "coordinates": coordinates})


def _kind_of(properties: Mapping[str, Any], where: str) -> BaseKind:
    told = properties.get("kind")
    if told is None:
        found = next((kind for tag, kind in KIND_OF_TAG.items() if properties.get(tag)), None)
        if found is None and properties.get("natural") == "water":
            found = BaseKind.WATER
        if found is not None:
            return found
    try:
        return BaseKind(str(told))
    except ValueError:
        known = ", ".join(BaseKind)
        got = "it is missing" if told is None else f"got {_shown(told)}"
        raise _WrongError(
            f"{where}.properties.kind: expected one of {known}, {got} (or give the file a kind)"
        ) from None


def _kept(properties: Mapping[str, Any], kind: BaseKind) -> dict[str, str]:
    """What the page draws by; nothing else of a file is sent."""
    kept = {"kind": kind.value}
    names = {
        "name": properties.get("name") or properties.get("name:zh"),
        "name_en": properties.get("name_en") or properties.get("name:en"),
    }
    kept |= {key: name[:MOST_TEXT] for key, name in names.items() if isinstance(name, str) and name}
    if kind in {BaseKind.ROADS, BaseKind.PLACES}:
        kept["size"] = _size(properties)
    return kept


def _size(properties: Mapping[str, Any]) -> str:
    """Of a street or place: main ones are seen from afar, lanes and what is like them from near by."""
    told, highway = str(properties.get("size")), str(properties.get("highway"))
    if told in {"main", "street", "lane"}:
        return told
    if highway in MAIN_ROADS:
        return "main"
    return "lane" if highway in LANES else "street"


def _coordinates(raw: Any, shape: str, depth: int, datum: CoordinateSystem, where: str) -> list[Any]:
    if depth == 0:
        return _position(raw, datum, where)
    if not isinstance(raw, list):
        raise _WrongError(f"{where}.geometry.coordinates: expected lists as of a {shape}, got {_shown(raw)}")
    least = LEAST_POSITIONS.get(shape, 1) if depth == 1 else 1
    if len(raw) < least:
        raise _WrongError(f"{where}.geometry.coordinates: expected {least} or more positions, got {len(raw)}")
    return [_coordinates(each, shape, depth - 1, datum, where) for each in raw]


def _position(raw: Any, datum: CoordinateSystem, where: str) -> list[float]:
    is_pair = isinstance(raw, list) and len(raw) >= 2 and all(_is_number(each) for each in raw[:2])
    if not is_pair or abs(raw[0]) > 180 or abs(raw[1]) > 90:
        message = f"expected [longitude, latitude] in degrees, got {_shown(raw)}"
        hint = (
            "; longitude comes first, are they swapped?" if is_pair and abs(raw[0]) <= 90 < abs(raw[1]) <= 180 else ""
        )
        raise _WrongError(f"{where}.geometry.coordinates: {message}{hint}")
    place = to_wgs84(float(raw[1]), float(raw[0]), datum)
    return [round(place.longitude, DIGITS), round(place.latitude, DIGITS)]


def _is_number(value: Any) -> bool:
    # Not isfinite: JSON's whole numbers may be larger than any float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str).encode(errors="replace").decode()
    return text if len(text) <= 40 else f"{text[:37]}..."
