"""Estimates how densely people stand, on CPUs, with OpenVINO: MCNN (Zhang et al., CVPR 2016), which tells no person
from another and so counts where they hide each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from patrol.adapters.model_manifests import DENSITY
from patrol.adapters.model_store import InstalledModel, Precision
from patrol.adapters.openvino_runtime import FIRST_USE, import_openvino, signal_stack_kept
from patrol.adapters.sources import fitted
from patrol.domain.density import DensityMap
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame

Picture = npt.NDArray[np.uint8]

STRIDE = 4  # pixels of the network's input to a cell of its output, each way
SHAPES_AT_ONCE = 2  # of pictures; a graph is compiled for each (0.1 s, and 120 MB at 1280x720); most cameras have one


class OpenVinoDensity:
    """A DensityEstimator on the CPU: one picture at a time, on one thread, which leaves the detector the others.

    Raises ModelError at construction where the graph cannot be read.
    """

    def __init__(self, model: InstalledModel, *, within: tuple[int, int] | None = None) -> None:
        """``within``: the box (width, height) that pictures are scaled down into; None for the model's own."""
        if model.manifest.task != DENSITY:
            raise ModelError(f"{model.manifest.name} estimates no density; it is for: {model.manifest.task}")
        self._within = within or model.manifest.input_size
        self.precision = Precision.F32  # a count is a sum over thousands of cells: what each loses would add up
        self._openvino = import_openvino()
        with signal_stack_kept():
            self._core = self._openvino.Core()
            try:
                self._graph = self._core.read_model(model.weights)
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1]
                raise ModelError(f"{model.weights} cannot be loaded: {reason}") from error
        self._compiled = lru_cache(SHAPES_AT_ONCE)(self._compile)
        with FIRST_USE:
            self._map_of(np.zeros((STRIDE * 8, STRIDE * 8, 3), np.uint8))
        self._door = ThreadPoolExecutor(1, thread_name_prefix="density")

    async def estimate(self, frames: Sequence[Frame]) -> Sequence[DensityMap]:
        """See DensityEstimator."""
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(self._door, self._map_of, frame.pixels) for frame in frames]

    def close(self) -> None:
        """Give the thread and the graphs back; waits for the picture under way."""
        self._door.shutdown(wait=True, cancel_futures=True)
        self._compiled.cache_clear()

    def _map_of(self, picture: Picture) -> DensityMap:
        grey = as_network_input(picture, self._within)
        request = self._compiled(grey.shape[1], grey.shape[0])
        request.infer([grey[np.newaxis, np.newaxis]])
        return DensityMap.of(request.get_output_tensor().data[0, 0].copy())

    def _compile(self, width: int, height: int) -> Any:
        """A request for pictures of this size. One thread, latency: nothing of it competes with the detector's own."""
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": 1,
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": self.precision.value,
        }
        with signal_stack_kept():
            graph = self._graph.clone()
            graph.reshape([1, 1, height, width])
            return self._core.compile_model(graph, "CPU", config).create_infer_request()


def as_network_input(picture: Picture, within: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(h, w, 3) uint8 BGR, of any size -> (height, width) float32 grey 0..255, scaled down into ``within``.

    Both sides are multiples of 4, so that every pixel belongs to a cell of the map.
    """
    size = fitted(picture.shape[1], picture.shape[0], within)
    width, height = (max(STRIDE, round(side / STRIDE) * STRIDE) for side in size)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if grey.shape != (height, width):
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return grey.astype(np.float32)
