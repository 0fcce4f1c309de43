"""Consuming: the effect first, then the acknowledgement; what cannot be handled holds nobody up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from patrol.adapters.memory import FakeClock, MemoryQueue, MemorySubscription
from patrol.domain.errors import IllegalTransition, MessageError, StoreError
from patrol.domain.messages import ALERT, DEAD_STREAM, SOURCE, Envelope
from patrol.pipeline.consuming import MAX_ATTEMPTS, Consuming
from tests.builders import NOON
from tests.pipeline.parts import counted, fresh_metrics, told_by

STREAM = "patrol:alert:red"


def body(number: int, **changes: Any) -> bytes:
    content = {
        "specversion": "1.0",
        "id": f"A-{number}",
        "source": SOURCE,
        "type": ALERT,
        "subject": f"incident/I-{number}",
        "sequence": "000000000001",
        "data": {"alert_id": f"A-{number}"},
    }
    return json.dumps({**content, **changes}).encode()


class Consumer:
    """A consumer on a queue in memory, whose handler does what ``decides`` says."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.metrics = fresh_metrics()
        self.queue = MemoryQueue(self.clock)
        self.stopping = asyncio.Event()
        self.effects: list[str] = []
        self.tries: list[str] = []
        self.decides: Callable[[Envelope, int], bool] = lambda envelope, number: True

    async def handle(self, envelope: Envelope) -> bool:
        self.tries.append(envelope.id)
        fresh = self.decides(envelope, len(self.tries))
        self.effects.append(envelope.id)
        return fresh

    def subscription(self) -> MemorySubscription:
        return MemorySubscription(self.queue, "dispatch", "one", (STREAM,))

    async def run_for(self, seconds: float) -> None:
        """One life of the process: consume for so long, then stop."""
        self.stopping = asyncio.Event()
        consuming = Consuming("dispatch", self.subscription(), self.handle, self.clock, self.metrics)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(consuming.run(self.stopping))
            await self.clock.sleep(seconds)
            self.stopping.set()

    async def unfinished(self) -> list[bytes]:
        return [delivery.body for delivery in await self.subscription().receive(100, 0)]

    def count(self, what: str) -> float:
        return counted(self.metrics, f"patrol_messages_{what}_total", group="dispatch")


def test_each_message_has_its_effect_and_is_acknowledged() -> None:
    async def check() -> None:
        consumer = Consumer()
        for number in range(120):
            consumer.queue.append(STREAM, body(number))
        await consumer.run_for(5)
        assert consumer.effects == [f"A-{number}" for number in range(120)]
        assert await consumer.unfinished() == []
        assert (consumer.count("handled"), consumer.count("repeated"), consumer.count("dead")) == (120, 0, 0)
        assert counted(consumer.metrics, "patrol_message_handling_seconds_count", group="dispatch") == 120

    asyncio.run(check())


def test_a_crash_between_effect_and_acknowledgement_brings_the_message_again() -> None:
    """The effect comes first: the other way round a crash here would lose the alert."""

    async def check() -> None:
        consumer = Consumer()
        consumer.queue.append(STREAM, body(1))

        def away_after_the_effect(envelope: Envelope, number: int) -> bool:
            consumer.queue.broken = number == 1
            return number == 1

        consumer.decides = away_after_the_effect
        first_life = asyncio.create_task(consumer.run_for(0.4))
        await first_life
        assert consumer.effects == ["A-1"]
        consumer.queue.broken = False
        await consumer.run_for(5)
        assert consumer.effects == ["A-1", "A-1"]
        assert await consumer.unfinished() == []
        assert (consumer.count("handled"), consumer.count("repeated")) == (1, 1)

    asyncio.run(check())


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[1, 2]",
        b"null",
        b"{}",
        body(1, specversion="2.0"),
        body(1, type="cn.patrol.alert.v2"),
        body(1, data="text"),
        body(1, sequence="minus one"),
        body(1, id=""),
        b'{"specversion": "1.0", "id": "' + b"x" * 70_000 + b'"}',
    ],
)
def test_a_message_that_cannot_be_read_goes_to_the_dead_letters_and_the_next_one_is_handled(poison: bytes) -> None:
    async def check() -> None:
        consumer = Consumer()
        consumer.queue.append(STREAM, poison)
        consumer.queue.append(STREAM, body(2))
        await consumer.run_for(5)
        assert consumer.queue.streams[DEAD_STREAM] == [poison]
        assert consumer.queue.reasons[0]
        assert consumer.effects == ["A-2"]
        assert await consumer.unfinished() == []
        assert consumer.count("dead") == 1

    asyncio.run(check())


