"""Shifts, homecomings and an operator's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.dispatch import Duty
from patrol.domain.duties import SET_BY_OPERATORS, homecomings, set_by_operator, shift_changes
from patrol.domain.errors import IllegalTransition, UnitBusy
from patrol.domain.incidents import OrderId
from patrol.domain.schedules import TimeWindow
from patrol.domain.units import ON_AN_ORDER, Shift, UnitState
from tests.builders import at, duty, north, unit

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = Shift((TimeWindow(time(8), time(20)),), SHANGHAI)
BEFORE, BEGIN = datetime(2026, 5, 4, 7, 59, tzinfo=SHANGHAI), datetime(2026, 5, 4, 8, tzinfo=SHANGHAI)
NOON, END = datetime(2026, 5, 4, 12, tzinfo=SHANGHAI), datetime(2026, 5, 4, 20, tzinfo=SHANGHAI)
NEXT_DAY = timedelta(days=1)


def by_day(state: UnitState = UnitState.AVAILABLE, **changes: object) -> Duty:
    return replace(Duty(unit(shift=DAY), state), **changes)  # type: ignore[arg-type]


def after(duties: Sequence[Duty], now: datetime) -> Duty:
    """The one duty of these as shifts leave it."""
    (one,) = duties
    return next(iter(shift_changes(duties, now.astimezone(UTC))), one)


def test_a_shift_begins_and_ends_to_the_minute() -> None:
    off = by_day(UnitState.OFF_DUTY)
    assert after([off], BEFORE) is off
    on = after([off], BEGIN)
    assert on.state is UnitState.AVAILABLE
    assert after([on], NOON) is on
    assert after([on], END).state is UnitState.OFF_DUTY


def test_who_is_on_the_way_back_goes_off_duty_too() -> None:
    assert after([by_day(UnitState.RETURNING, returning_since=at(0))], END).state is UnitState.OFF_DUTY


@pytest.mark.parametrize("state", sorted(ON_AN_ORDER | {UnitState.OUT_OF_SERVICE}))
def test_a_shift_takes_nobody_off_an_order_and_mends_nothing(state: UnitState) -> None:
    duty_now = by_day(state)
    assert after([duty_now], END) is duty_now
    assert after([duty_now], NOON) is duty_now


def test_without_a_shift_nothing_changes_by_itself() -> None:
    everybody = [duty(state=state) for state in UnitState if state is not UnitState.OFF_DUTY]
    assert shift_changes(everybody, at(0)) == ()


def test_who_stays_on_after_the_shift_stays_until_the_next_one_has_ended() -> None:
    kept = set_by_operator(by_day(UnitState.OFF_DUTY), UnitState.AVAILABLE, END.astimezone(UTC))
    assert after([kept], END) is kept
    next_morning = after([kept], BEGIN + NEXT_DAY)
    assert (next_morning.state, next_morning.told_on_shift) == (UnitState.AVAILABLE, None)
    assert after([next_morning], END + NEXT_DAY).state is UnitState.OFF_DUTY


def test_who_was_sent_home_early_comes_back_with_the_next_shift() -> None:
    sent_home = set_by_operator(by_day(), UnitState.OFF_DUTY, NOON.astimezone(UTC))
    assert after([sent_home], NOON) is sent_home
    evening = after([sent_home], END)
    assert (evening.state, evening.told_on_shift) == (UnitState.OFF_DUTY, None)
    assert after([evening], BEGIN + NEXT_DAY).state is UnitState.AVAILABLE


def test_only_those_that_change_are_named() -> None:
    off = by_day(UnitState.OFF_DUTY)
    assert [one.unit.id for one in shift_changes([by_day(), off, duty("U-2")], NOON.astimezone(UTC))] == [off.unit.id]


@given(
    st.sampled_from(sorted(UnitState)), st.sampled_from([None, True, False]), st.integers(0, 3 * 24 * 60), st.booleans()
)
def test_a_second_look_at_the_same_moment_changes_nothing(
    state: UnitState, told: bool | None, minutes: int, has_shift: bool
) -> None:
    start = by_day(state, told_on_shift=told) if has_shift else duty(state=state, told_on_shift=told)
    now = BEFORE.astimezone(UTC) + timedelta(minutes=minutes)
    changed = tuple(shift_changes([start], now)) or (start,)
    assert shift_changes(changed, now) == ()
    assert changed[0].state in ON_AN_ORDER or state not in ON_AN_ORDER


class TestHomecoming:
    def test_seen_at_home_it_is_back(self) -> None:
        returning = duty(metres=100, state=UnitState.RETURNING, returning_since=at(0), place=north(400))
        assert homecomings([returning], at(10)) == ()
        (back,) = homecomings([replace(returning, place=north(140))], at(10))
        assert (back.state, back.returning_since) == (UnitState.AVAILABLE, None)

    def test_after_five_minutes_it_is_available_wherever_it_is(self) -> None:
        returning = duty(state=UnitState.RETURNING, returning_since=at(0), place=north(4000))
        assert homecomings([returning], at(299.9)) == ()
        (back,) = homecomings([returning], at(300))
        assert (back.state, back.where) == (UnitState.AVAILABLE, north(4000))

    def test_nobody_else_comes_home(self) -> None:
        others = [duty(state=state) for state in UnitState if state is not UnitState.RETURNING]
        assert homecomings(others, at(9999)) == ()


class TestOperator:
    @pytest.mark.parametrize("state", sorted(ON_AN_ORDER))
    def test_a_unit_on_an_order_is_left_alone_and_says_on_which(self, state: UnitState) -> None:
        with pytest.raises(UnitBusy, match="on order O-7"):
            set_by_operator(duty(state=state, order_id=OrderId("O-7")), UnitState.OUT_OF_SERVICE, at(0))

    @pytest.mark.parametrize("state", sorted(set(UnitState) - ON_AN_ORDER))
    @pytest.mark.parametrize("to", SET_BY_OPERATORS)
    def test_any_other_is_what_the_operator_says(self, state: UnitState, to: UnitState) -> None:
        changed = set_by_operator(duty(state=state, returning_since=at(0)), to, at(5))
        assert (changed.state, changed.told_on_shift) == (to, True)

    @pytest.mark.parametrize("to", sorted(set(UnitState) - set(SET_BY_OPERATORS)))
    def test_what_orders_decide_no_operator_sets(self, to: UnitState) -> None:
        with pytest.raises(IllegalTransition, match="an operator does not set"):
            set_by_operator(duty(), to, at(0))
