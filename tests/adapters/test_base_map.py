"""The base map: what is read of GeoJSON, and what is said of a file that cannot be used."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from patrol.adapters import base_map
from patrol.adapters.base_map import PMTILES_MAGIC, read_base_map, read_map_files
from patrol.domain.coordinates import from_wgs84
from patrol.domain.map_settings import BaseFile, BaseKind, BaseMap, MapSettings, TileFile
from patrol.domain.vocabulary import CoordinateSystem
from tests.builders import SQUARE

LINE = {"type": "LineString", "coordinates": [[112.85, 35.49], [112.86, 35.49]]}
POINT = {"type": "Point", "coordinates": [112.85, 35.49]}


def feature(geometry: Any = LINE, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def written(folder: Path, *features: Any, name: str = "town.geojson") -> Path:
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


def read(*files: BaseFile) -> list[dict[str, Any]]:
    """What is sent of files in which nothing is wrong."""
    base, problems = read_base_map(files)
    assert problems == ()
    assert isinstance(base, BaseMap)
    found: list[dict[str, Any]] = json.loads(base.geojson)["features"]
    assert base.features == len(found)
    assert gzip.decompress(base.gzipped) == base.geojson
    return found


def problem(file: BaseFile) -> str:
    base, problems = read_base_map([file])
    assert base is None
    (only,) = problems
    assert (only.path, only.line) == (file.where, file.line)
    return only.message


def test_only_what_the_page_draws_by_is_sent(tmp_path: Path) -> None:
    path = written(tmp_path, feature(kind="roads", name="泽州路", name_en="Zezhou Road", size="main", owner="secret"))
    assert read(BaseFile(path)) == [
        feature(kind="roads", name="泽州路", name_en="Zezhou Road", size="main") | {"geometry": LINE}
    ]


def test_a_file_of_one_kind_need_not_say_it_again(tmp_path: Path) -> None:
    path = written(tmp_path, feature(kind="anything"), feature())
    assert [each["properties"]["kind"] for each in read(BaseFile(path, BaseKind.WATER))] == ["water", "water"]


def test_what_openstreetmap_calls_things_is_understood(tmp_path: Path) -> None:
    told = [
        feature(highway="primary"),
        feature(highway="footway"),
        feature(building="yes"),
        feature(natural="water"),
        feature(leisure="park", **{"name": "公园", "name:en": "Park"}),
        feature(POINT, place="suburb"),
    ]
    found = [each["properties"] for each in read(BaseFile(written(tmp_path, *told)))]
    assert [each["kind"] for each in found] == ["roads", "roads", "buildings", "water", "green", "places"]
    assert [each.get("size") for each in found[:2]] == ["main", "lane"]
    assert found[4]["name_en"] == "Park"


def test_several_files_are_one_map_and_its_tag_changes_with_it(tmp_path: Path) -> None:
    first, second = written(tmp_path, feature(kind="roads")), written(tmp_path, feature(kind="green"), name="b.json")
    both, _ = read_base_map([BaseFile(first), BaseFile(second)])
    one, _ = read_base_map([BaseFile(first)])
    assert both is not None
    assert one is not None
    assert (both.features, one.features) == (2, 1)
    assert both.etag != one.etag


def test_a_file_in_gcj02_comes_to_lie_where_it_belongs(tmp_path: Path) -> None:
    latitude, longitude = from_wgs84(SQUARE, CoordinateSystem.GCJ02)
    path = written(tmp_path, feature({"type": "Point", "coordinates": [longitude, latitude]}, kind="places"))
    (found,) = read(BaseFile(path, datum=CoordinateSystem.GCJ02))
    assert found["geometry"]["coordinates"] == pytest.approx([SQUARE.longitude, SQUARE.latitude], abs=2e-6)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[]", "has no list of features; expected a GeoJSON FeatureCollection"),
        (b'{"features": []}', "has no list of features"),
        (b'{"features": [5]}', "features[0]: has no geometry; expected a GeoJSON Feature"),
    ],
)
def test_what_is_no_geojson_is_said(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "town.geojson"
    path.write_bytes(content)
    said = problem(BaseFile(path, line=12))
    assert said.startswith(f"{path}: ")
    assert expected in said


@pytest.mark.parametrize(
    ("geometry", "properties", "expected"),
    [
        (LINE, {}, "features[1].properties.kind: expected one of roads, buildings"),
        (LINE, {"kind": "motorways"}, 'got "motorways"'),
        ({"type": "Circle", "coordinates": []}, {"kind": "roads"}, "features[1].geometry.type: expected one of Point"),
        ({"type": "LineString", "coordinates": [[1, 2]]}, {"kind": "roads"}, "expected 2 or more positions, got 1"),
        ({"type": "LineString", "coordinates": 5}, {"kind": "roads"}, "expected lists as of a LineString, got 5"),
        ({"type": "Point", "coordinates": [35.49, 112.85]}, {"kind": "places"}, "longitude comes first, are they swap"),
        ({"type": "Point", "coordinates": [True, "x"]}, {"kind": "places"}, "expected [longitude, latitude]"),
        ({"type": "Point", "coordinates": [1e400, 0]}, {"kind": "places"}, "expected [longitude, latitude]"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, {"kind": "green"}, "expected 4 or more"),
    ],
)
def test_the_place_of_a_mistake_is_said_with_what_was_expected(
    tmp_path: Path, geometry: Any, properties: dict[str, Any], expected: str
) -> None:
    path = written(tmp_path, feature(kind="roads"), feature(geometry, **properties))
    assert expected in problem(BaseFile(path))


def test_a_file_that_cannot_be_used_leaves_the_others(tmp_path: Path) -> None:
    sound, missing = written(tmp_path, feature(kind="roads")), tmp_path / "gone.geojson"
    base, problems = read_base_map([BaseFile(missing), BaseFile(sound)])
    assert base is not None
    assert base.features == 1
    assert ["cannot be read: No such file" in each.message for each in problems] == [True]


def test_more_than_a_browser_draws_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, *[feature(kind="roads")] * 3)
    monkeypatch.setattr(base_map, "MOST_FEATURES", 2)
    assert "larger than 2 features" in problem(BaseFile(path))
    monkeypatch.setattr(base_map, "LARGEST_BYTES", 100)
    assert "expected one area's; PMTiles are for more" in problem(BaseFile(path))


def test_a_pmtiles_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "city.pmtiles"
    settings = MapSettings(pmtiles=TileFile(path, line=7))
    assert "cannot be read" in str(read_map_files(settings)[1])
    path.write_bytes(b"SQLite format 3")
    (wrong,) = read_map_files(settings)[1]
    assert (wrong.path, wrong.line) == ("map.pmtiles.file", 7)
    assert "is no PMTiles file of version 3" in wrong.message
    path.write_bytes(PMTILES_MAGIC + bytes(120))
    assert read_map_files(settings) == (None, ())


@pytest.mark.parametrize(
    "odd",
    [
        feature({"type": "Point", "coordinates": [10**400, 35]}, kind="places"),
        feature({"type": ["Point"], "coordinates": [112.85, 35.49]}, kind="places"),
        feature(POINT, kind="places", name="\ud800"),
        feature(POINT, kind="\ud800"),
    ],
)
def test_whatever_stands_in_a_file_it_is_told_and_the_other_files_are_used(tmp_path: Path, odd: Any) -> None:
    sound = BaseFile(written(tmp_path, feature(kind="roads"), name="sound.geojson"))
    base, problems = read_base_map([BaseFile(written(tmp_path, odd, name="odd.geojson")), sound])
    assert base is not None
    assert base.features == 1
    (only,) = problems
    assert "odd.geojson" in only.message
    only.message.encode()  # it can be printed


def test_a_size_that_is_no_word_is_the_usual_one(tmp_path: Path) -> None:
    (found,) = read(BaseFile(written(tmp_path, feature(kind="roads", size={"lanes": 2}, highway=["primary"]))))
    assert found["properties"] == {"kind": "roads", "size": "street"}
