"""The bench a console is put on: messages go in at one end, and what its group does is looked at from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from patrol.contract.samples import samples
from patrol.domain.errors import InputError
from patrol.domain.messages import ALERT_STREAMS, DEAD_STREAM, ORDER_STREAMS, RECEIPT_STREAM, Envelope, read_message
from patrol.domain.orders import ReceiptKind

LOOKS_EVERY_S = 0.02
ASIDE = "aside"
DEAD_SEAT = "conformance-dead-seat"
NOBODYS_LONG_MS = 3_600_000


class Task(StrEnum):
    """What is on the bench."""

    CONSOLE = "console"  # takes alerts
    TERMINAL = "terminal"  # takes orders


_OF: Mapping[Task, tuple[str, str, tuple[str, ...]]] = {
    Task.CONSOLE: ("alert", "alert_id", ALERT_STREAMS),
    Task.TERMINAL: ("order", "order_id", ORDER_STREAMS),
}
TAKEN_BY: Mapping[Task, frozenset[ReceiptKind]] = {
    Task.CONSOLE: frozenset(ReceiptKind) - {ReceiptKind.EN_ROUTE},
    Task.TERMINAL: frozenset(ReceiptKind) - {ReceiptKind.EN_ROUTE},
}
"""Kinds of which a second one about the same subject is a second effect."""


@dataclass(frozen=True, slots=True)
class Put:
    """A message that was put on a stream. ``subject_id``: what its receipts name."""

    stream: str
    entry_id: str
    body: bytes
    subject_id: str


class StartedConsole:
    """A console that the bench can start and kill: a command, with REDIS_URL in its environment."""

    def __init__(self, command: str, redis_url: str, prefix: str) -> None:
        self._words = shlex.split(command)
        if not self._words:
            raise InputError("--start: expected a command")
        self._environment = os.environ | {"REDIS_URL": redis_url, "PATROL_PREFIX": prefix}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_up(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, unless it is up. Raises InputError if it cannot be."""
        if self.is_up:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._words, env=self._environment, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise InputError(f"--start: {self._words[0]}: {error.strerror}") from None

    async def kill(self) -> None:
        """kill -9, with all that it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


@dataclass(slots=True)
class Bench:
    """One console's group under test. ``within_s``: how soon it must act; ``lease_s``: take over."""

    redis: Redis
    group: str
    task: Task = Task.CONSOLE
    prefix: str = ""
    within_s: float = 5.0
    lease_s: float = 60.0
    console: StartedConsole | None = None
    run_id: str = field(default_factory=lambda: secrets.token_hex(4))
    _number: int = 0

    @property
    def streams(self) -> tuple[str, ...]:
        """Those it must read."""
        return tuple(self.prefix + stream for stream in _OF[self.task][2])

    def message(self, data: Mapping[str, Any] | None = None, **changes: Any) -> tuple[str, bytes]:
        """A message that is new and in order, but for what is changed; and the id that its receipts name."""
        self._number += 1
        sample, subject, _ = _OF[self.task]
        content = json.loads(samples()[sample].body)
        subject_id = f"{sample[0].upper()}-conformance-{self.run_id}-{self._number}"
        incident_id = f"I-conformance-{self.run_id}-{self._number}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        content |= {"id": subject_id, "time": now, "recordedtime": now, "subject": f"incident/{incident_id}"}
        content |= {"partitionkey": incident_id, "correlationid": incident_id, "source": "/patrol/conformance"}
        content["data"] |= {subject: subject_id, "incident_id": incident_id, "drill": True, "simulated": True}
        content["data"]["words"] = {"zh": "一致性测试", "en": "conformance test"}
        content["data"] |= data or {}
        return subject_id, json.dumps(content | changes, ensure_ascii=False).encode()

    async def put(self, stream: str | None = None, data: Mapping[str, Any] | None = None, **changes: Any) -> Put:
        """Put a new message on a stream, the most urgent one if none is named."""
        subject_id, body = self.message(data, **changes)
        return await self.put_body(stream or self.streams[0], body, subject_id)

    async def put_body(self, stream: str, body: bytes, subject_id: str = "", name: str = "ce") -> Put:
        """Put anything on a stream."""
        entry_id = await self.redis.xadd(stream, {name: body})
        return Put(stream, _text(entry_id), body, subject_id)

    async def was_delivered(self, put: Put) -> bool:
        """Somebody in the group was given it."""
        last = await self._last_delivered(put.stream)
        return last is not None and _order(put.entry_id) <= _order(last)

    async def is_pending(self, put: Put) -> bool:
        """Somebody in the group has it in hand."""
        with contextlib.suppress(ResponseError):
            return bool(
                await self.redis.xpending_range(put.stream, self.group, min=put.entry_id, max=put.entry_id, count=1)
            )
        return False

    async def is_done(self, put: Put) -> bool:
        """Delivered and acknowledged."""
        return await self.was_delivered(put) and not await self.is_pending(put)

    async def has_group(self, stream: str) -> bool:
        """The group is there."""
        return await self._last_delivered(stream) is not None

    async def _last_delivered(self, stream: str) -> str | None:
        with contextlib.suppress(ResponseError):  # no such stream yet
            for group in await self.redis.xinfo_groups(stream):
                if _text(group["name"]) == self.group:
                    return _text(group["last-delivered-id"])
        return None

    async def seats(self, stream: str) -> frozenset[str]:
        """The names of the group's consumers."""
        with contextlib.suppress(ResponseError):
            return frozenset(_text(one["name"]) for one in await self.redis.xinfo_consumers(stream, self.group))
        return frozenset()

    async def receipts(self, subject_id: str) -> list[Envelope | str]:
        """What came back for a subject, in order; of what cannot be read, why."""
        found: list[Envelope | str] = []
        entries: Any = []
        with contextlib.suppress(ResponseError):  # the stream is in the way of itself, see receipts_refused
            entries = await self.redis.xrange(self.prefix + RECEIPT_STREAM)
        for _, fields in entries:
            body = fields.get(b"ce", b"")
            if subject_id.encode() not in body:
                continue
            try:
                found.append(read_message(body))
            except Exception as error:  # noqa: BLE001  (whatever a stranger wrote: it is what we are here to tell)
                found.append(str(error))
        return found

    async def letter(self, put: Put) -> Mapping[str, bytes] | None:
        """The dead letter of a message, if there is one."""
        entries: Any = await self.redis.xrange(self.prefix + DEAD_STREAM)
        for _, fields in entries:
            told = {name.decode(): value for name, value in fields.items()}
            if told.get("entry_id") == put.entry_id.encode() and told.get("stream") == put.stream.encode():
                return told
        return None

    @contextlib.asynccontextmanager
    async def receipts_refused(self) -> AsyncIterator[None]:
        """Inside, nobody can store a receipt: something else lies where the stream is."""
        stream, aside = self.prefix + RECEIPT_STREAM, self.prefix + f"{RECEIPT_STREAM}:{ASIDE}"
        had_some = bool(await self.redis.exists(stream))
        async with self.redis.pipeline(transaction=True) as pipeline:  # no receipt may come in between, and be lost
            if had_some:
                pipeline.rename(stream, aside)
            pipeline.set(stream, "conformance: receipts are refused for a moment")
            await pipeline.execute()
        try:
            yield
        finally:
            if had_some:
                await self.redis.rename(aside, stream)  # over what is in the way, in one step
            else:
                await self.redis.delete(stream)

    async def put_in_dead_hands(self) -> Put:
        """A message that another seat of the group was given, and died with, an hour ago."""
        subject_id, body = self.message()
        stream = self.streams[0]
        async with self.redis.pipeline(transaction=True) as pipeline:  # no one else comes in between
            pipeline.xadd(stream, {"ce": body})
            pipeline.xreadgroup(self.group, DEAD_SEAT, {stream: ">"}, count=1)
            entry_id, _ = await pipeline.execute()
        put = Put(stream, _text(entry_id), body, subject_id)
        await self.redis.xclaim(
            stream,
            self.group,
            DEAD_SEAT,
            min_idle_time=0,
            message_ids=[put.entry_id],
            idle=NOBODYS_LONG_MS,
            justid=True,
        )
        return put

    async def wait(self, holds: Callable[[], Awaitable[bool]], within_s: float | None = None) -> bool:
        """Whether something comes to hold in time."""
        ends_at = time.monotonic() + (self.within_s if within_s is None else within_s)
        while not await holds():
            if time.monotonic() > ends_at:
                return False
            await asyncio.sleep(LOOKS_EVERY_S)
        return True

    async def all_done(self, puts: Iterable[Put], within_s: float | None = None) -> list[Put]:
        """Waits for all of them. Returns those that are not done in time."""
        left = list(puts)

        async def none_left() -> bool:
            left[:] = [put for put in left if not await self.is_done(put)]
            return not left

        await self.wait(none_left, within_s)
        return left


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
