"""What waits for an operator's word, and for how long at most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting, is_held
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, IncidentState
from tests.builders import at, incident, maintenance_incident

POLICY = ConfirmPolicy(
    {
        Kind.LOITERING: {Level.BLUE: Waiting(60, Then.SEND), Level.GREEN: Waiting(120, Then.CLOSE)},
        Kind.CROWD: {Level.RED: Waiting(30, Then.CLOSE)},
        Kind.CAMERA_HEALTH: {Level.BLUE: Waiting(60, Then.CLOSE)},
    }
)
LOITERER = incident(kind=Kind.LOITERING, level=Level.BLUE)


def test_what_is_left_out_waits_for_nobody() -> None:
    assert is_held(LOITERER, ConfirmPolicy(), at(1)) is None
    assert is_held(incident(kind=Kind.FIGHT, level=Level.BLUE), POLICY, at(1)) is None
    assert is_held(incident(kind=Kind.LOITERING, level=Level.YELLOW), POLICY, at(1)) is None


def test_red_waits_for_nobody_whatever_is_configured() -> None:
    assert is_held(incident(kind=Kind.CROWD, level=Level.RED), POLICY, at(1)) is None


def test_what_waits_does_so_from_its_acceptance_and_is_sent_when_the_time_is_over() -> None:
    assert is_held(LOITERER, POLICY, at(0)) == at(60)
    assert is_held(LOITERER, POLICY, at(59.9)) == at(60)
    assert is_held(LOITERER, POLICY, at(60)) is None


def test_what_is_to_be_closed_is_not_sent_after_its_time_either() -> None:
    green = incident(kind=Kind.LOITERING, level=Level.GREEN)
    assert is_held(green, POLICY, at(1)) == at(120)
    assert is_held(green, POLICY, at(1000)) == at(120)


def test_an_operators_word_ends_the_waiting() -> None:
    assert is_held(LOITERER.stamped(ClockName.CONFIRMED, at(5), "li"), POLICY, at(6)) is None


def test_what_was_under_way_or_is_opened_again_does_not_begin_to_wait() -> None:
    sent_before = LOITERER.stamped(ClockName.ORDER_SENT, at(1), "dispatch")
    assert is_held(sent_before, POLICY, at(6)) is None
    for state in IncidentState:
        if state is not IncidentState.NEW:
            assert is_held(incident(kind=Kind.LOITERING, level=Level.BLUE, state=state), POLICY, at(6)) is None
    closed = incident(kind=Kind.LOITERING, level=Level.BLUE, state=IncidentState.CLOSED)
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
