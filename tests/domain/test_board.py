"""What waits is decided on at once: choices become orders, and what they take from others is taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from patrol.domain.board import SHORT, Board, Crews, Sending, anyone_free, send
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.errors import NotToBeSent, Unsendable
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import Incident, IncidentId, IncidentState, OrderId
from patrol.domain.orders import Order, OrderState, Receipt, ReceiptKind
from patrol.domain.overriding import send_unit, take_back
from patrol.domain.receiving import receive
from patrol.domain.turns import MOST_WAITING
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import RingName
from patrol.domain.wants import Needs
from patrol.domain.ways import Ways
from tests.builders import at, duty, incident, north, order, sent, situation, unit

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
    outcomes = outcomes_of(board_of(under_way(level, state), situation(incident=incident(2))))
    assert {one: outcome.reason for one, outcome in outcomes.items()} == {"I-2": SHORT}


def told(outcome: Outcome) -> dict[str, Any] | None:
    """What the incident's message says that it does not get."""
    return json.loads(outcome.messages[0].body)["data"]["shortfall"]


def after(before: Situation, outcome: Outcome) -> Situation:
    assert outcome.incident is not None
    orders = {one.id: one for one in (*before.orders, *outcome.orders)}
    return replace(before, incident=outcome.incident, orders=tuple(orders.values()))


def says(now: Situation, kind: ReceiptKind) -> Receipt:
    return Receipt(now.orders[0].id, 1, "terminals", now.orders[0].unit_id, kind, at(15))


def test_to_whom_nobody_is_sent_is_told_why_at_once_and_once() -> None:
    alone = situation(duties=(busy(),))
    outcome = sent(alone, when=at(10))
    assert told(outcome) == {
        "reason": "all_busy",
        "missing": 1,
        "words": {"zh": "缺 1 组警力：可派的警力均在执行任务", "en": "1 crew short: all who may go are busy"},
        "since": "2026-01-01T12:00:10.000+00:00",
        "unit_id": None,
        "eta_s": None,
        "late_s": None,
    }
    assert sent(after(alone, outcome), when=at(11)) == Outcome()
    more = sent(after(alone, outcome), when=at(11), crews=2)
    assert (told(more) or {})["missing"] == 2
    assert (told(more) or {})["since"].startswith("2026-01-01T12:00:10")


def test_with_its_order_it_is_told_that_the_soonest_is_late_until_somebody_is_there() -> None:
    far = situation(duties=(duty("U-1", 900),))
    outcome = sent(far, when=at(10))
    shortfall = told(outcome) or {}
    assert (shortfall["reason"], shortfall["missing"], shortfall["unit_id"]) == ("nobody_in_time", 0, "U-1")
    assert shortfall["late_s"] == pytest.approx(405, abs=1)
    sent_out = after(far, outcome)
    accepted = after(sent_out, receive(sent_out, says(sent_out, ReceiptKind.ACCEPTED), 1, at(15)))
    assert accepted.incident.shortfall is not None
    there = receive(accepted, says(sent_out, ReceiptKind.ON_SCENE), 1, at(500))
    assert told(there) is None
    assert told(receive(sent_out, says(sent_out, ReceiptKind.REJECTED), 1, at(15))) is None  # nobody is on the way


def test_whoever_comes_at_last_ends_the_shortfall() -> None:
    short = after(situation(duties=(busy(),)), sent(situation(duties=(busy(),)), when=at(1)))
    outcome = sent(replace(short, duties=(duty(metres=50),)), when=at(5))
    assert told(outcome) is None
    assert outcome.incident is not None
    assert outcome.incident.shortfall is None


def test_who_loses_its_unit_and_gets_nobody_is_told_so_with_the_recall() -> None:
    lesser, red = under_way(Level.BLUE), situation(incident=incident(2), duties=(busy(),))
    lost = outcomes_of(board_of(lesser, red))[IncidentId("I-1")]
    assert (told(lost) or {})["reason"] == "all_busy"


