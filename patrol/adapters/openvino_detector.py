"""Finds objects on CPUs, with OpenVINO."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import Enum
from itertools import chain, cycle
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from patrol.adapters.fire_head import FireHead, read_map, with_head
from patrol.adapters.model_store import InstalledModel, Precision
from patrol.adapters.openvino_runtime import FIRST_USE, import_openvino, signal_stack_kept
from patrol.adapters.processor import has_flag
from patrol.adapters.yolo import PADDING, Canvas, Placement, Reading, checked_input_size, read_output
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame

Picture = npt.NDArray[np.uint8]

BATCH_TIMEOUT_S = 120.0
LANES = 2  # batches under way at once: while one's results are handed on, the other keeps the cores busy


class OpenVinoDetector:
    """A Detector on the CPU: one frame per inference request, as many requests at once as the CPU has use for.

    A batch is its frames one by one by construction. ``precision``: what it runs in, never AUTO. ``requests``: how
    many inferences run at once. Two batches may be under way at the same time; more wait for their turn.
    Raises ModelError at construction where the graph cannot be had in the precision asked for.
    """

    def __init__(
        self,
        model: InstalledModel,
        reading: Reading,
        *,
        input_size: tuple[int, int] | None = None,
        precision: Precision = Precision.AUTO,
        threads: int | None = None,
        lanes: int = LANES,
        head: FireHead | None = None,
    ) -> None:
        """``input_size``: (width, height), multiples of 32, None for the model's own. ``threads``: how many the
        inference may use, None for all cores; the decoder of the streams needs its share. ``lanes``: batches under way
        at once. ``head``: what also tells fire and smoke, of these very weights; None for boxes alone."""
        self._input_size = checked_input_size(input_size or model.manifest.input_size)
        self._reading = reading
        self._has_head = head is not None
        openvino = import_openvino()
        with signal_stack_kept():
            core = openvino.Core()
            self.precision = chosen_precision(model, precision, _bf16_of(core))
            graph = graph_for(model, self.precision)
            compiled = compiled_graph(openvino, core, graph, self._input_size, self.precision, threads, head)
            self.requests = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
            # Both lanes together have twice what runs at once, so that none waits while another's boxes are read; more
            # only cost memory and cache (measured: 2% of a frame's processor time).
            self._lanes = [
                [_Slot(openvino, compiled, self._input_size) for _ in range(self.requests)] for _ in range(lanes)
            ]
            self._warm_up()
        self._idle: SimpleQueue[list[_Slot]] = SimpleQueue()
        for lane in self._lanes:
            self._idle.put(lane)
        self._door = ThreadPoolExecutor(lanes, thread_name_prefix="openvino")

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it can find, by class id."""
        return self._reading.class_names

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One result per frame, in order, in pixels of that frame. Raises TimeoutError after two minutes."""
        left = threading.Event()
        pictures = [frame.pixels for frame in frames]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_S):
                return await loop.run_in_executor(self._door, self._detect_batch, pictures, left)
        finally:
            left.set()

    def close(self) -> None:
        """Give threads and memory back; waits for the inferences under way, drops the batches not begun."""
        self._door.shutdown(wait=True, cancel_futures=True)
        self._lanes.clear()
        while not self._idle.empty():
            self._idle.get_nowait()

    def _warm_up(self) -> None:
        """Run every request once, here, before any thread does; see FIRST_USE."""
        grey = np.full((self._input_size[1], self._input_size[0], 3), PADDING, np.uint8)
        with FIRST_USE:
            for slot in chain.from_iterable(self._lanes):
                slot.begin(grey)
                self._read(slot)

    def _detect_batch(self, pictures: Sequence[Picture], left: threading.Event) -> list[Detections]:
        """All of a batch in one visit to one thread: a hop a frame, there and back, cost a twentieth of it."""
        lane = self._idle.get_nowait()  # as many lanes as threads: there is one
        try:
            return list(self._pumped(lane, pictures, left))
        finally:
            _settle(lane)
            self._idle.put(lane)

    def _pumped(
        self, lane: Sequence[_Slot], pictures: Sequence[Picture], left: threading.Event
    ) -> Iterator[Detections]:
        """The results in order, with every request of the lane kept busy; ends early once the caller has ``left``."""
        begun: deque[_Slot] = deque()
        for slot, picture in zip(cycle(lane), pictures, strict=False):
            if len(begun) == len(lane):
                yield self._read(begun.popleft())
            if left.is_set():
                return
            slot.begin(picture)
            begun.append(slot)
        while begun:
            yield self._read(begun.popleft())

    def _read(self, slot: _Slot) -> Detections:
        found = read_output(slot.output(), slot.placement, slot.frame_size, self._reading)
        if not self._has_head:
            return found
        return replace(found, burning=read_map(slot.output(1), slot.placement, slot.frame_size, self._input_size))


class _Slot:
    """One inference request with its input, which is filled in place."""

    def __init__(self, openvino: Any, compiled: Any, input_size: tuple[int, int]) -> None:
        self._canvas = Canvas(input_size)
        self._request = compiled.create_infer_request()
        self._request.set_input_tensor(openvino.Tensor(self._canvas.pixels[np.newaxis], shared_memory=True))
        self.placement = Placement(1.0, 0, 0)
        self.frame_size = input_size

    def begin(self, picture: Picture) -> None:
        """Start the inference; the picture is copied."""
        self.frame_size = (picture.shape[1], picture.shape[0])
        self.placement = self._canvas.show(picture)
        self._request.start_async()

    def output(self, number: int = 0) -> npt.NDArray[np.float32]:
        """Wait for the inference; (4 + classes, candidates), or what a head says, overwritten by the next. Raises what
        went wrong."""
        self.wait()
        return np.asarray(self._request.get_output_tensor(number).data[0])

    def wait(self) -> None:
        """Wait for the inference, if one is under way. Raises TimeoutError, RuntimeError."""
        if not self._request.wait_for(int(1000 * BATCH_TIMEOUT_S)):
            raise TimeoutError("an inference did not end")


def _settle(lane: Sequence[_Slot]) -> None:
    """Nothing of a batch is under way any more, whatever became of it."""
    for slot in lane:
        with contextlib.suppress(RuntimeError, TimeoutError):  # its batch has failed, and said so
            slot.wait()


class Bf16(Enum):
    """How a CPU computes in bf16."""

    NOT = "not natively"  # it would only be slower
    VECTORS = "AVX-512"
    TILES = "AMX"  # quicker than int8 here, whose graph spends what it gains on conversions: docs/adr/012


def cpu_bf16() -> Bf16:
    """How this CPU does."""
    openvino = import_openvino()
    with signal_stack_kept():
        return _bf16_of(openvino.Core())


def _bf16_of(core: Any) -> Bf16:
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return Bf16.NOT
    return Bf16.TILES if has_flag("amx_bf16") else Bf16.VECTORS


def available_precisions(model: InstalledModel, bf16: Bf16) -> tuple[Precision, ...]:
    """What the model can run in on a CPU that computes so in bf16; fastest last."""
    graphs = {
        Precision.F32: model.openvino_f32,
        Precision.BF16: model.openvino_f32,
        Precision.INT8: model.openvino_int8,
    }
    return tuple(precision for precision in FASTEST_LAST[bf16] if graphs[precision])


FASTEST_LAST = {
    Bf16.NOT: (Precision.F32, Precision.INT8),
    Bf16.VECTORS: (Precision.F32, Precision.BF16, Precision.INT8),
    Bf16.TILES: (Precision.F32, Precision.INT8, Precision.BF16),
}


def chosen_precision(model: InstalledModel, asked: Precision, bf16: Bf16) -> Precision:
    """``asked``, or for AUTO the fastest there is. Raises ModelError where it cannot be had."""
    there = available_precisions(model, bf16)
    name = model.manifest.name
    if asked is Precision.AUTO and there:
        return there[-1]
    if asked in there:
        return asked
    if asked is Precision.INT8:
        raise ModelError(f"{name} is not quantised here; do it with: patrol model quantize {name} --from PICTURES")
    if model.openvino_f32 is None:
        raise ModelError(f"{name} is not exported for CPUs; do it with: patrol model get {name}")
    raise ModelError(f"this CPU does not compute in {asked.value}; use precision auto or f32")


def graph_for(model: InstalledModel, precision: Precision) -> Path:
    graph = _graph_of(model, precision)
    assert graph is not None  # chosen_precision saw to it
    return graph


def _graph_of(model: InstalledModel, precision: Precision) -> Path | None:
    return model.openvino_int8 if precision is Precision.INT8 else model.openvino_f32


def compiled_graph(
    openvino: Any,
    core: Any,
    graph: Path,
    input_size: tuple[int, int],
    precision: Precision,
    threads: int | None,
    head: FireHead | None = None,
) -> Any:
    """The graph compiled for frames as they are: (1, height, width, 3) uint8 BGR in, the conversion inside; with a
    head, what it says is the second output.

    Throughput: one stream a core and no barrier between cores; in latency mode two threads to a picture cost a third
    more processor time. Not pinned: no stream waits for one core while another is free. Figures: docs/adr/012.
    No compiled-model cache: compiling takes 0.25 s, from a cache 0.13 s for 13 MB a size and precision.
    """
    config: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}
    if precision is not Precision.INT8:
        config["INFERENCE_PRECISION_HINT"] = precision.value
    if threads is not None:
        config["INFERENCE_NUM_THREADS"] = threads
    try:
        model = core.read_model(graph)
        if head is not None:
            model = with_head(openvino, model, head)
        model.reshape([1, 3, input_size[1], input_size[0]])
        return core.compile_model(_with_bgr_input(openvino, model), "CPU", config)
    except RuntimeError as error:
        raise ModelError(f"{graph} cannot be loaded: {str(error).strip().splitlines()[-1]}") from error


def _with_bgr_input(openvino: Any, model: Any) -> Any:
    preprocess = openvino.preprocess
    steps = preprocess.PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(openvino.Type.u8)
    tensor.set_layout(openvino.Layout("NHWC"))
    tensor.set_color_format(preprocess.ColorFormat.BGR)
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    conversion = steps.input().preprocess()
    conversion.convert_element_type(openvino.Type.f32)
    conversion.convert_color(preprocess.ColorFormat.RGB)
    conversion.scale(255.0)
    return steps.build()
