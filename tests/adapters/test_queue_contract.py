"""What holds for every queue, checked against the one in memory and against a real Valkey, in both of its protocols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from redis.asyncio import Redis

from patrol.adapters.memory import FakeClock, MemoryQueue, MemorySubscription
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain.errors import QueueError
from patrol.domain.messages import DEAD_STREAM, Message
from patrol.ports import Delivery, Publisher, Subscription
from tests.pipeline.streams_in_memory import StreamsInMemory, SubscriptionInMemory

RED, GREEN = "patrol:alert:red", "patrol:alert:green"
STREAMS = (RED, GREEN)
SOON_S = 0.05


class Queue(Protocol):
    """A queue with what a test needs besides its ports."""

    publisher: Publisher

    def subscription(self, consumer: str, *, group: str = "dispatch", lease_s: float = 30.0) -> Subscription: ...

    async def append(self, stream: str, body: bytes) -> None: ...

    async def dead(self) -> list[tuple[bytes, str]]: ...

    async def empty(self) -> None: ...

    async def let_pass(self, seconds: float) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self._queue = MemoryQueue(self._clock)
        self.publisher: Publisher = self._queue

    def subscription(self, consumer: str, *, group: str = "dispatch", lease_s: float = 30.0) -> Subscription:
        return MemorySubscription(self._queue, group, consumer, STREAMS, lease_s=lease_s)

    async def append(self, stream: str, body: bytes) -> None:
        self._queue.append(stream, body)

    async def dead(self) -> list[tuple[bytes, str]]:
        return list(zip(self._queue.streams[DEAD_STREAM], self._queue.reasons, strict=True))

    async def empty(self) -> None:
        self._queue.empty()

    async def let_pass(self, seconds: float) -> None:
        self._clock.advance(seconds)


class AsRedisHasThem:
    """The one that the outbox's whole life is tried on; see its file."""

    def __init__(self) -> None:
        self._clock = FakeClock()
        self._streams = StreamsInMemory(self._clock)
        self.publisher: Publisher = self._streams

    def subscription(self, consumer: str, *, group: str = "dispatch", lease_s: float = 30.0) -> Subscription:
        return SubscriptionInMemory(self._streams, group, consumer, STREAMS, lease_s=lease_s)

    async def append(self, stream: str, body: bytes) -> None:
        self._streams.append(stream, body)

    async def dead(self) -> list[tuple[bytes, str]]:
        return list(zip(self._streams.streams[DEAD_STREAM].entries.values(), self._streams.reasons, strict=True))

    async def empty(self) -> None:
        await self._streams.empty()

    async def let_pass(self, seconds: float) -> None:
        self._clock.advance(seconds)


@dataclass
class OnValkey:
    redis: Redis

    def __post_init__(self) -> None:
        self.publisher: Publisher = RedisPublisher(self.redis)

    def subscription(self, consumer: str, *, group: str = "dispatch", lease_s: float = 30.0) -> Subscription:
        return RedisSubscription(self.redis, group, consumer, STREAMS, lease_s=lease_s)

    async def append(self, stream: str, body: bytes) -> None:
        await self.redis.xadd(stream, {"ce": body})

    async def dead(self) -> list[tuple[bytes, str]]:
        return [(fields[b"ce"], fields[b"reason"].decode()) for _, fields in await self.redis.xrange(DEAD_STREAM)]

    async def empty(self) -> None:
        await self.redis.flushall()

    async def let_pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


Opened = Callable[[], AbstractAsyncContextManager[Queue]]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    with embedded_valkey(folder) as address:
        yield address


@pytest.fixture(
    params=["memory", "streams", "?", "?protocol=2", "?protocol=3"],
    ids=["memory", "streams", "valkey", "resp2", "resp3"],
)
def opened(request: pytest.FixtureRequest) -> Opened:
    if request.param in ("memory", "streams"):

        @asynccontextmanager
        async def in_memory() -> AsyncIterator[Queue]:
            yield InMemory() if request.param == "memory" else AsRedisHasThem()

        return in_memory
    address = request.getfixturevalue("valkey") + request.param

    @asynccontextmanager
    async def on_valkey() -> AsyncIterator[Queue]:
        async with connect(address) as redis:
            await redis.flushall()
            yield OnValkey(redis)

    return on_valkey


def message(number: int, stream: str = RED) -> Message:
    return Message(stream, f"A-{number}", f'{{"number":{number}}}')


def bodies(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.body.decode() for delivery in deliveries]


def numbered(*numbers: int) -> list[str]:
    return [message(number).body for number in numbers]


async def received(subscription: Subscription, count: int, tries: int = 40) -> list[Delivery]:
    """So many deliveries, in as many calls as that takes."""
    found: list[Delivery] = []
    for _ in range(tries):
        found += await subscription.receive(10, SOON_S)
        if len(found) >= count:
            return found
    raise AssertionError(f"expected {count} deliveries, got {bodies(found)}")


def test_messages_of_a_stream_come_in_the_order_in_which_they_were_published(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            subscription = queue.subscription("one")
            await queue.publisher.publish([message(number) for number in range(7)])
            first = await subscription.receive(3, SOON_S)
            rest = await received(subscription, 4)
            assert bodies([*first, *rest]) == numbered(*range(7))
            assert {delivery.attempt for delivery in (*first, *rest)} == {1}
            assert len(first) == 3

    asyncio.run(check())


def test_a_group_made_late_still_gets_what_was_published_before(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(1), message(2)])
            assert bodies(await received(queue.subscription("one"), 2)) == numbered(1, 2)

    asyncio.run(check())


