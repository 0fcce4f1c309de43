"""What holds for the room's wishes to the tour, in memory and on a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from patrol.adapters.memory import MemoryTourRequests
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import MOST_REQUESTS, REQUESTS_KEY, RedisTourRequests
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain.camera import CameraId
from patrol.domain.errors import QueueError
from patrol.domain.pins import Pin
from patrol.domain.requests import LiveSession, ViewAcceptance
from patrol.domain.skips import Skip
from patrol.ports import TourRequests

Opened = Callable[[], AbstractAsyncContextManager[TourRequests]]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@pytest.fixture(params=["memory", "valkey"])
def opened(request: pytest.FixtureRequest) -> Opened:
    @asynccontextmanager
    async def in_memory() -> AsyncIterator[TourRequests]:
        yield MemoryTourRequests()

    @asynccontextmanager
    async def on_valkey() -> AsyncIterator[TourRequests]:
        async with connect(request.getfixturevalue("valkey")) as redis:
            await redis.flushall()
            yield RedisTourRequests(redis)

    return in_memory if request.param == "memory" else on_valkey


def pin(number: int) -> Pin:
    return Pin(CameraId(f"C-{number}"), seconds=30.0, every_s=0.5, operator="seat-1")


ACCEPTANCE = ViewAcceptance(CameraId("C-1"), "李明")
SKIP = Skip(CameraId("C-1"), 300.0, "李明", "正在检修")
LOOKED_AT = LiveSession(CameraId("C-1"), 6.0)


def test_wishes_are_taken_once_and_in_order(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as requests:
            assert list(await requests.take()) == []
            for wish in (pin(1), ACCEPTANCE, SKIP, LOOKED_AT, pin(2)):
                await requests.ask(wish)
            assert list(await requests.take()) == [pin(1), ACCEPTANCE, SKIP, LOOKED_AT, pin(2)]
            assert list(await requests.take()) == []

    asyncio.run(check())


def test_while_no_tour_listens_only_the_newest_wishes_are_kept(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as requests:
            for number in range(MOST_REQUESTS + 20):
                await requests.ask(pin(number))
            taken = await requests.take()
            assert [each.camera_id for each in taken] == [f"C-{n}" for n in range(20, MOST_REQUESTS + 20)]

    asyncio.run(check())


def test_a_wish_nobody_takes_is_forgotten_and_one_nobody_can_read_is_left_out(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            requests = RedisTourRequests(redis)
            await requests.ask(pin(1))
            assert 0 < await redis.ttl(REQUESTS_KEY) <= 10
            await redis.rpush(
                REQUESTS_KEY, b'{"camera_id": "C-1", "seconds": 1e9, "every_s": 1, "operator": "x"}', b"{"
            )
            await requests.ask(pin(2))
            assert list(await requests.take()) == [pin(1), pin(2)]

    asyncio.run(check())


@pytest.mark.parametrize(
    "body",
    [
        b'{"camera_id": "C-1", "operator": "x"}',
        b'{"accept_view": {"camera_id": "C-1"}}',
        b'{"accept_view": "C-1"}',
        b'{"skip": {"camera_id": "C-1", "seconds": 60, "operator": "x"}}',
        b'{"skip": {"camera_id": "C-1", "seconds": 1e9, "operator": "x", "reason": "y"}}',
    ],
)
def test_half_a_wish_accepts_no_view_and_skips_no_camera(valkey: str, body: bytes) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.rpush(REQUESTS_KEY, body)
            assert list(await RedisTourRequests(redis).take()) == []

    asyncio.run(check())


def test_wishes_of_one_process_reach_the_tour_in_another(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as console, connect(valkey) as tour:
            await RedisTourRequests(console).ask(ACCEPTANCE)
            assert list(await RedisTourRequests(tour).take()) == [ACCEPTANCE]

    asyncio.run(check())


def test_an_absent_queue_is_said() -> None:
    async def check() -> None:
        async with connect("redis://127.0.0.1:1") as redis:
            with pytest.raises(QueueError):
                await RedisTourRequests(redis).ask(pin(1))
            with pytest.raises(QueueError):
                await RedisTourRequests(redis).take()

    asyncio.run(check())


@pytest.mark.parametrize(("seconds", "every_s"), [(-1.0, 1.0), (601.0, 1.0), (float("nan"), 1.0), (10.0, 0.0)])
def test_a_pin_has_its_limits(seconds: float, every_s: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        Pin(CameraId("C-1"), seconds, every_s, "seat-1")
