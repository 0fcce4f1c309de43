"""Overriding (人工派警): a dispatcher sends a unit, or takes one back. That wins over every choice, and is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from patrol.domain.board import Board, Crews, changed, first_if_late, guessed, lost_by, missing, wanting
from patrol.domain.dispatch import Duty, Outcome, Situation, freed, in_state_of, told, with_orders
from patrol.domain.errors import NotToBeSent, Unsendable
from patrol.domain.incidents import Incident, IncidentId, IncidentState, OrderId
from patrol.domain.messages import Message, recall_message
from patrol.domain.orders import Candidate, Order, OrderState
from patrol.domain.shortfalls import Shortfall, ShortfallReason, clock_text, shortfall
from patrol.domain.units import UnitId, UnitKind, UnitState
from patrol.domain.ways import Ways

OVERRIDDEN = "overridden"


def send_unit(
    board: Board,
    incident_id: IncidentId,
    unit_id: UnitId,
    order_id: OrderId,
    operator: str,
    ways: Ways,
    crews: Crews,
    now: datetime,
    seen_at: datetime | None = None,
) -> tuple[Outcome, ...]:
    """Send this unit, whatever else it was ordered to do before it was on scene. Raises NotToBeSent.

    Who is on the way already stays on the way; take back whoever is not needed. ``seen_at``: when the room was as the
    dispatcher saw it: what another one has ordered since is not undone unseen.
    """
    situation = board.of(incident_id)
    duty = _duty_of(situation, unit_id)
    _check(situation, duty)
    losing = [each for each in board.situations if any(order.unit_id == unit_id for order in each.open_orders)]
    if any(
        order.state is OrderState.ON_SCENE for each in losing for order in each.open_orders if order.unit_id == unit_id
    ):
        raise NotToBeSent(Unsendable.ON_SCENE, f"unit {unit_id} is on scene of incident {losing[0].incident.id}")
    _check_seen(losing, unit_id, operator, seen_at)
    order = _order(order_id, situation, duty, operator, ways, now)
    outcomes = [changed(each, lost_by(each, [unit_id]), [], crews, now, OVERRIDDEN) for each in losing]
    found = _what_is_short(situation, order, crews, now)
    return (*outcomes, changed(situation, [], [order], crews, now, OVERRIDDEN, found))


def take_back(situation: Situation, order_id: OrderId, operator: str, crews: Crews, now: datetime) -> Outcome:
    """Take an order back whose unit is not on scene yet. Another unit may be sent then. Raises NotToBeSent."""
    order = next((order for order in situation.open_orders if order.id == order_id), None)
    if order is None:
        by = next((order.recalled_by for order in situation.orders if order.id == order_id), None)
        no_order = f"incident {situation.incident.id} has no open order {order_id}"
        raise NotToBeSent(Unsendable.NO_SUCH_ORDER, no_order, by)
    if order.state is OrderState.ON_SCENE:
        raise NotToBeSent(Unsendable.ON_SCENE, f"unit {order.unit_id} is on scene of incident {situation.incident.id}")
    ended = replace(order, state=OrderState.RECALLED, recalled_by=operator)
    after = with_orders(situation, (ended,))
    incident = wanting(after, in_state_of(situation.incident, after.of_this_life), crews)
    return told(
        Outcome(incident=incident, orders=(ended,), duties=freed(situation, (ended,), now), reason="taken back"),
        now,
        (partial(_recall, ended, now),),
    )


def _check_seen(losing: Sequence[Situation], unit_id: UnitId, operator: str, seen_at: datetime | None) -> None:
    for each in losing:
        for order in each.open_orders:
            is_anothers = order.ordered_by is not None and order.ordered_by != operator
            if order.unit_id == unit_id and is_anothers and seen_at is not None and order.sent_at > seen_at:
                sent = f"unit {unit_id} was just sent to incident {each.incident.id}"
                raise NotToBeSent(Unsendable.OVERTAKEN, sent, order.ordered_by)


def _duty_of(situation: Situation, unit_id: UnitId) -> Duty:
    duty = situation.duty_of(unit_id)
    if duty is None:
        raise NotToBeSent(Unsendable.NO_SUCH_UNIT, f"there is no unit {unit_id}")
    return duty


def _check(situation: Situation, duty: Duty) -> None:
    incident, unit_id = situation.incident, duty.unit.id
    if incident.due_at is None or incident.state in (IncidentState.HANDLED, IncidentState.CLOSED):
        not_wanted = f"incident {incident.id} wants no unit: it is {incident.state}"
        raise NotToBeSent(Unsendable.NOT_WANTED, not_wanted, incident.closed_by)
    if duty.unit.simulated != incident.simulated:
        raise NotToBeSent(
            Unsendable.NOT_ALIKE, f"incident {incident.id} and unit {unit_id}: real and simulated never mix"
        )
    if duty.state is UnitState.OUT_OF_SERVICE:
        raise NotToBeSent(Unsendable.OUT_OF_SERVICE, f"unit {unit_id} is out of service")
    for order in situation.open_orders:
        if order.unit_id == unit_id:
            there = f"unit {unit_id} is ordered to incident {incident.id} already"
            raise NotToBeSent(Unsendable.THERE_ALREADY, there, order.ordered_by)


def _order(order_id: OrderId, situation: Situation, duty: Duty, operator: str, ways: Ways, now: datetime) -> Order:
    incident = situation.incident
    eta_s = ways.travel_s(duty, incident.place)
    guessed_zh, guessed_en = guessed(ways.way(duty, incident.place))
    assert incident.due_at is not None
    return Order(
        id=order_id,
        incident_id=incident.id,
        unit_id=duty.unit.id,
        ring=incident.ring,
        destination=incident.place,
        state=OrderState.SENT,
        sent_at=now,
        eta_s=eta_s,
        target_feasible=eta_s <= (incident.due_at - now).total_seconds(),
        why_zh=f"由 {operator} 指定，预计 {clock_text(eta_s)} 后到场{guessed_zh}",
        why_en=f"chosen by {operator}: there in {clock_text(eta_s)}{guessed_en}",
        candidates=(Candidate(duty.unit.id, eta_s, None), *_others_weighed(situation, duty.unit.id)),
        is_drone=duty.unit.kind is UnitKind.DRONE_GROUP,
        life=incident.life,
        ordered_by=operator,
    )


def _others_weighed(situation: Situation, unit_id: UnitId) -> tuple[Candidate, ...]:
    """All but this one, as the last order of this life had them: who sends by hand weighs nobody anew, and may yet
    want another."""
    last = max(situation.of_this_life, key=lambda order: order.sent_at, default=None)
    return () if last is None else tuple(one for one in last.candidates if one.unit_id != unit_id)


def _what_is_short(situation: Situation, order: Order, crews: Crews, now: datetime) -> Shortfall | None:
    """What was told, while more are missing than the dispatcher sends; else whether all that go are late."""
    incident = situation.incident
    if order.is_drone or missing(situation, crews) > 1 or incident.due_at is None:
        return incident.shortfall
    soonest = first_if_late(with_orders(situation, (order,)), incident, now)
    return None if soonest is None else shortfall(ShortfallReason.NOBODY_IN_TIME, 0, now, soonest)


def _recall(order: Order, now: datetime, incident: Incident) -> Message:
    return recall_message(order, incident, OVERRIDDEN, now)
