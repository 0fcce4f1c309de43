"""Leases go by the clock of Redis' machine. Whatever it says, a delivery has one effect: on a real Valkey and store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis import Redis

from patrol.adapters.clock import SystemClock
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.domain.messages import DEAD_STREAM, RED_STREAM, Envelope
from patrol.domain.orders import OrderState
from patrol.pipeline import dispatching
from patrol.pipeline.consuming import Consuming
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import counted

HOUR_MS = 3_600_000


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110  (it waits for what is in a database)
            await asyncio.sleep(0.01)


def test_a_clock_set_ahead_gives_a_delivery_in_hand_to_another_and_one_unit_is_sent(
    tmp_path: Path, url: str, valkey: Redis
) -> None:
    """The server's clock cannot be set here. What it makes of leases can: that in hand has been idle for an hour."""

    async def check() -> None:
        async with dispatch_room(tmp_path) as room, connect(url) as redis:
            await room.alert()
            await RedisPublisher(redis).publish([row.message for row in await room.store.unpublished(10)])
            taken, go_on, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()

            async def slowly(envelope: Envelope) -> bool:
                taken.set()
                await go_on.wait()
                return await room.dispatching.handle(envelope)

            def consumer(name: str, handle: Callable[[Envelope], Awaitable[bool]]) -> Consuming:
                subscription = RedisSubscription(redis, dispatching.GROUP, name, dispatching.STREAMS)
                return Consuming(dispatching.GROUP, subscription, handle, SystemClock(), room.metrics)

            async def sent() -> bool:
                return len(await room.orders()) == 1

            async def acknowledged() -> bool:
                return handled(room) == (1, 1)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(consumer("slow", slowly).run(stopping))
                await taken.wait()
                ((entry, _),) = valkey.xrange(RED_STREAM)
                valkey.xclaim(RED_STREAM, dispatching.GROUP, "slow", 0, [entry], idle=HOUR_MS, justid=True)
                tasks.create_task(consumer("other", room.dispatching.handle).run(stopping))
                await until(sent)
                go_on.set()
                await until(acknowledged)
                stopping.set()
            (order,) = await room.orders()
            assert order.state is OrderState.SENT
            assert [told.data["order_id"] for told in await room.told("patrol:order:")] == [order.id]

    asyncio.run(check())
    assert valkey.xpending(RED_STREAM, dispatching.GROUP)["pending"] == 0
    assert valkey.xlen(DEAD_STREAM) == 0


def handled(room: DispatchRoom) -> tuple[float, float]:
    """With an effect, and without, as it was stored before."""
    names = ("patrol_messages_handled_total", "patrol_messages_repeated_total")
    first, again = (counted(room.metrics, name, group=dispatching.GROUP) for name in names)
    return first, again
