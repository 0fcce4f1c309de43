"""The GPU detector, run on the CPU: all of it but the device and the half precision."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from patrol.adapters import detectors, ultralytics_detector
from patrol.adapters.detectors import (
    DetectorOptions,
    chosen_device,
    has_cuda,
    make_detector,
    nvidia_driver_seen,
    open_detector,
)
from patrol.adapters.devices import Device
from patrol.adapters.model_store import Precision
from patrol.adapters.openvino_detector import OpenVinoDetector
from patrol.adapters.ultralytics_detector import UltralyticsDetector
from patrol.adapters.yolo import Reading
from patrol.domain.errors import ModelError
from tests.adapters.real_model import bus_pixels, frame_of, real_model, real_models_directory


@pytest.fixture(scope="module")
def on_torch() -> Iterator[UltralyticsDetector]:
    model = real_model()
    with closing(UltralyticsDetector(model, Reading(model.manifest.classes), device="cpu")) as made:
        yield made


@pytest.mark.weights
def test_agrees_with_the_other_detector(on_torch: UltralyticsDetector) -> None:
    model = real_model()
    reading = Reading(model.manifest.classes)
    frames = [frame_of(bus_pixels()), frame_of(np.zeros((90, 160, 3), np.uint8))]
    with closing(OpenVinoDetector(model, reading, precision=Precision.F32)) as on_openvino:
        expected = asyncio.run(on_openvino.detect(frames))
    found = asyncio.run(on_torch.detect(frames))
    assert len(expected[0]) >= 4
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one.class_id, other.class_id)
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.1)
        np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)
    assert on_torch.class_names == model.manifest.classes


@pytest.mark.weights
def test_a_batch_is_its_frames_one_by_one_across_the_largest_batch(
    on_torch: UltralyticsDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ultralytics_detector, "LARGEST_BATCH", 2)
    bus = bus_pixels()
    wide = np.asarray(cv2.resize(bus, (640, 360)), np.uint8)
    frames = [frame_of(pixels) for pixels in (bus, wide, np.ascontiguousarray(bus[:, ::-1]))]
    batch = asyncio.run(on_torch.detect(frames))
    assert [(one.width, one.height) for one in batch] == [(810, 1080), (640, 360), (810, 1080)]
    for together, frame in zip(batch, frames, strict=True):
        [alone] = asyncio.run(on_torch.detect([frame]))
        np.testing.assert_array_equal(together.class_id, alone.class_id)
        np.testing.assert_allclose(together.xyxy, alone.xyxy, atol=0.05)


@pytest.mark.weights
def test_weights_that_cannot_be_loaded_are_a_model_error(tmp_path: Path) -> None:
    missing = replace(real_model(), weights=tmp_path / "none.pt", folder=tmp_path)
    with pytest.raises(ModelError, match="yolov8n cannot be loaded on cpu"):
        UltralyticsDetector(missing, Reading(("person",)), device="cpu")


# TensorRT, as far as can be told without a GPU: the network runs on the CPU, what is around it is stood in for.


class Card:
    """What is asked of ``torch.cuda``."""

    def get_device_name(self, device: str) -> str:
        return "a card"


@pytest.fixture
def pretended(on_torch: UltralyticsDetector, monkeypatch: pytest.MonkeyPatch) -> Iterator[UltralyticsDetector]:
    """A detector that believes itself on a card whose TensorRT is installed; its network goes back afterwards."""
    monkeypatch.setattr(ultralytics_detector, "missing_for_tensorrt", lambda: None)
    monkeypatch.setattr(on_torch._torch.cuda, "get_device_name", Card().get_device_name)
    before = on_torch._network, on_torch._half, on_torch.runs_in
    yield on_torch
    on_torch._network, on_torch._half, on_torch.runs_in = before


@pytest.mark.weights
@pytest.mark.parametrize("why", ["no room on the card", "not installed"])
def test_without_an_engine_it_goes_on_as_it_was_and_says_why(
    pretended: UltralyticsDetector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    def none(*_: object) -> Path:
        raise ModelError("no room on the card")

    monkeypatch.setattr(ultralytics_detector, "have_engine", none)
    if why == "not installed":
        monkeypatch.setattr(ultralytics_detector, "missing_for_tensorrt", lambda: "tensorrt not installed")
    pretended._use_tensorrt(real_model())
    assert pretended.runs_in == "full precision"
    assert "half precision with torch instead" in caplog.text
    assert why in caplog.text
    assert len(asyncio.run(pretended.detect([frame_of(bus_pixels())]))[0]) >= 4


@pytest.mark.weights
def test_a_file_that_is_no_engine_is_not_used(
    pretended: UltralyticsDetector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Ultralytics' own runner is what refuses it; without TensorRT it already refuses to be imported or made."""
    (tmp_path / "x.engine").write_bytes(b"no engine")
    monkeypatch.setattr(ultralytics_detector, "have_engine", lambda *_: tmp_path / "x.engine")
    pretended._use_tensorrt(real_model())
    assert pretended.runs_in == "full precision"
    assert "the engine cannot be used" in caplog.text


