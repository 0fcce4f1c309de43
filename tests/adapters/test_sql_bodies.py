"""Incidents as text: what was written is what is read, known already or not, and no more is known than said."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from patrol.adapters import sql_bodies
from patrol.adapters.sql_bodies import INCIDENT_JSON, MOST_KNOWN, body_of, incident_in
from tests.builders import incident


def test_what_is_written_is_read_whether_it_is_known_or_not() -> None:
    written = incident()
    body = body_of(written)
    assert incident_in(body) is written
    sql_bodies._known.clear()
    read = incident_in(body)
    assert read == written
    assert read is not written
    assert incident_in(body) is read


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
    sql_bodies._known.clear()
    body = body_of(incident())
    for number in range(MOST_KNOWN):
        incident_in(body.replace('"sequence":0', f'"sequence":{number + 1}'))
    assert len(sql_bodies._known) == MOST_KNOWN
    assert body not in sql_bodies._known
