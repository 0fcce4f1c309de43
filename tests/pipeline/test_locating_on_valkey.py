"""The whole way of a position, on a real Valkey and the real store: from HTTP's desk to where the unit is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from patrol.adapters.clock import SystemClock
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_duties import SqlDuties
from patrol.domain.fixes import FixSettings
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import DEAD_STREAM, POSITION_STREAM
from patrol.pipeline.locating import GROUP, STREAMS, Locating
from patrol.pipeline.mustering import UnitsDesk
from tests.builders import north, unit
from tests.pipeline.parts import counted, fresh_metrics

UNITS = [unit(f"U-{number}") for number in range(200)]
ROUNDS = 5


def test_two_hundred_units_are_followed_over_a_crash_and_nothing_is_left_over(tmp_path: Path, url: str) -> None:
    async def check() -> None:
        clock, metrics, redis = SystemClock(), fresh_metrics(), connect(url)
        store = SqlStore(f"sqlite:///{tmp_path / 'patrol.db'}", UNITS, clock)
        await store.open()
        duties = SqlDuties(store)
        desk = UnitsDesk(duties, RedisPublisher(redis), clock)
        began = clock.now()

        def consumer() -> Locating:
            subscription = RedisSubscription(redis, GROUP, "host", STREAMS)
            return Locating(subscription, duties, [each.id for each in UNITS], FixSettings(), clock, metrics)

        async def tell(number: int) -> None:
            at, place = began - timedelta(seconds=ROUNDS - number), north(100 + number)
            here = PositionData("", PlaceData(round(place.latitude, 7), round(place.longitude, 7)), at)
            await desk.report([replace(here, unit_id=each.id) for each in UNITS])

        try:
            await tell(0)
            lost = RedisSubscription(redis, GROUP, "host", STREAMS)
            assert len(await lost.receive(50, 0.1)) == 50  # in the hands of a process that dies here
            for number in range(1, ROUNDS):
                await tell(number)
            stopping = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(consumer().run(stopping))
                for _ in range(400):
                    if await everywhere(duties) and not (await redis.xpending(POSITION_STREAM, GROUP))["pending"]:
                        break
                    await asyncio.sleep(0.05)
                stopping.set()
            assert await everywhere(duties)
            assert (await redis.xpending(POSITION_STREAM, GROUP))["pending"] == 0
            told = [counted(metrics, "patrol_positions_total", verdict=verdict) for verdict in ("taken", "older")]
            assert sum(told) == ROUNDS * len(UNITS)
            assert await redis.xlen(DEAD_STREAM) == 0
        finally:
            await redis.aclose()
            await store.aclose()

    async def everywhere(duties: SqlDuties) -> bool:
        last = north(100 + ROUNDS - 1)
        return all(duty.where.distance_m(last) < 0.1 for duty in await duties.all_duties())

    asyncio.run(check())
