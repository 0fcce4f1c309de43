"""Following up (盯办): one ticking loop over everything that is late. Works straight from the store, queue or not."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from patrol.domain.camera import Ring, RingName
from patrol.domain.dispatch import Duty, Situation, anyone_free
from patrol.domain.errors import StoreError
from patrol.domain.escalating import FollowUpPolicy, due_steps, is_reminder_due, shortfall_of
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import EscalationStep, Incident, IncidentId, IncidentState, is_overdue
from patrol.domain.lateness import SENT_WITHIN_S, Lateness, Way, overdue, straight_way_s, watch_of
from patrol.domain.orders import Order, OrderState
from patrol.domain.units import UnitState
from patrol.metrics import Metrics
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.stopping import pause
from patrol.pipeline.viewing import most_urgent_first
from patrol.ports import Clock, IncidentReader, Ledger

_log = logging.getLogger(__name__)

TICK_S = 1.0
# An alert reaches dispatch through the queue within that time; after it, the queue is not waited for.
QUEUE_HAS_S = SENT_WITHIN_S
# Escalations and reminders of one tick: after an outage many are due at once, and units are sent in between.
TOLD_A_TICK = 100


@dataclass(slots=True)
class _Look:
    """One tick's look at everything. ``duties``: as they are after what this tick has decided.

    ``left``: how much may still be told. ``free``: where somebody is available, by ring and whether simulated: with
    many waiting for few units, most are told at once that nobody is.
    """

    now: datetime
    duties: tuple[Duty, ...]
    left: int = TOLD_A_TICK
    free: set[tuple[RingName, bool]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._count_free()

    def take(self, changed: Iterable[Duty]) -> None:
        """A decision has changed what these units do."""
        by_unit = {duty.unit.id: duty for duty in changed}
        if by_unit:
            self.duties = tuple(by_unit.get(duty.unit.id, duty) for duty in self.duties)
            self._count_free()

    def is_anyone_free(self, situation: Situation) -> bool:
        """Whether there is a unit that could go to this incident."""
        incident = situation.incident
        return (incident.ring, incident.simulated) in self.free and anyone_free(situation)

    def _count_free(self) -> None:
        available = [duty.unit for duty in self.duties if duty.state is UnitState.AVAILABLE]
        self.free = {(ring, unit.simulated) for unit in available for ring in unit.rings}


class FollowingUp:
    """Watches every open incident against its clocks."""

    def __init__(
        self,
        reader: IncidentReader,
        deciding: Deciding,
        rings: Mapping[RingName, Ring],
        clock: Clock,
        metrics: Metrics,
        *,
        policy: FollowUpPolicy | None = None,
        way_s: Way = straight_way_s,
    ) -> None:
        self._reader = reader
        self._deciding = deciding
        self._rings = rings
        self._clock = clock
        self._metrics = metrics
        self._policy = (policy or FollowUpPolicy()).for_rings(rings)
        self._way_s = way_s

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
        """Look at every open incident once. What needs nothing costs no call to the store. Raises StoreError."""
        ledger = await self._reader.open_ledger()
        now = self._clock.now()
        look = _Look(now, ledger.duties)
        orders_of = _by_incident(ledger.orders)
        units_wanted = [one for one in ledger.incidents if one.incident_class is IncidentClass.SECURITY]
        late_of = self._late(units_wanted, orders_of, ledger, now)
        for incident in most_urgent_first(units_wanted):  # a unit that is free goes to the red one
            situation = Situation(incident, tuple(orders_of[incident.id]), look.duties)
            await self._follow_up(situation, late_of[incident.id], look)

    def _late(
        self,
        incidents: Sequence[Incident],
        orders_of: Mapping[IncidentId, Sequence[Order]],
        ledger: Ledger,
        now: datetime,
    ) -> Mapping[IncidentId, Sequence[Lateness]]:
        watches = [watch_of(incident, orders_of[incident.id]) for incident in incidents]
        late = overdue(watches, ledger.duties, self._policy.late_after, now, self._way_s)
        self._metrics.dispatch.show_late(Counter(one.kind for one in late))
        late_of: defaultdict[IncidentId, list[Lateness]] = defaultdict(list)
        for one in late:
            late_of[one.incident_id].append(one)
        return late_of

    async def _follow_up(self, situation: Situation, late: Sequence[Lateness], look: _Look) -> None:
        incident = situation.incident
        if is_overdue(incident, look.now) and not incident.overdue:
            await self._deciding.mark_overdue(incident.id)
        if not await self._send_somebody(situation, look):  # what is late after that is seen at the next look
            await self._tell(situation, late, look)

    async def _send_somebody(self, situation: Situation, look: _Look) -> bool:
        """Do what can be done about silence and about nobody on the way. Returns whether something was."""
        incident = situation.incident
        accept_within_s = self._rings[incident.ring].accept_within_s
        if any(_silent(order, accept_within_s, look.now) for order in situation.orders):
            await self._deciding.expire(incident.id, accept_within_s)
            await self._assign(incident, look)
            return True
        if incident.state is IncidentState.NEW and (look.now - incident.accepted_at).total_seconds() > QUEUE_HAS_S:
            if look.is_anyone_free(situation):
                return await self._assign(incident, look)
            self._count_shortfall(incident)  # the store is not asked for each of many every second
        return False

    async def _tell(self, situation: Situation, late: Sequence[Lateness], look: _Look) -> None:
        incident = situation.incident
        shortfall = shortfall_of(situation, self._policy, look.now, look.is_anyone_free)
        if look.left > 0 and due_steps(incident, late, self._policy, look.now, shortfall):
            look.left -= 1
            await self._escalate(incident, look)
        if look.left > 0 and is_reminder_due(incident, self._policy, look.now):
            look.left -= 1
            await self._deciding.remind(incident.id, self._policy)

    async def _escalate(self, incident: Incident, look: _Look) -> None:
        outcome = await self._deciding.escalate(incident.id, self._policy, self._way_s)
        told = outcome.incident if outcome is not None else None
        if told is None or told.escalation is None or told.state is IncidentState.NEW:
            return
        if told.escalation.step is EscalationStep.NEXT_UNIT:  # one more, where there is one that may go
            await self._assign(told, look)

    async def _assign(self, incident: Incident, look: _Look) -> bool:
        outcome = await self._deciding.assign(incident.id)
        if outcome is None:
            return False
        look.take(outcome.duties)
        if outcome.reason == "no unit free":
            self._count_shortfall(incident)
        return outcome.incident is not None

    def _count_shortfall(self, incident: Incident) -> None:
        self._metrics.dispatch.shortfalls.labels(incident.ring.value).inc()


def _by_incident(orders: Iterable[Order]) -> defaultdict[IncidentId, list[Order]]:
    found: defaultdict[IncidentId, list[Order]] = defaultdict(list)
    for order in orders:
        found[order.incident_id].append(order)
    return found


def _silent(order: Order, accept_within_s: float, now: datetime) -> bool:
    if order.doubted_at is not None:  # known already
        return False
    return order.state is OrderState.SENT and (now - order.sent_at).total_seconds() >= accept_within_s
