"""Remembering: what happened to each camera goes into the store every ten minutes, and to whoever looks at it at once.

The tour itself only counts, in memory. Nothing here holds it up: what cannot be stored waits, and not for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Protocol

from patrol.domain.camera import CameraId
from patrol.domain.camera_history import KEPT_FOR, CameraSpan, VisitRecord, span_at
from patrol.domain.errors import QueueError, StoreError
from patrol.pipeline.stopping import pause
from patrol.ports import CameraHistory, Clock, VisitRecords

_log = logging.getLogger(__name__)

TICK_S = 1.0
MOST_SPANS = 18  # of all cameras, that wait for the store: three hours
AT_ONCE = 120  # cameras in a transaction: whoever accepts an alert meanwhile waits for no more than these


class MemorySide(Protocol):
    """Who counts. See touring.TourBook."""

    def end_span(self, began_at: datetime) -> tuple[CameraSpan, ...]:
        """The span of all cameras that began then is over."""

    def record(self, camera_id: CameraId) -> VisitRecord | None:
        """What is remembered of one camera; None where it is not in the tour."""


class Remembering:
    """Writes spans down as they end, and tells of cameras that somebody looks at."""

    def __init__(self, memory: MemorySide, history: CameraHistory, records: VisitRecords, clock: Clock) -> None:
        self._memory = memory
        self._history = history
        self._records = records
        self._clock = clock
        self._waiting: deque[tuple[CameraSpan, ...]] = deque(maxlen=MOST_SPANS)  # the oldest go first
        self._running = span_at(clock.now())
        self._is_store_away = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Remember until ``stopping``; the span that runs then is written down as far as it came."""
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(ending))
            keeping = tasks.create_task(self._keep(ending))
            try:
                await stopping.wait()
            finally:
                ending.set()  # also when another part has died: a command of redis-py may miss that, but not this
            telling.cancel()
            await keeping
        self._end(self._clock.now())
        await self._write()

    async def _keep(self, stopping: asyncio.Event) -> None:
        while not await pause(self._clock, stopping, TICK_S):
            now = self._clock.now()
            if span_at(now) != self._running:
                self._end(now)
            if self._waiting:
                await self._write()

    def _end(self, now: datetime) -> None:
        self._waiting.append(self._memory.end_span(self._running))
        self._running = span_at(now)

    async def _write(self) -> None:
        while self._waiting:  # nobody else puts anything in meanwhile: see _keep
            spans = self._waiting[0]
            try:
                await self._history.keep(spans[:AT_ONCE], self._running - KEPT_FOR)
            except StoreError as error:
                if not self._is_store_away:
                    _log.error("cameras' histories wait for the store: %s", error)
                self._is_store_away = True
                return
            self._is_store_away = False
            self._waiting[0] = spans[AT_ONCE:]
            if not self._waiting[0]:
                self._waiting.popleft()

    async def _tell(self, stopping: asyncio.Event) -> None:
        while not await pause(self._clock, stopping, TICK_S):
            try:
                for camera_id in await self._records.wanted():
                    record = self._memory.record(camera_id)
                    if record is not None:
                        await self._records.show(record)
            except QueueError:
                continue  # the relay says that it is away
