"""``patrol detect``, on pictures and videos made here, with a detector that sees colours; and on the real weights."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from patrol.adapters import detectors, model_store
from patrol.adapters.detectors import DetectorOptions
from patrol.cli import detect
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame
from tests.adapters.real_model import bus_picture, real_model, real_models_directory

CLASSES = ("person", "car")


class ColourDetector:
    """A person, as large as the picture, in every picture that is not black."""

    made: list[ColourDetector]

    def __init__(self, options: DetectorOptions) -> None:
        self.options = options
        self.closed = False
        type(self).made.append(self)

    async def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        await asyncio.sleep(0)
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Detections:
        if frame.pixels.mean() < 10:
            return Detections.none(frame.width, frame.height, CLASSES)
        box = np.array([[0, 0, frame.width, frame.height]], np.float32)
        return Detections(frame.width, frame.height, box, np.zeros(1, np.int64), np.array([0.75], np.float32), CLASSES)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ColourDetector]:
    """The colour detectors that the command made, instead of the real ones."""
    ColourDetector.made = []
    monkeypatch.setattr(model_store, "ensure_model", lambda *args, **options: None)
    monkeypatch.setattr(detectors, "make_detector", lambda model, options: ColourDetector(options))
    return ColourDetector.made


def patrol(*arguments: object) -> Any:
    app = typer.Typer()
    app.callback()(lambda: None)
    detect.register(app)
    return CliRunner().invoke(app, ["detect", *map(str, arguments)])


def lines_of(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def picture(file: Path, width: int = 64, height: int = 48, shade: int = 200) -> Path:
    assert cv2.imwrite(str(file), np.full((height, width, 3), shade, np.uint8))
    return file


def video(file: Path, frames: int = 20, fps: float = 10) -> Path:
    """Bright for the first half, then black."""
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
    for index in range(frames):
        writer.write(np.full((48, 64, 3), 200 if index < frames // 2 else 0, np.uint8))
    writer.release()
    return file


def test_a_picture_is_one_line_of_json(made: list[ColourDetector], tmp_path: Path) -> None:
    file = picture(tmp_path / "广场.png")
    result = patrol("--json", file)
    assert result.exit_code == 0
    assert lines_of(result) == [
        {
            "source": str(file),
            "frame": 0,
            "t_s": 0.0,
            "width": 64,
            "height": 48,
            "boxes": [{"xyxy": [0, 0, 64, 48], "label": "person", "confidence": 0.75}],
        }
    ]
    assert result.stderr == ""


def test_a_video_is_a_line_for_every_frame(made: list[ColourDetector], tmp_path: Path) -> None:
    lines = lines_of(patrol("--json", video(tmp_path / "clip.mp4")))
    assert [line["frame"] for line in lines] == list(range(20))
    assert [line["t_s"] for line in lines] == pytest.approx([index / 10 for index in range(20)], abs=0.01)
    assert [len(line["boxes"]) for line in lines] == [1] * 10 + [0] * 10


def test_a_video_is_sampled_when_asked(made: list[ColourDetector], tmp_path: Path) -> None:
    lines = lines_of(patrol("--json", "--fps", 2, video(tmp_path / "clip.mp4")))
    assert [line["frame"] for line in lines] == [0, 5, 10, 15]


def test_for_people_there_is_a_table(made: list[ColourDetector], tmp_path: Path) -> None:
    files = [picture(tmp_path / "day.png"), picture(tmp_path / "night.png", shade=0)]
    result = patrol(*files)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == [str(files[0]), "64x48"]
    assert rows[1] == ["time", "frame", "label", "sure", "x1", "y1", "x2", "y2"]
    assert rows[2] == ["0.00s", "0", "person", "0.75", "0", "0", "64", "48"]
    assert rows[3] == [str(files[1]), "64x48"]
    assert rows[5] == ["0.00s", "0", "nothing"]


def test_a_bad_file_is_named_and_the_others_go_on(made: list[ColourDetector], tmp_path: Path) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    result = patrol("--json", tmp_path / "missing.png", picture(tmp_path / "a.png"), bad, picture(tmp_path / "b.png"))
    assert result.exit_code == 1
    assert [Path(line["source"]).name for line in lines_of(result)] == ["a.png", "b.png"]
    told = result.stderr.splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"patrol: {tmp_path / 'missing.png'}: ")
    assert told[1].startswith(f"patrol: {bad}: ")


def test_frames_before_a_break_are_not_lost(made: list[ColourDetector], tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    noise = np.random.default_rng(0)
    for _ in range(30):
        writer.write(noise.integers(100, 256, (48, 64, 3), np.uint8))
    writer.release()
    broken = tmp_path / "broken.avi"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = patrol("--json", broken)
    assert result.exit_code == 1
    assert detect.FRAMES_AT_ONCE < len(lines_of(result)) < 30
    assert str(broken) in result.stderr


def test_an_upright_picture_gets_an_upright_detector(made: list[ColourDetector], tmp_path: Path) -> None:
    patrol("--size", 320, picture(tmp_path / "flat.png", 128, 64), picture(tmp_path / "upright.png", 64, 128))
    assert [one.options.input_size for one in made] == [(320, 160), (160, 320)]
    assert all(one.closed for one in made)


def test_pictures_of_one_shape_share_a_detector_and_shapes_do_not_pile_up(
    made: list[ColourDetector], tmp_path: Path
) -> None:
    files = [
        picture(tmp_path / f"{width}-{copy}.png", width) for width in (64, 96, 128, 192, 256, 384) for copy in "ab"
    ]
    result = patrol("--json", *files)
    assert len(lines_of(result)) == 12
    assert len(made) == 6
    assert all(one.closed for one in made)


def test_labels_and_confidence_reach_the_detector(made: list[ColourDetector], tmp_path: Path) -> None:
    patrol("--label", "person", "--label", "car", "--min-confidence", 0.4, picture(tmp_path / "a.png"))
    assert made[0].options.labels == frozenset({"person", "car"})
    assert made[0].options.min_confidence == 0.4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing argument"),
        (["--label", "persom", "a.png"], "does not know persom"),
        (["--model", "yolo99", "a.png"], "there is no model"),
        (["--fps", "0", "a.png"], "above 0"),
        (["--min-confidence", "1.5", "a.png"], "less than or equal to 1"),
    ],
)
def test_wrong_usage_is_told_with_code_2(made: list[ColourDetector], arguments: list[str], told: str) -> None:
    result = patrol(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert made == []


def test_a_model_that_cannot_be_had_is_told_with_code_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere(*args: object, **options: object) -> None:
        raise ModelError("yolov8n is not installed and could not be fetched")

    monkeypatch.setattr(model_store, "ensure_model", nowhere)
    result = patrol(picture(tmp_path / "a.png"))
    assert result.exit_code == 1
    assert result.stderr == "patrol: yolov8n is not installed and could not be fetched\n"


@pytest.mark.weights
def test_finds_the_people_in_a_real_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    real_model()
    monkeypatch.setenv("PATROL_MODELS", str(real_models_directory()))
    result = patrol("--json", "--label", "person", "--min-confidence", 0.5, bus_picture())
    [line] = lines_of(result)
    assert (line["width"], line["height"]) == (810, 1080)
    assert [box["label"] for box in line["boxes"]] == ["person"] * 3
    lefts = sorted(box["xyxy"][0] for box in line["boxes"])
    assert lefts == pytest.approx([49, 222, 670], abs=12)


def test_the_commands_import_nothing_slow_until_they_run() -> None:
    code = (
        "import sys, patrol.cli.detect, patrol.cli.model\n"
        "print(sorted({'numpy', 'cv2', 'openvino', 'torch', 'ultralytics', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
