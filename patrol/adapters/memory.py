"""Ports in memory: for tests of decisions and for replay. Part of the product, held to the same contracts."""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from patrol.domain.alerts import Candidate
from patrol.domain.deeds import Deed
from patrol.domain.dispatch import Outcome, Situation
from patrol.domain.errors import QueueError, StoreError, StoreFailure
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import ClockName, EvidenceId, Incident, IncidentId
from patrol.domain.messages import DEAD_STREAM, Message
from patrol.domain.requests import TourRequest
from patrol.domain.room import TourStatus
from patrol.domain.staffing import RosterStanding
from patrol.domain.streams import EntryId
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Delivery, Effect, MessagesRefusedError, Spooled

# So many turns of the event loop without a new sleeper count as "nobody has anything left to do".
QUIET_TURNS = 20


class FakeClock:
    """A clock that runs on by itself once everybody sleeps: hours of tour pass in a moment, always in the same order.

    It cannot see into threads: while one works, the time of those that sleep runs on.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._quiet_turns = 0
        self._ticks_on: asyncio.AbstractEventLoop | None = None

    def now(self) -> datetime:
        """See Clock."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """See Clock."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """See Clock. Takes no real time."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + max(0.0, seconds), next(self._numbers), woken))
        self._quiet_turns = 0
        if self._ticks_on is not loop:
            self._ticks_on = loop
            loop.call_soon(self._tick, loop)
        await woken

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """See Clock. Takes no real time."""
        async with asyncio.TaskGroup() as waits:
            passing = waits.create_task(self.sleep(seconds))
            told = waits.create_task(event.wait())
            await asyncio.wait((passing, told), return_when=asyncio.FIRST_COMPLETED)
            passing.cancel()
            told.cancel()
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += max(0.0, seconds)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._sleepers and self._sleepers[0][2].done():  # cancelled: nobody waits for that time any more
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            self._ticks_on = None
            return
        self._quiet_turns += 1
        if self._sleepers[0][0] <= self._elapsed_s or self._quiet_turns >= QUIET_TURNS:
            wakes_at, _, woken = heapq.heappop(self._sleepers)
            self._elapsed_s = max(self._elapsed_s, wakes_at)
            self._quiet_turns = 0
            woken.set_result(None)
        loop.call_soon(self._tick, loop)


