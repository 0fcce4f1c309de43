"""Drills: marked as such on the whole way, apart from what is real, closed as drills."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from patrol.domain import feedback
from patrol.domain.alerts import Acceptance, History, Verdict, accept, fingerprint
from patrol.domain.dispatch import Duty, Situation
from patrol.domain.drills import drill_candidate
from patrol.domain.events import IncidentClass, Kind, Level, class_of
from patrol.domain.incidents import Disposition
from patrol.domain.messages import alert_message
from tests.builders import at, camera, event, ring, sent, unit

RANDOMNESS = 3 * 2**96 + 2 * 2**48 + 1


def accepted(kind: Kind = Kind.CROWD, level: Level = Level.RED) -> Acceptance:
    candidate = drill_candidate(kind, level, camera(), ring(), at(0), RANDOMNESS)
    return accept(candidate, History(None, None), at(0))


@pytest.mark.parametrize("kind", [kind for kind in Kind if class_of(kind) is IncidentClass.SECURITY])
@pytest.mark.parametrize("level", list(Level))
def test_a_drill_of_every_kind_and_level_is_marked_in_every_message(kind: Kind, level: Level) -> None:
    acceptance = accepted(kind, level)
    assert acceptance.verdict is Verdict.NEW_INCIDENT
    assert acceptance.alert is not None
    assert acceptance.incident is not None
    outcome = sent(Situation(acceptance.incident, (), (Duty(unit(simulated=True)),)))
    messages = [alert_message(acceptance.alert, 1), *outcome.messages]
    assert len(messages) == 3
    for message in messages:
        data = json.loads(message.body)["data"]
        assert (data["drill"], data["simulated"], data["level"], data["kind"]) == (True, True, level, kind)
        assert data["words"]["zh"].startswith("演练：")
        assert data["words"]["en"].startswith("drill: ")


def test_a_drill_never_moves_a_real_unit() -> None:
    incident = accepted().incident
    assert incident is not None
    situation = Situation(incident, (), (Duty(unit(simulated=False)),))
    assert sent(situation).orders == ()


@pytest.mark.parametrize("said", list(Disposition))
def test_a_drill_is_closed_as_one_whatever_is_said(said: Disposition) -> None:
    incident = accepted().incident
    assert incident is not None
    closed = feedback.close(Situation(incident, (), ()), said, "li", "", at(9)).incident
    assert closed is not None
    assert closed.disposition is Disposition.DRILL


def test_a_drill_neither_joins_nor_mutes_what_the_camera_sees() -> None:
    candidate = drill_candidate(Kind.CROWD, Level.RED, camera(), ring(), at(0), RANDOMNESS)
    assert fingerprint(candidate.event) != fingerprint(event())
    assert candidate.cool_down_s == 0
    assert len({candidate.alert_id[2:], candidate.incident_id[2:], candidate.evidence_id[2:]}) == 3


def test_of_a_kind_that_sends_nobody_there_is_no_drill() -> None:
    with pytest.raises(ValueError, match="camera_health: nobody is sent"):
        drill_candidate(Kind.CAMERA_HEALTH, Level.RED, camera(), ring(), at(0), RANDOMNESS)


def test_what_is_no_drill_stays_none() -> None:
    candidate = replace(drill_candidate(Kind.CROWD, Level.RED, camera(), ring(), at(0), RANDOMNESS), drill=False)
    alert = accept(candidate, History(None, None), at(0)).alert
    assert alert is not None
    assert not alert.drill