@pytest.mark.parametrize("error", [MessageError("no such incident"), IllegalTransition("closed -> ordered")])
def test_a_message_whose_effect_cannot_be_is_dead_with_the_reason(error: Exception) -> None:
    async def check() -> None:
        consumer = Consumer()

        def refuses(envelope: Envelope, number: int) -> bool:
            if envelope.id == "A-1":
                raise error
            return True

        consumer.decides = refuses
        consumer.queue.append(STREAM, body(1))
        consumer.queue.append(STREAM, body(2))
        await consumer.run_for(5)
        assert consumer.queue.streams[DEAD_STREAM] == [body(1)]
        assert consumer.queue.reasons == [str(error)]
        assert consumer.effects == ["A-2"]

    asyncio.run(check())


def test_while_the_store_is_away_messages_wait_and_none_is_buried(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        consumer = Consumer()

        def away_for_ten_minutes(envelope: Envelope, number: int) -> bool:
            if consumer.clock.monotonic() < 600:
                raise StoreError("database is locked")
            return True

        consumer.decides = away_for_ten_minutes
        for number in range(3):
            consumer.queue.append(STREAM, body(number))
        await consumer.run_for(700)
        assert consumer.effects == ["A-0", "A-1", "A-2"]
        assert consumer.queue.streams[DEAD_STREAM] == []
        assert counted(consumer.metrics, "patrol_stage_errors_total", stage="dispatch") > 500
        assert 590 <= counted(consumer.metrics, "patrol_message_handling_seconds_sum", group="dispatch") <= 610

    asyncio.run(check())
    told = told_by(caplog)
    assert told == ["dispatch: message A-0 waits for the store: database is locked"]  # once, not six hundred times


def test_a_stop_while_the_store_is_away_is_quick_and_the_messages_come_again_after_the_restart() -> None:
    async def check() -> None:
        consumer = Consumer()
        away = True

        def away_at_first(envelope: Envelope, number: int) -> bool:
            if away:
                raise StoreError("away")
            return True

        consumer.decides = away_at_first
        for number in range(30):
            consumer.queue.append(STREAM, body(number))
        await consumer.run_for(60)
        assert consumer.clock.monotonic() < 62
        assert consumer.effects == []
        away = False
        await consumer.run_for(60)
        assert consumer.effects == [f"A-{number}" for number in range(30)]

    asyncio.run(check())


def test_a_message_that_kills_its_handler_is_dead_at_the_fifth_delivery_and_takes_nobody_along() -> None:
    class Killed(BaseException):
        """The process dies in mid-handling."""

    async def check() -> None:
        consumer = Consumer()

        def kills(envelope: Envelope, number: int) -> bool:
            if envelope.id == "A-1":
                raise Killed
            return True

        consumer.decides = kills
        consumer.queue.append(STREAM, body(1))
        lives = 0
        while not consumer.queue.streams[DEAD_STREAM]:
            lives += 1
            assert lives < 10
            consumer.queue.append(STREAM, body(100 + lives))
            with suppress(BaseExceptionGroup):
                await consumer.run_for(5)
        assert lives == MAX_ATTEMPTS == 5
        assert consumer.tries.count("A-1") == 4
        assert consumer.queue.reasons == ["delivered 5 times and never acknowledged"]
        assert consumer.effects == [f"A-{100 + life}" for life in range(1, 6)]

    asyncio.run(check())


def test_while_the_queue_is_away_it_is_said_once_and_consuming_goes_on_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        consumer = Consumer()
        consumer.queue.append(STREAM, body(1))
        consumer.queue.broken = True

        async def mend() -> None:
            await consumer.clock.sleep(30)
            consumer.queue.broken = False

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(mend())
            tasks.create_task(consumer.run_for(60))
        assert consumer.effects == ["A-1"]

    caplog.set_level("INFO", "patrol")
    asyncio.run(check())
    assert told_by(caplog) == [
        "dispatch: memory queue: away",
        "dispatch: the queue is back",
    ]


def test_an_outage_in_mid_batch_repeats_only_what_was_not_acknowledged() -> None:
    async def check() -> None:
        consumer = Consumer()
        for number in range(5):
            consumer.queue.append(STREAM, body(number))

        def away_at_the_third(envelope: Envelope, number: int) -> bool:
            consumer.queue.broken = number == 3
            return True

        consumer.decides = away_at_the_third

        async def mend() -> None:
            await consumer.clock.sleep(3)
            consumer.queue.broken = False

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(mend())
            tasks.create_task(consumer.run_for(10))
        assert consumer.effects == ["A-0", "A-1", "A-2", "A-2", "A-3", "A-4"]
        assert await consumer.unfinished() == []

    asyncio.run(check())
