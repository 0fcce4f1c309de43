"""Simulated units: they behave as a vendor's terminals would, in their own time, and stop when told to."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from patrol.adapters.memory import FakeClock, MemoryQueue, MemorySubscription
from patrol.demo import simulated_units as module
from patrol.demo.plots import Plot, Plots
from patrol.demo.simulated_units import GROUP, LONG_ON_SCENE_S, SimulatedUnits, Temper
from patrol.domain.camera import Place, RingName
from patrol.domain.confirmation import ConfirmPolicy
from patrol.domain.dispatch import Duty, travel_time_s
from patrol.domain.events import Level
from patrol.domain.fixes import USUAL
from patrol.domain.incidents import Incident
from patrol.domain.messages import (
    ORDER_STREAMS,
    POSITION_STREAM,
    RECEIPT_STREAM,
    order_message,
    read_message,
    read_position,
    read_receipt,
)
from patrol.domain.messages import recall_message as recall
from patrol.domain.orders import Order, Receipt, ReceiptKind
from patrol.domain.units import Unit
from tests.builders import NOON, SQUARE, at, incident, order, unit

WHILE_THERE = (ReceiptKind.ON_SCENE, ReceiptKind.DONE)
TEMPERS = module.TEMPERS
UNIT = unit("U-1")  # 100 m away, 2.6 m/s, 5 s to get going


@pytest.fixture(autouse=True)
def _all_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEMPERS", (Temper.OBEYS,))


class Field:
    """Units in the field with a queue between them and the station."""

    def __init__(self, *units: Unit) -> None:
        self.clock = FakeClock(NOON)
        self.queue = MemoryQueue(self.clock)
        subscription = MemorySubscription(self.queue, GROUP, "simulated-units", ORDER_STREAMS)
        self.plots = Plots(ConfirmPolicy(), [Plot.DRAGS_ON])
        self.units = SimulatedUnits(
            units or (UNIT,), subscription, self.queue, self.clock, random.Random(1), self.plots
        )
        self.stopping = asyncio.Event()

    async def order(self, sent: Order | None = None, to: Incident | None = None) -> None:
        await self.queue.publish([order_message(sent or order(), to or incident(), self.clock.now())])

    async def run_for(self, seconds: float, then_s: float = 0.0) -> float:
        """Let the units work; returns how long the stop took."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.units.run(self.stopping))
            await self.clock.sleep(seconds)
            self.stopping.set()
            stopped_at = self.clock.monotonic()
        return self.clock.monotonic() - stopped_at

    def receipts(self) -> Sequence[Receipt]:
        return [read_receipt(read_message(body)) for body in self.queue.streams[RECEIPT_STREAM]]

    def kinds(self) -> list[ReceiptKind]:
        """The kinds of receipt in order, repetitions left out."""
        found = [receipt.kind for receipt in self.receipts()]
        return [kind for index, kind in enumerate(found) if index == 0 or found[index - 1] is not kind]


def test_an_order_is_accepted_driven_and_done_with_a_receipt_for_each_step() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        await field.run_for(180)
        steps = [ReceiptKind.ACCEPTED, ReceiptKind.EN_ROUTE, ReceiptKind.ON_SCENE, ReceiptKind.DONE]
        assert field.kinds() == steps
        receipts = field.receipts()
        assert [receipt.sequence for receipt in receipts] == list(range(1, len(receipts) + 1))
        assert {(receipt.subject_id, receipt.seat) for receipt in receipts} == {("O-1", "U-1")}
        times = [receipt.at for receipt in receipts]
        assert times == sorted(times)

    asyncio.run(check())


def test_it_takes_as_long_as_dispatch_expects_and_moves_towards_the_scene_all_the_way() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        await field.run_for(180)
        first = {receipt.kind: receipt for receipt in reversed(field.receipts())}
        took_s = (first[ReceiptKind.ON_SCENE].at - first[ReceiptKind.ACCEPTED].at).total_seconds()
        assert took_s == pytest.approx(travel_time_s(Duty(UNIT), SQUARE), abs=3.0)
        assert 1 <= (first[ReceiptKind.ACCEPTED].at - NOON).total_seconds() <= 4 + 0.5
        left_m = [receipt.place.distance_m(SQUARE) for receipt in field.receipts() if receipt.place]
        assert left_m == sorted(left_m, reverse=True)
        assert left_m[0] == pytest.approx(100, abs=1)
        assert left_m[-1] <= 1.0

    asyncio.run(check())


