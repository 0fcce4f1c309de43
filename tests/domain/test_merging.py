"""Merging and splitting by hand: legal paths, no order lost, none doubled, and every alert belongs to one incident."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain import dispatch, feedback, merging, receiving
from patrol.domain.alerts import History, accept
from patrol.domain.board import Crews
from patrol.domain.closeness import MergePolicy
from patrol.domain.dispatch import Outcome, Situation
from patrol.domain.errors import Apart, IllegalTransition, NotTogether
from patrol.domain.events import Level
from patrol.domain.incidents import (
    LEVEL_CHANGES_KEPT,
    TRANSITIONS,
    AlertId,
    ClockName,
    Disposition,
    Incident,
    IncidentId,
    IncidentState,
    OrderId,
)
from patrol.domain.messages import incident_message
from patrol.domain.orders import Order, OrderState, Receipt, ReceiptKind
from patrol.domain.shortfalls import ShortfallReason
from patrol.domain.units import UnitState
from tests.builders import at, candidate, duty, incident, maintenance_incident, ring, sent
from tests.domain.test_closeness import first, second, seen_by

NEW_ID = IncidentId("I-new")
RED, BLUE = Level.RED, Level.BLUE


def opened(number: int, seconds: float = 0.0, **changes: object) -> Incident:
    found = accept(seen_by(number, 10.0 * number, seconds, **changes), History(None, None), at(seconds)).incident
    assert found is not None
    return found


def at_work(number: int, seconds: float, *kinds: ReceiptKind) -> Situation:
    """An incident with a unit of its own that has said so much."""
    situation = Situation(opened(number, seconds), (), (duty("U-1", 10.0), duty("U-2", 20.0), duty("U-3", 30.0)))
    busy = [replace(each, state=UnitState.ON_SCENE) for each in situation.duties if each.unit.id != f"U-{number}"]
    only = replace(situation, duties=(*(d for d in situation.duties if d.unit.id == f"U-{number}"), *busy))
    situation = after(situation, sent(only, f"O-{number}", at(seconds + 1)))
    for kind in kinds:
        receipt = Receipt(f"O-{number}", 1, "units", f"U-{number}", kind, at(seconds + 2))
        situation = after(situation, receiving.receive(situation, receipt, 1, at(seconds + 2)))
    return situation


def after(before: Situation, outcome: Outcome) -> Situation:
    orders = {order.id: order for order in (*before.orders, *outcome.orders)}
    duties = {each.unit.id: each for each in (*before.duties, *outcome.duties)}
    return Situation(outcome.incident or before.incident, tuple(orders.values()), tuple(duties.values()))


def alone(one: Incident) -> Situation:
    return Situation(one, (), (duty(),))


def incident_of(outcome: Outcome) -> Incident:
    assert outcome.incident is not None
    return outcome.incident


def test_the_earlier_one_goes_on_with_all_alerts_and_all_evidence_and_the_other_ends_in_it() -> None:
    stays, goes = merging.merge(alone(opened(2, 10.0)), alone(opened(1)), "li", at(30))
    kept, ended = incident_of(stays), incident_of(goes)
    assert (kept.id, ended.id) == ("I-1", "I-2")
    assert kept.alert_ids == ("A-1", "A-2")
    assert [witness.evidence_id[-1] for witness in kept.witnesses if witness.evidence_id] == ["1", "2"]
    assert kept.witnesses[1].operator == "li"
    assert kept.witnesses[1].why_en == "merged by li, from I-2"
    assert kept.witnesses[1].distance_m == pytest.approx(10, abs=0.1)
    assert (ended.state, ended.disposition, ended.merged_into) == (
        IncidentState.CLOSED,
        Disposition.DUPLICATE,
        "I-1",
    )
    assert (ended.closed_by, ended.clocks[ClockName.CLOSED].source) == ("li", "li")
    told = json.loads(goes.messages[0].body)["data"]
    assert (told["state"], told["merged_into"]) == ("closed", "I-1")
    assert [one["alert_id"] for one in json.loads(stays.messages[0].body)["data"]["cameras"]] == ["A-1", "A-2"]


def test_a_message_lists_the_first_camera_and_the_last_ones_and_stays_small() -> None:
    many = first()
    for number in range(2, 60):
        joined = second(many, seen_by(number, 0.5 * number)).incident
        assert joined is not None
        many = joined
    message = incident_message(many, at(60))
    data = json.loads(message.body)["data"]
    assert [one["camera_id"] for one in data["cameras"]] == ["C-1", *(f"C-{number}" for number in range(41, 60))]
    assert data["cameras_in_all"] == 59
    assert len(message.body.encode()) < 16_000


def test_the_one_whose_unit_is_farther_goes_on_and_the_others_order_is_withdrawn() -> None:
    early, late = at_work(1, 0.0), at_work(2, 10.0, ReceiptKind.ACCEPTED)
    stays, goes = merging.merge(early, late, "li", at(30))
    assert incident_of(stays).id == "I-2"
    assert stays.orders == ()
    assert [(one.id, one.state) for one in goes.orders] == [("O-1", OrderState.RECALLED)]
    assert [(one.unit.id, one.state) for one in goes.duties] == [("U-1", UnitState.AVAILABLE)]
    recall = json.loads(goes.messages[1].body)
    assert (recall["type"], recall["data"]["reason"]) == ("cn.patrol.order.recall.v1", "merged")
    assert incident_of(stays).accepted_at == at(0), "the clock is that of the first alert"
    assert incident_of(stays).clocks[ClockName.ORDER_SENT].at == at(11)


def test_what_was_written_down_about_both_is_kept_in_the_order_in_which_it_was() -> None:
    one, other = alone(opened(1, 0.0)), alone(opened(2, 10.0))
    one = after(one, feedback.note(one, "li", "second", at(6)))
    other = after(other, feedback.note(other, "wang", "first", at(5)))
    stays, _ = merging.merge(one, other, "li", at(50))
    assert [note.text for note in incident_of(stays).notes] == ["first", "second"]


@pytest.mark.parametrize("lowered_first", [True, False])
def test_who_lowered_a_red_one_closes_nothing_alone_that_it_was_merged_into(lowered_first: bool) -> None:
    numbers = (1, 2) if lowered_first else (2, 1)
    red, other = (alone(opened(n, 10.0 * n, level=level)) for n, level in zip(numbers, (RED, BLUE), strict=True))
    lowered = after(red, feedback.change_level(red, BLUE, "li", "smaller", at(40)))
    stays, _ = merging.merge(lowered, other, "li", at(50))
    kept = incident_of(stays)
    assert kept.highest_level is RED
    assert [(one.operator, one.before) for one in kept.level_changes] == [("li", RED)]
    assert (kept.id, kept.level) == (IncidentId("I-1"), BLUE)
    handled = (Disposition.HANDLED, "li", "nothing", at(60), None, {RED})
    asked = feedback.close(after(other, stays), *handled)
    assert (asked.reason, incident_of(asked).is_open) == (feedback.CLOSING_ASKED, True)


def test_changes_of_level_of_both_are_kept_in_their_order_and_no_more_than_of_one() -> None:
    one, other = alone(replace(opened(1), level=RED)), alone(replace(opened(2), level=RED))
    for number in range(40):
        level = BLUE if number % 2 else Level.YELLOW
        one = after(one, feedback.change_level(one, level, "li", str(number), at(100 + 2 * number)))
        other = after(other, feedback.change_level(other, level, "wang", str(number), at(101 + 2 * number)))
    changes = incident_of(merging.merge(one, other, "li", at(300))[0]).level_changes
    assert len(changes) == LEVEL_CHANGES_KEPT
    assert [change.at for change in changes] == [at(100), *(at(131 + number) for number in range(49))]


def test_no_unit_that_has_set_out_is_called_back() -> None:
    for one in (ReceiptKind.EN_ROUTE, ReceiptKind.ON_SCENE):
        for other in (ReceiptKind.EN_ROUTE, ReceiptKind.ON_SCENE):
            with pytest.raises(NotTogether) as raised:
                merging.merge(at_work(1, 0.0, one), at_work(2, 10.0, other), "li", at(30))
            assert raised.value.why is Apart.BOTH_OUT


def test_what_was_opened_again_after_somebody_was_there_is_merged_with_nothing() -> None:
    """Its target ran from its own t3 to that arrival; the other's runs, and is neither met nor missed by it."""
    done = at_work(1, 0.0, ReceiptKind.ACCEPTED, ReceiptKind.ON_SCENE, ReceiptKind.DONE)
    closed = after(done, feedback.close(done, Disposition.HANDLED, "li", "", at(100)))
    again = after(closed, feedback.reopen(closed, "li", "they are back", at(3600)))
    for other in (at_work(2, 3590.0, ReceiptKind.ACCEPTED), alone(opened(2, 3550.0))):
        with pytest.raises(NotTogether, match="close the other as its duplicate") as raised:
            merging.merge(again, other, "li", at(3610))
        assert raised.value.why is Apart.REACHED_BEFORE


