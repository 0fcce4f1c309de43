"""Redis Streams beyond the contract of every queue: outages, refusals, secrets, and how the tour reports itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest
from redis import Redis as BlockingRedis

from patrol.adapters import redis_streams
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import POSITION_KEY, RedisPublisher, RedisSubscription, RedisTourReports
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain.camera import CameraId, RingName
from patrol.domain.errors import ConfigError, QueueError
from patrol.domain.messages import DEAD_STREAM, Message
from patrol.domain.room import CameraStatus, RingStatus, TourStatus
from patrol.domain.troubles import Trouble
from patrol.ports import Delivery, MessagesRefusedError
from tests.adapters.cable import cable_to
from tests.builders import NOON

STREAM = "patrol:alert:red"
CANARY = "canary-7d1f"
NOBODY = f"redis://patrol:{CANARY}@127.0.0.1:9/0"  # the discard port: nothing listens there


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@pytest.fixture
def valkey(server: str) -> Iterator[str]:
    yield server
    with BlockingRedis.from_url(server) as redis:
        redis.config_set("maxmemory", 0)
        redis.flushall()


def message(number: int) -> Message:
    return Message(STREAM, f"A-{number}", f'{{"number":{number}}}')


async def received(subscription: RedisSubscription, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    for _ in range(10):
        found += await subscription.receive(10, 0.05)
        if len(found) >= count:
            break
    return found


def bodies(deliveries: Sequence[Delivery]) -> list[bytes]:
    return [delivery.body for delivery in deliveries]


def tour_status() -> TourStatus:
    ring = RingStatus(RingName.CORE, 5.0, 60.0, 64, 1, 900, 1.5, 3.0, 4.25)
    cameras = (CameraStatus(CameraId("C-1"), 1.25, None, 3), CameraStatus(CameraId("C-2"), None, "timed_out", None))
    cameras = (*cameras, CameraStatus(CameraId("C-3"), 1.0, None, 0, blinded=Trouble.COVERED))
    return TourStatus(NOON, 1.0, 33.2, (ring,), cameras, (CameraId("C-1"),), 1000, 990, 3)


def test_without_a_server_every_call_says_so_soon_and_never_shows_the_password() -> None:
    async def check() -> None:
        async with connect(NOBODY) as redis:
            subscription = RedisSubscription(redis, "dispatch", "one", (STREAM,))
            delivery = Delivery(STREAM, "1-1", b"", 1)
            calls = (
                RedisPublisher(redis).publish([message(1)]),
                RedisPublisher(redis).ping(),
                RedisPublisher(redis).dead_letters(),
                subscription.receive(1, 0.1),
                subscription.acknowledge([delivery]),
                subscription.bury(delivery, "why"),
                RedisTourReports(redis).report(tour_status()),
                RedisTourReports(redis).latest(),
            )
            for call in calls:
                async with asyncio.timeout(30):
                    with pytest.raises(QueueError) as caught:
                        await call
                shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
                assert CANARY not in shown
                assert caught.value.__suppress_context__  # a traceback shows no cause that could quote the address

    asyncio.run(check())


def test_what_comes_first_does_not_wait_behind_a_backlog_of_the_others_and_holds_none_of_them_up(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            for number in range(200):
                await redis.xadd(STREAM, {"ce": f"alert {number}"})
                await redis.xadd("patrol:receipt", {"ce": f"receipt {number}"})
            streams = (STREAM, "patrol:receipt")
            subscription = RedisSubscription(redis, "dispatch", "one", streams, first=("patrol:receipt",))
            handled: list[bytes] = []
            for _ in range(4):
                found = await subscription.receive(50, 0.05)
                await subscription.acknowledge(found)
                handled += bodies(found)
            receipts = [body for body in handled if body.startswith(b"receipt")]
            alerts = [body for body in handled if body.startswith(b"alert")]
            assert (len(receipts), len(alerts)) == (150, 50)
            while found := await subscription.receive(50, 0.05):
                handled += bodies(found)
            assert len(handled) == len(set(handled)) == 400
            assert [body for body in handled if body.startswith(b"alert")] == [b"alert %d" % n for n in range(200)]

    asyncio.run(check())


def test_a_wrong_password_is_told_without_showing_it(valkey: str) -> None:
    async def check() -> None:
        port = urlsplit(valkey).port
        async with connect(f"redis://patrol:{CANARY}@127.0.0.1:{port}/0") as redis:
            with pytest.raises(QueueError) as caught:
                await RedisPublisher(redis).ping()
            assert str(caught.value) == "redis: AuthenticationError"

    asyncio.run(check())


@pytest.mark.parametrize(
    "address",
    [f"http://patrol:{CANARY}@host/0", f"redis://:{CANARY}#tail@host:6379/0", f"redis://host:{CANARY}/0", CANARY, ""],
)
def test_an_address_that_cannot_be_one_is_a_configuration_error_that_quotes_nothing_of_it(address: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL: expected redis://") as caught:
        connect(address)
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_outage_in_mid_batch_loses_nothing_and_what_was_in_hand_comes_again_at_once(valkey: str) -> None:
    async def check() -> None:
        port = urlsplit(valkey).port
        assert port is not None
        async with cable_to(port) as cable, connect(f"redis://127.0.0.1:{cable.port}/0") as redis:
            publisher = RedisPublisher(redis)
            subscription = RedisSubscription(redis, "dispatch", "one", (STREAM,))
            await publisher.publish([message(number) for number in range(3)])
            in_hand = await received(subscription, 3)
            await subscription.acknowledge(in_hand[:1])

            await cable.pull()
            with pytest.raises(QueueError):
                await subscription.acknowledge(in_hand[1:2])
            with pytest.raises(QueueError):
                await publisher.publish([message(3)])
            await cable.plug_in()

            again = await received(subscription, 2)
            assert bodies(again) == bodies(in_hand[1:])
            assert {delivery.attempt for delivery in again} == {2}
            await publisher.publish([message(3)])
            assert bodies(await received(subscription, 1)) == [message(3).body.encode()]

    asyncio.run(check())


def test_a_server_out_of_memory_refuses_loudly_and_takes_everything_later(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            publisher = RedisPublisher(redis)
            await redis.config_set("maxmemory", 1)
            with pytest.raises(QueueError, match="redis: command not allowed when used memory > 'maxmemory'"):
                await publisher.publish([message(1), message(2)])
            await publisher.ping()  # alive all the same
            await redis.config_set("maxmemory", 0)
            await publisher.publish([message(1), message(2)])
            assert await redis.xlen(STREAM) == 2

    asyncio.run(check())


def test_a_stream_that_is_none_refuses_its_own_messages_alone_and_says_which(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.set("patrol:alert:green", "a stranger's")
            green = Message("patrol:alert:green", "A-2", "{}")
            with pytest.raises(MessagesRefusedError, match="redis: WRONGTYPE") as caught:
                await RedisPublisher(redis).publish([message(1), green, message(3), green])
            assert list(caught.value.refused) == [1, 3]
            assert [fields[b"ce"] for _, fields in await redis.xrange(STREAM)] == [
                message(1).body.encode(),
                message(3).body.encode(),
            ]

    asyncio.run(check())


def test_a_user_without_the_right_to_one_stream_still_writes_the_others(valkey: str) -> None:
    async def check() -> None:
        port = urlsplit(valkey).port
        async with connect(valkey) as admin:
            await admin.execute_command("ACL", "SETUSER", "relay", "on", f">{CANARY}", f"~{STREAM}", "+@all")
            try:
                async with connect(f"redis://relay:{CANARY}@127.0.0.1:{port}/0") as redis:
                    with pytest.raises(MessagesRefusedError) as caught:
                        await RedisPublisher(redis).publish([Message("patrol:order:core", "O-1", "{}"), message(1)])
            finally:
                await admin.execute_command("ACL", "DELUSER", "relay")
            assert list(caught.value.refused) == [0]
            assert CANARY not in str(caught.value)
            assert await admin.xlen(STREAM) == 1

    asyncio.run(check())


def test_the_position_is_there_before_what_it_counts_and_never_goes_back(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.delete(POSITION_KEY)
            publisher = RedisPublisher(redis)
            for position, there in ((7, b"7"), (5, b"7"), (9, b"9"), (0, b"9")):
                await publisher.publish([message(position)], position)
                assert await redis.get(POSITION_KEY) == there
            await RedisPublisher(redis).publish([message(8)], 8)  # another process begins, with an older message
            assert await redis.get(POSITION_KEY) == b"9"

    asyncio.run(check())


def test_who_may_not_write_the_position_publishes_all_the_same(valkey: str) -> None:
    async def check() -> None:
        port = urlsplit(valkey).port
        async with connect(valkey) as admin:
            await admin.delete(POSITION_KEY)
            await admin.execute_command("ACL", "SETUSER", "relay", "on", f">{CANARY}", f"~{STREAM}", "+@all")
            try:
                async with connect(f"redis://relay:{CANARY}@127.0.0.1:{port}/0") as redis:
                    publisher = RedisPublisher(redis)
                    assert len(await publisher.publish([message(1), message(2)], 2)) == 2
                    assert len(await publisher.publish([message(3)], 3)) == 1
            finally:
                await admin.execute_command("ACL", "DELUSER", "relay")
            assert await admin.xlen(STREAM) == 3
            assert await admin.get(POSITION_KEY) is None

    asyncio.run(check())


def test_work_taken_over_is_counted(valkey: str) -> None:
    async def check() -> None:
        counted: list[int] = []
        async with connect(valkey) as redis:
            await RedisPublisher(redis).publish([message(1), message(2)])
            await received(RedisSubscription(redis, "dispatch", "dead", (STREAM,)), 2)
            await asyncio.sleep(0.02)
            living = RedisSubscription(
                redis, "dispatch", "living", (STREAM,), lease_s=0.01, on_reclaimed=counted.append
            )
            await living.acknowledge(await received(living, 2))
        assert sum(counted) == 2

    asyncio.run(check())


def test_a_dead_letter_says_where_it_came_from_and_why(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await RedisPublisher(redis).publish([message(1)])
            subscription = RedisSubscription(redis, "dispatch", "one", (STREAM,))
            (delivery,) = await received(subscription, 1)
            await subscription.bury(delivery, "x" * 5000)
            ((_, letter),) = await redis.xrange(DEAD_STREAM)
            assert letter[b"ce"] == message(1).body.encode()
            assert (letter[b"stream"], letter[b"group"]) == (STREAM.encode(), b"dispatch")
            assert letter[b"entry_id"] == delivery.entry_id.encode()
            assert letter[b"attempts"] == b"1"
            assert len(letter[b"reason"]) == 1000
            assert await RedisPublisher(redis).dead_letters() == 1
            assert (await redis.xpending(STREAM, "dispatch"))["pending"] == 0

    asyncio.run(check())


def test_an_entry_deleted_while_in_hand_is_let_go(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await RedisPublisher(redis).publish([message(1), message(2)])
            first, _ = await received(RedisSubscription(redis, "dispatch", "one", (STREAM,)), 2)
            await redis.xdel(STREAM, first.entry_id)
            restarted = RedisSubscription(redis, "dispatch", "one", (STREAM,))
            assert bodies(await received(restarted, 1)) == [message(2).body.encode()]
            assert (await redis.xpending(STREAM, "dispatch"))["pending"] == 1

    asyncio.run(check())


def test_an_entry_without_our_field_is_delivered_empty_so_that_it_can_be_buried(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.xadd(STREAM, {"stranger": "hello"})
            assert bodies(await received(RedisSubscription(redis, "dispatch", "one", (STREAM,)), 1)) == [b""]

    asyncio.run(check())


def test_the_tour_report_arrives_whole_and_the_newest_wins(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            reports = RedisTourReports(redis)
            assert await reports.latest() is None
            await reports.report(tour_status())
            assert await reports.latest() == tour_status()
            assert 0 < await redis.ttl(redis_streams.TOUR_KEY) <= redis_streams.TOUR_STALE_AFTER_S

    asyncio.run(check())


def test_a_report_of_another_version_is_no_report(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.set(redis_streams.TOUR_KEY, b'{"at": "2030-01-01T00:00:00Z", "wheels": 4}')
            assert await RedisTourReports(redis).latest() is None

    asyncio.run(check())
