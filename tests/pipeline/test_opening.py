"""A store that is away at the start: nobody waits for it, everybody hears of it, and it is opened by itself."""

from __future__ import annotations

import asyncio

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.errors import StoreError, StoreFailure
from patrol.pipeline.opening import Opening
from tests.builders import NOON
from tests.pipeline.parts import counted, fresh_metrics, told_by


class Database:
    """Can be opened from a moment on."""

    def __init__(self, clock: FakeClock, back_after_s: float, failure: StoreFailure = StoreFailure.AWAY) -> None:
        self._clock = clock
        self._back_after_s = back_after_s
        self._failure = failure
        self.tries: list[float] = []

    async def open(self) -> None:
        self.tries.append(self._clock.monotonic())
        if self._clock.monotonic() < self._back_after_s:
            raise StoreError("database: unable to open", self._failure)


def test_a_store_that_is_there_is_opened_once_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    clock, metrics = FakeClock(NOON), fresh_metrics()
    database = Database(clock, 0.0)

    async def check() -> None:
        opening = Opening(database, clock, metrics)
        await opening.begin()
        await opening.run(asyncio.Event())

    asyncio.run(check())
    assert database.tries == [0.0]
    assert told_by(caplog) == []
    assert counted(metrics, "patrol_store_away") == 0


def test_one_that_is_away_is_said_now_and_every_minute_and_opened_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, metrics = FakeClock(NOON), fresh_metrics()
    database = Database(clock, 130.0)

    async def check() -> None:
        opening = Opening(database, clock, metrics)
        await opening.begin()
        assert counted(metrics, "patrol_store_away") == 1
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(opening.run(asyncio.Event()))
            await clock.sleep(129.0)
            assert not running.done()
            assert counted(metrics, "patrol_store_away") == 1
        assert counted(metrics, "patrol_store_away") == 0
        assert 130.0 <= clock.monotonic() <= 135.0

    asyncio.run(check())
    assert len(database.tries) <= 32, "every 5 s, not again and again"
    told = told_by(caplog)
    assert told[0].startswith("started without the database; alerts are kept on the local disk")
    assert [line.startswith("still without the database") for line in told[1:-1]] == [True, True]
    assert told[-1].startswith("the database is there now")


def test_the_end_does_not_wait_for_it() -> None:
    clock, stopping = FakeClock(NOON), asyncio.Event()

    async def check() -> None:
        opening = Opening(Database(clock, 1e9), clock, fresh_metrics())
        await opening.begin()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(opening.run(stopping))
            await clock.sleep(60.0)
            stopping.set()
        assert clock.monotonic() < 61.0

    asyncio.run(check())


@pytest.mark.parametrize("failure", [StoreFailure.DAMAGED, StoreFailure.CONFLICT, StoreFailure.OTHER])
def test_what_no_waiting_mends_keeps_it_from_starting(failure: StoreFailure) -> None:
    clock = FakeClock(NOON)
    with pytest.raises(StoreError, match="unable to open"):
        asyncio.run(Opening(Database(clock, 1e9, failure), clock, fresh_metrics()).begin())
