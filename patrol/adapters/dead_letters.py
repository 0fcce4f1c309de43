"""The dead letters on Redis: looked at, put back on their streams, dropped."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from patrol.adapters.redis_streams import FIELD, answers_of, ask, queue_error
from patrol.domain.dead_letters import DeadLetter
from patrol.domain.messages import DEAD_STREAM

_log = logging.getLogger(__name__)

REPLAYS_KEY = "patrol:dead:replays"
REPLAYS_KEPT = timedelta(days=30)


class RedisDeadLetters:
    """DeadLetters on Redis. ``prefix``: before every name, for trials. ``on_replayed``: told of every one put back."""

    def __init__(self, redis: Redis, prefix: str = "", on_replayed: Callable[[], None] = lambda: None) -> None:
        self._redis = redis
        self._on_replayed = on_replayed
        self._prefix = prefix
        self._stream = prefix + DEAD_STREAM
        self._replays = prefix + REPLAYS_KEY
        self._looked_at: tuple[Any, tuple[DeadLetter, ...]] | None = None

    async def latest(self, limit: int, before: str | None = None) -> Sequence[DeadLetter]:
        """See DeadLetters. What has not changed since the last time is not read again."""
        if before is not None:
            older: Any = await ask(self._redis.xrevrange(self._stream, max=f"({before}", count=limit))
            return await self._letters(older)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xlen(self._stream)
        pipeline.xrevrange(self._stream, count=1)
        count, newest = _sure(await answers_of(pipeline))
        as_it_is = (limit, count, newest[0][0] if newest else None)
        if self._looked_at is None or self._looked_at[0] != as_it_is:
            found: Any = await ask(self._redis.xrevrange(self._stream, count=limit)) if count else []
            self._looked_at = (as_it_is, await self._letters(found))
        return self._looked_at[1]

    async def replay(self, letter_id: str, operator: str) -> DeadLetter:
        """See DeadLetters. On its stream first: what comes in between leaves the message twice, never lost."""
        letter = await self._letter(letter_id)
        letter.check_replayable(self._prefix)
        await ask(self._redis.xadd(letter.stream, {FIELD: letter.body}))
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(self._replays, letter.key, _noted(letter.replays + 1, operator))
        pipeline.expire(self._replays, REPLAYS_KEPT)
        pipeline.xdel(self._stream, letter_id)
        _sure(await answers_of(pipeline))
        self._on_replayed()
        _log.warning("dead letter %s (%s) was put back on %s by %s", letter_id, letter.key, letter.stream, operator)
        return letter

    async def drop(self, letter_id: str) -> None:
        """See DeadLetters."""
        letter = await self._letter(letter_id)
        await ask(self._redis.xdel(self._stream, letter.id))

    async def _letter(self, letter_id: str) -> DeadLetter:
        if not re.fullmatch(r"[0-9]{1,20}(-[0-9]{1,20})?", letter_id):
            raise KeyError(letter_id)
        found: Any = await ask(self._redis.xrange(self._stream, min=letter_id, max=letter_id))
        if not found:
            raise KeyError(letter_id)
        return (await self._letters(found))[0]

    async def _letters(self, entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> tuple[DeadLetter, ...]:
        letters = [_letter(entry_id, fields) for entry_id, fields in entries]
        if not letters:
            return ()
        notes: Any = await ask(self._redis.hmget(self._replays, [letter.key for letter in letters]))
        return tuple(_with_note(letter, note) for letter, note in zip(letters, notes, strict=True))


def _sure(answers: Sequence[Any]) -> Sequence[Any]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise queue_error(answer) from None  # type: ignore[arg-type]
    return answers


def _letter(entry_id: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    """Others may write dead letters, too: what cannot be read of one is left out, and the letter still shown."""

    def text(name: str) -> str:
        return fields.get(name.encode(), b"").decode(errors="replace")

    return DeadLetter(
        id=entry_id.decode(),
        body=fields.get(FIELD.encode(), b""),
        stream=text("stream"),
        group=text("group"),
        attempts=int(text("attempts")) if text("attempts").isdecimal() else 0,
        reason=text("reason"),
        at=_time(text("at")),
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _noted(times: int, operator: str) -> str:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"times": times, "by": operator, "at": at}, ensure_ascii=False)


def _with_note(letter: DeadLetter, note: bytes | None) -> DeadLetter:
    if note is None:
        return letter
    told = json.loads(note)
    return replace(letter, replays=int(told["times"]), replayed_by=str(told["by"]))
