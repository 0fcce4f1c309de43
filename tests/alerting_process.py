"""Alerting alone, in a process that tests may kill: ``python -m tests.alerting_process FOLDER EVENTS [RESERVE_KB]``.

It submits so many events, one every 20 ms, each of a camera of its own, and goes on until SIGTERM. The folder holds
database, evidence and spool, as ``var/`` does.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from pathlib import Path

from patrol.adapters.clock import SystemClock
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.disk_spool import DiskSpool
from patrol.adapters.sql import SqlStore
from patrol.cli.run import leave, run_until_stopped, tell
from patrol.domain.camera import CameraId, RingName
from patrol.domain.events import Level
from patrol.domain.levels import LevelPolicy
from patrol.domain.zones import RuleId
from patrol.pipeline.alerting import Alerting
from patrol.pipeline.confirming import Sighting
from patrol.pipeline.opening import Opening
from tests.builders import camera, crowd, event, ring, rule
from tests.pipeline.parts import UNITS, frame_of, fresh_metrics

PICTURE_BYTES = 20_000


async def alert(folder: Path, events: int, reserve_bytes: int, stopping: asyncio.Event) -> int:
    """Accept so many events, or keep them."""
    clock = SystemClock()
    store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", UNITS, clock)
    spool = DiskSpool(folder / "spool", 10**9, reserve_bytes)
    metrics = fresh_metrics()
    opening = Opening(store, clock, metrics)
    await opening.begin()
    await spool.open()
    alerting = Alerting(
        store,
        DiskEvidence(folder / "evidence"),
        lambda frame, detections, zone, event: secrets.token_bytes(PICTURE_BYTES),
        LevelPolicy({}, Level.RED),
        {RingName.CORE: ring()},
        {RuleId("crowd"): rule(cool_down_s=60.0)},
        clock,
        metrics,
        spool=spool,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(opening.run(stopping))
        tasks.create_task(alerting.run())
        tell("up")
        for number in range(events):
            name, now = f"{secrets.token_hex(4)}-{number}", clock.now()
            seen = event(camera_id=CameraId(name), began_at=now, confirmed_at=now)
            await alerting.submit(Sighting(seen, camera(name), frame_of(name, now), crowd(4)))
            await clock.sleep(0.02)
        tell("all submitted")
        await stopping.wait()
        alerting.abandon()
        await alerting.close()
    await spool.aclose()
    await store.aclose()
    tell("stopped")
    return 0


def main(folder: Path, events: int, reserve_kb: int) -> None:
    """Run until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    leave(run_until_stopped(lambda stopping: alert(folder, events, reserve_kb * 1024, stopping)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2048)
