"""``patrol model``: what people and programs are told."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import typer
from typer.testing import CliRunner

from patrol.adapters import benchmark, model_store
from patrol.adapters.benchmark import Measurement
from patrol.adapters.model_manifests import manifest_of
from patrol.adapters.model_store import InstalledModel, Precision
from patrol.cli import model
from patrol.cli.model import CameraPictures
from patrol.domain.errors import ModelError
from tests.adapters.real_model import bus_pixels, real_model, real_models_directory
from tests.cli.terminals import terminal_as_stderr


def patrol(*arguments: object, camera_pictures: CameraPictures | None = None) -> Any:
    app = typer.Typer()
    app.callback()(lambda: None)
    model.register(app, camera_pictures)
    return CliRunner().invoke(app, ["model", *map(str, arguments)], env={"COLUMNS": "120"})


@pytest.fixture
def empty_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATROL_MODELS", str(tmp_path))
    return tmp_path


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with the real model that a test may write to."""
    shutil.copytree(real_model().folder, tmp_path / "yolov8n", ignore=shutil.ignore_patterns("openvino-int8"))
    monkeypatch.setenv("PATROL_MODELS", str(tmp_path))
    return tmp_path


def test_a_model_that_is_not_there_is_listed_as_such(empty_models: Path) -> None:
    result = patrol("list")
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "yolov8n" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "yolov8n",
        "detect",
        "not installed",
        "-",
        "6.5 MB",
        "640x384",
        "AGPL-3.0",
    ]


def listed_as(name: str) -> dict[str, Any]:
    (found,) = [each for each in json.loads(patrol("list", "--json").stdout) if each["name"] == name]
    assert isinstance(found, dict)
    return found


def test_a_model_that_only_a_folder_brings_says_so(empty_models: Path, tmp_path: Path) -> None:
    listed = patrol("list")
    assert "mcnn-a is mcnn_shtechA_660.h5 of svishwa/crowdcount-mcnn" in listed.stdout
    assert "patrol model get mcnn-a --from FOLDER" in listed.stdout
    failed = patrol("get", "mcnn-a")
    assert failed.exit_code == 1
    assert "or say where it lies: patrol model get mcnn-a --from FOLDER" in failed.stderr
    wrong = tmp_path / "given"
    wrong.mkdir()
    (wrong / "mcnn_shtechA_660.onnx").write_bytes(b"another")
    refused = patrol("get", "mcnn-a", "--from", wrong)
    assert refused.exit_code == 1
    assert "expected 514,808 bytes, got 7" in refused.stderr
    assert listed_as("mcnn-a")["state"] == "not installed"


def test_a_wrong_file_is_listed_as_such(empty_models: Path) -> None:
    (empty_models / "yolov8n").mkdir()
    (empty_models / "yolov8n" / "yolov8n.pt").write_bytes(b"something else")
    listed = listed_as("yolov8n")
    assert listed["state"] == "wrong hash"
    assert listed["exports"] == []


@pytest.mark.weights
def test_an_installed_model_is_listed_with_its_exports(own_models: Path) -> None:
    listed = listed_as("yolov8n")
    assert listed == {
        "name": "yolov8n",
        "task": "detect",
        "state": "installed",
        "exports": ["f32"],
        "bytes": 6549796,
        "sha256": manifest_of("yolov8n").sha256,
        "input_size": [640, 384],
        "licence": "AGPL-3.0",
        "classes": 80,
    }


@pytest.mark.weights
def test_get_says_where_the_model_lies(own_models: Path) -> None:
    result = patrol("get")
    assert result.exit_code == 0
    assert str(own_models / "yolov8n" / "yolov8n.pt") in result.stdout
    assert result.stderr == ""


def test_get_of_a_wrong_file_fails_with_what_to_do(empty_models: Path) -> None:
    (empty_models / "yolov8n").mkdir()
    (empty_models / "yolov8n" / "yolov8n.pt").write_bytes(b"something else")
    result = patrol("get", "yolov8n")
    assert result.exit_code == 1
    assert "Delete the file and run: patrol model get yolov8n" in result.stderr
    assert result.stdout == ""


def test_get_of_an_unknown_model_names_the_known(empty_models: Path) -> None:
    result = patrol("get", "yolo99")
    assert result.exit_code == 1
    assert result.stderr == "patrol: there is no model 'yolo99'; there are: mcnn-a, mcnn-b, yolov8n\n"


