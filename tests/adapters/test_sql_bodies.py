"""Incidents and orders as text: what was written is what is read, known or not, and no more is known than said."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from patrol.adapters.sql_bodies import (
    INCIDENT_JSON,
    KNOWN_INCIDENTS,
    KNOWN_ORDERS,
    MOST_KNOWN,
    body_of,
    body_of_order,
    incident_in,
    order_in,
)
from tests.builders import incident, order


def test_what_is_written_is_read_whether_it_is_known_or_not() -> None:
    written = incident()
    body = body_of(written)
    assert incident_in(body) is written
    KNOWN_INCIDENTS.forget()
    read = incident_in(body)
    assert read == written
    assert read is not written
    assert incident_in(body) is read


def test_an_order_that_is_read_again_is_the_very_same() -> None:
    written = order()
    body = body_of_order(written)
    assert order_in(body) is written
    KNOWN_ORDERS.forget()
    assert order_in(body) == written
    assert order_in(body) is order_in(body)


def test_another_text_of_the_same_incident_is_another_state() -> None:
    written = incident()
    changed = INCIDENT_JSON.dump_json(written).decode().replace('"sequence":0', '"sequence":7')
    assert body_of(written) != changed
    assert incident_in(changed).sequence == 7
    assert incident_in(body_of(written)).sequence == 0


def test_what_cannot_be_read_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(ValidationError):
            incident_in("{}")


def test_the_oldest_are_forgotten() -> None:
    KNOWN_INCIDENTS.forget()
    body = body_of(incident())
    for number in range(MOST_KNOWN):
        incident_in(body.replace('"sequence":0', f'"sequence":{number + 1}'))
    assert len(KNOWN_INCIDENTS) == MOST_KNOWN
    assert body not in KNOWN_INCIDENTS
