"""How fast a model detects on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from patrol.adapters.model_store import InstalledModel, Precision
from patrol.adapters.openvino_density import OpenVinoDensity
from patrol.adapters.openvino_detector import OpenVinoDetector, available_precisions, cpu_bf16
from patrol.adapters.yolo import Reading
from patrol.domain.camera import CameraId
from patrol.domain.frame import Frame

INPUT_SIZES = ((512, 288), (640, 384))
DENSITY_SIZES = ((320, 192), (640, 384), (1280, 768))


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line. ``input_size``: (width, height). ``threads``: None for all cores. ``frames``: how many it took.

    ``processor_ms``: processor time of this process for a frame, on all cores together; unlike ``frames_per_s`` it
    means the same when others want the cores too.
    """

    input_size: tuple[int, int]
    precision: Precision
    threads: int | None
    frames: int
    frames_per_s: float
    processor_ms: float


def measure_all(
    model: InstalledModel, seconds: float, progress: Callable[[str], None] = lambda line: None
) -> list[Measurement]:
    """Every input size, precision and way to run, each for ``seconds``."""
    return [
        measure(model, size, precision, threads, seconds, progress)
        for size in INPUT_SIZES
        for precision in available_precisions(model, cpu_bf16())
        for threads in (None, 1)
    ]


def measure(
    model: InstalledModel,
    input_size: tuple[int, int],
    precision: Precision,
    threads: int | None,
    seconds: float,
    progress: Callable[[str], None] = lambda line: None,
) -> Measurement:
    """From a picture that fits the network's input to its boxes: all that a frame of the tour costs after decoding."""
    progress(f"measuring {input_size[0]}x{input_size[1]} {precision.value}, {threads or 'all'} threads")
    reading = Reading(model.manifest.classes)
    detector = OpenVinoDetector(model, reading, input_size=input_size, precision=precision, threads=threads)
    with closing(detector):
        frames, took_s, processor_s = asyncio.run(_run_for(detector, _noise(input_size), seconds))
    return Measurement(input_size, precision, threads, frames, frames / took_s, 1000 * processor_s / frames)


def measure_density(
    model: InstalledModel, seconds: float, progress: Callable[[str], None] = lambda line: None
) -> list[Measurement]:
    """Each input size for ``seconds``: from a picture that fits it to the map of where people are. On one thread."""
    return [_measured_density(model, size, seconds, progress) for size in DENSITY_SIZES]


def _measured_density(
    model: InstalledModel, size: tuple[int, int], seconds: float, progress: Callable[[str], None]
) -> Measurement:
    progress(f"measuring {size[0]}x{size[1]}, 1 thread")
    frame = _noise(size)
    with closing(OpenVinoDensity(model, within=size)) as estimator:
        asyncio.run(estimator.estimate([frame]))  # the first run compiles
        began, processor_began, frames = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < seconds:
            frames += len(asyncio.run(estimator.estimate([frame])))
        took_s, processor_s = time.perf_counter() - began, time.process_time() - processor_began
    return Measurement(size, estimator.precision, 1, frames, frames / took_s, 1000 * processor_s / frames)


async def _run_for(detector: OpenVinoDetector, frame: Frame, seconds: float) -> tuple[int, float, float]:
    batch = [frame] * (4 * detector.requests)
    await detector.detect(batch)  # the first run pays for memory
    began, processor_began, frames = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        frames += len(await detector.detect(batch))
    return frames, time.perf_counter() - began, time.process_time() - processor_began


def _noise(size: tuple[int, int]) -> Frame:
    """The network does the same arithmetic whatever the picture shows."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Frame(CameraId("bench"), datetime.now(UTC), pixels)
