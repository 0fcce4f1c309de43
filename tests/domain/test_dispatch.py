"""Who is sent, and what receipts, refusals and silence change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain import dispatch, feedback, receiving
from patrol.domain.board import SHORT, Crews
from patrol.domain.camera import Place, RingName
from patrol.domain.dispatch import DETOUR_FACTOR, Duty, Outcome, Situation, travel_time_s
from patrol.domain.errors import IllegalTransition
from patrol.domain.incidents import (
    ClockName,
    Disposition,
    Escalation,
    EscalationStep,
    IncidentState,
    OrderId,
    Stamp,
)
from patrol.domain.orders import OrderState, Receipt, ReceiptKind
from patrol.domain.units import UnitId, UnitState
from tests.builders import SQUARE, at, duty, incident, north, order, sent, situation, unit

NEXT = "O-9"


def receipt(kind: ReceiptKind, order_id: str = "O-1", seconds: float = 5, **changes: object) -> Receipt:
    plain = Receipt(order_id, 1, "units", "U-1", kind, at(seconds))
    return replace(plain, **changes)  # type: ignore[arg-type]


def after(before: Situation, outcome: Outcome) -> Situation:
    """The situation once an outcome has been stored."""
    orders = {o.id: o for o in (*before.orders, *outcome.orders)}
    duties = {d.unit.id: d for d in (*before.duties, *outcome.duties)}
    return Situation(outcome.incident or before.incident, tuple(orders.values()), tuple(duties.values()))


def receive(now: Situation, given: Receipt, when: datetime, crews: int = 1) -> Outcome:
    return receiving.receive(now, given, crews, when)


def ordered() -> Situation:
    start = situation()
    return after(start, sent(start, "O-1", at(1)))


def test_whom_a_dispatcher_sent_is_not_called_back_when_others_accept_but_once_it_is_done() -> None:
    start = ordered()
    by_hand = order("U-2", 2, ordered_by="li")
    now = replace(start, orders=(*start.orders, by_hand), duties=(*start.duties, duty("U-2")))
    accepted = after(now, receive(now, receipt(ReceiptKind.ACCEPTED), at(5)))
    assert [one.state for one in accepted.orders] == [OrderState.ACCEPTED, OrderState.SENT]
    done = receive(accepted, receipt(ReceiptKind.DONE, seconds=60), at(60))
    assert [(one.unit_id, one.state) for one in done.orders] == [("U-1", OrderState.DONE), ("U-2", OrderState.RECALLED)]


def told_to_be_late(now: Situation) -> Situation:
    late = Escalation(EscalationStep.NEXT_UNIT, at(20), "", "", causes=("unit_not_moving/O-1",))
    return replace(now, incident=replace(now.incident, escalation=late, crews_missing=1))


def test_one_crew_more_is_wanted_until_the_first_is_there() -> None:
    start = ordered()
    accepted = told_to_be_late(after(start, receive(start, receipt(ReceiptKind.ACCEPTED), at(5))))
    assert Crews().of(accepted.incident) == 2
    arrived = after(accepted, receive(accepted, receipt(ReceiptKind.ON_SCENE), at(50), crews=2))
    assert arrived.incident.crews_missing == 0
    assert Crews().of(arrived.incident) == 1
    assert sent(arrived, NEXT, at(51)) == Outcome()


def test_the_one_more_that_has_not_answered_is_called_back_once_the_first_is_there() -> None:
    start = ordered()
    accepted = told_to_be_late(after(start, receive(start, receipt(ReceiptKind.ACCEPTED), at(5))))
    both = replace(accepted, orders=(*accepted.orders, order("U-2", 2)), duties=(*start.duties, duty("U-2")))
    arrived = receive(both, receipt(ReceiptKind.ON_SCENE), at(50), crews=2)
    assert {one.unit_id: one.state for one in arrived.orders} == {
        "U-1": OrderState.ON_SCENE,
        "U-2": OrderState.RECALLED,
    }


def test_travel_time_is_mobilisation_and_the_way_round_corners() -> None:
    assert travel_time_s(duty(metres=100), SQUARE) == pytest.approx(5 + 100 * DETOUR_FACTOR / 2.6, abs=0.1)


def test_the_soonest_unit_goes_not_the_nearest() -> None:
    near_on_foot = duty("U-1", metres=300)
    far_by_car = replace(duty("U-2"), unit=unit("U-2", home=north(600), speed_m_s=12.0))
    outcome = sent(situation(duties=(near_on_foot, far_by_car)), NEXT, at(1))
    assert outcome.orders[0].unit_id == "U-2"
    assert [c.unit_id for c in outcome.orders[0].candidates] == ["U-2", "U-1"]


def test_a_moving_unit_is_weighed_from_where_it_is() -> None:
    moved = duty("U-1", metres=5000, place=north(50))
    assert sent(situation(duties=(moved,)), NEXT, at(1)).orders[0].eta_s == pytest.approx(30, abs=1)


def test_the_order_names_unit_reason_and_everybody_left_out() -> None:
    busy = duty("U-2", state=UnitState.EN_ROUTE)
    elsewhere = replace(duty("U-3"), unit=unit("U-3", rings=frozenset({RingName.FAR})))
    outcome = sent(situation(duties=(duty(), busy, elsewhere)), NEXT, at(1))
    (chosen,) = outcome.orders
    assert chosen.why_en == "the only free unit: there in 0:55"
    assert {c.unit_id: c.left_out for c in chosen.candidates} == {
        "U-1": None,
        "U-2": "unit_en_route",
        "U-3": "other_ring",
    }


def test_an_order_that_cannot_be_in_time_says_so_at_once() -> None:
    outcome = sent(situation(duties=(duty(metres=1000),)), NEXT, at(1))
    assert not outcome.orders[0].target_feasible
    assert outcome.orders[0].why_en.endswith(" late")
    assert "expected" in outcome.orders[0].why_en
    assert "预计超时" in outcome.orders[0].why_zh


def test_ordering_takes_the_unit_stamps_t6_and_tells_incident_and_order_in_sequence() -> None:
    outcome = sent(situation(), NEXT, at(1))
    assert outcome.incident is not None
    assert outcome.incident.state is IncidentState.ORDERED
    assert outcome.incident.clocks[ClockName.ORDER_SENT] == Stamp(at(1), "dispatch")
    assert outcome.duties[0].state is UnitState.ASSIGNED
    assert [m.stream for m in outcome.messages] == ["patrol:incident", "patrol:order:core"]
    assert [int(json.loads(m.body)["sequence"]) for m in outcome.messages] == [1, 2]
    assert outcome.incident.sequence == 2


def test_an_incident_gets_one_order_however_often_it_is_asked() -> None:
    again = sent(ordered(), NEXT, at(2))
    assert again == Outcome()


def test_with_no_unit_free_nothing_moves_and_that_is_told() -> None:
    outcome = sent(situation(duties=(duty(state=UnitState.ON_SCENE),)), NEXT, at(1))
    assert (outcome.orders, outcome.duties, outcome.reason) == ((), (), SHORT)
    assert outcome.incident is not None
    assert (outcome.incident.state, outcome.incident.shortfall is not None) == (IncidentState.NEW, True)
    assert sent(situation(duties=()), NEXT, at(1)).reason == SHORT


def test_what_is_handled_waits_for_nobody() -> None:
    now = ordered()
    for kind in (ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE):
        now = after(now, receive(now, receipt(kind), at(9)))
    assert (now.incident.state, now.incident.crews_missing) == (IncidentState.HANDLED, 0)


def test_receipts_walk_the_incident_to_handled_and_free_the_unit() -> None:
    now = ordered()
    steps = [
        (ReceiptKind.ACCEPTED, IncidentState.ACCEPTED, UnitState.ASSIGNED, ClockName.UNIT_ACCEPTED),
        (ReceiptKind.EN_ROUTE, IncidentState.EN_ROUTE, UnitState.EN_ROUTE, ClockName.MOVING),
        (ReceiptKind.ON_SCENE, IncidentState.ON_SCENE, UnitState.ON_SCENE, ClockName.ON_SCENE),
        (ReceiptKind.DONE, IncidentState.HANDLED, UnitState.RETURNING, ClockName.HANDLED),
    ]
    for seconds, (kind, state, duty_state, clock) in enumerate(steps, start=5):
        now = after(now, receive(now, receipt(kind, seconds=seconds, place=north(10)), at(seconds)))
        assert now.incident.state is state
        assert now.duties[0].state is duty_state
        assert now.incident.clocks[clock].at == at(seconds)
        assert now.duties[0].place == north(10)
    assert now.duties[0].order_id is None


def test_a_late_receipt_moves_nothing_back() -> None:
    now = ordered()
    now = after(now, receive(now, receipt(ReceiptKind.ON_SCENE, seconds=40), at(40)))
    now = after(now, receive(now, receipt(ReceiptKind.ACCEPTED, seconds=5), at(41)))
    assert now.incident.state is IncidentState.ON_SCENE
    assert now.orders[0].state is OrderState.ON_SCENE
    again = receive(now, receipt(ReceiptKind.ACCEPTED, seconds=5), at(42))
    assert again == Outcome(reason="late receipt")


def test_an_order_keeps_when_its_terminal_had_it_and_moves_nowhere_by_that() -> None:
    now = ordered()
    outcome = receive(now, receipt(ReceiptKind.RECEIVED, seconds=3), at(4))
    assert (outcome.incident, outcome.messages, outcome.duties) == (None, (), ())
    now = after(now, outcome)
    assert (now.orders[0].state, now.orders[0].received_at) == (OrderState.SENT, at(3))
    again = receive(now, receipt(ReceiptKind.RECEIVED, seconds=9), at(9))
    assert again == Outcome(reason="late receipt")
    ended = after(now, receive(now, receipt(ReceiptKind.REJECTED), at(9)))
    assert receive(ended, receipt(ReceiptKind.RECEIVED, seconds=9), at(10)).orders == ()


def test_an_order_keeps_why_its_unit_said_no_and_when_it_set_out() -> None:
    declined = receive(ordered(), receipt(ReceiptKind.REJECTED, reason_code="busy"), at(5)).orders[0]
    assert (declined.declined_why, declined.ended_at) == ("busy", at(5))
    now = after(ordered(), receive(ordered(), receipt(ReceiptKind.EN_ROUTE, seconds=8), at(9)))
    assert now.orders[0].set_out_at == at(8)


def test_what_was_accepted_too_late_keeps_that_it_was_late() -> None:
    now = after(ordered(), dispatch.doubt(ordered(), 10.0, 1, at(11)))
    accepted = receive(now, receipt(ReceiptKind.ACCEPTED, seconds=12), at(12)).orders[0]
    assert (accepted.doubted_at, accepted.accepted_at) == (at(11), at(12))


def test_an_overtaken_arrival_still_stamps_the_rings_clock() -> None:
    now = ordered()
    now = after(now, receive(now, receipt(ReceiptKind.DONE, seconds=50), at(50)))
    assert ClockName.ON_SCENE not in now.incident.clocks
    now = after(now, receive(now, receipt(ReceiptKind.ON_SCENE, seconds=40), at(51)))
    assert now.incident.clocks[ClockName.ON_SCENE].at == at(40)
    assert now.incident.state is IncidentState.HANDLED
    assert dispatch.mark_overdue(now, at(300)).incident is None


def test_a_position_on_the_way_moves_the_unit_and_tells_nobody() -> None:
    now = ordered()
    now = after(now, receive(now, receipt(ReceiptKind.EN_ROUTE, seconds=6, place=north(90)), at(6)))
    outcome = receive(now, receipt(ReceiptKind.EN_ROUTE, seconds=7, place=north(80)), at(7))
    assert outcome.duties[0].place == north(80)
    assert outcome.messages == ()
    stale = receive(after(now, outcome), receipt(ReceiptKind.EN_ROUTE, seconds=6.5, place=north(85)), at(8))
    assert stale.duties == ()


def test_a_refusal_frees_the_unit_and_the_next_best_goes() -> None:
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200)))
    now = after(start, sent(start, "O-1", at(1)))
    now = after(now, receive(now, receipt(ReceiptKind.REJECTED), at(5)))
    assert now.incident.state is IncidentState.NEW
    assert now.orders[0].state is OrderState.REJECTED
    assert sent(now, NEXT, at(6)).orders[0].unit_id == "U-2"


def test_who_refused_is_not_asked_again_who_was_silent_only_last() -> None:
    refused = situation(orders=(order(state=OrderState.REJECTED),))
    assert sent(refused, NEXT, at(20)).reason == SHORT
    silent = situation(orders=(order(state=OrderState.EXPIRED),), duties=(duty("U-1", 10), duty("U-2", 500)))
    assert sent(silent, NEXT, at(20)).orders[0].unit_id == "U-2"
    only_silent = situation(orders=(order(state=OrderState.EXPIRED),))
    assert sent(only_silent, NEXT, at(20)).orders[0].unit_id == "U-1"


def test_a_silent_unit_stays_as_a_back_up_while_the_next_best_is_sent() -> None:
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200)))
    now = after(start, sent(start, "O-1", at(1)))
    assert dispatch.doubt(now, 10, 1, at(10.9)) == Outcome(reason="nothing waits")
    now = after(now, dispatch.doubt(now, 10, 1, at(11)))
    assert now.orders[0].state is OrderState.DOUBTED
    assert now.incident.state is IncidentState.ORDERED
    assert now.duties[0].state is UnitState.ASSIGNED
    now = after(now, sent(now, "O-2", at(11)))
    assert [(one.unit_id, one.state) for one in now.orders] == [
        ("U-1", OrderState.DOUBTED),
        ("U-2", OrderState.SENT),
    ]


def doubted() -> Situation:
    """U-1 has not answered in time, U-2 was sent."""
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200)))
    now = after(start, sent(start, "O-1", at(1)))
    now = after(now, dispatch.doubt(now, 10, 1, at(11)))
    return after(now, sent(now, "O-2", at(11)))


def test_who_accepts_first_goes_and_the_back_up_is_called_back() -> None:
    now = doubted()
    outcome = receive(now, receipt(ReceiptKind.ACCEPTED, "O-2", 13), at(13))
    now = after(now, outcome)
    assert [one.state for one in now.orders] == [OrderState.EXPIRED, OrderState.ACCEPTED]
    assert now.duties[0].state is UnitState.AVAILABLE
    recall = json.loads(outcome.messages[-1].body)
    assert (recall["type"], recall["data"]["reason"]) == ("cn.patrol.order.recall.v1", "expired")


def test_a_back_up_that_answers_after_all_goes_and_the_other_is_not_needed() -> None:
    now = doubted()
    outcome = receive(now, receipt(ReceiptKind.ACCEPTED, "O-1", 12), at(12))
    now = after(now, outcome)
    assert [one.state for one in now.orders] == [OrderState.ACCEPTED, OrderState.RECALLED]
    assert now.duties[1].state is UnitState.AVAILABLE
    assert json.loads(outcome.messages[-1].body)["data"]["reason"] == "not_needed"


def test_an_accepted_order_is_not_doubted() -> None:
    now = ordered()
    now = after(now, receive(now, receipt(ReceiptKind.ACCEPTED), at(5)))
    assert dispatch.doubt(now, 10, 1, at(100)).reason == "nothing waits"


def test_a_red_one_gets_several_crews_and_is_as_far_as_the_farthest() -> None:
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200), duty("U-3", 300)))
    now = after(start, sent(start, "O-1", at(1), crews=2))
    assert [one.unit_id for one in now.orders] == ["U-1", "U-2"]
    assert now.incident.crews_missing == 0
    now = after(now, receive(now, receipt(ReceiptKind.ACCEPTED, "O-1"), at(5), crews=2))
    assert [one.state for one in now.orders] == [OrderState.ACCEPTED, OrderState.SENT]
    now = after(now, receive(now, receipt(ReceiptKind.EN_ROUTE, "O-1"), at(6), crews=2))
    now = after(now, receive(now, receipt(ReceiptKind.ACCEPTED, "O-1-1"), at(7), crews=2))
    assert now.incident.state is IncidentState.EN_ROUTE
    now = after(now, receive(now, receipt(ReceiptKind.REJECTED, "O-1"), at(8), crews=2))
    assert now.incident.state is IncidentState.ACCEPTED
    assert now.incident.crews_missing == 1


def test_once_one_crew_has_handled_it_those_on_their_way_are_called_back() -> None:
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200)))
    now = after(start, sent(start, "O-1", at(1), crews=2))
    now = after(now, receive(now, receipt(ReceiptKind.DONE, "O-1"), at(50), crews=2))
    assert now.incident.state is IncidentState.HANDLED
    assert [one.state for one in now.orders] == [OrderState.DONE, OrderState.RECALLED]
    assert {each.state for each in now.duties} == {UnitState.AVAILABLE}


def test_how_many_are_missing_is_worked_out_when_one_falls_out() -> None:
    """Of two that were sent one is enough once it is less urgent."""
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200)))
    now = after(start, sent(start, "O-1", at(1), crews=2))
    now = after(now, receive(now, receipt(ReceiptKind.ACCEPTED, "O-1"), at(5), crews=2))
    silent = after(now, dispatch.doubt(now, 10, 1, at(11)))
    assert silent.incident.crews_missing == 0
    refused = after(now, receive(now, receipt(ReceiptKind.REJECTED, "O-1-1"), at(6), crews=1))
    assert refused.incident.crews_missing == 0
    both = after(now, dispatch.doubt(now, 10, 2, at(11)))
    assert both.incident.crews_missing == 1


def test_when_an_order_is_over_is_kept_with_it_however_it_ends() -> None:
    now = ordered()
    ways = {
        "refused": receive(now, receipt(ReceiptKind.REJECTED, seconds=54), at(54)),
        "done": receive(now, receipt(ReceiptKind.DONE, seconds=54), at(54)),
        "called back": feedback.close(now, Disposition.HANDLED, "li", "", at(54)),
    }
    for how, outcome in ways.items():
        assert [one.ended_at for one in outcome.orders] == [at(54)], how
    given_up = dispatch.give_up(after(now, dispatch.doubt(now, 10, 1, at(11))), 120, at(131))
    assert [one.ended_at for one in given_up.orders] == [at(131)]
    late = after(now, ways["done"])
    assert receive(late, receipt(ReceiptKind.ON_SCENE, seconds=40), at(60)).orders[0].ended_at == at(54)


def test_when_a_unit_accepted_is_kept_with_its_order_also_if_it_says_only_more() -> None:
    start = situation(duties=(duty("U-1", 100), duty("U-2", 200)))
    now = after(start, sent(start, "O-1", at(1), crews=2))
    now = after(now, receive(now, receipt(ReceiptKind.ACCEPTED, "O-1"), at(5), crews=2))
    now = after(now, receive(now, receipt(ReceiptKind.EN_ROUTE, "O-1", 9), at(9), crews=2))
    now = after(now, receive(now, receipt(ReceiptKind.EN_ROUTE, "O-1-1", 40), at(40), crews=2))
    assert [one.accepted_at for one in now.orders] == [at(5), at(40)]


def test_a_receipt_for_one_order_changes_nothing_of_what_its_unit_does_on_another() -> None:
    """As after an old backup was put back, when a unit may have two."""
    elsewhere = replace(ordered(), duties=(duty(state=UnitState.ON_SCENE, order_id=OrderId("O-7")),))
    for kind in (ReceiptKind.EN_ROUTE, ReceiptKind.DONE):
        outcome = receive(elsewhere, receipt(kind), at(5))
        assert [(one.state, one.order_id) for one in outcome.duties] == [(UnitState.ON_SCENE, "O-7")]


class TestWhereAReceiptSaysThatItsUnitIs:
    """It is judged as any other position is."""

    def on_its_way(self) -> Situation:
        now = ordered()
        known = replace(now.duties[0], place=north(20), fix_at=at(30), had_fix=True, fix_id="f-1")
        return replace(now, duties=(known,))

    def told(self, said: Receipt) -> Duty:
        return receive(self.on_its_way(), said, at(31)).duties[0]

    def test_a_late_one_moves_its_unit_not_back(self) -> None:
        duty = self.told(receipt(ReceiptKind.ACCEPTED, seconds=5, place=north(100)))
        assert (duty.place, duty.fix_at) == (north(20), at(30))

    def test_one_of_tomorrow_counts_from_when_it_came(self) -> None:
        duty = self.told(receipt(ReceiptKind.ACCEPTED, seconds=3600, place=north(25)))
        assert (duty.place, duty.fix_at) == (north(25), at(31))

    def test_one_that_has_jumped_is_not_believed_before_another_agrees(self) -> None:
        duty = self.told(receipt(ReceiptKind.ACCEPTED, seconds=31, place=north(900_000)))
        assert (duty.place, duty.fix_at, duty.jumped_to) == (north(20), at(30), north(900_000))

    def test_one_where_no_unit_can_be_changes_nothing_and_the_receipt_counts(self) -> None:
        outcome = receive(self.on_its_way(), receipt(ReceiptKind.ACCEPTED, seconds=31, place=Place(0.0, 0.0)), at(31))
        assert outcome.duties[0].place == north(20)
        assert outcome.orders[0].state is OrderState.ACCEPTED

    def test_a_refusal_that_comes_late_moves_its_unit_not_back_either(self) -> None:
        assert self.told(receipt(ReceiptKind.REJECTED, seconds=5, place=north(100))).place == north(20)

    def test_who_only_tells_so_much_does_not_count_as_one_that_sends_positions(self) -> None:
        now = ordered()
        duty = receive(now, receipt(ReceiptKind.ACCEPTED, place=north(90)), at(5)).duties[0]
        assert (duty.place, duty.fix_at, duty.had_fix, duty.fix_id) == (north(90), at(5), False, None)
        assert self.told(receipt(ReceiptKind.ACCEPTED, seconds=31, place=north(25))).fix_id == "f-1"


def test_what_an_earlier_life_s_orders_say_moves_nothing() -> None:
    reopened = replace(ordered(), incident=incident(life=2, reopened_at=at(100)))
    outcome = receive(reopened, receipt(ReceiptKind.ON_SCENE), at(101))
    assert outcome.incident is None
    assert reopened.open_orders == ()


def test_receipts_for_dead_or_unknown_orders_change_nothing() -> None:
    expired = situation(orders=(order(state=OrderState.EXPIRED),))
    assert receive(expired, receipt(ReceiptKind.ACCEPTED), at(20)).incident is None
    assert receive(expired, receipt(ReceiptKind.ACCEPTED, "O-77"), at(20)).reason == "unknown order"


def test_overdue_is_flagged_once_and_only_without_a_unit_on_scene() -> None:
    assert dispatch.mark_overdue(situation(), at(59)).reason == "not overdue"
    flagged = dispatch.mark_overdue(situation(), at(61))
    assert flagged.incident is not None
    assert flagged.incident.overdue
    assert dispatch.mark_overdue(situation(incident=flagged.incident), at(62)).incident is None
    in_time = incident().stamped(ClockName.ON_SCENE, at(50), "unit U-1")
    assert dispatch.mark_overdue(situation(incident=in_time), at(90)).incident is None


def test_arriving_late_is_overdue_even_if_nobody_ticked() -> None:
    now = ordered()
    outcome = receive(now, receipt(ReceiptKind.ON_SCENE, seconds=75), at(75))
    assert outcome.incident is not None
    assert outcome.incident.overdue


def test_only_the_first_display_is_stamped() -> None:
    shown = dispatch.display(situation(), "seat-1", at(1))
    assert shown.incident is not None
    assert shown.incident.clocks[ClockName.DISPLAYED] == Stamp(at(1), "seat-1")
    assert dispatch.display(situation(incident=shown.incident), "seat-2", at(2)).incident is None


def test_nobody_is_sent_to_what_is_closed() -> None:
    assert sent(situation(incident=incident(state=IncidentState.CLOSED)), NEXT, at(31)) == Outcome()


@given(st.data())
def test_whatever_happens_sequence_grows_units_are_never_double_booked_and_paths_are_legal(data: st.DataObject) -> None:
    now = situation(duties=tuple(duty(f"U-{n}", 50.0 * n) for n in range(1, 4)))
    sequence, number = now.incident.sequence, 0
    for second in range(data.draw(st.integers(1, 25))):
        number += 1
        action = data.draw(st.sampled_from(["assign", "receive", "doubt", "overdue", "display", "confirm", "close"]))
        try:
            outcome = _act(data, action, now, number, second)
        except IllegalTransition:
            continue
        told = [int(json.loads(m.body)["sequence"]) for m in outcome.messages]
        assert told == list(range(sequence + 1, sequence + 1 + len(told)))
        now = after(now, outcome)
        sequence += len(told)
        assert now.incident.sequence == sequence
        open_orders = [o for o in now.orders if o.is_open]
        assert sum(o.state is not OrderState.DOUBTED for o in open_orders) <= 1
        busy = {d.unit.id for d in now.duties if d.state is not UnitState.AVAILABLE}
        assert busy == {o.unit_id for o in open_orders}
        if now.incident.state is IncidentState.CLOSED:
            assert open_orders == []


def _act(data: st.DataObject, action: str, now: Situation, number: int, second: int) -> Outcome:
    when = at(5.0 * second)
    match action:
        case "assign":
            return sent(now, f"O-{number}", when)
        case "receive":
            known = [o.id for o in now.orders] or [OrderId("O-0")]
            kind = data.draw(st.sampled_from(list(ReceiptKind)))
            return receive(now, receipt(kind, data.draw(st.sampled_from(known)), 5.0 * second), when)
        case "doubt":
            return dispatch.doubt(now, 10, 1, when)
        case "overdue":
            return dispatch.mark_overdue(now, when)
        case "display":
            return dispatch.display(now, "seat", when)
        case "confirm":
            return feedback.confirm(now, "li", when)
        case _:
            return feedback.close(now, Disposition.HANDLED, "li", "", when)


def test_duty_of_finds_the_unit_or_nobody() -> None:
    assert situation().duty_of(UnitId("U-1")) is not None
    assert situation().duty_of(UnitId("U-9")) is None


@pytest.mark.parametrize("claimed_s", [-1e9, 1e9])
def test_a_unit_whose_clock_is_off_arrives_when_its_receipt_does(claimed_s: float) -> None:
    now = ordered()
    outcome = receive(now, receipt(ReceiptKind.ON_SCENE, seconds=claimed_s), at(30))
    assert outcome.incident is not None
    stamp = outcome.incident.clocks[ClockName.ON_SCENE]
    assert stamp.at == at(30)
    assert "clock is off" in stamp.source


def test_a_simulated_incident_never_moves_a_real_unit_nor_a_real_one_a_simulated_unit() -> None:
    made_up = incident(simulated=True)
    real, simulated = duty("U-1", 10), replace(duty("U-2"), unit=unit("U-2", home=north(900), simulated=True))
    assert sent(situation(incident=made_up, duties=(real, simulated)), NEXT).orders[0].unit_id == "U-2"
    assert sent(situation(duties=(real, simulated)), NEXT).orders[0].unit_id == "U-1"
    assert sent(situation(incident=made_up, duties=(real,)), NEXT, at(1)).orders == ()
