"""What is decided after a backup was put back; on a real database and queue: tests/pipeline/test_recovering.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patrol.domain.incidents import Escalation, EscalationStep, Incident, IncidentState
from patrol.domain.messages import incident_message, read_message
from patrol.domain.reading_back import Known
from patrol.domain.recovering import Stored, recover
from patrol.domain.told_messages import Told
from tests.builders import at, duty, incident, sent, situation


def told_and_recovered(of: Incident) -> Incident:
    """An incident as it is made again from its newest message, over an older state of it."""
    envelope = read_message(incident_message(of, at(200)).body)
    older = Stored(incident(), ())
    recovered, refused = recover({of.id: Told().and_this(envelope)}, {of.id: older}, Known({}, {}), at(300))
    assert refused == {}
    return recovered[0].incident


def test_what_was_told_farther_up_and_taken_on_survives_an_old_backup() -> None:
    last = Escalation(
        EscalationStep.SUPERVISOR, at(100), "没有空闲警力", "no unit is free", "Li", at(110), taken_on_at=at(110)
    )
    late = incident(state=IncidentState.HANDLED, sequence=7, escalation=last, reminders=2, reminded_at=at(150))
    again = told_and_recovered(late)
    assert again.escalation == last
    assert (again.reminders, again.reminded_at) == (2, at(200))
    assert told_and_recovered(incident(sequence=7)).escalation is None


@pytest.mark.parametrize("target_s", [1e300, -5.0, float("nan")])
def test_a_target_that_nobody_configured_is_refused_and_stops_nothing_else(target_s: float) -> None:
    odd, sane = incident(1), incident(2)
    envelopes = [read_message(incident_message(one, at(9)).body) for one in (odd, sane)]
    envelopes[0] = replace(envelopes[0], data={**envelopes[0].data, "target_s": target_s})
    told_of = {one.incident_id: Told().and_this(one) for one in envelopes}
    recovered, refused = recover(told_of, {}, Known({}, {}), at(300))
    assert [one.incident.id for one in recovered] == ["I-2"]
    assert "target_s" in refused[odd.id]


def test_what_it_is_short_of_survives_an_old_backup() -> None:
    far = situation(duties=(duty(metres=1000),))
    outcome = sent(far, when=at(1))
    assert outcome.incident is not None
    assert outcome.incident.shortfall is not None
    envelope = read_message(outcome.messages[0].body)
    recovered, _ = recover({outcome.incident.id: Told().and_this(envelope)}, {}, Known({}, {}), at(300))
    assert [one.incident.shortfall for one in recovered] == [outcome.incident.shortfall]
