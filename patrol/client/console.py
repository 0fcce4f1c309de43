"""A console: its own consumer group, its seats, and the way back for receipts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from patrol.adapters.redis_connecting import connect as connect_to_redis
from patrol.client.group import FIELD, Entry, Seat
from patrol.client.received import Received, read_data
from patrol.client.settling import Together, answer_and_acknowledge
from patrol.domain.errors import MessageError, QueueError
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.message_data import (
    AlertData,
    HeartbeatData,
    IncidentData,
    MessageData,
    OrderData,
    PlaceData,
    RecallData,
    ReceiptData,
)
from patrol.domain.messages import (
    ALERT,
    HEARTBEAT,
    HEARTBEAT_STREAM,
    INCIDENT,
    INCIDENT_STREAM,
    ORDER,
    ORDER_STREAMS,
    RECALL,
    RECEIPT,
    RECEIPT_STREAM,
    TYPES,
    Message,
    read_message,
    receipt_message,
)
from patrol.domain.orders import Receipt, ReceiptKind
from patrol.domain.vocabulary import Place

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

LEASE_S = 30.0
MAX_ATTEMPTS = 5
WAIT_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
REMEMBERED_HERE = 10_000
REMEMBER_S = 24 * 3600.0
LOOKED_UP_FOR_S = 0.5  # then it is asked again whether another seat has handled a message meanwhile
# Receipts are numbered by the clock, so that they grow over a restart without anything to remember.
NUMBERED_SINCE, MILLISECOND = datetime(2026, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
# These may be told more than once about one subject; of any other kind a second one is the same receipt again.
_MAY_REPEAT = frozenset({ReceiptKind.EN_ROUTE, ReceiptKind.ERROR})


def connect(
    url: str,
    *,
    group: str,
    seat: str | None = None,
    prefix: str = "",
    lease_s: float = LEASE_S,
    ahead: int = 1,
    remember_s: float = REMEMBER_S,
) -> Console:
    """A console on a Redis URL (also TLS and Sentinel), to be entered with ``async with``. Nothing is sent before.

    ``group``: the console's name, its own alone. ``seat``: this process's name in it, the same after a restart and no
    other's at the same time; the host's, if none is given. ``lease_s``: what a seat leaves idle for so long is
    another's; work may take longer, its lease is renewed. ``ahead``: how many of each stream are taken at once; red is
    handed out first. ``remember_s``: how long a message that comes a second time is known again. ``prefix``: before
    every name in Redis, for trials. Raises ConfigError if the address cannot be one.
    """
    return Console(
        connect_to_redis(url),
        group,
        seat or socket.gethostname(),
        prefix=prefix,
        lease_s=lease_s,
        ahead=ahead,
        remember_s=remember_s,
    )


class Console:
    """See ``connect``. ``redis`` is closed with it. Several iterations may run side by side, each in its own task."""

    def __init__(
        self,
        redis: Redis,
        group: str,
        seat: str,
        *,
        prefix: str = "",
        lease_s: float = LEASE_S,
        ahead: int = 1,
        remember_s: float = REMEMBER_S,
    ) -> None:
        self._redis = redis
        self._group = group
        self._seat = seat
        self._prefix = prefix
        self._lease_s = lease_s
        self._ahead = ahead
        self._remember_s = remember_s
        self._seats: list[Seat] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._number = 0
        self._renewing: asyncio.Task[None] | None = None
        self._together = Together(redis)
        self._in_one_step = True
        self.trouble: str | None = None
        """Why the queue cannot be reached, for a banner; None while all is well."""
        self.repeated = 0
        """Messages that came again after they had been acknowledged, and were let pass."""

    async def __aenter__(self) -> Console:
        self._renewing = asyncio.create_task(self._keep_renewing(), name="renewing leases")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        await self._together.aclose()
        await self._redis.aclose()

    def alerts(self, *levels: Level) -> AsyncGenerator[Received[AlertData], None]:
        """Alerts, of all levels unless some are named; the most urgent first."""
        streams = [f"patrol:alert:{level}" for level in levels or Level]
        return cast("AsyncGenerator[Received[AlertData], None]", self.messages(streams, (ALERT,)))

    def incidents(self) -> AsyncGenerator[Received[IncidentData], None]:
        """What each incident's state is, whenever it changes. They take no receipts."""
        return cast("AsyncGenerator[Received[IncidentData], None]", self.messages((INCIDENT_STREAM,), (INCIDENT,)))

    def orders(self) -> AsyncGenerator[Received[OrderData | RecallData], None]:
        """Orders to units and their recalls. Recalls take no receipts."""
        return cast(
            "AsyncGenerator[Received[OrderData | RecallData], None]", self.messages(ORDER_STREAMS, (ORDER, RECALL))
        )

    def receipts(self) -> AsyncGenerator[Received[ReceiptData], None]:
        """What terminals and consoles answered."""
        return cast("AsyncGenerator[Received[ReceiptData], None]", self.messages((RECEIPT_STREAM,), (RECEIPT,)))

    def heartbeats(self) -> AsyncGenerator[Received[HeartbeatData], None]:
        """One every five seconds, by the way that alerts take: where they stay away, alerts may, too."""
        return cast("AsyncGenerator[Received[HeartbeatData], None]", self.messages((HEARTBEAT_STREAM,), (HEARTBEAT,)))

    async def messages(
        self, streams: Sequence[str], types: Iterable[str] = TYPES
    ) -> AsyncGenerator[Received[MessageData], None]:
        """Messages of some streams, for ever. What is not one, or of none of ``types``, becomes a dead letter.

        A message that is neither settled nor kept when the next one is asked for is left for another try. Raises
        QueueError if Redis refuses us for good: a wrong password, no right to a stream.
        """
        seat = Seat(self._redis, self._group, self._seat, streams, prefix=self._prefix, lease_s=self._lease_s)
        self._seats.append(seat)
        wanted = frozenset(types)
        waiting: deque[_Taken] = deque()
        try:
            while True:
                entries = await self._until_done(lambda: seat.take(self._ahead, WAIT_S), seat)
                waiting.extend(self._opened(entry, seat, wanted) for entry in entries)
                keys = {taken.settling.key for taken in waiting if taken.received is not None}
                unknown = await self._until_done(partial(self._unknown, keys), seat)
                looked_up_at = time.monotonic()
                while waiting:
                    taken = waiting.popleft()
                    if time.monotonic() - looked_up_at > LOOKED_UP_FOR_S:
                        unknown = frozenset()
                    if not await self._is_to_be_handed_out(taken, unknown):
                        continue
                    assert taken.received is not None
                    yield taken.received
                    if not taken.received.is_kept:
                        await taken.received.nack()
        finally:
            # What was handed out stays in hand; the rest is this seat's all the same, and comes first when it is back.
            for taken in waiting:
                seat.let_go(taken.settling.entry)
            seat.is_read = False

    def _opened(self, entry: Entry, seat: Seat, wanted: frozenset[str]) -> _Taken:
        settling = _Settling(self, seat, entry)
        if entry.attempt >= MAX_ATTEMPTS:
            return _Taken(settling, hopeless=f"delivered {entry.attempt} times and never acknowledged")
        try:
            envelope = read_message(entry.body)
            if envelope.type not in wanted:
                raise MessageError(f"type: expected {' or '.join(sorted(wanted))}, got {envelope.type}")
            received = Received(read_data(envelope), envelope, entry.attempt, self, settling)
            settling.key = received.key
            if envelope.type != HEARTBEAT:
                _ = received.incident_id  # what is about nothing can be answered by nobody
        except MessageError as error:
            return _Taken(settling, hopeless=str(error))
        return _Taken(settling, received)

    async def _is_to_be_handed_out(self, taken: _Taken, unknown: frozenset[str]) -> bool:
        if taken.received is None:
            await taken.settling.bury(taken.hopeless)
            return False
        key = taken.settling.key
        if key in self._seen or (
            key not in unknown and await self._until_done(lambda: self._is_known(key), taken.settling.seat)
        ):
            self.repeated += 1
            await taken.received.acknowledge()
            return False
        return True

    async def answer(
        self,
        subject_id: str,
        incident_id: str,
        kind: ReceiptKind,
        *,
        operator: str | None = None,
        reason: str | None = None,
        place: PlaceData | None = None,
    ) -> None:
        """Store a receipt about an alert or an order, also one that was acknowledged long ago.

        Returns once Redis has it, however long that takes: in doubt it is sent again under the same id.
        """
        await self._store(self._receipt(subject_id, incident_id, kind, operator, reason, place))

    async def _store(self, receipt: Message) -> None:
        stream = self._prefix + receipt.stream
        await self._until_done(lambda: self._redis.xadd(stream, {FIELD: receipt.body}), for_good=())

    def _receipt(
        self,
        subject_id: str,
        incident_id: str,
        kind: ReceiptKind,
        operator: str | None,
        reason: str | None,
        place: PlaceData | None,
    ) -> Message:
        now = datetime.now(UTC)
        self._number = max(self._number + 1, (now - NUMBERED_SINCE) // MILLISECOND)
        receipt = Receipt(
            subject_id=subject_id,
            sequence=self._number,
            consumer=self._group,
            seat=self._seat,
            kind=kind,
            at=now,
            operator=operator,
            reason_code=reason,
            place=Place(place.latitude, place.longitude) if place else None,
        )
        which = f"{kind}:{self._number}" if kind in _MAY_REPEAT else kind.value
        key = f"{self._group}:{subject_id}:{which}"
        return receipt_message(receipt, IncidentId(incident_id), source=f"/{self._group}", key=key)

    async def _unknown(self, keys: Collection[str]) -> frozenset[str]:
        """Those of which it is certain that no seat has handled them: all or none, which costs one answer."""
        if not keys or await self._redis.exists(*(self._remembered_as(key) for key in keys)):
            return frozenset()
        return frozenset(keys)

    async def _is_known(self, key: str) -> bool:
        return key in self._seen or bool(await self._redis.exists(self._remembered_as(key)))

    def _remembered_as(self, key: str) -> str:
        return f"{self._prefix}patrol:done:{self._group}:{key}"

    async def acknowledged(self, seat: Seat, entry: Entry, key: str) -> None:
        """Acknowledge an entry and remember its key."""
        name = self._remembered_as(key)
        await self._until_done(lambda: seat.acknowledge(entry, name, self._remember_s), seat)
        self._remember(key)

    async def answered(self, seat: Seat, entry: Entry, key: str, receipt: Message) -> None:
        """Store a receipt, then acknowledge: in one step, or where the server does not do that, in two."""
        if not (self._in_one_step and await self._answered_in_one_step(seat, entry, key, receipt)):
            await self._store(receipt)
            await self.acknowledged(seat, entry, key)

    async def _answered_in_one_step(self, seat: Seat, entry: Entry, key: str, receipt: Message) -> bool:
        """Whether it is certain that it was done. If not, the receipt is stored again under the same id."""
        command = answer_and_acknowledge(
            self._prefix + receipt.stream,
            FIELD,
            receipt.body,
            self._remembered_as(key),
            max(1, int(self._remember_s)),
            entry.stream,
            self._group,
            entry.id,
        )
        try:
            await self._together.send(command)
        except (RedisError, OSError) as error:
            if isinstance(error, NoPermissionError):
                self._in_one_step = False  # a user without +eval; what else it may not do the two steps say
            elif not isinstance(error, ResponseError):
                seat.lost_touch(error)
                self._in_trouble(error)
            return False
        self._well_again()
        seat.let_go(entry)
        self._remember(key)
        return True

    def _remember(self, key: str) -> None:
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_HERE:
            self._seen.popitem(last=False)

    async def _until_done(
        self,
        work: Callable[[], Awaitable[_Result]],
        seat: Seat | None = None,
        for_good: tuple[type[RedisError], ...] = (AuthenticationError, NoPermissionError),
    ) -> _Result:
        """Try until Redis has done it, with growing, random pauses. Raises QueueError for refusals ``for_good``."""
        pause_s, asked_to_end = FIRST_PAUSE_S, _asked_to_end()
        while True:
            try:
                result = await work()
                if _asked_to_end() > asked_to_end:  # redis-py's read may swallow that
                    raise asyncio.CancelledError
            except (RedisError, OSError) as error:
                if seat is not None:
                    seat.lost_touch(error)
                if isinstance(error, for_good):
                    raise QueueError(f"redis: {type(error).__name__}") from None
                self._in_trouble(error)
            else:
                self._well_again()
                return result
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _in_trouble(self, error: RedisError | OSError) -> None:
        # The type alone where the text might hold an address with a password.
        text = f"redis: {error if isinstance(error, ResponseError) else type(error).__name__}"
        if self.trouble is None:
            _log.error("%s: the queue is away: %s", self._group, text)
        self.trouble = text

    def _well_again(self) -> None:
        if self.trouble is not None:
            _log.info("%s: the queue is back", self._group)
        self.trouble = None

    async def _keep_renewing(self) -> None:
        while not _asked_to_end():
            await asyncio.sleep(self._lease_s / 3)
            self._seats = [seat for seat in self._seats if not seat.is_over]
            for seat in list(self._seats):
                with contextlib.suppress(RedisError, OSError):  # reading and answering say so
                    await seat.renew()


def _asked_to_end() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


@dataclass(slots=True)
class _Settling:
    """One delivery's end."""

    console: Console
    seat: Seat
    entry: Entry
    key: str = ""

    async def answer(
        self,
        subject_id: str,
        incident_id: str,
        kind: ReceiptKind,
        *,
        operator: str | None = None,
        reason: str | None = None,
        place: PlaceData | None = None,
    ) -> None:
        receipt = self.console._receipt(subject_id, incident_id, kind, operator, reason, place)
        await self.console.answered(self.seat, self.entry, self.key, receipt)

    async def acknowledge(self) -> None:
        await self.console.acknowledged(self.seat, self.entry, self.key)

    async def give_back(self, after_s: float) -> None:
        await self.console._until_done(lambda: self.seat.give_back(self.entry, after_s), self.seat)

    async def bury(self, reason: str) -> None:
        await self.console._until_done(lambda: self.seat.bury(self.entry, reason), self.seat)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One delivery, opened: the message, or why it can never be handled."""

    settling: _Settling
    received: Received[MessageData] | None = None
    hopeless: str = ""