def test_what_was_opened_again_before_anybody_was_there_is_merged_and_its_target_runs_on() -> None:
    one = alone(opened(1))
    closed = after(one, feedback.close(one, Disposition.HANDLED, "li", "", at(10)))
    again = after(closed, feedback.reopen(closed, "li", "they are back", at(20)))
    stays, _ = merging.merge(again, at_work(2, 15.0, ReceiptKind.ACCEPTED), "li", at(30))
    assert (incident_of(stays).id, incident_of(stays).accepted_at) == (IncidentId("I-2"), opened(1).accepted_at)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (opened(1), opened(1), Apart.ITSELF),
        (opened(1), replace(opened(2), state=IncidentState.CLOSED), Apart.CLOSED),
        (replace(opened(1), state=IncidentState.HANDLED), opened(2), Apart.HANDLED),
        (opened(1), maintenance_incident(2), Apart.MAINTENANCE),
        (opened(1), replace(opened(2), simulated=True), Apart.NOT_ALIKE),
        (replace(opened(1), simulated=True), replace(opened(2), simulated=True, drill=True), Apart.NOT_ALIKE),
    ],
)
def test_what_cannot_be_merged_says_why(one: Incident, other: Incident, why: Apart) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(NotTogether) as raised:
            merging.merge(alone(pair[0]), alone(pair[1]), "li", at(30))
        assert raised.value.why is why


