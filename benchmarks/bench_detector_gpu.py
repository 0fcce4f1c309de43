"""How fast the GPU detects, half precision with torch and with TensorRT: ``python -m benchmarks.bench_detector_gpu``.

OpenVINO on the same machine's CPU in the same run, to compare with. Where there is no CUDA device nothing is measured:
the last line says so, and the exit code is 2, as where any benchmark lacks a part. There is no target to hold it
against.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

from benchmarks.bench_detector import Cost, Whole, cost_of, street_frame
from benchmarks.figures import Report, Table
from patrol.adapters.detectors import AnyDetector, has_cuda
from patrol.adapters.model_store import InstalledModel, ensure_model
from patrol.adapters.openvino_detector import OpenVinoDetector
from patrol.adapters.ultralytics_detector import UltralyticsDetector
from patrol.adapters.yolo import Reading
from patrol.domain.errors import ModelError

BATCHES = (1, 8, 16, 32)
SIZE, FRAME_SIZE = (640, 384), (640, 360)
WARM_UP_FRAMES = 64


@dataclass(frozen=True, slots=True)
class Line:
    """One row. ``runs_in``: what computed, in words."""

    runs_in: str
    batch: int
    cost: Cost


def lines_of(detector: AnyDetector, runs_in: str, frames: int) -> Iterator[Line]:
    """One detector at every batch, each warmed up first."""
    for batch in BATCHES:
        whole = Whole(detector, street_frame(FRAME_SIZE), batch)
        whole.run(WARM_UP_FRAMES)
        yield Line(runs_in, batch, cost_of(whole.run, frames))


def measured(model: InstalledModel, frames: int) -> Iterator[Line]:
    """The CPU, the GPU, and the GPU with TensorRT if it can be had."""
    reading = Reading(model.manifest.classes)
    with closing(OpenVinoDetector(model, reading, input_size=SIZE)) as on_cpu:
        yield from lines_of(on_cpu, f"CPU, OpenVINO, {on_cpu.precision.value}", frames)
    with closing(UltralyticsDetector(model, reading, input_size=SIZE, tensorrt=False)) as on_gpu:
        yield from lines_of(on_gpu, f"GPU, torch, {on_gpu.runs_in}", frames)
    with closing(UltralyticsDetector(model, reading, input_size=SIZE)) as on_engine:
        if on_engine.runs_in == "TensorRT":
            yield from lines_of(on_engine, "GPU, TensorRT", frames)
        else:
            print("skipped: TensorRT (the line above says why)")


def report_of(lines: Sequence[Line]) -> Report:
    """The table; there is nothing to hold it against."""
    rows = [(line.runs_in, line.batch, line.cost.frames_per_s, line.cost.processor_ms) for line in lines]
    table = Table("on the GPU and beside it", ("runs in", "batch", "frames/s", "processor-ms a frame"), rows)
    fastest = max(lines, key=lambda line: line.cost.frames_per_s)
    summary = f"{fastest.runs_in}, batch {fastest.batch}: {fastest.cost.frames_per_s:.0f} frames/s"
    return Report("detector-gpu", {"lines": [asdict(line) for line in lines]}, [table], [], summary)


def main() -> int:
    """0: measured; 2: could not be measured, also where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=640, help="in each line")
    options = parser.parse_args()
    if not has_cuda():
        print("bench-detector-gpu: not measured: no GPU")
        return 2
    try:
        lines = list(measured(ensure_model(), options.frames))
    except ModelError as error:
        print(f"bench-detector-gpu: not measured: {error}")
        return 2
    return report_of(lines).tell()


if __name__ == "__main__":
    sys.exit(main())
