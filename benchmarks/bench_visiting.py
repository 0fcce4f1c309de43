"""``make bench-visiting``: what a visit costs, cold by the light client, cold by FFmpeg (PyAV), and kept open.

Held against FFmpeg in the same run: a client of our own that costs more would be there for nothing. No session may be
left that the server did not confirm to have ended.

The server is GStreamer's (tests/acceptance/rtsp_server.py), a process of its own whose processor time does not count:
32 mounts of 640x360, 12 frames/s, a key frame every 2 s, about 512 kbit/s. Everything is on the loopback of one
machine, so latencies hold the server's share of the processor, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.figures import Relation, Report, Table, Target
from benchmarks.serving import missing_parts
from patrol.adapters.clock import SystemClock
from patrol.adapters.rtsp.source import RtspSource
from patrol.adapters.sources import ClosableSource
from patrol.adapters.stream import StreamSource
from patrol.domain.camera import Camera, CameraId, Place, RingName, Strategy, StreamAddress
from tests.acceptance.clips import write_clip

ROOT = Path(__file__).parent.parent
SERVER = ("/usr/bin/python3", str(ROOT / "tests" / "acceptance" / "rtsp_server.py"))
MOUNTS, FPS, CLIP_S = 32, 12, 16
SIZE = (640, 360)
BOX = (640, 384)
AT_ONCE = 16
DEADLINE_S = 8.0


@dataclass(frozen=True)
class Visits:
    """``processor_ms``: of this process, per visit. Latencies in seconds."""

    visits: int
    processor_ms: float
    visits_per_s: float
    latency_p50_s: float
    latency_p99_s: float


@dataclass(frozen=True)
class Warm:
    """``processor_ms_per_camera_s``: while nobody visits. ``visits``: of cameras that are kept open."""

    cameras: int
    processor_ms_per_camera_s: float
    cores_for_64: float
    visits: Visits


@dataclass(frozen=True)
class Findings:
    """All of one run. ``unconfirmed``: sessions of which the server did not say that they had ended."""

    kbit_per_s: float
    cold: Visits
    cold_by_ffmpeg: Visits
    warm: Warm
    unconfirmed: int


def pictures(count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """A street's worth of detail with things that move through it, and the noise of a cheap sensor at dusk."""
    noise = np.random.default_rng(0)
    width, height = SIZE
    scene = cv2.resize(
        noise.integers(40, 200, (height // 12, width // 12, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC
    )
    for index in range(count):
        picture = scene.copy()
        for walker in range(12):
            x, y = (walker * 97 + index * (3 + walker % 4)) % width, 60 + walker * 22
            cv2.rectangle(picture, (x, y), (x + 18, y + 44), (walker * 20, 255 - walker * 15, 90), -1)
        grain = noise.normal(0, 2.0, (height // 2, width // 2)).astype(np.float32)
        grey = cv2.resize(grain, SIZE, interpolation=cv2.INTER_LINEAR)[..., None]
        yield np.clip(picture + grey, 0, 255).astype(np.uint8)


@contextmanager
def served() -> Iterator[tuple[int, float]]:
    """GStreamer's server with its mounts; yields (port, kbit/s of a mount)."""
    with tempfile.TemporaryDirectory(prefix="bench-visiting-") as name:
        folder = Path(name)
        clip = write_clip(folder / "clip.h264", pictures(FPS * CLIP_S), fps=FPS)
        mounts = {f"/cam{number}": {"file": clip.name} for number in range(MOUNTS)}
        (folder / "mounts.json").write_text(json.dumps(mounts))
        command = [*SERVER, "--port", "0", str(folder / "mounts.json")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                ready = process.stdout.readline().split() if process.stdout else []
                if ready[:1] != ["READY"]:
                    raise ChildProcessError(
                        "GStreamer's RTSP server did not start; see tests/acceptance/rtsp_server.py"
                    )
                yield int(ready[1]), clip.stat().st_size * 8 / CLIP_S / 1e3
            finally:
                process.terminate()
                process.wait(10)


def cameras_at(port: int, strategy: Strategy) -> list[Camera]:
    """One for each mount."""
    return [
        Camera(
            id=CameraId(f"camera-{number}"),
            name="",
            name_en="",
            site="",
            ring=RingName.CORE,
            revisit_bound_s=5.0,
            place=Place(0.0, 0.0),
            heading_deg=0.0,
            view_deg=90.0,
            stream=StreamAddress(f"rtsp://127.0.0.1:{port}/cam{number}"),
            strategy=strategy,
        )
        for number in range(MOUNTS)
    ]


async def visited(source: ClosableSource, cameras: list[Camera], seconds: float) -> Visits:
    """Visit one camera after another, some at once, for so long."""
    latencies: list[float] = []
    ends_at = time.monotonic() + seconds

    async def visitor(first: int) -> None:
        number = first
        while time.monotonic() < ends_at:
            began = time.monotonic()
            await source.capture(cameras[number % len(cameras)], DEADLINE_S)
            latencies.append(time.monotonic() - began)
            number += AT_ONCE

    began, busy = time.monotonic(), time.process_time()
    await asyncio.gather(*(visitor(first) for first in range(AT_ONCE)))
    took_s, busy_s = time.monotonic() - began, time.process_time() - busy
    p50, p99 = np.percentile(latencies, [50, 99])
    count = len(latencies)
    return Visits(count, round(busy_s / count * 1e3, 3), round(count / took_s, 1), round(p50, 4), round(p99, 4))


async def cold(make: Callable[[], ClosableSource], port: int, seconds: float) -> Visits:
    """Visits by a source of their own, after a round that warms the machine up."""
    source, cameras = make(), cameras_at(port, Strategy.COLD)
    try:
        await visited(source, cameras, 1.0)
        return await visited(source, cameras, seconds)
    finally:
        await source.aclose()


async def warm(source: RtspSource, port: int, seconds: float) -> Warm:
    """All mounts kept open: what that costs by itself, then what one round of visits costs."""
    cameras = cameras_at(port, Strategy.WARM)
    try:
        for camera in cameras:
            await source.capture(camera, DEADLINE_S)
        began, busy = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        per_camera = (time.process_time() - busy) / (time.monotonic() - began) / len(cameras)
        latencies, busy = [], time.process_time()
        for camera in cameras:
            began = time.monotonic()
            await source.capture(camera, DEADLINE_S)
            latencies.append(time.monotonic() - began)
        busy_s, total_s = time.process_time() - busy, sum(latencies)
        p50, p99 = np.percentile(latencies, [50, 99])
        count = len(cameras)
        visits = Visits(count, round(busy_s / count * 1e3, 3), round(count / total_s, 1), round(p50, 4), round(p99, 4))
        return Warm(count, round(per_camera * 1e3, 3), round(64 * per_camera, 4), visits)
    finally:
        await source.aclose()


async def measured(port: int, kbit_per_s: float, seconds: float) -> Findings:
    """Each in turn, on the same server."""
    clock = SystemClock()
    unconfirmed: list[CameraId] = []

    def by_ffmpeg() -> StreamSource:
        return StreamSource(BOX, clock, AT_ONCE)

    def light() -> RtspSource:
        fallback = StreamSource(BOX, clock, 1)
        return RtspSource(
            BOX,
            clock,
            2,
            fallback,
            on_unconfirmed=lambda camera, _: unconfirmed.append(camera.id),
            warm_on_host=lambda _: MOUNTS,
        )

    return Findings(
        round(kbit_per_s, 1),
        await cold(light, port, seconds),
        await cold(by_ffmpeg, port, seconds),
        await warm(light(), port, seconds),
        len(unconfirmed),
    )


def report(found: Findings) -> Report:
    """All of it, for people and for programs."""
    rows = [("cold", found.cold), ("cold by FFmpeg", found.cold_by_ffmpeg), ("warm", found.warm.visits)]
    lines = [(name, *asdict(visits).values()) for name, visits in rows]
    ratio = found.cold.processor_ms / found.cold_by_ffmpeg.processor_ms
    besides = [
        ("a mount sends, kbit/s", found.kbit_per_s),
        ("a camera kept open, processor-ms a second", found.warm.processor_ms_per_camera_s),
        ("64 kept open, cores", found.warm.cores_for_64),
        ("sessions unconfirmed", found.unconfirmed),
    ]
    summary = (
        f"at {found.kbit_per_s:.0f} kbit/s a cold visit costs {found.cold.processor_ms:.2f} ms of processor, FFmpeg's"
        f" {1 / ratio:.1f} times that; a camera kept open costs {found.warm.processor_ms_per_camera_s:.2f} ms a second"
    )
    return Report(
        "visiting",
        asdict(found) | {"ratio_to_ffmpeg": ratio},
        [
            Table("visits", ("", "visits", "processor-ms", "visits/s", "p50, s", "p99, s"), lines),
            Table("besides", ("", ""), besides),
        ],
        [
            Target("processor-ms of a cold visit / FFmpeg's", ratio, 1.0),
            Target("sessions unconfirmed", found.unconfirmed, 0, Relation.EXACTLY),
        ],
        summary,
    )


def main() -> int:
    """Measure, tell, and say by the exit code whether the targets are kept."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=10.0, help="for each way")
    options = arguments.parse_args()
    if (missing := missing_parts()) is not None:
        print(f"bench-visiting: not measured: {missing}", file=sys.stderr)
        return 2
    with served() as (port, kbit_per_s):
        found = asyncio.run(measured(port, kbit_per_s, options.seconds))
    return report(found).tell()


if __name__ == "__main__":
    sys.exit(main())
