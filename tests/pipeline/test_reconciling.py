"""Reconciling on a real database and a real Valkey: what the queue lost comes back, what is acknowledged may go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from patrol.adapters.clock import SystemClock
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_keeping import RedisStreamKeeper
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.sql import SqlStore
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain import streams
from patrol.domain.errors import QueueError
from patrol.domain.messages import ALERT_STREAMS, DEAD_STREAM, INCIDENT_STREAM
from patrol.domain.streams import EntryId, Unsettled
from patrol.pipeline import reconciling
from patrol.pipeline.reconciling import Reconciling
from patrol.pipeline.relaying import Relaying
from tests.adapters.test_sql import by_camera
from tests.pipeline.parts import UNITS, counted, fresh_metrics

READ = (*ALERT_STREAMS, INCIDENT_STREAM)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@dataclass
class Room:
    redis: Redis
    store: SqlStore
    relaying: Relaying
    reconciling: Reconciling
    metrics: object

    async def accept(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            await self.store.accept(by_camera(number, f"C-{number}"), SystemClock().now())
        await self.relaying.drain()

    def subscription(self, group: str) -> RedisSubscription:
        return RedisSubscription(self.redis, group, "one", READ)

    async def read(self, group: str, *, acknowledged: bool = True) -> list[bytes]:
        """All that a group has not seen yet."""
        subscription, bodies = self.subscription(group), []
        while deliveries := await subscription.receive(100, 0.01):
            bodies += [delivery.body for delivery in deliveries]
            if acknowledged:
                await subscription.acknowledge(deliveries)
        return bodies

    async def entries(self) -> int:
        return sum([int(await self.redis.xlen(name)) for name in READ])

    def counted(self, name: str) -> float:
        return counted(self.metrics, name)

    async def unsettled(self) -> int:
        return len(await self.store.unsettled(0, 10_000))


@asynccontextmanager
async def room(folder: Path, address: str) -> AsyncIterator[Room]:
    clock, metrics = SystemClock(), fresh_metrics()
    store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", UNITS, clock)
    await store.open()
    redis = connect(address)
    try:
        await redis.flushall()
        relaying = Relaying(store, RedisPublisher(redis), clock, metrics)
        yield Room(redis, store, relaying, Reconciling(store, RedisStreamKeeper(redis), clock, metrics), metrics)
    finally:
        await redis.aclose()
        await store.aclose()


def test_what_lies_at_a_place_is_found_whatever_lies_between(server: str) -> None:
    async def check() -> None:
        redis = connect(server)
        try:
            await redis.flushall()
            for number in range(1, 41):
                await redis.xadd("one", {"ce": f"one {number}"}, id=f"{number}-0")
                await redis.xadd("two", {"ce": f"two {number}"}, id=f"{number}-7")
            await redis.xdel("one", "20-0")
            keeper = RedisStreamKeeper(redis)
            side_by_side = [("one", EntryId(number)) for number in range(5, 15)]
            apart = [("two", EntryId(40, 7)), ("two", EntryId(3, 7)), ("one", EntryId(39)), ("two", EntryId(21, 7))]
            gone = [("one", EntryId(20)), ("two", EntryId(20)), ("three", EntryId(1)), ("one", EntryId(0))]
            expected = [b"one %d" % number for number in range(5, 15)]
            assert await keeper.bodies(side_by_side) == expected
            found = await keeper.bodies([*apart, *side_by_side, *gone])
            assert found == [b"two 40", b"two 3", b"one 39", b"two 21", *expected, None, None, None, None]
            assert await keeper.bodies([]) == []
        finally:
            await redis.aclose()

    asyncio.run(check())


def test_what_is_published_meanwhile_is_not_taken_for_lost(
    tmp_path: Path, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.accept(0, 3)
            await here.reconciling.round()  # the first one compares everything
            count, numbers = here.store.unsettled_by_stream, iter(range(10, 20))

            async def counted_a_little_later() -> dict[str, Unsettled]:
                await here.accept(next(numbers), 1)
                return await count()

            here.store.unsettled_by_stream = counted_a_little_later  # type: ignore[method-assign]
            for _ in range(3):
                await here.reconciling.round()

    asyncio.run(check())
    assert "may have lost" not in caplog.text


def test_an_emptied_queue_gets_back_what_somebody_may_still_need_and_nothing_else(tmp_path: Path, server: str) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.accept(0, 5)
            assert len(await here.read("dispatch")) == 10
            await here.reconciling.round()
            assert await here.unsettled() == 0
            await here.accept(5, 3)
            await here.reconciling.round()
            assert await here.unsettled() == 6
            await here.redis.flushall()
            await here.reconciling.round()
            await here.relaying.drain()
            bodies = await here.read("dispatch")
            assert len(bodies) == 6
            assert {number for number in range(8) for body in bodies if f'"A-{number}"'.encode() in body} == {5, 6, 7}
            assert here.counted("patrol_messages_published_again_total") == 6

    asyncio.run(check())


def test_a_queue_restored_from_an_old_file_gets_its_newer_messages_back(tmp_path: Path, server: str) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.accept(0, 3)
            old = {name: await here.redis.dump(name) for name in READ}
            await here.accept(3, 4)
            await here.reconciling.round()
            await here.redis.flushall()
            for name, dumped in old.items():
                if dumped is not None:
                    await here.redis.restore(name, 0, dumped)
            await here.accept(7, 1)  # before anybody noticed
            await here.reconciling.round()
            await here.relaying.drain()
            bodies = await here.read("dispatch")
            assert here.counted("patrol_messages_published_again_total") == 8
            assert len(bodies) == len(set(bodies)) == 16

    asyncio.run(check())


def test_a_loss_that_hides_behind_newer_messages_is_found_all_the_same(tmp_path: Path, server: str) -> None:
    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.accept(0, 3)
            await here.reconciling.round()
            entry, _ = (await here.redis.xrange(ALERT_STREAMS[0]))[1]
            await here.redis.xdel(ALERT_STREAMS[0], entry)
            for _ in range(3):  # strangers' entries keep the stream as long as it was
                await here.redis.xadd(ALERT_STREAMS[0], {"ce": "{}"})
            await here.reconciling.round()
            await here.relaying.drain()
            assert here.counted("patrol_messages_published_again_total") == 1
            assert len(await here.read("dispatch")) == 9

    asyncio.run(check())


def test_what_one_group_has_not_acknowledged_is_neither_settled_nor_trimmed(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEPT_FOR", timedelta(0))

    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.subscription("vendor").receive(1, 0.01)  # its groups are made
            await here.accept(0, 200)
            await here.read("dispatch")
            await here.reconciling.round()
            assert await here.unsettled() == 400
            assert await here.entries() == 400
            await here.read("vendor", acknowledged=False)
            await here.reconciling.round()
            assert await here.entries() == 400
            vendor = here.subscription("vendor")
            while deliveries := await vendor.receive(100, 0.01):
                await vendor.acknowledge(deliveries)
            await here.reconciling.round()
            assert await here.unsettled() == 0
            # Whole nodes go: of each stream fewer than a hundred stay.
            assert await here.entries() <= 200
            assert here.counted("patrol_stream_entries_trimmed_total") >= 200
            await here.reconciling.round()
            assert here.counted("patrol_messages_published_again_total") == 0

    asyncio.run(check())


def test_dead_letters_are_never_trimmed(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEPT_FOR", timedelta(0))

    async def check() -> None:
        async with room(tmp_path, server) as here:
            subscription = RedisSubscription(here.redis, "reader", "one", (DEAD_STREAM,))
            await subscription.receive(1, 0.01)
            for number in range(300):
                await here.redis.xadd(DEAD_STREAM, {"ce": str(number)})
            while deliveries := await subscription.receive(100, 0.01):
                await subscription.acknowledge(deliveries)
            await here.reconciling.round()
            assert await here.redis.xlen(DEAD_STREAM) == 300

    asyncio.run(check())


def test_more_than_a_page_is_compared_at_once_after_a_loss_and_page_by_page_else(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "PAGE", 7)

    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.accept(0, 20)
            await here.reconciling.round()
            await here.read("dispatch")
            left = []
            for _ in range(6):
                await here.reconciling.round()
                left.append(await here.unsettled())
            assert left == [33, 26, 19, 12, 5, 0]
            await here.accept(20, 20)
            await here.redis.flushall()
            await here.reconciling.round()
            assert here.counted("patrol_messages_published_again_total") == 40

    asyncio.run(check())


def test_the_queue_is_looked_at_with_its_memory_and_says_when_it_is_away(tmp_path: Path) -> None:
    async def check() -> None:
        with embedded_valkey(tmp_path / "valkey") as address:
            async with connect(address) as redis:
                keeper = RedisStreamKeeper(redis)
                state = await keeper.look(READ)
                assert state.memory_share is None
                assert {name: stream.length for name, stream in state.streams.items()} == dict.fromkeys(READ, 0)
                await redis.config_set("maxmemory", 100_000_000)
                share = (await keeper.look(READ)).memory_share
                assert share is not None
                assert 0 < share < 1
        async with connect(address) as redis:
            with pytest.raises(QueueError, match="redis: "):
                await RedisStreamKeeper(redis).look(READ)

    asyncio.run(check())


def test_a_restarted_queue_is_another_incarnation(tmp_path: Path) -> None:
    async def check() -> str:
        with embedded_valkey(tmp_path / "valkey") as address:
            async with connect(address) as redis:
                return (await RedisStreamKeeper(redis).look(READ)).incarnation

    assert asyncio.run(check()) != asyncio.run(check())


def test_while_queue_or_store_are_away_it_is_said_once_and_goes_on_by_itself(
    tmp_path: Path, server: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "ROUND_S", 0.01)

    async def check() -> None:
        async with room(tmp_path, server) as here:
            await here.accept(0, 1)
            keeper, looks, enough = here.reconciling._keeper, [], asyncio.Event()

            class Fails(RedisStreamKeeper):
                async def look(self, streams_: object) -> object:
                    looks.append(1)
                    if len(looks) <= 3:
                        raise QueueError("redis: ConnectionError")
                    if len(looks) == 6:
                        enough.set()
                    return await keeper.look(READ)

            working = Reconciling(here.store, Fails(here.redis), SystemClock(), here.metrics)
            stopping = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(working.run(stopping))
                await asyncio.wait_for(enough.wait(), 10)
                stopping.set()
            assert here.counted("patrol_messages_unsettled") == 2

    asyncio.run(check())
    assert [record.message for record in caplog.records] == ["reconciling waits: redis: ConnectionError"]
