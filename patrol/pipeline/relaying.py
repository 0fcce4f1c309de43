"""Relaying: from the outbox to the queue, at least once, in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from patrol.domain.errors import QueueError, StoreError
from patrol.domain.messages import HEARTBEAT_STREAM
from patrol.domain.streams import EntryId
from patrol.metrics import Metrics
from patrol.pipeline.steps import Step, passing
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, MessagesRefusedError, Outbox, OutboxRow, Publisher

_log = logging.getLogger(__name__)

BATCH = 200
MAX_ROWS = 5 * BATCH  # as far as the outbox is looked through for what its way is free for
POLL_S = 0.5  # though nobody told of anything
GATHER_S = 0.01  # from one look to the next: what comes meanwhile costs one round trip and one commit together
BUSY_GATHER_S, BUSY_ROWS = 0.03, 30  # where a look brings so many, the next one can wait a little longer
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)

_Part = Literal["queue", "store"]


class Relaying:
    """Publishes what waits; in doubt a message is sent again with the same id.

    A stream that refuses is tried again by and by, and what waits for it keeps its order; the others go on.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, clock: Clock, metrics: Metrics) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._failures = 0
        self._failing: list[_Part] = []
        self._refusing: dict[str, str] = {}  # stream: why
        self._refusals = 0
        self._refusing_due_at = 0.0
        self._held_rows = 0
        self._is_busy = False
        self.degraded: str | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Relay until ``stopping``, and then once more what was decided on before."""
        while not stopping.is_set():
            began = self._clock.monotonic()
            pause_s = await self._round()
            if pause_s is None:
                await self._outbox.news(POLL_S)
                gather_s = BUSY_GATHER_S if self._is_busy else GATHER_S
                pause_s = max(0.0, began + gather_s - self._clock.monotonic())
            if pause_s > 0.0:
                await pause(self._clock, stopping, pause_s)
        await self.drain()

    async def drain(self) -> None:
        """Publish what waits, as long as that works; the rest stays in the outbox for the next start."""
        while await self._waits() and await self._round() == 0.0:
            pass

    async def _waits(self) -> bool:
        try:
            count, _ = await self._outbox.waiting()
        except StoreError:
            return False
        return count > 0

    async def _round(self) -> float | None:
        """Relay one batch. Returns the seconds to wait before the next round; None: until something comes."""
        try:
            more = await self._relay_batch()
        except StoreError as error:
            return self._failed("store", error)
        except QueueError as error:
            # How much waits, and for how long, matters most while nothing goes out.
            with contextlib.suppress(StoreError):
                await self._show_waiting()
            return self._failed("queue", error)
        self._recovered()
        return 0.0 if more else None

    async def _show_waiting(self) -> None:
        self._show(*await self._outbox.waiting())

    def _show(self, count: int, oldest: datetime | None) -> None:
        self._metrics.queue.outbox.set(count)
        self._metrics.queue.outbox_age.set((self._clock.now() - oldest).total_seconds() if oldest else 0.0)

    async def _relay_batch(self) -> bool:
        """Returns whether more may wait whose way is free."""
        limit = BATCH + self._held_rows
        rows = await self._outbox.unpublished(limit)
        self._is_busy = len(rows) >= BUSY_ROWS
        if not rows:  # as nearly always: one look at the store is enough
            self._held_rows = 0
            self._show(0, None)
            return False
        passing(Step.RELAY_READ)
        tried = self._due(rows)
        taken, refused = await self._publish(tried) if tried else ({}, {})
        passing(Step.RELAY_PUBLISHED)
        if taken:
            await self._outbox.mark_published(taken)
            passing(Step.RELAY_MARKED)
            self._metrics.queue.published.inc(len(taken))
        if tried:
            self._note_refusals(tried, refused)
        self._held_rows = min(len(rows) - len(taken), MAX_ROWS - BATCH)
        if len(rows) < limit:  # all there was: nothing has to be counted
            since = [row.waiting_since for row in rows if row.number not in taken]
            self._show(len(since), min(since, default=None))
        else:
            await self._show_waiting()
        return len(rows) == limit and (bool(taken) or BATCH + self._held_rows > limit)

    def _due(self, rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
        if self._clock.monotonic() >= self._refusing_due_at:
            return rows
        return [row for row in rows if row.message.stream not in self._refusing]

    async def _publish(self, rows: Sequence[OutboxRow]) -> tuple[Mapping[int, EntryId], Mapping[int, str]]:
        """Where what was taken lies, by its number, and why the others were refused, by their index.

        Raises QueueError: any of them may have arrived.
        """
        position = max((row.number for row in rows if row.message.stream != HEARTBEAT_STREAM), default=0)
        try:
            places = await self._publisher.publish([row.message for row in rows], position)
        except MessagesRefusedError as error:
            return {rows[index].number: place for index, place in error.taken.items()}, error.refused
        return {row.number: place for row, place in zip(rows, places, strict=True)}, {}

    def _note_refusals(self, tried: Sequence[OutboxRow], refused: Mapping[int, str]) -> None:
        reasons = {tried[index].message.stream: why for index, why in refused.items()}
        for stream, why in reasons.items():
            if stream not in self._refusing:
                _log.error("queue refuses what is for %s, it waits: %s", stream, why)
        for stream in {row.message.stream for row in tried} & self._refusing.keys() - reasons.keys():
            _log.info("queue takes what is for %s again", stream)
            del self._refusing[stream]
        self._refusing.update(reasons)
        if reasons:
            self._metrics.stages.errors.labels("relay").inc(len(refused))
            self._refusing_due_at = self._clock.monotonic() + RETRY_S[min(self._refusals, len(RETRY_S) - 1)]
            self._refusals += 1
        elif not self._refusing:
            self._refusals = 0

    def _failed(self, part: _Part, error: QueueError | StoreError) -> float:
        self._metrics.stages.errors.labels("relay").inc()
        if part == "queue":
            self._metrics.queue.degraded.set(1)
        if part not in self._failing:
            _log.error("%s degraded: %s", part, error)
            self._failing.append(part)
        self.degraded = str(error)
        pause_s = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        return pause_s

    def _recovered(self) -> None:
        if self._failing:
            _log.info("%s restored after %d failures", " and ".join(self._failing), self._failures)
        self._failures = 0
        self._failing.clear()
        self.degraded = next(iter(self._refusing.values()), None)
        self._metrics.queue.degraded.set(1 if self._refusing else 0)
