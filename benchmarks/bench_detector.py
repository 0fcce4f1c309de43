"""What the detector costs beyond the bare inference: ``python -m benchmarks.bench_detector``.

The floor is the same graph with the same settings, inferring over and over what already lies in its input; the detector
gets frames and gives boxes: fitting, copying, reading, threads and event loop. Both take turns of 64 frames, so
that what others do on the machine falls on both; the figure is the median of the turns' ratios of processor time a
frame. Once alone, and once beside a process that takes half a core.
Ends with 1 if the ratio is above 1.05.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks.figures import Report, Table, Target
from benchmarks.patrol_under_test import BENCHMARK_MODELS
from benchmarks.quantizing import is_there
from patrol.adapters.model_store import InstalledModel, Precision, installed_model
from patrol.adapters.openvino_detector import (
    LANES,
    OpenVinoDetector,
    available_precisions,
    chosen_precision,
    compiled_graph,
    cpu_bf16,
    graph_for,
)
from patrol.adapters.openvino_runtime import import_openvino
from patrol.adapters.yolo import reading_of
from patrol.config.settings import DetectorSettings
from patrol.domain.camera import CameraId
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame

MOST_RATIO = 1.05
# What a 640x360 picture comes as: into the first with grey above and below, into the second as it is.
SIZES = {(640, 384): (640, 360), (512, 288): (512, 288)}
HALF_A_CORE = """
import time
while True:
    until = time.perf_counter() + 0.01
    while time.perf_counter() < until:
        pass
    time.sleep(0.01)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """``processor_ms``: processor time of a frame, all threads together."""

    frames_per_s: float
    processor_ms: float


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: medians over the turns. ``beside``: what else ran."""

    input_size: tuple[int, int]
    precision: Precision
    beside: str
    floor: Cost
    detector: Cost
    ratio: float


class Floor:
    """The bare graph: nothing but inferences, as many at once as the detector has."""

    def __init__(self, model: InstalledModel, size: tuple[int, int], precision: Precision) -> None:
        openvino = import_openvino()
        compiled = compiled_graph(openvino, openvino.Core(), graph_for(model, precision), size, precision, None)
        at_once = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1
        self._requests = [compiled.create_infer_request() for _ in range(at_once)]
        noise = np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), np.uint8)
        for request in self._requests:
            request.infer({0: noise})

    def run(self, frames: int) -> int:
        """At least ``frames`` inferences; how many it came to."""
        for request in self._requests:
            request.start_async()
        for request in islice(cycle(self._requests), frames):
            request.wait()
            request.start_async()
        for request in self._requests:
            request.wait()
        return frames + len(self._requests)


class Whole:
    """The detector as the tour uses it: batches of eight, two under way."""

    def __init__(self, detector: Any, frame: Frame, batch: int) -> None:
        self._detector = detector
        self._frames = [frame] * batch

    def run(self, frames: int) -> int:
        """At least ``frames``; how many it came to."""
        return asyncio.run(self._run(math.ceil(frames / LANES / len(self._frames))))

    async def _run(self, batches: int) -> int:
        return sum(await asyncio.gather(*(self._lane(batches) for _ in range(LANES))))

    async def _lane(self, batches: int) -> int:
        count = 0
        for _ in range(batches):
            count += len(await self._detector.detect(self._frames))
        return count


def cost_of(run: Callable[[int], int], frames: int) -> Cost:
    """Run it, and say what a frame took."""
    began, processor_began = time.perf_counter(), time.process_time()
    count = run(frames)
    took_s, processor_s = time.perf_counter() - began, time.process_time() - processor_began
    return Cost(count / took_s, 1000 * processor_s / count)


def compared(floor: Floor, whole: Whole, turns: int, frames: int) -> tuple[Cost, Cost, float]:
    """(the floor, the detector, the median ratio of their processor times), taking turns."""
    costs = [(cost_of(floor.run, frames), cost_of(whole.run, frames)) for _ in range(turns)]
    ratio = median(detector.processor_ms / bare.processor_ms for bare, detector in costs)
    bare, detector = (_median_cost([pair[index] for pair in costs]) for index in (0, 1))
    return bare, detector, ratio


def _median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(median(cost.frames_per_s for cost in costs), median(cost.processor_ms for cost in costs))


def street_frame(size: tuple[int, int]) -> Frame:
    """The street with a bus and four people that comes with Ultralytics: there is something to read."""
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    picture = cv2.imread(str(Path(spec.origin).parent / "assets" / "bus.jpg"))
    assert picture is not None
    return Frame(CameraId("bench"), datetime.now(UTC), np.asarray(cv2.resize(picture, size), np.uint8))


@contextmanager
def half_a_core_taken() -> Iterator[None]:
    """Somebody else wants half a core."""
    with subprocess.Popen([sys.executable, "-c", HALF_A_CORE]) as other:
        try:
            yield
        finally:
            other.kill()


def measured(
    model: InstalledModel, precisions: Sequence[Precision], turns: int, frames: int, batch: int
) -> Iterator[Line]:
    """Every size and precision, alone and beside somebody."""
    reading = reading_of(model.manifest.classes, DetectorSettings().min_confidence, 0.7, frozenset({"person"}))
    for size, frame_size in SIZES.items():
        for precision in precisions:
            floor = Floor(model, size, precision)
            with closing(OpenVinoDetector(model, reading, input_size=size, precision=precision)) as detector:
                whole = Whole(detector, street_frame(frame_size), batch)
                yield Line(size, precision, "nobody", *compared(floor, whole, turns, frames))
                with half_a_core_taken():
                    yield Line(size, precision, "half a core", *compared(floor, whole, turns, frames))


def benchmark_model() -> InstalledModel:
    """The model with the benchmarks' own int8 graph where it was made, else as it is installed. Raises ModelError."""
    return installed_model(models_dir=BENCHMARK_MODELS if is_there() else None)


