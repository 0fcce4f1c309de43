"""A stage on which a night of dispatch is played second by second: the store, a queue, and units that hear only that.

The clock is a false one; the queue is in memory, or a real Valkey. What a unit was told is what came to its terminal.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis

from patrol.adapters.memory import MemorySubscription
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.sql_choices import choices_since
from patrol.adapters.sql_duties import SqlDuties
from patrol.domain.board import Sending
from patrol.domain.camera import Place, RingName
from patrol.domain.closeness import NEVER, MergePolicy
from patrol.domain.events import Level
from patrol.domain.fixes import Fix, FixSettings, judge
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.looked import Redone, redone
from patrol.domain.messages import ORDER, RECALL, Envelope, read_message, receipt_message
from patrol.domain.orders import Order, Receipt, ReceiptKind
from patrol.domain.units import Unit, UnitId, UnitState
from patrol.pipeline import dispatching
from patrol.pipeline.consuming import Consuming
from patrol.pipeline.mustering import Mustering
from patrol.ports import Publisher, Subscription
from tests.builders import camera, candidate, event, ring
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room

ORDERS = tuple(f"patrol:order:{name}" for name in RingName)


@dataclass
class Stage:
    """What is played on. ``heard``: by unit, what its terminal was told, in order: ("order" or "recall", order id)."""

    room: DispatchRoom
    publisher: Publisher
    dispatch: Subscription
    terminals: Subscription
    wait_s: float
    heard: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    orders_of: dict[str, Envelope] = field(default_factory=dict)
    _numbers: dict[str, itertools.count[int]] = field(default_factory=dict)

    async def alert(
        self,
        number: int = 1,
        level: Level = Level.RED,
        place: Place | None = None,
        ring_name: RingName = RingName.CORE,
        simulated: bool = False,
    ) -> IncidentId:
        """Another camera sees something now, and dispatch hears of it."""
        where = camera(f"C-{number}", ring=ring_name, simulated=simulated, **({"place": place} if place else {}))
        now = self.room.clock.now()
        seen = event(camera_id=where.id, began_at=now, confirmed_at=now)
        made = candidate(number, event=seen, camera=where, ring=ring(ring_name), level=level, detected_at=now)
        acceptance = await self.room.store.accept(made, now)
        assert acceptance.incident is not None
        await self.settle()
        return acceptance.incident.id

    async def settle(self) -> None:
        """Everything that was told is heard, and what comes of that, too."""
        consuming = Consuming(
            dispatching.GROUP, self.dispatch, self.room.dispatching.handle, self.room.clock, self.room.metrics
        )
        told_anything, anything_new = False, True
        while anything_new:
            told = await self._relay()
            heard = await self.dispatch.receive(1000, self.wait_s)
            for delivery in heard:
                await consuming._take(delivery, asyncio.Event())
            told_anything |= told
            anything_new = told or bool(heard)
        if not told_anything:
            return
        deliveries = await self.terminals.receive(1000, self.wait_s)
        for delivery in deliveries:
            self._hear(read_message(delivery.body))
        await self.terminals.acknowledge(deliveries)

    async def _relay(self) -> bool:
        rows = await self.room.store.unpublished(10_000)
        places = await self.publisher.publish([row.message for row in rows])
        await self.room.store.mark_published({row.number: place for row, place in zip(rows, places, strict=True)})
        return bool(rows)

    def _hear(self, envelope: Envelope) -> None:
        order_id, unit_id = str(envelope.data["order_id"]), str(envelope.data["unit_id"])
        kinds = {ORDER: "order", RECALL: "recall"}
        self.heard.setdefault(unit_id, []).append((kinds[envelope.type], order_id))
        if envelope.type == ORDER:
            assert order_id not in self.orders_of, f"{order_id} came to {unit_id} twice"
            self.orders_of[order_id] = envelope

    async def seconds(self, count: int) -> None:
        """So much time passes, with a look of the follow-up, and one at the shifts, in each second."""
        mustering = Mustering(self.duties, FixSettings(), self.room.clock, self.room.metrics)
        for _ in range(count):
            self.room.clock.advance(1)
            await mustering.tick()
            await self.room.following_up.tick()
            await self.settle()

    @property
    def duties(self) -> SqlDuties:
        """What every unit does."""
        return SqlDuties(self.room.store)

    async def state_of(self, unit_id: str) -> UnitState:
        """What one unit does."""
        return next(duty.state for duty in await self.duties.all_duties() if duty.unit.id == unit_id)

    async def put(self, unit_id: str, state: UnitState) -> None:
        """An operator says what one unit does."""
        now = self.room.clock.now()
        await self.duties.change(
            lambda there: [duty.to(state) for duty in there if duty.unit.id == unit_id], "li", "", now
        )

    async def at(self, unit_id: str, place: Place) -> None:
        """The unit tells by itself that it is there now."""
        now = self.room.clock.now()
        fix = Fix(UnitId(unit_id), place, now, now)
        await self.duties.place(lambda there: [judge(fix, there[fix.unit_id], now).duty])

    async def chosen_again(self) -> list[Redone]:
        """Every choice so far, made once more from what it looked at."""
        found, unread = await self.room.store.read(lambda connection: choices_since(connection, None, None, 1000))
        assert unread == 0
        return [redone(looked) for looked in found]

    def ordered(self) -> set[str]:
        """The units that have an order by what they were told, and have not been called back from it."""
        return {unit for unit in self.heard if self.last_order(unit) is not None}

    def last_order(self, unit_id: str) -> str | None:
        """The order that a unit works on, by what it was told."""
        standing: list[str] = []
        for kind, order_id in self.heard.get(unit_id, []):
            if kind == "order":
                standing.append(order_id)
            elif order_id in standing:
                standing.remove(order_id)
        assert len(standing) <= 1, f"{unit_id} has two orders at once: {standing}"
        return standing[0] if standing else None

    async def say(
        self, unit_id: str, *kinds: ReceiptKind, place: Place | None = None, order_id: str | None = None
    ) -> None:
        """The unit answers the order it has, or another one."""
        order_id = order_id or self.last_order(unit_id)
        assert order_id is not None, f"{unit_id} has no order: {self.heard}"
        for kind in kinds:
            sequence = next(self._numbers.setdefault(order_id, itertools.count(1)))
            receipt = Receipt(order_id, sequence, "terminals", unit_id, kind, self.room.clock.now(), place=place)
            message = receipt_message(receipt, self.orders_of[order_id].incident_id)
            await self.publisher.publish([message])
            await self.settle()
            if kind is ReceiptKind.REJECTED:
                self.heard[unit_id].append(("recall", order_id))
            if kind is ReceiptKind.DONE:
                self.heard[unit_id].append(("recall", order_id))

    async def incident(self, incident_id: IncidentId) -> Incident:
        return await self.room.incident(incident_id)

    async def orders(self, incident_id: IncidentId) -> list[Order]:
        return [order for order in await self.room.orders() if order.incident_id == incident_id]


@asynccontextmanager
async def stage(
    folder: Path,
    units: Sequence[Unit],
    redis_address: str | None = None,
    sending: Sending | None = None,
    policy: MergePolicy = NEVER,
) -> AsyncIterator[Stage]:
    """``redis_address``: of an empty Redis; None: a queue in memory."""
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(dispatch_room(folder, units, policy=policy, sending=sending))
        names = ((dispatching.GROUP, dispatching.STREAMS), ("terminals", ORDERS))
        if redis_address is None:
            queue = [MemorySubscription(room.queue, group, "seat", streams) for group, streams in names]
            yield Stage(room, room.queue, *queue, wait_s=0.0)
            return
        redis: Redis = connect(redis_address)
        stack.push_async_callback(redis.aclose)
        found = [RedisSubscription(redis, group, "seat", streams) for group, streams in names]
        yield Stage(room, RedisPublisher(redis), *found, wait_s=0.01)
