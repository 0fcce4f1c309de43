"""Auditing: what stands still is found in time, what moves or waits for a stated reason is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.auditing import (
    SEEN_TWICE,
    SILENT_AFTER_S,
    AuditBounds,
    AuditView,
    Finding,
    FindingKind,
    Unpublished,
    Waiting,
    audit,
    silent_since,
)
from patrol.domain.camera import RingName
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Level
from patrol.domain.incidents import ClockName, Escalation, EscalationStep, IncidentId, IncidentState, OrderId, Stamp
from patrol.domain.lateness import watch_of
from patrol.domain.orders import OrderState
from patrol.domain.units import UnitState
from tests.builders import at, duty, incident, maintenance_incident, north, order, ring, situation, unit

RINGS = {name: ring(name) for name in RingName}  # accepted within 10 s, on scene within 60
BOUNDS = AuditBounds()
FREE, BUSY = duty(), duty(state=UnitState.EN_ROUTE)
SILENT = (order(),)  # sent at 1 s


def view(seconds: float, **changes: Any) -> AuditView:
    plain = AuditView(at(seconds), False, (), None, (), (), (), 0)
    return replace(plain, **changes)


def found(seen: AuditView, before: tuple[Finding, ...] = ()) -> list[FindingKind]:
    return [finding.kind for finding in audit(seen, RINGS, BOUNDS, before)]


def unpublished(since: float = 0.0, level: Level | None = Level.RED) -> Unpublished:
    return Unpublished("A-1", IncidentId("I-1"), level, at(since))


def waiting(taken: bool = True, **changes: Any) -> Waiting:
    return Waiting(situation(**changes), taken)


def test_where_nothing_waits_nothing_is_found() -> None:
    assert found(view(3600)) == []


@pytest.mark.parametrize(("disturbed", "bound_s"), [(False, 1.0), (True, 10.0)])
def test_an_alert_is_published_within_a_second_and_within_ten_after_a_fault(disturbed: bool, bound_s: float) -> None:
    for late_s, expected in ((0.0, []), (0.1, [FindingKind.UNPUBLISHED])):
        assert found(view(bound_s + late_s, disturbed=disturbed, unpublished=(unpublished(),))) == expected


@pytest.mark.parametrize("level", list(Level))
def test_somebody_is_sent_in_time_by_level(level: Level) -> None:
    told = waiting(incident=incident(level=level))
    bound_s = BOUNDS.sent_s[level]
    assert found(view(bound_s, waiting=(told,))) == []
    assert found(view(bound_s + 0.1, waiting=(told,))) == [FindingKind.UNDISPATCHED]
    assert found(view(bound_s + 10.0, disturbed=True, waiting=(told,))) == []
    assert found(view(bound_s + 10.1, disturbed=True, waiting=(told,))) == [FindingKind.UNDISPATCHED]
    assert found(view(bound_s + 0.1, waiting=(replace(told, taken=False),))) == [FindingKind.UNHANDLED]


def test_what_is_held_for_a_persons_word_is_found_only_after_its_time() -> None:
    held = waiting(incident=incident(level=Level.BLUE, held_until=at(60)))
    bound_s = BOUNDS.sent_s[Level.BLUE]
    assert found(view(60 + bound_s, waiting=(held,))) == []
    assert found(view(60 + bound_s + 0.1, waiting=(held,))) == [FindingKind.UNDISPATCHED]


def test_what_was_opened_again_is_to_be_sent_to_from_then_on() -> None:
    again = waiting(incident=incident(state=IncidentState.CLOSED).reopened("li", "not over", at(600)))
    bound_s = BOUNDS.sent_s[Level.RED]
    assert found(view(600 + bound_s, waiting=(again,))) == []
    assert found(view(600 + bound_s + 0.1, waiting=(again,))) == [FindingKind.UNDISPATCHED]


def test_the_more_urgent_has_the_shorter_bound() -> None:
    bounds = [BOUNDS.sent_s[level] for level in Level]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize(
    "reason",
    [
        {"duties": ()},
        {"duties": (BUSY,)},
        {"duties": (duty("U-1", unit=unit(rings=frozenset({RingName.FAR}))),)},
        {"duties": (FREE,), "incident": incident(simulated=True)},
        {"duties": (FREE,), "orders": (order(state=OrderState.REJECTED),)},
    ],
    ids=["no units", "busy", "other ring", "simulated", "refused"],
)
@pytest.mark.parametrize("taken", [True, False])
def test_waiting_for_a_stated_reason_is_no_finding(reason: dict[str, Any], taken: bool) -> None:
    assert found(view(3600, waiting=(waiting(taken, **reason),))) == []


def test_what_has_left_the_state_new_moves() -> None:
    for state in IncidentState:
        kinds = found(view(3600, waiting=(waiting(incident=incident(state=state)),)))
        assert kinds == ([FindingKind.UNDISPATCHED] if state is IncidentState.NEW else [])


@pytest.mark.parametrize(("ended_at", "since_s"), [(at(154), 154), (None, 110)])
def test_an_order_that_ended_gives_dispatch_its_time_again(ended_at: datetime | None, since_s: float) -> None:
    expired = order(sent_at=at(100), state=OrderState.EXPIRED, ended_at=ended_at)
    ended = waiting(duties=(FREE, duty("U-2")), orders=(expired,))
    assert found(view(since_s + 5, waiting=(ended,))) == []
    (finding,) = audit(view(since_s + 5.1, waiting=(ended,)), RINGS, BOUNDS)
    assert (finding.kind, finding.since) == (FindingKind.UNDISPATCHED, at(since_s))


def test_a_drone_that_is_out_is_nobody_sent_and_a_crew_that_is_is_somebody() -> None:
    drone = order("D-1", is_drone=True)
    assert found(view(60, waiting=(waiting(orders=(drone,)),))) == [FindingKind.UNDISPATCHED]
    crew = replace(drone, is_drone=False)
    assert found(view(60, waiting=(waiting(orders=(crew,)),))) == []


def test_who_refused_may_be_sent_again_where_it_was_urged_since_though_another_like_it_was_not() -> None:
    refused = order(sent_at=at(1), state=OrderState.REJECTED, ended_at=at(3))
    before, since = (
        waiting(incident=incident(n, urged_at=urged), orders=(refused,)) for n, urged in ((1, None), (2, at(9)))
    )
    (finding,) = audit(view(60, waiting=(before, since)), RINGS, BOUNDS)
    assert (finding.kind, finding.incident_id) == (FindingKind.UNDISPATCHED, "I-2")


@pytest.mark.parametrize(("disturbed", "bound_s"), [(False, 5.0), (True, 15.0)])
def test_a_silent_order_is_taken_back_in_time(disturbed: bool, bound_s: float) -> None:
    sent = order(sent_at=at(1))
    assert found(view(11 + bound_s, disturbed=disturbed, silent=((sent, incident()),))) == []
    late = view(11 + bound_s + 0.1, disturbed=disturbed, silent=((sent, incident()),))
    (finding,) = audit(late, RINGS, BOUNDS)
    assert (finding.kind, finding.since, finding.incident_id) == (FindingKind.NOT_FOLLOWED_UP, at(11), "I-1")
    assert "U-1" in finding.words_zh
    accepted = replace(sent, state=OrderState.ACCEPTED)
    assert found(replace(late, silent=((accepted, incident()),))) == []


def test_a_target_that_passed_is_flagged_in_time() -> None:
    assert found(view(65, not_marked=(incident(),))) == []
    assert found(view(65.1, not_marked=(incident(),))) == [FindingKind.NOT_FOLLOWED_UP]
    assert found(view(65.1, not_marked=(incident(overdue=True),))) == []
    there = incident().stamped(ClockName.ON_SCENE, at(30), "unit")
    assert found(view(3600, not_marked=(there,))) == []
    assert found(view(3600, not_marked=(incident(target_s=None),))) == []


def watched(seconds: float, level: Level = Level.RED, orders: Any = SILENT, **changes: Any) -> AuditView:
    """A look at an incident with a silent order; late from 11 s on."""
    of = incident(level=level, state=IncidentState.ORDERED, **changes)
    return view(seconds, watches=(watch_of(of, orders),), duties=(duty(),))


@pytest.mark.parametrize(("disturbed", "bound_s"), [(False, 10.0), (True, 20.0)])
@pytest.mark.parametrize(("level", "first_s"), [(Level.RED, 0.0), (Level.YELLOW, 30.0), (Level.BLUE, 60.0)])
def test_a_step_that_was_due_and_not_taken_is_found_in_time(
    level: Level, first_s: float, disturbed: bool, bound_s: float
) -> None:
    late_by_s = 11 + first_s + bound_s
    assert found(replace(watched(late_by_s - 0.1, level), disturbed=disturbed)) == []
    (finding,) = audit(replace(watched(late_by_s + 0.1, level), disturbed=disturbed), RINGS, BOUNDS)
    assert (finding.kind, finding.level, finding.since) == (FindingKind.NOT_ESCALATED, level, at(11 + first_s))
    assert "该升级（增派下一组）而没有升级：联勤1组 10 秒内没有签收" in finding.words_zh
    assert "(next_unit), and was not: Joint 1 has not accepted within 10 s" in finding.words_en


def test_a_step_that_was_taken_or_that_somebody_has_taken_on_is_no_finding_the_next_one_is() -> None:
    taken = Escalation(EscalationStep.NEXT_UNIT, at(12), "", "")
    assert found(watched(40.9, escalation=taken)) == []
    assert found(watched(41.1, escalation=taken)) == [FindingKind.NOT_ESCALATED]
    taken_on = replace(taken, acknowledged_at=at(15), taken_on_at=at(15))
    assert found(watched(70, escalation=taken_on)) == []
    assert found(watched(70 + 20.1, escalation=taken_on)) == [FindingKind.NOT_ESCALATED], "the target has passed"


def test_a_step_of_an_earlier_life_counts_for_nothing() -> None:
    room = Escalation(EscalationStep.ROOM, at(12), "", "")
    again = watched(5020.9, escalation=room, life=2, reopened_at=at(5000), orders=(order(sent_at=at(5000), life=2),))
    assert found(again) == [FindingKind.NOT_ESCALATED]
    assert found(replace(again, at=at(5019))) == []


def test_where_a_unit_will_be_is_held_against_nobody() -> None:
    stuck = duty(state=UnitState.EN_ROUTE, order_id=OrderId("O-1"), place=north(5000), fix_at=at(20))
    on_the_way = incident(state=IncidentState.EN_ROUTE)
    seen = view(45, watches=(watch_of(on_the_way, (order(state=OrderState.EN_ROUTE),)),), duties=(stuck,))
    assert found(seen) == []


def test_the_auditor_goes_by_the_same_policy_as_the_follow_up() -> None:
    calm = replace(FollowUpPolicy(), steps={})
    assert audit(watched(10**6), RINGS, BOUNDS, policy=calm) == ()
    patient = {name: ring(name, accept_within_s=40.0) for name in RingName}
    assert audit(watched(45), patient, BOUNDS) == ()


@pytest.mark.parametrize("state", [IncidentState.ORDERED, IncidentState.ACCEPTED, IncidentState.EN_ROUTE])
def test_an_open_incident_that_waits_for_nothing_is_found_since_it_was_first_seen(state: IncidentState) -> None:
    nobody = (order(state=OrderState.RECALLED),)
    lost = replace(watched(5, orders=nobody), watches=(watch_of(incident(state=state), nobody),))
    first = audit(lost, RINGS, BOUNDS)
    assert [(one.kind, one.since) for one in first] == [(FindingKind.NO_CLOCK, at(5))]
    later = audit(replace(lost, at=at(7)), RINGS, BOUNDS, first)
    assert [(one.kind, one.since) for one in later] == [(FindingKind.NO_CLOCK, at(5))]
    mended = replace(lost, watches=(watch_of(incident(), ()), watch_of(maintenance_incident(2), ())))
    assert FindingKind.NO_CLOCK not in found(mended)


def test_what_one_look_may_see_too_early_needs_two() -> None:
    assert {FindingKind.NOT_ESCALATED, FindingKind.NO_CLOCK} == SEEN_TWICE


def test_the_outbox_is_no_older_than_half_a_minute() -> None:
    assert found(view(30, outbox_oldest=at(0))) == []
    assert found(view(30.1, outbox_oldest=at(0))) == [FindingKind.OUTBOX_OLD]


def test_dead_letters_are_found_since_they_were_first_seen_also_while_redis_does_not_say() -> None:
    first = audit(view(10, dead_letters=2), RINGS, BOUNDS)
    assert [(finding.kind, finding.since) for finding in first] == [(FindingKind.DEAD_LETTERS, at(10))]
    later = audit(view(20, dead_letters=3), RINGS, BOUNDS, first)
    assert [(finding.since, finding.words_en[:2]) for finding in later] == [(at(10), "3 ")]
    assert audit(view(30, dead_letters=None), RINGS, BOUNDS, later) == later
    assert audit(view(30, dead_letters=None), RINGS, BOUNDS) == ()
    assert audit(view(40, dead_letters=0), RINGS, BOUNDS, later) == ()


def test_the_most_urgent_comes_first_and_each_names_its_incident_in_both_languages() -> None:
    blue = waiting(incident=incident(2, level=Level.BLUE))
    red = waiting(incident=incident(3, clocks={ClockName.ACCEPTED: Stamp(at(50), "store")}))
    seen = view(100, outbox_oldest=at(0), waiting=(blue, red), unpublished=(unpublished(level=Level.YELLOW),))
    all_found = audit(seen, RINGS, BOUNDS)
    assert [finding.level for finding in all_found] == [Level.RED, Level.YELLOW, Level.BLUE, None]
    for finding in all_found[:3]:
        assert finding.incident_id is not None
        assert finding.incident_id in finding.words_zh
        assert finding.incident_id in finding.words_en
    assert "会堂东" in all_found[0].words_zh
    assert "Hall east" in all_found[0].words_en


def test_the_words_stay_the_same_while_the_same_thing_stands_still() -> None:
    for seconds in (10, 20):
        seen = view(seconds, waiting=(waiting(),), unpublished=(unpublished(),))
        assert audit(seen, RINGS, BOUNDS) == audit(replace(seen, at=at(30)), RINGS, BOUNDS)


@given(
    age_s=st.floats(0, 7200),
    level=st.sampled_from(list(Level)),
    state=st.sampled_from(list(IncidentState)),
    taken=st.booleans(),
    disturbed=st.booleans(),
    free=st.booleans(),
)
def test_a_new_incident_is_found_exactly_if_it_is_late_and_somebody_could_go(
    age_s: float, level: Level, state: IncidentState, taken: bool, disturbed: bool, free: bool
) -> None:
    one = waiting(taken, incident=incident(level=level, state=state), duties=(FREE if free else BUSY,))
    late = age_s > BOUNDS.sent_s[level] + (BOUNDS.sent_more_after_fault_s if disturbed else 0.0)
    kinds = found(view(age_s, disturbed=disturbed, waiting=(one,)))
    assert bool(kinds) is (late and free and state is IncidentState.NEW)


@pytest.mark.parametrize(("seconds", "silent"), [(SILENT_AFTER_S, False), (SILENT_AFTER_S + 0.1, True)])
def test_an_auditor_that_does_not_look_is_silent_after_a_while(seconds: float, silent: bool) -> None:
    last: datetime = at(0)
    assert silent_since(last, last + timedelta(seconds=seconds)) == (last if silent else None)
