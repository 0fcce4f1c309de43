"""Beating: heartbeats run the way that alerts run, and say when nothing gets through; the store does not grow."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from patrol.adapters.memory import MemoryQueue
from patrol.adapters.sql_signs import SqlSigns
from patrol.domain.heartbeats import EVERY_S, STALLED_AFTER_S, Heartbeat
from patrol.domain.messages import HEARTBEAT_STREAM, heartbeat_message, read_message
from patrol.metrics import Metrics
from patrol.pipeline import dispatching
from patrol.pipeline.beating import Beating
from tests.builders import NOON, at
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, fresh_metrics, told_by

AGE = "patrol_heartbeat_age_seconds"


class Heart:
    """A relay's beating in a room of its own, second by second, with or without the rest of the way."""

    def __init__(self, room: DispatchRoom) -> None:
        self.room = room
        self.metrics: Metrics = fresh_metrics()
        self.beating = Beating(room.signs, room.clock, self.metrics)

    async def run(self, seconds: int, *, relayed: bool = True, consumed: bool = True) -> None:
        for _ in range(seconds):
            await self.beating.tick()
            if relayed:
                await self.room.relay()
            if consumed:
                await self.room.consume()
            self.room.clock.advance(1.0)
        await self.beating.tick()

    @property
    def age_s(self) -> float:
        return counted(self.metrics, AGE)

    async def in_outbox(self) -> int:
        def count(connection: object) -> int:
            sql = f"select count(*) from outbox where stream = '{HEARTBEAT_STREAM}'"
            return int(connection.exec_driver_sql(sql).scalar())  # type: ignore[attr-defined]

        return await self.room.store.within(count)


