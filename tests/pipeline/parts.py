"""What the tests of the pipeline share: metrics to look into, and small stand-ins for what lies around a part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from patrol.adapters.memory import FakeClock
from patrol.adapters.sql import SqlStore
from patrol.domain.camera import CameraId
from patrol.domain.closeness import NEVER, MergePolicy
from patrol.domain.detections import Detections
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame
from patrol.domain.messages import Message
from patrol.domain.streams import EntryId
from patrol.domain.units import Unit
from patrol.metrics import Metrics
from patrol.ports import Clock, OutboxRow
from tests.builders import CLASSES, NOON, unit

UNITS = (unit("U-1"), unit("U-2"))


def fresh_metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    """A sample as Prometheus would read it; it must be there."""
    value = metrics.registry.get_sample_value(name, labels)
    assert value is not None, f"{name}{labels} is not exported"
    return value


def frame_of(camera_id: str = "C-1", captured_at: datetime = NOON) -> Frame:
    return Frame(CameraId(camera_id), captured_at, np.zeros((2, 2, 3), np.uint8))


def nobody() -> Detections:
    return Detections.none(2, 2, CLASSES)


async def turns(count: int = 30) -> None:
    """Let everybody who has something to do get on with it."""
    for _ in range(count):
        await asyncio.sleep(0)


def told_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What Patrol logged; in its debug mode the event loop has things to say, too."""
    return [record.message for record in caplog.records if record.name.startswith("patrol")]


@asynccontextmanager
async def sql_store(
    folder: Path, clock: FakeClock | None = None, units: Sequence[Unit] = UNITS, policy: MergePolicy = NEVER
) -> AsyncIterator[SqlStore]:
    """The real store in a folder of its own. Its calls go through a thread: never sleep on the fake clock beside it."""
    store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", units, clock or FakeClock(NOON), policy)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


class MemoryOutbox:
    """Outbox in a list. ``broken`` makes every call fail as a store that is away would."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, OutboxRow] = {}
        self._number = 0
        self._added = asyncio.Event()
        self.broken = False

    def add(self, *messages: Message) -> None:
        for message in messages:
            self._number += 1
            self._rows[self._number] = OutboxRow(self._number, message, self._clock.now())
        self._added.set()

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        self._check()
        return list(self._rows.values())[:limit]

    async def mark_published(self, entries: Mapping[int, EntryId]) -> None:
        self._check()
        for number in entries:
            self._rows.pop(number, None)

    async def waiting(self) -> tuple[int, datetime | None]:
        self._check()
        return len(self._rows), min((row.waiting_since for row in self._rows.values()), default=None)

    async def news(self, within_s: float) -> None:
        if not self.broken:
            await self._clock.wait(self._added, within_s)
        self._added.clear()

    def _check(self) -> None:
        if self.broken:
            raise StoreError("outbox: away")
