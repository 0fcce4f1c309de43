"""Receiving (回执): what every receipt for an order changes. A late one moves nothing back.

Where a unit says with it that it is, is judged as any other position is (fixes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from patrol.domain.arriving import is_elsewhere
from patrol.domain.dispatch import (
    UNIT_CLOCK_AHEAD,
    Duty,
    Outcome,
    Situation,
    advance,
    freed,
    in_order_state,
    in_state_of,
    short_of,
    told,
    with_orders,
)
from patrol.domain.fixes import USUAL, FixSettings, placed_by_receipt
from patrol.domain.incidents import ClockName, is_overdue
from patrol.domain.orders import PROGRESS, Order, OrderState, Receipt, ReceiptKind
from patrol.domain.vocabulary import Place

_NEXT_STATE: Mapping[ReceiptKind, tuple[OrderState, ClockName]] = {
    ReceiptKind.ACCEPTED: (OrderState.ACCEPTED, ClockName.UNIT_ACCEPTED),
    ReceiptKind.EN_ROUTE: (OrderState.EN_ROUTE, ClockName.MOVING),
    ReceiptKind.ON_SCENE: (OrderState.ON_SCENE, ClockName.ON_SCENE),
    ReceiptKind.DONE: (OrderState.DONE, ClockName.HANDLED),
}


def receive(
    situation: Situation, receipt: Receipt, crews_wanted: int, now: datetime, positions: FixSettings = USUAL
) -> Outcome:
    """Take a unit's receipt for its order. A late one moves nothing back, one for an order that is over moves nothing.

    ``crews_wanted``: once so many have accepted, whoever has not answered yet is called back. ``positions``: when where
    it says that it is is not believed. Raises IllegalTransition.
    """
    order = next((order for order in situation.orders if order.id == receipt.subject_id), None)
    if order is None:
        return Outcome(reason="unknown order")
    situation, only_placed = _placed(situation, order, receipt, now, positions)
    if order.life != situation.incident.life:
        return only_placed
    if receipt.kind in _NEXT_STATE and _came_late(order, receipt):
        return _late(situation, order, receipt, only_placed, now)
    if not order.is_open:
        return only_placed
    if receipt.kind is ReceiptKind.REJECTED and order.state is not OrderState.ON_SCENE:
        return _reject(situation, order, receipt, crews_wanted, now)
    if receipt.kind is ReceiptKind.RECEIVED and order.received_at is None:
        received = replace(order, received_at=_when(receipt, order, now)[0])
        return replace(only_placed, orders=(received,), reason="received")
    if receipt.kind not in _NEXT_STATE:
        return only_placed
    if receipt.kind is ReceiptKind.ON_SCENE:
        at, _ = _when(receipt, order, now)
        if is_elsewhere(order, situation.duty_of(order.unit_id), at, positions):
            return replace(only_placed, orders=(replace(order, pressed_at=at),), reason="pressed elsewhere")
    return _go_on(situation, order, receipt, crews_wanted, now)


def _placed(
    situation: Situation, order: Order, receipt: Receipt, now: datetime, positions: FixSettings
) -> tuple[Situation, Outcome]:
    """The situation with the order's unit where it says that it is, and what comes of that alone."""
    before = situation.duty_of(order.unit_id)
    if before is None or receipt.place is None:
        return situation, Outcome(reason="late receipt")
    duty = placed_by_receipt(before, receipt.place, receipt.at, now, positions)
    if duty is before:
        return situation, Outcome(reason="late receipt")
    duties = tuple(duty if each is before else each for each in situation.duties)
    return replace(situation, duties=duties), Outcome(duties=(duty,), reason="position")


def _go_on(situation: Situation, order: Order, receipt: Receipt, crews_wanted: int, now: datetime) -> Outcome:
    order_state, clock = _NEXT_STATE[receipt.kind]
    at, source = _when(receipt, order, now)
    duty = situation.duty_of(order.unit_id)
    further = replace(order, state=order_state, accepted_at=order.accepted_at or at)
    if receipt.kind is ReceiptKind.ACCEPTED:
        further = replace(further, accepted_from=None if duty is None else _known_place(duty, at))
    if receipt.kind is ReceiptKind.EN_ROUTE:
        further = replace(further, set_out_at=at)
    if receipt.kind is ReceiptKind.ON_SCENE:
        further = replace(further, pressed_at=at)
    duty = None if duty is None else in_order_state(duty, further, now)
    return advance(situation, further, duty, (clock, at, source), crews_wanted, now)


def _came_late(order: Order, receipt: Receipt) -> bool:
    """Whether the order was already as far, or farther, when this receipt came."""
    return order.state in PROGRESS and PROGRESS[_NEXT_STATE[receipt.kind][0]] <= PROGRESS[order.state]


def _late(situation: Situation, order: Order, receipt: Receipt, only_placed: Outcome, now: datetime) -> Outcome:
    """A receipt that was overtaken: it moves nothing, but a timestamp that only it knows is kept."""
    clock = _NEXT_STATE[receipt.kind][1]
    incident, moved = situation.incident, only_placed
    if receipt.kind is ReceiptKind.ON_SCENE and order.pressed_at is None:  # its position was sooner
        moved = replace(moved, orders=(replace(order, pressed_at=_when(receipt, order, now)[0]),), reason="pressed")
    if clock in incident.clocks or not incident.is_open or order.is_drone:
        return moved
    stamped = incident.stamped(clock, *_when(receipt, order, now))
    stamped = replace(stamped, overdue=is_overdue(stamped, now))
    return told(replace(moved, incident=stamped, reason="late timestamp"), now, cause=situation.cause)


def _when(receipt: Receipt, order: Order, now: datetime) -> tuple[datetime, str]:
    """When a unit says it was, and the source; when its receipt came, if its clock cannot be right."""
    if order.sent_at <= receipt.at <= now + UNIT_CLOCK_AHEAD:
        return receipt.at, f"unit {order.unit_id}"
    return now, f"unit {order.unit_id}, on arrival of its receipt (its clock is off)"


def _known_place(duty: Duty, at: datetime) -> Place | None:
    """Where it was then, if a position says so that was new."""
    return duty.place if duty.has_new_fix(at) else None


def _reject(situation: Situation, order: Order, receipt: Receipt, crews_wanted: int, now: datetime) -> Outcome:
    ended = replace(order, state=OrderState.REJECTED, declined_why=receipt.reason_code)
    after = with_orders(situation, (ended,))
    return told(
        Outcome(
            incident=short_of(in_state_of(situation.incident, after.of_this_life), after, crews_wanted),
            orders=(ended,),
            duties=freed(situation, (ended,), now),
            reason=ended.state.value,
        ),
        now,
        cause=situation.cause,
    )
