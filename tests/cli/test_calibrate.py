"""``patrol calibrate``: points, and people's heights, to what is pasted into the configuration; with its picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from patrol.adapters import detectors
from patrol.cli import calibrate
from patrol.config import load
from patrol.domain.calibrating import View, _plane_of
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.domain.ground import GroundPlane
from tests.builders import CLASSES
from tests.config.files import CREDENTIALS, sound, written_to

SIZE = (640, 360)
VIEW = View(SIZE[0] / SIZE[1], 80.0)
TILT, HIGH_M = math.radians(25), 6.0
STREET = GroundPlane(_plane_of(TILT, HIGH_M, VIEW))
CORNERS = ((0.3, 0.6), (0.7, 0.6), (0.8, 0.9), (0.2, 0.9))


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)
    calibrate.register(made)
    return made


@pytest.fixture
def still(tmp_path: Path) -> Path:
    file = tmp_path / "still.png"
    cv2.imwrite(str(file), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    return file


def invoke(app: typer.Typer, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)], env={"COLUMNS": "120"})


def picked(*corners: tuple[float, float], off: float = 0.0) -> list[str]:
    """As options, with the last point ``off`` metres from where it is."""
    metres = STREET.on_ground(np.array(corners))
    metres[-1, 0] += off
    return [f"--point={x},{y}={east:.3f},{north:.3f}" for (x, y), (east, north) in zip(corners, metres, strict=True)]


def pasted(text: str) -> dict[str, Any]:
    """The YAML at the end of what was printed, as data."""
    read: dict[str, Any] = yaml.safe_load(text[text.index("ground:") :])
    return read["ground"]


def plane_from(ground: dict[str, Any], tmp_path: Path) -> GroundPlane:
    """What a configuration makes of it."""
    whole = sound()
    whole["cameras"][0]["ground"] = ground
    configuration = load(written_to(tmp_path, whole), CREDENTIALS)
    (found,) = [camera.ground for camera in configuration.cameras if camera.ground is not None]
    return found


def area_of(plane: GroundPlane) -> float:
    area = plane.area(CORNERS)
    assert area is not None
    return area.value


def test_four_points_become_what_a_configuration_takes(app: typer.Typer, still: Path, tmp_path: Path) -> None:
    result = invoke(app, "points", still, *picked(*CORNERS))
    assert result.exit_code == 0, result.output
    assert "four points always fit" in result.stdout
    ground = pasted(result.stdout)
    assert len(ground["points"]) == 4
    assert area_of(plane_from(ground, tmp_path)) == pytest.approx(area_of(STREET), rel=0.01)


def test_a_fifth_point_that_is_wrong_shows(app: typer.Typer, still: Path) -> None:
    sound_one = invoke(app, "points", still, *picked(*CORNERS, (0.5, 0.75)))
    wrong = invoke(app, "points", still, *picked(*CORNERS, (0.5, 0.75), off=2.0))
    assert (sound_one.exit_code, wrong.exit_code) == (0, 0)
    assert sound_one.stdout.count("0.00 m") == 5
    assert "0.00 m" not in wrong.stdout


def test_points_may_be_pixels_and_may_stand_in_a_file(app: typer.Typer, still: Path, tmp_path: Path) -> None:
    shares = pasted(invoke(app, "points", still, *picked(*CORNERS)).stdout)
    in_pixels = [
        f"--point={x * SIZE[0]},{y * SIZE[1]}={one['metres'][0]},{one['metres'][1]}"
        for (x, y), one in zip(CORNERS, shares["points"], strict=True)
    ]
    assert pasted(invoke(app, "points", still, *in_pixels).stdout) == shares
    file = tmp_path / "points.yaml"
    file.write_text(yaml.safe_dump({"ground": shares}))
    assert pasted(invoke(app, "points", still, "--points", file).stdout) == shares


def test_the_picture_shows_the_grid_where_the_ground_is(app: typer.Typer, still: Path, tmp_path: Path) -> None:
    png, page = tmp_path / "grid.png", tmp_path / "grid.html"
    result = invoke(app, "points", still, *picked(*CORNERS), "--png", png, "--html", page)
    assert result.exit_code == 0, result.output
    drawn = cv2.imread(str(png))
    assert drawn.shape == (SIZE[1], SIZE[0], 3)
    changed = (drawn != 90).any(axis=2)
    assert changed[220:330, 150:490].mean() > 0.02, "lines within the points"
    horizon = int(SIZE[1] * (0.5 - VIEW.focal * math.tan(TILT)))
    assert not changed[: max(0, horizon)].any(), "none in the sky"
    text = page.read_text("utf-8")
    assert "data:image/png;base64," in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--point=0.1,0.2"], "expected X,Y=EAST,NORTH"),
        (["--point=0.1,0.9=0,0"], "expected at least 4 points, got 1"),
        (["--point=1000,0.9=0,0"], "expected a point in the picture, 640x360"),
        (["--points", "missing.yaml"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_told_with_code_1(app: typer.Typer, still: Path, arguments: list[str], told: str) -> None:
    result = invoke(app, "points", still, *arguments)
    assert result.exit_code == 1
    assert told in result.stderr


class SeesPassers:
    """A detector that sees somebody else at every look, standing on STREET, 1.7 m tall, more or less."""

    class_names = CLASSES

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [self._seen(frame) for frame in frames]

    def _seen(self, frame: Frame) -> Detections:
        boxes = [self._box(column) for column in range(3)]
        scale = np.array([frame.width, frame.height] * 2, np.float32)
        xyxy = (np.array(boxes, np.float32) * scale).clip(0, scale)
        count = len(xyxy)
        return Detections(
            frame.width, frame.height, xyxy, np.zeros(count, np.int64), np.full(count, 0.9, np.float32), CLASSES
        )

    def _box(self, column: int) -> tuple[float, float, float, float]:
        foot = np.array([0.15 + 0.35 * column, self._random.uniform(0.45, 0.95)])
        tall = self._random.normal(1.7, 0.06)
        hidden = STREET.on_ground(foot[None]) * HIGH_M / (HIGH_M - tall)
        head = float(STREET.in_picture(hidden)[0, 1])
        half = (foot[1] - head) / 3 / 2 / VIEW.aspect
        return float(foot[0] - half), head, float(foot[0] + half), float(foot[1])

    def close(self) -> None:
        pass


def recording(path: Path, seconds: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1, SIZE)
    for _ in range(seconds):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    writer.release()
    return path


def test_people_s_heights_become_a_plane_with_its_error(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectors, "open_detector", lambda *_, **__: SeesPassers())
    page = tmp_path / "page.html"
    file = recording(tmp_path / "yard.mp4", 120)
    result = invoke(app, "heights", file, "--view-deg", 80, "--html", page)
    assert result.exit_code == 0, result.output
    ground = pasted(result.stdout)
    assert 0 < ground["error"] <= 0.3
    found = plane_from(ground, tmp_path)
    assert area_of(found) == pytest.approx(area_of(STREET), rel=3 * ground["error"])
    measured = found.area(CORNERS)
    assert measured is not None
    assert measured.relative_error >= 1.9 * ground["error"], "its error is known to whoever uses it"
    assert page.exists()


def test_too_few_people_are_told(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "open_detector", lambda *_, **__: SeesPassers())
    result = invoke(app, "heights", recording(tmp_path / "short.mp4", 3), "--view-deg", 80)
    assert result.exit_code == 1
    assert "expected at least 20 people who stand in full view" in result.stderr


def test_a_recording_does_not_say_how_wide_it_sees(app: typer.Typer, tmp_path: Path) -> None:
    assert invoke(app, "heights", tmp_path / "yard.mp4").exit_code == 2
    assert invoke(app, "heights", tmp_path / "yard.mp4", "--camera", "C-1").exit_code == 2
    assert invoke(app, "heights").exit_code == 2


def test_a_camera_that_is_not_there_is_told(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    result = invoke(app, "heights", "--camera", "nowhere", "--config", written_to(tmp_path, sound()))
    assert result.exit_code == 1
    assert "has no camera 'nowhere'" in result.stderr


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080)])
def test_a_grid_is_neither_a_carpet_nor_empty(size: tuple[int, int]) -> None:
    from patrol.adapters.ground_picture import MOST_LINES, draw_ground

    pixels: npt.NDArray[np.uint8] = np.zeros((size[1], size[0], 3), np.uint8)
    corners = STREET.on_ground(np.array(CORNERS))
    _, apart = draw_ground(pixels, STREET, CORNERS)
    assert 2 <= (corners.max(axis=0) - corners.min(axis=0)).max() / apart <= MOST_LINES
