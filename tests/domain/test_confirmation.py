"""What waits for an operator's word, and for how long at most."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting, is_held
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import (
    ClockName,
    ClosingRequest,
    Disposition,
    Escalation,
    EscalationStep,
    Incident,
    IncidentState,
)
from patrol.domain.vocabulary import RingName
from patrol.domain.witnesses import together, with_witnesses, witnesses_of
from tests.builders import at, incident, maintenance_incident

POLICY = ConfirmPolicy(
    {
        Kind.LOITERING: {Level.BLUE: Waiting(60, Then.SEND), Level.GREEN: Waiting(120, Then.CLOSE)},
        Kind.CROWD: {Level.RED: Waiting(30, Then.CLOSE)},
        Kind.CAMERA_HEALTH: {Level.BLUE: Waiting(60, Then.CLOSE)},
    }
)
LOITERER = incident(kind=Kind.LOITERING, level=Level.BLUE, ring=RingName.PERIPHERY)
GREEN = replace(LOITERER, level=Level.GREEN)


def test_what_is_left_out_waits_for_nobody() -> None:
    assert is_held(LOITERER, ConfirmPolicy(), at(1)) is None
    assert is_held(replace(LOITERER, kind=Kind.FIGHT), POLICY, at(1)) is None
    assert is_held(replace(LOITERER, level=Level.YELLOW), POLICY, at(1)) is None


def test_red_waits_for_nobody_whatever_is_configured() -> None:
    assert is_held(replace(LOITERER, kind=Kind.CROWD, level=Level.RED), POLICY, at(1)) is None


@pytest.mark.parametrize("one", [LOITERER, GREEN])
def test_nothing_in_the_core_waits_whatever_is_configured(one: Incident) -> None:
    for ring in RingName:
        waits = is_held(replace(one, ring=ring), POLICY, at(1)) is not None
        assert waits is (ring is not RingName.CORE), ring


def test_what_waits_does_so_no_longer_once_a_camera_of_the_core_sees_it_too() -> None:
    held = replace(LOITERER, held_until=at(60))
    (first,) = witnesses_of(held)
    more = replace(first, fingerprint="C-2/loitering/gate/ground", ring=RingName.CORE)
    joined = with_witnesses(held, together((first,), (more,)))
    assert joined.level is Level.BLUE
    assert is_held(joined, POLICY, at(1)) is None
    assert joined.held_until is None
    assert with_witnesses(held, together((first,), (replace(more, ring=first.ring),))).held_until == at(60)


def test_what_waits_does_so_from_its_acceptance_and_is_sent_when_the_time_is_over() -> None:
    assert is_held(LOITERER, POLICY, at(0)) == at(60)
    assert is_held(LOITERER, POLICY, at(59.9)) == at(60)
    assert is_held(LOITERER, POLICY, at(60)) is None


def test_what_is_to_be_closed_is_not_sent_after_its_time_either() -> None:
    assert is_held(GREEN, POLICY, at(1)) == at(120)
    assert is_held(GREEN, POLICY, at(1000)) == at(120)


(SEEN,) = witnesses_of(GREEN)
TAKEN_ON = Escalation(EscalationStep.SUPERVISOR, at(50), "", "", acknowledged_by="li", acknowledged_at=at(60))


@pytest.mark.parametrize(
    "touched",
    [
        replace(GREEN, closing=ClosingRequest(Disposition.HANDLED, None, "", "li", at(50))),
        replace(GREEN, split_by="li"),
        replace(GREEN, witnesses=(SEEN, replace(SEEN, operator="li"))),
        replace(GREEN, escalation=TAKEN_ON),
    ],
    ids=["closing", "split", "merged", "taken on"],
)
def test_what_anybody_had_to_do_with_is_sent_when_its_time_is_over_and_not_closed(touched: Incident) -> None:
    assert is_held(touched, POLICY, at(100)) == at(120)
    assert is_held(touched, POLICY, at(120)) is None
    untouched = replace(GREEN, escalation=replace(TAKEN_ON, acknowledged_by=None, acknowledged_at=None))
    assert is_held(untouched, POLICY, at(120)) == at(120)


def test_what_is_or_was_of_a_level_that_two_people_close_is_not_closed_by_the_rule() -> None:
    assert is_held(GREEN, replace(POLICY, two_people=[Level.GREEN]), at(120)) is None
    was_blue = replace(LOITERER, level=Level.GREEN)
    for two_people, until in (([Level.BLUE], None), ([Level.RED], at(120))):
        assert is_held(was_blue, replace(POLICY, two_people=two_people), at(120)) == until


def test_an_operators_word_ends_the_waiting() -> None:
    assert is_held(LOITERER.stamped(ClockName.CONFIRMED, at(5), "li"), POLICY, at(6)) is None
    for one in (LOITERER, GREEN):
        assert is_held(replace(one, level_by="li"), POLICY, at(6)) is None
        assert is_held(replace(one, level_by="li"), POLICY, at(600)) is None


def test_what_was_under_way_or_is_opened_again_does_not_begin_to_wait() -> None:
    sent_before = LOITERER.stamped(ClockName.ORDER_SENT, at(1), "dispatch")
    assert is_held(sent_before, POLICY, at(6)) is None
    for state in IncidentState:
        if state is not IncidentState.NEW:
            assert is_held(replace(LOITERER, state=state), POLICY, at(6)) is None
    closed = replace(LOITERER, state=IncidentState.CLOSED)
    assert is_held(closed.reopened("li", "not over", at(5)), POLICY, at(6)) is None


def test_maintenance_waits_for_nobody_as_no_unit_is_sent() -> None:
    assert is_held(maintenance_incident(), POLICY, at(1)) is None


@given(st.floats(1, 3600), st.sampled_from(list(Then)), st.floats(0, 7200))
def test_nothing_is_held_without_a_time_that_is_its_own(within_s: float, then: Then, now_s: float) -> None:
    policy = ConfirmPolicy({Kind.LOITERING: {Level.BLUE: Waiting(within_s, then)}})
    until = is_held(LOITERER, policy, at(now_s))
    if until is None:
        assert then is Then.SEND
        assert at(now_s) >= at(within_s)
    else:
        assert until == at(within_s)
