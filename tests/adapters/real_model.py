"""The real weights, where they are installed, for tests marked ``weights``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from patrol.adapters.model_store import InstalledModel, installed_model, models_directory
from patrol.domain.camera import CameraId
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame
from tests.photographs import photograph, photograph_file


def real_models_directory() -> Path:
    """Where the weights lie: ``PATROL_MODELS``, else the checkout's own models/."""
    directory = models_directory()
    return directory if directory.is_absolute() else Path(__file__).parents[2] / directory


def real_model() -> InstalledModel:
    """The installed model; skips the test, by name, where it is not there."""
    try:
        model = installed_model("yolov8n", real_models_directory())
    except ModelError as error:
        pytest.skip(f"real weights are needed: {error}")
    if model.openvino_f32 is None:
        pytest.skip("real weights are needed: yolov8n is not exported; run: patrol model get yolov8n")
    return model


def bus_picture() -> Path:
    """A street with a bus and four people, 810x1080; it comes with Ultralytics."""
    return photograph_file("bus.jpg")


def bus_pixels() -> npt.NDArray[np.uint8]:
    """(1080, 810, 3) BGR uint8."""
    return photograph("bus.jpg")


def frame_of(pixels: npt.NDArray[np.uint8]) -> Frame:
    """A frame with these pixels, from no camera in particular."""
    return Frame(CameraId("test"), datetime(2026, 1, 1, tzinfo=UTC), pixels)
