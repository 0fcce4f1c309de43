"""A dispatch side of its own: the real store, the decisions and the parts that drive them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patrol.adapters.memory import FakeClock, MemoryQueue, MemorySubscription, MemoryTourReports
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_signs import SqlSigns
from patrol.domain.board import Sending
from patrol.domain.camera import CameraId, Place, Ring, RingName
from patrol.domain.closeness import NEVER, MergePolicy
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Level
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.messages import Envelope, read_message, receipt_message
from patrol.domain.orders import Order, Receipt, ReceiptKind
from patrol.domain.units import Unit
from patrol.metrics import Metrics
from patrol.pipeline import dispatching
from patrol.pipeline.closing import Desk
from patrol.pipeline.consuming import Consuming
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.dispatching import Dispatching
from patrol.pipeline.following_up import FollowingUp
from patrol.pipeline.viewing import Room
from patrol.ports import TimeKeeper
from tests.builders import NOON, at, candidate, event, ring
from tests.pipeline.parts import UNITS, fresh_metrics, sql_store

RINGS = {name: ring(name) for name in RingName}


@dataclass
class DispatchRoom:
    clock: FakeClock
    store: SqlStore
    signs: SqlSigns
    metrics: Metrics
    queue: MemoryQueue
    reports: MemoryTourReports
    deciding: Deciding
    dispatching: Dispatching
    following_up: FollowingUp
    desk: Desk
    room: Room

    async def alert(self, number: int = 1, **changes: object) -> IncidentId:
        """An alert of a camera of its own is accepted now."""
        seen = event(camera_id=CameraId(f"C-{number}"), began_at=at(-4), confirmed_at=at(-1))
        acceptance = await self.store.accept(candidate(number, event=seen, **changes), self.clock.now())
        assert acceptance.incident is not None
        return acceptance.incident.id

    async def told(self, stream: str) -> list[Envelope]:
        """What was put on one stream so far, published or not."""
        rows = await self.store.unpublished(10_000)
        return [read_message(row.message.body) for row in rows if row.message.stream.startswith(stream)]

    async def incident(self, incident_id: str = "I-1") -> Incident:
        ledgers = (await self.store.open_ledger(), await self.store.latest_closed(100))
        return next(found for ledger in ledgers for found in ledger.incidents if found.id == incident_id)

    async def orders(self) -> Sequence[Order]:
        ledgers = (await self.store.open_ledger(), await self.store.latest_closed(100))
        return [order for ledger in ledgers for order in ledger.orders]

    def receipt(
        self, order: Order, kind: ReceiptKind, sequence: int = 1, place: Place | None = None, consumer: str = "units"
    ) -> Envelope:
        """As a terminal of that unit sends it now."""
        made = Receipt(order.id, sequence, consumer, order.unit_id, kind, self.clock.now(), place=place)
        return read_message(receipt_message(made, order.incident_id).body)

    async def relay(self) -> None:
        """Everything that waits goes to the queue."""
        rows = await self.store.unpublished(10_000)
        places = await self.queue.publish([row.message for row in rows])
        await self.store.mark_published({row.number: place for row, place in zip(rows, places, strict=True)})

    async def consume(self, times: int = 1) -> None:
        """The dispatch consumer takes what lies on its streams, without waiting for more."""
        subscription = MemorySubscription(self.queue, dispatching.GROUP, "host", dispatching.STREAMS)
        consuming = Consuming(dispatching.GROUP, subscription, self.dispatching.handle, self.clock, self.metrics)
        for _ in range(times):
            for delivery in await subscription.receive(1000, 0.0):
                await consuming._take(delivery, asyncio.Event())


@asynccontextmanager
async def dispatch_room(
    folder: Path,
    units: Sequence[Unit] = UNITS,
    rings: dict[RingName, Ring] | None = None,
    clock: Any = None,
    keeper: TimeKeeper | None = None,
    policy: MergePolicy = NEVER,
    sending: Sending | None = None,
    second_person: Collection[Level] = (),
    follow_up: FollowUpPolicy | None = None,
) -> AsyncIterator[DispatchRoom]:
    clock, metrics, reports = clock or FakeClock(NOON), fresh_metrics(), MemoryTourReports()
    queue = MemoryQueue(clock)
    async with sql_store(folder, clock, units, policy) as store:
        signs = SqlSigns(store)
        deciding = Deciding(store, clock, metrics, sending, second_person=second_person)
        yield DispatchRoom(
            clock=clock,
            store=store,
            signs=signs,
            metrics=metrics,
            queue=queue,
            reports=reports,
            deciding=deciding,
            dispatching=Dispatching(deciding, store, signs, clock),
            following_up=FollowingUp(
                store, deciding, rings or RINGS, clock, metrics, sending=sending, policy=follow_up
            ),
            desk=Desk(deciding),
            room=Room(
                "站", "Station", store, store, reports, queue, signs, clock, metrics, simulated=True, keeper=keeper
            ),
        )