def test_a_drill_may_be_merged_with_a_drill_and_kinds_of_any_family_by_hand() -> None:
    drills = [replace(opened(number), simulated=True, drill=True) for number in (1, 2)]
    assert incident_of(merging.merge(alone(drills[0]), alone(drills[1]), "li", at(30))[0]).drill
    fall = replace(opened(2), kind=candidate().event.kind)
    assert incident_of(merging.merge(alone(opened(1)), alone(fall), "li", at(30))[0]).id == "I-1"


def test_what_was_shown_and_confirmed_of_either_stays_so() -> None:
    shown = dispatch.display(alone(opened(2, 10.0)), "seat", at(12))
    confirmed = feedback.confirm(after(alone(opened(2, 10.0)), shown), "wang", at(13))
    stays, _ = merging.merge(alone(opened(1)), alone(incident_of(confirmed)), "li", at(30))
    clocks = incident_of(stays).clocks
    assert (clocks[ClockName.DISPLAYED].at, clocks[ClockName.CONFIRMED].source) == (at(12), "wang")


def test_a_camera_leaves_for_an_incident_of_its_own_with_the_clocks_of_its_alert() -> None:
    both = second(first(level=Level.YELLOW), seen_by(2, level=Level.RED)).incident
    assert both is not None
    left, new = merging.split(alone(both), AlertId("A-2"), NEW_ID, "li", at(60))
    rest, own = incident_of(left), incident_of(new)
    assert (rest.alert_ids, rest.level) == (("A-1",), Level.YELLOW)
    assert (own.id, own.alert_ids, own.level) == (NEW_ID, ("A-2",), Level.RED)
    assert (own.split_from, own.split_by) == ("I-1", "li")
    assert (own.state, own.camera_id, own.evidence_id) == (IncidentState.NEW, "C-2", both.witnesses[1].evidence_id)
    assert (own.clocks[ClockName.BEGAN].at, own.accepted_at) == (at(4), at(20))
    assert own.witnesses[0].why_en == ""
    assert json.loads(new.messages[0].body)["data"]["split_from"] == "I-1"


def test_what_was_merged_by_mistake_comes_apart_again() -> None:
    stays, _ = merging.merge(alone(opened(1)), alone(opened(2, 10.0)), "li", at(30))
    left, new = merging.split(alone(incident_of(stays)), AlertId("A-2"), NEW_ID, "li", at(60))
    assert incident_of(left).alert_ids == ("A-1",)
    assert incident_of(new).alert_ids == ("A-2",)
    assert incident_of(new).accepted_at == at(10)


def test_whether_who_is_under_way_is_late_goes_by_the_target_as_it_is_after_a_merge_and_after_a_split() -> None:
    slow = opened(1, ring=ring(response_target_s=300.0))
    alone_on_duty = Situation(slow, (), (duty("U-1", 200.0),))
    going = after(alone_on_duty, sent(alone_on_duty, "O-1", at(1)))
    assert going.incident.shortfall is None
    stays, _ = merging.merge(going, alone(opened(2)), "li", at(30))
    merged = incident_of(stays)
    assert merged.shortfall is not None
    assert (merged.shortfall.reason, merged.shortfall.missing, merged.shortfall.unit_id) == (
        ShortfallReason.NOBODY_IN_TIME,
        0,
        "U-1",
    )
    left, own = merging.split(after(going, stays), AlertId("A-2"), NEW_ID, "li", at(40))
    assert incident_of(left).shortfall is None
    assert incident_of(own).shortfall is None  # nobody has looked for somebody yet


