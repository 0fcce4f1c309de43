"""Small configuration files for the tests: a sound one, and the same with one thing changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from patrol.config import Configuration, load
from patrol.domain.errors import ConfigError, ConfigProblem

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "configs" / "cameras.yaml"
SCHEMA = ROOT / "configs" / "cameras.schema.json"
CREDENTIALS = {"CAMERA_USER": "patrol", "CAMERA_PASSWORD": "canary-3f9a"}
GROUND = [[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]


def sound() -> dict[str, Any]:
    """A file with one site of two cameras, one camera alone and one unit; fresh at every call."""
    return {
        "station": {"name": "广场所", "name_en": "Square Station", "at": [35.49, 112.85]},
        "rings": {
            "core": {"revisit_bound_s": 5, "response_target_s": 60, "accept_within_s": 10},
            "periphery": {"revisit_bound_s": 15, "response_target_s": 180, "accept_within_s": 20, "out_to_m": 500},
            "far": {"revisit_bound_s": 30, "response_target_s": 300, "accept_within_s": 30, "out_to_m": 2500},
        },
        "rules": {
            "crowd": {
                "kind": "crowd",
                "name": "人群聚集",
                "name_en": "Crowd",
                "at_least": 5,
                "for_s": 3,
                "clear_after_s": 12,
                "cool_down_s": 120,
            }
        },
        "levels": {"by_kind": {"crowd": {"core": "red", "far": "blue"}}, "otherwise": "green"},
        "templates": {
            "square": {
                "stream": "rtsp://${CAMERA_USER}:${CAMERA_PASSWORD}@{host}:554/live",
                "view_deg": 95,
                "zones": [
                    {"id": "ground", "name": "地面", "name_en": "ground", "rules": ["crowd"], "polygon": GROUND}
                ],
            }
        },
        "sites": [
            {
                "name": "大楼",
                "name_en": "Hall",
                "kind": "key_site",
                "ring": "core",
                "use": "square",
                "cameras": [
                    {"id": "C-1", "name": "东门", "name_en": "east gate", "at": [35.49, 112.85], "heading_deg": 90,
                     "host": "10.1.1.1"},
                    {"id": "C-2", "name": "西门", "name_en": "west gate", "at": [35.49, 112.851], "heading_deg": 360,
                     "host": "10.1.1.2"},
                ],
            }
        ],
        "cameras": [
            {"id": "P-1", "name": "街口", "at": [35.492, 112.85], "heading_deg": 0, "ring": "periphery",
             "use": "square", "stream": "http://10.1.2.1/snapshot.jpg"},
        ],
        "units": [
            {"id": "U-1", "name": "巡逻组", "kind": "joint_patrol", "rings": ["core", "periphery", "far"],
             "home": [35.49, 112.85], "speed_m_s": 2.8, "mobilise_s": 5},
        ],
    }  # fmt: skip


def changed(*path: str | int, to: object) -> dict[str, Any]:
    """The sound file with the value at ``path`` set to ``to``; the places on the way must exist."""
    data = sound()
    place: Any = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return data


def without(*path: str | int) -> dict[str, Any]:
    """The sound file without what stands at ``path``."""
    data = sound()
    place: Any = data
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return data


def as_yaml(data: object) -> str:
    """``data`` as YAML; what stands in it twice is written twice, without aliases."""
    return yaml.dump(data, Dumper=_PlainDumper, allow_unicode=True, sort_keys=False)


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def written_to(tmp_path: Path, content: object) -> Path:
    """A file with this text, or with this data as YAML."""
    path = tmp_path / "cameras.yaml"
    text = content if isinstance(content, str) else as_yaml(content)
    path.write_text(text, encoding="utf-8")
    return path


def loaded(tmp_path: Path, content: object, environ: Mapping[str, str] = CREDENTIALS) -> Configuration:
    """What the content says."""
    return load(written_to(tmp_path, content), environ)


def problems_of(tmp_path: Path, content: object, environ: Mapping[str, str] = CREDENTIALS) -> dict[str, ConfigProblem]:
    """The problems that loading the content raises, by their path in the file."""
    with pytest.raises(ConfigError) as caught:
        load(written_to(tmp_path, content), environ)
    return {problem.path: problem for problem in caught.value.problems}
