"""Locating: the positions that units send are read, judged, and stored once a second, many together.

They come by the hundred a second and each is soon worth nothing, so they have a stream, a group and a consumer of
their own: no receipt ever waits behind one. Effect first, then the acknowledgement, as with every message. 200 units
once a second cost some 4% of a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from patrol.domain.dispatch import Duty
from patrol.domain.errors import MessageError, QueueError, StoreError
from patrol.domain.fixes import Fix, FixSettings, FixVerdict, fix_of, judge
from patrol.domain.message_data import PositionData
from patrol.domain.messages import POSITION, POSITION_STREAM, position_message, read_message, read_position
from patrol.domain.units import UnitId
from patrol.metrics import UNREADABLE, Metrics
from patrol.pipeline.consuming import MAX_ATTEMPTS, RETRY_S, WAIT_S
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Delivery, DutyStore, Publisher, Subscription

_log = logging.getLogger(__name__)

GROUP = "positions"
STREAMS = (POSITION_STREAM,)
BATCH = 500
WRITE_EVERY_S = 1.0
GATHER_S = 0.2  # between two reads: else there would be one for nearly every position
MOST_HELD = 5000  # after an outage, some 25 s of 200 units; more is written sooner than once a second
BURIED_A_MINUTE = 6
"""A terminal that sends nonsense once a second must not fill the dead letters: some are kept, all are counted."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A position that was read, and waits to be written."""

    delivery: Delivery
    fix: Fix


