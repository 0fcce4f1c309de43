"""The GPU detector, run on the CPU: all of it but the device and the half precision."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from patrol.adapters import detectors, ultralytics_detector
from patrol.adapters.detectors import (
    DetectorOptions,
    Device,
    chosen_device,
    has_cuda,
    make_detector,
    nvidia_driver_seen,
    open_detector,
)
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
