"""Finds objects on CPUs, with OpenVINO."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from patrol.adapters.model_store import InstalledModel, Precision
from patrol.adapters.openvino_runtime import import_openvino, signal_stack_kept
from patrol.adapters.yolo import PADDING, Placement, Reading, checked_input_size, letterbox, read_output
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame

BATCH_TIMEOUT_S = 120.0

_FIRST_USE = threading.Lock()


class OpenVinoDetector:
    """A Detector on the CPU: one frame per inference request, as many requests at once as the CPU has use for.

    A batch is its frames one by one by construction. ``precision``: what it runs in, never AUTO.
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
    ) -> None:
        """``input_size``: (width, height), multiples of 32, None for the model's own. ``threads``: how many the
        inference may use, None for all cores; the decoder of the streams needs its share."""
        self._input_size = checked_input_size(input_size or model.manifest.input_size)
        self._reading = reading
        openvino = import_openvino()
        with signal_stack_kept():
            core = openvino.Core()
            self.precision = chosen_precision(model, precision, bf16=_has_bf16(core))
            graph = _graph_for(model, self.precision)
            compiled = _compiled(openvino, core, graph, self._input_size, self.precision, threads)
            self.requests = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
            self._requests = [compiled.create_infer_request() for _ in range(self.requests)]
            self._warm_up()
        self._idle: asyncio.Queue[Any] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._door = ThreadPoolExecutor(self.requests, thread_name_prefix="openvino")

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it can find, by class id."""
        return self._reading.class_names

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One result per frame, in order, in pixels of that frame. Raises TimeoutError after two minutes."""
        self._work_in(asyncio.get_running_loop())
        async with asyncio.timeout(BATCH_TIMEOUT_S):
            return await asyncio.gather(*(self._detect_one(frame.pixels) for frame in frames))

    def close(self) -> None:
        """Give threads and memory back; waits for the inferences under way, drops those not begun."""
        self._door.shutdown(wait=True, cancel_futures=True)
        for request in self._requests:
            request.wait()
        self._requests.clear()

    def _work_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """The requests belong to one event loop at a time; a new one takes them all over."""
        if self._loop is loop:
            return
        self._loop = loop
        self._idle = asyncio.Queue()
        for request in self._requests:
            request.set_callback(_tell_loop, None)
            self._idle.put_nowait(request)

    def _warm_up(self) -> None:
        """Run every request once, here, before any thread does.

        OpenVINO's binding sets up its conversion of arrays on first use, in a way that locks up for good when two
        threads come first at once: one waits for the interpreter's lock inside C++'s guard of a static, the other for
        that guard with the interpreter's lock (seen in 3 of 16 fresh processes with a short switch interval).
        """
        grey = np.full((1, self._input_size[1], self._input_size[0], 3), PADDING, np.uint8)
        with _FIRST_USE:
            for request in self._requests:
                request.infer({0: grey})
                self._read(request, Placement(1.0, 0, 0), self._input_size)

    async def _detect_one(self, pixels: npt.NDArray[np.uint8]) -> Detections:
        request = await self._idle.get()
        work = asyncio.ensure_future(self._run(request, pixels))
        work.add_done_callback(lambda _: self._idle.put_nowait(request))
        # A request once started ends in its own time, also when nobody waits for it any more.
        return await asyncio.shield(work)

    async def _run(self, request: Any, pixels: npt.NDArray[np.uint8]) -> Detections:
        loop = asyncio.get_running_loop()
        fitted, placement = await loop.run_in_executor(self._door, letterbox, pixels, self._input_size)
        ended = loop.create_future()
        request.start_async({0: fitted[np.newaxis]}, (loop, ended))
        await ended
        request.wait()  # has ended: raises what went wrong
        size = (pixels.shape[1], pixels.shape[0])
        return await loop.run_in_executor(self._door, self._read, request, placement, size)

    def _read(self, request: Any, placement: Placement, size: tuple[int, int]) -> Detections:
        return read_output(request.get_output_tensor().data[0], placement, size, self._reading)


def _tell_loop(loop_and_future: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None) -> None:
    """Called by OpenVINO's own thread when a request has ended."""
    if loop_and_future is None:
        return
    loop, ended = loop_and_future
    with contextlib.suppress(RuntimeError):  # the loop is gone, and with it whoever waited
        loop.call_soon_threadsafe(lambda: None if ended.done() else ended.set_result(None))


def cpu_has_bf16() -> bool:
    """Whether this CPU computes in bf16 natively; elsewhere it would only be slower."""
    openvino = import_openvino()
    with signal_stack_kept():
        return _has_bf16(openvino.Core())


def _has_bf16(core: Any) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def available_precisions(model: InstalledModel, *, bf16: bool) -> tuple[Precision, ...]:
    """What the model can run in on a CPU that has, or has not, bf16; fastest last."""
    precisions = [Precision.F32] if model.openvino_f32 else []
    if model.openvino_f32 and bf16:
        precisions.append(Precision.BF16)
    if model.openvino_int8:
        precisions.append(Precision.INT8)
    return tuple(precisions)


def chosen_precision(model: InstalledModel, asked: Precision, *, bf16: bool) -> Precision:
    """``asked``, or for AUTO the fastest there is. Raises ModelError where it cannot be had."""
    there = available_precisions(model, bf16=bf16)
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


def _graph_for(model: InstalledModel, precision: Precision) -> Path:
    graph = model.openvino_int8 if precision is Precision.INT8 else model.openvino_f32
    assert graph is not None  # chosen_precision saw to it
    return graph


def _compiled(
    openvino: Any, core: Any, graph: Path, input_size: tuple[int, int], precision: Precision, threads: int | None
) -> Any:
    """The graph compiled for frames as they are: (1, height, width, 3) uint8 BGR in, the conversion inside.

    No compiled-model cache: compiling takes 0.25 s, from a cache 0.13 s for 13 MB a size and precision.
    """
    config: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if precision is not Precision.INT8:
        config["INFERENCE_PRECISION_HINT"] = precision.value
    if threads is not None:
        config["INFERENCE_NUM_THREADS"] = threads
    try:
        model = core.read_model(graph)
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
