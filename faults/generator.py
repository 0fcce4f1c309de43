"""Submits alerts as the tour does at the end of its work, and writes down each id before and after.

    python -m faults.generator FOLDER RATE

It stands in for the role tour: from the candidate on it is Patrol's own code, the picture first. After a kill it goes
on where its file ends, and submits again what it has no answer for, with the same ids.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from faults import journal
from faults.figures import STOP
from patrol import config as configuring
from patrol.adapters.clock import SteadyClock
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_told import RedisToldMessages
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_recovery import SqlRecovery
from patrol.config import Configuration
from patrol.domain.alerts import Candidate
from patrol.domain.errors import StoreError
from patrol.domain.events import Event, Evidence, Kind, Level
from patrol.domain.incidents import AlertId, EvidenceId, IncidentId
from patrol.domain.reading_back import Known
from patrol.domain.zones import RuleId, ZoneId
from patrol.metrics import Metrics
from patrol.pipeline.recovering import Recovering

FILE = "submitted.jsonl"
RETRY_S = 0.2
LEVELS = tuple(Level)
OF_ONE_LEVEL = 8  # alerts after each other: what joins is as urgent, so that lesser incidents stay lesser ones
FIRST_DAY, PICTURES_A_DAY = date(2026, 1, 1), 2000


def evidence_id(number: int) -> EvidenceId:
    """Some thousand in a folder, as on a busy day."""
    day = FIRST_DAY + timedelta(days=number // PICTURES_A_DAY)
    return EvidenceId(f"V-{day:%Y%m%d}-120000-{number:012x}")


def picture(number: int) -> bytes:
    """What is kept as an alert's picture; the checker makes it once more."""
    return b"\xff\xd8" + hashlib.sha256(str(number).encode()).digest() * 64 + b"\xff\xd9"


def candidate(number: int, configuration: Configuration, now: datetime) -> Candidate:
    """The same number is the same alert, but for its times."""
    camera = configuration.cameras[number % len(configuration.cameras)]
    words = Evidence(5, 5, 3.0, f"演练 {number}", f"drill {number}", ())
    return Candidate(
        alert_id=AlertId(f"A-{number:08d}"),
        incident_id=IncidentId(f"I-{number:08d}"),
        evidence_id=evidence_id(number),
        event=Event(camera.id, Kind.CROWD, RuleId("crowd"), ZoneId("all"), now, now, 0.9, words),
        camera=camera,
        ring=configuration.rings[camera.ring],
        level=LEVELS[number // OF_ONE_LEVEL % len(LEVELS)],
        cool_down_s=0.0,
        detected_at=now,
    )


def numbers(lines: list[dict[str, int]]) -> Iterator[int]:
    """Those in doubt first, then new ones without end."""
    begun = {line["before"] for line in lines if "before" in line}
    yield from sorted(begun - {line["after"] for line in lines if "after" in line})
    number = max(begun, default=0)
    while True:
        number += 1
        yield number


async def submit(folder: Path, rate: float) -> None:
    """Submit until a file says stop."""
    configuration = configuring.load(folder / "patrol.yaml", os.environ)
    var, file = folder / "var", folder / FILE
    var.mkdir(exist_ok=True)
    clock = SteadyClock(var / "clock.json")
    before = journal.read(file)
    to_come = numbers(before)
    log = journal.Journal(file)
    store = SqlStore(os.environ["DATABASE_URL"], configuration.units, clock, configuration.merging)
    evidence = DiskEvidence(var / "evidence")
    while True:
        try:
            await store.open()
            break
        except StoreError:
            await asyncio.sleep(RETRY_S)
    await _look(store, clock)
    began_at = before[0]["at"] if before else clock.monotonic()
    for number in to_come:
        if (folder / STOP).exists():
            break
        log.write(before=number)
        begun_at = clock.monotonic()
        verdict = await _accepted(store, evidence, number, configuration, clock)
        log.write(after=number, verdict=verdict)
        # What was held up is made up for, at twice the rate.
        next_at = max(began_at + number / rate, begun_at + 1 / (2 * rate))
        await asyncio.sleep(max(0.0, next_at - clock.monotonic()))
    await store.aclose()


async def _look(store: SqlStore, clock: SteadyClock) -> None:
    """Whether an old backup was put back: every role asks before it decides anything."""
    redis = connect(os.environ["REDIS_URL"])
    nothing = Known({}, {})
    recovering = Recovering(SqlRecovery(store), RedisToldMessages(redis), nothing, clock, Metrics(CollectorRegistry()))
    await recovering.look()
    await redis.aclose()


async def _accepted(
    store: SqlStore, evidence: DiskEvidence, number: int, configuration: Configuration, clock: SteadyClock
) -> str:
    made = candidate(number, configuration, clock.now())
    while True:
        try:
            await evidence.put(made.evidence_id, picture(number))
            return (await store.accept(made, clock.now())).verdict.value
        except StoreError:  # in doubt, or refused: the same again
            await asyncio.sleep(RETRY_S)


if __name__ == "__main__":
    asyncio.run(submit(Path(sys.argv[1]), float(sys.argv[2])))
