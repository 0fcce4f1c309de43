"""Three minutes of a demo's evening, second by second: the real store, dispatch and follow-up, the simulated people.

What the demo is to show is seen, whichever way the processor's time falls; nothing of it is put there by the test.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock, MemorySubscription
from patrol.adapters.sql_duties import SqlDuties
from patrol.config import Configuration, load
from patrol.demo import simulated_units
from patrol.demo.plots import DEMO_CONFIRM, PROGRAMME, Plot, Plots, hurried
from patrol.demo.simulated_operators import NAME, SECOND, SimulatedOperators
from patrol.demo.simulated_shift import SimulatedShift
from patrol.demo.simulated_units import SimulatedUnits
from patrol.domain.camera import Camera, RingName
from patrol.domain.events import Kind, Level
from patrol.domain.fixes import FixSettings, fix_of
from patrol.domain.incidents import Incident
from patrol.domain.messages import ORDER_STREAMS, read_message, read_position
from patrol.domain.orders import Order, OrderState
from patrol.pipeline import locating
from patrol.pipeline.locating import judged
from patrol.pipeline.mustering import UnitsDesk
from tests.builders import NOON, candidate, event
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import turns

SECONDS = 170
# As the demo brings them: one each 10 s, the second where a drone is long before any crew.
RINGS = "cfccfcfccppfcc"


class SteppedClock(FakeClock):
    """Stands until it is told to go on: the store's threads take no time from it."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._asleep, (self.monotonic() + seconds, self._count, woken))
        await woken

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        while self._asleep and self._asleep[0][0] <= self.monotonic():
            _, _, woken = heapq.heappop(self._asleep)
            if not woken.done():
                woken.set_result(None)


