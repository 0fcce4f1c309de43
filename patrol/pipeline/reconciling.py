"""Reconciling: what the queue lost is published again, what everybody has acknowledged is settled, and then trimmed.

A queue loses what it acknowledged: emptied, restored from an old file, or failed over to a replica that had not got it.
The store knows better. See domain/streams.py for what is decided, and docs/adr/016-nothing-lost.md for why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from patrol.domain.errors import QueueError, StoreError
from patrol.domain.messages import DEAD_STREAM, STREAMS
from patrol.domain.streams import (
    FLEETING,
    EntryId,
    PublishedRow,
    QueueState,
    Unsettled,
    compare,
    may_have_lost,
    trim_before,
    trim_fleeting_before,
)
from patrol.metrics import Metrics
from patrol.pipeline.steps import Step, passing
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, SettlingOutbox, StreamKeeper

_log = logging.getLogger(__name__)

ROUND_S = 2.0
PAGE = 500  # messages compared at once: some 0.7 MB


class Reconciling:
    """Compares store and streams, one page a round; all pages at once where the queue may have lost something."""

    def __init__(self, outbox: SettlingOutbox, keeper: StreamKeeper, clock: Clock, metrics: Metrics) -> None:
        self._outbox = outbox
        self._keeper = keeper
        self._clock = clock
        self._metrics = metrics
        self._before: QueueState | None = None  # of the last round that compared everything it had to
        self._compared_to = 0
        self._failing = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Reconcile until ``stopping``, beginning at once."""
        while not stopping.is_set():
            try:
                await self.round()
                self._failing = False
            except (QueueError, StoreError) as error:  # the relay says so, too, and sooner
                self._metrics.stages.errors.labels("reconcile").inc()
                if not self._failing:
                    _log.error("reconciling waits: %s", error)
                self._failing = True
            await pause(self._clock, stopping, ROUND_S)

    async def round(self) -> None:
        """Look at the queue, compare, trim. Raises QueueError, StoreError: then the next round begins anew."""
        page, unsettled = await self._next_page(), await self._outbox.unsettled_by_stream()
        state = await self._keeper.look(STREAMS)
        self._show(state)
        if may_have_lost(state, unsettled, self._before):
            if self._before is not None:
                _log.warning("the queue may have lost messages: all that are not settled are compared")
            self._before, self._compared_to = None, 0
            while await self._compare(await self._next_page(), await self._keeper.look(STREAMS)):
                pass
        else:
            await self._compare(page, state)
        self._before = state
        passing(Step.RECONCILE_NOTED)
        await self._trim(state)

    async def _next_page(self) -> Sequence[PublishedRow]:
        """To be read before the queue is looked at; see compare."""
        return await self._outbox.unsettled(self._compared_to, PAGE)

    async def _compare(self, rows: Sequence[PublishedRow], state: QueueState) -> bool:
        """Compare one page; returns whether there is another."""
        places = [(row.message.stream, row.entry or EntryId(0)) for row in rows]
        found = await self._keeper.bodies(places) if places else ()
        result = compare(rows, found, state, await self._keeper.look(STREAMS) if rows else state)
        passing(Step.RECONCILE_COMPARED)
        if result.lost or result.settled:
            await self._outbox.settle(result.settled, result.lost)
        if result.lost:
            _log.warning("%d messages that the queue had lost are published again", len(result.lost))
            self._metrics.queue.published_again.inc(len(result.lost))
        is_last = len(rows) < PAGE
        self._compared_to = 0 if is_last else rows[-1].number
        return not is_last

    async def _trim(self, state: QueueState) -> None:
        unsettled = await self._outbox.unsettled_by_stream()
        bounds = {
            name: bound
            for name in state.streams
            if name != DEAD_STREAM  # people decide about these
            and (bound := _trim_before(name, state, unsettled)) is not None
        }
        if bounds:
            self._metrics.queue.trimmed.inc(await self._keeper.trim(bounds))
        self._metrics.queue.unsettled.set(sum(waiting.count for waiting in unsettled.values()))

    def _show(self, state: QueueState) -> None:
        for name in STREAMS:
            stream = state.streams.get(name)
            self._metrics.queue.entries.labels(name).set(stream.length if stream is not None else 0)
        self._metrics.queue.memory.set(state.memory_share or 0.0)


def _trim_before(name: str, state: QueueState, unsettled: Mapping[str, Unsettled]) -> EntryId | None:
    if name in FLEETING:
        return trim_fleeting_before(state.streams[name], state.now_ms)
    return trim_before(state.streams[name], unsettled.get(name), state.now_ms)