def test_an_order_that_comes_again_is_not_driven_twice() -> None:
    async def check() -> None:
        field = Field()
        for _ in range(3):
            await field.order()
        await field.run_for(180)
        kinds = [receipt.kind for receipt in field.receipts()]
        assert kinds.count(ReceiptKind.ACCEPTED) == kinds.count(ReceiptKind.DONE) == 1

    asyncio.run(check())


def test_the_next_order_begins_where_the_unit_is_on_its_way_home() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(field.units.run(field.stopping))
            await field.clock.sleep(85)
            await field.order(order(number=2))
            await field.clock.sleep(60)
            field.stopping.set()
        second = [receipt for receipt in field.receipts() if receipt.subject_id == "O-2"]
        assert second[0].place is not None
        assert 1.0 < second[0].place.distance_m(UNIT.home) < 100.0
        assert second[-1].kind is ReceiptKind.DONE

    asyncio.run(check())


def test_of_two_orders_for_one_unit_the_later_one_stands_in_whichever_order_they_are_read() -> None:
    async def check(first: int, second: int) -> None:
        field = Field()
        rings = {1: RingName.FAR, 2: RingName.CORE}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(field.units.run(field.stopping))
            for number in (first, second):
                sent = order(number=number, ring=rings[number])
                await field.queue.publish([order_message(sent, incident(), at(number))])
                await field.clock.sleep(1)
            await field.clock.sleep(240)
            field.stopping.set()
        done = [receipt.subject_id for receipt in field.receipts() if receipt.kind is ReceiptKind.DONE]
        assert done == ["O-2"]

    asyncio.run(check(1, 2))
    asyncio.run(check(2, 1))


@pytest.mark.parametrize(("after_s", "said"), [(0.0, []), (20.0, [ReceiptKind.ACCEPTED, ReceiptKind.EN_ROUTE])])
def test_a_unit_that_is_called_back_says_nothing_more(after_s: float, said: list[ReceiptKind]) -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(field.units.run(field.stopping))
            await field.clock.sleep(after_s)
            await field.queue.publish([recall(order(), incident(), "expired", field.clock.now())])
            await field.clock.sleep(120)
            field.stopping.set()
        assert field.kinds() == said
        assert all(receipt.at <= at(after_s + 2) for receipt in field.receipts())

    asyncio.run(check())


@pytest.mark.parametrize("after_s", [1.0, 6.0, 20.0, 50.0])
def test_a_stop_is_at_once_wherever_the_units_are(after_s: float) -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        assert await field.run_for(after_s) <= 0.5

    asyncio.run(check())


def test_a_stop_is_at_once_also_while_a_receipt_waits_for_the_queue() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(field.units.run(field.stopping))
            await field.clock.sleep(20)
            field.queue.broken = True
            await field.clock.sleep(60)
            field.stopping.set()
            stopped_at = field.clock.monotonic()
        assert field.clock.monotonic() - stopped_at <= 1.5

    asyncio.run(check())


def test_receipts_wait_for_the_queue_and_none_is_lost() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(field.units.run(field.stopping))
            await field.clock.sleep(12)
            field.queue.broken = True
            await field.clock.sleep(40)
            field.queue.broken = False
            await field.clock.sleep(180)
            field.stopping.set()
        assert field.kinds()[-2:] == [ReceiptKind.ON_SCENE, ReceiptKind.DONE]
        assert [receipt.sequence for receipt in field.receipts()] == list(range(1, len(field.receipts()) + 1))

    asyncio.run(check())


def test_of_a_dozen_orders_one_is_declined_and_one_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEMPERS", TEMPERS)
    dozens = 3

    async def check() -> None:
        field = Field(*(unit(f"U-{number}") for number in range(12 * dozens)))
        for number in range(12 * dozens):
            await field.order(order(f"U-{number}", number=number))
        await field.run_for(30)
        answers = Counter(receipt.kind for receipt in field.receipts() if receipt.sequence == 1)
        assert answers == {ReceiptKind.REJECTED: dozens, ReceiptKind.ACCEPTED: 10 * dozens}
        assert {receipt.reason_code for receipt in field.receipts()} == {"busy", None}

    asyncio.run(check())


