"""Live pictures for quantising: one of each camera, sized for the detector; a dead camera is named and left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patrol.cli.camera_pictures import camera_pictures
from patrol.domain.errors import ConfigError

POLYGON = [[0, 0], [1, 0], [1, 1], [0, 1]]


def configuration(folder: Path, *streams: str) -> Path:
    cameras = [
        {
            "id": f"C-{number}",
            "name": "门前",
            "name_en": "gate",
            "ring": "core",
            "at": [35.49, 112.85],
            "heading_deg": 0,
            "view_deg": 90,
            "stream": stream,
            "zones": [{"id": "z", "name": "区", "name_en": "zone", "rules": ["crowd"], "polygon": POLYGON}],
        }
        for number, stream in enumerate(streams)
    ]
    ring = {"revisit_bound_s": 5, "response_target_s": 60, "accept_within_s": 10}
    rule = {"kind": "crowd", "name": "聚集", "name_en": "Crowd", "at_least": 5, "for_s": 3}
    content = {
        "station": {"name": "所", "name_en": "Station", "at": [35.49, 112.85]},
        "rings": {"core": ring, "periphery": ring, "far": ring},
        "rules": {"crowd": {**rule, "clear_after_s": 12, "cool_down_s": 120}},
        "levels": {"by_kind": {}, "otherwise": "green"},
        "tour": {"visit_deadline_s": 3},
        "units": [
            {
                "id": "U-1",
                "name": "组",
                "name_en": "Unit",
                "kind": "post",
                "rings": ["core"],
                "home": [35.49, 112.85],
                "speed_m_s": 3,
                "mobilise_s": 5,
            }
        ],
        "cameras": cameras,
    }
    path = folder / "cameras.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_one_picture_of_each_camera_sized_for_the_detector(tmp_path: Path) -> None:
    pictures = list(camera_pictures(configuration(tmp_path, "synthetic:a", "synthetic:b", "synthetic:c"), 2))
    assert len(pictures) == 2
    for picture in pictures:
        height, width, channels = picture.shape
        assert (width <= 640, height <= 384, channels) == (True, True, 3)


def test_a_camera_that_cannot_be_seen_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configuration(tmp_path, "synthetic:a", "rtsp://viewer:canary@127.0.0.1:9/nobody")
    assert len(list(camera_pictures(path, 10))) == 1
    told = capsys.readouterr().err
    assert "camera C-1 cannot be seen: refused" in told
    assert "canary" not in told


def test_a_bad_configuration_is_said_before_any_camera_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stream"):
        camera_pictures(configuration(tmp_path, "gopher://x"), 1)