class Seen:
    """What was to be seen in the feed at any second."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.plots: set[Plot] = set()

    def look(self, incidents: Sequence[Incident], orders: Sequence[Order]) -> None:
        for each in incidents:
            self._look_at(each, [order for order in orders if order.incident_id == each.id])

    def _look_at(self, one: Incident, orders: Sequence[Order]) -> None:
        on_it = {order.unit_id for order in orders if order.is_open and not order.is_drone}
        last = one.standing_escalation
        told = {
            "several crews": one.level is Level.RED and len(on_it) > 1,
            "doubted": any(order.state is OrderState.DOUBTED for order in orders),
            "declined": any(order.state is OrderState.REJECTED for order in orders),
            "recalled": any(order.state is OrderState.RECALLED for order in orders),
            "pre-empted": any(order.why_en.startswith("taken from ") for order in orders),
            "drone": any(order.is_drone for order in orders),
            "held": one.held_until is not None,
            "why red": one.level is Level.RED and bool(one.level_why_zh),
            "level changed": one.level_by == NAME,
            "supervisor": last is not None and last.step == "supervisor",
            "the whole room": last is not None and last.step == "room",
            "acknowledged": last is not None and last.acknowledged_by == NAME,
            "reminded": one.reminders >= 2,
            "waits for the second": one.is_open and one.closing is not None,
            "closed by two": one.closed_by == SECOND and one.closing is not None,
            "false alarm": one.disposition == "false_alarm",
            "reopened": one.life > 1 and one.is_open,
            "merged": one.merged_into is not None,
            "split": one.split_from is not None,
            "chosen by hand": any(order.ordered_by == NAME for order in orders),
        }
        self.marks |= {mark for mark, is_seen in told.items() if is_seen}


WANTED = {
    "several crews",
    "doubted",
    "declined",
    "recalled",
    "pre-empted",
    "drone",
    "held",
    "why red",
    "level changed",
    "supervisor",
    "the whole room",
    "acknowledged",
    "reminded",
    "waits for the second",
    "closed by two",
    "false alarm",
    "reopened",
    "merged",
    "split",
    "chosen by hand",
}


@pytest.fixture(scope="module")
def shipped() -> Configuration:
    return load(Path("configs/cameras.yaml"), {}, variables_required=False)


def evening(configuration: Configuration) -> list[Camera]:
    """A camera for each event, always the same, of the ring that it is to be in."""
    chance = random.Random(4)
    of_ring = {ring: [one for one in configuration.cameras if one.ring is ring] for ring in RingName}
    letters = {"c": RingName.CORE, "p": RingName.PERIPHERY, "f": RingName.FAR}
    cameras = [chance.choice(of_ring[letters[letter]]) for letter in RINGS]
    (school,) = (one for one in configuration.cameras if one.id == "F-145")
    return [cameras[0], school, *cameras[2:]]


async def alert(room: DispatchRoom, number: int, where: Camera, configuration: Configuration) -> None:
    now = room.clock.now()
    seen = replace(event(camera_id=where.id, began_at=now, confirmed_at=now), kind=Kind.CROWD)
    level = {RingName.CORE: Level.RED, RingName.PERIPHERY: Level.YELLOW, RingName.FAR: Level.BLUE}[where.ring]
    watched = replace(where, simulated=True)
    made = candidate(
        number, event=seen, camera=watched, ring=configuration.rings[where.ring], level=level, detected_at=now
    )
    await room.store.accept(made, now)


async def take_positions(room: DispatchRoom, sent: MemorySubscription) -> None:
    """What the terminals have said since is judged and stored, as the part of dispatch does that reads them."""
    now, deliveries = room.clock.now(), await sent.receive(1000, 0.0)
    fixes = [fix_of(read_position(read_message(one.body)), now, key=one.entry_id) for one in deliveries]
    await SqlDuties(room.store).place(lambda duties: judged(fixes, duties, now, FixSettings())[0])
    await sent.acknowledge(deliveries)


async def play(room: DispatchRoom, configuration: Configuration, programme: Sequence[Plot], seen: Seen) -> None:
    chance, plots = random.Random(8476), Plots(DEMO_CONFIRM, programme)
    heard = MemorySubscription(room.queue, simulated_units.GROUP, "units", ORDER_STREAMS)
    told = MemorySubscription(room.queue, locating.GROUP, "positions", locating.STREAMS)
    units = [replace(one, simulated=True) for one in configuration.units]
    shift = SimulatedShift(UnitsDesk(SqlDuties(room.store), room.queue, room.clock), room.clock)
    people = SimulatedOperators(room.store, room.desk, shift, room.clock, chance, plots)
    crews = SimulatedUnits(units, heard, room.queue, room.clock, chance, plots)
    stopping, cameras = asyncio.Event(), evening(configuration)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crews.run(stopping))
        for second in range(SECONDS):
            if second % 10 == 0 and second // 10 < len(cameras):
                await alert(room, second // 10 + 1, cameras[second // 10], configuration)
            room.clock.advance(1.0)
            await turns(60)
            for _ in range(2):
                await room.relay()
                await room.consume()
            await take_positions(room, told)
            await room.following_up.tick()
            await people.look()
            ledger, closed = await room.store.open_ledger(), await room.store.latest_closed(100)
            seen.look([*ledger.incidents, *closed.incidents], [*ledger.orders, *closed.orders])
        stopping.set()
        room.clock.advance(1.0)


@pytest.mark.long
def test_three_minutes_show_all_that_dispatch_can_do(shipped: Configuration, tmp_path: Path) -> None:
    seen = Seen()

    async def check() -> None:
        sending = replace(shipped.sending, confirm=DEMO_CONFIRM)
        units = [replace(one, simulated=True) for one in shipped.units]
        async with dispatch_room(
            tmp_path,
            units,
            dict(shipped.rings),
            SteppedClock(),
            sending=sending,
            second_person=shipped.second_person,
            follow_up=hurried(shipped.follow_up),
        ) as room:
            await play(room, shipped, PROGRAMME, seen)

    asyncio.run(check())
    assert WANTED - seen.marks == set()
