"""What waits is decided on at once: choices become orders, and what they take from others is taken back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from patrol.domain.board import Board, Crews, Sending, anyone_free, send
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.errors import NotToBeSent, Unsendable
from patrol.domain.events import Level
from patrol.domain.incidents import Incident, IncidentId, IncidentState, OrderId
from patrol.domain.orders import OrderState
from patrol.domain.overriding import send_unit, take_back
from patrol.domain.units import UnitId, UnitState
from patrol.domain.ways import Ways
from tests.builders import at, duty, incident, north, order, sent, situation

ONE_EACH = Sending()


def outcomes_of(board: Board, sending: Sending = ONE_EACH) -> dict[IncidentId, Outcome]:
    """What becomes of each incident; orders are named after incident and unit."""

    def named(one: Incident, unit_id: UnitId) -> OrderId:
        return OrderId(f"O-{one.id}-{unit_id}")

    outcomes = send(board, named, Ways(), sending, at(10))
    return {one.incident.id: one for one in outcomes if one.incident is not None}


def board_of(*situations: Situation) -> Board:
    duties = situations[0].duties
    return Board(tuple(replace(each, duties=duties) for each in situations), duties)


def busy(unit_id: str = "U-1", metres: float = 100.0, state: UnitState = UnitState.EN_ROUTE) -> Duty:
    return duty(unit_id, metres, state=state, order_id=OrderId("O-1"))


def under_way(level: Level, state: OrderState = OrderState.EN_ROUTE) -> Situation:
    """Incident I-1, to which U-1 is on its way; nobody else is there."""
    one = incident(1, level=level, state=IncidentState.EN_ROUTE, crews_missing=0)
    return situation(incident=one, orders=(order(state=state),), duties=(busy(),))


def test_two_at_once_are_one_assignment_so_that_both_are_in_time() -> None:
    near, far = incident(1, place=north(0)), incident(2, place=north(-100))
    duties = (duty("U-1", -20), duty("U-2", 20))
    # In the order of arrival the first would get U-1 or U-2 alike; only one way leaves nobody late.
    both = outcomes_of(board_of(situation(incident=near, duties=duties), situation(incident=far, duties=duties)))
    assert {str(one): outcome.orders[0].unit_id for one, outcome in both.items()} == {"I-1": "U-2", "I-2": "U-1"}


def test_red_takes_a_unit_that_is_on_its_way_to_something_lesser_and_tells_both() -> None:
    lesser, red = under_way(Level.BLUE), situation(incident=incident(2), duties=(busy(),))
    outcomes = outcomes_of(board_of(lesser, red))
    lost, won = outcomes[IncidentId("I-1")], outcomes[IncidentId("I-2")]
    assert [one.state for one in lost.orders] == [OrderState.RECALLED]
    assert lost.incident is not None
    assert (lost.incident.state, lost.incident.crews_missing) == (IncidentState.NEW, 1)
    assert lost.duties == ()
    assert json.loads(lost.messages[-1].body)["data"]["reason"] == "pre_empted"
    (new,) = won.orders
    assert (new.unit_id, new.state) == ("U-1", OrderState.SENT)
    assert won.duties[0].order_id == new.id


def test_who_loses_its_unit_gets_what_is_best_for_it_in_the_same_transaction() -> None:
    lesser, red = under_way(Level.BLUE), situation(incident=incident(2, place=north(100)))
    duties = (busy("U-1", 100), duty("U-2", 2000))
    outcomes = outcomes_of(board_of(replace(lesser, duties=duties), red))
    assert [(one.unit_id, one.state) for one in outcomes[IncidentId("I-1")].orders] == [
        ("U-1", OrderState.RECALLED),
        ("U-2", OrderState.SENT),
    ]
    assert outcomes[IncidentId("I-1")].incident is not None
    assert outcomes[IncidentId("I-1")].incident.crews_missing == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("level", "state"),
    [(Level.RED, OrderState.EN_ROUTE), (Level.BLUE, OrderState.ON_SCENE)],
)
def test_nothing_is_taken_from_red_nor_from_a_scene(level: Level, state: OrderState) -> None:
    assert outcomes_of(board_of(under_way(level, state), situation(incident=incident(2)))) == {}


def test_what_a_dispatcher_ordered_is_not_taken_away() -> None:
    lesser = under_way(Level.GREEN)
    by_hand = replace(lesser, orders=(order(state=OrderState.EN_ROUTE, ordered_by="li"),))
    assert outcomes_of(board_of(by_hand, situation(incident=incident(2)))) == {}


def test_a_unit_that_could_be_taken_counts_as_nobody_free_for_the_auditor() -> None:
    assert anyone_free(situation(), ONE_EACH, at(10))
    assert not anyone_free(situation(duties=(duty(state=UnitState.EN_ROUTE),)), ONE_EACH, at(10))


def test_a_dispatcher_sends_whom_he_wants_also_from_elsewhere_and_it_is_recorded() -> None:
    elsewhere = under_way(Level.RED)
    here = situation(incident=incident(2), duties=(busy(), duty("U-2", 10)))
    board = board_of(replace(elsewhere, duties=here.duties), here)
    lost, won = send_unit(board, IncidentId("I-2"), UnitId("U-1"), OrderId("O-9"), "li", Ways(), Crews(), at(20))
    assert [one.state for one in lost.orders] == [OrderState.RECALLED]
    assert (won.orders[0].unit_id, won.orders[0].ordered_by) == ("U-1", "li")
    assert "li" in won.orders[0].why_en


def test_a_dispatcher_takes_a_unit_back_and_the_incident_wants_another() -> None:
    start = situation()
    outcome_of_sending = sent(start)
    assert outcome_of_sending.incident is not None
    now = replace(start, incident=outcome_of_sending.incident, orders=outcome_of_sending.orders)
    outcome = take_back(now, OrderId("O-1"), "li", Crews(), at(5))
    assert (outcome.orders[0].state, outcome.orders[0].recalled_by) == (OrderState.RECALLED, "li")
    assert outcome.incident is not None
    assert (outcome.incident.state, outcome.incident.crews_missing) == (IncidentState.NEW, 1)
    assert outcome.duties[0].state is UnitState.AVAILABLE


@pytest.mark.parametrize(
    ("changes", "unit_id", "why"),
    [
        ({}, "U-9", Unsendable.NO_SUCH_UNIT),
        ({"incident": incident(state=IncidentState.CLOSED)}, "U-1", Unsendable.NOT_WANTED),
        ({"incident": incident(simulated=True)}, "U-1", Unsendable.NOT_ALIKE),
        ({"duties": (duty(state=UnitState.OUT_OF_SERVICE),)}, "U-1", Unsendable.OUT_OF_SERVICE),
        ({"orders": (order(),)}, "U-1", Unsendable.THERE_ALREADY),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_the_reason(
    changes: dict[str, object], unit_id: str, why: Unsendable
) -> None:
    now = situation(**changes)
    with pytest.raises(NotToBeSent) as raised:
        send_unit(board_of(now), now.incident.id, UnitId(unit_id), OrderId("O-9"), "li", Ways(), Crews(), at(5))
    assert raised.value.why is why


def test_a_unit_on_another_scene_is_not_sent_away() -> None:
    there = under_way(Level.GREEN, OrderState.ON_SCENE)
    here = situation(incident=incident(2), duties=there.duties)
    with pytest.raises(NotToBeSent, match="on scene of incident I-1"):
        send_unit(board_of(there, here), IncidentId("I-2"), UnitId("U-1"), OrderId("O-9"), "li", Ways(), Crews(), at(5))
