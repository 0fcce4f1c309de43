"""The orders of an incident that is made again from its messages, and what the units do by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from patrol.domain.dispatch import Duty
from patrol.domain.incidents import ClockName, Incident, IncidentState, OrderId
from patrol.domain.orders import Order, OrderState
from patrol.domain.reading_back import order_of
from patrol.domain.told_messages import Told
from patrol.domain.units import UnitId, UnitState

_DOES: Mapping[OrderState, UnitState] = {
    OrderState.SENT: UnitState.ASSIGNED,
    OrderState.DOUBTED: UnitState.ASSIGNED,
    OrderState.ACCEPTED: UnitState.ASSIGNED,
    OrderState.EN_ROUTE: UnitState.EN_ROUTE,
    OrderState.ON_SCENE: UnitState.ON_SCENE,
}
# Where the last order of an incident stands that was not taken back, by where the incident stands.
_LAST_ORDER: Mapping[IncidentState, OrderState] = {
    IncidentState.NEW: OrderState.REJECTED,
    IncidentState.ORDERED: OrderState.SENT,
    IncidentState.ACCEPTED: OrderState.ACCEPTED,
    IncidentState.EN_ROUTE: OrderState.EN_ROUTE,
    IncidentState.ON_SCENE: OrderState.ON_SCENE,
    IncidentState.HANDLED: OrderState.DONE,
    IncidentState.CLOSED: OrderState.DONE,
}


def duties_after(orders: Sequence[Order], duties: Sequence[Duty]) -> tuple[Duty, ...]:
    """What the units do, by orders that were made again; those that change."""
    newest = {order.unit_id: order for order in sorted(orders, key=lambda order: order.sent_at) if order.is_open}
    ended = {order.id for order in orders if not order.is_open}
    changed = []
    for duty in duties:
        order = newest.get(duty.unit.id)
        if order is not None:
            changed.append(replace(duty, state=_DOES[order.state], order_id=order.id))
        elif duty.order_id in ended:
            changed.append(replace(duty, state=UnitState.AVAILABLE, order_id=None))
    return tuple(changed)


def the_busy_one(orders: Sequence[Order]) -> frozenset[OrderId]:
    """The open orders that keep their units busy: one a unit, the one that was sent last."""
    newest: dict[UnitId, Order] = {}
    for order in sorted(orders, key=lambda order: order.sent_at):
        if order.is_open:
            newest[order.unit_id] = order
    return frozenset(order.id for order in newest.values())


def recovered_orders(told_of: Told, stored: Sequence[Order], incident: Incident) -> tuple[Order, ...]:
    """All its orders, oldest first, those that were told included, each where it stands by the newest state."""
    orders = {str(order.id): order for order in stored}
    for order_id, envelope in told_of.orders.items():
        orders.setdefault(order_id, order_of(envelope, incident))
    in_order = sorted(orders.values(), key=lambda order: order.sent_at)
    crews = [order for order in in_order if not order.is_drone]
    standing = [order for order in crews if order.is_open and order.id not in told_of.recalled]
    return tuple(_placed(order, standing, told_of, incident) for order in in_order)


def _placed(order: Order, standing: Sequence[Order], told_of: Told, incident: Incident) -> Order:
    if not order.is_open:  # as the store has it
        return order
    listed = next((line.state for line in incident.orders if line.id == order.id), None)
    if listed is not None:
        return replace(order, state=listed)
    reason = told_of.recalled.get(order.id)
    if reason is not None:
        return replace(order, state=OrderState.EXPIRED if reason == "expired" else OrderState.RECALLED)
    if not incident.is_of_this_life(order.sent_at):  # had it not been done, closing would have called it back
        return replace(order, state=OrderState.DONE)
    never_done = incident.state is IncidentState.CLOSED and ClockName.HANDLED not in incident.clocks
    if order.is_drone:  # the state of its incident says nothing of it
        return order if incident.is_open else replace(order, state=OrderState.RECALLED)
    if order is standing[-1] and not never_done:
        return replace(order, state=_LAST_ORDER[incident.state])
    return replace(order, state=OrderState.REJECTED)  # the one way to end without a recall
