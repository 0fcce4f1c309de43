"""The record of an incident says what is kept of it, each thing once and in time's order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patrol.domain.deeds import CLOSED, CLOSING_ASKED, Action, Deed
from patrol.domain.events import Level
from patrol.domain.incident_record import Happening, KeptOfIncident, RecordEntry, record_of
from patrol.domain.incidents import (
    ClockName,
    Disposition,
    EarlierLife,
    Escalation,
    EscalationStep,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
    LevelChange,
    Stamp,
)
from patrol.domain.orders import Order, OrderState
from tests.builders import at, incident, order

HERE = IncidentId("I-1")


def told(*deeds: Deed, incidents: tuple[Incident, ...] = (), orders: tuple[Order, ...] = ()) -> list[RecordEntry]:
    return list(record_of(KeptOfIncident(incidents or (incident(),), orders, deeds)).entries)


def deed(action: Action, detail: str = "", seconds: float = 30, subject: str = HERE, **changes: str) -> Deed:
    return Deed(at(seconds), "wang", action, subject, detail, **changes)


def closed(number: int = 1, seconds: float = 30, by: str = "wang", **changes: object) -> Incident:
    clocks = {**incident(number).clocks, ClockName.CLOSED: Stamp(at(seconds), by)}
    return incident(number, state=IncidentState.CLOSED, clocks=clocks, closed_by=by, **changes)


def test_an_order_is_told_step_by_step_with_whoever_says_so() -> None:
    done = order(
        state=OrderState.DONE,
        sent_at=at(1),
        received_at=at(2),
        doubted_at=at(11),
        accepted_at=at(12),
        set_out_at=at(15),
        arrived_at=at(60),
        pressed_at=at(66),
        ended_at=at(300),
    )
    steps = [(entry.at, entry.what, entry.by_position) for entry in told(orders=(done,))]
    assert steps == [
        (at(1), Happening.ORDERED, False),
        (at(2), Happening.RECEIVED, False),
        (at(11), Happening.DOUBTED, False),
        (at(12), Happening.ACCEPTED, False),
        (at(15), Happening.EN_ROUTE, False),
        (at(60), Happening.ON_SCENE, True),
        (at(66), Happening.ON_SCENE, False),
        (at(300), Happening.DONE, False),
    ]
    first = told(orders=(done,))[0]
    assert (first.unit_id, first.who, first.why_en) == (done.unit_id, None, done.why_en)


def test_a_step_whose_time_nobody_kept_is_not_told() -> None:
    assert [entry.what for entry in told(orders=(order(state=OrderState.DONE),))] == [Happening.ORDERED]


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (OrderState.REJECTED, Happening.DECLINED),
        (OrderState.EXPIRED, Happening.EXPIRED),
        (OrderState.RECALLED, Happening.RECALLED),
    ],
)
def test_how_an_order_ended_is_told(state: OrderState, what: Happening) -> None:
    ended = order(state=state, sent_at=at(1), ended_at=at(9), declined_why="busy")
    last = told(orders=(ended,))[-1]
    assert (last.at, last.what, last.who) == (at(9), what, None)
    assert last.text == ("busy" if what is Happening.DECLINED else "")


def test_what_a_dispatcher_did_is_told_once_by_the_order_or_else_by_the_deed() -> None:
    sent = order("U-2", 2, sent_at=at(30), ordered_by="wang", recalled_by="wang", ended_at=at(40))
    sent = replace(sent, state=OrderState.RECALLED)
    deeds = deed(Action.ORDER_UNIT, "U-2"), deed(Action.TAKE_BACK, sent.id, 40)
    expected = [(at(30), Happening.ORDERED, "wang"), (at(40), Happening.RECALLED, "wang")]
    for orders in ((sent,), ()):
        assert [(entry.at, entry.what, entry.who) for entry in told(*deeds, orders=orders)] == expected


def test_a_change_of_level_says_what_it_was_before() -> None:
    change = LevelChange(at(30), "wang", Level.RED, Level.YELLOW, "fewer than it looked")
    kept = incident(level=Level.YELLOW, level_by="wang", level_changes=(change,))
    (entry,) = told(deed(Action.CHANGE_LEVEL, "yellow: fewer: 3 people"), incidents=(kept,))
    assert (entry.level_before, entry.level, entry.text) == (Level.RED, Level.YELLOW, "fewer: 3 people")
    (entry,) = told(deed(Action.CHANGE_LEVEL, "yellow: x"))
    assert (entry.level_before, entry.level) == (None, Level.YELLOW)


@pytest.mark.parametrize(
    ("detail", "disposition", "code", "other", "text"),
    [
        ("handled", Disposition.HANDLED, None, None, ""),
        ("handled went home\nall of them", Disposition.HANDLED, None, None, "went home\nall of them"),
        ("false_alarm (poster)", Disposition.FALSE_ALARM, FalseAlarmReason.POSTER, None, ""),
        ("false_alarm (poster) on the wall", Disposition.FALSE_ALARM, FalseAlarmReason.POSTER, None, "on the wall"),
        ("duplicate I-7 seen twice", Disposition.DUPLICATE, None, "I-7", "seen twice"),
        ("of a newer version", None, None, None, "of a newer version"),
    ],
)
def test_feedback_is_read_from_its_deed(
    detail: str, disposition: Disposition | None, code: FalseAlarmReason | None, other: str | None, text: str
) -> None:
    (entry,) = told(deed(Action.CLOSE, detail, led_to=CLOSED), incidents=(closed(),))
    assert (entry.what, entry.disposition, entry.reason_code) == (Happening.CLOSED, disposition, code)
    assert (entry.other_id, entry.text) == (other, text)


def test_a_drill_was_closed_as_one_whatever_was_said() -> None:
    (entry,) = told(deed(Action.CLOSE, "handled", led_to=CLOSED), incidents=(closed(drill=True),))
    assert entry.disposition is Disposition.DRILL


def test_of_two_people_the_first_asks_and_the_second_closes() -> None:
    asked = deed(Action.CLOSE, "handled", 20, led_to=CLOSING_ASKED)
    withdrawn = deed(Action.WITHDRAW_CLOSING, "", 25)
    last = deed(Action.CLOSE, "handled", 30, led_to=CLOSED)
    assert [entry.what for entry in told(asked, withdrawn, last, incidents=(closed(),))] == [
        Happening.CLOSING_ASKED,
        Happening.CLOSING_WITHDRAWN,
        Happening.CLOSED,
    ]


def test_what_no_person_closed_is_told_too_also_of_an_earlier_life() -> None:
    life = EarlierLife(
        life=1,
        disposition=Disposition.UNFOUNDED,
        reason_code=None,
        reason="nobody confirmed it",
        closed_by="rule",
        closing=None,
        clocks={ClockName.CLOSED: Stamp(at(10), "rule")},
        reopened_at=at(20),
        reopened_by="wang",
        reopened_why="it goes on",
    )
    again = closed(seconds=40, by="rule", disposition=Disposition.UNFOUNDED, history=(life,), life=2)
    entries = told(deed(Action.REOPEN, "it goes on", 20), incidents=(again,))
    assert [(entry.at, entry.what, entry.who, entry.text) for entry in entries] == [
        (at(10), Happening.CLOSED, "rule", "nobody confirmed it"),
        (at(20), Happening.REOPENED, "wang", "it goes on"),
        (at(40), Happening.CLOSED, "rule", ""),
    ]


@pytest.mark.parametrize("subject", [HERE, "I-2"])
@pytest.mark.parametrize("led_to", [HERE, ""])
def test_a_merge_is_told_once_whichever_of_the_two_it_was_done_from(subject: str, led_to: str) -> None:
    merged = closed(2, merged_into=HERE, disposition=Disposition.DUPLICATE)
    other = "I-2" if subject == HERE else HERE
    entries = told(deed(Action.MERGE, other, subject=subject, led_to=led_to), incidents=(incident(), merged))
    assert [(entry.what, entry.incident_id, entry.other_id, entry.who) for entry in entries] == [
        (Happening.MERGED, HERE, "I-2", "wang")
    ]


def test_what_became_part_of_another_says_so_where_its_deed_is_the_others() -> None:
    (entry,) = told(incidents=(closed(2, merged_into=HERE, disposition=Disposition.DUPLICATE),))
    assert (entry.what, entry.incident_id, entry.other_id, entry.who) == (Happening.MERGED, HERE, "I-2", "wang")


def test_a_split_is_told_on_both_sides() -> None:
    split = deed(Action.SPLIT, "A-2 -> I-9", led_to="I-9")
    for shown in (incident(), incident(9, split_from=HERE, split_by="wang")):
        (entry,) = told(split, incidents=(shown,))
        assert (entry.what, entry.incident_id, entry.other_id) == (Happening.SPLIT, HERE, "I-9")


def test_what_was_told_farther_up_stands_before_who_took_it_on() -> None:
    step = Escalation(EscalationStep.ROOM, at(25), "超时", "late", acknowledged_by="wang", acknowledged_at=at(30))
    entries = told(deed(Action.ACKNOWLEDGE), incidents=(incident(escalation=step),))
    assert [(entry.what, entry.step, entry.why_en) for entry in entries] == [
        (Happening.ESCALATED, EscalationStep.ROOM, "late"),
        (Happening.ACKNOWLEDGED, None, ""),
    ]


def test_only_the_newest_are_told_and_it_is_said_that_there_are_more() -> None:
    notes = tuple(deed(Action.NOTE, str(number), number) for number in range(10))
    kept = KeptOfIncident((incident(),), (), notes)
    cut, whole = record_of(kept, most=4), record_of(kept, most=10)
    assert ([entry.text for entry in cut.entries], cut.cut) == (["6", "7", "8", "9"], True)
    assert (len(whole.entries), whole.cut) == (10, False)
    assert record_of(replace(kept, is_cut=True)).cut


def test_a_deed_tells_no_address_and_what_is_no_incidents_is_left_out() -> None:
    entries = told(deed(Action.CONFIRM, source="10.0.0.9", request="0123456789"), deed(Action.PIN, "60 s"))
    assert [entry.what for entry in entries] == [Happening.CONFIRMED]
    assert "10.0.0.9" not in repr(entries)
    assert "0123456789" not in repr(entries)
