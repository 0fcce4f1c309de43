"""Positions in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from patrol.adapters.position_file import read_positions
from patrol.domain.errors import InputError
from patrol.domain.vocabulary import CoordinateSystem

HEAD = "unit_id,seconds,latitude,longitude\n"


def written(folder: Path, text: str, name: str = "walk.csv") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_a_csv_is_read_with_its_columns_in_any_order_and_what_it_leaves_out_unknown(tmp_path: Path) -> None:
    text = "longitude,latitude,seconds,unit_id,accuracy_m\n112.85,35.49,0,U-1,6\n112.86,35.5,2.5,U-2,\n"
    first, second = read_positions(written(tmp_path, "\ufeff" + text), CoordinateSystem.GCJ02)
    assert (first.seconds, first.data.unit_id, first.data.accuracy_m) == (0.0, "U-1", 6.0)
    assert (first.data.place.latitude, first.data.place.longitude) == (35.49, 112.85)
    assert (second.seconds, second.data.accuracy_m, second.data.heading_deg) == (2.5, None, None)
    assert second.data.coordinate_system is CoordinateSystem.GCJ02


def test_json_lines_may_be_objects_or_geojson_points(tmp_path: Path) -> None:
    text = (
        '{"unit_id": "U-1", "seconds": 1, "latitude": 35.49, "longitude": 112.85}\n\n'
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [112.86, 35.5]},'
        ' "properties": {"unit_id": "U-2", "seconds": 3}}\n'
    )
    for name in ("walk.jsonl", "walk.geojsonl"):
        found = read_positions(written(tmp_path, text, name))
        assert [(one.data.unit_id, one.seconds, one.data.place.latitude) for one in found] == [
            ("U-1", 1.0, 35.49), ("U-2", 3.0, 35.5),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("walk.csv", "unit_id,seconds\nU-1,0\n", "line 1: has no column latitude, longitude"),
        ("walk.csv", HEAD + "U-1,0,35.49,112.85\nU-1,one,35.49,112.85\n", "line 3: could not convert"),
        ("walk.csv", HEAD + "U-1,0,112.85,35.49\n", "line 2: 112.85, 35.49 are no degrees"),
        ("walk.csv", HEAD + "U-1,-1,35.49,112.85\n", "line 2: seconds: -1"),
        ("walk.csv", HEAD + "U-1,nan,35.49,112.85\n", "line 2: seconds: nan"),
        ("walk.csv", HEAD + ",0,35.49,112.85\n", "line 2: unit_id is empty"),
        ("walk.csv", HEAD, "there is no position in it"),
        ("walk.jsonl", "{\n", "line 1: expected JSON"),
        ("walk.jsonl", "[1]\n", "line 1: expected a JSON object"),
        ("walk.jsonl", '{"seconds": 1, "latitude": 1, "longitude": 1}\n', "line 1: has no 'unit_id'"),
        ("walk.jsonl", '{"type": "Feature", "geometry": null, "properties": {}}\n', "line 1: has no 'latitude'"),
        ("walk.gpx", "<gpx/>", "ends in .csv or .jsonl"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_positions(written(tmp_path, text, name))
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_positions(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match="expected UTF-8"):
        read_positions(tmp_path / "bytes.csv")
