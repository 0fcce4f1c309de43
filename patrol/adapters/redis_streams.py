"""The queue on Redis Streams (Redis 6.2 or newer, or Valkey).

Groups are created at 0, never at ``$``: what was published before a consumer first came is not lost to it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError, ResponseError

from patrol.adapters.redis_connecting import COMMAND_TIMEOUT_S
from patrol.domain.errors import QueueError
from patrol.domain.messages import DEAD_STREAM, RED_STREAM, Message
from patrol.domain.pins import Pin
from patrol.domain.requests import LiveSession, TourRequest, ViewAcceptance
from patrol.domain.room import TourStatus
from patrol.domain.skips import Skip
from patrol.domain.staffing import RosterStanding
from patrol.domain.streams import EntryId
from patrol.ports import Delivery, MessagesRefusedError

_Result = TypeVar("_Result")

FIELD = "ce"  # the one field of an entry: the CloudEvents JSON
LEASE_S = 30.0
LOOKS_PER_LEASE = 6
POSITION_KEY = "patrol:store:position"
TOUR_KEY = "patrol:status:tour"
TOUR_STALE_AFTER_S = 10
ROSTER_KEY = "patrol:status:roster"
ROSTER_STALE_AFTER_S = 10
REQUESTS_KEY = "patrol:tour:requests"
REQUESTS_STALE_AFTER_S = 10  # a wish of a minute ago would only surprise
MOST_REQUESTS = 100

_TOUR = TypeAdapter(TourStatus)
_ROSTER = TypeAdapter(RosterStanding)


@dataclass(frozen=True, slots=True)
class _AcceptedView:
    """A ViewAcceptance on the wire: under a name of its own, so that no pin, nor half of one, can be taken for it."""

    accept_view: ViewAcceptance


@dataclass(frozen=True, slots=True)
class _Skipped:
    """A Skip on the wire, likewise."""

    skip: Skip


@dataclass(frozen=True, slots=True)
class _LiveSession:
    """A LiveSession on the wire, likewise."""

    live_session: LiveSession


_Wire = Pin | _AcceptedView | _Skipped | _LiveSession
_REQUEST: TypeAdapter[_Wire] = TypeAdapter(_Wire)


def _on_the_wire(request: TourRequest) -> _Wire:
    match request:
        case Pin():
            return request
        case Skip():
            return _Skipped(request)
        case ViewAcceptance():
            return _AcceptedView(request)
        case LiveSession():
            return _LiveSession(request)


def _off_the_wire(wire: _Wire) -> TourRequest:
    match wire:
        case Pin():
            return wire
        case _Skipped():
            return wire.skip
        case _AcceptedView():
            return wire.accept_view
        case _LiveSession():
            return wire.live_session


async def ask(command: Awaitable[_Result]) -> _Result:
    """What the server answers. Raises QueueError."""
    try:
        return await command
    except (RedisError, OSError) as error:
        raise queue_error(error) from None


async def answers_of(pipeline: Pipeline) -> list[Any]:
    """The answer to every command, or the error that was one. Raises QueueError if there is no answer at all."""
    # Raised by the pipeline itself, an error would quote the whole message, and say nothing of the others.
    return await ask(pipeline.execute(raise_on_error=False))


async def _execute(pipeline: Pipeline) -> None:
    for answer in await answers_of(pipeline):
        if isinstance(answer, RedisError):
            raise queue_error(answer) from None


def queue_error(error: RedisError | OSError) -> QueueError:
    """The error in the words of the pipeline."""
    # The type alone where the text might hold an address with a password.
    return QueueError(f"redis: {error if isinstance(error, ResponseError) else type(error).__name__}")


REPLICATED_WITHIN_MS = 100
"""A red alert waits that long for a replica to have it, too; then it goes on, and the reconciler sees to the rest."""

OnUnreplicated = Callable[[int], None]
"""Told how many red alerts no replica had in time."""


class RedisPublisher:
    """Publisher on Redis Streams. Where there are replicas, red alerts wait for one of them (``WAIT``).

    The store's position is a key beside the streams. Who may not write it goes without: then heartbeats are all that
    tells how far the store had come.
    """

    def __init__(self, redis: Redis, on_unreplicated: OnUnreplicated = lambda count: None) -> None:
        self._redis = redis
        self._on_unreplicated = on_unreplicated
        self._has_replicas = False  # as of the last publish: WAIT without any would only cost its time
        self._position: int | None = None  # as the server has it; None: not asked yet

    async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
        """See Publisher. One round trip for all; the position never goes back, whatever is published again."""
        pipeline = self._redis.pipeline(transaction=False)
        goes_on = position > await self._position_there()
        if goes_on:
            pipeline.set(POSITION_KEY, position)
        for message in messages:
            pipeline.xadd(message.stream, {FIELD: message.body})
        pipeline.execute_command("ROLE")
        red = sum(message.stream == RED_STREAM for message in messages)
        waits = red > 0 and self._has_replicas
        if waits:
            pipeline.execute_command("WAIT", 1, REPLICATED_WITHIN_MS)
        answers = await answers_of(pipeline)
        if goes_on and not isinstance(answers.pop(0), RedisError):
            self._position = position
        if waits and answers.pop() == 0:
            self._on_unreplicated(red)
        role = answers.pop()  # an error where the user may not ask: then nobody waits
        self._has_replicas = isinstance(role, list) and text_of(role[0]) == "master" and bool(role[2])
        refused = {i: str(queue_error(answer)) for i, answer in enumerate(answers) if isinstance(answer, RedisError)}
        taken = {i: EntryId.read(text_of(answer)) for i, answer in enumerate(answers) if i not in refused}
        if refused:
            raise MessagesRefusedError(refused, taken)
        return list(taken.values())

    async def _position_there(self) -> int:
        if self._position is None:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.get(POSITION_KEY)
            (there,) = await answers_of(pipeline)
            if isinstance(there, RedisError):
                return 0
            self._position = number_of(there)
        return self._position

    async def ping(self) -> None:
        """Raises QueueError if Redis does not answer."""
        await ask(self._redis.ping())

    async def dead_letters(self) -> int:
        """How many messages lie in the dead letters. Raises QueueError."""
        return int(await ask(self._redis.xlen(DEAD_STREAM)))


class RedisSubscription:
    """One consumer of one group. ``consumer`` must be stable: after a restart it finds its own unfinished work.

    ``lease_s``: a delivery idle for that long belongs to a dead consumer, and whoever comes by takes it over.
    ``on_reclaimed`` is told how many were. ``first``: streams that have every second
    turn alone while something waits on them.
    """

    def __init__(
        self,
        redis: Redis,
        group: str,
        consumer: str,
        streams: Sequence[str],
        *,
        lease_s: float = LEASE_S,
        on_reclaimed: Callable[[int], None] = lambda count: None,
        first: Sequence[str] = (),
    ) -> None:
        self._redis = redis
        self._group = group
        self._consumer = consumer
        self._streams = tuple(streams)
        self._first = tuple(first)
        self._first_had_its_turn = False
        self._groups_made = False
        self._own_read_to: dict[str, str] = dict.fromkeys(streams, "0")
        self._reclaim_from: dict[str, str] = dict.fromkeys(streams, "0-0")
        self._reclaim_at = 0.0
        self._lease_s = lease_s
        self._on_reclaimed = on_reclaimed

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """See Subscription."""
        with self._failures_remembered():
            return await self._receive(limit, wait_s)

    @contextlib.contextmanager
    def _failures_remembered(self) -> Iterator[None]:
        try:
            yield
        except QueueError as error:
            # What was delivered may be in nobody's hands now: it is read again at once, not after its lease.
            self._own_read_to = dict.fromkeys(self._streams, "0")
            if "NOGROUP" in str(error):  # Redis was emptied: the group is made again, at 0
                self._groups_made = False
            raise

    async def _receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        if not self._groups_made:
            await self._make_groups()
        own = await self._own_unfinished()
        if own:
            return own
        reclaimed = await self._reclaim()
        if reclaimed:
            return reclaimed
        if self._first and not self._first_had_its_turn:
            urgent = await self._new(self._first, limit, None)
            self._first_had_its_turn = bool(urgent)
            if urgent:
                return urgent
        # The server counts by stream: with more waiting on the first, the turn of all of them is a short one.
        each = max(1, limit // len(self._streams)) if self._first_had_its_turn else limit
        self._first_had_its_turn = False
        return await self._new(self._streams, each, max(1, int(min(wait_s, COMMAND_TIMEOUT_S / 2) * 1000)))

    async def _new(self, streams: Sequence[str], each: int, wait_ms: int | None) -> Sequence[Delivery]:
        answer = await ask(
            self._redis.xreadgroup(self._group, self._consumer, dict.fromkeys(streams, ">"), count=each, block=wait_ms)
        )
        return [
            Delivery(text_of(stream), text_of(entry_id), fields.get(FIELD.encode(), b""), 1)
            for stream, entries in by_stream(answer)
            for entry_id, fields in entries
        ]

    async def _make_groups(self) -> None:
        for stream in self._streams:
            try:
                await ask(self._redis.xgroup_create(stream, self._group, id="0", mkstream=True))
            except QueueError as error:
                if "BUSYGROUP" not in str(error):  # that one says that it is there already
                    raise
        self._groups_made = True

    async def _own_unfinished(self) -> Sequence[Delivery]:
        """After a restart: what was delivered to this consumer before and never acknowledged.

        One at a time: where one kills its handler, the tries of those behind it must not grow with its own.
        """
        for stream in [stream for stream, position in self._own_read_to.items() if position]:
            answer = await ask(
                self._redis.xreadgroup(self._group, self._consumer, {stream: self._own_read_to[stream]}, count=1)
            )
            entries = [entry for _, entries in by_stream(answer) for entry in entries]
            self._own_read_to[stream] = text_of(entries[-1][0]) if entries else ""
            found = await self._with_attempts(stream, entries)
            if found:
                return found
        return ()

    async def _reclaim(self) -> Sequence[Delivery]:
        """Take over what another consumer left idle for longer than its lease; one at a time, as above."""
        if time.monotonic() < self._reclaim_at:
            return ()
        for stream in self._streams:
            answer = await ask(
                self._redis.xautoclaim(
                    stream,
                    self._group,
                    self._consumer,
                    min_idle_time=int(self._lease_s * 1000),
                    start_id=self._reclaim_from[stream],
                    count=1,
                )
            )
            self._reclaim_from[stream] = text_of(answer[0])
            found = await self._with_attempts(stream, answer[1])
            if found:
                self._on_reclaimed(len(found))
                return found
        self._reclaim_at = time.monotonic() + self._lease_s / LOOKS_PER_LEASE
        return ()

    async def _with_attempts(self, stream: str, entries: Sequence[tuple[bytes | None, Any]]) -> Sequence[Delivery]:
        deliveries = []
        for entry_id, fields in entries:
            if entry_id is None:  # Redis 6.2 does not say which one was deleted
                continue
            if not fields:  # deleted from the stream while pending: nothing is left to handle
                await ask(self._redis.xack(stream, self._group, entry_id))
                continue
            pending = await ask(self._redis.xpending_range(stream, self._group, min=entry_id, max=entry_id, count=1))
            attempt = int(pending[0]["times_delivered"]) if pending else 1
            deliveries.append(Delivery(stream, text_of(entry_id), fields.get(FIELD.encode(), b""), attempt))
        return deliveries

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See Subscription."""
        pipeline = self._redis.pipeline(transaction=False)
        for delivery in deliveries:
            pipeline.xack(delivery.stream, self._group, delivery.entry_id)
        with self._failures_remembered():
            await _execute(pipeline)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """See Subscription. One transaction: never acknowledged without lying in the dead letters."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xadd(
            DEAD_STREAM,
            {
                FIELD: delivery.body,
                "stream": delivery.stream,
                "entry_id": delivery.entry_id,
                "group": self._group,
                "attempts": delivery.attempt,
                "reason": reason[:1000],
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            },
        )
        pipeline.xack(delivery.stream, self._group, delivery.entry_id)
        with self._failures_remembered():
            await _execute(pipeline)


class RedisTourReports:
    """TourReports in one key that expires: an old report is no report."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def report(self, status: TourStatus) -> None:
        """See TourReports."""
        await ask(self._redis.set(TOUR_KEY, _TOUR.dump_json(status), ex=TOUR_STALE_AFTER_S))

    async def latest(self) -> TourStatus | None:
        """See TourReports."""
        body = await ask(self._redis.get(TOUR_KEY))
        try:
            return _TOUR.validate_json(body) if body else None
        except ValidationError:
            return None  # a tour of another version reports, in the middle of an upgrade


