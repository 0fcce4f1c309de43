"""Streams in memory as Redis has them: ids of the server's clock, groups that lie in their stream, trimming, old files.

Patrol's own MemoryQueue knows no ids and no trimming: enough to test a consumer on. This one is for what compares the
store with the streams, and it is held to the same contract as a real Valkey (tests/adapters/test_queue_contract.py).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from patrol.adapters.memory import FakeClock
from patrol.domain.errors import QueueError
from patrol.domain.messages import DEAD_STREAM, Message
from patrol.domain.streams import EntryId, GroupState, QueueState, StreamState
from patrol.pipeline.stopping import pause
from patrol.ports import Delivery

BEFORE_ALL = EntryId(0)


@dataclass
class _Pending:
    """Delivered, and not acknowledged."""

    consumer: str
    at: float
    attempt: int = 1


@dataclass
class _Group:
    """How far a group has come; it is made at 0."""

    last_delivered: EntryId = BEFORE_ALL
    pending: dict[EntryId, _Pending] = field(default_factory=dict)


@dataclass
class _Stream:
    """Entries by id, oldest first. ``last``: the id given last, also where that entry is gone."""

    entries: dict[EntryId, bytes] = field(default_factory=dict)
    last: EntryId = BEFORE_ALL
    groups: dict[str, _Group] = field(default_factory=dict)


class StreamsInMemory:
    """Publisher and StreamKeeper."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.streams: defaultdict[str, _Stream] = defaultdict(_Stream)
        self.reasons: list[str] = []
        self.arrived = asyncio.Event()

    @property
    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def append(self, name: str, body: bytes) -> EntryId:
        """XADD with ``*``."""
        stream, now = self.streams[name], EntryId(self.now_ms)
        entry = now if now > stream.last else stream.last.next
        stream.entries[entry] = body
        stream.last = entry
        self.arrived.set()
        return entry

    async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
        """See Publisher."""
        return [self.append(message.stream, message.body.encode()) for message in messages]

    async def look(self, streams: Sequence[str]) -> QueueState:
        """See StreamKeeper. Emptying is no other incarnation, as with Redis."""
        return QueueState("one", self.now_ms, {name: self._state(name) for name in streams})

    def _state(self, name: str) -> StreamState:
        if name not in self.streams:
            return StreamState(0)
        groups = self.streams[name].groups.values()
        come = [GroupState(group.last_delivered, min(group.pending, default=None)) for group in groups]
        return StreamState(len(self.streams[name].entries), tuple(come))

    async def bodies(self, places: Sequence[tuple[str, EntryId]]) -> Sequence[bytes | None]:
        """See StreamKeeper."""
        return [self.streams[name].entries.get(entry) if name in self.streams else None for name, entry in places]

    async def trim(self, before: Mapping[str, EntryId]) -> int:
        """See StreamKeeper. All that may go does: a real server lets go of a little less."""
        gone = [
            (name, entry) for name, bound in before.items() for entry in self.streams[name].entries if entry < bound
        ]
        for name, entry in gone:
            del self.streams[name].entries[entry]
        return len(gone)

    def make_group(self, group: str, streams: Sequence[str]) -> None:
        """XGROUP CREATE at 0, with the streams."""
        for name in streams:
            self.streams[name].groups.setdefault(group, _Group())

    async def empty(self) -> None:
        """FLUSHALL: the groups go, too."""
        self.streams.clear()
        self.reasons.clear()

    async def saved(self) -> object:
        """The whole server, as a file holds it."""
        return deepcopy(self.streams)

    async def restore(self, saved: object) -> None:
        """Start with an old file."""
        assert isinstance(saved, defaultdict)
        self.streams = deepcopy(saved)


class SubscriptionInMemory:
    """Subscription. A new one with the same consumer name is that consumer, restarted."""

    def __init__(
        self, server: StreamsInMemory, group: str, consumer: str, streams: Sequence[str], *, lease_s: float = 30.0
    ) -> None:
        self._server = server
        self._group = group
        self._consumer = consumer
        self._names = tuple(streams)
        self._lease_s = lease_s
        self._made = False
        self._own: list[tuple[str, EntryId]] | None = None  # None: not read again yet

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """See Subscription."""
        found = self._take(limit)
        if not found:
            self._server.arrived.clear()
            await pause(self._server.clock, self._server.arrived, wait_s)
            found = self._take(limit)
        return found

    def _take(self, limit: int) -> list[Delivery]:
        groups = self._groups()
        for name, group in groups.items():  # what was deleted while it was in hand: nothing is left to handle
            for entry in group.pending.keys() - self._server.streams[name].entries.keys():
                del group.pending[entry]
        if self._own is None:
            self._own = [
                (name, entry)
                for name, group in groups.items()
                for entry in sorted(group.pending)
                if group.pending[entry].consumer == self._consumer
            ]
        own = [(name, entry) for name, entry in self._own if entry in groups[name].pending]
        again, self._own = own[:1], own[1:]
        return [self._deliver(*place) for place in (again or self._idle(groups)[:1] or self._unread(groups)[:limit])]

    def _groups(self) -> dict[str, _Group]:
        if not self._made:
            self._server.make_group(self._group, self._names)
            self._made = True
        if any(self._group not in self._server.streams[name].groups for name in self._names):
            self._made, self._own = False, None
            raise QueueError("NOGROUP")
        return {name: self._server.streams[name].groups[self._group] for name in self._names}

    def _idle(self, groups: Mapping[str, _Group]) -> list[tuple[str, EntryId]]:
        late = self._server.clock.monotonic() - self._lease_s
        return [
            (name, entry)
            for name, group in groups.items()
            for entry in sorted(group.pending)
            if group.pending[entry].at <= late
        ]

    def _unread(self, groups: Mapping[str, _Group]) -> list[tuple[str, EntryId]]:
        return [
            (name, entry)
            for name, group in groups.items()
            for entry in self._server.streams[name].entries
            if entry > group.last_delivered
        ]

    def _deliver(self, name: str, entry: EntryId) -> Delivery:
        group = self._server.streams[name].groups[self._group]
        before = group.pending.get(entry)
        attempt = before.attempt + 1 if before else 1
        group.pending[entry] = _Pending(self._consumer, self._server.clock.monotonic(), attempt)
        group.last_delivered = max(group.last_delivered, entry)
        return Delivery(name, str(entry), self._server.streams[name].entries[entry], attempt)

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See Subscription."""
        for delivery in deliveries:
            group = self._server.streams[delivery.stream].groups.get(self._group, _Group())
            group.pending.pop(EntryId.read(delivery.entry_id), None)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """See Subscription."""
        self._server.append(DEAD_STREAM, delivery.body)
        self._server.reasons.append(reason)
        await self.acknowledge([delivery])
