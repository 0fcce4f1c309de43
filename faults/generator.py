"""Submits alerts as the tour does at the end of its work, and writes down each id before and after.

    python -m faults.generator FOLDER RATE

It stands in for the role tour: from the candidate on it is Patrol's own code. After a kill it goes on where its file
ends, and submits again what it has no answer for, with the same ids.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from faults import journal
from patrol import config as configuring
from patrol.adapters.clock import SystemClock
from patrol.adapters.sql import SqlStore
from patrol.config import Configuration
from patrol.domain.alerts import Candidate
from patrol.domain.errors import StoreError
from patrol.domain.events import Event, Evidence, Kind, Level
from patrol.domain.incidents import AlertId, EvidenceId, IncidentId
from patrol.domain.zones import RuleId, ZoneId

FILE = "submitted.jsonl"
STOP = "generator.stop"
RETRY_S = 0.2
LEVELS = tuple(Level)


def candidate(number: int, configuration: Configuration) -> Candidate:
    """The same number is the same alert, but for its times."""
    camera = configuration.cameras[number % len(configuration.cameras)]
    now = datetime.now(UTC)
    words = Evidence(5, 5, 3.0, f"演练 {number}", f"drill {number}", ())
    return Candidate(
        alert_id=AlertId(f"A-{number:08d}"),
        incident_id=IncidentId(f"I-{number:08d}"),
        evidence_id=EvidenceId(f"V-20260101-120000-{number:012x}"),
        event=Event(camera.id, Kind.CROWD, RuleId("crowd"), ZoneId("all"), now, now, 0.9, words),
        camera=camera,
        ring=configuration.rings[camera.ring],
        level=LEVELS[number % len(LEVELS)],
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
    file, clock = folder / FILE, SystemClock()
    to_come = numbers(journal.read(file))
    log = journal.Journal(file)
    store = SqlStore(os.environ["DATABASE_URL"], configuration.units, clock, configuration.merging)
    while True:
        try:
            await store.open()
            break
        except StoreError:
            await asyncio.sleep(RETRY_S)
    due = clock.monotonic()
    for number in to_come:
        if (folder / STOP).exists():
            break
        log.write(before=number)
        verdict = await _accepted(store, candidate(number, configuration), clock)
        log.write(after=number, verdict=verdict)
        due = max(due + 1 / rate, clock.monotonic() - 1.0)
        await asyncio.sleep(max(0.0, due - clock.monotonic()))
    await store.aclose()


async def _accepted(store: SqlStore, made: Candidate, clock: SystemClock) -> str:
    while True:
        try:
            return (await store.accept(made, clock.now())).verdict.value
        except StoreError:  # in doubt, or refused: the same again
            await asyncio.sleep(RETRY_S)


if __name__ == "__main__":
    asyncio.run(submit(Path(sys.argv[1]), float(sys.argv[2])))
