"""How far up what is late is told: each step once in a life, and not past somebody who has taken it on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.escalating import (
    CAUSES_KEPT,
    COUNTS,
    FollowUpPolicy,
    TimedStep,
    acknowledge,
    due_steps,
    escalate,
    is_reminder_due,
    remind,
)
from patrol.domain.events import Level
from patrol.domain.incidents import (
    ClockName,
    ClosingRequest,
    Disposition,
    Escalation,
    EscalationStep,
    Incident,
    IncidentState,
    Stamp,
)
from patrol.domain.lateness import Lateness, LatenessKind, overdue, watch_of
from patrol.domain.messages import incident_message
from patrol.domain.orders import Order, OrderState
from patrol.domain.shortfalls import ShortfallReason
from patrol.domain.units import UnitState
from tests.builders import at, duty, incident, maintenance_incident, order, ring, sent, situation, unit

USUAL = FollowUpPolicy()
NEXT, SUPERVISOR, ROOM = EscalationStep
BUSY = duty(state=UnitState.EN_ROUTE)


def late(kind: LatenessKind = LatenessKind.TARGET_PASSED, since_s: float = 60, **changes: Any) -> Lateness:
    return replace(Lateness(kind, incident().id, at(since_s), "超时", "late"), **changes)


def due(of: Incident, seconds: float, *causes: Lateness, **more: Any) -> list[EscalationStep]:
    return [one.step for one in due_steps(of, causes, USUAL, at(seconds), **more)]


def after(before: Situation, outcome: Outcome) -> Situation:
    return replace(before, incident=outcome.incident or before.incident)


def waiting(**changes: Any) -> Situation:
    """A red incident that nobody is free for, and that says so from the beginning."""
    alone = situation(duties=(BUSY,), **changes)
    return after(alone, sent(alone, when=at(0)))


@pytest.mark.parametrize(
    ("level", "after_s"),
    [(Level.RED, (0, 20, 45)), (Level.YELLOW, (30, 60, 120)), (Level.BLUE, (60, 300)), (Level.GREEN, (120, 600))],
)
def test_each_level_has_its_steps_after_the_first_thing_got_late(level: Level, after_s: Sequence[float]) -> None:
    of = incident(level=level)
    for number, seconds in enumerate(after_s):
        assert due(of, 60 + seconds - 0.01, late()) == list(EscalationStep)[:number]
        assert due(of, 60 + seconds, late()) == list(EscalationStep)[: number + 1]
    assert due(of, 10**6, late()) == list(EscalationStep)[: len(after_s)]


def test_the_first_thing_that_got_late_counts_not_the_last() -> None:
    assert due(incident(), 65, late(since_s=64)) == [NEXT]
    assert due(incident(), 65, late(since_s=64), late(LatenessKind.NOBODY_SENT, 40)) == [NEXT, SUPERVISOR]


def test_of_another_incident_nothing_counts() -> None:
    assert due(incident(2), 10**6, late()) == []
    assert due(incident(state=IncidentState.CLOSED), 10**6, late()) == []


def test_feedback_and_a_second_person_are_asked_for_and_told_no_farther_up() -> None:
    for kind in LatenessKind:
        assert bool(due(incident(), 10**6, late(kind))) is (kind in COUNTS)
    assert frozenset(LatenessKind) - COUNTS == {
        LatenessKind.NO_FEEDBACK,
        LatenessKind.CLOSING_WAITS_FOR_SECOND_PERSON,
    }


def test_a_step_that_is_due_says_since_when_and_for_what() -> None:
    causes = (late(), late(LatenessKind.NOBODY_SENT, 50))
    found = due_steps(incident(), causes, USUAL, at(71))
    assert [(one.step, one.since, one.causes) for one in found] == [
        (NEXT, at(50), causes),
        (SUPERVISOR, at(70), causes),
    ]


def test_what_is_late_is_told_with_the_incident_in_both_languages() -> None:
    silent = situation(incident=incident(state=IncidentState.ORDERED), orders=(order(),))
    outcome = escalate(silent, USUAL, at(12))
    assert outcome.incident is not None
    assert outcome.incident.escalation == Escalation(
        NEXT,
        at(12),
        "联勤1组 10 秒内没有签收",
        "Joint 1 has not accepted within 10 s",
        causes=("order_not_accepted/O-1",),
    )
    assert outcome.reason == "escalated"
    (message,) = outcome.messages
    body = json.loads(message.body)
    assert (message.stream, body["type"], int(body["sequence"])) == ("patrol:incident", "cn.patrol.incident.v1", 1)
    assert body["data"]["escalation"] == {
        "step": "next_unit",
        "at": "2026-01-01T12:00:12.000+00:00",
        "why": {"zh": "联勤1组 10 秒内没有签收", "en": "Joint 1 has not accepted within 10 s"},
        "acknowledged_by": None,
        "acknowledged_at": None,
    }


def test_before_anything_is_late_and_after_everything_was_told_nothing_is_changed() -> None:
    assert escalate(situation(), USUAL, at(1)) == Outcome(reason="nothing to escalate")
    told = after(waiting(), escalate(waiting(), USUAL, at(100)))
    assert told.incident.escalation is not None
    assert told.incident.escalation.step is ROOM
    assert escalate(told, USUAL, at(10**6)) == Outcome(reason="nothing to escalate")


def test_who_was_away_takes_the_highest_step_that_is_due_and_not_each_in_turn() -> None:
    silent = situation(incident=incident(state=IncidentState.ORDERED), orders=(order(),))
    outcome = escalate(silent, USUAL, at(11 + 21))
    assert outcome.incident is not None
    assert outcome.incident.escalation is not None
    assert outcome.incident.escalation.step is SUPERVISOR
    assert len(outcome.messages) == 1


def test_an_acknowledgement_is_told_and_stops_the_higher_steps() -> None:
    now = after(waiting(), escalate(waiting(), USUAL, at(3)))
    outcome = acknowledge(now, "李明", at(5))
    assert (outcome.reason, len(outcome.messages)) == ("acknowledged", 1)
    told = json.loads(outcome.messages[0].body)["data"]["escalation"]
    assert (told["acknowledged_by"], told["acknowledged_at"][:19]) == ("李明", "2026-01-01T12:00:05")
    now = after(now, outcome)
    assert now.incident.escalation is not None
    assert (now.incident.escalation.step, now.incident.escalation.acknowledged_at) == (SUPERVISOR, at(5))
    assert escalate(now, USUAL, at(59)) == Outcome(reason="nothing to escalate")


def test_something_else_that_gets_late_lifts_the_acknowledgement_after_the_time_of_its_step() -> None:
    now = after(waiting(), escalate(waiting(), USUAL, at(3)))
    now = after(now, acknowledge(now, "Li", at(5)))
    assert escalate(now, USUAL, at(79.9)).incident is None  # the target has passed at 60
    raised = after(now, escalate(now, USUAL, at(80.1)))
    last = raised.incident.escalation
    assert last is not None
    assert (last.step, last.acknowledged_by, last.why_en) == (SUPERVISOR, None, "nobody was on scene within 60 s")
    assert escalate(raised, USUAL, at(104)).incident is None  # what was taken on before counts no more
    higher = after(raised, escalate(raised, USUAL, at(105.1)))
    assert higher.incident.escalation is not None
    assert higher.incident.escalation.step is ROOM


def test_what_comes_and_goes_with_one_order_is_taken_on_once() -> None:
    taken_on = Escalation(NEXT, at(50), "", "", "Li", at(55), taken_on=("position_silent/O-1",), taken_on_at=at(55))
    of = incident(state=IncidentState.EN_ROUTE, escalation=taken_on)
    silent = late(LatenessKind.POSITION_SILENT, 100, order_id=order().id)
    assert due(of, 10**6, silent) == []
    assert due(of, 10**6, replace(silent, order_id=order(number=2).id)) == [NEXT, SUPERVISOR, ROOM]
    assert due(of, 10**6, late(LatenessKind.NOBODY_SENT, 100)) == [NEXT, SUPERVISOR, ROOM]


def test_where_there_is_nothing_to_acknowledge_nothing_is_changed() -> None:
    nothing = Outcome(reason="nothing to acknowledge")
    assert acknowledge(situation(), "Li", at(5)) == nothing
    now = after(waiting(), escalate(waiting(), USUAL, at(3)))
    taken_on = after(now, acknowledge(now, "Li", at(5)))
    assert acknowledge(taken_on, "Wang", at(6)) == nothing
    closed = replace(now, incident=replace(now.incident, state=IncidentState.CLOSED))
    assert acknowledge(closed, "Li", at(5)) == nothing


def test_a_reopened_incident_begins_at_the_first_step_and_has_nothing_acknowledged() -> None:
    now = after(waiting(), escalate(waiting(), USUAL, at(100)))
    again = replace(now.incident, life=2, reopened_at=at(5000), shortfall=None)
    assert again.standing_escalation is None
    reopened = replace(now, incident=again, duties=(duty(),))
    assert acknowledge(reopened, "Li", at(5001)).incident is None
    assert escalate(reopened, USUAL, at(5001)).incident is None
    outcome = escalate(reopened, USUAL, at(5003))
    assert outcome.incident is not None
    assert outcome.incident.escalation is not None
    assert (outcome.incident.escalation.step, outcome.incident.escalation.life) == (NEXT, 2)


def test_with_nobody_free_a_red_one_is_at_the_supervisors_at_once_and_a_blue_one_in_its_time() -> None:
    outcome = escalate(waiting(), USUAL, at(0.1))
    assert outcome.incident is not None
    last = outcome.incident.escalation
    assert last is not None
    words = "可派的警力均在执行任务", "all who may go are busy"  # how many are missing is said by the incident alone
    assert (last.step, last.why_zh, last.why_en) == (SUPERVISOR, *words)
    assert last.causes == ("shortfall/all_busy",)
    blue = waiting(incident=incident(level=Level.BLUE))
    assert escalate(blue, USUAL, at(59)).incident is None
    assert escalate(blue, USUAL, at(60)).incident is not None


def test_with_nobody_in_time_a_red_one_is_at_the_supervisors_when_its_unit_is_sent() -> None:
    far = situation(duties=(duty(metres=1000),))
    hopeless = after(far, sent(far))
    found = hopeless.incident.shortfall
    assert found is not None
    assert (found.reason, found.since) == (ShortfallReason.NOBODY_IN_TIME, at(1))
    told = escalate(hopeless, USUAL, at(1.1)).incident
    assert told is not None
    assert told.escalation is not None
    assert (told.escalation.step, told.escalation.why_en) == (SUPERVISOR, found.en)
    assert "Joint 1 is soonest, in 8:25, 7:26 late" in found.en


def test_that_only_a_second_crew_is_missing_is_told_no_farther_up_but_that_the_first_is_late_is() -> None:
    for metres, steps in ((10, []), (900, [NEXT, SUPERVISOR])):
        alone = situation(duties=(duty(metres=metres),))
        one_of_two = after(alone, sent(alone, when=at(1), crews=2))
        assert one_of_two.incident.shortfall is not None
        assert one_of_two.incident.shortfall.missing == 1
        assert [one.step for one in due_steps(one_of_two.incident, (), USUAL, at(2))] == steps


def test_a_shortfall_that_somebody_has_taken_on_is_told_no_farther_up_though_its_reason_changes() -> None:
    now = waiting()
    now = after(now, escalate(now, USUAL, at(1)))
    now = after(now, acknowledge(now, "Li", at(2)))
    off = (duty(state=UnitState.OFF_DUTY),)
    changed = after(now, sent(replace(now, duties=off), when=at(5)))
    assert changed.incident.shortfall is not None
    assert (changed.incident.shortfall.reason, changed.incident.shortfall.since) == (
        ShortfallReason.NONE_ON_DUTY,
        at(0),
    )
    assert due_steps(changed.incident, (), USUAL, at(10**5)) == ()


def test_steps_follow_the_policy() -> None:
    policy = replace(USUAL, steps={Level.RED: (TimedStep(5, ROOM),)}, on_shortfall={})
    assert [one.step for one in due_steps(incident(), (late(),), policy, at(66))] == [ROOM]
    assert due_steps(incident(level=Level.BLUE), (late(),), policy, at(10**6)) == ()
    slow = USUAL.for_rings({one: ring(one, accept_within_s=99.0) for one in USUAL.late_after.accept_s})
    assert set(slow.late_after.accept_s.values()) == {99.0}
    assert slow.steps == USUAL.steps


def test_of_an_earlier_life_nothing_is_told() -> None:
    last = Escalation(ROOM, at(100), "", "")
    of = incident(escalation=last, reminders=2, reminded_at=at(150), life=2, reopened_at=at(5000))
    data = json.loads(incident_message(of, at(5001)).body)["data"]
    assert (data["escalation"], data["reminders"]) == (None, 0)


def handled(level: Level = Level.RED, **changes: Any) -> Incident:
    plain = incident(state=IncidentState.HANDLED, level=level)
    return replace(plain, clocks={**plain.clocks, ClockName.HANDLED: Stamp(at(100), "unit U-1")}, **changes)


@pytest.mark.parametrize("level", list(Level))
def test_feedback_is_asked_for_when_it_is_late_and_then_as_often_as_the_level_says(level: Level) -> None:
    feedback_s, every_s = USUAL.late_after.feedback_s[level], USUAL.remind_every_s[level]
    now, told_at = situation(incident=handled(level)), []
    for seconds in range(0, 86_400, 10):
        outcome = remind(now, USUAL, at(seconds))
        if outcome.incident is not None:
            told_at.append(seconds)
            assert json.loads(outcome.messages[0].body)["data"]["reminders"] == len(told_at)
        now = after(now, outcome)
    assert told_at[0] == 100 + feedback_s + 10
    between = [later - sooner for sooner, later in pairwise(told_at)]
    assert set(between[: USUAL.reminders - 1]) == {every_s}
    assert set(between[USUAL.reminders - 1 :]) == {3600}, "not as often, and without an end"
    assert told_at[-1] > 86_400 - 3600


@pytest.mark.parametrize("state", [IncidentState.NEW, IncidentState.EN_ROUTE, IncidentState.ON_SCENE])
def test_the_second_person_of_a_closing_is_asked_for_until_there_is_one(state: IncidentState) -> None:
    waits = incident(state=state, closing=ClosingRequest(Disposition.HANDLED, None, "", "li", at(500)))
    now, told_at = situation(incident=waits), []
    for seconds in range(0, 900, 10):
        outcome = remind(now, USUAL, at(seconds))
        told_at += [seconds] if outcome.incident is not None else []
        now = after(now, outcome)
    assert told_at == [630, 750, 870]
    assert not is_reminder_due(waits.not_closing(), USUAL, at(10**6))
    assert not is_reminder_due(replace(waits, state=IncidentState.CLOSED), USUAL, at(10**6))


def test_who_was_away_does_not_make_up_for_reminders() -> None:
    once = after(situation(incident=handled()), remind(situation(incident=handled()), USUAL, at(9000)))
    assert (once.incident.reminders, once.incident.reminded_at) == (1, at(9000))
    assert not is_reminder_due(once.incident, USUAL, at(9119))
    assert is_reminder_due(once.incident, USUAL, at(9120))


def test_nobody_is_reminded_of_what_is_not_handled_or_closed_or_maintenance() -> None:
    for state in set(IncidentState) - {IncidentState.HANDLED}:
        assert remind(situation(incident=replace(handled(), state=state)), USUAL, at(10**6)).incident is None
    assert remind(situation(incident=maintenance_incident()), USUAL, at(10**6)).incident is None
    assert remind(situation(incident=handled()), replace(USUAL, reminders=0), at(10**6)).incident is None


def test_reminders_are_counted_anew_in_a_new_life() -> None:
    before = handled(reminders=12, reminded_at=at(3000))
    assert not is_reminder_due(before, USUAL, at(3120))
    again = replace(before, life=2, reopened_at=at(5000))
    assert again.reminders_in_life == 0
    outcome = remind(situation(incident=again), USUAL, at(5301))
    assert outcome.incident is not None
    assert outcome.incident.reminders == 1


def test_what_was_taken_on_is_remembered_up_to_a_bound() -> None:
    many = tuple(f"position_silent/O-{number}" for number in range(100))
    last = Escalation(NEXT, at(1), "", "", causes=many[50:], taken_on=many[:50], taken_on_at=at(0))
    outcome = acknowledge(situation(incident=incident(escalation=last)), "Li", at(5))
    assert outcome.incident is not None
    assert outcome.incident.escalation is not None
    assert outcome.incident.escalation.taken_on == many[-CAUSES_KEPT:]


EVENTS = st.lists(
    st.tuples(
        st.floats(0.1, 40), st.sampled_from(["look", "look", "look", "acknowledge", "reopen", "send", "silence"])
    ),
    max_size=40,
)


@given(EVENTS, st.sampled_from(Level))
def test_no_step_is_taken_twice_in_a_life_but_after_an_acknowledgement(
    events: list[tuple[float, str]], level: Level
) -> None:
    now, seconds, number = waiting(incident=incident(level=level)), 0.0, 0
    taken: list[EscalationStep] = []
    for passed_s, what in events:
        seconds += passed_s
        then = at(round(seconds, 3))
        if what == "look":
            outcome = escalate(now, USUAL, then)
            now = after(now, outcome)
            if outcome.incident is not None:
                assert outcome.incident.escalation is not None
                step = outcome.incident.escalation.step
                assert all(list(EscalationStep).index(step) > list(EscalationStep).index(before) for before in taken)
                taken.append(step)
                assert escalate(now, USUAL, then).incident is None, "whoever looks again finds it done"
        elif what == "acknowledge":
            outcome = acknowledge(now, "Li", then)
            now = after(now, outcome)
            if outcome.incident is not None:
                taken = taken[:-1]  # the last step, and no lower one, may be raised again
                assert escalate(now, USUAL, then).incident is None
        elif what == "reopen":
            now = replace(now, incident=replace(now.incident, life=now.incident.life + 1, reopened_at=then))
            taken = []
        elif what == "send":
            number += 1
            now = replace(now, orders=(*now.orders, order("U-1", number, sent_at=then)))
        else:
            now = replace(now, orders=tuple(replace(one, state=OrderState.EXPIRED) for one in now.orders))


@given(st.integers(0, 200), st.integers(1, 30), st.sampled_from(Level))
def test_however_rarely_somebody_looks_no_step_comes_later_than_one_look(
    first_s: int, every_s: int, level: Level
) -> None:
    now = waiting(incident=incident(level=level))
    rank = {step: place for place, step in enumerate(EscalationStep)}
    for seconds in range(first_s, 1000, every_s):
        now = after(now, escalate(now, USUAL, at(seconds)))
        last = now.incident.escalation
        due_by_now = [timed.step for timed in USUAL.steps[level] if timed.after_s <= seconds]
        reached = rank[last.step] if last is not None else -1
        assert reached >= max((rank[step] for step in due_by_now), default=-1)


@given(st.lists(st.sampled_from(OrderState), max_size=3), st.floats(0, 400), st.booleans())
def test_escalating_asks_the_same_clocks_as_whoever_looks(
    states: list[OrderState], seconds: float, is_free: bool
) -> None:
    orders: list[Order] = [
        order(f"U-{number}", number, state=state, sent_at=at(number)) for number, state in enumerate(states)
    ]
    duties: tuple[Duty, ...] = (duty("U-9"), *(duty(f"U-{number}", state=UnitState.ASSIGNED) for number in range(3)))
    now = situation(orders=tuple(orders), duties=duties if is_free else duties[1:])
    then = at(0) + timedelta(seconds=seconds)
    found = overdue([watch_of(now.incident, now.orders)], now.duties, USUAL.late_after, then)
    expected = due_steps(now.incident, found, USUAL, then)
    outcome = escalate(now, USUAL, then)
    assert (outcome.incident is None) is (expected == ())
    if outcome.incident is not None and outcome.incident.escalation is not None:
        assert outcome.incident.escalation.step is expected[-1].step


def test_a_unit_that_is_not_configured_any_more_is_named_by_its_id() -> None:
    silent = situation(
        incident=incident(state=IncidentState.ORDERED), orders=(order("U-gone"),), duties=(Duty(unit("U-2")),)
    )
    outcome = escalate(silent, USUAL, at(12))
    assert outcome.incident is not None
    assert outcome.incident.escalation is not None
    assert outcome.incident.escalation.why_en.startswith("U-gone has not accepted")
