"""Consuming: how every consumer of the queue works. The effect first, then the acknowledgement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from patrol.domain.errors import IllegalTransition, MessageError, QueueError, StoreError
from patrol.domain.messages import Envelope, read_message
from patrol.metrics import Metrics
from patrol.pipeline.steps import Step, passing
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Delivery, Subscription

_log = logging.getLogger(__name__)

BATCH = 50
WAIT_S = 0.5
RETRY_S = 1.0
MAX_ATTEMPTS = 5

Handle = Callable[[Envelope], Awaitable[bool]]
"""Stores a message's effect. Returns False if it was stored before. May raise MessageError, StoreError."""


class Consuming:
    """One consumer: receives, has the effect stored, acknowledges; what cannot be handled goes to the dead letters."""

    def __init__(self, group: str, subscription: Subscription, handle: Handle, clock: Clock, metrics: Metrics) -> None:
        self._group = group
        self._subscription = subscription
        self._handle = handle
        self._clock = clock
        self._metrics = metrics
        self._away = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Consume until ``stopping``; a message begun is finished."""
        while not stopping.is_set():
            try:
                deliveries = await self._subscription.receive(BATCH, WAIT_S)
                for delivery in deliveries:
                    await self._take(delivery, stopping)
            except QueueError as error:
                await self._queue_away(error, stopping)
                continue
            if self._away:
                self._away = False
                _log.info("%s: the queue is back", self._group)

    async def _take(self, delivery: Delivery, stopping: asyncio.Event) -> None:
        if delivery.attempt >= MAX_ATTEMPTS:
            await self._bury(delivery, f"delivered {delivery.attempt} times and never acknowledged")
            return
        try:
            passing(Step.CONSUME_TAKEN)
            began = self._clock.monotonic()
            envelope = read_message(delivery.body)
            fresh = await self._handle_for_sure(envelope, stopping)
        except (MessageError, IllegalTransition) as error:
            await self._bury(delivery, str(error))
            return
        if fresh is None:
            return  # stopping while the store is away: the message stays ours and comes again
        self._metrics.queue.handling.labels(self._group).observe(self._clock.monotonic() - began)
        counter = self._metrics.queue.handled if fresh else self._metrics.queue.repeated
        counter.labels(self._group).inc()
        passing(Step.CONSUME_STORED)
        await self._subscription.acknowledge([delivery])
        passing(Step.CONSUME_ACKNOWLEDGED)

    async def _handle_for_sure(self, envelope: Envelope, stopping: asyncio.Event) -> bool | None:
        failures = 0
        while True:
            try:
                return await self._handle(envelope)
            except StoreError as error:
                # The store being away is nobody's fault but its own: such a try does not count towards burial.
                self._metrics.stages.errors.labels("dispatch").inc()
                if failures == 0:
                    _log.error("%s: message %s waits for the store: %s", self._group, envelope.id, error)
                failures += 1
            if await pause(self._clock, stopping, RETRY_S):
                return None

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        _log.error("%s: message %s on %s is dead: %s", self._group, delivery.entry_id, delivery.stream, reason)
        await self._subscription.bury(delivery, reason)
        self._metrics.queue.dead.labels(self._group).inc()

    async def _queue_away(self, error: QueueError, stopping: asyncio.Event) -> None:
        if not self._away:
            self._away = True
            _log.error("%s: %s", self._group, error)
        await pause(self._clock, stopping, RETRY_S)
