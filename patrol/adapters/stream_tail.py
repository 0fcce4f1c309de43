"""Following streams without a group: nobody's delivery, acknowledgement or trimming is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from patrol.adapters.redis_streams import ask, by_stream, text_of

PAGE = 100
WAIT_MS = 2000


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry of a stream, with all its fields."""

    stream: str
    entry_id: str
    fields: Mapping[str, str]


async def follow(redis: Redis, streams: Sequence[str], last: int = 0) -> AsyncIterator[Seen]:
    """The last entries of each stream, by time, and then whatever comes. Raises QueueError."""
    at: dict[Any, Any] = {}
    earlier: list[Seen] = []
    for stream in streams:
        newest: Any = await ask(redis.xrevrange(stream, count=max(1, last)))
        at[stream] = text_of(newest[0][0]) if newest else "0-0"
        earlier += [_seen(stream, *entry) for entry in newest[:last]]
    for seen in sorted(earlier, key=lambda seen: [int(part) for part in seen.entry_id.split("-")]):
        yield seen
    while True:
        answer = await ask(redis.xread(at, count=PAGE, block=WAIT_MS))
        for name, entries in by_stream(answer):
            for entry_id, fields in entries:
                at[text_of(name)] = text_of(entry_id)
                yield _seen(text_of(name), entry_id, fields)


def _seen(stream: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Seen:
    told = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    return Seen(stream, text_of(entry_id), told)
