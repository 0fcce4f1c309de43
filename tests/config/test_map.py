"""What lies under the map, as the file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.config import load
from patrol.domain.map_settings import NO_MAP, BaseKind
from patrol.domain.vocabulary import CoordinateSystem
from tests.config.files import CREDENTIALS, loaded, problems_of, sound, written_to

CANARY = "canary-3f9a"
TILES = "https://tiles.example/{z}/{x}/{y}.png"


def on_map(**content: Any) -> dict[str, Any]:
    return sound() | {"map": content}


def test_left_out_there_is_nothing_under_the_marks(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).map == NO_MAP
    assert loaded(tmp_path, on_map()).map == NO_MAP


def test_base_files_are_looked_for_beside_the_configuration_and_know_their_line(tmp_path: Path) -> None:
    given = on_map(base=[{"file": "maps/roads.geojson", "kind": "roads"}, {"file": "/all.json", "datum": "gcj02"}])
    found = loaded(tmp_path, given).map.base
    assert [each.path for each in found] == [tmp_path / "maps" / "roads.geojson", Path("/all.json")]
    assert [each.kind for each in found] == [BaseKind.ROADS, None]
    assert found[1].datum is CoordinateSystem.GCJ02
    text = written_to(tmp_path, given).read_text("utf-8").splitlines()
    assert [each.where for each in found] == ["map.base[0].file", "map.base[1].file"]
    for each, name in zip(found, ("maps/roads.geojson", "/all.json"), strict=True):
        assert each.line is not None
        assert name in text[each.line - 1]


def test_the_map_is_drawn_in_what_its_tiles_are_in(tmp_path: Path) -> None:
    assert loaded(tmp_path, on_map(tiles={"url": TILES})).map.datum is CoordinateSystem.WGS84
    assert loaded(tmp_path, on_map(tiles={"url": TILES, "datum": "gcj02"})).map.datum is CoordinateSystem.GCJ02
    assert loaded(tmp_path, on_map(pmtiles={"file": "c.pmtiles", "datum": "gcj02"})).map.datum is CoordinateSystem.GCJ02


def test_the_key_of_a_tile_server_comes_from_the_environment_and_is_never_printed(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, on_map(tiles={"url": TILES + "?key=${CAMERA_PASSWORD}", "max_zoom": 20}))
    tiles = configuration.map.tiles
    assert tiles is not None
    assert tiles.address.reveal() == f"{TILES}?key={CANARY}"
    assert tiles.max_zoom == 20
    assert CANARY not in repr(configuration)


def test_a_variable_that_is_not_set_is_told_and_is_a_warning_where_variables_may_be_missing(tmp_path: Path) -> None:
    given = on_map(tiles={"url": TILES + "?key=${MAP_KEY}"})
    problems = problems_of(tmp_path, given)
    assert list(problems) == ["map.tiles.url"]
    assert "needs the environment variable MAP_KEY, which is not set" in problems["map.tiles.url"].message
    checked = load(written_to(tmp_path, given), CREDENTIALS, variables_required=False)
    assert [warning.path for warning in checked.warnings] == ["map.tiles.url"]


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ({"base": [{"file": "town.shp"}]}, "map.base[0].file", "ends in .geojson, .json, got 'town.shp'"),
        ({"base": [{"kind": "roads"}]}, "map.base[0].file", "is missing; expected a GeoJSON file"),
        ({"base": [{"file": "a.json", "kind": "rods"}]}, "map.base[0].kind", "did you mean `roads`?"),
        ({"base": [{"file": "a.json", "datum": "bd09"}]}, "map.base[0].datum", "expected one of 'wgs84' or 'gcj02'"),
        ({"tiles": {}}, "map.tiles.url", "is missing; expected its address"),
        ({"tiles": {"url": "https://tiles.example/{z}/{x}.png"}}, "map.tiles.url", "has no {y}; expected {z}, {x} and"),
        ({"tiles": {"url": TILES + "?s={s}"}}, "map.tiles.url", "has a {...} that is not known"),
        ({"tiles": {"url": "ftp://tiles.example/{z}/{x}/{y}"}}, "map.tiles.url", "begins with http:// or https://"),
        ({"tiles": {"url": "https://${KEY}.example/{z}/{x}/{y}"}}, "map.tiles.url", "needs the environment variable"),
        (
            {"tiles": {"url": "https://a.example/${CAMERA_PASSWORD}/{z}/{x}/{y}"}},
            "map.tiles.url",
            "has a variable in its path",
        ),
        ({"tiles": {"url": TILES, "max_zoom": 30}}, "map.tiles.max_zoom", "expected 22 or less"),
        ({"pmtiles": {"file": "city.mbtiles"}}, "map.pmtiles.file", "ends in .pmtiles, got 'city.mbtiles'"),
        ({"tiles": {"url": TILES}, "pmtiles": {"file": "c.pmtiles"}}, "map", "has both tiles and pmtiles"),
        ({"bsae": []}, "map.bsae", "did you mean `base`?"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands_with_what_was_expected(
    tmp_path: Path, content: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, on_map(**content))
    assert path in problems
    assert expected in problems[path].message
    assert CANARY not in str(problems)
