"""Dispatch: who is sent, and what every receipt, refusal and silence changes.

Each function decides on one ``Situation`` and returns an ``Outcome``; the store applies it in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from patrol.domain.camera import Place, RingName
from patrol.domain.errors import IllegalTransition
from patrol.domain.incidents import (
    ClockName,
    Disposition,
    Incident,
    IncidentState,
    OrderId,
    is_overdue,
)
from patrol.domain.messages import Message, incident_message, order_message, recall_message
from patrol.domain.orders import PROGRESS, Candidate, Order, OrderState, Receipt, ReceiptKind
from patrol.domain.units import ASSIGNABLE, ON_AN_ORDER, UNIT_TRANSITIONS, Unit, UnitId, UnitState, is_on_shift

# Streets are longer than straight lines: a circuity of 1.3 is the usual figure for city streets
# (Giacomin and Levinson 2015, "Road network circuity in metropolitan areas", 1.2 to 1.4).
DETOUR_FACTOR = 1.3

# Clocks of terminals differ a little; one that is farther ahead is not believed.
UNIT_CLOCK_AHEAD = timedelta(seconds=2)

AT_HOME_M = 50.0  # as near as a terminal in a street with high houses can tell

MessageFor = Callable[[Incident], Message]


@dataclass(frozen=True, slots=True)
class Duty:
    """A unit as it is now: what it does, where it was last, for which order.

    ``place``, ``fix_at``: the last position, from wherever; ``accuracy_m``: of the last that it sent by itself.
    ``had_fix``: it has sent positions by itself, not only with receipts. ``fix_id``: the position looked at last.
    ``jumped_to``, ``jumped_at``: one too far away to be believed, until a second agrees with it (fixes.py).
    ``returning_since``: while it is. ``told_on_shift``: an operator has set its state, while its shift held or did
    not; that stands until the shift is another (duties.py).
    """

    unit: Unit
    state: UnitState = UnitState.AVAILABLE
    place: Place | None = None
    fix_at: datetime | None = None
    order_id: OrderId | None = None
    accuracy_m: float | None = None
    had_fix: bool = False
    fix_id: str | None = None
    jumped_to: Place | None = None
    jumped_at: datetime | None = None
    returning_since: datetime | None = None
    told_on_shift: bool | None = None

    @property
    def where(self) -> Place:
        """Its last known position, else its home post."""
        return self.place or self.unit.home

    @property
    def is_free(self) -> bool:
        """It may be sent: it waits, or is on its way back."""
        return self.state in ASSIGNABLE

    @property
    def is_on_order(self) -> bool:
        """It was sent, and is not done."""
        return self.order_id is not None or self.state in ON_AN_ORDER

    @property
    def is_home(self) -> bool:
        """It stands at its home post, as far as anybody knows."""
        return self.where.distance_m(self.unit.home) <= AT_HOME_M

    def to(self, state: UnitState) -> Duty:
        """This duty in ``state``. Raises IllegalTransition if the table does not hold that step."""
        if state not in UNIT_TRANSITIONS[self.state]:
            raise IllegalTransition(f"unit {self.unit.id}: {self.state} -> {state}")
        return replace(self, state=state, returning_since=None)

    def released(self, now: datetime) -> Duty:
        """As it is once its order is over: off duty if its shift is, available if it stands at home, else returning.

        One that an operator keeps on duty after its shift stays on duty.
        """
        freed = replace(self, order_id=None)
        if self.state not in ON_AN_ORDER:
            return freed
        if not is_on_shift(self.unit, now) and self.told_on_shift is not False:
            return freed.to(UnitState.OFF_DUTY)
        if self.is_home:
            return freed.to(UnitState.AVAILABLE)
        return replace(freed.to(UnitState.RETURNING), returning_since=now)

    def placed_as(self, other: Duty) -> Duty:
        """This duty, with the position of another look at the same unit, and nothing else of it."""
        return replace(
            self,
            place=other.place,
            fix_at=other.fix_at,
            accuracy_m=other.accuracy_m,
            had_fix=other.had_fix,
            fix_id=other.fix_id,
            jumped_to=other.jumped_to,
            jumped_at=other.jumped_at,
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision on one incident looks at. ``orders``: all of this incident, oldest first.

    ``cause``: the id of the message that asks for the decision; None where a person or a clock does.
    """

    incident: Incident
    orders: tuple[Order, ...]
    duties: tuple[Duty, ...]
    cause: str | None = None

    def duty_of(self, unit_id: UnitId) -> Duty | None:
        """The duty of one unit."""
        return next((duty for duty in self.duties if duty.unit.id == unit_id), None)

    @property
    def open_order(self) -> Order | None:
        """The order that a unit still has to do with."""
        return next((order for order in self.orders if order.is_open), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision changes, all at once; only what differs is listed. ``reason``: why, for log and metric."""

    incident: Incident | None = None
    orders: tuple[Order, ...] = ()
    duties: tuple[Duty, ...] = ()
    messages: tuple[Message, ...] = ()
    reason: str = "nothing to do"


def travel_time_s(duty: Duty, destination: Place) -> float:
    """Expected seconds from being ordered to being there: mobilisation, then the way at the unit's speed."""
    way_m = duty.where.distance_m(destination) * DETOUR_FACTOR
    return duty.unit.mobilise_s + way_m / duty.unit.speed_m_s


def weigh(situation: Situation, ring: RingName) -> tuple[Candidate, ...]:
    """All units for this incident, the soonest first; those that cannot go come last, with the reason.

    A simulated incident never moves a real unit, and a simulated unit helps nobody.
    A unit that refused is not asked again, unless another camera has told of something red since; one that let this
    incident's order expire only after all others.
    """
    incident = situation.incident
    since = incident.urged_at
    tried = {order.unit_id: order.state for order in situation.orders if since is None or order.sent_at >= since}
    weighed = [_candidate(duty, incident.place, ring, tried, incident.simulated) for duty in situation.duties]
    return tuple(sorted(weighed, key=lambda c: (c.eta_s is None, c.unit_id in tried, c.eta_s or 0.0, c.unit_id)))


def anyone_free(situation: Situation) -> bool:
    """Whether there is a unit that could go now."""
    return any(candidate.eta_s is not None for candidate in weigh(situation, situation.incident.ring))


def _candidate(
    duty: Duty, destination: Place, ring: RingName, tried: Mapping[UnitId, OrderState], simulated: bool
) -> Candidate:
    unit = duty.unit
    if unit.simulated != simulated:
        return Candidate(unit.id, None, "simulated" if unit.simulated else "not_simulated")
    if ring not in unit.rings:
        return Candidate(unit.id, None, "other_ring")
    if tried.get(unit.id) is OrderState.REJECTED:
        return Candidate(unit.id, None, "order_rejected")
    if duty.state is not UnitState.AVAILABLE:
        return Candidate(unit.id, None, f"unit_{duty.state}")
    return Candidate(unit.id, travel_time_s(duty, destination), None)


def assign(situation: Situation, order_id: OrderId, now: datetime) -> Outcome:
    """Send the unit that is there soonest, unless one is on its way already, nobody can go or none is wanted."""
    incident = situation.incident
    if incident.due_at is None:
        return Outcome(reason="no unit for maintenance")
    if incident.state is not IncidentState.NEW or situation.open_order is not None:
        return Outcome(reason="already under way")
    candidates = weigh(situation, incident.ring)
    best = candidates[0] if candidates else None
    if best is None or best.eta_s is None:
        return Outcome(reason="no unit free")
    duty = situation.duty_of(best.unit_id)
    assert duty is not None
    order = _order(order_id, incident, duty, best.eta_s, (incident.due_at - now).total_seconds(), candidates, now)
    changed = incident.to(IncidentState.ORDERED).stamped(ClockName.ORDER_SENT, now, "dispatch")
    return told(
        Outcome(
            incident=changed,
            orders=(order,),
            duties=(replace(duty, state=UnitState.ASSIGNED, order_id=order.id),),
            reason="ordered",
        ),
        now,
        (lambda changed: order_message(order, changed, now, situation.cause),),
        cause=situation.cause,
    )


def _order(
    order_id: OrderId,
    incident: Incident,
    duty: Duty,
    eta_s: float,
    left_s: float,
    candidates: tuple[Candidate, ...],
    now: datetime,
) -> Order:
    free = sum(candidate.eta_s is not None for candidate in candidates)
    late_zh = "" if eta_s <= left_s else f"；预计超时 {eta_s - left_s:.0f} 秒"
    late_en = "" if eta_s <= left_s else f"; expected {eta_s - left_s:.0f} s late"
    return Order(
        id=order_id,
        incident_id=incident.id,
        unit_id=duty.unit.id,
        ring=incident.ring,
        destination=incident.place,
        state=OrderState.SENT,
        sent_at=now,
        eta_s=eta_s,
        target_feasible=eta_s <= left_s,
        why_zh=f"{free} 个空闲警力中最快：{eta_s:.0f} 秒{late_zh}",
        why_en=f"soonest of {free} free units: {eta_s:.0f} s{late_en}",
        candidates=candidates,
    )


_NEXT_STATE: Mapping[ReceiptKind, tuple[OrderState, IncidentState, ClockName]] = {
    ReceiptKind.ACCEPTED: (OrderState.ACCEPTED, IncidentState.ACCEPTED, ClockName.UNIT_ACCEPTED),
    ReceiptKind.EN_ROUTE: (OrderState.EN_ROUTE, IncidentState.EN_ROUTE, ClockName.MOVING),
    ReceiptKind.ON_SCENE: (OrderState.ON_SCENE, IncidentState.ON_SCENE, ClockName.ON_SCENE),
    ReceiptKind.DONE: (OrderState.DONE, IncidentState.HANDLED, ClockName.HANDLED),
}

_DUTY_STATE: Mapping[OrderState, UnitState] = {
    OrderState.ACCEPTED: UnitState.ASSIGNED,
    OrderState.EN_ROUTE: UnitState.EN_ROUTE,
    OrderState.ON_SCENE: UnitState.ON_SCENE,
}


def receive(situation: Situation, receipt: Receipt, now: datetime) -> Outcome:
    """Take a unit's receipt for its order. A late one moves nothing back; one for a dead order calls it back."""
    order = next((order for order in situation.orders if order.id == receipt.subject_id), None)
    if order is None:
        return Outcome(reason="unknown order")
    if receipt.kind in _NEXT_STATE and _came_late(order, receipt):
        return _late(situation, order, receipt, now)
    if not order.is_open:
        return _position_only(situation, order, receipt)
    if receipt.kind is ReceiptKind.REJECTED and order.state is not OrderState.ON_SCENE:
        return _give_up(situation, order, OrderState.REJECTED, UnitState.AVAILABLE, receipt.place, now)
    if receipt.kind not in _NEXT_STATE:
        return _position_only(situation, order, receipt)
    order_state, incident_state, clock = _NEXT_STATE[receipt.kind]
    incident = situation.incident.to(incident_state).stamped(clock, *_when(receipt, order, now))
    incident = replace(incident, overdue=is_overdue(incident, now))
    duty = situation.duty_of(order.unit_id)
    return told(
        Outcome(
            incident=incident,
            orders=(replace(order, state=order_state),),
            duties=(_moved(duty, order_state, receipt),) if duty else (),
            reason=receipt.kind.value,
        ),
        now,
        cause=situation.cause,
    )


def _came_late(order: Order, receipt: Receipt) -> bool:
    """Whether the order was already as far, or farther, when this receipt came."""
    return order.state in PROGRESS and PROGRESS[_NEXT_STATE[receipt.kind][0]] <= PROGRESS[order.state]


def _late(situation: Situation, order: Order, receipt: Receipt, now: datetime) -> Outcome:
    """A receipt that was overtaken: it moves nothing, but a timestamp that only it knows is kept."""
    clock = _NEXT_STATE[receipt.kind][2]
    incident = situation.incident
    moved = _position_only(situation, order, receipt)
    if clock in incident.clocks or not incident.is_open:
        return moved
    stamped = incident.stamped(clock, *_when(receipt, order, now))
    stamped = replace(stamped, overdue=is_overdue(stamped, now))
    return told(replace(moved, incident=stamped, reason="late timestamp"), now, cause=situation.cause)


def _when(receipt: Receipt, order: Order, now: datetime) -> tuple[datetime, str]:
    """When a unit says it was, and the source; when its receipt came, if its clock cannot be right."""
    if order.sent_at <= receipt.at <= now + UNIT_CLOCK_AHEAD:
        return receipt.at, f"unit {order.unit_id}"
    return now, f"unit {order.unit_id}, on arrival of its receipt (its clock is off)"


def _moved(duty: Duty, state: OrderState, receipt: Receipt) -> Duty:
    done = state is OrderState.DONE
    return replace(
        duty,
        state=UnitState.AVAILABLE if done else _DUTY_STATE[state],
        order_id=None if done else duty.order_id,
        place=receipt.place or duty.place,
        fix_at=receipt.at if receipt.place else duty.fix_at,
    )


def _position_only(situation: Situation, order: Order, receipt: Receipt) -> Outcome:
    duty = situation.duty_of(order.unit_id)
    if duty is None or receipt.place is None or (duty.fix_at is not None and receipt.at <= duty.fix_at):
        return Outcome(reason="late receipt")
    return Outcome(duties=(replace(duty, place=receipt.place, fix_at=receipt.at),), reason="position")


def expire(situation: Situation, accept_within_s: float, now: datetime) -> Outcome:
    """Take an order back that its unit has not accepted in time, so that the next best unit can be sent."""
    order = situation.open_order
    if order is None or order.state is not OrderState.SENT:
        return Outcome(reason="nothing waits")
    if now < order.sent_at + timedelta(seconds=accept_within_s):
        return Outcome(reason="still in time")
    return _give_up(situation, order, OrderState.EXPIRED, UnitState.AVAILABLE, None, now)


def _give_up(
    situation: Situation,
    order: Order,
    order_state: OrderState,
    unit_state: UnitState,
    place: Place | None,
    now: datetime,
) -> Outcome:
    duty = situation.duty_of(order.unit_id)
    freed = (replace(duty, state=unit_state, order_id=None, place=place or duty.place),) if duty else ()
    ended = replace(order, state=order_state)
    return told(
        Outcome(
            incident=situation.incident.to(IncidentState.NEW),
            orders=(ended,),
            duties=freed,
            reason=order_state.value,
        ),
        now,
        () if order_state is OrderState.REJECTED else (lambda changed: recall_message(ended, changed, "expired", now),),
        cause=situation.cause,
    )


def mark_overdue(situation: Situation, now: datetime) -> Outcome:
    """Flag an incident whose response target has passed with no unit on scene; once."""
    incident = situation.incident
    if incident.overdue or not is_overdue(incident, now):
        return Outcome(reason="not overdue")
    return told(Outcome(incident=replace(incident, overdue=True), reason="overdue"), now)


def display(situation: Situation, seat: str, now: datetime) -> Outcome:
    """A person's screen has shown the incident (t4); later seats change nothing."""
    incident = situation.incident.stamped(ClockName.DISPLAYED, now, seat)
    if incident is situation.incident:
        return Outcome(reason="already displayed")
    return told(Outcome(incident=incident, reason="displayed"), now, cause=situation.cause)


def confirm(situation: Situation, operator: str, now: datetime) -> Outcome:
    """An operator looked and says it is real (t5). Verification runs beside dispatch, never before it."""
    incident = situation.incident.stamped(ClockName.CONFIRMED, now, operator)
    if incident is situation.incident or not situation.incident.is_open:
        return Outcome(reason="already confirmed")
    return told(Outcome(incident=incident, reason="confirmed"), now)


def close(situation: Situation, disposition: Disposition, operator: str, reason: str, now: datetime) -> Outcome:
    """Close with feedback. Units still on their way are called back. Raises IllegalTransition if closed already.

    A drill is closed as one, whatever was said.
    """
    incident = situation.incident.to(IncidentState.CLOSED)
    disposition = Disposition.DRILL if incident.drill else disposition
    incident = incident.stamped(ClockName.FEEDBACK, now, operator).stamped(ClockName.CLOSED, now, operator)
    incident = replace(
        incident,
        disposition=disposition,
        closed_by=operator,
        reason=reason,
        overdue=is_overdue(situation.incident, now),
    )
    recalled, freed = called_back(situation)
    return told(
        Outcome(incident=incident, orders=recalled, duties=freed, reason="closed"),
        now,
        tuple(partial(_recall, order, disposition, now) for order in recalled),
    )


def _recall(order: Order, disposition: Disposition, now: datetime, incident: Incident) -> Message:
    return recall_message(order, incident, disposition.value, now)


def told(outcome: Outcome, now: datetime, more: Sequence[MessageFor] = (), cause: str | None = None) -> Outcome:
    """The outcome with its messages: each takes the incident's next sequence number. ``cause``: see Situation."""
    assert outcome.incident is not None
    incident = outcome.incident
    messages: list[Message] = []
    tell_state: MessageFor = partial(_state, now, cause)
    for message_for in (tell_state, *more):
        incident = replace(incident, sequence=incident.sequence + 1)
        messages.append(message_for(incident))
    return replace(outcome, incident=incident, messages=tuple(messages))


def _state(now: datetime, cause: str | None, incident: Incident) -> Message:
    return incident_message(incident, now, cause)


def called_back(situation: Situation) -> tuple[tuple[Order, ...], tuple[Duty, ...]]:
    """The open orders as they are once they are taken back, and the units that are free then."""
    recalled = tuple(replace(order, state=OrderState.RECALLED) for order in situation.orders if order.is_open)
    duties = (situation.duty_of(order.unit_id) for order in recalled)
    return recalled, tuple(replace(duty, state=UnitState.AVAILABLE, order_id=None) for duty in duties if duty)
