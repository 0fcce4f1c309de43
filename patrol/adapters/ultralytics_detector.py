"""Finds objects on CUDA machines, with Ultralytics' network on torch."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from patrol.adapters.model_store import InstalledModel, quiet_ultralytics
from patrol.adapters.tensorrt_engine import EngineKind, have_engine, missing_for_tensorrt
from patrol.adapters.yolo import Reading, checked_input_size, letterbox, read_output
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame

logger = logging.getLogger(__name__)

BATCH_TIMEOUT_S = 120.0
LARGEST_BATCH = 32  # bounds the GPU memory one call can take


class UltralyticsDetector:
    """A Detector on a GPU: half precision, whole batches, one thread that owns the device; with TensorRT where it is
    installed and builds an engine for this card, else with torch.

    Takes Ultralytics' network and leaves its ``predict``: that one fits a batch of equal frames tighter than a mixed
    one, so that a frame's boxes would depend on its neighbours, and it needs torchvision's compiled parts.
    ``device``: as torch names it; on ``cpu`` it computes in full precision, for tests. ``runs_in``: what it came to.
    Raises ModelError at construction where torch or the device does not answer.
    """

    def __init__(
        self,
        model: InstalledModel,
        reading: Reading,
        *,
        input_size: tuple[int, int] | None = None,
        device: str = "cuda",
        tensorrt: bool = True,
    ) -> None:
        """``input_size``: (width, height), multiples of 32, None for the model's own. ``tensorrt``: use it, if it is
        there; building an engine takes minutes, once."""
        self._input_size = checked_input_size(input_size or model.manifest.input_size)
        self._reading = reading
        self._device = device
        self._torch, self._network = _loaded(model, device)
        self._half = device != "cpu"
        self.runs_in = "half precision" if self._half else "full precision"
        if tensorrt and self._half:
            self._use_tensorrt(model)
        self._door = ThreadPoolExecutor(1, thread_name_prefix="torch")

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it can find, by class id."""
        return self._reading.class_names

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One result per frame, in order, in pixels of that frame. Raises TimeoutError after two minutes."""
        loop = asyncio.get_running_loop()
        found: list[Detections] = []
        async with asyncio.timeout(BATCH_TIMEOUT_S):
            for start in range(0, len(frames), LARGEST_BATCH):
                batch = [frame.pixels for frame in frames[start : start + LARGEST_BATCH]]
                found.extend(await loop.run_in_executor(self._door, self._detect_batch, batch))
        return found

    def close(self) -> None:
        """Give the thread and the GPU's memory back; waits for the batch under way."""
        self._door.shutdown(wait=True, cancel_futures=True)
        self._network = None
        if self._device != "cpu":
            self._torch.cuda.empty_cache()

    def _detect_batch(self, pictures: list[npt.NDArray[np.uint8]]) -> list[Detections]:
        fitted, placements = zip(*(letterbox(picture, self._input_size) for picture in pictures), strict=True)
        outputs = self._infer(np.stack(fitted))
        return [
            read_output(output, placement, (picture.shape[1], picture.shape[0]), self._reading)
            for output, placement, picture in zip(outputs, placements, pictures, strict=True)
        ]

    def _infer(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, h, w, 3) uint8 BGR -> (n, 4 + classes, candidates) float32."""
        torch = self._torch
        with torch.inference_mode():
            pictures = torch.from_numpy(batch).to(self._device).flip(-1).permute(0, 3, 1, 2)
            pictures = pictures.to(torch.float16 if self._half else torch.float32) / 255
            output = self._network(pictures.contiguous())  # TensorRT reads the memory as it lies
            # In evaluation the network gives (boxes, raw feature maps).
            boxes = output[0] if isinstance(output, (tuple, list)) else output
            return np.asarray(boxes.float().cpu().numpy(), np.float32)

    def _use_tensorrt(self, model: InstalledModel) -> None:
        """Let an engine take the network's place. Where there can be none, say why, once, and go on without."""
        try:
            engine = _engine(model, self._torch, self._input_size, self._device)
        except ModelError as error:
            logger.warning("no TensorRT, half precision with torch instead: %s", error)
            return
        self._network, self._half = engine, engine.fp16
        self.runs_in = "TensorRT"


def _engine(model: InstalledModel, torch: Any, input_size: tuple[int, int], device: str) -> Any:
    """Ultralytics' own runner of an engine for this card, which takes pictures as the network does. Raises ModelError.

    Its ``fp16`` says whether it takes them in half precision.
    """
    missing = missing_for_tensorrt()
    if missing is not None:
        raise ModelError(missing)
    try:
        kind = EngineKind(torch.cuda.get_device_name(device), input_size, LARGEST_BATCH)
        file = have_engine(model, kind)
        from ultralytics.nn.backends.tensorrt import TensorRTBackend

        return TensorRTBackend(file, torch.device(device))
    except (ImportError, RuntimeError, OSError, AttributeError, ValueError) as error:
        # AttributeError: TensorRT gives None for an engine it cannot read.
        raise ModelError(f"the engine cannot be used: {error}") from error


def _loaded(model: InstalledModel, device: str) -> tuple[Any, Any]:
    """torch, and the network on the device, ready to infer. The weights' hash was checked: they are a pickle."""
    os.environ.update(quiet_ultralytics(model.folder))  # read when Ultralytics is imported
    try:
        import torch
        from ultralytics import YOLO

        network = YOLO(model.weights).model.fuse().eval().to(device)
    except (ImportError, RuntimeError, OSError) as error:
        raise ModelError(f"{model.manifest.name} cannot be loaded on {device}: {error}") from error
    return torch, network if device == "cpu" else network.half()
