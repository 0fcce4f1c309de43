"""Deciding: every decision on an incident goes through here, so that each is stored once and counted once."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime

from patrol.domain import arriving, board, dispatch, escalating, feedback, merging, overriding, receiving
from patrol.domain.board import Board, Sending, missing, send, waits
from patrol.domain.deeds import CLOSED, CLOSING_ASKED, NOT_KNOWN, Action, Asking, Deed
from patrol.domain.dispatch import Outcome, Situation
from patrol.domain.errors import NotAsAsked, Objection, StoreError
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import IncidentClass, Level
from patrol.domain.ids import make_id
from patrol.domain.incidents import AlertId, ClockName, Disposition, FalseAlarmReason, Incident, IncidentId, OrderId
from patrol.domain.levels import is_more_urgent
from patrol.domain.orders import OrderState, Receipt
from patrol.domain.shortfalls import Shortfall
from patrol.domain.tracing import trace_id
from patrol.domain.units import UnitId
from patrol.domain.ways import Ways
from patrol.metrics import Metrics
from patrol.pipeline.steps import Step, passing
from patrol.pipeline.wayfinding import Wayfinding
from patrol.ports import Clock, Effect, IncidentStore

_log = logging.getLogger(__name__)

NOBODY_FREE = "no unit free"
CHOSEN_FOR = "chosen for before"
# Stages by the timestamp that ends them, each with the one that begins it.
_STAGE_ENDS = {
    ClockName.ORDER_SENT: ("order", ClockName.ACCEPTED),
    ClockName.UNIT_ACCEPTED: ("unit_accept", ClockName.ORDER_SENT),
    ClockName.ON_SCENE: ("travel", ClockName.UNIT_ACCEPTED),
    ClockName.CLOSED: ("feedback", ClockName.HANDLED),
}


class Deciding:
    """Decisions on incidents, by name. Each raises KeyError for an unknown incident, and StoreError."""

    def __init__(
        self,
        store: IncidentStore,
        clock: Clock,
        metrics: Metrics,
        sending: Sending | None = None,
        wayfinding: Wayfinding | None = None,
        *,
        second_person: Collection[Level] = (),
    ) -> None:
        self._store = store
        self._wayfinding = wayfinding
        self._clock = clock
        self._metrics = metrics
        self._sending = sending or Sending()
        self._second_person = second_person
        self._asking = NOT_KNOWN

    def asked(self, asking: Asking) -> Deciding:
        """The same, for one request: where that names itself, what was decided for it before raises DoneBefore."""
        bound = copy(self)
        bound._asking = asking
        return bound

    async def take_alert(self, incident_id: IncidentId, once: Effect) -> Outcome | None:
        """An alert of it has come: send units, unless it was chosen for before.

        In a storm most alerts join what waits already, and with a choice over hundreds at each, all would wait longer.
        """
        situation = await self._store.situation(incident_id)
        if board.is_chosen_for(situation, self._sending, self._clock.now()):
            return await self._decide(incident_id, lambda _: Outcome(reason=CHOSEN_FOR), once)
        return await self.assign(incident_id, once)

    async def assign(self, incident_id: IncidentId, once: Effect | None = None) -> Outcome | None:
        """Send units to it, and to whatever waits with it. Returns what became of this incident."""
        ways = await self._ways(incident_id)
        now = self._clock.now()
        before: Sequence[Situation] = ()
        nothing = Outcome(reason=NOBODY_FREE)

        def decision(there: Board) -> Sequence[Outcome]:
            nonlocal nothing, before
            before = there.situations
            cause = once.cause if once else None
            asking = replace(there.of(incident_id), cause=cause)
            held = feedback.hold(asking, self._sending.confirm, now)
            if held is not None or not waits(asking, self._sending, now):
                nothing = held or Outcome(reason=_why_nobody(asking.incident))
            outcomes = send(there, lambda *_: _order_id(now), ways, self._sending, now, cause)
            if held is not None and held.incident is not None:
                outcomes = (held, *outcomes)
            passing(Step.DISPATCH_CHOSEN)
            if any(order.state is OrderState.RECALLED for outcome in outcomes for order in outcome.orders):
                passing(Step.DISPATCH_TAKEN_AWAY)
            return outcomes

        outcomes = await self._store.decide_board(incident_id, decision, once)
        if outcomes is None:
            return None
        passing(Step.DISPATCH_ORDERED)
        by_incident = {outcome.incident.id: outcome for outcome in outcomes if outcome.incident is not None}
        self._count_all(tuple(by_incident.values()), before)
        return by_incident.get(incident_id, nothing)

    async def _ways(self, incident_id: IncidentId) -> Ways:
        return Ways() if self._wayfinding is None else await self._wayfinding.ways(incident_id)

    async def note_short(self, incident_id: IncidentId, found: Shortfall) -> Outcome | None:
        """Tell what it does not get, unless it has got it since that was found."""
        now = self._clock.now()

        def decision(situation: Situation) -> Outcome:
            if missing(situation, self._sending.crews) != found.missing:
                return Outcome(reason="no longer so")
            return board.note_short(situation, found, now)

        return await self._decide(incident_id, decision)

    async def order_unit(
        self, incident_id: IncidentId, unit_id: UnitId, operator: str, seen_at: datetime | None = None
    ) -> None:
        """A dispatcher sends this unit. Raises NotToBeSent."""
        ways = await self._ways(incident_id)
        now, crews = self._clock.now(), self._sending.crews
        before: Sequence[Situation] = ()

        def decision(there: Board) -> Sequence[Outcome]:
            nonlocal before
            before = there.situations
            of_order = incident_id, unit_id, _order_id(now), operator
            *losing, sent = overriding.send_unit(there, *of_order, ways, crews, now, seen_at)
            return *losing, sent.done_by(self._named(Deed(now, operator, Action.ORDER_UNIT, incident_id, unit_id)))

        self._count_all(await self._store.decide_board(incident_id, decision, unit_id=unit_id) or (), before)
        _log.info("%s sent unit %s to incident %s", operator, unit_id, incident_id)

    async def take_back(self, incident_id: IncidentId, order_id: OrderId, operator: str) -> None:
        """A dispatcher takes an order back, and another unit is sent. Raises NotToBeSent."""
        now, crews = self._clock.now(), self._sending.crews
        deed = Deed(now, operator, Action.TAKE_BACK, incident_id, order_id)
        await self._decide(incident_id, lambda s: overriding.take_back(s, order_id, operator, crews, now), deed=deed)
        _log.info("%s took order %s of incident %s back", operator, order_id, incident_id)

    async def receive(self, incident_id: IncidentId, receipt: Receipt, once: Effect) -> Outcome | None:
        """Take a unit's receipt. Raises IllegalTransition if it cannot be true."""
        now, sending = self._clock.now(), self._sending
        decided = await self._decide(
            incident_id,
            lambda s: receiving.receive(s, receipt, sending.crews.of(s.incident), now, sending.positions),
            once,
        )
        passing(Step.DISPATCH_RECEIVED)
        return decided

    async def follow_positions(self, incident_id: IncidentId) -> Outcome | None:
        """Take what a unit's positions say of its order."""
        now, sending = self._clock.now(), self._sending
        return await self._decide(
            incident_id, lambda s: arriving.follow(s, sending.crews.of(s.incident), now, sending.positions)
        )

    async def doubt(self, incident_id: IncidentId, accept_within_s: float) -> Outcome | None:
        """Doubt what was not accepted in time."""
        now, crews = self._clock.now(), self._sending.crews
        decided = await self._decide(
            incident_id, lambda s: dispatch.doubt(s, accept_within_s, crews.of(s.incident), now)
        )
        passing(Step.DISPATCH_DOUBTED)
        return decided

    async def give_up(self, incident_id: IncidentId) -> Outcome | None:
        """Take back what was doubted for too long."""
        now, after_s = self._clock.now(), self._sending.unanswered_after_s
        return await self._decide(incident_id, lambda s: dispatch.give_up(s, after_s, now))

    async def mark_overdue(self, incident_id: IncidentId) -> Outcome | None:
        """Flag a missed response target."""
        now = self._clock.now()
        return await self._decide(incident_id, lambda s: dispatch.mark_overdue(s, now))

    async def escalate(
        self, incident_id: IncidentId, policy: FollowUpPolicy, ways: Ways | None = None
    ) -> Outcome | None:
        """Tell what is late for too long farther up. ``ways``: as whoever found it late knows them."""
        now, way_s = self._clock.now(), (ways or Ways()).way_s

        def decision(situation: Situation) -> Outcome:
            outcome = escalating.escalate(situation, policy, now, way_s)
            if outcome.incident is not None:
                passing(Step.DISPATCH_ESCALATING)
            return outcome

        decided = await self._decide(incident_id, decision)
        if decided is not None and decided.incident is not None:
            passing(Step.DISPATCH_ESCALATED)
        return decided

    async def acknowledge(self, incident_id: IncidentId, operator: str) -> Outcome | None:
        """An operator has taken on what is late."""
        now = self._clock.now()
        deed = Deed(now, operator, Action.ACKNOWLEDGE, incident_id)
        return await self._decide(incident_id, lambda s: escalating.acknowledge(s, operator, now), deed=deed)

    async def remind(self, incident_id: IncidentId, policy: FollowUpPolicy) -> Outcome | None:
        """Ask for feedback once more."""
        now = self._clock.now()
        decided = await self._decide(incident_id, lambda s: escalating.remind(s, policy, now))
        if decided is not None and decided.incident is not None:
            passing(Step.DISPATCH_REMINDED)
        return decided

    async def display(
        self, incident_id: IncidentId, seat: str, at: datetime | None = None, once: Effect | None = None
    ) -> Outcome | None:
        """A screen has shown it."""
        now = self._clock.now()
        return await self._decide(incident_id, lambda s: dispatch.display(s, seat, at or now), once)

    async def confirm(self, incident_id: IncidentId, operator: str) -> Outcome | None:
        """An operator says it is real. What waited for that is sent to a unit."""
        now = self._clock.now()
        was_held = False

        def decision(situation: Situation) -> Outcome:
            nonlocal was_held
            was_held = situation.incident.held_until is not None
            return feedback.confirm(situation, operator, now)

        outcome = await self._decide(incident_id, decision, deed=Deed(now, operator, Action.CONFIRM, incident_id))
        if was_held:
            await self._send_somebody(incident_id)
        return outcome

    async def hold(self, incident_id: IncidentId) -> Outcome | None:
        """Have it wait for a person to confirm it, or close it where nobody did, if that is what the rule says."""
        now = self._clock.now()
        not_held = Outcome(reason="not held")
        confirm = self._sending.confirm
        return await self._decide(incident_id, lambda s: feedback.hold(s, confirm, now) or not_held)

    async def close(
        self,
        incident_id: IncidentId,
        disposition: Disposition,
        operator: str,
        reason: str,
        reason_code: FalseAlarmReason | None = None,
        duplicate_of: IncidentId | None = None,
    ) -> Outcome:
        """Feedback, which may wait for a second person. Raises IllegalTransition if it is closed, NotAsAsked."""
        now, two = self._clock.now(), self._second_person
        said = disposition, f"({reason_code})" if reason_code else "", duplicate_of or "", reason
        original = None if duplicate_of is None else await self._original(duplicate_of)
        outcome = await self._decide(
            incident_id,
            lambda s: feedback.close(s, disposition, operator, reason, now, reason_code, two, original),
            deed=Deed(now, operator, Action.CLOSE, incident_id, " ".join(filter(None, said))),
            led_to=_how_closed,
        )
        return _decided(outcome)

    async def _original(self, incident_id: IncidentId) -> Incident:
        """The incident that another is said to be a duplicate of. Raises NotAsAsked."""
        try:
            return (await self._store.situation(incident_id)).incident
        except KeyError:
            raise NotAsAsked(Objection.ORIGINAL_UNKNOWN, f"there is no incident {incident_id}") from None

    async def withdraw_closing(self, incident_id: IncidentId, operator: str) -> Outcome:
        """The feedback that waits for a second person does not count. Raises NotAsAsked."""
        now = self._clock.now()
        deed = Deed(now, operator, Action.WITHDRAW_CLOSING, incident_id)
        outcome = await self._decide(incident_id, lambda s: feedback.withdraw(s, operator, now), deed=deed)
        _log.info("%s withdrew the closing of incident %s", operator, incident_id)
        return _decided(outcome)

    async def change_level(
        self, incident_id: IncidentId, level: Level, operator: str, reason: str, seen_at: datetime | None = None
    ) -> Outcome:
        """An operator says how urgent it is; more urgent, or held until now, and a unit is sent. Raises NotAsAsked."""
        now, crews = self._clock.now(), self._sending.crews
        before, was_held = level, False

        def decision(situation: Situation) -> Outcome:
            nonlocal before, was_held
            before, was_held = situation.incident.level, situation.incident.held_until is not None
            return feedback.change_level(situation, level, operator, reason, now, crews, seen_at)

        deed = Deed(now, operator, Action.CHANGE_LEVEL, incident_id, f"{level}: {reason}")
        outcome = _decided(await self._decide(incident_id, decision, deed=deed))
        _log.info("%s changed the level of incident %s from %s to %s", operator, incident_id, before, level)
        if was_held or is_more_urgent(level, before):
            await self._send_somebody(incident_id)
        return outcome

    async def note(self, incident_id: IncidentId, operator: str, text: str) -> Outcome:
        """Somebody writes something down about it."""
        now = self._clock.now()
        deed = Deed(now, operator, Action.NOTE, incident_id, text)
        return _decided(await self._decide(incident_id, lambda s: feedback.note(s, operator, text, now), deed=deed))

    async def reopen(self, incident_id: IncidentId, operator: str, reason: str) -> Outcome:
        """Open it again, and see to it that a unit is sent. Raises NotAsAsked."""
        now, crews = self._clock.now(), self._sending.crews
        deed = Deed(now, operator, Action.REOPEN, incident_id, reason)
        decided = await self._decide(incident_id, lambda s: feedback.reopen(s, operator, reason, now, crews), deed=deed)
        outcome = _decided(decided)
        _log.info("%s opened incident %s again", operator, incident_id)
        await self._send_somebody(incident_id)
        return outcome

    async def merge(self, incident_id: IncidentId, other_id: IncidentId, operator: str) -> IncidentId:
        """Make one incident of two, and see to it that a unit is sent. Returns the one that goes on.

        Raises NotTogether.
        """
        now, crews = self._clock.now(), self._sending.crews
        ids = (incident_id,) if incident_id == other_id else (incident_id, other_id)
        deed = Deed(now, operator, Action.MERGE, incident_id, other_id)
        stays, goes = await self._decide_together(
            ids, lambda both: merging.merge(both[0], both[-1], operator, now, crews), deed, lambda both: _id_of(both[0])
        )
        _log.info("%s merged incident %s into %s", operator, goes.id, stays.id)
        await self._send_somebody(stays.id)
        return stays.id

    async def split(self, incident_id: IncidentId, alert_id: AlertId, operator: str) -> IncidentId:
        """Take the camera with this alert out into an incident of its own, and send a unit to that. Returns its id.

        Raises NotTogether.
        """
        now, crews = self._clock.now(), self._sending.crews
        new_id = IncidentId(make_id("I", now, secrets.randbits(48)))
        deed = Deed(now, operator, Action.SPLIT, incident_id, f"{alert_id} -> {new_id}")
        await self._decide_together(
            (incident_id,),
            lambda one: merging.split(one[0], alert_id, new_id, operator, now, crews),
            deed,
            lambda _: new_id,
        )
        _log.info("%s split alert %s out of incident %s into %s", operator, alert_id, incident_id, new_id)
        await self._send_somebody(new_id)
        return new_id

    async def _send_somebody(self, incident_id: IncidentId) -> None:
        """No alert comes through the queue for it any more. Where the store is just away, the follow-up sends."""
        try:
            await self.assign(incident_id)
        except StoreError as error:
            _log.warning("incident %s waits for its unit: %s", incident_id, error)

    async def maintain(self, incident_id: IncidentId, decision: Callable[[Situation], Outcome]) -> Outcome:
        """A decision on cameras to be mended; see domain.maintenance."""
        return _decided(await self._decide(incident_id, decision))

    async def _decide_together(
        self,
        incident_ids: Sequence[IncidentId],
        decision: Callable[[Sequence[Situation]], Sequence[Outcome]],
        deed: Deed,
        led_to: Callable[[Sequence[Outcome]], str],
    ) -> Sequence[Incident]:
        before: Sequence[Situation] = ()

        def remembering(situations: Sequence[Situation]) -> Sequence[Outcome]:
            nonlocal before
            before = situations
            first, *others = decision(situations)
            return first.done_by(self._named(deed, led_to([first, *others]))), *others

        outcomes = await self._store.decide_together(incident_ids, remembering)
        self._count_all(outcomes, before)
        return [outcome.incident for outcome in outcomes if outcome.incident is not None]

    async def _decide(
        self,
        incident_id: IncidentId,
        decision: Callable[[Situation], Outcome],
        once: Effect | None = None,
        deed: Deed | None = None,
        led_to: Callable[[Outcome], str] = lambda _: "",
    ) -> Outcome | None:
        before: Situation | None = None

        def remembering(situation: Situation) -> Outcome:
            nonlocal before
            before = situation
            decided = decision(replace(situation, cause=once.cause if once else None))
            return decided if deed is None else decided.done_by(self._named(deed, led_to(decided)))

        outcome = await self._store.decide(incident_id, remembering, once)
        if outcome is not None:
            self._count(outcome, before)
        return outcome

    def _named(self, deed: Deed, led_to: str = "") -> Deed:
        return replace(deed, request=self._asking.request, source=self._asking.source, led_to=led_to)

    def _count_all(self, outcomes: Sequence[Outcome], before: Sequence[Situation]) -> None:
        known = {situation.incident.id: situation for situation in before}
        for outcome in outcomes:
            self._count(outcome, known.get(outcome.incident.id) if outcome.incident is not None else None)

    def _count(self, outcome: Outcome, before: Situation | None) -> None:
        """``before``: what was decided on; None of what this decision made."""
        metrics = self._metrics.dispatch
        states = {order.id: order.state for order in before.orders} if before is not None else {}
        for order in outcome.orders:
            if order.state is states.get(order.id):  # only what is known of it has changed
                continue
            metrics.orders.labels(order.ring.value, order.state.value).inc()
        incident = outcome.incident
        if incident is None:
            return
        _log.info(
            "incident %s (%s %s): %s [trace %s]",
            incident.id,
            incident.level,
            incident.kind,
            outcome.reason,
            trace_id(incident.id),
        )
        if incident.incident_class is IncidentClass.MAINTENANCE:
            return  # how soon a camera is mended says nothing of how soon units are on scene
        was_overdue = before is not None and before.incident.overdue
        if incident.overdue and not was_overdue:  # a receipt or a closure may be the first to find that
            metrics.overdue.labels(incident.ring.value, incident.level.value).inc()
        stamped = incident.clocks.keys() - (before.incident.clocks.keys() if before is not None else ())
        self._count_stamps(stamped, incident)
        self._count_milestone(outcome.reason, incident)

    def _count_stamps(self, stamped: Collection[ClockName], incident: Incident) -> None:
        """``stamped``: by this decision, so that each is measured once, however many units are on it."""
        for end in stamped:
            if end in _STAGE_ENDS:
                stage, begin = _STAGE_ENDS[end]
                seconds = incident.seconds(begin, end)
                if seconds is not None and _are_of_this_life(incident, begin, end):
                    self._metrics.stages.took(stage, incident.ring, seconds, incident.level)
        arrived = incident.clocks.get(ClockName.ON_SCENE)
        if ClockName.ON_SCENE in stamped and incident.first_on_scene is arrived:  # of all its lives
            metrics, labels = self._metrics.dispatch, (incident.ring.value, incident.level.value)
            metrics.response.labels(*labels).observe(_seconds(incident, ClockName.ACCEPTED, ClockName.ON_SCENE))
            metrics.from_onset.labels(*labels).observe(_seconds(incident, ClockName.BEGAN, ClockName.ON_SCENE))

    def _count_milestone(self, reason: str, incident: Incident) -> None:
        metrics, level = self._metrics.dispatch, incident.level.value
        if reason == "closed" and incident.disposition is not None:
            metrics.closed.labels(incident.disposition.value).inc()
        elif reason == "escalated" and incident.escalation is not None:
            metrics.escalations.labels(level, incident.escalation.step.value).inc()
        elif reason == "reminded":
            metrics.reminders.labels(level).inc()


def _why_nobody(incident: Incident) -> str:
    return "no unit for maintenance" if incident.due_at is None else "already under way"


def _order_id(now: datetime) -> OrderId:
    return OrderId(make_id("O", now, secrets.randbits(48)))


def _id_of(outcome: Outcome) -> str:
    return outcome.incident.id if outcome.incident is not None else ""


def _how_closed(outcome: Outcome) -> str:
    """What came of feedback, as a deed says it."""
    return CLOSED if outcome.incident is not None and not outcome.incident.is_open else CLOSING_ASKED


def _decided(outcome: Outcome | None) -> Outcome:
    assert outcome is not None  # only an effect that was stored before gives none
    return outcome


def _are_of_this_life(incident: Incident, *names: ClockName) -> bool:
    """Whether all of these were stamped since it was opened, or opened again: what was before is counted already."""
    return all(incident.stamp_in_life(name) is not None for name in names)


def _seconds(incident: Incident, begin: ClockName, end: ClockName) -> float:
    """Never less than 0: a terminal's clock may be behind ours, and a histogram's sum must not fall."""
    return max(0.0, incident.seconds(begin, end) or 0.0)