@pytest.mark.weights
def test_an_engine_gets_whole_batches_as_they_lie_in_memory(
    pretended: UltralyticsDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[tuple[int, ...], bool]] = []
    network = pretended._network

    class Engine:
        fp16 = False

        def __call__(self, pictures: Any) -> list[Any]:
            seen.append((tuple(pictures.shape), pictures.is_contiguous()))
            return [network(pictures)[0]]

    monkeypatch.setattr(ultralytics_detector, "_engine", lambda *_: Engine())
    [expected] = asyncio.run(pretended.detect([frame_of(bus_pixels())]))
    pretended._use_tensorrt(real_model())
    assert pretended.runs_in == "TensorRT"
    found = asyncio.run(pretended.detect([frame_of(bus_pixels())] * 3))
    assert seen == [((3, 3, 384, 640), True)]
    for one in found:
        np.testing.assert_allclose(one.xyxy, expected.xyxy, atol=0.05)


@pytest.mark.weights
def test_on_the_cpu_nobody_asks_for_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ultralytics_detector, "_engine", lambda *_: pytest.fail("asked for an engine"))
    model = real_model()
    with closing(UltralyticsDetector(model, Reading(model.manifest.classes), device="cpu")) as made:
        assert made.runs_in == "full precision"


# Which detector


def test_without_a_driver_torch_is_not_even_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not nvidia_driver_seen(tmp_path)
    monkeypatch.setattr(detectors, "nvidia_driver_seen", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail the test
    assert not has_cuda()


def test_a_device_file_or_the_drivers_tool_is_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "nvidia0").touch()
    assert nvidia_driver_seen(tmp_path)
    (tmp_path / "nvidia0").unlink()
    (tmp_path / "nvidia-smi").touch(0o755)
    assert nvidia_driver_seen(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("asked", "there", "expected"),
    [
        (Device.AUTO, True, Device.CUDA),
        (Device.AUTO, False, Device.CPU),
        (Device.CPU, True, Device.CPU),
        (Device.CUDA, True, Device.CUDA),
    ],
)
def test_the_device_is_the_best_there_is_unless_told(
    monkeypatch: pytest.MonkeyPatch, asked: Device, there: bool, expected: Device
) -> None:
    monkeypatch.setattr(detectors, "has_cuda", lambda: there)
    assert chosen_device(asked) is expected


def test_cuda_asked_for_and_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "has_cuda", lambda: False)
    with pytest.raises(ModelError, match="no CUDA device answers; use device cpu or auto"):
        chosen_device(Device.CUDA)


@pytest.mark.weights
def test_the_cpus_detector_is_opened_with_the_options_given() -> None:
    real_model()
    options = DetectorOptions((512, 288), 0.5, labels=frozenset({"person"}), device=Device.CPU, threads=1)
    with closing(open_detector(options, models_dir=real_models_directory())) as made:
        assert isinstance(made, OpenVinoDetector)
        assert made.requests == 1
        [found] = asyncio.run(made.detect([frame_of(bus_pixels())]))
    assert {label for _, label, _ in found} == {"person"}
    assert found.confidence.min() > 0.5


@pytest.mark.weights
def test_a_label_the_model_does_not_know_is_told() -> None:
    options = DetectorOptions(labels=frozenset({"policeman"}), device=Device.CPU)
    with pytest.raises(ModelError, match="does not know 'policeman'"):
        make_detector(real_model(), options)
