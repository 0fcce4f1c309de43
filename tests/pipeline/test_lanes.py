"""Lanes: first come, first served, bounded in events and in what their pictures weigh."""

from __future__ import annotations

import asyncio

import pytest

from patrol.pipeline.lanes import Lane
from tests.pipeline.parts import frame_of, turns

FRAME_BYTES = frame_of().pixels.nbytes


def test_it_is_first_come_first_served_to_the_end_of_the_stream() -> None:
    async def check() -> None:
        lane: Lane[int] = Lane(10, 10**6)
        for number in range(5):
            await lane.put(number, frame_of())
        await lane.close()
        assert [await lane.take() for _ in range(6)] == [0, 1, 2, 3, 4, None]

    asyncio.run(check())


def test_a_full_lane_makes_who_comes_wait_and_loses_nobody() -> None:
    async def check() -> None:
        lane: Lane[int] = Lane(2, 10**6)
        await lane.put(1, None)
        await lane.put(2, None)
        third = asyncio.ensure_future(lane.put(3, None))
        await turns()
        assert not third.done()
        assert await lane.take() == 1
        await third
        assert [await lane.take(), await lane.take()] == [2, 3]

    asyncio.run(check())


def test_a_picture_weighs_once_however_many_events_it_has_and_nothing_once_they_are_taken() -> None:
    async def check() -> None:
        lane: Lane[int] = Lane(100, 2 * FRAME_BYTES)
        one, two, three = frame_of("C-1"), frame_of("C-2"), frame_of("C-3")
        for number in range(3):
            await lane.put(number, one)
        assert lane.frame_bytes == FRAME_BYTES
        await lane.put(3, two)
        assert lane.frame_bytes == 2 * FRAME_BYTES
        assert lane.has_room_for(one)
        assert not lane.has_room_for(three)
        await lane.put(4, None)
        for _ in range(2):
            await lane.take()
        assert not lane.has_room_for(three)
        await lane.take()
        assert lane.has_room_for(three)
        assert [await lane.take(), await lane.take()] == [3, 4]
        assert lane.frame_bytes == 0

    asyncio.run(check())


@pytest.mark.parametrize("cancelled", [True, False])
def test_who_gives_up_waiting_weighs_nothing(cancelled: bool) -> None:
    async def check() -> None:
        lane: Lane[int] = Lane(1, 10**6)
        await lane.put(1, None)
        waiting = asyncio.ensure_future(lane.put(2, frame_of()))
        await turns()
        if cancelled:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert lane.frame_bytes == 0
        else:
            assert await lane.take() == 1
            await waiting
            assert lane.frame_bytes == FRAME_BYTES

    asyncio.run(check())


def test_the_end_of_the_stream_is_left_for_who_waits_for_it() -> None:
    async def check() -> None:
        lane: Lane[int] = Lane(10, 10**6)
        assert lane.take_if_any() is None
        await lane.put(1, frame_of())
        await lane.put(2, None)
        await lane.close()
        assert [lane.take_if_any(), lane.take_if_any(), lane.take_if_any()] == [1, 2, None]
        assert lane.frame_bytes == 0
        assert await lane.take() is None

    asyncio.run(check())


def test_it_is_calm_once_who_was_taken_last_is_done_with_and_nobody_waits() -> None:
    async def check() -> None:
        lane: Lane[int] = Lane(10, 10**6)
        assert lane.calm.is_set()
        await lane.put(1, None)
        await lane.put(2, None)
        assert not lane.calm.is_set()
        assert await lane.take() == 1
        assert await lane.take() == 2
        assert not lane.calm.is_set(), "the second is in hand"
        waiting = asyncio.ensure_future(lane.take())
        await turns()
        assert lane.calm.is_set()
        await lane.put(3, None)
        assert not lane.calm.is_set()
        assert await waiting == 3

    asyncio.run(check())
