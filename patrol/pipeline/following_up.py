"""Following up (盯办): one ticking loop over everything that is late. Works straight from the store, queue or not."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from patrol.domain.board import Board, Sending, choices_for, crews_wait_for
from patrol.domain.camera import Ring, RingName
from patrol.domain.dispatch import Situation, is_silent, travel_time_s
from patrol.domain.errors import StoreError
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import Incident, IncidentId, IncidentState, is_overdue
from patrol.domain.orders import Order
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
        sending: Sending | None = None,
    ) -> None:
        self._reader = reader
        self._deciding = deciding
        self._rings = rings
        self._clock = clock
        self._metrics = metrics
        self._sending = sending or Sending()

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
        security = [one for one in ledger.incidents if one.incident_class is IncidentClass.SECURITY]
        situations = tuple(
            Situation(one, tuple(orders_of[one.id]), ledger.duties) for one in most_urgent_first(security)
        )
        for situation in situations:
            await self._follow_up(situation, now)
        await self._send(Board(situations, ledger.duties), now)

    async def _follow_up(self, situation: Situation, now: datetime) -> None:
        incident = situation.incident
        accept_within_s = self._rings[incident.ring].accept_within_s
        if is_overdue(incident, now) and not incident.overdue:
            await self._deciding.mark_overdue(incident.id)
        if any(is_silent(order, accept_within_s, now) for order in situation.open_orders):
            await self._deciding.doubt(incident.id, accept_within_s)
            await self._assign(incident)

    async def _send(self, board: Board, now: datetime) -> None:
        """Send units to what waits. With many waiting for few units, the store is asked where it changes something."""
        fresh = {each.incident.id for each in board.situations if _may_come_by_queue(each, now)}
        waiting = [each for each in board.situations if crews_wait_for(each, self._sending.crews)]
        looked_at = replace(board, situations=tuple(each for each in board.situations if each.incident.id not in fresh))
        chosen = {choice.incident_id for choice in choices_for(looked_at, travel_time_s, self._sending, now).chosen}
        for situation in waiting:
            incident = situation.incident
            if incident.id in chosen:
                await self._assign(incident)
            elif incident.id not in fresh and not situation.open_orders:
                self._count_shortfall(incident)

    async def _assign(self, incident: Incident) -> None:
        outcome = await self._deciding.assign(incident.id)
        if outcome is not None and outcome.reason == "no unit free":
            self._count_shortfall(incident)

    def _count_shortfall(self, incident: Incident) -> None:
        self._metrics.dispatch.shortfalls.labels(incident.ring.value).inc()


def _may_come_by_queue(situation: Situation, now: datetime) -> bool:
    """Whether its alert may still be on its way to dispatch, which then sends."""
    incident = situation.incident
    return incident.state is IncidentState.NEW and (now - incident.accepted_at).total_seconds() <= QUEUE_HAS_S
