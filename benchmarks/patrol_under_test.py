"""Patrol as the benchmarks run it: a process of its own, the whole of it, with its inner events written down.

    python -m benchmarks.patrol_under_test run ORDER.json     the service, until SIGTERM
    python -m benchmarks.patrol_under_test floor ORDER.json   a bare loop of its client and decoder; inference alone

The only module of the benchmarks that knows Patrol's insides. What the service does is not changed: functions are
wrapped, and what passed through them is written to a file of JSON lines, once a second (see ``Journal``).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import inspect
import itertools
import json
import logging
import math
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import thread_seconds
from benchmarks.serving import Server, Spot

ROOT = Path(__file__).parents[1]
# What the model sees, where it is not to be what ships: "512x288" for a processor that cannot keep up with more.
INPUT_VARIABLE = "PATROL_BENCHMARK_INPUT"
BENCHMARK_MODELS = ROOT / "var" / "benchmarks" / "models"
UP_WITHIN_S, DOWN_WITHIN_S, FLOOR_WITHIN_S = 120.0, 30.0, 240.0
SAMPLE_EVERY_S = 1.0
TIMED_EVERY = 64

BOUNDS = {"core": 5.0, "periphery": 15.0, "far": 30.0}
WHOLE_PICTURE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]

# What a stage does is told by its functions' own processor time. The answers that opening a session waits for are read
# by the same function as its pictures, and count as reading; the light client's alone, for FFmpeg's threads do all in
# one and are told by their name.
STAGE_FUNCTIONS = {
    "open and ask": (("patrol.adapters.rtsp.session", "Session.open"),),
    "read and demux": (("patrol.adapters.rtsp.connection", "Connection.buffer_updated"),),
    "say goodbye": (("patrol.adapters.rtsp.session", "Session.leave"),),
    "decode": (("patrol.adapters.rtsp.decoding", "_frame_of"),),
    "scale": (("patrol.adapters.rtsp.decoding", "_scaled"),),
    "inspect": (("patrol.pipeline.inspecting", "look_at"), ("patrol.domain.health_watching", "HealthWatcher.observe")),
    "rules": (("patrol.domain.watching", "Watcher.observe"),),
    "fit and read boxes": (
        ("patrol.adapters.openvino_detector", "_Slot.begin"),
        ("patrol.adapters.openvino_detector", "read_output"),
    ),
}
# Threads that are not Python's are OpenVINO's: nothing else here has any.
INFERENCE_THREADS = "native"
# What is written down of: frames seen, visits failed, suspicions, visits left to FFmpeg.
WATCHED = (
    ("patrol.pipeline.touring", "TourBook.seen"),
    ("patrol.pipeline.touring", "TourBook._failed"),
    ("patrol.domain.watching", "Watcher.observe"),
    ("patrol.adapters.rtsp.source", "RtspSource._fallen_back"),
)


# --- its configuration --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """How Patrol is set for a benchmark; what is not said here is its own default.

    ``addresses``: by camera id. ``rule``: fields of the one rule all cameras watch by. ``tour``, ``detector``: fields
    of these sections of the configuration. ``strategies``: how the cameras of a ring are looked at, by ring;
    ``own_strategies``: by camera id, before that.
    """

    cameras: Sequence[Spot]
    addresses: Mapping[str, str]
    bounds: Mapping[str, float] = field(default_factory=lambda: BOUNDS)
    rule: Mapping[str, Any] = field(default_factory=dict)
    tour: Mapping[str, Any] = field(default_factory=dict)
    detector: Mapping[str, Any] = field(default_factory=dict)
    strategies: Mapping[str, str] = field(default_factory=dict)
    own_strategies: Mapping[str, str] = field(default_factory=dict)


def input_px() -> tuple[int, int]:
    """(width, height) of what the model sees in this run, px: what ships, or what PATROL_BENCHMARK_INPUT says.

    Raises ValueError where that is not of the form 512x288.
    """
    from patrol.config import DetectorSettings

    if not (asked := os.environ.get(INPUT_VARIABLE)):
        return DetectorSettings().input_px
    if (said := re.fullmatch(r"(\d+)x(\d+)", asked)) is None:
        raise ValueError(f"{INPUT_VARIABLE}: {asked!r} is no size; expected WIDTHxHEIGHT in pixels, as 512x288")
    return int(said[1]), int(said[2])


def with_size(precision: str) -> str:
    """``int8 at 640x384``: a precision, and what the model sees in this run."""
    return "{} at {}x{}".format(precision, *input_px())


def configuration_of(plan: Plan) -> dict[str, Any]:
    """The configuration as a user would write it (JSON is YAML)."""
    return {
        "station": {"name": "测量所", "name_en": "Benchmark", "at": [35.4908, 112.8518]},
        "rings": {
            ring: {"revisit_bound_s": plan.bounds[ring], "response_target_s": target_s, "accept_within_s": 10}
            for ring, target_s in (("core", 60), ("periphery", 180), ("far", 300))
        },
        "rules": {"watched": _rule(plan.rule)},
        "levels": {"by_kind": {}, "otherwise": "blue"},
        "tour": dict(plan.tour),
        "detector": {"input_px": list(input_px()), **plan.detector},
        "units": [_unit(number) for number in range(1, 5)],
        "cameras": [_camera(camera, plan) for camera in plan.cameras],
    }


def _rule(changes: Mapping[str, Any]) -> dict[str, Any]:
    usual = {
        "kind": "crowd",
        "name": "人群聚集",
        "name_en": "crowd",
        "at_least": 5,
        "min_confidence": 0.35,
        "for_s": 3,
        "clear_after_s": 12,
        "cool_down_s": 120,
    }
    return usual | dict(changes)


def _unit(number: int) -> dict[str, Any]:
    return {
        "id": f"U-{number}",
        "name": f"巡逻{number}组",
        "name_en": f"Crew {number}",
        "kind": "joint_patrol",
        "rings": ["core", "periphery", "far"],
        "home": [35.4908, 112.8518 + number / 10_000],
        "speed_m_s": 5,
        "mobilise_s": 5,
        # A simulated one would never be sent to what a real camera sees, and every alert tried again each second.
        "simulated": False,
    }


def _camera(camera: Spot, plan: Plan) -> dict[str, Any]:
    place = [35.4908 + camera.number // 25 / 10_000, 112.8518 + camera.number % 25 / 10_000]
    zone = {"id": "all", "name": "全景", "name_en": "all of it", "rules": ["watched"], "polygon": WHOLE_PICTURE}
    strategy = plan.own_strategies.get(camera.camera_id, plan.strategies.get(camera.ring))
    return ({"strategy": strategy} if strategy is not None else {}) | {
        "id": camera.camera_id,
        "name": camera.camera_id,
        "ring": camera.ring,
        "at": place,
        "heading_deg": 0,
        "view_deg": 90,
        "stream": plan.addresses[camera.camera_id],
        "shared_view": True,  # hundreds of cameras play a few clips
        "zones": [zone],
    }


def addresses_on(server: Server, cameras: Sequence[Spot]) -> dict[str, str]:
    """Where each camera is on a server, by camera id."""
    return {camera.camera_id: server.address(camera) for camera in cameras}


def retries_per_s_allowed(within_s: float) -> float:
    """How many tries a second of failing cameras Patrol allows itself, in the worst ``within_s``.

    After a pause the tour lets half a second's worth of them begin at once.
    """
    from patrol.domain.visits import TourSettings

    return TourSettings().retries_per_s * (1 + 0.5 / within_s)


def models_folder() -> Path:
    """The benchmarks' own models, where the int8 graph was made for them, else the ones Patrol uses."""
    return BENCHMARK_MODELS if BENCHMARK_MODELS.is_dir() else Path(os.environ.get("PATROL_MODELS") or ROOT / "models")


