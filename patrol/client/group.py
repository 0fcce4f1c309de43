"""One seat in one consumer group: what it takes, holds, gives back, buries and acknowledges. Nothing is read into."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from patrol.domain.messages import DEAD_STREAM

FIELD = "ce"
LOOKS_PER_LEASE = 6
PENDING_PAGE = 100
MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery. ``attempt`` counts deliveries, 1 for the first."""

    stream: str
    id: str
    body: bytes
    attempt: int


class Seat:
    """A consumer with a name that stays, so that after a restart it finds its own unfinished work.

    ``lease_s``: what is idle for longer belongs to a dead seat, and whoever comes by takes it over. Every call raises
    RedisError or OSError while Redis is away; then call ``lost_touch``.
    """

    def __init__(
        self, redis: Redis, group: str, name: str, streams: Sequence[str], *, prefix: str, lease_s: float
    ) -> None:
        self._redis = redis
        self._group = group
        self._name = name
        self._streams = tuple(prefix + stream for stream in streams)
        self._dead = prefix + DEAD_STREAM
        self._lease_s = lease_s
        self._held: dict[tuple[str, str], Entry] = {}
        self.is_read = True
        self._groups_made = False
        self._own_after: dict[str, str | None] = dict.fromkeys(self._streams, "-")
        self._reclaim_from = dict.fromkeys(self._streams, "0-0")
        self._reclaim_at = 0.0

    @property
    def is_over(self) -> bool:
        """Nobody takes from it any more, and nothing is in hand."""
        return not (self.is_read or self._held)

    def lost_touch(self, error: Exception) -> None:
        """After a failure: what was delivered may be in nobody's hands now, and is looked for again."""
        self._own_after = dict.fromkeys(self._streams, "-")
        if _group_is_gone(error):  # Redis was emptied
            self._groups_made = False
            self._held.clear()

    async def take(self, limit: int, wait_s: float) -> Sequence[Entry]:
        """Own unfinished deliveries first, then those of dead seats, then new ones of each stream, up to ``limit``."""
        if not self._groups_made:
            await self._make_groups()
        found = await self._own_unfinished() or await self._of_the_dead() or await self._new(limit, wait_s)
        self._held.update({(entry.stream, entry.id): entry for entry in found})
        return found

    async def _make_groups(self) -> None:
        for stream in self._streams:
            try:  # at 0, never at $: what was published before we came is ours, too
                await self._redis.xgroup_create(stream, self._group, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        self._groups_made = True

    async def _own_unfinished(self) -> Sequence[Entry]:
        """One at a time: where one kills its handler, the tries of those behind it must not grow with its own."""
        for stream in self._streams:
            while (after := self._own_after[stream]) is not None:
                page = await self._redis.xpending_range(
                    stream, self._group, min=after, max="+", count=PENDING_PAGE, consumername=self._name
                )
                self._own_after[stream] = (
                    None if len(page) < PENDING_PAGE else f"({_str(cast(bytes, page[-1]['message_id']))}"
                )
                for pending in page:
                    entry_id = _str(cast(bytes, pending["message_id"]))
                    if (stream, entry_id) in self._held:
                        continue
                    self._own_after[stream] = f"({entry_id}"
                    if found := await self._claim(stream, entry_id, int(pending["times_delivered"]) + 1):
                        return found
        return ()

    async def _claim(self, stream: str, entry_id: str, attempt: int) -> Sequence[Entry]:
        answer = await self._redis.xclaim(stream, self._group, self._name, min_idle_time=0, message_ids=[entry_id])
        if found := _entries(stream, answer, {entry_id: attempt}):
            return found
        await self._redis.xack(stream, self._group, entry_id)  # deleted from the stream: nothing is left to handle
        return ()

    async def _of_the_dead(self) -> Sequence[Entry]:
        if time.monotonic() < self._reclaim_at:
            return ()
        for stream in self._streams:
            answer = await self._redis.xautoclaim(
                stream,
                self._group,
                self._name,
                min_idle_time=int(self._lease_s * 1000),
                start_id=self._reclaim_from[stream],
                count=1,
            )
            self._reclaim_from[stream] = _str(answer[0])
            for entry_id, fields in answer[1]:
                if entry_id is None or (stream, _str(entry_id)) in self._held:
                    continue  # Redis 6.2 does not say which one was deleted
                if not fields:
                    await self._redis.xack(stream, self._group, entry_id)
                    continue
                pending = await self._redis.xpending_range(stream, self._group, min=entry_id, max=entry_id, count=1)
                attempt = int(pending[0]["times_delivered"]) if pending else 1
                return _entries(stream, [(entry_id, fields)], {_str(entry_id): attempt})
        self._reclaim_at = time.monotonic() + self._lease_s / LOOKS_PER_LEASE
        return ()

    async def _new(self, limit: int, wait_s: float) -> Sequence[Entry]:
        wait_s = min(wait_s, max(0.001, self._reclaim_at - time.monotonic()))
        answer = await self._redis.xreadgroup(
            self._group,
            self._name,
            dict.fromkeys(self._streams, ">"),
            count=limit,
            block=max(1, int(wait_s * 1000)),
        )
        return [entry for stream, entries in _by_stream(answer) for entry in _entries(_str(stream), entries, {})]

    async def renew(self) -> None:
        """Tell that what is in hand is being worked on. What somebody else took over meanwhile is let go."""
        for stream, entry_id in list(self._held):
            ours = await self._redis.xpending_range(
                stream, self._group, min=entry_id, max=entry_id, count=1, consumername=self._name
            )
            if ours:
                await self._redis.xclaim(
                    stream, self._group, self._name, min_idle_time=0, message_ids=[entry_id], justid=True
                )
            else:
                self._held.pop((stream, entry_id), None)

    def let_go(self, entry: Entry) -> None:
        """It is not worked on any more; it stays this seat's, unfinished."""
        self._held.pop((entry.stream, entry.id), None)

    async def give_back(self, entry: Entry, after_s: float) -> None:
        """Leave it for another try, by any seat, once ``after_s`` have passed."""
        idle_ms = int(max(0.0, self._lease_s - after_s) * 1000)
        try:
            await self._redis.xclaim(
                entry.stream,
                self._group,
                self._name,
                min_idle_time=0,
                message_ids=[entry.id],
                idle=idle_ms,
                justid=True,
            )
        except ResponseError as error:
            if not _group_is_gone(error):  # if it is, the message comes with the group that is made again
                raise
        self.let_go(entry)
        self._reclaim_at = min(self._reclaim_at, time.monotonic() + min(after_s, self._lease_s))

    async def acknowledge(self, entry: Entry, remember_as: str, remember_s: float) -> None:
        """Its effect is stored. That it was is remembered under a key for a while, all in one transaction."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(remember_as, 1, ex=max(1, int(remember_s)))
            pipeline.xack(entry.stream, self._group, entry.id)
            await pipeline.execute()
        self.let_go(entry)

    async def bury(self, entry: Entry, reason: str) -> None:
        """Move it to the dead letters, acknowledged; one transaction."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(
                self._dead,
                {
                    FIELD: entry.body,
                    "stream": entry.stream,
                    "entry_id": entry.id,
                    "group": self._group,
                    "attempts": entry.attempt,
                    "reason": reason[:MAX_REASON],
                    "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                },
            )
            pipeline.xack(entry.stream, self._group, entry.id)
            await pipeline.execute()
        self.let_go(entry)


def _group_is_gone(error: Exception) -> bool:
    return isinstance(error, ResponseError) and "NOGROUP" in str(error)


def _entries(stream: str, answer: Iterable[Any], attempts: Mapping[str, int]) -> Sequence[Entry]:
    return [
        Entry(stream, _str(entry_id), fields.get(FIELD.encode(), b""), attempts.get(_str(entry_id), 1))
        for entry_id, fields in answer
        if entry_id is not None and fields
    ]


def _by_stream(answer: Any) -> list[tuple[bytes, list[Any]]]:
    # A list of pairs; a client told to speak RESP3 answers with a mapping to a list of lists.
    if isinstance(answer, Mapping):
        return [(stream, [entry for page in pages for entry in page]) for stream, pages in answer.items()]
    return list(answer or [])


def _str(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