class Locating:
    """The consumer of positions. ``units``: those that are configured."""

    def __init__(
        self,
        subscription: Subscription,
        duties: DutyStore,
        units: Collection[UnitId],
        settings: FixSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._subscription = subscription
        self._duties = duties
        self._units = frozenset(units)
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._held: list[_Held] = []
        self._written_at: float | None = None
        self._buried_at: deque[float] = deque(maxlen=BURIED_A_MINUTE)
        self._away = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Consume until ``stopping``; what was read by then is written, or comes again."""
        while not stopping.is_set():
            try:
                deliveries = await self._subscription.receive(BATCH, WAIT_S)
                for delivery in deliveries:
                    await self._take(delivery)
                if self._is_time():
                    await self._write_for_sure(stopping)
                if _were_all(deliveries):
                    await pause(self._clock, stopping, GATHER_S)
            except QueueError as error:
                self._held.clear()  # they are read again, and counted as told before
                await self._queue_away(error, stopping)
                continue
            if self._away:
                self._away = False
                _log.info("%s: the queue is back", GROUP)
        if self._held:
            with contextlib.suppress(StoreError, QueueError):
                await self._write()

    async def _take(self, delivery: Delivery) -> None:
        if delivery.attempt >= MAX_ATTEMPTS:
            await self._bury(delivery, f"delivered {delivery.attempt} times and never acknowledged")
            return
        try:
            fix = self._read(delivery)
        except MessageError as error:
            await self._bury(delivery, str(error))
        else:
            self._held.append(_Held(delivery, fix))

    def _read(self, delivery: Delivery) -> Fix:
        envelope = read_message(delivery.body)
        if envelope.type != POSITION:
            raise MessageError(f"type: expected {POSITION}, got {envelope.type}")
        key = f"{envelope.source}#{envelope.id}"
        fix = fix_of(read_position(envelope), self._clock.now(), envelope.source, key)
        if fix.unit_id not in self._units:
            raise MessageError(f"data.unit_id: there is no unit {fix.unit_id!r:.100} in the configuration")
        return fix

    def _is_time(self) -> bool:
        if not self._held:
            return False
        if self._written_at is None or len(self._held) >= MOST_HELD:
            return True
        return self._clock.monotonic() - self._written_at >= WRITE_EVERY_S

    async def _write_for_sure(self, stopping: asyncio.Event) -> None:
        """Write, however long the store is away: nothing more is read meanwhile, and what is held stays ours."""
        failing = False
        while True:
            try:
                await self._write()
            except StoreError as error:
                self._metrics.stages.errors.labels("dispatch").inc()
                if not failing:
                    _log.error("%s: %d positions wait for the store: %s", GROUP, len(self._held), error)
                failing = True
            else:
                return
            if await pause(self._clock, stopping, RETRY_S):
                return

    async def _write(self) -> None:
        held, now = self._held, self._clock.now()
        verdicts: Counter[FixVerdict] = Counter()

        def placed(duties: Mapping[UnitId, Duty]) -> Sequence[Duty]:
            verdicts.clear()  # the store may ask a second time
            changed, found = judged([each.fix for each in held], duties, now, self._settings)
            verdicts.update(found)
            return changed

        await self._duties.place(placed)
        self._written_at = self._clock.monotonic()
        self._held = []
        for verdict, count in verdicts.items():
            self._metrics.units.positions.labels(verdict.value).inc(count)
        await self._subscription.acknowledge([each.delivery for each in held])

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        self._metrics.units.positions.labels(UNREADABLE).inc()
        now = self._clock.monotonic()
        if len(self._buried_at) == BURIED_A_MINUTE and now - self._buried_at[0] < 60.0:
            await self._subscription.acknowledge([delivery])
            return
        self._buried_at.append(now)
        _log.error("%s: message %s on %s is dead: %s", GROUP, delivery.entry_id, delivery.stream, reason)
        await self._subscription.bury(delivery, reason)
        self._metrics.queue.dead.labels(GROUP).inc()

    async def _queue_away(self, error: QueueError, stopping: asyncio.Event) -> None:
        if not self._away:
            self._away = True
            _log.error("%s: %s", GROUP, error)
        await pause(self._clock, stopping, RETRY_S)


def _were_all(deliveries: Sequence[Delivery]) -> bool:
    """Whether nothing more waits. What was delivered before comes one at a time, and there may be many."""
    return 0 < len(deliveries) < BATCH and deliveries[-1].attempt == 1


def judged(
    fixes: Iterable[Fix], duties: Mapping[UnitId, Duty], now: datetime, settings: FixSettings
) -> tuple[Sequence[Duty], Sequence[FixVerdict]]:
    """The duties that change, each once, as the last of its fixes leaves it; and what became of every fix of a unit.

    In the order in which they came. What is of no unit in ``duties`` is left out.
    """
    changed: dict[UnitId, Duty] = {}
    verdicts = []
    for fix in fixes:
        before = changed.get(fix.unit_id) or duties.get(fix.unit_id)
        if before is None:
            continue
        judgement = judge(fix, before, now, settings)
        verdicts.append(judgement.verdict)
        if judgement.duty is not before:
            changed[fix.unit_id] = judgement.duty
    return tuple(changed.values()), verdicts


@dataclass(frozen=True, slots=True)
class RecordedPosition:
    """One line of a file of positions. ``seconds``: after the first one. WGS-84, or what the file says it is."""

    seconds: float
    data: PositionData


async def send_in_time(
    positions: Sequence[RecordedPosition], publisher: Publisher, clock: Clock, speed: float = 1.0
) -> int:
    """Publish recorded positions as if they came now, ``speed`` times as fast. Returns how many. Raises QueueError."""
    began, began_at = clock.monotonic(), clock.now()
    in_order = sorted(positions, key=lambda each: each.seconds)
    sent = 0
    while sent < len(in_order):
        due_s = in_order[sent].seconds / speed
        await clock.sleep(max(0.0, due_s - (clock.monotonic() - began)))
        reached_s = max(due_s, clock.monotonic() - began)
        due = [each for each in in_order[sent : sent + BATCH] if each.seconds / speed <= reached_s]
        now = clock.now()
        times = [began_at + timedelta(seconds=each.seconds / speed) for each in due]
        await publisher.publish(
            [position_message(replace(each.data, at=at), now) for each, at in zip(due, times, strict=True)]
        )
        sent += len(due)
    return sent
