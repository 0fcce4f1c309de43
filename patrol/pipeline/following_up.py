"""Following up (盯办): one ticking loop over everything that is late. Works straight from the store, queue or not."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from patrol.domain.arriving import anything_seen
from patrol.domain.board import SHORT, Board, Sending, choices_for, waits
from patrol.domain.camera import Ring, RingName
from patrol.domain.confirmation import is_held
from patrol.domain.dispatch import Situation, is_silent, is_unanswered, wants_one_more
from patrol.domain.errors import StoreError
from patrol.domain.escalating import FollowUpPolicy, due_steps, is_reminder_due
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import Incident, IncidentId, IncidentState, is_overdue, most_urgent_first
from patrol.domain.lateness import SENT_WITHIN_S, Lateness, overdue, watch_of
from patrol.domain.orders import Order
from patrol.domain.shortfalls import Shortfall, is_news
from patrol.domain.ways import Ways
from patrol.metrics import Metrics
from patrol.pipeline.deciding import NOBODY_FREE, Deciding
from patrol.pipeline.stopping import pause
from patrol.pipeline.wayfinding import Wayfinding
from patrol.ports import Clock, IncidentReader, Ledger

_log = logging.getLogger(__name__)

TICK_S = 1.0
# An alert reaches dispatch through the queue within that time; after it, the queue is not waited for.
QUEUE_HAS_S = SENT_WITHIN_S
# Escalations and reminders of one tick: after an outage many are due at once, and units are sent in between.
TOLD_A_TICK = 100


@dataclass(slots=True)
class _Look:
    """One tick's look at everything. ``chosen``: to which incidents somebody would be sent now, all decided at once;
    ``short``: what they do not get, those to which nobody would be; ``ways``: by which that was decided.

    ``fresh``: whose alert may still be on its way to dispatch. ``left``: how much may still be told.
    """

    now: datetime
    chosen: frozenset[IncidentId]
    short: Mapping[IncidentId, Shortfall]
    ways: Ways
    fresh: frozenset[IncidentId]
    left: int = TOLD_A_TICK


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
        sending: Sending | None = None,
        wayfinding: Wayfinding | None = None,
        policy: FollowUpPolicy | None = None,
    ) -> None:
        self._reader = reader
        self._deciding = deciding
        self._rings = rings
        self._clock = clock
        self._metrics = metrics
        self._sending = sending or Sending()
        self._policy = (policy or FollowUpPolicy()).for_rings(rings)
        self._wayfinding = wayfinding or Wayfinding(reader)

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
        orders_of = _by_incident(ledger.orders)
        units_wanted = [one for one in ledger.incidents if one.incident_class is IncidentClass.SECURITY]
        ways = await self._wayfinding.ways_in(ledger)
        late_of = self._late(units_wanted, orders_of, ledger, ways, now)
        board = Board(
            tuple(
                Situation(incident, tuple(orders_of[incident.id]), ledger.duties)
                for incident in most_urgent_first(units_wanted)
            ),
            ledger.duties,
        )
        look = self._look(board, ways, now)
        for situation in board.situations:
            await self._follow_up(situation, late_of[situation.incident.id], look)

    def _look(self, board: Board, ways: Ways, now: datetime) -> _Look:
        fresh = frozenset(each.incident.id for each in board.situations if _may_come_by_queue(each, now))
        choices = choices_for(board, ways, self._sending, now)
        chosen = frozenset(choice.incident_id for choice in choices.chosen)
        short = {one: found for one, found in choices.shortfalls.items() if one not in chosen and found.missing}
        return _Look(now, chosen, short, ways, fresh)

    def _late(
        self,
        incidents: Sequence[Incident],
        orders_of: Mapping[IncidentId, Sequence[Order]],
        ledger: Ledger,
        ways: Ways,
        now: datetime,
    ) -> Mapping[IncidentId, Sequence[Lateness]]:
        watches = [watch_of(incident, orders_of[incident.id]) for incident in incidents]
        late = overdue(watches, ledger.duties, self._policy.late_after, now, ways.way_s)
        self._metrics.dispatch.show_late(Counter(one.kind for one in late))
        late_of: defaultdict[IncidentId, list[Lateness]] = defaultdict(list)
        for one in late:
            late_of[one.incident_id].append(one)
        return late_of

    async def _follow_up(self, situation: Situation, late: Sequence[Lateness], look: _Look) -> None:
        incident = situation.incident
        if anything_seen(situation, look.now, self._sending.positions):
            await self._deciding.follow_positions(incident.id)
        if is_overdue(incident, look.now) and not incident.overdue:
            await self._deciding.mark_overdue(incident.id)
        if not await self._send_somebody(situation, look):  # what is late after that is seen at the next look
            await self._tell(await self._noted(incident, look), late, look)

    async def _send_somebody(self, situation: Situation, look: _Look) -> bool:
        """Do what can be done about silence and about nobody on the way. Returns whether something was."""
        incident = situation.incident
        accept_within_s = self._rings[incident.ring].accept_within_s
        if any(is_silent(order, accept_within_s, look.now) for order in situation.open_orders):
            await self._deciding.doubt(incident.id, accept_within_s)
            await self._assign(incident)
            return True
        if any(is_unanswered(one, self._sending.unanswered_after_s, look.now) for one in situation.open_orders):
            await self._deciding.give_up(incident.id)
            await self._assign(incident)
            return True
        if (until := is_held(incident, self._sending.confirm, look.now)) is not None:
            if incident.held_until == until and look.now < until:
                return False
            await self._deciding.hold(incident.id)
            return True
        if incident.id in look.chosen and incident.id not in look.fresh:
            return await self._assign(incident)
        if waits(situation, self._sending, look.now) and not situation.crew_is_out and incident.id not in look.fresh:
            self._count_shortfall(incident)  # the store is not asked for each of many every second
        return False

    async def _noted(self, incident: Incident, look: _Look) -> Incident:
        """The incident with what it does not get, as the look has found it."""
        found = look.short.get(incident.id)
        if found is None or look.left <= 0 or not is_news(found, incident.shortfall):
            return incident
        look.left -= 1
        outcome = await self._deciding.note_short(incident.id, found)
        return incident if outcome is None or outcome.incident is None else outcome.incident

    async def _tell(self, incident: Incident, late: Sequence[Lateness], look: _Look) -> None:
        if look.left > 0 and due_steps(incident, late, self._policy, look.now):
            look.left -= 1
            await self._escalate(incident, look.ways)
        if look.left > 0 and is_reminder_due(incident, self._policy, look.now):
            look.left -= 1
            await self._deciding.remind(incident.id, self._policy)

    async def _escalate(self, incident: Incident, ways: Ways) -> None:
        outcome = await self._deciding.escalate(incident.id, self._policy, ways)
        if outcome is not None and outcome.incident is not None and wants_one_more(outcome.incident):
            await self._assign(outcome.incident)

    async def _assign(self, incident: Incident) -> bool:
        outcome = await self._deciding.assign(incident.id)
        if outcome is None:
            return False
        if outcome.reason in (NOBODY_FREE, SHORT):
            self._count_shortfall(incident)
        return outcome.incident is not None and outcome.reason != SHORT

    def _count_shortfall(self, incident: Incident) -> None:
        self._metrics.dispatch.shortfalls.labels(incident.ring.value).inc()


def _by_incident(orders: Iterable[Order]) -> defaultdict[IncidentId, list[Order]]:
    found: defaultdict[IncidentId, list[Order]] = defaultdict(list)
    for order in orders:
        found[order.incident_id].append(order)
    return found


def _may_come_by_queue(situation: Situation, now: datetime) -> bool:
    """Whether its alert may still be on its way to dispatch, which then sends. What is short has been chosen for."""
    incident = situation.incident
    return (
        incident.state is IncidentState.NEW
        and incident.shortfall is None
        and (now - incident.accepted_at).total_seconds() <= QUEUE_HAS_S
    )
