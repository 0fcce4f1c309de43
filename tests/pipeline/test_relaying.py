"""Relaying: what was decided on reaches the queue, in order and at least once, however often the queue is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby

import pytest

from patrol.adapters.memory import FakeClock, MemoryQueue
from patrol.domain.errors import QueueError
from patrol.domain.messages import Message
from patrol.domain.streams import EntryId
from patrol.pipeline.relaying import BATCH, GATHER_S, Relaying
from tests.builders import NOON
from tests.pipeline.parts import MemoryOutbox, counted, fresh_metrics, told_by, turns

STREAM, GREEN = "patrol:alert:red", "patrol:alert:green"


def messages(first: int, count: int, stream: str = STREAM) -> list[Message]:
    return [Message(stream, f"A-{number}", str(number)) for number in range(first, first + count)]


class Relay:
    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.metrics = fresh_metrics()
        self.outbox = MemoryOutbox(self.clock)
        self.queue = MemoryQueue(self.clock)
        self.relaying = Relaying(self.outbox, self.queue, self.clock, self.metrics)

    def published(self, stream: str = STREAM) -> list[int]:
        return [int(body) for body in self.queue.streams[stream]]

    def gauge(self, name: str) -> float:
        return counted(self.metrics, name)


def test_what_waits_is_published_in_order_within_a_moment() -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(10)
            relay.outbox.add(*messages(0, 3))
            await relay.clock.sleep(0.2)
            assert relay.published() == [0, 1, 2]
            relay.outbox.add(*messages(3, 2))
            await relay.clock.sleep(0.2)
            assert relay.published() == [0, 1, 2, 3, 4]
            stopping.set()
        assert relay.gauge("patrol_messages_published_total") == 5
        assert relay.gauge("patrol_outbox_messages") == 0

    asyncio.run(check())


def test_a_single_message_goes_out_at_once_and_those_that_come_one_after_the_other_go_together() -> None:
    class Counting(MemoryQueue):
        calls = 0

        async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
            self.calls += 1
            return await super().publish(messages)

    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        queue = Counting(relay.clock)
        relaying = Relaying(relay.outbox, queue, relay.clock, relay.metrics)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relaying.run(stopping))
            await relay.clock.sleep(10.05)
            relay.outbox.add(*messages(0, 1))
            await turns(15)  # time stands still meanwhile
            assert len(queue.streams[STREAM]) == 1
            before = queue.calls
            for number in range(1, 201):  # a thousand a second
                await relay.clock.sleep(0.001)
                relay.outbox.add(*messages(number, 1))
            await relay.clock.sleep(2 * GATHER_S)
            assert len(queue.streams[STREAM]) == 201
            assert queue.calls - before <= 0.2 / GATHER_S + 2
            stopping.set()

    asyncio.run(check())


def test_a_storm_goes_out_batch_after_batch_without_pausing() -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        relay.outbox.add(*messages(0, 25 * BATCH))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(1.0)
            stopping.set()
        assert relay.published() == list(range(25 * BATCH))

    asyncio.run(check())


def test_while_the_queue_is_away_it_is_said_and_everything_waits_and_then_goes_out_in_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(1)
            relay.queue.broken = True
            relay.outbox.add(*messages(0, 3))
            await relay.clock.sleep(60)
            assert relay.relaying.degraded == "memory queue: away"
            assert relay.gauge("patrol_queue_degraded") == 1
            assert relay.gauge("patrol_outbox_messages") == 3
            assert 55 <= relay.gauge("patrol_outbox_age_seconds") <= 60
            relay.outbox.add(*messages(3, 2))
            relay.queue.broken = False
            await relay.clock.sleep(3)
            assert relay.published() == [0, 1, 2, 3, 4]
            assert relay.relaying.degraded is None
            assert relay.gauge("patrol_queue_degraded") == 0
            assert relay.gauge("patrol_outbox_age_seconds") == 0
            stopping.set()

    caplog.set_level("INFO", "patrol")
    asyncio.run(check())
    told = told_by(caplog)
    assert told[0] == "queue degraded: memory queue: away"
    assert told[1].startswith("queue restored after ")
    assert len(told) == 2  # the change, not each try


def test_a_publish_whose_answer_was_lost_is_repeated_with_the_same_ids_and_overtakes_nothing() -> None:
    class LosesAnswers(MemoryQueue):
        calls = 0

        async def publish(self, messages: Sequence[Message], position: int = 0) -> Sequence[EntryId]:
            places = await super().publish(messages)
            self.calls += 1
            if self.calls in (1, 2):
                raise QueueError("the answer was lost")
            return places

    async def check() -> None:
        relay = Relay()
        queue = LosesAnswers(relay.clock)
        relaying = Relaying(relay.outbox, queue, relay.clock, relay.metrics)
        relay.outbox.add(*messages(0, 3))
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relaying.run(stopping))
            await relay.clock.sleep(5)
            relay.outbox.add(*messages(3, 1))
            await relay.clock.sleep(5)
            stopping.set()
        numbers = [int(body) for body in queue.streams[STREAM]]
        assert numbers == [0, 1, 2] * 3 + [3]

    asyncio.run(check())


def test_a_store_that_is_away_is_said_and_survived_and_is_no_fault_of_the_queues(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        relay.outbox.broken = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(10)
            assert relay.relaying.degraded == "outbox: away"
            assert relay.gauge("patrol_queue_degraded") == 0
            assert counted(relay.metrics, "patrol_stage_errors_total", stage="relay") >= 4
            relay.outbox.broken = False
            relay.outbox.add(*messages(0, 1))
            await relay.clock.sleep(3)
            stopping.set()
        assert relay.published() == [0]

    caplog.set_level("INFO", "patrol")
    asyncio.run(check())
    degraded, restored = told_by(caplog)
    assert degraded == "store degraded: outbox: away"
    assert restored.startswith("store restored after ")


def test_a_stream_that_refuses_holds_up_only_its_own_and_nothing_goes_out_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        relay.queue.refusing.add(GREEN)
        relay.outbox.add(*messages(0, 2, GREEN), *messages(0, 3))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(30)
            relay.outbox.add(*messages(3, 2), *messages(2, 1, GREEN))
            await relay.clock.sleep(0.3)
            assert relay.published() == [0, 1, 2, 3, 4]
            assert relay.gauge("patrol_messages_published_total") == 5
            assert relay.gauge("patrol_outbox_messages") == 3
            assert relay.gauge("patrol_queue_degraded") == 1
            assert 10 <= counted(relay.metrics, "patrol_stage_errors_total", stage="relay") <= 50
            relay.queue.refusing.clear()
            await relay.clock.sleep(3)
            assert relay.published(GREEN) == [0, 1, 2]
            assert relay.gauge("patrol_queue_degraded") == 0
            stopping.set()
        assert relay.published() == [0, 1, 2, 3, 4]

    caplog.set_level("INFO", "patrol")
    asyncio.run(check())
    assert told_by(caplog) == [
        f"queue refuses what is for {GREEN}, it waits: memory queue: {GREEN} refuses",
        f"queue takes what is for {GREEN} again",
    ]


def test_more_refused_than_a_batch_do_not_stand_in_the_way_of_the_others() -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        relay.queue.refusing.add(GREEN)
        relay.outbox.add(*messages(0, 3 * BATCH, GREEN), *messages(0, 3 * BATCH))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(1)
            stopping.set()
        assert relay.published() == list(range(3 * BATCH))
        assert (await relay.outbox.waiting())[0] == 3 * BATCH

    asyncio.run(check())


def test_at_the_end_what_was_decided_before_still_goes_out() -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        stopping.set()
        relay.outbox.add(*messages(0, 2 * BATCH + 7))
        await relay.relaying.run(stopping)
        assert relay.published() == list(range(2 * BATCH + 7))

    asyncio.run(check())


@pytest.mark.parametrize("away", ["queue", "outbox"])
def test_the_end_does_not_wait_for_what_is_away_and_keeps_what_waits(away: str) -> None:
    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        relay.outbox.add(*messages(0, 2))
        getattr(relay, away).broken = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.relaying.run(stopping))
            await relay.clock.sleep(30)
            stopping.set()
            stopped_at = relay.clock.monotonic()
        assert relay.clock.monotonic() - stopped_at < 0.5
        relay.outbox.broken = relay.queue.broken = False
        assert (await relay.outbox.waiting())[0] == 2
        await relay.relaying.drain()
        assert relay.published() == [0, 1]

    asyncio.run(check())


def test_tries_while_the_queue_is_away_are_spread_out() -> None:
    class Counting(MemoryQueue):
        tried_at: list[float]

        async def publish(self, messages: Sequence[Message], position: int = 0) -> None:
            self.tried_at.append(self.clock.monotonic())
            raise QueueError("away")

    async def check() -> None:
        relay, stopping = Relay(), asyncio.Event()
        queue = Counting(relay.clock)
        queue.tried_at = []
        relaying = Relaying(relay.outbox, queue, relay.clock, relay.metrics)
        relay.outbox.add(*messages(0, 1))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relaying.run(stopping))
            await relay.clock.sleep(60)
            stopping.set()
        per_ten_s = [len(list(tries)) for _, tries in groupby(queue.tried_at, key=lambda at: int(at // 10))]
        assert per_ten_s[0] <= 10
        assert all(4 <= count <= 6 for count in per_ten_s[1:6])  # every 2 s: back within 2 s of the queue

    asyncio.run(check())
