"""The tour wall's way, in memory and on a real Valkey; and its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import cv2
import numpy as np
import pytest

from patrol.adapters.memory_wall import MemoryWall
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_wall import STILLS_CHANNEL, RedisWall
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.adapters.wall_picture import WIDEST_PX, as_wall_still
from patrol.domain.camera import CameraId
from patrol.domain.errors import QueueError
from patrol.domain.frame import Frame
from patrol.domain.wall import StillBox, WallStill
from patrol.ports import Wall
from tests.builders import NOON, people

Opened = Callable[[], AbstractAsyncContextManager[Wall]]
STILL = WallStill(CameraId("C-1"), NOON, 320, 180, (StillBox(0.1, 0.2, 0.3, 0.4, "person", 0.9),), b"\xff\xd8\n\x00\n")


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@pytest.fixture(params=["memory", "valkey"])
def opened(request: pytest.FixtureRequest) -> Opened:
    @asynccontextmanager
    async def in_memory() -> AsyncIterator[Wall]:
        yield MemoryWall()

    @asynccontextmanager
    async def on_valkey() -> AsyncIterator[Wall]:
        async with connect(request.getfixturevalue("valkey")) as redis:
            yield RedisWall(redis)

    return in_memory if request.param == "memory" else on_valkey


def test_all_who_listen_hear_stills_and_wishes_as_they_were_told(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as wall, wall.stills() as one, wall.stills() as other, wall.wishes() as wishes:
            await wall.show(STILL)
            await wall.wish([CameraId("C-1"), CameraId("F-2")])
            assert [await one.next(5), await other.next(5)] == [STILL, STILL]
            assert await wishes.next(5) == ("C-1", "F-2")
            assert await one.next(0.05) is None

    asyncio.run(check())


def test_what_is_told_while_nobody_listens_is_gone(opened: Opened) -> None:
    async def check() -> None:
        async with opened() as wall:
            await wall.show(STILL)
            async with wall.stills() as stills:
                assert await stills.next(0.1) is None

    asyncio.run(check())


def test_redis_keeps_nothing_of_it_and_what_cannot_be_read_is_left_out(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.flushall()
            wall = RedisWall(redis)
            async with wall.stills() as stills:
                await redis.publish(STILLS_CHANNEL, b'{"of": "another version"}')
                await wall.show(STILL)
                assert await stills.next(5) is None
                assert await stills.next(5) == STILL
            await wall.wish([CameraId("C-1")])
            assert await redis.keys("*") == []

    asyncio.run(check())


def test_a_queue_that_is_away_is_said() -> None:
    async def check() -> None:
        async with connect("redis://127.0.0.1:1") as redis:
            wall = RedisWall(redis)
            with pytest.raises(QueueError):
                await wall.wish([CameraId("C-1")])
            with pytest.raises(QueueError):
                async with wall.stills():
                    pass

    asyncio.run(check())


def test_a_still_is_small_and_its_boxes_are_told_and_not_drawn() -> None:
    pixels = np.full((360, 640, 3), 90, np.uint8)
    still = as_wall_still(Frame(CameraId("C-1"), NOON, pixels), people((0.5, 0.9)))
    picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (still.height, still.width, 3) == (180, WIDEST_PX, 3)
    assert np.ptp(picture) <= 2
    assert len(still.boxes) == 1


def test_a_picture_that_is_small_already_stays_as_it_is() -> None:
    still = as_wall_still(Frame(CameraId("C-1"), NOON, np.zeros((90, 160, 3), np.uint8)), people())
    assert (still.width, still.height) == (160, 90)