def test_behind_more_that_wait_than_are_looked_at_one_is_told_so_but_nobody_is_while_all_get_theirs() -> None:
    numbers = range(1, MOST_WAITING + 2)
    waiting = [situation(incident=incident(number), duties=(busy(),)) for number in numbers]
    outcomes = outcomes_of(board_of(*waiting))
    reasons = [(told(outcomes[IncidentId(f"I-{number}")]) or {})["reason"] for number in numbers]
    last = max(numbers, key=lambda number: f"I-{number}")  # equal otherwise, they come by their ids
    assert [reason == "behind_others" for reason in reasons] == [number == last for number in numbers]
    plenty = tuple(duty(f"U-{number}", number) for number in numbers[:-1])
    served = outcomes_of(board_of(*(replace(each, duties=plenty) for each in waiting)))
    assert len(served) == MOST_WAITING
    assert all(told(outcome) is None for outcome in served.values())


def on_scene(number: int, unit_id: str, **changes: Any) -> Situation:
    """An incident that U-<number> is on scene of."""
    there = incident(number, state=IncidentState.ON_SCENE, crews_missing=1, **changes)
    its_order = order(unit_id, number, incident_id=there.id, state=OrderState.ON_SCENE)
    return situation(incident=there, orders=(its_order,))


def goes(board: Board, sending: Sending = ONE_EACH) -> set[tuple[str, str]]:
    """Who is sent where."""
    outcomes = outcomes_of(board, sending).values()
    return {(one.incident_id, one.unit_id) for outcome in outcomes for one in outcome.orders if one.is_open}


def test_however_many_want_a_second_crew_it_is_another_s_first() -> None:
    numbers = range(1, MOST_WAITING + 2)
    reds = [on_scene(number, f"U-{number}") for number in numbers]
    duties = (*(busy(f"U-{number}", state=UnitState.ON_SCENE) for number in numbers), duty("U-99"))
    yellow = situation(incident=incident(500, level=Level.YELLOW))
    board = board_of(*(replace(each, duties=duties) for each in (*reds, yellow)))
    assert goes(board, Sending(Crews({Level.RED: 2}))) == {("I-500", "U-99")}


@pytest.mark.parametrize("apart", [{"ring": RingName.PERIPHERY}, {"simulated": True}, {"kind": Kind.FALL}])
def test_however_many_wait_that_no_free_unit_can_serve_another_gets_it(apart: dict[str, Any]) -> None:
    numbers = range(1, MOST_WAITING + 2)
    reds = [situation(incident=incident(number)) for number in numbers]
    other = situation(incident=incident(500, level=Level.GREEN, **apart))
    able = {"rings": frozenset({RingName.PERIPHERY})} if "ring" in apart else {}
    its_unit = Duty(unit("U-1", simulated="simulated" in apart, crew=1, **able))
    board = board_of(*(replace(each, duties=(its_unit,)) for each in (*reds, other)))
    needs = {Kind.CROWD: Needs(crew_at_least=2)} if "kind" in apart else {}
    assert goes(board, Sending(needs=needs)) == {("I-500", "U-1")}


def test_those_whom_everybody_has_refused_stand_behind() -> None:
    numbers = range(1, MOST_WAITING + 2)
    refused = [
        situation(
            incident=incident(number),
            orders=(order(number=number, incident_id=IncidentId(f"I-{number}"), state=OrderState.REJECTED),),
        )
        for number in numbers
    ]
    board = board_of(*refused, situation(incident=incident(500, level=Level.GREEN)))
    assert goes(board) == {("I-500", "U-1")}


def test_as_many_are_looked_at_as_there_are_crews_free_so_that_none_goes_to_what_is_lesser() -> None:
    numbers = range(1, MOST_WAITING + 11)
    plenty = tuple(duty(f"U-{number}", number) for number in numbers)
    reds = [situation(incident=incident(number)) for number in numbers]
    lesser = situation(incident=incident(500, level=Level.GREEN, ring=RingName.PERIPHERY))
    served = goes(board_of(*(replace(each, duties=plenty) for each in (*reds, lesser))))
    assert {incident_id for incident_id, _ in served} == {f"I-{number}" for number in numbers}


