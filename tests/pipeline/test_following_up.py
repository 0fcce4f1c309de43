"""Following up: whatever is late is seen from the store alone, queue or not, and each thing is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.errors import StoreError
from patrol.domain.incidents import Disposition, IncidentState
from patrol.domain.orders import OrderState, ReceiptKind
from patrol.domain.units import UnitState
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.following_up import QUEUE_HAS_S, FollowingUp
from patrol.ports import Ledger
from tests.builders import NOON, unit
from tests.pipeline.dispatch_room import RINGS, DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, fresh_metrics, told_by


async def ticks(room: DispatchRoom, seconds: int) -> None:
    """So many seconds, with a look in each."""
    for _ in range(seconds):
        room.clock.advance(1)
        await room.following_up.tick()


async def states(room: DispatchRoom) -> Sequence[tuple[str, OrderState]]:
    return [(order.unit_id, order.state) for order in await room.orders()]


def test_an_alert_the_queue_does_not_bring_gets_its_order_all_the_same_but_the_queue_goes_first(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, int(QUEUE_HAS_S))
            assert await states(room) == []
            await ticks(room, 1)
            assert await states(room) == [("U-1", OrderState.SENT)]
            (alert,) = await room.told("patrol:alert:")
            await room.dispatching.handle(alert)  # the queue is back
            assert await states(room) == [("U-1", OrderState.SENT)]

    asyncio.run(check())


def test_a_silent_unit_is_called_back_in_time_and_the_next_best_one_is_sent(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"), unit("U-2"), unit("U-3"))) as room:
            await room.alert()
            await ticks(room, 3)
            accept_within_s = int(RINGS[(await room.incident()).ring].accept_within_s)
            await ticks(room, accept_within_s - 1)
            assert await states(room) == [("U-1", OrderState.SENT)]
            await ticks(room, 1)
            assert await states(room) == [("U-1", OrderState.EXPIRED), ("U-2", OrderState.SENT)]
            recalled = [told for told in await room.told("patrol:order:core") if told.type.endswith("recall.v1")]
            assert [told.data["unit_id"] for told in recalled] == ["U-1"]
            await ticks(room, accept_within_s)
            assert [unit_id for unit_id, _ in await states(room)] == ["U-1", "U-2", "U-3"]

    asyncio.run(check())


def test_a_unit_that_accepted_is_left_to_drive(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await ticks(room, 300)
            assert await states(room) == [("U-1", OrderState.ACCEPTED)]

    asyncio.run(check())


def test_an_incident_whose_target_passed_is_flagged_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            (order,) = await room.orders()
            await room.dispatching.handle(room.receipt(order, ReceiptKind.ACCEPTED))
            await ticks(room, 57)
            assert (await room.incident()).overdue is False
            await ticks(room, 30)
            assert (await room.incident()).overdue is True
            assert counted(room.metrics, "patrol_response_overdue_total", ring="core", level="red") == 1
            flags = [told.data["overdue"] for told in await room.told("patrol:incident")]
            assert flags.count(True) == 1

    asyncio.run(check())


def test_with_nobody_free_it_asks_again_until_somebody_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path, (unit("U-1"),)) as room:
            await room.alert(1)
            await ticks(room, 3)
            first = (await room.orders())[0]
            await room.dispatching.handle(room.receipt(first, ReceiptKind.ACCEPTED))
            await room.alert(2)
            await ticks(room, 10)
            assert len(await room.orders()) == 1
            assert counted(room.metrics, "patrol_dispatch_shortfalls_total", ring="core") == 8
            await room.dispatching.handle(room.receipt(first, ReceiptKind.DONE, 2))
            await ticks(room, 1)
            assert {order.incident_id: order.state for order in await room.orders()} == {
                "I-1": OrderState.DONE,
                "I-2": OrderState.SENT,
            }

    asyncio.run(check())


def test_a_declined_order_goes_to_the_next_unit_at_the_next_look(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            await ticks(room, 3)
            await room.dispatching.handle(room.receipt((await room.orders())[0], ReceiptKind.REJECTED))
            await ticks(room, 1)
            assert await states(room) == [("U-1", OrderState.REJECTED), ("U-2", OrderState.SENT)]

    asyncio.run(check())


def test_what_is_closed_is_left_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            incident_id = await room.alert()
            await ticks(room, 3)
            await room.desk.close(incident_id, Disposition.FALSE_ALARM, "Li", "a shadow")
            await ticks(room, 200)
            assert await states(room) == [("U-1", OrderState.RECALLED)]
            incident = await room.incident()
            assert (incident.state, incident.overdue) == (IncidentState.CLOSED, False)
            assert {duty.state for duty in (await room.store.open_ledger()).duties} == {UnitState.AVAILABLE}

    asyncio.run(check())


def test_two_who_follow_up_at_once_send_one_unit(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            await room.alert()
            room.clock.advance(5)
            await asyncio.gather(*(room.following_up.tick() for _ in range(4)))
            assert await states(room) == [("U-1", OrderState.SENT)]
            room.clock.advance(30)
            await asyncio.gather(*(room.following_up.tick() for _ in range(4)))
            assert await states(room) == [("U-1", OrderState.EXPIRED), ("U-2", OrderState.SENT)]

    asyncio.run(check())


def test_a_store_that_is_away_is_told_once_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        looks = 0

        async def open_ledger(self) -> Ledger:
            self.looks += 1
            if self.looks <= 30 or self.looks > 60:
                raise StoreError("database is locked")
            return Ledger((), (), ())

        latest_closed = totals = open_ledger

    async def check() -> None:
        clock, metrics, reader = FakeClock(NOON), fresh_metrics(), Away()
        following_up = FollowingUp(reader, Deciding(reader, clock, metrics), RINGS, clock, metrics)
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(following_up.run(stopping))
            await clock.sleep(90.5)
            stopping.set()
        assert reader.looks == 90
        assert counted(metrics, "patrol_stage_errors_total", stage="dispatch") == 60

    asyncio.run(check())
    told = told_by(caplog)
    assert told == ["follow-up waits for the store: database is locked"] * 2  # at each change for the worse
