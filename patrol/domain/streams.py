"""Streams: what every group has acknowledged, what the queue has lost, and what may be trimmed.

A message that was published is *settled* once it was found in its stream and every group has acknowledged it; then the
queue may lose it. Until then it lies in the store and is published again where its stream does not hold it any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from patrol.domain.messages import POSITION_STREAM, Message

KEPT_FOR = timedelta(hours=1)
"""Acknowledged entries stay for that long, so that a console that comes for the first time sees what just happened."""

KEPT_UNREAD_FOR = timedelta(hours=24)
"""What no group reads stays for as long as an alert is valid; see ``ALERT_EXPIRES_AFTER``."""

FLEETING = frozenset({POSITION_STREAM})
"""Streams of which only the newest counts: an old entry is worth nothing, read or not."""

FLEETING_KEPT_FOR = timedelta(minutes=1)
FLEETING_KEPT_UNREAD_FOR = timedelta(minutes=10)
"""Then a unit counts as missing anyway (fixes.py). 200 units once a second are 120,000 entries, some 70 MB, by then."""


@dataclass(frozen=True, slots=True, order=True)
class EntryId:
    """An entry's id in a stream of Redis: milliseconds of the server's clock, and a number within them."""

    ms: int
    number: int = 0

    @classmethod
    def read(cls, text: str) -> EntryId:
        """``1717200000000-3``. Raises ValueError."""
        ms, _, number = text.partition("-")
        return cls(int(ms), int(number or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"

    @property
    def next(self) -> EntryId:
        """The least id that is greater."""
        return EntryId(self.ms, self.number + 1)


@dataclass(frozen=True, slots=True)
class GroupState:
    """How far a group has come. ``oldest_pending``: of what it was given and has not acknowledged."""

    last_delivered: EntryId
    oldest_pending: EntryId | None = None

    @property
    def first_open(self) -> EntryId:
        """The least id that the group may still have to acknowledge; all below is done."""
        undelivered = self.last_delivered.next
        return undelivered if self.oldest_pending is None else min(self.oldest_pending, undelivered)


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream as the queue has it. ``length``: of its entries."""

    length: int
    groups: tuple[GroupState, ...] = ()

    @property
    def first_open(self) -> EntryId | None:
        """The least id that some group may still have to acknowledge; None if no group reads it."""
        return min((group.first_open for group in self.groups), default=None)


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue at one moment.

    ``incarnation``: another one after a restart or a fail-over. ``now_ms``: the server's clock, which entry ids are
    made of. ``memory_share``: used of the limit; None where there is no limit.
    """

    incarnation: str
    now_ms: int
    streams: Mapping[str, StreamState]
    memory_share: float | None = None


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A message that was published and is not settled yet, by its ``number`` in the outbox.

    ``entry``: where it lies in its stream; None where that was never learnt.
    """

    number: int
    message: Message
    entry: EntryId | None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What of one stream is not settled: how many messages, and the oldest of their entries (ms)."""

    count: int
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of published messages, by their numbers: ``lost`` by the queue, or ``settled``; the others wait."""

    lost: tuple[int, ...]
    settled: tuple[int, ...]


def compare(
    rows: Sequence[PublishedRow], found: Sequence[bytes | None], before: QueueState, after: QueueState
) -> Comparison:
    """Hold the store's rows against what lies at their places in the streams, both in the same order.

    ``rows`` must have been read first, then the state ``before``, then ``found``, then the state ``after``: a message
    counts as acknowledged only where it was published before the first and is so in both. Otherwise a queue that was
    lost in between would settle what nobody ever read: with newer ids what it got before the state was read, with lower
    ones (a clock behind) what after, and put back to an older file what has the same place in that.
    """
    lost, settled = [], []
    for row, body in zip(rows, found, strict=True):
        if row.entry is None or body != row.message.body.encode():
            lost.append(row.number)
        elif all(
            is_settled(row.entry, state.streams.get(row.message.stream), state.now_ms) for state in (before, after)
        ):
            settled.append(row.number)
    return Comparison(tuple(lost), tuple(settled))


def is_settled(entry: EntryId, stream: StreamState | None, now_ms: int) -> bool:
    """Whether everybody has acknowledged an entry; where nobody reads the stream, whether it is too old to matter."""
    first_open = stream.first_open if stream is not None else None
    return entry < first_open if first_open is not None else entry.ms < _before(now_ms, KEPT_UNREAD_FOR)


def may_have_lost(state: QueueState, unsettled: Mapping[str, Unsettled], before: QueueState | None) -> bool:
    """Whether the queue may have lost something since it was looked at before: then everything is compared at once.

    ``unsettled`` must have been counted before ``state`` was read: what is published in between would seem to be lost.
    """
    if before is None or state.incarnation != before.incarnation:
        return True
    nothing = StreamState(0)
    return any(state.streams.get(name, nothing).length < waiting.count for name, waiting in unsettled.items())


def trim_before(stream: StreamState, unsettled: Unsettled | None, now_ms: int) -> EntryId | None:
    """The id before which a stream may be trimmed; None where nothing may go.

    Nothing that a group has not acknowledged, nothing that the store has not settled, and nothing of the last hour.
    """
    first_open = stream.first_open
    bounds = [EntryId(_before(now_ms, KEPT_FOR if first_open is not None else KEPT_UNREAD_FOR))]
    if first_open is not None:
        bounds.append(first_open)
    if unsettled is not None:
        if unsettled.oldest_ms is None:
            return None
        bounds.append(EntryId(unsettled.oldest_ms))
    bound = min(bounds)
    return bound if bound.ms > 0 else None


def trim_fleeting_before(stream: StreamState, now_ms: int) -> EntryId | None:
    """The same of a stream of which only the newest counts: what is acknowledged goes soon, the rest not much later."""
    first_open = stream.first_open
    read = EntryId(_before(now_ms, FLEETING_KEPT_FOR))
    unread = EntryId(_before(now_ms, FLEETING_KEPT_UNREAD_FOR))
    bound = unread if first_open is None else max(unread, min(read, first_open))
    return bound if bound.ms > 0 else None


def _before(now_ms: int, kept: timedelta) -> int:
    return max(0, now_ms - int(kept.total_seconds() * 1000))
