"""``make bench-peers``: the same cameras and the same machine, seen in the ways others see them.

Each way gets what serves it: RTP over TCP, a detector that looks at what Patrol's looks at (640x384, or what
PATROL_BENCHMARK_INPUT says), all cores, and its own defaults for the rest. None but Patrol can hold all 476 cameras at
once, so their seconds for one round are worked out, in two ways. In groups: as many at once as it was measured with,
opened, seen once and closed, one group after the other; that is what could really be done. By rate: as if all 476 were
open already, at the results a second it had with the number measured; more than it can do, and the best that can be
said for it. Both ratios to Patrol's round are told.

(a)  ``cv2.VideoCapture`` and ``YOLO.predict``, one camera after the other: what tutorials show. FFmpeg inside OpenCV
     takes 5 s to study a stream unless told otherwise; (a') is the same with the options told (probesize 32,
     analyzeduration 0), which no tutorial does.
(b)  Ultralytics' own multi-stream source, a ``.streams`` file, at 8, 16 and 32 streams. It opens one after the other,
     decodes all pictures of all streams, and predicts on the newest of each in turn; torch on all cores.
(c)  One ffmpeg process a camera, kept running, one picture a second of 640x360 through a pipe; the same detector as
     Patrol's looks at the newest picture of each camera in turn. Held is a number at which every camera brings a new
     picture through the detector at least every 2 s (twice the time between two of its pictures).
(d)  Patrol, its plain round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bench_tour import plain_rounds
from benchmarks.clips import HEIGHT, WIDTH, have_clips
from benchmarks.figures import Relation, Report, Table, Target, median, nearest_rank
from benchmarks.patrol_under_test import addresses_on, input_px, models_folder, with_size
from benchmarks.serving import RING_SIZES, missing_parts, mounts_of, rtsp_server, spots

ROOT = Path(__file__).parents[1]
ALL_CAMERAS = sum(RING_SIZES.values())
FFMPEG = "/usr/bin/ffmpeg"
STREAMS_AT_ONCE = (8, 16, 32)
PROCESSES_AT_ONCE = (8, 16, 32, 64, 128)
LEAST_RATIO = 100.0
FIRST_PICTURES_WITHIN_S = 30.0
HELD_IF_SEEN_EVERY_S = 2.0
TUNED = "probesize;32|analyzeduration;0"

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Held:
    """How one way did at one number of cameras.

    ``start_s``: until every one of them had been seen once, None if that never came. ``results_per_s``: from then on.
    ``holds``: whether it kept up with the cameras it was given. ``failed``: reads that brought no picture, where the
    way shows them at all; their time counts.
    """

    cameras: int
    start_s: float | None
    results_per_s: float
    holds: bool
    note: str = ""
    failed: int = 0

    @property
    def round_s(self) -> float | None:
        """A round over all cameras, in groups of as many as here."""
        return None if self.start_s is None else math.ceil(ALL_CAMERAS / self.cameras) * self.start_s

    @property
    def rate_round_s(self) -> float | None:
        """A round if all cameras were open already, at the rate it had here."""
        return ALL_CAMERAS / self.results_per_s if self.results_per_s else None


# --- (a) ----------------------------------------------------------------------------------------------------------


def one_after_the_other(addresses: Sequence[str], seconds: float, ffmpeg_options: str) -> Held:
    """As in the tutorials; each visit opens, reads one picture, closes, predicts. In a process of its own."""
    order = ["turn", str(seconds), ffmpeg_options, *addresses]
    return in_turn(*(float(word) for word in _asked(order, seconds + 90).split()[-3:]))


def in_turn(seen: float, failed: float, spent_s: float) -> Held:
    """What ``seen`` visits in a row make, with ``failed`` more that brought nothing in between."""
    if not seen:
        return Held(1, None, 0.0, holds=False, note="no picture in time", failed=int(failed))
    return Held(1, spent_s / seen, seen / spent_s, True, f"{seen:.0f} visits made", int(failed))


def _turn(seconds: float, ffmpeg_options: str, addresses: Sequence[str]) -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(filter(None, ("rtsp_transport;tcp", ffmpeg_options)))
    import cv2

    model = _yolo()
    began, seen, failed = time.monotonic(), 0, 0
    for address in addresses:
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG)
        there, picture = capture.read()
        capture.release()
        if there:
            model.predict(picture, imgsz=input_px()[::-1], classes=[0], verbose=False)
            seen += 1
        else:
            failed += 1
        if time.monotonic() - began > seconds:
            break
    print(seen, failed, time.monotonic() - began, flush=True)


def _yolo() -> Any:
    """Ultralytics' model on torch, on the CPU, warm."""
    from patrol.adapters.model_store import ensure_model, quiet_ultralytics

    installed = ensure_model("yolov8n", models_folder())
    os.environ.update(quiet_ultralytics(installed.folder))
    from ultralytics import YOLO

    _have_torchvision()
    model = YOLO(str(installed.weights), task="detect")
    model.predict(np.zeros((HEIGHT, WIDTH, 3), np.uint8), imgsz=input_px()[::-1], classes=[0], verbose=False)
    return model


