"""The district under the sample's cameras: the file is what is made of them, and fits them."""

from __future__ import annotations

import json
from pathlib import Path

import shapely

from patrol.adapters.base_map import read_base_map
from patrol.config import load
from patrol.demo import district
from patrol.domain.map_settings import BaseKind
from tests.config.files import ROOT, SAMPLE

FILE = ROOT / "configs" / "district.geojson"


def test_the_file_is_as_it_is_made() -> None:
    made = district.district(load(SAMPLE, {}, variables_required=False))
    kept = json.loads(FILE.read_text("utf-8"))
    assert kept == json.loads(json.dumps(made)), "run: python -m patrol.demo.district"


def test_the_sample_has_it_under_its_map_and_nothing_is_wrong_with_it() -> None:
    settings = load(SAMPLE, {}, variables_required=False).map
    assert [each.path for each in settings.base] == [FILE]
    base, problems = read_base_map(settings.base)
    assert problems == ()
    assert base is not None
    assert len(base.geojson) < 600_000
    kinds = {each["properties"]["kind"] for each in json.loads(base.geojson)["features"]}
    assert kinds == {kind.value for kind in BaseKind} - {"boundary"}


def test_no_camera_stands_in_the_river_nor_in_a_house_that_is_not_its_own() -> None:
    configuration = load(SAMPLE, {}, variables_required=False)
    features = json.loads(FILE.read_text("utf-8"))["features"]
    shapes = {
        kind: shapely.union_all(
            [shapely.from_geojson(json.dumps(f["geometry"])) for f in features if f["properties"]["kind"] == kind]
        )
        for kind in ("water", "buildings")
    }
    at = {camera.id: shapely.Point(camera.place.longitude, camera.place.latitude) for camera in configuration.cameras}
    on_streets = {
        camera
        for site in configuration.sites
        if site.kind.value in {"street", "square"} or site.name_en.endswith("Bridge")
        for camera in site.cameras
    }
    # Streets cross the river on bridges.
    assert [name for name, point in at.items() if shapes["water"].contains(point) and name not in on_streets] == []
    assert [name for name in on_streets if shapes["buildings"].contains(at[name])] == []


def test_every_key_site_has_its_name_on_the_map() -> None:
    configuration = load(SAMPLE, {}, variables_required=False)
    named = {f["properties"].get("name") for f in json.loads(Path(FILE).read_text("utf-8"))["features"]}
    assert {site.name for site in configuration.sites if site.kind.value in {"key_site", "school"}} <= named
