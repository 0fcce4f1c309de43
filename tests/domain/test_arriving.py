"""What positions say of an order: that its unit moves, and that it is on scene; the button is kept beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from patrol.domain import arriving, receiving
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.fixes import FixSettings
from patrol.domain.incidents import ClockName, IncidentState, Stamp, is_overdue
from patrol.domain.orders import OrderState, Receipt, ReceiptKind
from patrol.domain.units import UnitState
from tests.builders import at, duty, incident, north, order, sent, situation, unit
from tests.domain.test_dispatch import after

SETTINGS = FixSettings(arrived_m=30.0, moved_m=30.0)


def receipt(kind: ReceiptKind, seconds: float, **changes: object) -> Receipt:
    plain = Receipt("O-1", 1, "units", "U-1", kind, at(seconds))
    return replace(plain, **changes)  # type: ignore[arg-type]


def ordered(metres: float = 200.0) -> Situation:
    """U-1 stands so far from the square, sends its position, and has an order."""
    start = situation(duties=(placed_at(metres, 0.5),))
    return after(start, sent(start, "O-1", at(1)))


def placed_at(metres: float, seconds: float, **changes: object) -> Duty:
    return replace(duty(metres=200.0), place=north(metres), fix_at=at(seconds), had_fix=True, **changes)  # type: ignore[arg-type]


def at_place(before: Situation, metres: float, seconds: float, **changes: object) -> Situation:
    """The same, once its unit has sent another position."""
    (on_it,) = before.duties
    return replace(before, duties=(replace(on_it, place=north(metres), fix_at=at(seconds), **changes),))  # type: ignore[arg-type]


def say(before: Situation, kind: ReceiptKind, seconds: float, **changes: object) -> Situation:
    return after(before, receiving.receive(before, receipt(kind, seconds, **changes), 1, at(seconds)))


def follow(before: Situation, seconds: float) -> Outcome:
    return arriving.follow(before, 1, at(seconds), SETTINGS)


def accepted() -> Situation:
    return say(ordered(), ReceiptKind.ACCEPTED, 5)


def test_who_has_left_the_place_where_it_accepted_is_on_its_way() -> None:
    near = at_place(accepted(), 175, 8)
    assert not arriving.anything_seen(near, at(9), SETTINGS)
    moved = at_place(accepted(), 165, 10)
    outcome = follow(moved, 10.5)
    assert outcome.incident is not None
    assert outcome.incident.state is IncidentState.EN_ROUTE
    assert outcome.incident.clocks[ClockName.MOVING] == Stamp(at(10), "unit U-1, by its position")
    assert (outcome.orders[0].state, outcome.duties[0].state) == (OrderState.EN_ROUTE, UnitState.EN_ROUTE)
    assert outcome.orders[0].set_out_at == outcome.incident.clocks[ClockName.MOVING].at
    assert len(outcome.messages) == 1
    assert outcome.reason == "en_route"
    assert follow(after(moved, outcome), 11).reason == "nothing seen"


def test_a_position_that_may_be_off_by_more_than_it_moved_moves_nothing() -> None:
    assert not arriving.anything_seen(at_place(accepted(), 150, 10, accuracy_m=25.0), at(10), SETTINGS)


def test_of_whom_nobody_knew_where_it_accepted_the_first_position_after_that_is_where_it_sets_out_from() -> None:
    start = situation(duties=(placed_at(200, -60),))  # a minute old: it may have moved since
    told = say(after(start, sent(start, "O-1", at(1))), ReceiptKind.ACCEPTED, 5)
    assert told.orders[0].accepted_from is None
    assert not arriving.anything_seen(at_place(told, 150, 4), at(10), SETTINGS), "of before it accepted"
    first = at_place(told, 150, 10)
    outcome = follow(first, 10)
    assert (outcome.incident, outcome.messages, outcome.duties) == (None, (), ())
    assert (outcome.orders[0].state, outcome.orders[0].accepted_from) == (OrderState.ACCEPTED, north(150))
    known = after(first, outcome)
    assert not arriving.anything_seen(at_place(known, 125, 15), at(15), SETTINGS)
    assert follow(at_place(known, 115, 20), 20).reason == "en_route"


def test_within_the_radius_it_is_on_scene_and_the_rings_clock_stops_with_the_positions_time() -> None:
    there = at_place(accepted(), 29, 42)
    outcome = follow(there, 43)
    assert outcome.incident is not None
    assert outcome.incident.state is IncidentState.ON_SCENE
    assert outcome.incident.clocks[ClockName.ON_SCENE] == Stamp(at(42), "unit U-1, by its position")
    assert outcome.incident.seconds(ClockName.ACCEPTED, ClockName.ON_SCENE) == 42
    assert (outcome.orders[0].arrived_at, outcome.orders[0].pressed_at) == (at(42), None)
    assert outcome.reason == "on_scene"


@pytest.mark.parametrize(
    ("metres", "accuracy_m", "is_there"), [(31, 0, False), (31, 5, True), (59, 500, True), (61, 500, False)]
)
def test_the_radius_grows_by_what_the_position_may_be_off_and_at_most_to_twice(
    metres: float, accuracy_m: float, is_there: bool
) -> None:
    there = at_place(say(accepted(), ReceiptKind.EN_ROUTE, 6), metres, 42, accuracy_m=accuracy_m)
    assert arriving.anything_seen(there, at(42), SETTINGS) is is_there


def test_a_button_after_it_moves_nothing_and_stays_with_the_order() -> None:
    there = at_place(accepted(), 10, 42)
    told = after(there, follow(there, 43))
    outcome = receiving.receive(told, receipt(ReceiptKind.ON_SCENE, 50), 1, at(50))
    assert outcome.incident is None
    assert outcome.messages == ()
    assert (outcome.orders[0].arrived_at, outcome.orders[0].pressed_at) == (at(42), at(50))
    again = receiving.receive(after(told, outcome), receipt(ReceiptKind.ON_SCENE, 55, sequence=2), 1, at(55))
    assert again.orders == ()


def test_a_button_pressed_on_the_way_stops_the_clock_until_the_position_says_when_it_was_really_there() -> None:
    pressed = say(at_place(accepted(), 150, 20), ReceiptKind.ON_SCENE, 21)
    assert pressed.incident.clocks[ClockName.ON_SCENE].at == at(21)
    assert not arriving.anything_seen(at_place(pressed, 90, 30), at(30), SETTINGS)
    there = at_place(pressed, 5, 70)
    outcome = follow(there, 71)
    assert outcome.incident is not None
    assert outcome.incident.clocks[ClockName.ON_SCENE] == Stamp(at(70), "unit U-1, by its position")
    assert outcome.incident.overdue  # 60 s were given
    assert (outcome.orders[0].arrived_at, outcome.orders[0].pressed_at) == (at(70), at(21))
    assert follow(after(there, outcome), 72).reason == "nothing seen"


@pytest.mark.parametrize(("metres", "accuracy_m", "counts"), [(199, None, True), (201, None, False), (250, 60, True)])
def test_a_button_far_from_the_scene_by_a_new_position_is_kept_and_stops_no_clock(
    metres: float, accuracy_m: float | None, counts: bool
) -> None:
    away = at_place(say(accepted(), ReceiptKind.EN_ROUTE, 6), metres, 20, accuracy_m=accuracy_m)
    outcome = receiving.receive(away, receipt(ReceiptKind.ON_SCENE, 21), 1, at(21))
    pressed = after(away, outcome)
    assert pressed.orders[0].pressed_at == at(21)
    assert (ClockName.ON_SCENE in pressed.incident.clocks) is counts
    assert (pressed.incident.state, pressed.orders[0].state) == (
        (IncidentState.ON_SCENE, OrderState.ON_SCENE) if counts else (IncidentState.EN_ROUTE, OrderState.EN_ROUTE)
    )
    there = at_place(pressed, 5, 50)
    arrived = after(there, follow(there, 51))
    assert arrived.incident.clocks[ClockName.ON_SCENE] == Stamp(at(50), "unit U-1, by its position")
    assert (arrived.orders[0].arrived_at, arrived.orders[0].pressed_at) == (at(50), at(21))


def test_a_button_counts_again_once_no_position_says_otherwise() -> None:
    pressed = say(at_place(accepted(), 3000, 20), ReceiptKind.ON_SCENE, 21)
    assert is_overdue(pressed.incident, at(100)), "nobody is known to be there"
    again = say(pressed, ReceiptKind.ON_SCENE, 51, sequence=2)
    assert again.incident.clocks[ClockName.ON_SCENE] == Stamp(at(51), "unit U-1")
    assert again.orders[0].state is OrderState.ON_SCENE


def test_the_place_that_comes_with_the_button_is_a_new_position_too() -> None:
    old = at_place(accepted(), 3000, -60)
    assert say(old, ReceiptKind.ON_SCENE, 21, place=north(150)).orders[0].state is OrderState.ON_SCENE
    assert say(old, ReceiptKind.ON_SCENE, 21, place=north(400)).orders[0].state is OrderState.ACCEPTED


def test_the_position_that_came_with_the_button_is_no_second_witness() -> None:
    pressed = say(accepted(), ReceiptKind.ON_SCENE, 21, place=north(0))
    assert not arriving.anything_seen(pressed, at(22), SETTINGS)


def test_another_crews_arrival_does_not_move_the_clock_that_the_first_has_stopped() -> None:
    first = replace(order("U-1", 1), state=OrderState.ON_SCENE, pressed_at=at(30))
    second = replace(order("U-2", 2), state=OrderState.EN_ROUTE)
    there = incident(state=IncidentState.ON_SCENE).stamped(ClockName.ON_SCENE, at(30), "unit U-1")
    second_duty = replace(
        duty("U-2"), state=UnitState.EN_ROUTE, order_id=second.id, place=north(0), fix_at=at(50), had_fix=True
    )
    both = Situation(there, (first, second), (duty("U-1", state=UnitState.ON_SCENE, order_id=first.id), second_duty))
    outcome = arriving.follow(both, 2, at(51), SETTINGS)
    assert outcome.incident is not None
    assert outcome.incident.clocks[ClockName.ON_SCENE] == Stamp(at(30), "unit U-1")
    assert [one.state for one in outcome.orders] == [OrderState.ON_SCENE]


@pytest.mark.parametrize("fix_at", [at(0.5), at(100)])
def test_a_position_of_before_the_order_or_of_the_future_says_nothing(fix_at: datetime) -> None:
    (there,) = accepted().duties
    elsewhere = replace(accepted(), duties=(replace(there, place=north(0), fix_at=fix_at),))
    assert not arriving.anything_seen(elsewhere, at(43), SETTINGS)


def test_who_has_not_accepted_is_moved_by_no_position() -> None:
    assert not arriving.anything_seen(at_place(ordered(), 0, 5), at(6), SETTINGS)


def test_a_drone_is_there_and_stops_no_clock() -> None:
    there = at_place(accepted(), 5, 20)
    drone = replace(there, orders=(replace(there.orders[0], is_drone=True),))
    outcome = follow(replace(drone, incident=replace(drone.incident, state=IncidentState.NEW)), 21)
    assert outcome.incident is not None
    assert ClockName.ON_SCENE not in outcome.incident.clocks
    assert outcome.orders[0].state is OrderState.ON_SCENE


def test_a_unit_at_the_square_is_there_as_soon_as_it_has_accepted_and_said_where_it_is() -> None:
    start = situation(duties=(replace(duty(metres=0), unit=unit("U-1", home=north(0))),))
    told = say(after(start, sent(start, "O-1", at(1))), ReceiptKind.ACCEPTED, 4)
    assert follow(at_place(told, 0, 5), 6).reason == "on_scene"
