"""Units: what they may do next, and when they are on duty."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain import duties
from patrol.domain.dispatch import Duty
from patrol.domain.errors import IllegalTransition
from patrol.domain.incidents import OrderId
from patrol.domain.schedules import TimeWindow
from patrol.domain.units import (
    ASSIGNABLE,
    ON_AN_ORDER,
    UNIT_TRANSITIONS,
    Shift,
    TravelMode,
    UnitKind,
    UnitState,
    is_on_shift,
    usual_mode,
)
from tests.builders import at, duty, north, unit

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = Shift((TimeWindow(time(8), time(20)),), SHANGHAI)
NIGHT = Shift((TimeWindow(time(20), time(8)),), SHANGHAI)


def shanghai(hour: int, minute: int = 0) -> datetime:
    """That time of a day in Shanghai, in UTC."""
    return datetime(2026, 5, 4, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


def test_every_state_has_its_row_and_leads_to_some_other() -> None:
    assert set(UNIT_TRANSITIONS) == set(UnitState)
    assert all(UNIT_TRANSITIONS[state] - {state} for state in UnitState)


def test_every_state_can_be_reached_from_every_other() -> None:
    for start in UnitState:
        seen, todo = {start}, [start]
        while todo:
            for state in UNIT_TRANSITIONS[todo.pop()] - seen:
                seen.add(state)
                todo.append(state)
        assert seen == set(UnitState), start


@pytest.mark.parametrize("state", sorted(ON_AN_ORDER))
def test_nobody_leaves_service_in_the_middle_of_an_order(state: UnitState) -> None:
    assert UnitState.OUT_OF_SERVICE not in UNIT_TRANSITIONS[state]
    with pytest.raises(IllegalTransition, match=f"U-1: {state} -> out_of_service"):
        duty(state=state).to(UnitState.OUT_OF_SERVICE)


def test_who_may_be_sent_becomes_assigned_who_is_on_an_order_by_pre_emption_and_who_is_off_duty_by_a_word() -> None:
    before = {state for state in UnitState if UnitState.ASSIGNED in UNIT_TRANSITIONS[state]}
    assert before == ASSIGNABLE | {UnitState.ASSIGNED, UnitState.EN_ROUTE, UnitState.OFF_DUTY}


@pytest.mark.parametrize("state", [UnitState.ON_SCENE, UnitState.OUT_OF_SERVICE])
def test_who_is_on_scene_or_out_of_service_is_ordered_nowhere(state: UnitState) -> None:
    with pytest.raises(IllegalTransition, match=f"U-1: {state} -> assigned"):
        duty(state=state).ordered(OrderId("O-1"))
    sent = duty(state=UnitState.RETURNING, returning_since=at(0)).ordered(OrderId("O-1"))
    assert (sent.state, sent.order_id, sent.returning_since) == (UnitState.ASSIGNED, "O-1", None)


def test_a_unit_is_on_duty_by_the_clocks_of_its_station_whatever_time_we_count_in() -> None:
    by_day = unit(shift=DAY)
    assert [is_on_shift(by_day, shanghai(*at)) for at in ((7, 59), (8, 0), (19, 59), (20, 0))] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_night_shift_ends_the_next_morning() -> None:
    by_night = unit(shift=NIGHT)
    assert is_on_shift(by_night, shanghai(23))
    assert is_on_shift(by_night, shanghai(7, 59))
    assert not is_on_shift(by_night, shanghai(8))


@given(st.integers(0, 10 * 24 * 60))
def test_two_shifts_that_meet_leave_no_minute_and_share_none(minutes: int) -> None:
    now = shanghai(0) + timedelta(minutes=minutes)
    assert is_on_shift(unit(shift=DAY), now) != is_on_shift(unit(shift=NIGHT), now)


def test_without_a_shift_a_unit_is_always_on_duty() -> None:
    assert is_on_shift(unit(), at(0))


def test_drones_fly_and_all_others_walk_unless_they_say() -> None:
    assert {kind for kind in UnitKind if usual_mode(kind) is TravelMode.DRONE} == {UnitKind.DRONE_GROUP}
    assert {usual_mode(kind) for kind in UnitKind} == {TravelMode.FOOT, TravelMode.DRONE}


class TestReleased:
    """What a unit does once its order is over."""

    def test_it_returns_from_where_it_is(self) -> None:
        done = duty(state=UnitState.ON_SCENE, order_id="O-1", place=north(900)).released(at(60))
        assert (done.state, done.order_id, done.returning_since) == (UnitState.RETURNING, None, at(60))
        assert done.where == north(900)
        assert done.is_free

    def test_at_home_it_is_available_at_once(self) -> None:
        done = duty(metres=100, state=UnitState.ON_SCENE, order_id="O-1", place=north(120)).released(at(60))
        assert (done.state, done.returning_since) == (UnitState.AVAILABLE, None)

    def test_its_shift_that_ended_meanwhile_sends_it_off_duty(self) -> None:
        late = Duty(unit(shift=DAY), UnitState.ON_SCENE, north(900))
        assert late.released(shanghai(21)).state is UnitState.OFF_DUTY
        assert late.released(shanghai(19)).state is UnitState.RETURNING

    def test_whom_an_operator_keeps_on_duty_stays(self) -> None:
        kept = Duty(unit(shift=DAY), UnitState.ON_SCENE, north(900), told_on_shift=False)
        assert kept.released(shanghai(21)).state is UnitState.RETURNING

    @pytest.mark.parametrize("hour", [12, 21])
    @pytest.mark.parametrize("shift", [DAY, None])
    def test_whom_an_operator_sent_home_is_off_duty_again_after_being_called_in(
        self, hour: int, shift: Shift | None
    ) -> None:
        home = duties.set_by_operator(Duty(unit(shift=shift)), UnitState.OFF_DUTY, shanghai(hour))
        called_in = home.ordered(OrderId("O-1")).to(UnitState.EN_ROUTE).ordered(OrderId("O-2"))
        released = called_in.released(shanghai(hour))
        assert (released.state, released.called_in) == (UnitState.OFF_DUTY, False)

    def test_who_is_called_in_before_its_shift_goes_on_in_it_and_one_after_it_does_not(self) -> None:
        called_in = Duty(unit(shift=DAY), UnitState.OFF_DUTY, north(900)).ordered(OrderId("O-1"))
        assert called_in.released(shanghai(12)).state is UnitState.RETURNING
        assert called_in.released(shanghai(21)).state is UnitState.OFF_DUTY

    def test_who_is_on_no_order_is_left_as_it_is(self) -> None:
        for state in set(UnitState) - ON_AN_ORDER:
            assert duty(state=state).released(at(1)).state is state


def test_what_is_placed_anew_keeps_what_it_does() -> None:
    busy = duty(state=UnitState.EN_ROUTE, order_id="O-1")
    seen = duty(place=north(7), fix_at=at(3), accuracy_m=4.0, had_fix=True, fix_id="p#1")
    placed = busy.placed_as(seen)
    assert (placed.place, placed.fix_at, placed.accuracy_m, placed.had_fix) == (north(7), at(3), 4.0, True)
    assert (placed.state, placed.order_id) == (UnitState.EN_ROUTE, "O-1")
