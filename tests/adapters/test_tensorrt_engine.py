"""TensorRT engines: when one is built, when it is kept, and what happens where none can be had.

No GPU and no TensorRT is needed: what builds is stood in for. The building itself has run nowhere yet.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patrol.adapters import tensorrt_engine
from patrol.adapters.model_manifests import manifest_of
from patrol.adapters.model_store import InstalledModel
from patrol.adapters.tensorrt_engine import EngineKind, build_engine, have_engine, missing_for_tensorrt
from patrol.domain.errors import ModelError

KIND = EngineKind("NVIDIA T4", (640, 384), 32)


@pytest.fixture
def model(tmp_path: Path) -> InstalledModel:
    folder = tmp_path / "yolov8n"
    folder.mkdir()
    return InstalledModel(manifest_of("yolov8n"), folder, folder / "yolov8n.pt", None, None)


class Builder:
    """Notes what it was asked to build, and writes something."""

    def __init__(self) -> None:
        self.built: list[EngineKind] = []

    def __call__(self, weights: Path, engine: Path, kind: EngineKind) -> None:
        self.built.append(kind)
        engine.write_text(f"{weights.name} for {kind.card}")


def test_an_engine_is_built_once(model: InstalledModel) -> None:
    build = Builder()
    first = have_engine(model, KIND, build)
    assert first.read_text() == "yolov8n.pt for NVIDIA T4"
    assert have_engine(model, KIND, build) == first
    assert build.built == [KIND]


@pytest.mark.parametrize(
    "other",
    [
        EngineKind("NVIDIA L4", (640, 384), 32),
        EngineKind("NVIDIA T4", (512, 288), 32),
        EngineKind("NVIDIA T4", (640, 384), 16),
    ],
)
def test_another_card_size_or_batch_needs_another(model: InstalledModel, other: EngineKind) -> None:
    build = Builder()
    assert have_engine(model, KIND, build) != have_engine(model, other, build)
    assert build.built == [KIND, other]


def test_another_version_needs_another(model: InstalledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Builder()
    before = have_engine(model, KIND, build)
    version: Callable[[str], str] = lambda name: "99.0" if name == "tensorrt" else "1.0"  # noqa: E731
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert have_engine(model, KIND, build) != before


def test_a_build_that_fails_leaves_nothing_behind(model: InstalledModel) -> None:
    def half_written(weights: Path, engine: Path, kind: EngineKind) -> None:
        engine.write_text("hal")
        raise ModelError("out of memory")

    with pytest.raises(ModelError, match="out of memory"):
        have_engine(model, KIND, half_written)
    assert list((model.folder / "tensorrt").iterdir()) == []
    assert have_engine(model, KIND, Builder()).is_file()


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"tensorrt"}, "tensorrt not installed"),
        ({"tensorrt", "onnx"}, "tensorrt and onnx not installed"),
        (set(), None),
    ],
)
def test_what_is_missing_is_named(missing: set[str], told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else object())
    assert missing_for_tensorrt() == told


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed: it might build")
def test_building_where_it_cannot_be_done_is_a_model_error(model: InstalledModel, tmp_path: Path) -> None:
    """For real: a process of its own fails, and its last words are told."""
    with pytest.raises(ModelError, match=r"could not be built: .*yolov8n\.pt"):
        build_engine(model.weights, tmp_path / "x.engine", KIND)


def test_a_build_that_takes_too_long_is_given_up(
    model: InstalledModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [sys.executable, "-c", "import time; time.sleep(60)"]
    run = subprocess.run
    monkeypatch.setattr(tensorrt_engine, "BUILD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: run(slow, **options))
    with pytest.raises(ModelError, match="not built within"):
        build_engine(model.weights, tmp_path / "x.engine", KIND)


def test_the_builder_is_told_everything(model: InstalledModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def noted(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command[1:], options["env"]["YOLO_AUTOINSTALL"]))
        Path(command[4]).write_text("engine")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", noted)
    engine = tmp_path / "x.engine"
    build_engine(model.weights, engine, KIND)
    module = "patrol.adapters.tensorrt_engine"
    assert asked == [(["-m", module, str(model.weights), str(engine), "640", "384", "32"], "false")]
