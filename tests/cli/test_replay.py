"""``patrol replay``: recorded video through the live rules, told in words or as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from patrol.adapters import detectors, networks
from patrol.adapters.detectors import DetectorOptions
from patrol.cli import replay as module
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from tests.builders import CLASSES
from tests.cli.terminals import terminal_as_stderr
from tests.config.files import sound, written_to

FPS = 4


class CountsBrightness:
    """Sees five people in a bright picture and nobody in a dark one."""

    class_names = CLASSES
    options: ClassVar[list[DetectorOptions]] = []
    closed = 0

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        await asyncio.sleep(0)
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Detections:
        if frame.pixels.mean() < 128:
            return Detections.none(frame.width, frame.height, CLASSES)
        width, height = frame.width, frame.height
        boxes = np.array([(n * 20.0, height * 0.4, n * 20.0 + 10, height * 0.8) for n in range(5)], np.float32)
        return Detections(width, height, boxes, np.zeros(5, np.int64), np.full(5, 0.75, np.float32), CLASSES)

    def close(self) -> None:
        type(self).closed += 1


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    def opened(options: DetectorOptions, *_: object, **__: object) -> CountsBrightness:
        CountsBrightness.options.append(options)
        return CountsBrightness()

    CountsBrightness.options.clear()
    monkeypatch.setattr(detectors, "open_detector", opened)
    monkeypatch.setattr(networks, "_density", lambda *_: None)  # whether it is installed here is none of these tests'
    made = typer.Typer()
    made.callback()(lambda: None)  # with a single command typer would leave the word "replay" out
    module.register(made)
    return made


def video(path: Path, *parts: tuple[int, int]) -> Path:
    """A video of 160x96 with ``(brightness, seconds)`` parts, four pictures a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (160, 96))
    for brightness, seconds in parts:
        for _ in range(seconds * FPS):
            writer.write(np.full((96, 160, 3), brightness, np.uint8))
    writer.release()
    return path


def invoke(app: typer.Typer, tmp_path: Path, *arguments: str, camera: str = "C-1") -> Result:
    config = written_to(tmp_path, sound())
    return CliRunner().invoke(app, ["replay", *arguments, "--camera", camera, "--config", str(config)])


def test_each_event_is_one_line_of_json_with_all_there_is_to_know(app: typer.Typer, tmp_path: Path) -> None:
    file = video(tmp_path / "crowd.mp4", (20, 2), (240, 6), (20, 20))
    result = invoke(app, tmp_path, str(file), "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    assert (found["source"], found["camera"], found["kind"], found["zone"]) == (str(file), "C-1", "crowd", "ground")
    assert found["level"] == "red"
    assert found["start_s"] == pytest.approx(2.0, abs=0.3)
    assert found["confirmed_s"] == pytest.approx(5.0, abs=0.3)
    assert found["end_s"] == pytest.approx(7.75, abs=0.3)
    evidence = found["evidence"]
    assert (evidence["count"], evidence["threshold"], evidence["held_s"]) == (5, 5, 3.0)
    assert "ground: 5 people" in evidence["words"]["en"]
    assert "地面" in evidence["words"]["zh"]
    assert len(evidence["boxes"]) == 5
    assert all(0 <= side <= 1 for box in evidence["boxes"] for side in box)
    assert CountsBrightness.closed > 0


def test_in_words_each_event_is_a_line_for_people(app: typer.Typer, tmp_path: Path) -> None:
    file = video(tmp_path / "crowd.mp4", (240, 5))
    result = invoke(app, tmp_path, str(file))
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith(str(file))
    assert "crowd" in line
    assert "ground: 5 people (threshold 5)" in line


def test_a_video_without_a_crowd_says_nothing(app: typer.Typer, tmp_path: Path) -> None:
    result = invoke(app, tmp_path, str(video(tmp_path / "calm.mp4", (20, 5))), "--json")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_file_that_is_missing_or_no_video_is_told_and_the_others_are_replayed(
    app: typer.Typer, tmp_path: Path
) -> None:
    good = video(tmp_path / "crowd.mp4", (240, 5))
    text = tmp_path / "notes.txt"
    text.write_text("not a video")
    result = invoke(app, tmp_path, str(tmp_path / "missing.mp4"), str(text), str(good), "--json")
    assert result.exit_code == 1
    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == [str(good)]
    assert "missing.mp4" in result.stderr
    assert "notes.txt" in result.stderr
    assert "Traceback" not in result.output


def test_an_unknown_camera_is_told_before_a_model_is_loaded(app: typer.Typer, tmp_path: Path) -> None:
    CountsBrightness.options.clear()
    result = invoke(app, tmp_path, "x.mp4", camera="C-99")
    assert result.exit_code == 1
    assert "no camera 'C-99'" in result.stderr
    assert CountsBrightness.options == []


def test_a_broken_configuration_is_told(app: typer.Typer, tmp_path: Path) -> None:
    config = written_to(tmp_path, {**sound(), "surprise": 1})
    result = CliRunner().invoke(app, ["replay", "x.mp4", "--camera", "C-1", "--config", str(config)])
    assert result.exit_code == 1
    assert "surprise" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("x.mp4", "--fps", "0"), ("x.mp4", "--fps", "1000")])
def test_what_is_asked_wrongly_is_exit_code_2(app: typer.Typer, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert invoke(app, tmp_path, *arguments).exit_code == 2


def test_the_detector_is_asked_for_what_the_rules_need_as_in_the_live_tour(app: typer.Typer, tmp_path: Path) -> None:
    invoke(app, tmp_path, str(video(tmp_path / "calm.mp4", (20, 1))))
    usual, finer = CountsBrightness.options
    assert usual.labels == finer.labels == {"person"}
    assert (usual.input_size, finer.input_size) == ((640, 384), (1280, 768))


def test_before_a_terminal_one_sees_how_much_of_the_film_is_done(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = video(tmp_path / "crowd.mp4", (240, 6))
    arguments = ["replay", str(file), "--camera", "C-1", "--config", str(written_to(tmp_path, sound())), "--json"]
    with terminal_as_stderr(monkeypatch) as seen:
        app(arguments, standalone_mode=False)
    assert "replaying" in seen[0]
    assert "6 of 6 s" in seen[0]
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["kind"] == "crowd"


def test_where_nobody_watches_stderr_stays_empty(app: typer.Typer, tmp_path: Path) -> None:
    assert invoke(app, tmp_path, str(video(tmp_path / "calm.mp4", (20, 1)))).stderr == ""
