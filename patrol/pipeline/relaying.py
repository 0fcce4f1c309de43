"""Relaying: from the outbox to the queue, at least once, in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from patrol.domain.errors import QueueError, StoreError
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Outbox, Publisher

_log = logging.getLogger(__name__)

BATCH = 200
POLL_S = 0.1
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Relaying:
    """Publishes what waits; in doubt a message is sent again with the same id."""

    def __init__(self, outbox: Outbox, publisher: Publisher, clock: Clock, metrics: Metrics) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._failures = 0
        self.degraded: str | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Relay until ``stopping``, and then once more what was decided on before."""
        while not await pause(self._clock, stopping, await self._round()):
            pass
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

    async def _round(self) -> float:
        """Relay one batch. Returns the seconds to wait before the next round."""
        try:
            published = await self._relay_batch()
            await self._show_waiting()
        except StoreError as error:
            return self._failed(error)
        except QueueError as error:
            # How much waits, and for how long, matters most while nothing goes out.
            with contextlib.suppress(StoreError):
                await self._show_waiting()
            return self._failed(error)
        self._recovered()
        return 0.0 if published == BATCH else POLL_S

    async def _show_waiting(self) -> None:
        count, oldest = await self._outbox.waiting()
        self._metrics.queue.outbox.set(count)
        self._metrics.queue.outbox_age.set((self._clock.now() - oldest).total_seconds() if oldest else 0.0)

    async def _relay_batch(self) -> int:
        rows = await self._outbox.unpublished(BATCH)
        if rows:
            await self._publisher.publish([row.message for row in rows])
            await self._outbox.mark_published(rows)
            self._metrics.queue.published.inc(len(rows))
        return len(rows)

    def _failed(self, error: QueueError | StoreError) -> float:
        self._metrics.stages.errors.labels("relay").inc()
        self._metrics.queue.degraded.set(1)
        if self._failures == 0:
            _log.error("queue degraded: %s", error)
        self.degraded = str(error)
        pause_s = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        return pause_s

    def _recovered(self) -> None:
        if self._failures:
            _log.info("queue restored after %d failures", self._failures)
        self._failures = 0
        self.degraded = None
        self._metrics.queue.degraded.set(0)
