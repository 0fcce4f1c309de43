"""Waiting that ends early when the service stops, by the clock it is given."""

from __future__ import annotations

import asyncio

import pytest

from patrol.adapters.clock import SystemClock
from patrol.adapters.memory import FakeClock
from patrol.pipeline.stopping import pause
from tests.pipeline.parts import turns


def test_an_hour_passes_by_the_clock_and_in_no_time() -> None:
    async def check() -> None:
        clock = FakeClock()
        assert await pause(clock, asyncio.Event(), 3600) is False
        assert clock.monotonic() == 3600

    asyncio.run(check())


def test_a_stop_ends_the_pause_at_once() -> None:
    async def check() -> None:
        stopping = asyncio.Event()
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            paused = tasks.create_task(pause(SystemClock(), stopping, 3600))
            await turns()
            stopping.set()
        assert paused.result() is True
        assert await pause(SystemClock(), stopping, 3600) is True

    asyncio.run(check())


def test_the_real_clock_pauses_for_as_long_as_it_was_asked_to() -> None:
    async def check() -> None:
        clock = SystemClock()
        began = clock.monotonic()
        assert await pause(clock, asyncio.Event(), 0.05) is False
        assert 0.05 <= clock.monotonic() - began < 2

    asyncio.run(check())


def test_who_is_cancelled_while_pausing_leaves_nothing_behind() -> None:
    async def check() -> None:
        before = asyncio.all_tasks()
        paused = asyncio.create_task(pause(SystemClock(), asyncio.Event(), 3600))
        await turns()
        paused.cancel()
        with pytest.raises(asyncio.CancelledError):
            await paused
        assert asyncio.all_tasks() == before

    asyncio.run(check())
