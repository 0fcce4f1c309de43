"""What a plain consumer of the contract does, with nothing of Patrol's: a group of its own on some streams.

python -m faults.reader FOLDER console      a vendor's console: writes down every message of alerts and incidents
python -m faults.reader FOLDER terminals    all units: write down every order, accept it, go, and be done
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from faults import journal
from faults.chances import DEAF, DEAF_FOR_S, DECLINED, UNHEARD, UNHEARD_FOR_S, luck
from faults.told import line_of

LEVELS, RINGS = ("red", "yellow", "blue", "green"), ("core", "periphery", "far")
RECEIPTS = "patrol:receipt"
LEASE_MS = 3000
STEPS = ("accepted", "on_scene", "done")
STEP_AFTER_S = 0.3
NEWER = "ofanewerversion"  # an attribute that this version does not know
AGAIN_AFTER_S = 5.0  # a terminal keeps its last receipt until it sees what came of it (docs/queue.md)
RETRY_S = 0.3


@dataclass(frozen=True)
class Entry:
    """One delivery."""

    stream: str
    entry_id: str
    message: dict[str, Any]


class Group:
    """One seat of one group; made at 0, own pending entries first, and again whenever the link was broken."""

    def __init__(self, name: str, streams: list[str]) -> None:
        self._redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=3, decode_responses=True)
        self._name = name
        self._streams = streams
        self._own_first = True

    def entries(self) -> Iterator[Entry | None]:
        """Without end; None after each look. Nothing is raised: a link that is broken is tried again."""
        while True:
            found: list[Entry] = []
            try:
                found = self._read()
            except (RedisError, OSError) as error:
                self._own_first = True
                if "NOGROUP" in str(error):
                    self._make()
                time.sleep(RETRY_S)
            yield from found
            yield None

    def _make(self) -> None:
        for stream in self._streams:
            with contextlib.suppress(RedisError, OSError):
                self._redis.xgroup_create(stream, self._name, "0", mkstream=True)

    def _read(self) -> list[Entry]:
        start = "0" if self._own_first else ">"
        answer: Any = self._redis.xreadgroup(
            self._name, "seat-1", dict.fromkeys(self._streams, start), count=50, block=300
        )
        found = []
        for stream, entries in answer or ():
            for entry_id, fields in entries:
                try:
                    found.append(Entry(stream, entry_id, json.loads(fields["ce"])))
                except (KeyError, TypeError, ValueError):  # poison, or deleted: nobody's work
                    self.acknowledge(Entry(stream, entry_id, {}))
        if start == "0" and not found:
            self._own_first = False
        return found

    def acknowledge(self, entry: Entry) -> None:
        """Done with it; if that cannot be said now, it comes again."""
        with contextlib.suppress(RedisError, OSError):
            self._redis.xack(entry.stream, self._name, entry.entry_id)

    def add(self, stream: str, message: dict[str, Any]) -> bool:
        """Whether the queue took it."""
        try:
            self._redis.xadd(stream, {"ce": json.dumps(message, ensure_ascii=False)})
        except (RedisError, OSError):
            return False
        return True


def _data_of(message: dict[str, Any]) -> dict[str, Any]:
    data = message.get("data")
    return data if isinstance(data, dict) else {}


def console(folder: Path) -> None:
    """Write down what came, then acknowledge."""
    group = Group("vendor", [*(f"patrol:alert:{level}" for level in LEVELS), "patrol:incident"])
    log = journal.Journal(folder / "console.jsonl")
    for entry in group.entries():
        if entry is None:
            continue
        message = entry.message
        if message.get("type") == "cn.patrol.alert.v1":
            log.write(alert=message["id"], **({"newer": True} if NEWER in message else {}))
        elif message.get("type") == "cn.patrol.incident.v1":
            log.write(**line_of(message))
        group.acknowledge(entry)


@dataclass
class Job:
    """What a unit is doing: an order, and how far it is. ``next_at``: when its next step is due, wall time.

    ``sequence``: of the order's message: what was told of its incident before says nothing of this order.
    """

    order_id: str
    incident_id: str
    unit_id: str
    recorded_at: str
    sequence: int
    step: int = 0
    next_at: float = 0.0

    @property
    def declines(self) -> bool:
        """Whether its unit says no."""
        return UNHEARD <= luck(self.order_id) < UNHEARD + DECLINED


class Terminals:
    """All units' terminals in one process. They know what they were told by their file, also after a kill."""

    def __init__(self, folder: Path) -> None:
        file = folder / "orders.jsonl"
        self._jobs: dict[str, Job] = {}
        self._known: set[str] = set()
        self._first_sent_at: dict[str, str] = {}  # by incident
        for line in journal.read(file):
            self._recall_line(line)
        self._log = journal.Journal(file)
        for unit_id in {job.unit_id for job in self._jobs.values()}:
            self._keep_the_later(unit_id)
        self._group = Group("terminals", [*(f"patrol:order:{ring}" for ring in RINGS), "patrol:incident"])

    def _recall_line(self, line: dict[str, Any]) -> None:
        if "order" in line:
            self._known.add(line["order"])
            self._first_sent_at.setdefault(line["incident"], line["sent_at"])
            self._jobs.setdefault(line["order"], _job_of(line))
        elif "step" in line and (job := self._jobs.get(line["of"])):
            job.step = STEPS.index(line["step"]) + 1
        elif "recall" in line:
            self._jobs.pop(line["recall"], None)
            self._known.add(line["recall"])
        elif "through" in line:
            self._jobs.pop(line["through"], None)
        elif "heard" in line and (job := self._jobs.get(line["heard"])):
            job.next_at = line["heard_at"]
        elif ended := line.get("over") or line.get("declined"):
            self._jobs.pop(ended, None)

    def run(self) -> None:
        """Hear and work, without end."""
        for entry in self._group.entries():
            if entry is not None:
                self._hear(entry)
                self._group.acknowledge(entry)
            for job in list(self._jobs.values()):
                if time.time() >= job.next_at:
                    self._go_on(job)

    def _hear(self, entry: Entry) -> None:
        message = entry.message
        data = _data_of(message)
        if message.get("type") == "cn.patrol.order.v1":
            order_id = data["order_id"]
            if order_id in self._known:
                self._log.write(again=order_id)
                return
            line = {"order": order_id, "incident": data["incident_id"], "unit": data["unit_id"]}
            line |= {"sent_at": message["time"], "recorded_at": message["recordedtime"], "level": data.get("level", "")}
            line |= {"eta_s": data.get("eta_s"), "sequence": int(message["sequence"])}
            self._log.write(**line)
            self._known.add(order_id)
            heard_at = time.time() + self._unheard_s(order_id, data["incident_id"], message["time"])
            self._log.write(heard=order_id, heard_at=heard_at)
            self._jobs[order_id] = _job_of(line, heard_at + STEP_AFTER_S)
            self._keep_the_later(data["unit_id"])
        elif message.get("type") == "cn.patrol.order.recall.v1":
            self._log.write(recall=data["order_id"], reason=data["reason"], sent_at=message["time"])
            self._jobs.pop(data["order_id"], None)
            self._known.add(data["order_id"])
        elif message.get("type") == "cn.patrol.incident.v1" and data.get("state") in ("handled", "closed"):
            told_of = [job for job in self._jobs.values() if job.incident_id == data["incident_id"]]
            for job in [job for job in told_of if job.sequence < int(message["sequence"])]:
                self._log.write(through=job.order_id)  # its last receipt was taken
                del self._jobs[job.order_id]

    def _unheard_s(self, order_id: str, incident_id: str, sent_at: str) -> float:
        """How long its unit does not hear an order. Of few incidents none is heard for a while, in their first life."""
        first = self._first_sent_at.setdefault(incident_id, sent_at)
        since_s = (datetime.fromisoformat(sent_at) - datetime.fromisoformat(first)).total_seconds()
        deaf_s = max(0.0, DEAF_FOR_S - since_s) if luck(incident_id) < DEAF else 0.0
        return max(deaf_s, UNHEARD_FOR_S if luck(order_id) < UNHEARD else 0.0)

    def _keep_the_later(self, unit_id: str) -> None:
        """A unit has one order at a time: what the later one takes the place of is over, its recall may still come."""
        *earlier, _ = sorted((job for job in self._jobs.values() if job.unit_id == unit_id), key=_recorded_at)
        for job in earlier:
            if job.step < len(STEPS):  # else it is done, and only its last receipt is kept
                self._log.write(over=job.order_id)
                del self._jobs[job.order_id]

    def _go_on(self, job: Job) -> None:
        if job.step == len(STEPS):  # what was sent may have been lost with the queue: the same again
            self._group.add(RECEIPTS, _receipt(job, STEPS[-1]))
            job.next_at = time.time() + AGAIN_AFTER_S
            return
        if job.declines:
            self._decline(job)
            return
        kind = STEPS[job.step]
        if not self._group.add(RECEIPTS, _receipt(job, kind)):
            job.next_at = time.time() + RETRY_S
            return
        self._log.write(of=job.order_id, step=kind)
        job.step += 1
        job.next_at = time.time() + (STEP_AFTER_S if job.step < len(STEPS) else AGAIN_AFTER_S)

    def _decline(self, job: Job) -> None:
        """Say no. Where that is lost with the queue, the order is doubted in time, as one that nobody heard."""
        if not self._group.add(RECEIPTS, _receipt(job, "rejected")):
            job.next_at = time.time() + RETRY_S
            return
        self._log.write(declined=job.order_id)
        del self._jobs[job.order_id]


def _job_of(line: dict[str, Any], next_at: float = 0.0) -> Job:
    return Job(
        line["order"], line["incident"], line["unit"], line["recorded_at"], int(line["sequence"]), next_at=next_at
    )


def _recorded_at(job: Job) -> datetime:
    return datetime.fromisoformat(job.recorded_at)


def _receipt(job: Job, kind: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sequence = STEPS.index(kind) + 1 if kind in STEPS else 1
    return {
        "specversion": "1.0",
        "id": f"terminal:{job.order_id}:{sequence}",
        "source": "/terminals",
        "type": "cn.patrol.receipt.v1",
        "subject": f"incident/{job.incident_id}",
        "sequence": f"{sequence:012d}",
        "time": now,
        NEWER: True,
        "data": {
            NEWER: {"battery": 80},
            "subject_id": job.order_id,
            "sequence": sequence,
            "consumer": "terminal",
            "seat": job.unit_id,
            "kind": kind,
            "at": now,
        },
    }


def terminals(folder: Path) -> None:
    """All units."""
    Terminals(folder).run()


if __name__ == "__main__":
    {"console": console, "terminals": terminals}[sys.argv[2]](Path(sys.argv[1]))