def test_a_unit_is_taken_also_from_what_stands_behind_others_for_one_crew_more() -> None:
    numbers = range(10, MOST_WAITING + 11)
    scenes = [on_scene(number, f"U-{number}") for number in numbers]
    lesser, red = under_way(Level.GREEN), situation(incident=incident(500))
    lesser = replace(lesser, incident=replace(lesser.incident, crews_missing=1))
    duties = (*(busy(f"U-{number}", state=UnitState.ON_SCENE) for number in numbers), busy())
    board = board_of(*(replace(each, duties=duties) for each in (*scenes, lesser, red)))
    assert ("I-500", "U-1") in goes(board, Sending(Crews(dict.fromkeys(Level, 2))))


def test_what_a_kind_needs_is_asked_of_each_crew_and_said() -> None:
    fall = incident(kind=Kind.FALL)
    duties = (duty("U-1", 10), Duty(unit("U-2", home=north(90), capabilities=frozenset({"first_aid"}), crew=3)))
    sending = Sending(needs={Kind.FALL: Needs(frozenset({"first_aid"}), crew_at_least=3)})
    board = Board((situation(incident=fall, duties=duties),), duties)
    (its_order,) = outcomes_of(board, sending)[fall.id].orders
    assert its_order.unit_id == "U-2"
    assert {one.unit_id: one.left_out for one in its_order.candidates} == {"U-2": None, "U-1": "lacks_first_aid"}
    nobody = Board((situation(incident=fall, duties=duties[:1]),), duties[:1])
    assert (told(outcomes_of(nobody, sending)[fall.id]) or {})["reason"] == "none_able"
    other_kind = Board((situation(duties=duties),), duties)
    assert goes(other_kind, sending) == {("I-1", "U-1")}


def taken_back(now: Situation, number: int = 1) -> Situation:
    return after(now, take_back(now, OrderId(f"O-{number}"), "li", Crews(), at(5)))


def test_whom_a_person_took_back_is_not_asked_again_unless_a_person_sends_it() -> None:
    start = situation(duties=(duty("U-1", 10), duty("U-2", 300)))
    ordered = after(start, sent(start))
    back = taken_back(ordered)
    (second,) = sent(back, "O-2", at(6)).orders
    assert second.unit_id == "U-2"
    assert {one.unit_id: one.left_out for one in second.candidates} == {"U-2": None, "U-1": "taken_back"}
    alone = replace(back, duties=(duty("U-1", 10),))
    assert (told(sent(alone, "O-2", at(6))) or {})["reason"] == "all_refused"
    board = Board((alone,), alone.duties)
    (won,) = send_unit(board, IncidentId("I-1"), UnitId("U-1"), OrderId("O-9"), "li", Ways(), Crews(), at(8))
    by_hand = after(alone, won)
    expired = tuple(replace(one, state=OrderState.EXPIRED) if one.is_open else one for one in by_hand.orders)
    unanswered = replace(by_hand, incident=back.incident, orders=expired)
    assert [one.unit_id for one in sent(unanswered, "O-10", at(200)).orders] == ["U-1"]
    again = taken_back(by_hand, 9)
    assert [one.is_open for one in sent(again, "O-11", at(201)).orders] == []


def test_another_life_is_another_matter() -> None:
    start = situation()
    back = taken_back(after(start, sent(start)))
    reopened = replace(back, incident=replace(back.incident, life=2))
    assert [one.unit_id for one in sent(reopened, "O-2", at(60)).orders] == ["U-1"]


def test_what_it_was_short_of_stands_while_more_urgent_ones_are_looked_at() -> None:
    blue = situation(incident=incident(99, level=Level.BLUE), duties=(busy(),))
    short = after(blue, sent(blue, when=at(5)))
    reds = [situation(incident=incident(number), duties=(busy(),)) for number in range(MOST_WAITING)]
    assert IncidentId("I-99") not in outcomes_of(board_of(short, *reds))


