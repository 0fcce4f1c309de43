"""A camera is calibrated by points of the ground; what no camera could see so is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patrol.config import load
from patrol.domain.errors import ConfigError
from tests.config.files import CREDENTIALS, sound, written_to

SQUARE = [([0.2, 0.9], [0, 0]), ([0.8, 0.9], [6, 0]), ([0.65, 0.5], [6, 12]), ([0.35, 0.5], [0, 12])]


def content(points: list[tuple[list[float], list[float]]]) -> dict[str, Any]:
    whole = sound()
    whole["cameras"][0]["ground"] = {"points": [{"at": at, "metres": metres} for at, metres in points]}
    return whole


def test_points_become_metres_on_the_ground(tmp_path: Path) -> None:
    configuration = load(written_to(tmp_path, content(SQUARE)), CREDENTIALS)
    (ground,) = [camera.ground for camera in configuration.cameras if camera.ground is not None]
    at, metres = np.array([p for p, _ in SQUARE]), np.array([m for _, m in SQUARE], np.float64)
    assert ground.on_ground(at) == pytest.approx(metres, abs=0.01)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (SQUARE[:3], "a list of at least 4"),
        ([([0.1 * n, 0.5], [n, 0]) for n in range(4)], "too much on one line"),
        ([(SQUARE[0][0], SQUARE[1][1]), (SQUARE[1][0], SQUARE[0][1]), *SQUARE[2:]], "no camera can see these points"),
    ],
    ids=["three", "on one line", "exchanged"],
)
def test_what_cannot_be_is_refused_with_its_place(
    points: list[tuple[list[float], list[float]]], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(written_to(tmp_path, content(points)), CREDENTIALS)
    (problem,) = raised.value.problems
    assert problem.path.startswith("cameras[0].ground")
    assert told in problem.message