def chosen(model: InstalledModel, asked: Precision) -> Sequence[Precision]:
    """The one asked for, or all there are. Raises ModelError."""
    bf16 = cpu_bf16()
    if asked is Precision.AUTO:
        return available_precisions(model, bf16)
    return [chosen_precision(model, asked, bf16)]


def report_of(lines: Sequence[Line]) -> Report:
    """The comparison, and what it is held against."""
    headings = ("input", "precision", "beside", "floor /s", "floor ms", "detector /s", "detector ms", "ratio")
    rows = [
        (
            "x".join(map(str, line.input_size)),
            line.precision.value,
            line.beside,
            line.floor.frames_per_s,
            line.floor.processor_ms,
            line.detector.frames_per_s,
            line.detector.processor_ms,
            round(line.ratio, 3),
        )
        for line in lines
    ]
    worst = max(line.ratio for line in lines)
    target = Target("processor time of a frame over the bare inference's, at most", worst, MOST_RATIO)
    table = Table("frames a second, and milliseconds of processor time a frame", headings, rows)
    return Report(
        "detector", {"lines": [asdict(line) for line in lines]}, [table], [target], f"{worst:.3f} x the bare inference"
    )


def main() -> int:
    """0: the detector is near enough to its floor; 1: it is not; 2: not measured, and why."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7, help="of floor and detector, each line")
    parser.add_argument("--frames", type=int, default=64, help="in a turn")
    parser.add_argument("--precision", type=Precision, default=Precision.AUTO, help="only this one; auto: all")
    parser.add_argument("--batch", type=int, default=DetectorSettings().batch, help="frames in a call")
    options = parser.parse_args()
    try:
        model = benchmark_model()
        precisions = chosen(model, options.precision)
        lines = list(measured(model, precisions, options.turns, options.frames, options.batch))
    except ModelError as error:
        print(f"not measured: {error}")
        return 2
    if Precision.INT8 not in precisions:
        print("skipped: int8 (make it with: python -m benchmarks.quantizing)")
    return report_of(lines).tell()


if __name__ == "__main__":
    sys.exit(main())
