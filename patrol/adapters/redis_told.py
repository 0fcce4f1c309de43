"""What the streams on Redis still hold: for a store that was put back to an older state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from patrol.adapters.redis_streams import FIELD, POSITION_KEY, ask, number_of, text_of
from patrol.domain.errors import MessageError
from patrol.domain.messages import DEAD_STREAM, HEARTBEAT, HEARTBEAT_STREAM, read_message
from patrol.domain.restoring import Reached
from patrol.domain.streams import EntryId

# One that was sent after the store went back has a low number: the highest of some is what was seen.
HEARTBEATS_LOOKED_AT = 100
GROUP = "recovery"

_Answer = Any
"""redis-py's answers are not typed by command."""


class RedisToldMessages:
    """ToldMessages on Redis Streams."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def seen(self) -> tuple[Reached, int | None]:
        """See ToldMessages."""
        position = await ask(self._redis.get(POSITION_KEY))
        high = _numbers(await ask(self._redis.xrevrange(HEARTBEAT_STREAM, count=HEARTBEATS_LOOKED_AT)))
        low = _numbers(await ask(self._redis.xrange(HEARTBEAT_STREAM, count=HEARTBEATS_LOOKED_AT)))
        return Reached(number_of(position), max(high, default=0)), min(low, default=None)

    async def page(self, stream: str, after: EntryId | None, limit: int) -> Sequence[tuple[EntryId, bytes]]:
        """See ToldMessages. One round trip."""
        first = "-" if after is None else str(after.next)
        found: _Answer = await ask(self._redis.xrange(stream, min=first, count=limit))
        return [(EntryId.read(text_of(entry)), fields.get(FIELD.encode(), b"")) for entry, fields in found]

    async def bury(self, stream: str, entry: EntryId, body: bytes, reason: str) -> None:
        """See ToldMessages."""
        letter: _Answer = {
            FIELD: body,
            "stream": stream,
            "entry_id": str(entry),
            "group": GROUP,
            "attempts": 1,
            "reason": reason[:1000],
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        await ask(self._redis.xadd(DEAD_STREAM, letter))


def _numbers(entries: _Answer) -> list[int]:
    numbers = []
    for _, fields in entries:
        try:
            envelope = read_message(fields.get(FIELD.encode(), b""))
        except MessageError:
            continue
        if envelope.type == HEARTBEAT:
            numbers.append(envelope.sequence)
    return numbers
