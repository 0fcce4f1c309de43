"""A console: its own consumer group, its seats, and the way back for receipts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from patrol.adapters.redis_connecting import connect as connect_to_redis
from patrol.client.group import FIELD, Entry, Seat
from patrol.client.received import Received, read_data
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
        waiting: deque[Entry] = deque()
        try:
            while True:
                waiting.extend(await self._until_done(lambda: seat.take(self._ahead, WAIT_S), seat))
                while waiting:
                    received = await self._read(waiting.popleft(), seat, wanted)
                    if received is None:
                        continue
                    yield received
                    if not received.is_kept:
                        await received.nack()
        finally:
            # What was handed out stays in hand; the rest is this seat's all the same, and comes first when it is back.
            for entry in waiting:
                seat.let_go(entry)
            seat.is_read = False

    async def _read(self, entry: Entry, seat: Seat, wanted: frozenset[str]) -> Received[MessageData] | None:
        settling = _Settling(self, seat, entry)
        if entry.attempt >= MAX_ATTEMPTS:
            await settling.bury(f"delivered {entry.attempt} times and never acknowledged")
            return None
        try:
            envelope = read_message(entry.body)
            if envelope.type not in wanted:
                raise MessageError(f"type: expected {' or '.join(sorted(wanted))}, got {envelope.type}")
            received = Received(read_data(envelope), envelope, entry.attempt, self, settling)
            settling.key = received.key
            if envelope.type != HEARTBEAT:
                _ = received.incident_id  # what is about nothing can be answered by nobody
        except MessageError as error:
            await settling.bury(str(error))
            return None
        if await self._until_done(lambda: self._is_known(received.key), seat):
            self.repeated += 1
            await received.acknowledge()
            return None
        return received

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
        message = receipt_message(receipt, IncidentId(incident_id), source=f"/{self._group}", key=key)
        stream = self._prefix + message.stream
        await self._until_done(lambda: self._redis.xadd(stream, {FIELD: message.body}), for_good=())

    async def _is_known(self, key: str) -> bool:
        return key in self._seen or bool(await self._redis.exists(self._remembered_as(key)))

    def _remembered_as(self, key: str) -> str:
        return f"{self._prefix}patrol:done:{self._group}:{key}"

    async def acknowledged(self, seat: Seat, entry: Entry, key: str) -> None:
        """Acknowledge an entry and remember its key."""
        name = self._remembered_as(key)
        await self._until_done(lambda: seat.acknowledge(entry, name, self._remember_s), seat)
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

    async def acknowledge(self) -> None:
        await self.console.acknowledged(self.seat, self.entry, self.key)

    async def give_back(self, after_s: float) -> None:
        await self.console._until_done(lambda: self.seat.give_back(self.entry, after_s), self.seat)

    async def bury(self, reason: str) -> None:
        await self.console._until_done(lambda: self.seat.bury(self.entry, reason), self.seat)