def test_where_an_incident_drags_on_its_units_stay_long() -> None:
    async def check() -> None:
        field = Field()
        field.plots.deal(replace(incident(), level=Level.RED), ())
        await field.order()
        await field.run_for(300)
        there, done = (next(r.at for r in field.receipts() if r.kind is kind) for kind in WHILE_THERE)
        least, most = LONG_ON_SCENE_S
        assert least <= (done - there).total_seconds() <= most + 1

    asyncio.run(check())


def test_what_is_not_understood_and_who_is_not_ours_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        field = Field()
        good = order_message(order(), incident(), NOON).body
        field.queue.append(ORDER_STREAMS[0], b"not an order")
        field.queue.append(ORDER_STREAMS[0], good.replace('"destination":{', '"destination":7,"was":{').encode())
        await field.order(order("U-someone-else", number=8))
        await field.order()
        await field.run_for(180)
        assert {receipt.subject_id for receipt in field.receipts()} == {"O-1"}

    asyncio.run(check())
    assert len([record for record in caplog.records if "not understood" in record.message]) == 2


def test_orders_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORDERS_REMEMBERED", 5)

    async def check() -> None:
        field = Field()
        for number in range(12):
            await field.order(order(number=number))
        await field.run_for(1)
        assert len(field.units._drives) == 5

    asyncio.run(check())


def test_orders_of_every_ring_are_heard() -> None:
    async def check() -> None:
        field = Field(*(unit(f"U-{name}") for name in RingName))
        for number, name in enumerate(RingName):
            await field.order(order(f"U-{name}", number=number, ring=name, destination=Place(35.49, 112.85)))
        await field.run_for(10)
        assert {receipt.subject_id for receipt in field.receipts()} == {"O-0", "O-1", "O-2"}

    asyncio.run(check())


def test_it_tells_where_it_is_all_the_way_there_and_home_again() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        await field.run_for(300)
        told = [read_position(read_message(body)) for body in field.queue.streams[POSITION_STREAM]]
        ways = [Place(one.place.latitude, one.place.longitude).distance_m(UNIT.home) for one in told]
        there = ways.index(max(ways))
        assert ways[: there + 1] == sorted(ways[: there + 1])
        assert ways[there:] == sorted(ways[there:], reverse=True)
        assert there > 20
        assert ways[there] > 99
        assert ways[-1] < 1.0

    asyncio.run(check())


def test_at_home_it_tells_where_it_is_often_enough_to_be_known_there() -> None:
    async def check() -> None:
        field = Field()
        await field.order()
        await field.run_for(300)
        told = [read_position(read_message(body)).at for body in field.queue.streams[POSITION_STREAM]]
        assert told[-1] > at(300 - USUAL.stale_after_s)
        assert max((later - earlier).total_seconds() for earlier, later in pairwise(told)) < USUAL.stale_after_s

    asyncio.run(check())


def test_one_that_is_called_back_goes_home_too_and_a_new_order_turns_it_round() -> None:
    async def check() -> None:
        field = Field()
        first = order()
        await field.order(first)

        async def later() -> None:
            await field.clock.sleep(30)
            await field.queue.publish([recall(first, incident(), "expired", field.clock.now())])
            await field.clock.sleep(5)
            await field.order(order(number=2))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(later())
            tasks.create_task(field.run_for(180))
        told = [read_position(read_message(body)) for body in field.queue.streams[POSITION_STREAM]]
        assert told[0].at < at(36)
        assert field.kinds()[-1] is ReceiptKind.DONE

    asyncio.run(check())


def test_one_that_loses_its_position_says_nothing_for_a_while_and_arrives_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TEMPERS", (Temper.LOSES_POSITION,))

    async def check() -> None:
        field = Field()
        await field.order()
        await field.run_for(180)
        receipts = field.receipts()
        gaps = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(receipts)]
        assert max(gaps) >= 38
        assert field.kinds()[-1] is ReceiptKind.DONE

    asyncio.run(check())
