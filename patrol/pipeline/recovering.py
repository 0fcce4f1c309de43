"""Recovering: a backup of the database was put back, and what the queue still knows comes back into it.

Every role looks when it starts, before it decides anything; the relay also makes up for it. See domain/recovering.py
for what is decided, and docs/adr/016-nothing-lost.md for why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence

from patrol.domain.errors import MessageError, QueueError, StoreError
from patrol.domain.incidents import IncidentId
from patrol.domain.messages import ALERT_STREAMS, INCIDENT_STREAM, ORDER_STREAMS, Envelope, read_message
from patrol.domain.reading_back import Known
from patrol.domain.recovering import Recovered, Stored, recover
from patrol.domain.restoring import Restoration, went_back
from patrol.domain.streams import EntryId
from patrol.domain.told_messages import TOLD_BY_STREAM, Told
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, RecoverableStore, ToldMessages

_log = logging.getLogger(__name__)

STREAMS = (*ALERT_STREAMS, INCIDENT_STREAM, *ORDER_STREAMS)
PAGE = 500
LOOK_WITHIN_S = 5.0  # where nobody listens is known at once; a role does not wait for a queue that says nothing
RETRY_S = 1.0


class Recovering:
    """Sees that the store went back, holds everybody up, and brings it up to date."""

    def __init__(
        self, store: RecoverableStore, messages: ToldMessages, known: Known, clock: Clock, metrics: Metrics
    ) -> None:
        self._store = store
        self._messages = messages
        self._known = known
        self._clock = clock
        self._metrics = metrics
        self._looked = False

    async def look(self) -> None:
        """Whether the store went back, if both answer in time."""
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                await self._look()
        except (QueueError, StoreError, TimeoutError):
            pass  # ``run`` looks again

    async def _look(self) -> None:
        """Raises QueueError, StoreError."""
        seen, _ = await self._messages.seen()
        reached, at = await self._store.reached()
        self._looked = True
        if went_back(reached, seen) and await self._store.behind() is None:
            _log.error(
                "the database is older than the queue: it has come to message %d and heartbeat %d, of %s; the queue has"
                " seen %d and %d. Nothing is decided until the relay has brought it up to date",
                reached.position,
                reached.heartbeat,
                at,
                seen.position,
                seen.heartbeat,
            )
            await self._store.note_behind(seen)

    async def run(self, stopping: asyncio.Event, *, repairs: bool) -> None:
        """Look, if that did not work at the start. ``repairs``: bring the store up to date, too, if need be."""
        failing = False
        while not stopping.is_set():
            try:
                if not self._looked:
                    await self._look()
                if repairs and await self._store.behind() is not None:
                    await self._bring_up_to_date()
                return
            except (QueueError, StoreError) as error:
                self._metrics.stages.errors.labels("reconcile").inc()
                if not failing:
                    _log.error("whether the database went back is not known yet: %s", error)
                failing = True
            await pause(self._clock, stopping, RETRY_S)

    async def _bring_up_to_date(self) -> None:
        reached, back_to = await self._store.reached()
        _, oldest = await self._messages.seen()
        told = await self._told()
        refused: Mapping[IncidentId, str] = {}
        now = self._clock.now()

        def made(stored: Mapping[IncidentId, Stored]) -> Sequence[Recovered]:
            nonlocal refused
            found, refused = recover({one: each for one, (each, _) in told.items()}, stored, self._known, now)
            return found

        complete = oldest is not None and oldest <= reached.heartbeat + 1
        begun = Restoration(now, back_to, complete, incidents=0, alerts=0, orders=0)
        done = await self._store.recover(list(told), made, begun)
        if done is None:
            return
        for incident_id, why in refused.items():
            await self._bury(told[incident_id][1], why)
        _log.error(
            "a backup of the database of %s was put back: %d incidents, %d alerts and %d orders came back from the"
            " queue, %d incidents could not be read%s",
            back_to,
            done.incidents,
            done.alerts,
            done.orders,
            done.refused,
            "" if done.complete else "; the queue had no longer all of it",
        )
        self._metrics.queue.recovered.inc(done.alerts)

    async def _told(self) -> dict[IncidentId, tuple[Told, list[_Place]]]:
        """All that was told and the store does not know, by incident, and where its alerts lie."""
        known: dict[IncidentId, int] = {}
        found: dict[IncidentId, tuple[Told, list[_Place]]] = {}
        for stream in STREAMS:
            async for page in _pages(self._messages, stream):
                asked = list({envelope.incident_id for envelope, _ in page} - known.keys())
                known |= dict.fromkeys(asked, 0) | dict(await self._store.sequences(asked))
                for envelope, place in page:
                    if envelope.sequence > known[envelope.incident_id]:
                        told, places = found.get(envelope.incident_id, (Told(), []))
                        if stream in ALERT_STREAMS:
                            places.append(place)
                        found[envelope.incident_id] = (told.and_this(envelope), places)
        return found

    async def _bury(self, places: Sequence[_Place], why: str) -> None:
        """Raises QueueError: then it is in the log at least."""
        for stream, entry, body in places:
            _log.error("%s on %s cannot be taken back into the store: %s", entry, stream, why)
            await self._messages.bury(stream, entry, body, why)


_Place = tuple[str, EntryId, bytes]


async def _pages(messages: ToldMessages, stream: str) -> AsyncIterator[list[tuple[Envelope, _Place]]]:
    """All messages of a stream that can be read, page by page."""
    after: EntryId | None = None
    while True:
        page = await messages.page(stream, after, PAGE)
        yield [(envelope, (stream, *entry)) for entry in page if (envelope := _readable(entry[1])) is not None]
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _readable(body: bytes) -> Envelope | None:
    """Poison is dispatch's, and among the dead letters by now."""
    try:
        envelope = read_message(body)
        return envelope if envelope.type in TOLD_BY_STREAM and envelope.incident_id else None
    except MessageError:
        return None
