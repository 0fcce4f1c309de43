"""The queue's contract, at the point where messages are made and read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.alerts import History, accept
from patrol.domain.camera import Place
from patrol.domain.errors import MessageError
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import (
    MAX_BYTES,
    TYPES,
    alert_message,
    incident_message,
    order_message,
    position_message,
    read_message,
    read_position,
    read_receipt,
    recall_message,
    receipt_message,
)
from patrol.domain.orders import Receipt, ReceiptKind
from patrol.domain.vocabulary import CoordinateSystem
from tests.builders import at, candidate, incident, order


def alert() -> Any:
    return accept(candidate(), History(None, None), at(0)).alert


def receipt() -> Receipt:
    return Receipt("O-1", 3, "vendor", "U-1", ReceiptKind.EN_ROUTE, at(5), "li", None, Place(35.4909, 112.8518))


MESSAGES = {
    "alert": lambda: alert_message(alert(), 1),
    "incident": lambda: incident_message(incident(sequence=4), at(1)),
    "order": lambda: order_message(order(), incident(sequence=5), at(1)),
    "recall": lambda: recall_message(order(), incident(sequence=6), "expired", at(1)),
    "receipt": lambda: receipt_message(receipt(), incident().id),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_a_cloud_event_about_its_incident(name: str) -> None:
    message = MESSAGES[name]()
    body = json.loads(message.body)
    assert body["specversion"] == "1.0"
    assert body["id"] == message.id
    assert body["type"] in TYPES
    assert body["subject"] == "incident/I-1"
    assert body["partitionkey"] == "I-1"
    assert body["sequence"].isdigit()
    assert len(body["sequence"]) == 12
    assert datetime.fromisoformat(body["time"]).tzinfo is not None
    assert len(message.body.encode()) < MAX_BYTES
    assert read_message(message.body).incident_id == "I-1"


def test_all_that_tells_of_one_incident_is_one_trace_and_each_message_a_span_of_its_own() -> None:
    bodies = [json.loads(make().body) for make in MESSAGES.values()]
    _, traces, spans, _ = zip(*(body["traceparent"].split("-") for body in bodies), strict=True)
    assert len(set(traces)) == 1
    assert len(set(spans)) == len(MESSAGES)
    assert {read_message(make().body).trace for make in MESSAGES.values()} == set(traces)
    other = incident_message(incident(2, sequence=4), at(1))
    assert read_message(other.body).trace not in traces


def test_a_message_names_the_one_that_led_to_it_where_one_did() -> None:
    assert "causationid" not in json.loads(incident_message(incident(sequence=4), at(1)).body)
    caused = [incident_message(incident(), at(1), "A-1"), order_message(order(), incident(), at(1), "A-1")]
    assert [read_message(message.body).cause for message in caused] == ["A-1", "A-1"]
    assert read_message(receipt_message(receipt(), incident().id).body).cause == "O-1"


@pytest.mark.parametrize("name", ["traceparent", "causationid"])
@pytest.mark.parametrize("value", [None, 7, {"a": 1}])
def test_a_message_of_others_may_say_nothing_of_use_about_its_trace_and_its_cause(name: str, value: Any) -> None:
    envelope = read_message(json.dumps(json.loads(MESSAGES["receipt"]().body) | {name: value}))
    assert (envelope.trace if name == "traceparent" else envelope.cause) is None


def test_red_never_queues_behind_green() -> None:
    assert alert_message(alert(), 1).stream == "patrol:alert:red"
    assert order_message(order(), incident(), at(1)).stream == "patrol:order:core"


def test_an_alert_says_when_it_happened_when_it_was_recorded_and_when_it_expires() -> None:
    body = json.loads(alert_message(alert(), 1).body)
    assert datetime.fromisoformat(body["time"]) == at(-1)
    assert datetime.fromisoformat(body["recordedtime"]) == at(0)
    assert datetime.fromisoformat(body["expirytime"]) > at(0)
    assert body["severitytext"] == "red"
    assert body["data"]["words"] == {"zh": "广场内 3 人", "en": "3 in square"}


def test_a_receipt_comes_back_as_it_was_sent() -> None:
    assert read_receipt(read_message(receipt_message(receipt(), incident().id).body)) == receipt()


def test_unknown_fields_are_ignored() -> None:
    body = json.loads(MESSAGES["alert"]().body) | {"newattribute": "x"}
    body["data"]["new_field"] = 1
    assert read_message(json.dumps(body)).data["alert_id"] == "A-1"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"specversion": "2.0"}, "specversion: expected '1.0'"),
        ({"id": ""}, "id: expected a non-empty string"),
        ({"type": "cn.patrol.alert.v2"}, "type: expected one of"),
        ({"subject": None}, "subject: expected"),
        ({"sequence": "twelve"}, "sequence: expected digits"),
        ({"data": [1]}, "data: expected an object"),
    ],
)
def test_what_cannot_be_read_says_which_attribute_and_what_was_expected(change: dict[str, Any], complaint: str) -> None:
    body = json.loads(MESSAGES["alert"]().body) | change
    with pytest.raises(MessageError, match=complaint):
        read_message(json.dumps(body))


def test_a_subject_that_is_no_incident_is_refused_when_it_is_asked_for() -> None:
    body = json.loads(MESSAGES["alert"]().body) | {"subject": "camera/C-1"}
    with pytest.raises(MessageError, match="incident/<id>"):
        read_message(json.dumps(body)).incident_id  # noqa: B018


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "teleported"},
        {"at": "yesterday"},
        {"at": "2026-01-01T12:00:00"},
        {"sequence": "x"},
        {"place": {"latitude": 1}},
    ],
)
def test_a_bad_receipt_is_a_message_error(change: dict[str, Any]) -> None:
    body = json.loads(receipt_message(receipt(), incident().id).body)
    body["data"] |= change
    envelope = read_message(json.dumps(body))
    with pytest.raises(MessageError, match="receipt"):
        read_receipt(envelope)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    with pytest.raises(MessageError):
        read_message(body)


def test_a_message_over_the_limit_is_refused() -> None:
    with pytest.raises(MessageError, match="at most"):
        read_message(b"x" * (MAX_BYTES + 1))


def position() -> PositionData:
    return PositionData("U-1", PlaceData(35.4909, 112.8518), at(5.25), 6.0, 90.0, 1.5, CoordinateSystem.GCJ02)


def test_a_position_is_about_its_unit_and_comes_back_as_it_was_sent() -> None:
    message = position_message(position(), at(6))
    envelope = read_message(message.body)
    assert read_position(envelope) == position()
    assert (message.stream, envelope.subject) == ("patrol:position", "unit/U-1")
    body = json.loads(message.body)
    assert (body["partitionkey"], body["correlationid"]) == ("U-1", "U-1")
    assert (datetime.fromisoformat(body["time"]), datetime.fromisoformat(body["recordedtime"])) == (at(5.25), at(6))
    with pytest.raises(MessageError, match="incident/<id>"):
        envelope.incident_id  # noqa: B018


def test_a_position_told_twice_is_one_message_and_a_later_one_has_a_greater_sequence() -> None:
    again, later = position_message(position(), at(99)), replace(position(), at=at(5.26))
    assert again.id == position_message(position(), at(6)).id
    assert position_message(later, at(6)).id != again.id
    assert read_message(position_message(later, at(6)).body).sequence > read_message(again.body).sequence


def test_a_position_needs_no_more_than_who_where_and_when() -> None:
    body = json.loads(position_message(position(), at(6)).body)
    body["data"] = {name: body["data"][name] for name in ("unit_id", "place", "at")}
    assert read_position(read_message(json.dumps(body))) == PositionData("U-1", position().place, at(5.25))


@pytest.mark.parametrize(
    "change",
    [
        {"place": {"latitude": 1}},
        {"place": None},
        {"at": "2026-01-01T12:00:00"},
        {"accuracy_m": "near"},
        {"coordinate_system": "bd09"},
    ],
)
def test_a_bad_position_is_a_message_error(change: dict[str, Any]) -> None:
    body = json.loads(position_message(position(), at(6)).body)
    body["data"] |= change
    with pytest.raises(MessageError, match="position"):
        read_position(read_message(json.dumps(body)))