@pytest.fixture
def slow_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def ensure(
        name: str, progress: Callable[[str], None], received: Callable[[int, int], None], folder: Path | None
    ) -> InstalledModel:
        progress("getting it")
        for came in (1_000_000, 6_000_000):
            received(came, 6_500_000)
            time.sleep(0.3)
        return InstalledModel(manifest_of(name), tmp_path, tmp_path / "w.pt", tmp_path / "model.xml", None)

    monkeypatch.setattr(model_store, "ensure_model", ensure)


@pytest.mark.usefixtures("slow_download")
def test_before_a_terminal_one_sees_how_much_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal_as_stderr(monkeypatch) as seen:
        model.get("yolov8n")
    assert "getting it" in seen[0]
    assert "1.0 of 6.5 MB" in seen[0]
    assert "6.0 of 6.5 MB" in seen[0]


@pytest.mark.usefixtures("slow_download")
def test_a_program_gets_a_line_for_each_step_and_no_bar() -> None:
    assert patrol("get").stderr == "getting it\n"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    lines = [
        Measurement((512, 288), Precision.F32, None, 120, 40.0, 49.0),
        Measurement((512, 288), Precision.INT8, 1, 60, 25.0, 40.5),
    ]
    monkeypatch.setattr(model_store, "ensure_model", lambda name, **_: None)
    monkeypatch.setattr(benchmark, "measure_all", lambda model, seconds, progress: lines)
    return


@pytest.mark.usefixtures("measured")
def test_bench_shows_frames_and_milliseconds() -> None:
    rows = [line.strip("│").split("│") for line in patrol("bench").stdout.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["512x288", "f32", "all", "40.0", "25.0", "49.0"],
        ["512x288", "int8", "1", "25.0", "40.0", "40.5"],
    ]


@pytest.mark.usefixtures("measured")
def test_bench_tells_programs_the_same() -> None:
    first, second = json.loads(patrol("bench", "--json").stdout)
    assert first == {
        "input_size": [512, 288],
        "precision": "f32",
        "threads": None,
        "frames": 120,
        "frames_per_s": 40.0,
        "ms_per_frame": 25.0,
        "processor_ms_per_frame": 49.0,
    }
    assert second["threads"] == 1


@pytest.mark.weights
def test_bench_measures_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    real_model()
    monkeypatch.setenv("PATROL_MODELS", str(real_models_directory()))
    monkeypatch.setattr(benchmark, "INPUT_SIZES", ((96, 64),))
    lines = json.loads(patrol("bench", "--seconds", "0.1", "--json").stdout)
    assert {tuple(line["input_size"]) for line in lines} == {(96, 64)}
    assert all(line["frames_per_s"] > 0 for line in lines)


def test_bench_without_the_model_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str, **_: object) -> InstalledModel:
        raise ModelError("yolov8n could not be fetched")

    monkeypatch.setattr(model_store, "ensure_model", nowhere)
    result = patrol("bench")
    assert result.exit_code == 1
    assert result.stderr == "patrol: yolov8n could not be fetched\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give a folder of pictures, or: --from cameras --config FILE"),
        (["--from", "cameras", "--config", "cameras.yaml"], "live pictures cannot be had here"),
    ],
)
def test_quantize_used_wrongly_is_told_with_code_2(arguments: list[str], told: str) -> None:
    result = patrol("quantize", *arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_quantize_from_cameras_needs_to_know_which() -> None:
    result = patrol("quantize", "--from", "cameras", camera_pictures=lambda config, at_most: [])
    assert result.exit_code == 2
    assert "needs a configuration file" in result.stderr


def test_quantize_without_nncf_says_how_to_get_it(empty_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = patrol("quantize", "--from", empty_models)
    assert result.exit_code == 1
    assert "make install-quantize" in result.stderr


@pytest.mark.weights
@pytest.mark.skipif(importlib.util.find_spec("nncf") is None, reason="NNCF is not installed: make install-quantize")
def test_quantize_from_live_cameras_makes_a_graph_that_is_found(own_models: Path, tmp_path: Path) -> None:
    asked: list[tuple[Path, int]] = []

    def live(config: Path, at_most: int) -> Iterator[npt.NDArray[np.uint8]]:
        asked.append((config, at_most))
        bus = bus_pixels()
        return (np.ascontiguousarray(bus[10 * index :]) for index in range(15))

    result = patrol("quantize", "--from", "cameras", "--config", "cameras.yaml", camera_pictures=live)
    assert result.exit_code == 0, result.output
    assert asked == [(Path("cameras.yaml"), 300)]
    assert "made from 12 pictures" in result.stdout
    assert "On 3 others it finds" in result.stdout
    assert listed_as("yolov8n")["exports"] == ["f32", "int8"]