class MemoryEvidence:
    """EvidenceStore in a dictionary."""

    def __init__(self) -> None:
        self.pictures: dict[EvidenceId, bytes] = {}
        self.clips: dict[EvidenceId, bytes] = {}

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        """See EvidenceStore."""
        self.pictures[evidence_id] = jpeg

    async def get(self, evidence_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        return self.pictures.get(evidence_id)

    async def remove(self, evidence_id: EvidenceId) -> None:
        """See EvidenceStore."""
        self.pictures.pop(evidence_id, None)

    async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
        """See EvidenceStore."""
        self.clips[clip_id] = webm

    async def get_clip(self, clip_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        return self.clips.get(clip_id)


class MemorySpool:
    """Spool in a dictionary. ``most``: so many wait at most. ``broken``: every call fails as on a broken disk."""

    def __init__(self, most: int = 1000) -> None:
        self.records: dict[int, Spooled] = {}
        self.aside: list[Spooled] = []
        self.most = most
        self.broken = False
        self._numbers = count(1)

    @property
    def waiting(self) -> int:
        """See Spool."""
        return len(self.records)

    @property
    def size(self) -> int:
        """See Spool."""
        return sum(len(record.jpeg) for record in self.records.values())

    async def keep(self, candidate: Candidate, jpeg: bytes) -> None:
        """See Spool."""
        self._check()
        if len(self.records) >= self.most:
            raise StoreError("memory spool: full", StoreFailure.DISK_FULL)
        number = next(self._numbers)
        self.records[number] = Spooled(number, candidate, jpeg)

    async def oldest(self) -> Spooled | None:
        """See Spool."""
        self._check()
        return next(iter(self.records.values()), None)

    async def done(self, spooled: Spooled) -> None:
        """See Spool."""
        self._check()
        del self.records[spooled.number]

    async def set_aside(self, spooled: Spooled) -> None:
        """See Spool."""
        self._check()
        self.aside.append(self.records.pop(spooled.number))

    def _check(self) -> None:
        if self.broken:
            raise StoreError("memory spool: broken")


class MemoryIncidents:
    """IncidentStore and MaintenanceStore in a dictionary, for incidents that no unit is sent to.

    ``messages``: all that were told, oldest first. ``deeds``: what people did. ``broken``: every call fails as
    without a database.
    """

    def __init__(self) -> None:
        self.incidents: dict[IncidentId, Incident] = {}
        self.messages: list[Message] = []
        self.deeds: list[Deed] = []
        self.broken = False
        self._effects: set[Effect] = set()

    async def decide(
        self, incident_id: IncidentId, decision: Callable[[Situation], Outcome], once: Effect | None = None
    ) -> Outcome | None:
        """See IncidentStore."""
        self._check()
        if once in self._effects:
            return None
        outcome = decision(Situation(self.incidents[incident_id], (), ()))
        self._take(outcome)
        if once is not None:
            self._effects.add(once)
        return outcome

    async def decide_together(
        self, incident_ids: Sequence[IncidentId], decision: Callable[[Sequence[Situation]], Sequence[Outcome]]
    ) -> Sequence[Outcome]:
        """See IncidentStore."""
        self._check()
        outcomes = decision([Situation(self.incidents[incident_id], (), ()) for incident_id in incident_ids])
        for outcome in outcomes:
            self._take(outcome)
        return outcomes

    async def begin(self, outcome: Outcome) -> Incident:
        """See MaintenanceStore."""
        self._check()
        assert outcome.incident is not None
        if outcome.incident.id not in self.incidents:
            self._take(outcome)
        return self.incidents[outcome.incident.id]

    async def open_maintenance(self) -> frozenset[IncidentId]:
        """See MaintenanceStore."""
        self._check()
        return frozenset(incident.id for incident in self._maintenance() if incident.is_open)

    async def latest_maintenance(self, closed_since: datetime) -> Sequence[Incident]:
        """See MaintenanceStore."""
        self._check()
        return [
            incident
            for incident in self._maintenance()
            if incident.is_open or incident.clocks[ClockName.CLOSED].at >= closed_since
        ]

    def _maintenance(self) -> list[Incident]:
        return [one for one in self.incidents.values() if one.incident_class is IncidentClass.MAINTENANCE]

    def _take(self, outcome: Outcome) -> None:
        if outcome.incident is not None:
            self.incidents[outcome.incident.id] = outcome.incident
        self.messages += outcome.messages
        if outcome.deed is not None:
            self.deeds.append(outcome.deed)

    def _check(self) -> None:
        if self.broken:
            raise StoreError("memory store: away")


@dataclass(slots=True)
class _Pending:
    """A message delivered to a consumer and not acknowledged."""

    body: bytes
    consumer: str
    delivered_at: float
    attempt: int


@dataclass(slots=True)
class _Group:
    """How far a group has read each stream, and what its consumers have in hand, oldest first."""

    read: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    pending: dict[tuple[str, int], _Pending] = field(default_factory=dict)


class MemoryQueue:
    """Publisher on streams in memory, with groups that begin at 0.

    ``broken``: every call fails as without Redis. ``refusing``: these streams take nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.streams: dict[str, list[bytes]] = defaultdict(list)
        self.reasons: list[str] = []
        self.broken = False
        self.refusing: set[str] = set()
        self._groups: dict[str, _Group] = defaultdict(_Group)
        self._arrived = asyncio.Event()

    async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
        """See Publisher. Entries are numbered from 1 on."""
        self.check()
        refused: dict[int, str] = {}
        taken: dict[int, EntryId] = {}
        for index, message in enumerate(messages):
            if message.stream in self.refusing:
                refused[index] = f"memory queue: {message.stream} refuses"
            else:
                self.append(message.stream, message.body.encode())
                taken[index] = EntryId(len(self.streams[message.stream]))
        if refused:
            raise MessagesRefusedError(refused, taken)
        return list(taken.values())

    async def dead_letters(self) -> int:
        """How many messages lie in the dead letters. Raises QueueError."""
        self.check()
        return len(self.streams[DEAD_STREAM])

    def append(self, stream: str, body: bytes) -> None:
        """Put any bytes on a stream, as a stranger could."""
        self.streams[stream].append(body)
        self._arrived.set()

    def empty(self) -> None:
        """Forget everything, the groups too, as FLUSHALL does."""
        self.streams.clear()
        self.reasons.clear()
        self._groups.clear()

    def check(self) -> None:
        """Raises QueueError while broken."""
        if self.broken:
            raise QueueError("memory queue: away")

    def group(self, name: str) -> _Group:
        """The group's standing; made at 0 where there is none."""
        return self._groups[name]

    async def arrival(self, wait_s: float) -> None:
        """Wait until something was published, at most ``wait_s``."""
        self._arrived.clear()
        await pause(self.clock, self._arrived, wait_s)


class MemorySubscription:
    """Subscription on a MemoryQueue. A new one with the same consumer name is that consumer, restarted."""

    def __init__(
        self, queue: MemoryQueue, group: str, consumer: str, streams: Sequence[str], *, lease_s: float = 30.0
    ) -> None:
        self._queue = queue
        self._group = group
        self._consumer = consumer
        self._streams = tuple(streams)
        self._lease_s = lease_s
        self._own: list[tuple[str, int]] | None = None  # None: not read again yet

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """See Subscription."""
        self._check()
        found = self._take(limit)
        if not found:
            await self._queue.arrival(wait_s)
            self._check()
            found = self._take(limit)
        return found

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See Subscription."""
        self._check()
        pending = self._queue.group(self._group).pending
        for delivery in deliveries:
            pending.pop((delivery.stream, int(delivery.entry_id)), None)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """See Subscription."""
        self._check()
        self._queue.append(DEAD_STREAM, delivery.body)
        self._queue.reasons.append(reason)
        await self.acknowledge([delivery])

    def _check(self) -> None:
        try:
            self._queue.check()
        except QueueError:
            self._own = None  # what is in hand may be in nobody's hands now
            raise

    def _take(self, limit: int) -> list[Delivery]:
        group = self._queue.group(self._group)
        if self._own is None:
            self._own = [key for key, pending in group.pending.items() if pending.consumer == self._consumer]
        # One at a time: where one kills its handler, the tries of those behind it must not grow with its own.
        again, self._own = self._own[:1], self._own[1:]
        late = self._queue.clock.monotonic() - self._lease_s
        again = again or [key for key, pending in group.pending.items() if pending.delivered_at <= late][:1]
        return [self._deliver(group, key) for key in (again or self._unread(group)[:limit]) if key[0] in self._streams]

    def _unread(self, group: _Group) -> list[tuple[str, int]]:
        return [
            (stream, index)
            for stream in self._streams
            for index in range(group.read[stream], len(self._queue.streams[stream]))
        ]

    def _deliver(self, group: _Group, key: tuple[str, int]) -> Delivery:
        stream, index = key
        before = group.pending.get(key)
        body = before.body if before else self._queue.streams[stream][index]
        attempt = before.attempt + 1 if before else 1
        group.read[stream] = max(group.read[stream], index + 1)
        group.pending[key] = _Pending(body, self._consumer, self._queue.clock.monotonic(), attempt)
        return Delivery(stream, str(index), body, attempt)


class MemoryTourRequests:
    """TourRequests in one list: for one process."""

    def __init__(self) -> None:
        self._requests: deque[TourRequest] = deque(maxlen=100)

    async def ask(self, request: TourRequest) -> None:
        """See TourRequests."""
        self._requests.append(request)

    async def take(self) -> Sequence[TourRequest]:
        """See TourRequests."""
        taken = list(self._requests)
        self._requests.clear()
        return taken


class MemoryRosterReports:
    """RosterReports in one field: for one process."""

    def __init__(self) -> None:
        self._latest: RosterStanding | None = None

    async def report(self, standing: RosterStanding) -> None:
        """See RosterReports."""
        self._latest = standing

    async def latest(self) -> RosterStanding | None:
        """See RosterReports."""
        return self._latest


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