class RedisRosterReports:
    """RosterReports in one key that expires."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def report(self, standing: RosterStanding) -> None:
        """See RosterReports."""
        await ask(self._redis.set(ROSTER_KEY, _ROSTER.dump_json(standing), ex=ROSTER_STALE_AFTER_S))

    async def latest(self) -> RosterStanding | None:
        """See RosterReports."""
        body = await ask(self._redis.get(ROSTER_KEY))
        try:
            return _ROSTER.validate_json(body) if body else None
        except ValidationError:
            return None  # a dispatch of another version, in the middle of an upgrade


class RedisTourRequests:
    """TourRequests in one short list that expires."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def ask(self, request: TourRequest) -> None:
        """See TourRequests."""
        body = _REQUEST.dump_json(_on_the_wire(request))
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.rpush(REQUESTS_KEY, body)
            pipeline.ltrim(REQUESTS_KEY, -MOST_REQUESTS, -1)
            pipeline.expire(REQUESTS_KEY, REQUESTS_STALE_AFTER_S)
            await _execute(pipeline)

    async def take(self) -> Sequence[TourRequest]:
        """See TourRequests. What cannot be read, in the middle of an upgrade, is left out."""
        requests: list[TourRequest] = []
        bodies: Any = await ask(self._redis.lpop(REQUESTS_KEY, MOST_REQUESTS))
        for body in bodies or ():
            with contextlib.suppress(ValidationError):
                requests.append(_off_the_wire(_REQUEST.validate_json(body)))
        return requests


def by_stream(answer: Any) -> list[tuple[bytes, list[tuple[bytes, Mapping[bytes, bytes]]]]]:
    """Entries by stream, as XREAD and XREADGROUP answer."""
    # A list of pairs; a client told to speak RESP3 answers with a mapping to a list of lists.
    if isinstance(answer, Mapping):
        return [(stream, [entry for page in pages for entry in page]) for stream, pages in answer.items()]
    return list(answer or [])


def text_of(value: bytes | str) -> str:
    """A name or an id, in whichever of the protocol's forms it came."""
    return value.decode() if isinstance(value, bytes) else value


def number_of(value: bytes | str | None) -> int:
    """A whole number that was kept as text; 0 for nothing, and for anything else."""
    text = text_of(value or "")
    return int(text) if text.isdecimal() else 0