def _have_torchvision() -> None:
    """Ultralytics wants torchvision for its last step alone; where that fits another torch, its own step does."""
    try:
        import torchvision  # type: ignore[import-untyped]  # noqa: F401
    except (ImportError, RuntimeError):
        from ultralytics.utils.nms import TorchNMS

        stand_in = types.ModuleType("torchvision")
        stand_in.ops = types.SimpleNamespace(nms=TorchNMS.nms)  # type: ignore[attr-defined]
        sys.modules["torchvision"] = stand_in


# --- (b) ----------------------------------------------------------------------------------------------------------


def multi_stream(addresses: Sequence[str], start_within_s: float, seconds: float) -> Held:
    """Ultralytics' own source over a ``.streams`` file, in a process of its own."""
    count = len(addresses)
    try:
        said = _asked(["streams", str(seconds), *addresses], seconds + start_within_s + 30, start_within_s)
    except subprocess.TimeoutExpired:
        return Held(count, None, 0.0, holds=False, note=f"not up within {start_within_s:.0f} s")
    start_s, results, spent_s = (float(word) for word in said.split()[-3:])
    return Held(count, start_s, results / spent_s, holds=results >= count)


def _streams(seconds: float, addresses: Sequence[str]) -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
    model = _yolo()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "cameras.streams"
        sources.write_text("\n".join(addresses) + "\n")
        results = iter(model.predict(str(sources), stream=True, imgsz=input_px()[::-1], classes=[0], verbose=False))
        for _ in addresses:
            next(results)
        start_s, measured_from, count = time.monotonic() - began, time.monotonic(), 0
        print("up", flush=True)
        while time.monotonic() - measured_from < seconds:
            next(results)
            count += 1
        print(start_s, count, time.monotonic() - measured_from, flush=True)
    os._exit(0)  # its reading threads never end


def _asked(order: Sequence[str], within_s: float, up_within_s: float | None = None) -> str:
    """What this module says as a process of its own. Raises TimeoutExpired, also where "up" does not come in time."""
    command = [sys.executable, "-m", "benchmarks.bench_peers", "--child", *order]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        late = threading.Timer(up_within_s or within_s, process.kill)
        late.start()
        said = process.stdout.readline()
        if up_within_s is not None and said.strip() == "up":
            late.cancel()
            late = threading.Timer(within_s, process.kill)
            late.start()
            said = process.stdout.readline()
        late.cancel()
        process.wait(10)
    if not said:
        raise subprocess.TimeoutExpired(command[:4], within_s)
    return said


# --- (c) ----------------------------------------------------------------------------------------------------------


class Pipes:
    """One ffmpeg a camera, with the newest picture of each."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._newest: list[Pixels | None] = [None] * len(addresses)
        self._processes = [_ffmpeg(address) for address in addresses]
        self._readers = [
            threading.Thread(target=self._read, args=(number, process), name="pipe")
            for number, process in enumerate(self._processes)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, number: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        size = WIDTH * HEIGHT * 3
        while len(raw := process.stdout.read(size)) == size:
            self._newest[number] = np.frombuffer(raw, np.uint8).reshape(HEIGHT, WIDTH, 3)

    def take(self, number: int) -> Pixels | None:
        """A camera's newest picture, if there is one that was not taken yet."""
        picture, self._newest[number] = self._newest[number], None
        return picture

    def close(self) -> None:
        """End all of them."""
        for process in self._processes:
            process.kill()
        for process, reader in zip(self._processes, self._readers, strict=True):
            process.wait(10)
            reader.join(10)


