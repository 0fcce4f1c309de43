"""Following up (盯办): one ticking loop over everything that is late. Works straight from the store, queue or not."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from patrol.domain.camera import Ring, RingName
from patrol.domain.dispatch import Situation, anyone_free
from patrol.domain.errors import StoreError
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import Incident, IncidentId, IncidentState, is_overdue
from patrol.domain.orders import Order, OrderState
from patrol.metrics import Metrics
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.stopping import pause
from patrol.pipeline.viewing import most_urgent_first
from patrol.ports import Clock, IncidentReader

_log = logging.getLogger(__name__)

TICK_S = 1.0
# An alert reaches dispatch through the queue within that time; after it, the queue is not waited for.
QUEUE_HAS_S = 2.0


class FollowingUp:
    """Watches every open incident against its clock."""

    def __init__(
        self,
        reader: IncidentReader,
        deciding: Deciding,
        rings: Mapping[RingName, Ring],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._reader = reader
        self._deciding = deciding
        self._rings = rings
        self._clock = clock
        self._metrics = metrics

    async def run(self, stopping: asyncio.Event) -> None:
        """Tick until ``stopping``."""
        failing = False
        while not await pause(self._clock, stopping, TICK_S):
            try:
                await self.tick()
            except StoreError as error:
                self._metrics.stages.errors.labels("dispatch").inc()
                if not failing:
                    _log.error("follow-up waits for the store: %s", error)
                failing = True
            else:
                failing = False

    async def tick(self) -> None:
        """Look at every open incident once. Raises StoreError."""
        ledger = await self._reader.open_ledger()
        now = self._clock.now()
        orders_of: defaultdict[IncidentId, list[Order]] = defaultdict(list)
        for order in ledger.orders:
            orders_of[order.incident_id].append(order)
        units_wanted = [one for one in ledger.incidents if one.incident_class is IncidentClass.SECURITY]
        for incident in most_urgent_first(units_wanted):  # a unit that is free goes to the red one
            await self._follow_up(Situation(incident, tuple(orders_of[incident.id]), ledger.duties), now)

    async def _follow_up(self, situation: Situation, now: datetime) -> None:
        incident, order = situation.incident, situation.open_order
        accept_within_s = self._rings[incident.ring].accept_within_s
        if is_overdue(incident, now) and not incident.overdue:
            await self._deciding.mark_overdue(incident.id)
        if order is not None and _silent(order, accept_within_s, now):
            await self._deciding.expire(incident.id, accept_within_s)
            await self._assign(incident)
        elif incident.state is IncidentState.NEW and (now - incident.accepted_at).total_seconds() > QUEUE_HAS_S:
            if anyone_free(situation):
                await self._assign(incident)
            else:  # with many waiting for few units, the store is not asked for each of them every second
                self._count_shortfall(incident)

    async def _assign(self, incident: Incident) -> None:
        outcome = await self._deciding.assign(incident.id)
        if outcome is not None and outcome.reason == "no unit free":
            self._count_shortfall(incident)

    def _count_shortfall(self, incident: Incident) -> None:
        self._metrics.dispatch.shortfalls.labels(incident.ring.value).inc()


def _silent(order: Order, accept_within_s: float, now: datetime) -> bool:
    return order.state is OrderState.SENT and (now - order.sent_at).total_seconds() >= accept_within_s
