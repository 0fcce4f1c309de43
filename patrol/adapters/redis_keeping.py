"""Looking after the streams on Redis: how far each group has come, what lies where, and letting go of old entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from patrol.adapters.redis_streams import FIELD, answers_of, queue_error
from patrol.domain.streams import EntryId, GroupState, QueueState, StreamState

_Answer = Any
"""redis-py's answers are not typed by command."""
_Range = tuple[str, EntryId, EntryId, int]
"""Of a stream: from, to, and how many entries at most."""


class RedisStreamKeeper:
    """StreamKeeper on Redis 6.2 or newer. No key is held and no lock: several may work at the same time."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def look(self, streams: Sequence[str]) -> QueueState:
        """See StreamKeeper. Two round trips."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.info("server")
        pipeline.info("replication")
        pipeline.info("memory")
        pipeline.time()
        for stream in streams:
            pipeline.xlen(stream)
            pipeline.xinfo_groups(stream)
        server, replication, memory, (seconds, micros), *answers = await _checked(pipeline)
        lengths, groups = answers[::2], answers[1::2]
        states = await self._with_pending(streams, lengths, groups)
        return QueueState(
            # The replication id is another one after a fail-over, also where the process is not.
            incarnation=f"{server['run_id']} {replication.get('master_replid', '')}",
            now_ms=1000 * int(seconds) + int(micros) // 1000,
            streams=states,
            memory_share=memory["used_memory"] / memory["maxmemory"] if memory.get("maxmemory") else None,
        )

    async def _with_pending(
        self, streams: Sequence[str], lengths: Sequence[int], groups: Sequence[_Answer]
    ) -> dict[str, StreamState]:
        """The groups' ``pending`` is a number; which entry is the oldest has to be asked for."""
        pairs = [(stream, group) for stream, found in zip(streams, groups, strict=True) for group in found]
        having = [(stream, group) for stream, group in pairs if group["pending"]]
        oldest: dict[tuple[str, bytes], EntryId] = {}
        if having:
            pipeline = self._redis.pipeline(transaction=False)
            for stream, group in having:
                pipeline.xpending_range(stream, group["name"], min="-", max="+", count=1)
            for (stream, group), pending in zip(having, await _checked(pipeline), strict=True):
                if pending:
                    oldest[stream, group["name"]] = EntryId.read(_text(pending[0]["message_id"]))
        states = {}
        for stream, length, found in zip(streams, lengths, groups, strict=True):
            come = tuple(
                GroupState(EntryId.read(_text(group["last-delivered-id"])), oldest.get((stream, group["name"])))
                for group in found
            )
            states[stream] = StreamState(int(length), come)
        return states

    async def bodies(self, places: Sequence[tuple[str, EntryId]]) -> Sequence[bytes | None]:
        """See StreamKeeper. One round trip, or two.

        What is asked for lies side by side, mostly: a range of each stream costs a fraction of asking for each entry.
        What it does not show, because others lie between or it is gone, is asked for by itself.
        """
        asked: dict[str, set[EntryId]] = {}
        for stream, entry in places:
            asked.setdefault(stream, set()).add(entry)
        lying = await self._lying([(stream, min(of), max(of), len(of)) for stream, of in asked.items()])
        if missing := [place for place in places if place not in lying]:
            lying |= await self._lying([(stream, entry, entry, 1) for stream, entry in missing])
        return [lying.get(place) for place in places]

    async def _lying(self, ranges: Sequence[_Range]) -> dict[tuple[str, EntryId], bytes | None]:
        pipeline = self._redis.pipeline(transaction=False)
        for stream, first, last, most in ranges:
            pipeline.xrange(stream, min=str(first), max=str(last), count=most)
        return {
            (stream, EntryId.read(_text(entry))): fields.get(FIELD.encode())
            for (stream, *_), found in zip(ranges, await _checked(pipeline), strict=True)
            for entry, fields in found
        }

    async def trim(self, before: Mapping[str, EntryId]) -> int:
        """See StreamKeeper. Whole nodes only ("~"), which costs next to nothing; never more than asked for."""
        pipeline = self._redis.pipeline(transaction=False)
        for stream, entry in before.items():
            pipeline.xtrim(stream, minid=str(entry), approximate=True)
        return sum(int(count) for count in await _checked(pipeline))


async def _checked(pipeline: Any) -> list[_Answer]:
    answers: list[_Answer] = []
    for answer in await answers_of(pipeline):
        if isinstance(answer, ResponseError) and "no such key" in str(answer):  # XINFO of a stream that is not there
            answers.append([])
        elif isinstance(answer, RedisError):
            raise queue_error(answer) from None
        else:
            answers.append(answer)
    return answers


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