def test_a_heartbeat_makes_the_whole_way_every_five_seconds_and_its_age_stays_small(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart = Heart(room)
            for _ in range(12):
                await heart.run(5)
                assert heart.age_s <= EVERY_S
            sent = [read_message(body) for body in room.queue.streams[HEARTBEAT_STREAM]]
            assert [envelope.sequence for envelope in sent] == list(range(1, len(sent) + 1))
            assert len(sent) == 12
            assert counted(heart.metrics, "patrol_heartbeat_round_seconds_count") >= 10
            assert counted(room.metrics, "patrol_messages_handled_total", group="dispatch") == 12
            assert (await room.room.snapshot()).watch.stalled_since is None

    asyncio.run(check())


def test_ten_minutes_of_heartbeats_leaves_no_more_in_the_store_than_one(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart = Heart(room)
            for _ in range(120):
                await heart.beating.tick()
                await room.relay()
                room.clock.advance(EVERY_S)
            await room.consume()
            assert len(room.queue.streams[HEARTBEAT_STREAM]) == 120
            assert await heart.in_outbox() <= 1
            effects = await room.store.within(
                lambda connection: connection.exec_driver_sql("select count(*) from effects").scalar()
            )
            assert effects == 0

    asyncio.run(check())


def test_while_redis_is_away_one_waits_and_no_more_are_piled_up(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart = Heart(room)
            await heart.run(60, relayed=False)
            assert await heart.in_outbox() == 1
            assert (await room.store.waiting())[0] == 1

    asyncio.run(check())


@pytest.mark.parametrize("cut", ["relayed", "consumed"])
def test_when_nothing_gets_through_it_is_said_and_said_no_more_once_it_does(
    cut: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart = Heart(room)
            await heart.run(10)
            through = (await room.signs.newest(dispatching.GROUP)).heartbeat.sent_at  # type: ignore[union-attr]
            await heart.run(int(STALLED_AFTER_S) - 6, **{cut: False})
            assert (await room.room.snapshot()).watch.stalled_since is None
            await heart.run(7, **{cut: False})
            assert heart.age_s > STALLED_AFTER_S
            assert (await room.room.snapshot()).watch.stalled_since == through
            await heart.run(int(EVERY_S) + 1)
            assert heart.age_s <= EVERY_S + 1
            assert (await room.room.snapshot()).watch.stalled_since is None
            assert [line for line in told_by(caplog) if "dispatch" in line] == [
                "queue degraded: nothing gets through to dispatch",
                "messages get through to dispatch",
            ]

    asyncio.run(check())


def test_a_room_in_which_no_heartbeat_was_ever_seen_says_so_after_a_while(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            room.clock.advance(STALLED_AFTER_S)
            assert (await room.room.snapshot()).watch.stalled_since is None
            room.clock.advance(1.0)
            assert (await room.room.snapshot()).watch.stalled_since == NOON

    asyncio.run(check())


def test_started_again_it_waits_for_a_heartbeat_before_it_says_that_none_gets_through(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await Heart(room).run(10)
            through = (await room.signs.newest(dispatching.GROUP)).heartbeat.sent_at  # type: ignore[union-attr]
            room.clock.advance(3600.0)  # while nothing ran
            again = Heart(room)
            await again.run(int(STALLED_AFTER_S), consumed=False)
            assert [line for line in told_by(caplog) if "dispatch" in line] == []
            await again.run(1, consumed=False)
            assert [line for line in told_by(caplog) if "dispatch" in line] == [
                "queue degraded: nothing gets through to dispatch"
            ]
            assert (await room.room.snapshot()).watch.stalled_since == through

    asyncio.run(check())


def test_yesterdays_heartbeats_again_are_no_news_and_grow_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart = Heart(room)
            await heart.run(10)
            newest = await room.signs.newest(dispatching.GROUP)
            for body in list(room.queue.streams[HEARTBEAT_STREAM]):
                assert await room.dispatching.handle(read_message(body)) is False
            assert await room.signs.newest(dispatching.GROUP) == newest

    asyncio.run(check())


def test_one_known_from_the_future_holds_nothing_up(tmp_path: Path) -> None:
    """The clock was set back by an hour while nothing ran, or an old backup was restored."""

    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.signs.arrive(dispatching.GROUP, Heartbeat("H-1", 900, at(3600)), at(3600))
            assert await room.signs.arrive(dispatching.GROUP, Heartbeat("H-2", 12, at(1)), at(2))
            assert not await room.signs.arrive(dispatching.GROUP, Heartbeat("H-0", 11, at(0)), at(2))

    asyncio.run(check())


def test_of_two_relays_one_writes(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            other = SqlSigns(room.store)
            assert await room.signs.beat("H-1", at(0))
            await room.relay()
            assert not await other.beat("H-2", at(0.1))
            room.clock.advance(5)
            assert await other.beat("H-3", at(5))

    asyncio.run(check())


def test_a_store_that_is_away_costs_no_heart_its_life(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart = Heart(room)
            await heart.run(5)
            await room.store.within(lambda connection: connection.exec_driver_sql("alter table signs rename to away"))
            await heart.run(16, consumed=False)
            assert heart.age_s > STALLED_AFTER_S
            assert counted(heart.metrics, "patrol_stage_errors_total", stage="relay") >= 16
            assert sum("heartbeats wait for the store" in line for line in told_by(caplog)) == 1
            await room.store.within(lambda connection: connection.exec_driver_sql("alter table away rename to signs"))
            await heart.run(6)
            assert heart.age_s <= EVERY_S + 1

    asyncio.run(check())


def test_a_heartbeat_is_on_a_stream_of_its_own_and_about_no_incident() -> None:
    message = heartbeat_message(Heartbeat("H-1", 7, at(0)))
    assert message.stream == HEARTBEAT_STREAM
    envelope = read_message(message.body)
    assert (envelope.subject, envelope.sequence, envelope.data["status"]) == ("system/heartbeat", 7, "System")
    assert message.stream in dispatching.STREAMS


def test_the_loop_begins_at_once_and_ends_with_the_service(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            heart, stopping = Heart(room), asyncio.Event()
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                tasks.create_task(heart.beating.run(stopping))
                while await heart.in_outbox() == 0:  # noqa: ASYNC110  (what it waits for is in a database)
                    await asyncio.sleep(0.01)
                stopping.set()

    asyncio.run(check())


def test_dispatch_takes_heartbeats_from_a_queue_in_memory_as_from_any_other(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            assert isinstance(room.queue, MemoryQueue)
            room.queue.append(HEARTBEAT_STREAM, b'{"specversion":"1.0"}')
            await room.consume()
            assert len(room.queue.reasons) == 1, "poison on it is buried like any other"

    asyncio.run(check())