def _ffmpeg(address: str) -> subprocess.Popen[bytes]:
    command = [FFMPEG, "-nostdin", "-loglevel", "quiet", "-rtsp_transport", "tcp", "-threads", "1", "-i", address]
    command += ["-vf", f"fps=1,scale={WIDTH}:{HEIGHT}", "-pix_fmt", "bgr24", "-f", "rawvideo", "pipe:1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=WIDTH * HEIGHT * 3)


def a_process_each(addresses: Sequence[str], seconds: float, detector: Any) -> Held:
    """ffmpeg for every camera, and Patrol's detector over their newest pictures."""
    with contextlib.closing(Pipes(addresses)) as pipes:
        return asyncio.run(_looked_at(pipes, len(addresses), seconds, detector))


async def _looked_at(pipes: Pipes, count: int, seconds: float, detector: Any) -> Held:
    began = time.monotonic()
    missing = set(range(count))
    async for number in _seen(pipes, count, detector, began + FIRST_PICTURES_WITHIN_S):
        missing.discard(number)
        if not missing:
            break
    start_s = time.monotonic() - began
    if missing:
        return Held(count, None, 0.0, False, f"{len(missing)} of {count} not seen within {start_s:.0f} s")
    measured_from = time.monotonic()
    seen_at: list[list[float]] = [[measured_from] for _ in range(count)]
    async for number in _seen(pipes, count, detector, measured_from + seconds):
        seen_at[number].append(time.monotonic())
    spent_s = time.monotonic() - measured_from
    for times in seen_at:
        times.append(measured_from + spent_s)
    results = sum(len(times) - 2 for times in seen_at)
    longest_s = nearest_rank((max(b - a for a, b in pairwise(times)) for times in seen_at), 0.9)
    holds = longest_s <= HELD_IF_SEEN_EVERY_S
    note = f"nine in ten seen every {longest_s:.1f} s or sooner"
    return Held(count, start_s, results / spent_s, holds, note)


async def _seen(pipes: Pipes, count: int, detector: Any, until: float) -> Any:
    """The numbers of the cameras whose pictures go through the detector, as they do, until a time."""
    from patrol.adapters.clock import SystemClock
    from patrol.domain.camera import CameraId
    from patrol.domain.frame import Frame

    clock = SystemClock()
    while time.monotonic() < until:
        taken = [(number, picture) for number in range(count) if (picture := pipes.take(number)) is not None]
        for begin in range(0, len(taken), 8):
            batch = taken[begin : begin + 8]
            await detector.detect([Frame(CameraId(str(n)), clock.now(), picture) for n, picture in batch])
            for number, _ in batch:
                yield number
        if not taken:
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def own_detector() -> Iterator[Any]:
    """The detector that Patrol would open here."""
    from patrol.adapters.detectors import DetectorOptions, open_detector
    from patrol.adapters.devices import Device

    options = DetectorOptions(input_size=input_px(), labels=frozenset({"person"}), device=Device.CPU)
    with contextlib.closing(open_detector(options, models_dir=models_folder())) as detector:
        yield detector


# --- all of them --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Times:
    """How long each way is measured, seconds."""

    turn: float = 50.0
    tuned_turn: float = 20.0
    streams: float = 12.0
    streams_up: tuple[float, ...] = (45.0, 70.0, 100.0)
    pipes: float = 8.0
    processes: tuple[int, ...] = PROCESSES_AT_ONCE


def growing(counts: Sequence[int], measure: Callable[[int, int], Held]) -> list[Held]:
    """Each number of cameras (with its place in the list), until one does not come up."""
    found: list[Held] = []
    for place, count in enumerate(counts):
        found.append(measure(place, count))
        if not found[-1].holds:
            break
    return found


def best_round_s(held: Sequence[Held]) -> float | None:
    """The quickest that it can do in groups, with any number of cameras that came up."""
    return min((each.round_s for each in held if each.round_s is not None), default=None)


def best_rate_round_s(held: Sequence[Held]) -> float | None:
    """The quickest by rate; of a way that never came up there is none."""
    rounds = (each.rate_round_s for each in held if each.start_s is not None)
    return min((round_s for round_s in rounds if round_s is not None), default=None)


@dataclass(frozen=True, slots=True)
class Slower:
    """How many times as long as Patrol's a way's round over all cameras takes, worked out in both ways; see above."""

    way: str
    in_groups: float | None
    by_rate: float | None

    def __str__(self) -> str:
        both = (self.in_groups, self.by_rate)
        return f"{self.way.split()[0]} " + "/".join("-" if ratio is None else f"{ratio:.0f}x" for ratio in both)


def slower(found: Mapping[str, Sequence[Held]], own_s: float) -> list[Slower]:
    """All ways. ``own_s``: Patrol's round."""

    def ratio(round_s: float | None) -> float | None:
        return None if round_s is None else round_s / own_s

    return [Slower(way, ratio(best_round_s(held)), ratio(best_rate_round_s(held))) for way, held in found.items()]


def report(
    found: Mapping[str, Sequence[Held]], patrol_rounds: Sequence[float], precision: str, joins: str, made_of: str
) -> Report:
    """All of it, with how many times quicker Patrol is. The first way is the one Patrol is held against."""
    own_s = median(patrol_rounds)
    ratios = slower(found, own_s)
    # Opened anew for each picture, (a) has but one round: in groups of one, and by rate, are the same.
    summary = f"Patrol's round {own_s:.1f} s; slower, in groups/by rate: " + ", ".join(map(str, ratios))
    failed = [(way, sum(each.failed for each in held)) for way, held in found.items()]
    if any(count for _, count in failed):
        summary += "; failed reads: " + ", ".join(f"{way.split()[0]} {count}" for way, count in failed if count)
    figures = {
        "ways": {
            way: [asdict(each) | {"round_s": each.round_s, "rate_round_s": each.rate_round_s} for each in held]
            for way, held in found.items()
        },
        "patrol": {"rounds_s": list(patrol_rounds), "median_s": own_s, "precision": precision},
        "ratios": {each.way: {"in_groups": each.in_groups, "by_rate": each.by_rate} for each in ratios},
        "failed_reads": dict(failed),
        "join": joins,
        "clips": made_of,
        "extrapolated": "every way but Patrol's: no other holds all cameras at once",
    }
    return Report(
        "peers",
        figures,
        [
            _rounds_table(found, patrol_rounds, precision),
            Table(
                "slower than Patrol, times (the best number of cameras of each way)",
                ("way", "in groups", "by rate"),
                [(each.way, each.in_groups, each.by_rate) for each in ratios],
            ),
        ],
        [Target("(a) / Patrol, seconds per round", ratios[0].in_groups, LEAST_RATIO, Relation.AT_LEAST)],
        summary,
    )


def _rounds_table(found: Mapping[str, Sequence[Held]], patrol_rounds: Sequence[float], precision: str) -> Table:
    own_s = median(patrol_rounds)
    rows: list[tuple[object, ...]] = [
        (
            way,
            each.cameras,
            each.start_s,
            each.results_per_s,
            "yes" if each.holds else "no",
            each.round_s,
            each.rate_round_s,
            each.failed,
            each.note,
        )
        for way, held in found.items()
        for each in held
    ]
    note = f"{len(patrol_rounds)} rounds measured"
    name = f"(d) Patrol, {precision}"
    rows.append((name, ALL_CAMERAS, None, ALL_CAMERAS / own_s, "yes", own_s, own_s, None, note))
    headings = ("way", "cameras", "seen once, s", "results/s", "held", "round in groups, s", "by rate, s", "failed", "")
    return Table("rounds over 476 cameras (all but Patrol's worked out)", headings, rows)


def main() -> int:
    """Measure, tell, and say by the exit code whether the target is kept."""
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2:])
        return 0
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--join", choices=("key-frame", "mid-gop"), default="key-frame", help="see rtsp_server.py")
    arguments.add_argument("--short", action="store_true", help="a try: every way for some seconds, fewer cameras")
    options = arguments.parse_args()
    if (missing := missing_parts()) is not None:
        print(f"bench-peers: not measured: {missing}", file=sys.stderr)
        return 2
    times = Times(15.0, 6.0, 5.0, (60.0,), 5.0, PROCESSES_AT_ONCE[:2]) if options.short else Times()
    clips, cameras = have_clips(), spots()
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as name:
        folder = Path(name)
        with rtsp_server(mounts_of(cameras, clips, options.join), folder) as server:
            addresses = random.Random(1).sample(list(addresses_on(server, cameras).values()), len(cameras))
            rounds_s = plain_rounds(server, cameras, folder, 1 if options.short else 3)
            found = _peers(addresses, times)
    with own_detector() as detector:
        precision = with_size(detector.precision.value)
    return report(found, rounds_s, precision, options.join, clips.made_of).tell()


def _peers(addresses: Sequence[str], times: Times) -> dict[str, list[Held]]:
    streams = STREAMS_AT_ONCE[: len(times.streams_up)]
    found = {
        "(a) VideoCapture + predict": [one_after_the_other(addresses, times.turn, "")],
        "(a') the same, tuned": [one_after_the_other(addresses, times.tuned_turn, TUNED)],
        "(b) .streams": growing(
            streams, lambda place, n: multi_stream(addresses[:n], times.streams_up[place], times.streams)
        ),
    }
    with own_detector() as detector:
        found["(c) ffmpeg each"] = growing(
            times.processes, lambda _, n: a_process_each(addresses[:n], times.pipes, detector)
        )
    return found


def _child(order: Sequence[str]) -> None:
    if order[0] == "turn":
        _turn(float(order[1]), order[2], order[3:])
    else:
        _streams(float(order[1]), order[2:])


if __name__ == "__main__":
    sys.exit(main())
