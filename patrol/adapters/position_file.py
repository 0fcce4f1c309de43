"""Positions in a file, for simulation: CSV with a head line, or JSON objects a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from patrol.domain.errors import InputError
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.vocabulary import CoordinateSystem
from patrol.pipeline.locating import RecordedPosition

NEEDED = ("unit_id", "seconds", "latitude", "longitude")
OPTIONAL = ("accuracy_m", "heading_deg", "speed_m_s")
MOST_BYTES = 64 * 2**20
_THEN = datetime(2026, 1, 1, tzinfo=UTC)  # the time is that at which they are sent


def read_positions(path: Path, system: CoordinateSystem = CoordinateSystem.WGS84) -> list[RecordedPosition]:
    """What a file says. ``.csv``: columns ``unit_id,seconds,latitude,longitude`` and, if there, ``accuracy_m,
    heading_deg,speed_m_s``, in any order; ``.jsonl``: the same by name. ``seconds``: after the beginning.

    Raises InputError that names the file, the line, and what was expected.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: expected at most {MOST_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "expected UTF-8"
        raise InputError(f"{path}: cannot be read: {said}") from None
    found = []
    for line, row in _rows(path, text):
        try:
            found.append(_position(row, system))
        except (KeyError, TypeError, ValueError) as error:
            said = f"has no {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{path}, line {line}: {said}; expected {', '.join(NEEDED)}") from None
    if not found:
        raise InputError(f"{path}: there is no position in it")
    return found


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    match path.suffix.lower():
        case ".csv":
            reader = csv.DictReader(text.splitlines())
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}, line 1: has no column {', '.join(missing)}; expected {', '.join(NEEDED)}")
            for row in reader:
                yield reader.line_num, row
        case ".jsonl" | ".geojsonl" | ".ndjson":
            for number, line in enumerate(text.splitlines(), start=1):
                if line.strip():
                    yield number, _object(path, number, line)
        case _:
            raise InputError(f"{path}: expected a file that ends in .csv or .jsonl")


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {number}: expected JSON: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}, line {number}: expected a JSON object")
    if content.get("type") == "Feature":  # GeoJSON: its coordinates are longitude, latitude
        return _of_feature(content)
    return content


def _of_feature(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    geometry, properties = feature.get("geometry"), feature.get("properties")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point" or not isinstance(properties, dict):
        return {}
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) < 2:
        return {}
    return {**properties, "longitude": coordinates[0], "latitude": coordinates[1]}


def _position(row: Mapping[str, Any], system: CoordinateSystem) -> RecordedPosition:
    latitude, longitude, seconds = float(row["latitude"]), float(row["longitude"]), float(row["seconds"])
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError(f"{latitude:g}, {longitude:g} are no degrees on earth")
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds: {seconds:g} is not 0 or more")
    unit_id = str(row["unit_id"] or "").strip()
    if not unit_id:
        raise ValueError("unit_id is empty")
    more = {name: float(row[name]) for name in OPTIONAL if row.get(name) not in (None, "")}
    data = PositionData(
        unit_id=unit_id,
        place=PlaceData(latitude, longitude),
        at=_THEN,
        accuracy_m=more.get("accuracy_m"),
        heading_deg=more.get("heading_deg"),
        speed_m_s=more.get("speed_m_s"),
        coordinate_system=system,
    )
    return RecordedPosition(seconds, data)
