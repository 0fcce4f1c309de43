"""Arriving (到场判定): what a unit's positions say of its order, beside what its crew says with a button.

Where positions are known, they tell when a unit is on scene (t9): crews forget the button, or press it on the way. What
the button said stays with the order. Where a new position says that the unit is far away, that is all that becomes of
it: no clock stops before the unit is there, by its positions, or presses again when there are none. Positions are
looked at once a second, and stored once a second: t9 is the time of the first one that was seen within the radius,
which may be up to 2 s after the first one that was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from patrol.domain.dispatch import UNIT_CLOCK_AHEAD, Duty, Outcome, Situation, advance, in_order_state, told
from patrol.domain.fixes import FixSettings
from patrol.domain.incidents import ClockName, is_overdue
from patrol.domain.orders import Order, OrderState

_GOING = frozenset({OrderState.ACCEPTED, OrderState.EN_ROUTE})


def seen(order: Order, duty: Duty | None, now: datetime, settings: FixSettings) -> ClockName | None:
    """What this unit's last position says that is not known of its order yet: it moves, it is on scene, or nothing.

    An order that was not accepted is moved by no position: nobody has said yes to it.
    """
    if duty is None or duty.place is None or not _is_of_order(order, duty, now):
        return None
    distance_m = duty.place.distance_m(order.destination)
    if distance_m <= settings.arrived_m + min(duty.accuracy_m or 0.0, settings.arrived_m):
        return (
            ClockName.ON_SCENE if order.arrived_at is None and order.state in (*_GOING, OrderState.ON_SCENE) else None
        )
    if order.state is OrderState.ACCEPTED and order.accepted_from is not None:
        way_m = duty.place.distance_m(order.accepted_from)
        return ClockName.MOVING if way_m > settings.moved_m + (duty.accuracy_m or 0.0) else None
    return None


def is_elsewhere(order: Order, duty: Duty | None, at: datetime, settings: FixSettings) -> bool:
    """Whether a position that was new at ``at`` says that this order's unit was not on scene then."""
    if duty is None or duty.place is None or duty.order_id != order.id or not duty.has_new_fix(at):
        return False
    away_m = max(settings.elsewhere_m, 2 * settings.arrived_m) + (duty.accuracy_m or 0.0)
    return duty.place.distance_m(order.destination) > away_m


def sets_out_from_here(order: Order, duty: Duty | None, now: datetime) -> bool:
    """Whether its unit's last position is the first since it accepted, where nobody knew then where it was.

    From there on it is seen to move.
    """
    if order.state is not OrderState.ACCEPTED or order.accepted_from is not None or duty is None:
        return False
    accepted_at = order.accepted_at or order.sent_at
    return duty.fix_at is not None and duty.fix_at >= accepted_at and _is_of_order(order, duty, now)


def _is_of_order(order: Order, duty: Duty, now: datetime) -> bool:
    """Whether the position was sent on this order's way, and not with the button itself."""
    if duty.order_id != order.id or duty.fix_at is None or duty.fix_at == order.pressed_at:
        return False
    return order.sent_at < duty.fix_at <= now + UNIT_CLOCK_AHEAD


def anything_seen(situation: Situation, now: datetime, settings: FixSettings) -> bool:
    """Whether positions say of any of its orders what is not known yet."""
    return _first_seen(situation, now, settings) is not None


def follow(situation: Situation, crews_wanted: int, now: datetime, settings: FixSettings) -> Outcome:
    """Take what positions say of one order of an incident. What they say of another is taken at the next look."""
    found = _first_seen(situation, now, settings)
    if found is None:
        return Outcome(reason="nothing seen")
    order, duty, clock = found.order, found.duty, found.clock
    assert duty.fix_at is not None
    if clock is None:
        return Outcome(orders=(replace(order, accepted_from=duty.place),), reason="sets out from here")
    stamp = duty.fix_at, f"unit {order.unit_id}, by its position"
    if clock is ClockName.MOVING:
        further = replace(order, state=OrderState.EN_ROUTE, set_out_at=duty.fix_at)
    else:
        further = replace(order, state=OrderState.ON_SCENE, arrived_at=duty.fix_at)
    if order.state is OrderState.ON_SCENE:
        return _corrected(situation, further, stamp, now)
    return advance(situation, further, in_order_state(duty, further, now), (clock, *stamp), crews_wanted, now)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a unit's last position says of its order; ``clock``: None where it is only where the unit sets out from."""

    order: Order
    duty: Duty
    clock: ClockName | None


def _first_seen(situation: Situation, now: datetime, settings: FixSettings) -> _Seen | None:
    for order in situation.open_orders:
        duty = situation.duty_of(order.unit_id)
        clock = seen(order, duty, now, settings)
        if duty is not None and (clock is not None or sets_out_from_here(order, duty, now)):
            return _Seen(order, duty, clock)
    return None


def _corrected(situation: Situation, arrived: Order, stamp: tuple[datetime, str], now: datetime) -> Outcome:
    """The button was pressed before the unit was there: its position's time is t9, if the button's was."""
    incident, by_button = situation.incident, situation.incident.clocks.get(ClockName.ON_SCENE)
    if by_button is not None and by_button.at == arrived.pressed_at and not arrived.is_drone:
        incident = incident.restamped(ClockName.ON_SCENE, *stamp)
    incident = replace(incident, overdue=is_overdue(incident, now))
    return told(Outcome(incident=incident, orders=(arrived,), reason="seen on scene"), now)