def test_a_position_that_is_old_widens_the_time_and_is_said() -> None:
    place = north(100)
    stale = duty("U-1", 400, place=place, fix_at=at(-30), had_fix=True)
    (order_sent,) = sent(situation(duties=(stale,)), when=at(10)).orders
    extra_s = 40.0
    assert order_sent.eta_s == pytest.approx(5 + 50 + extra_s, abs=1)
    assert "its position is 40 s old" in order_sent.why_en
    assert "定位是 40 秒前的" in order_sent.why_zh


def test_of_whom_nobody_knows_where_it_is_is_told_with_how_long() -> None:
    lost = duty("U-1", 400, place=north(10), fix_at=at(-700), had_fix=True)
    (order_sent,) = sent(situation(duties=(lost, duty("U-2", 90))), when=at(10)).orders
    assert {one.unit_id: one.left_out for one in order_sent.candidates} == {"U-2": None, "U-1": "lost_710"}


def test_what_a_dispatcher_ordered_is_not_taken_away() -> None:
    lesser = under_way(Level.GREEN)
    by_hand = replace(lesser, orders=(order(state=OrderState.EN_ROUTE, ordered_by="li"),))
    outcomes = outcomes_of(board_of(by_hand, situation(incident=incident(2))))
    assert {one: outcome.reason for one, outcome in outcomes.items()} == {"I-2": SHORT}


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


def test_what_was_said_of_the_others_is_kept_with_whom_a_dispatcher_sends_for_this_life() -> None:
    start = situation(duties=(duty("U-1", 10), duty("U-2", 300), duty("U-3", 400)))
    chosen = after(start, sent(start))
    weighed = {one.unit_id: one for one in chosen.orders[0].candidates}

    def by_hand(now: Situation, unit_id: str, second: float) -> tuple[Situation, Order]:
        order_id = OrderId(f"O-{unit_id}")
        of = IncidentId("I-1"), UnitId(unit_id), order_id, "li", Ways(), Crews()
        (won,) = send_unit(board_of(now), *of, at(second))
        return after(now, won), next(one for one in won.orders if one.id == order_id)

    second, order_2 = by_hand(chosen, "U-2", 5)
    assert [one.unit_id for one in order_2.candidates] == ["U-2", "U-1", "U-3"]
    assert order_2.candidates[0].eta_s == order_2.eta_s
    assert order_2.candidates[1:] == (weighed[UnitId("U-1")], weighed[UnitId("U-3")])
    _, order_3 = by_hand(second, "U-3", 9)
    assert {one.unit_id for one in order_3.candidates} == {"U-1", "U-2", "U-3"}
    reopened = replace(second, incident=replace(second.incident, life=2), duties=start.duties)
    _, anew = by_hand(reopened, "U-3", 60)
    assert [one.unit_id for one in anew.candidates] == ["U-3"]


def test_whom_a_dispatcher_sends_ends_the_shortfall_or_is_late_too_and_that_is_told() -> None:
    both = (busy(), duty("U-2", 40, state=UnitState.OFF_DUTY), duty("U-3", 900, state=UnitState.OFF_DUTY))
    alone = situation(duties=both)
    short = after(alone, sent(alone, when=at(1)))

    def by_hand(unit_id: str, crews: int = 1) -> dict[str, Any] | None:
        board, wanted = board_of(short), Crews(dict.fromkeys(Level, crews))
        (won,) = send_unit(board, IncidentId("I-1"), UnitId(unit_id), OrderId("O-9"), "li", Ways(), wanted, at(20))
        return told(won)

    assert by_hand("U-2") is None
    late = by_hand("U-3") or {}
    assert (late["reason"], late["missing"], late["unit_id"]) == ("nobody_in_time", 0, "U-3")
    assert (by_hand("U-2", crews=2) or {})["reason"] == "all_busy"


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