def test_what_cannot_be_split_says_why() -> None:
    both = second(first(), seen_by(2)).incident
    assert both is not None
    wrong: list[tuple[Incident, str, Apart]] = [
        (both, "A-1", Apart.FIRST),
        (first(), "A-1", Apart.FIRST),
        (both, "A-77", Apart.NO_SUCH_ALERT),
        (replace(both, state=IncidentState.CLOSED), "A-2", Apart.CLOSED),
        (maintenance_incident(), "A-2", Apart.MAINTENANCE),
    ]
    for one, alert_id, why in wrong:
        with pytest.raises(NotTogether) as raised:
            merging.split(alone(one), AlertId(alert_id), NEW_ID, "li", at(60))
        assert raised.value.why is why


def test_old_incidents_without_witnesses_are_merged_too() -> None:
    other = incident(2, fingerprint="C-9/x", alert_ids=(AlertId("A-9"),))
    stays, _ = merging.merge(alone(incident(1)), alone(other), "li", at(30))
    assert incident_of(stays).alert_ids == ("A-1", "A-9")


class Room:
    """Incidents with their orders and shared duties, and every message in its order."""

    def __init__(self) -> None:
        self.incidents: dict[IncidentId, Incident] = {}
        self.owner: dict[AlertId, IncidentId] = {}
        self.duties = {each.unit.id: each for each in (duty("U-1", 10.0), duty("U-2", 20.0), duty("U-3", 30.0))}
        self.orders: dict[IncidentId, dict[OrderId, Order]] = {}
        self.told: dict[str, list[tuple[int, str]]] = {}

    def situation(self, incident_id: IncidentId) -> Situation:
        orders = tuple(self.orders.get(incident_id, {}).values())
        return Situation(self.incidents[incident_id], orders, tuple(self.duties.values()))

    def take(self, outcomes: Sequence[Outcome], *, together: bool = False) -> None:
        for outcome in outcomes:
            found = outcome.incident
            for one in outcome.orders:
                self.orders.setdefault(one.incident_id, {})[one.id] = one
            for each in outcome.duties:
                self.duties[each.unit.id] = each
            for message in outcome.messages:
                body = json.loads(message.body)
                state = body["data"].get("state") if body["type"] == "cn.patrol.incident.v1" else None
                self.told.setdefault(body["subject"], []).append((int(body["sequence"]), state or ""))
            if found is not None:
                self.incidents[found.id] = found
                if together and found.merged_into is None:
                    self.owner.update(dict.fromkeys(found.alert_ids, found.id))


@pytest.mark.parametrize(
    ("stays", "goes", "level", "by"),
    [
        # Each: its level by what was seen, and the level that an operator gave it, if one did.
        ((Level.BLUE, None), (Level.RED, None), Level.RED, None),
        ((Level.RED, Level.BLUE), (Level.YELLOW, None), Level.YELLOW, None),
        ((Level.RED, Level.BLUE), (Level.GREEN, None), Level.BLUE, "zhao"),
        ((Level.YELLOW, None), (Level.RED, Level.BLUE), Level.YELLOW, None),
        ((Level.BLUE, None), (Level.GREEN, Level.RED), Level.RED, "zhao"),
    ],
)
def test_of_two_levels_the_more_urgent_goes_on_and_no_operators_word_is_undone(
    stays: tuple[Level, Level | None], goes: tuple[Level, Level | None], level: Level, by: str | None
) -> None:
    def rated(number: int, seen: Level, said: Level | None) -> Situation:
        one = alone(opened(number, 10.0 * number, level=seen))
        return one if said is None else after(one, feedback.change_level(one, said, "zhao", "so", at(30)))

    going_on, _ = merging.merge(rated(1, *stays), rated(2, *goes), "li", at(40))
    assert (incident_of(going_on).level, incident_of(going_on).level_by) == (level, by)


def test_feedback_that_waited_for_a_second_person_does_not_outlive_a_merge() -> None:
    first_one, other = alone(opened(1, 0.0)), alone(opened(2, 10.0))
    red = frozenset({Level.RED})
    asked = [
        after(each, feedback.close(each, Disposition.HANDLED, "zhao", "settled", at(20), None, red))
        for each in (first_one, other)
    ]
    for outcome in merging.merge(asked[0], asked[1], "li", at(30)):
        assert incident_of(outcome).closing is None
        assert ClockName.FEEDBACK not in incident_of(outcome).clocks


