"""When units and people are late and who is told, as the file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.config import load
from patrol.domain.camera import RingName
from patrol.domain.escalating import FollowUpPolicy, TimedStep
from patrol.domain.events import Level
from patrol.domain.incidents import EscalationStep
from tests.config.files import CREDENTIALS, SAMPLE, loaded, problems_of, sound

ACCEPT_S = {RingName.CORE: 10.0, RingName.PERIPHERY: 20.0, RingName.FAR: 30.0}


def dispatch(**content: Any) -> dict[str, Any]:
    return sound() | {"dispatch": content}


def test_left_out_all_of_it_is_as_usual_and_the_rings_say_how_soon_an_order_is_accepted(tmp_path: Path) -> None:
    policy = loaded(tmp_path, sound()).follow_up
    assert policy == FollowUpPolicy()
    assert policy.late_after.accept_s == ACCEPT_S
    slower = sound()
    slower["rings"]["far"]["accept_within_s"] = 45
    assert loaded(tmp_path, slower).follow_up.late_after.accept_s == {**ACCEPT_S, RingName.FAR: 45.0}


def test_what_the_sample_shows_is_what_is_usual() -> None:
    assert load(SAMPLE, CREDENTIALS).follow_up == FollowUpPolicy()


def test_the_steps_of_one_level_are_set_and_the_others_stay(tmp_path: Path) -> None:
    steps = [{"after_s": 0, "step": "supervisor"}, {"after_s": 10, "step": "room"}]
    policy = loaded(tmp_path, dispatch(escalation={"red": steps, "green": []})).follow_up
    assert policy.steps[Level.RED] == (TimedStep(0, EscalationStep.SUPERVISOR), TimedStep(10, EscalationStep.ROOM))
    assert policy.steps[Level.GREEN] == ()
    assert policy.steps[Level.YELLOW] == FollowUpPolicy().steps[Level.YELLOW]


def test_times_and_the_step_on_a_shortfall_are_set_by_level(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        dispatch(
            on_shortfall={"red": "room"},
            handled_within_s={"red": 600},
            feedback_within_s={"blue": 900},
            remind_every_s={"green": 60},
            reminders=3,
            second_person_within_s=30,
        ),
    ).follow_up
    usual = FollowUpPolicy()
    assert policy.on_shortfall == {Level.RED: EscalationStep.ROOM}
    assert policy.late_after.handled_s == {**usual.late_after.handled_s, Level.RED: 600.0}
    assert policy.late_after.feedback_s == {**usual.late_after.feedback_s, Level.BLUE: 900.0}
    assert policy.remind_every_s == {**usual.remind_every_s, Level.GREEN: 60.0}
    assert (policy.reminders, policy.late_after.second_person_s) == (3, 30.0)
    assert loaded(tmp_path, dispatch(on_shortfall={})).follow_up.on_shortfall == {}


def test_how_long_a_unit_takes_to_answer_is_set_and_is_nothing_where_left_out(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).sending.policy.answer_s == 0.0
    assert loaded(tmp_path, dispatch(answer_s=5)).sending.policy.answer_s == 5.0


def test_a_target_of_more_than_a_day_is_refused(tmp_path: Path) -> None:
    content = sound()
    content["rings"]["far"]["response_target_s"] = 1e12
    problem = problems_of(tmp_path, content)["rings.far.response_target_s"]
    assert "86400 or less" in problem.message


UP = {"after_s": 10, "step": "supervisor"}


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ({"escalation": {"purple": []}}, "dispatch.escalation.purple", "one of blue, green, red, yellow"),
        ({"escalation": {"red": [{"after_s": 5}]}}, "dispatch.escalation.red[0].step", "next_unit, supervisor, room"),
        ({"escalation": {"red": [{"after_s": 5, "step": "boss"}]}}, "dispatch.escalation.red[0].step", "supervisor"),
        ({"escalation": {"red": [{"after_s": -5, "step": "room"}]}}, "dispatch.escalation.red[0].after_s", "0 or more"),
        (
            {"escalation": {"red": [UP, {"after_s": 20, "step": "next_unit"}]}},
            "dispatch.escalation.red[1].step",
            "comes after supervisor; expected room, got next_unit",
        ),
        (
            {"escalation": {"red": [UP, {"after_s": 20, "step": "supervisor"}]}},
            "dispatch.escalation.red[1].step",
            "expected room",
        ),
        (
            {"escalation": {"yellow": [{"after_s": 5, "step": "room"}, UP]}},
            "dispatch.escalation.yellow[1].step",
            "expected no step after it, got supervisor",
        ),
        (
            {"escalation": {"red": [UP, {"after_s": 9, "step": "room"}]}},
            "dispatch.escalation.red[1].after_s",
            "expected 10 or more, as the step before it has, got 9",
        ),
        ({"on_shortfall": {"red": "everybody"}}, "dispatch.on_shortfall.red", "supervisor"),
        ({"feedback_within_s": {"red": 0}}, "dispatch.feedback_within_s.red", "more than 0"),
        ({"remind_every_s": {"orange": 5}}, "dispatch.remind_every_s.orange", "yellow"),
        ({"answer_s": -1}, "dispatch.answer_s", "0 or more"),
        ({"reminders": -1}, "dispatch.reminders", "0 or more"),
        ({"second_person_within_s": "soon"}, "dispatch.second_person_within_s", "a number"),
        ({"escalate": {}}, "dispatch.escalate", "did you mean `escalation`?"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    tmp_path: Path, content: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, dispatch(**content))
    assert path in problems
    assert expected in problems[path].message
    assert problems[path].line is not None


def test_a_red_incident_that_never_reaches_the_whole_room_is_warned_about(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, dispatch(escalation={"red": [UP]})).warnings
    assert warning.path == "dispatch.escalation.red"
    assert "never reaches the whole room" in warning.message
    assert loaded(tmp_path, dispatch(escalation={"blue": [UP]})).warnings == ()
