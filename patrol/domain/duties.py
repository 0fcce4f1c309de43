"""Duties: how units come on duty and go off it, by their shifts, on their way home, and by an operator's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from patrol.domain.dispatch import Duty
from patrol.domain.errors import IllegalTransition, UnitBusy
from patrol.domain.units import UnitState, is_on_shift

RETURNS_WITHIN = timedelta(minutes=5)
"""A unit that is not seen at home by then counts as available where it is: it patrols, or sends no positions."""

SET_BY_OPERATORS = (UnitState.AVAILABLE, UnitState.OUT_OF_SERVICE, UnitState.OFF_DUTY)


def shift_changes(duties: Iterable[Duty], now: datetime) -> tuple[Duty, ...]:
    """Those that change because a shift begins or ends.

    Who is on an order stays on it, and goes off duty once that is over. What an operator said stands until the shift is
    another: somebody who stays on after it does not go, and somebody sent home comes back with the next one. Out of
    service is nothing that a shift changes.
    """
    return tuple(changed for duty in duties if (changed := _by_its_shift(duty, now)) is not duty)


def _by_its_shift(duty: Duty, now: datetime) -> Duty:
    is_on = is_on_shift(duty.unit, now)
    if duty.told_on_shift == is_on:
        return duty
    if duty.told_on_shift is not None:
        duty = replace(duty, told_on_shift=None)
    if is_on and duty.state is UnitState.OFF_DUTY:
        return duty.to(UnitState.AVAILABLE)
    if not is_on and duty.is_free:
        return duty.to(UnitState.OFF_DUTY)
    return duty


def homecomings(duties: Iterable[Duty], now: datetime) -> tuple[Duty, ...]:
    """Those that were on their way back, and are home, or have had the time for it."""
    returning = (duty for duty in duties if duty.state is UnitState.RETURNING)
    return tuple(
        duty.to(UnitState.AVAILABLE)
        for duty in returning
        if duty.is_home or duty.returning_since is None or now >= duty.returning_since + RETURNS_WITHIN
    )


def set_by_operator(duty: Duty, state: UnitState, now: datetime) -> Duty:
    """As an operator says it is. Raises UnitBusy while it is on an order, IllegalTransition for what no operator sets.

    An order is ended by a receipt, or by closing its incident: so nobody forgets who is on the way.
    """
    if state not in SET_BY_OPERATORS:
        raise IllegalTransition(f"unit {duty.unit.id}: an operator does not set {state}")
    if duty.is_on_order:
        raise UnitBusy(f"unit {duty.unit.id} is {duty.state}, on order {duty.order_id}: its order must end first")
    changed = duty if duty.state is state else duty.to(state)
    return replace(changed, told_on_shift=is_on_shift(duty.unit, now))
