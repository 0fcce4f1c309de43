"""The clock that runs on by itself, and the other ports in memory."""

from __future__ import annotations

import asyncio

import pytest

from patrol.adapters.memory import FakeClock, MemoryQueue, MemorySubscription, MemoryTourReports
from patrol.domain.errors import QueueError
from patrol.domain.messages import Message
from patrol.domain.room import TourStatus
from patrol.ports import MessagesRefusedError
from tests.builders import NOON, at


def test_time_runs_on_by_itself_and_sleepers_wake_in_order() -> None:
    async def check() -> None:
        clock, woken = FakeClock(NOON), []

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((seconds, clock.monotonic()))

        async with asyncio.TaskGroup() as tasks:
            for seconds in (30.0, 0.5, 14_400.0, 30.0, 0.0):
                tasks.create_task(sleep(seconds))
        assert woken == [(seconds, seconds) for seconds in (0.0, 0.5, 30.0, 30.0, 14_400.0)]
        assert clock.now() == at(14_400)

    asyncio.run(check())


def test_time_stands_still_while_anybody_has_something_to_do() -> None:
    async def check() -> None:
        clock, done = FakeClock(), asyncio.Event()

        async def work() -> float:
            for _ in range(1000):
                await clock.sleep(0)
            done.set()
            return clock.monotonic()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(clock.sleep(1.0))
            worked = tasks.create_task(work())
        assert worked.result() == 0.0
        assert done.is_set()

    asyncio.run(check())


def test_who_gives_up_sleeping_does_not_move_the_time() -> None:
    async def check() -> None:
        clock = FakeClock()
        long_sleep = asyncio.create_task(clock.sleep(1000))
        await asyncio.sleep(0)
        long_sleep.cancel()
        await clock.sleep(1)
        assert clock.monotonic() == 1.0
        await clock.sleep(1)
        assert clock.monotonic() == 2.0

    asyncio.run(check())


def test_time_that_is_let_pass_wakes_who_slept_for_it() -> None:
    async def check() -> None:
        clock = FakeClock(NOON)
        sleeping = asyncio.create_task(clock.sleep(10))
        await asyncio.sleep(0)
        clock.advance(60)
        await sleeping
        assert clock.now() == at(60)

    asyncio.run(check())


def test_a_clock_can_be_used_on_one_event_loop_after_another() -> None:
    clock = FakeClock()

    async def interrupted() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await clock.sleep(5)

    for _ in range(2):
        asyncio.run(interrupted())
        asyncio.run(clock.sleep(1))
    assert clock.monotonic() == 2.0


def test_a_broken_queue_fails_every_call_and_gives_what_was_in_hand_again_once_it_is_well() -> None:
    async def check() -> None:
        queue = MemoryQueue(FakeClock())
        message = Message("s", "1", "{}")
        subscription = MemorySubscription(queue, "dispatch", "one", ("s",))
        await queue.publish([message])
        (delivery,) = await subscription.receive(5, 1.0)
        queue.broken = True
        for call in (
            queue.publish([message]),
            queue.dead_letters(),
            subscription.receive(5, 1.0),
            subscription.acknowledge([delivery]),
            subscription.bury(delivery, "why"),
        ):
            with pytest.raises(QueueError):
                await call
        queue.broken = False
        assert await queue.dead_letters() == 0
        (again,) = await subscription.receive(5, 1.0)
        assert (again.body, again.attempt) == (b"{}", 2)

    asyncio.run(check())


def test_a_stream_that_refuses_says_so_and_the_others_take_theirs() -> None:
    async def check() -> None:
        queue = MemoryQueue(FakeClock())
        queue.refusing.add("s")
        with pytest.raises(MessagesRefusedError, match="memory queue: s refuses") as caught:
            await queue.publish([Message("s", "1", "1"), Message("t", "2", "2")])
        assert list(caught.value.refused) == [0]
        assert (queue.streams["s"], queue.streams["t"]) == ([], [b"2"])

    asyncio.run(check())


def test_the_newest_tour_report_wins() -> None:
    async def check() -> None:
        reports = MemoryTourReports()
        assert await reports.latest() is None
        for captured in (1, 2):
            await reports.report(TourStatus(NOON, 1.0, 0.0, (), (), (), captured, 0, 0))
        latest = await reports.latest()
        assert latest is not None
        assert latest.frames_captured == 2

    asyncio.run(check())