# --- from the outside ---------------------------------------------------------------------------------------------


SAMPLED = ("at", "now", "stretch", "counts", "idle_tests", "kept_open", "visits_took_s", "threads", "stages")


@dataclass(slots=True)
class Story:
    """What was written down, read back. Times are seconds since the epoch, but ``at`` of samples is monotonic.

    ``seen``: (camera id, captured, processed); ``suspected``: (camera id, when, captured); ``failed``: (camera id, why,
    when); ``fell_back``: visits that were left to FFmpeg (camera id, when); ``samples``: what stood once a second, in
    order.
    """

    precision: str = ""
    seen: list[tuple[str, float, float]] = field(default_factory=list)
    suspected: list[tuple[str, float, float]] = field(default_factory=list)
    failed: list[tuple[str, str, float]] = field(default_factory=list)
    fell_back: list[tuple[str, float]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Story:
        """The file's lines; one that was cut off by the end of the process is left out."""
        story = cls()
        for line in file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                story._take(json.loads(line))
        return story

    def _take(self, said: dict[str, Any]) -> None:
        self.precision = said.get("precision", self.precision)
        self.seen += [(who, captured, processed) for who, captured, processed in said.get("seen", ())]
        self.suspected += [(who, when, captured) for who, when, captured in said.get("suspected", ())]
        self.failed += [(who, why, when) for who, why, when in said.get("failed", ())]
        self.fell_back += [(who, when) for who, when in said.get("fell_back", ())]
        if "at" in said:
            self.samples.append({key: said[key] for key in SAMPLED})

    def between(self, begin: float, end: float) -> list[dict[str, Any]]:
        """The samples from ``begin`` to ``end``, monotonic seconds."""
        return [sample for sample in self.samples if begin <= sample["at"] <= end]


class RunningPatrol:
    """A Patrol that is up."""

    def __init__(self, process: subprocess.Popen[bytes], journal: Path) -> None:
        self._process = process
        self._journal = journal
        self.pid = process.pid

    def check(self) -> None:
        """Raises ChildProcessError if it has died."""
        if self._process.poll() is not None:
            raise ChildProcessError(f"Patrol ended with {self._process.returncode} in the middle of the measurement")

    def sleep_until(self, at: float) -> None:
        """Let it run until a time of the monotonic clock."""
        while (left_s := at - time.monotonic()) > 0:
            self.check()
            time.sleep(min(1.0, left_s))

    def story(self) -> Story:
        """What it has written down so far."""
        return Story.read(self._journal)

    def story_since(self, at: float) -> list[dict[str, Any]]:
        """The samples since a time of the monotonic clock."""
        return self.story().between(at, float("inf"))

    def stop(self) -> Story:
        """Stop it as a person would, and read what it wrote."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(DOWN_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DOWN_WITHIN_S)
        return self.story()


@contextlib.contextmanager
def patrol(plan: Plan, folder: Path) -> Iterator[RunningPatrol]:
    """The whole service on the plan's cameras, up and touring; killed at the end if it was not stopped.

    ``folder`` takes its configuration, database, evidence and logs. Raises ChildProcessError if it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "patrol.yaml").write_text(json.dumps(configuration_of(plan), ensure_ascii=False, indent=1))
    journal, log = folder / "journal.jsonl", folder / "patrol.log"
    order = {"config": str(folder / "patrol.yaml"), "var": str(folder / "var"), "journal": str(journal)}
    with log.open("wb") as stderr, _child("run", order, folder, stderr=stderr) as process:
        try:
            _wait_until_up(process, journal, log)
            yield RunningPatrol(process, journal)
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(DOWN_WITHIN_S)
                process.kill()


