"""Ports in memory: for tests of decisions and for replay. Part of the product, held to the same contracts."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from patrol.domain.errors import QueueError
from patrol.domain.incidents import EvidenceId
from patrol.domain.messages import DEAD_STREAM, Message
from patrol.domain.room import TourStatus
from patrol.ports import Delivery


class FakeClock:
    """A clock whose sleep advances time: four hours of tour pass in milliseconds."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """See Clock."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """See Clock."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Advance at once, and let others run."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += max(0.0, seconds)


class MemoryEvidence:
    """EvidenceStore in a dictionary."""

    def __init__(self) -> None:
        self.pictures: dict[EvidenceId, bytes] = {}

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        """See EvidenceStore."""
        self.pictures[evidence_id] = jpeg

    async def get(self, evidence_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        return self.pictures.get(evidence_id)

    async def remove(self, evidence_id: EvidenceId) -> None:
        """See EvidenceStore."""
        self.pictures.pop(evidence_id, None)


class MemoryQueue:
    """Streams in memory, with groups that begin at 0. ``broken`` makes every call fail as Redis away would."""

    def __init__(self) -> None:
        self.streams: dict[str, list[bytes]] = defaultdict(list)
        self.broken = False
        self._arrived = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher."""
        self.check()
        for message in messages:
            self.append(message.stream, message.body.encode())

    def append(self, stream: str, body: bytes) -> None:
        """Put any bytes on a stream, as a stranger could."""
        self.streams[stream].append(body)
        self._arrived.set()

    def check(self) -> None:
        """Raises QueueError while broken."""
        if self.broken:
            raise QueueError("memory queue: away")

    async def arrival(self, wait_s: float) -> None:
        """Wait until something was published, at most ``wait_s``."""
        self._arrived.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._arrived.wait()
        except TimeoutError:
            return


class MemorySubscription:
    """Subscription on a MemoryQueue: one group with one consumer. ``restart`` forgets what a process would."""

    def __init__(self, queue: MemoryQueue, streams: Sequence[str]) -> None:
        self._queue = queue
        self._streams = tuple(streams)
        self._read: dict[str, int] = dict.fromkeys(streams, 0)
        self._pending: dict[tuple[str, str], Delivery] = {}
        self._again: list[Delivery] = []

    def restart(self) -> None:
        """A new process with the same consumer name: what was not acknowledged comes again."""
        self._again = [Delivery(d.stream, d.entry_id, d.body, d.attempt + 1) for d in self._pending.values()]

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """See Subscription."""
        self._queue.check()
        found = self._take(limit)
        if not found:
            await self._queue.arrival(wait_s)
            found = self._take(limit)
        return found

    def _take(self, limit: int) -> list[Delivery]:
        found, self._again = self._again[:limit], self._again[limit:]
        for stream in self._streams:
            bodies = self._queue.streams[stream][self._read[stream] :][: limit - len(found)]
            found += [Delivery(stream, str(self._read[stream] + index), body, 1) for index, body in enumerate(bodies)]
            self._read[stream] += len(bodies)
        self._pending |= {(d.stream, d.entry_id): d for d in found}
        return found

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See Subscription."""
        self._queue.check()
        for delivery in deliveries:
            self._pending.pop((delivery.stream, delivery.entry_id), None)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """See Subscription."""
        self._queue.append(DEAD_STREAM, delivery.body)
        await self.acknowledge([delivery])


class MemoryTourReports:
    """TourReports in one field: for one process."""

    def __init__(self) -> None:
        self._latest: TourStatus | None = None

    async def report(self, status: TourStatus) -> None:
        """See TourReports."""
        self._latest = status

    async def latest(self) -> TourStatus | None:
        """See TourReports."""
        return self._latest