@given(st.data())
def test_whatever_is_merged_split_ordered_and_closed_every_alert_has_one_incident_and_all_paths_are_legal(
    data: st.DataObject,
) -> None:
    room = Room()
    draw = data.draw
    for step in range(draw(st.integers(3, 30))):
        now = at(5.0 * step)
        action = draw(st.sampled_from(["accept", "accept", "assign", "receive", "merge", "split", "doubt", "close"]))
        ids = sorted(room.incidents)
        if action == "accept" or not ids:
            made = seen_by(step + 1, draw(st.floats(0, 200)), 5.0 * step, level=draw(st.sampled_from(list(Level))))
            nearby = tuple(one for one in room.incidents.values() if one.is_open)
            decided = accept(made, History(None, None, nearby=nearby), now, MergePolicy())
            assert decided.alert is not None
            assert decided.incident is not None
            room.owner[decided.alert.id] = decided.incident.id
            told = dispatch.told(Outcome(incident=decided.incident), now)
            room.take([told])
            continue
        one = draw(st.sampled_from(ids))
        situation = room.situation(one)
        try:
            match action:
                case "assign":
                    room.take([sent(situation, f"O-{step}", now)])
                case "receive" if situation.orders:
                    chosen = draw(st.sampled_from([order.id for order in situation.orders]))
                    kind = draw(st.sampled_from(list(ReceiptKind)))
                    receipt = Receipt(chosen, 1, "units", "U-1", kind, now)
                    room.take([receiving.receive(situation, receipt, 1, now)])
                case "merge":
                    other = room.situation(draw(st.sampled_from(ids)))
                    room.take(merging.merge(situation, other, "li", now), together=True)
                case "split":
                    alert_id = draw(st.sampled_from(sorted(room.owner)))
                    new_id = IncidentId(f"I-split-{step}")
                    room.take(merging.split(situation, alert_id, new_id, "li", now), together=True)
                case "doubt":
                    room.take([dispatch.doubt(situation, 5.0, 1, now)])
                case "close":
                    room.take([feedback.close(situation, Disposition.HANDLED, "li", "", now)])
        except IllegalTransition:
            continue
        _check(room)


def _check(room: Room) -> None:
    for alert_id, owner in room.owner.items():
        holders = [one.id for one in room.incidents.values() if alert_id in one.alert_ids and one.merged_into is None]
        assert holders == [owner]
    for one in room.incidents.values():
        assert set(one.alert_ids) == {alert_id for witness in one.witnesses for alert_id in witness.alert_ids}
        if one.merged_into is not None:
            assert one.state is IncidentState.CLOSED
            assert one.merged_into in room.incidents
    open_orders = [
        (incident_id, order)
        for incident_id, orders in room.orders.items()
        for order in orders.values()
        if order.is_open
    ]
    standing = [incident_id for incident_id, order in open_orders if order.state is not OrderState.DOUBTED]
    assert len(set(standing)) == len(standing), "one order an incident, beside back-ups"
    assert all(room.incidents[incident_id].is_open for incident_id, _ in open_orders)
    assert len({order.unit_id for _, order in open_orders}) == len(open_orders)
    busy = {each.unit.id for each in room.duties.values() if each.state is not UnitState.AVAILABLE}
    assert busy == {order.unit_id for _, order in open_orders}
    for said in room.told.values():
        assert [sequence for sequence, _ in said] == list(range(1, len(said) + 1))
        states = [IncidentState(state) for _, state in said if state]
        assert all(old == new or new in TRANSITIONS[old] for old, new in pairwise(states))


def test_who_goes_on_wants_as_many_crews_as_it_does_now_and_so_do_two_that_were_one() -> None:
    crews = Crews({Level.RED: 3, Level.YELLOW: 1})
    lesser, red = at_work(1, 0.0, ReceiptKind.ACCEPTED), Situation(opened(2, 5.0), (), ())
    lesser = replace(lesser, incident=replace(lesser.incident, level=Level.YELLOW))
    stays, goes = merging.merge(lesser, red, "li", at(20), crews)
    assert stays.incident is not None
    assert goes.incident is not None
    assert (stays.incident.level, stays.incident.crews_missing) == (Level.RED, 2)
    assert goes.incident.crews_missing == 0
    merged = after(lesser, stays)
    left, new = merging.split(merged, merged.incident.witnesses[-1].alert_ids[0], NEW_ID, "li", at(30), crews)
    assert left.incident is not None
    assert new.incident is not None
    assert (left.incident.crews_missing, new.incident.crews_missing) == (2, 3)