def test_every_group_gets_every_message_and_one_consumer_of_a_group_each(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(number) for number in range(4)])
            first, second = queue.subscription("one"), queue.subscription("two")
            shared = [*await first.receive(2, SOON_S), *await second.receive(2, SOON_S)]
            assert bodies(shared) == numbered(0, 1, 2, 3)
            assert bodies(await received(queue.subscription("one", group="console"), 4)) == numbered(0, 1, 2, 3)

    asyncio.run(check())


def test_waiting_for_a_message_ends_when_one_comes_and_after_the_time_given(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            subscription = queue.subscription("one")
            assert list(await subscription.receive(10, SOON_S)) == []
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(subscription.receive(10, 2.0))
                await asyncio.sleep(0)
                await queue.publisher.publish([message(1)])
            assert bodies(waiting.result()) == numbered(1)

    asyncio.run(check())


def test_what_was_not_acknowledged_comes_again_after_a_restart_and_attempts_grow(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(1), message(2, GREEN), message(3)])
            before = await received(queue.subscription("one"), 3)
            done = next(delivery for delivery in before if delivery.body == message(1).body.encode())
            await queue.subscription("one").acknowledge([done])
            for attempt in (2, 3, 4):
                again = await received(queue.subscription("one"), 2)
                assert sorted(bodies(again)) == numbered(2, 3)
                assert {delivery.attempt for delivery in again} == {attempt}

    asyncio.run(check())


def test_a_restart_with_more_unfinished_than_one_call_takes_gets_all_before_anything_new(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(number) for number in range(25)])
            await received(queue.subscription("one"), 25)
            await queue.publisher.publish([message(99)])
            restarted = queue.subscription("one")
            again = await received(restarted, 25)
            assert bodies(again) == numbered(*range(25))
            assert bodies(await received(restarted, 1)) == numbered(99)

    asyncio.run(check())


def test_of_the_unfinished_one_comes_at_a_time_so_that_one_which_kills_takes_no_other_along(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(number) for number in range(3)])
            await received(queue.subscription("one"), 3)
            for attempt in (2, 3):
                (killer,) = await queue.subscription("one").receive(10, SOON_S)
                assert (killer.body.decode(), killer.attempt) == (message(0).body, attempt)
            restarted = queue.subscription("one")
            attempts = [delivery.attempt for delivery in await received(restarted, 3)]
            assert attempts == [4, 2, 2]

    asyncio.run(check())


def test_acknowledged_messages_never_come_again(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(1), message(2)])
            subscription = queue.subscription("one", lease_s=0.01)
            await subscription.acknowledge(await received(subscription, 2))
            await queue.let_pass(0.05)
            for consumer in ("one", "two"):
                assert list(await queue.subscription(consumer, lease_s=0.01).receive(10, SOON_S)) == []

    asyncio.run(check())


def test_the_work_of_a_dead_consumer_is_taken_over_after_its_lease_and_not_before(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(1), message(2)])
            await received(queue.subscription("dead"), 2)
            living = queue.subscription("living", lease_s=0.4)
            assert list(await living.receive(10, SOON_S)) == []
            await queue.let_pass(0.5)
            taken = await received(living, 2)
            assert bodies(taken) == numbered(1, 2)
            assert {delivery.attempt for delivery in taken} == {2}
            await living.acknowledge(taken)
            await queue.let_pass(0.5)
            assert list(await living.receive(10, SOON_S)) == []

    asyncio.run(check())


def test_a_buried_message_lies_in_the_dead_letters_with_its_reason_and_is_done_with(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.append(RED, b"\xff not a message")
            await queue.publisher.publish([message(2)])
            subscription = queue.subscription("one")
            poison, good = await received(subscription, 2)
            await subscription.bury(poison, "expected JSON")
            assert await queue.dead() == [(b"\xff not a message", "expected JSON")]
            assert bodies(await received(queue.subscription("one"), 1)) == bodies([good])

    asyncio.run(check())


def test_after_the_queue_was_emptied_consumers_find_their_way_back_by_themselves(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            await queue.publisher.publish([message(1)])
            subscription = queue.subscription("one")
            await received(subscription, 1)
            await queue.empty()
            await queue.publisher.publish([message(2)])
            found: list[Delivery] = []
            for _ in range(3):
                with suppress(QueueError):  # loud once, and then well again
                    found += await subscription.receive(10, SOON_S)
            assert bodies(found) == numbered(2)

    asyncio.run(check())


def test_emptied_while_a_consumer_waits_it_finds_its_way_back_too(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as queue:
            subscription = queue.subscription("one")
            await subscription.receive(10, SOON_S)
            async with asyncio.TaskGroup() as tasks:

                async def wait() -> list[Delivery]:
                    for _ in range(5):
                        try:
                            if found := await subscription.receive(10, 0.5):
                                return list(found)
                        except QueueError:
                            continue
                    return []

                waiting = tasks.create_task(wait())
                await asyncio.sleep(SOON_S if isinstance(queue, OnValkey) else 0)
                await queue.empty()
                await queue.publisher.publish([message(3)])
            assert bodies(waiting.result()) == numbered(3)

    asyncio.run(check())