def _child(what: str, order: Mapping[str, Any], folder: Path, **pipes: Any) -> subprocess.Popen[bytes]:
    file = folder / f"{what}.json"
    file.write_text(json.dumps(dict(order) | {"models": str(models_folder())}))
    return subprocess.Popen([sys.executable, "-m", "benchmarks.patrol_under_test", what, str(file)], cwd=ROOT, **pipes)


def _wait_until_up(process: subprocess.Popen[bytes], journal: Path, log: Path) -> None:
    ends_at = time.monotonic() + UP_WITHIN_S
    while not (journal.is_file() and journal.stat().st_size):
        if process.poll() is not None or time.monotonic() > ends_at:
            raise ChildProcessError(f"Patrol did not come up:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Floor:
    """What cannot be spared, in processor-ms: a visit's connection and decoding, and an inference, each on its own.

    Nan where there was none. ``precision``: of the inferences; more than one where they differed.
    """

    visits: int
    failed: int
    connect_and_decode_ms: float
    visits_per_s: float
    inferences: int
    inference_ms: float
    inferences_per_s: float
    precision: str

    @property
    def ms(self) -> float:
        """A visit's floor."""
        return self.connect_and_decode_ms + self.inference_ms

    def and_then(self, later: Floor) -> Floor:
        """This measurement and a later one, each counting half."""
        return Floor(
            visits=self.visits + later.visits,
            failed=self.failed + later.failed,
            connect_and_decode_ms=(self.connect_and_decode_ms + later.connect_and_decode_ms) / 2,
            visits_per_s=(self.visits_per_s + later.visits_per_s) / 2,
            inferences=self.inferences + later.inferences,
            inference_ms=(self.inference_ms + later.inference_ms) / 2,
            inferences_per_s=(self.inferences_per_s + later.inferences_per_s) / 2,
            precision=" and ".join(dict.fromkeys((self.precision, later.precision))),
        )


def floor(addresses: Sequence[str], at_once: int, seconds: float, folder: Path) -> Floor:
    """Measure it, for ``seconds`` each, in a process of its own. ``at_once``: visits under way at the same time."""
    order = {"addresses": list(addresses), "at_once": at_once, "seconds": seconds}
    with _child("floor", order, folder, stdout=subprocess.PIPE) as process:
        said, _ = process.communicate(timeout=FLOOR_WITHIN_S)
    if process.returncode:
        raise ChildProcessError(f"the floor could not be measured ({process.returncode})")
    return Floor(**json.loads(said.splitlines()[-1]))


# --- from the inside ----------------------------------------------------------------------------------------------


class Journal:
    """Collects what happens and writes it down once a second, so that nothing is kept in memory."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w")
        self._lists: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.stages: defaultdict[str, float] = defaultdict(float)
        self._threads: dict[int, tuple[str, float]] = {}

    def note(self, what: str, *said: Any) -> None:
        """One thing that happened."""
        self._lists[what].append(said)

    def write(self, **said: Any) -> None:
        """One line: what happened since the last, and ``said``."""
        lists, self._lists = self._lists, defaultdict(list)
        self._file.write(json.dumps(lists | said) + "\n")
        self._file.flush()

    def close(self) -> None:
        """No more is written."""
        self._file.close()

    def thread_groups(self) -> dict[str, float]:
        """Processor seconds by what threads are called, without their numbers; those that ended included."""
        names = {thread.native_id: re.sub(r"[-_ (].*|\d+$", "", thread.name) for thread in threading.enumerate()}
        for number, spent_s in thread_seconds().items():
            known = self._threads.get(number, (INFERENCE_THREADS, 0.0))[0]
            self._threads[number] = (names.get(number, known), spent_s)
        groups: defaultdict[str, float] = defaultdict(float)
        for name, spent_s in self._threads.values():
            groups[name] += spent_s
        return {name: round(spent_s, 2) for name, spent_s in groups.items()}


def timed(journal: Journal, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, with its processor time added to a stage's.

    Of ``TIMED_EVERY`` calls the first is measured, and counts for all: asking for a thread's time is a system call, and
    took a tenth of the main thread where every call was measured.
    """
    calls = itertools.count()

    def spent(seconds: float) -> None:
        journal.stages[stage] += TIMED_EVERY * seconds

    @functools.wraps(function)
    def measured(*args: Any, **named: Any) -> Any:
        if next(calls) % TIMED_EVERY:
            return function(*args, **named)
        if inspect.iscoroutinefunction(function):
            return _stepped(function(*args, **named), spent)
        began = time.thread_time()
        try:
            return function(*args, **named)
        finally:
            spent(time.thread_time() - began)

    return measured


@types.coroutine
def _stepped(work: Coroutine[Any, Any, Any], spent: Callable[[float], None]) -> Generator[Any, Any, Any]:
    """Await ``work``, and tell how long the thread was busy with each of its steps; while it waits, others are."""
    raised: BaseException | None = None
    while True:
        began = time.thread_time()
        try:
            awaited = work.send(None) if raised is None else work.throw(raised)
        except StopIteration as end:
            return end.value
        finally:
            raised = None  # its trace leads here
            spent(time.thread_time() - began)
        try:
            yield awaited
        except BaseException as error:  # noqa: BLE001  (a cancellation, too, is for the work)
            raised = error


def wrap(module: str, path: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> bool:
    """Replace a function, or a method, by one around it; False where there is none of that name."""
    owner: Any
    try:
        owner = importlib.import_module(module)
        *outer, name = path.split(".")
        for each in outer:
            owner = getattr(owner, each)
        setattr(owner, name, wrapper(getattr(owner, name)))
    except (ImportError, AttributeError):
        return False
    return True


def install_hooks(journal: Journal) -> None:
    """Write down what is seen, suspected and failed, and what the stages take. Raises LookupError if it cannot be."""
    for stage, functions in STAGE_FUNCTIONS.items():
        for module, path in functions:
            _wrap_surely(module, path, functools.partial(timed, journal, stage))
    tellers = (_telling_seen, _telling_failed, _telling_suspected, _telling_fallen_back)
    for (module, path), teller in zip(WATCHED, tellers, strict=True):
        _wrap_surely(module, path, functools.partial(teller, journal))


def _wrap_surely(module: str, path: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    if not wrap(module, path, wrapper):
        raise LookupError(f"Patrol has changed: there is no {module}.{path} any more")


def _telling_seen(journal: Journal, seen: Callable[..., Any]) -> Callable[..., Any]:
    def told(book: Any, frame: Any, *args: Any, **named: Any) -> Any:
        journal.note("seen", frame.camera_id, round(frame.captured_at.timestamp(), 4), round(time.time(), 4))
        return seen(book, frame, *args, **named)

    return told


def _telling_failed(journal: Journal, failed: Callable[..., Any]) -> Callable[..., Any]:
    def told(book: Any, camera_id: Any, failure: Any, *args: Any, **named: Any) -> Any:
        journal.note("failed", camera_id, str(failure.value), round(time.time(), 3))
        return failed(book, camera_id, failure, *args, **named)

    return told


def _telling_suspected(journal: Journal, observe: Callable[..., Any]) -> Callable[..., Any]:
    def told(watcher: Any, camera: Any, captured_at: Any, *args: Any, **named: Any) -> Any:
        findings = observe(watcher, camera, captured_at, *args, **named)
        if findings.suspected:
            journal.note("suspected", camera.id, round(time.time(), 4), round(captured_at.timestamp(), 4))
        return findings

    return told


def _telling_fallen_back(journal: Journal, fallen_back: Callable[..., Any]) -> Callable[..., Any]:
    def told(source: Any, visit: Any, *args: Any, **named: Any) -> Any:
        journal.note("fell_back", visit.camera.id, round(time.time(), 3))
        return fallen_back(source, visit, *args, **named)

    return told


COUNTERS = {  # where they are among Patrol's metrics
    "visits": "tour.visits",
    "processed": "detect.processed",
    "captured": "detect.captured",
    "dropped": "detect.dropped",
    "failures": "tour.failures",
    "focus": "tour.focus_visits",
    "suspicions": "alerts.suspicions",
    "alerts": "alerts.accepted",
}


async def _run(order: Mapping[str, str], stopping: asyncio.Event) -> int:
    with contextlib.closing(Journal(Path(order["journal"]))) as journal:
        install_hooks(journal)
        return await _serve(order, journal, stopping)


async def _serve(order: Mapping[str, str], journal: Journal, stopping: asyncio.Event) -> int:
    from patrol import config as configuring
    from patrol.adapters.model_manifests import known_classes
    from patrol.app import Options, assembled, run_parts

    configuration = configuring.load(Path(order["config"]), os.environ, known_models=known_classes())
    options = Options(var=Path(order["var"]), models=Path(order["models"]), port=0)
    async with assembled(configuration, options, progress=lambda line: print(line, file=sys.stderr)) as parts:

        def up(_address: str) -> None:
            journal.write(precision=_precision_of(parts))

        async def sampling(drained: asyncio.Event) -> None:
            while not drained.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(drained.wait(), SAMPLE_EVERY_S)
                _sample(journal, parts)

        await run_parts(parts, configuration, options, stopping, up, companions=(sampling,))
        _sample(journal, parts)
    return 0


def _sample(journal: Journal, parts: Any) -> None:
    # Only these few are asked for: to collect all metrics takes longer than a visit.
    totals = {name: values(operator.attrgetter(path)(parts.metrics)) for name, path in COUNTERS.items()}
    took = values(parts.metrics.stages.duration)
    journal.write(
        at=time.monotonic(),
        now=time.time(),
        stretch=values(parts.metrics.tour.stretch)[()],
        counts={name: int(sum(total.values())) for name, total in totals.items()},
        idle_tests={verdict: int(count) for (verdict,), count in values(parts.metrics.detect.idle_tests).items()},
        kept_open=int(values(parts.metrics.tour.warm)[()]),
        visits_took_s=sum(seconds for labels, seconds in took.items() if labels[0] == "visit"),
        threads=journal.thread_groups(),
        stages={stage: round(spent_s, 4) for stage, spent_s in journal.stages.items()},
    )


def values(metric: Any) -> dict[tuple[str, ...], float]:
    """What a metric of Prometheus's library holds, by its labels; of a histogram the sum."""
    children = metric._metrics if metric._labelnames else {(): metric}
    return {
        labels: getattr(child, "_sum" if hasattr(child, "_sum") else "_value").get()
        for labels, child in children.items()
    }


def _precision_of(parts: Any) -> str:
    detector = parts.tour.detecting._detector
    return with_size(str(getattr(detector, "precision", type(detector).__name__)))


# --- the floor ----------------------------------------------------------------------------------------------------


async def _bare_visits(addresses: Sequence[str], at_once: int, seconds: float) -> tuple[int, int, float, float]:
    """Connect, take a key frame, tear down, decode it, and nothing else: (visits, failed, processor s, wall s).

    The decoded picture stays as the decoder left it: neither scaled nor turned into BGR.
    """
    from concurrent.futures import ThreadPoolExecutor

    from patrol.domain.camera import StreamAddress
    from patrol.domain.errors import CaptureError

    ends_at = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    waiting = itertools.cycle(addresses)
    threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")

    async def visitor(visit: Callable[..., Any]) -> None:
        while time.monotonic() < ends_at:
            address = StreamAddress(next(waiting))
            try:
                async with asyncio.timeout(10):
                    await visit(address, threads)
                counts["visits"] += 1
            except (CaptureError, TimeoutError):
                counts["failed"] += 1

    visit = _bare_visit()
    began, spent = time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(visitor(visit))
    return counts["visits"], counts["failed"], time.process_time() - spent, time.monotonic() - began


def _bare_visit() -> Callable[..., Any]:
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.rtsp.connection import Dialler
    from patrol.adapters.rtsp.session import Session

    dialler, clock = Dialler(True), SystemClock()

    async def visit(address: Any, threads: Any) -> None:
        session = Session(dialler, clock, lambda _: None)
        try:
            await session.open(address, 10)
            seen = await session.next_key_frame()
            session.say_goodbye()
            frame = asyncio.get_running_loop().run_in_executor(threads, _decoded_only, seen.key_frame)
            assert await frame is not None
            await session.leave(1.0)
        finally:
            session.abandon()

    return visit


def _decoded_only(key_frame: Any) -> Any:
    import av

    context = av.CodecContext.create(key_frame.codec.value, "r")
    context.thread_count = 1
    return (context.decode(av.Packet(key_frame.data)) or context.decode(None))[0]


def _inferences(models: Path, seconds: float) -> tuple[int, float, float, str]:
    """Nothing but inference, as the detector runs it: (inferences, processor s, wall s, precision)."""
    import numpy as np

    from patrol.adapters import openvino_detector
    from patrol.adapters.model_store import Precision, ensure_model
    from patrol.adapters.openvino_runtime import import_openvino
    from patrol.config import DetectorSettings

    width, height = input_px()
    model = ensure_model(DetectorSettings().model, models)
    precision = openvino_detector.chosen_precision(model, Precision.AUTO, openvino_detector.cpu_bf16())
    openvino = import_openvino()
    graph = openvino_detector.graph_for(model, precision)
    compiled = openvino_detector.compiled_graph(openvino, openvino.Core(), graph, (width, height), precision, None)
    picture = np.random.default_rng(0).integers(0, 255, (1, height, width, 3), np.uint8)
    # As many at once as the processor has use for, and one that is ready when another ends.
    requests = [compiled.create_infer_request() for _ in range(_useful_requests(compiled) + 1)]
    for request in requests:
        request.set_input_tensor(openvino.Tensor(picture, shared_memory=True))
        request.infer()
    began, spent, count = time.monotonic(), time.process_time(), 0
    for request in itertools.cycle(requests):
        if time.monotonic() - began >= seconds:
            break
        request.wait()
        request.start_async()
        count += 1
    for request in requests:
        request.wait()
    return count, time.process_time() - spent, time.monotonic() - began, with_size(precision.value)


def _useful_requests(compiled: Any) -> int:
    return int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))


def _measure_floor(order: Mapping[str, Any]) -> Floor:
    visits, failed, visiting_s, visiting_wall_s = asyncio.run(
        _bare_visits(order["addresses"], order["at_once"], order["seconds"])
    )
    count, inferring_s, inferring_wall_s, precision = _inferences(Path(order["models"]), order["seconds"])
    return Floor(
        visits=visits,
        failed=failed,
        connect_and_decode_ms=1000 * visiting_s / visits if visits else math.nan,
        visits_per_s=visits / visiting_wall_s,
        inferences=count,
        inference_ms=1000 * inferring_s / count if count else math.nan,
        inferences_per_s=count / inferring_wall_s,
        precision=precision,
    )


def main(what: str, order_file: str) -> None:
    """The child's side of ``patrol`` and ``floor``."""
    order = json.loads(Path(order_file).read_text())
    if what == "floor":
        print(json.dumps(asdict(_measure_floor(order))), flush=True)
        return
    from patrol.cli.run import leave, run_until_stopped

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    shutil.rmtree(order["var"], ignore_errors=True)
    leave(run_until_stopped(lambda stopping: _run(order, stopping)))


if __name__ == "__main__":
    main(*sys.argv[1:])
