"""What is decided after a backup was put back; on a real database and queue: tests/pipeline/test_recovering.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patrol.domain.incidents import Escalation, EscalationStep, Incident, IncidentState, OrderLine
from patrol.domain.messages import incident_message, order_message, read_message
from patrol.domain.orders import Order, OrderState
from patrol.domain.reading_back import Known
from patrol.domain.recovering import Stored, recover
from patrol.domain.told_messages import Told
from tests.builders import at, duty, incident, order, sent, situation


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


def recovered_with(of: Incident, *orders: Order) -> tuple[Incident, tuple[Order, ...]]:
    """An incident and its orders as they are made again from its newest message and theirs, which came after that."""
    told = Told().and_this(read_message(incident_message(of, at(200)).body))
    for number, one in enumerate(orders, start=1):
        after_it = replace(of, sequence=of.sequence + 1 + number)
        told = told.and_this(read_message(order_message(one, after_it, at(201)).body))
    recovered, refused = recover({of.id: told}, {}, Known({}, {}), at(300))
    assert refused == {}
    return recovered[0].incident, recovered[0].orders


def test_a_drone_is_no_crew_after_an_old_backup_and_who_chose_a_unit_is_still_known() -> None:
    drone = order("D-1", 1, is_drone=True, ordered_by="li")
    found, (made,) = recovered_with(incident(sequence=3), drone)
    assert (made.is_drone, made.ordered_by, made.state) == (True, "li", OrderState.SENT)
    assert found.state is IncidentState.NEW, "nobody who can handle it was sent"
    line = OrderLine(drone.id, "D-1", OrderState.EN_ROUTE)
    found, (made,) = recovered_with(incident(sequence=3, state=IncidentState.ORDERED, orders=(line,)), drone)
    assert (found.state, made.state) == (IncidentState.NEW, OrderState.EN_ROUTE)


def test_a_crew_whose_order_went_out_last_is_on_its_way_after_an_old_backup() -> None:
    found, (made,) = recovered_with(incident(sequence=3), order("U-1", 1))
    assert (made.is_drone, made.ordered_by, made.state) == (False, None, OrderState.SENT)
    assert found.state is IncidentState.ORDERED
