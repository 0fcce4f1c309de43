"""Schemas, samples, the AsyncAPI document, what is committed, and what the code sends: all say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from patrol.cli import make_cli
from patrol.client.received import read_data
from patrol.contract import contract_files
from patrol.contract.asyncapi import asyncapi
from patrol.contract.samples import samples
from patrol.contract.schemas import NAMES, inlined, schema_of, schemas
from patrol.domain import messages
from patrol.domain.errors import MessageError
from patrol.domain.messages import DATA_OF, HEARTBEAT, POSITION, TYPES, read_message
from tests.test_docs import built_messages, golden_messages

COMMITTED = Path(__file__).parents[2] / "docs" / "contract"
BODIES: Mapping[str, dict[str, Any]] = {name: json.loads(message.body) for name, message in samples().items()}


def valid(body: Any, type_: str | None = None) -> bool:
    schema = schema_of(type_ or body["type"])
    return bool(jsonschema.Draft202012Validator(schema).is_valid(body))


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    smaller = deepcopy(body)
    inner = smaller
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return smaller


def paths(value: Any, *before: str) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*before, name)
            yield from paths(inner, *before, name)


def test_what_is_committed_is_what_the_code_makes() -> None:
    committed = {str(file.relative_to(COMMITTED)): file.read_text("utf-8") for file in COMMITTED.rglob("*.json")}
    assert committed == contract_files(), "patrol contract --out docs/contract writes them anew"


def test_the_command_writes_all_of_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(make_cli(), ["contract", "--out", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    written = {str(file.relative_to(tmp_path / "new")): file.read_text("utf-8") for file in tmp_path.rglob("*.json")}
    assert written == contract_files()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(make_cli(), ["contract", "--out", str(tmp_path / "file")])
    assert done.exit_code == 1
    assert "cannot be written" in done.output


def test_there_is_a_schema_of_every_type_and_a_sample_of_every_schema() -> None:
    assert set(NAMES) == TYPES == set(DATA_OF)
    assert set(schemas()) == set(NAMES.values())
    assert {body["type"] for body in BODIES.values()} == TYPES


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_schemas_are_schemas_and_named_as_messages_name_them(type_: str) -> None:
    schema = schema_of(type_)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == messages.schema_id(type_)
    assert schema["title"] == type_
    assert "``" not in json.dumps(schema)
    assert "$ref" not in json.dumps(inlined(schema))


@pytest.mark.parametrize("name", BODIES)
def test_samples_are_valid_read_by_the_client_and_carry_their_schema(name: str) -> None:
    body = BODIES[name]
    assert valid(body)
    assert body["dataschema"] == messages.schema_id(body["type"])
    envelope = read_message(samples()[name].body)
    if body["type"] not in (HEARTBEAT, POSITION):  # about no incident
        assert envelope.incident_id == body["partitionkey"]
    assert isinstance(read_data(envelope), DATA_OF[body["type"]])


@pytest.mark.parametrize("name", BODIES)
def test_other_messages_of_the_code_are_valid_too(name: str) -> None:
    assert valid(json.loads(built_messages()[name].body))


@pytest.mark.parametrize("name", BODIES)
def test_samples_are_the_examples_in_the_docs(name: str) -> None:
    assert json.loads(golden_messages()[name].body) == BODIES[name]
    assert golden_messages()[name].stream == samples()[name].stream


@pytest.mark.parametrize("name", BODIES)
def test_every_field_that_is_sent_is_in_the_schema(name: str) -> None:
    schema = inlined(schema_of(BODIES[name]["type"]))

    def known(part: Any, value: Any) -> bool:
        options = [part, *part.get("anyOf", [])]
        if isinstance(value, list):
            return all(any(known(option.get("items", {}), inner) for option in options) for inner in value)
        if not isinstance(value, dict):
            return True
        if any("additionalProperties" in option for option in options):
            return True
        named = next((option["properties"] for option in options if "properties" in option), {})
        return all(field in named and known(named[field], inner) for field, inner in value.items())

    assert known(schema, BODIES[name])


@pytest.mark.long
@pytest.mark.parametrize("name", BODIES)
def test_what_the_schema_requires_the_reader_requires_and_the_other_way_round(name: str) -> None:
    """Of the data. Of the envelope a reader asks for less than Patrol sends: terminals leave much out."""
    body = BODIES[name]
    for path in paths(body["data"]):
        smaller = without(body, "data", *path)
        try:
            read_data(read_message(json.dumps(smaller)))
        except MessageError:
            assert not valid(smaller), path
        else:
            assert valid(smaller), path


@pytest.mark.parametrize("name", BODIES)
def test_what_is_unknown_is_allowed_everywhere(name: str) -> None:
    def more(value: Any) -> Any:
        if isinstance(value, dict):
            return {field: more(inner) for field, inner in value.items()} | {"unheard_of": {"a": [1]}}
        return value

    body = more(BODIES[name])
    if "clocks" in body["data"]:
        del body["data"]["clocks"]["unheard_of"]  # a table of clocks, not an object of fields
        del body["data"]["stages"]["before_s"]["unheard_of"]  # of stages, likewise
    assert valid(body)
    assert read_data(read_message(json.dumps(body))) == read_data(read_message(json.dumps(BODIES[name])))


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("alert", ("level",), "mauve"),
        ("alert", ("alert_id",), ""),
        ("alert", ("score",), 1.5),
        ("alert", ("count",), -1),
        ("alert", ("words",), "text"),
        ("order", ("destination", "latitude"), 91),
        ("receipt", ("kind",), "maybe"),
        ("receipt", ("sequence",), 0),
        ("receipt", ("place",), {"latitude": 1}),
        ("position", ("place", "latitude"), 91),
        ("position", ("coordinate_system",), "bd09"),
        ("incident", ("class",), "weather"),
        ("incident", ("clocks", "t0"), {"at": "2026-05-01T02:30:00.120+00:00"}),
    ],
)
def test_what_is_wrong_is_wrong_to_both(name: str, path: tuple[str, ...], value: Any) -> None:
    body = deepcopy(BODIES[name])
    inner = body["data"]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert not valid(body)
    with pytest.raises(MessageError):
        read_data(read_message(json.dumps(body)))


@pytest.mark.parametrize(
    ("name", "field"), [("alert", "kind"), ("incident", "state"), ("incident", "disposition"), ("order", "kind")]
)
def test_sets_that_may_grow_take_what_is_new(name: str, field: str) -> None:
    body = deepcopy(BODIES[name])
    body["data"][field] = "of_next_year"
    assert valid(body)
    assert getattr(read_data(read_message(json.dumps(body))), field) == "of_next_year"


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("receipt", ("operator", "reason_code", "place")),
        ("position", ("accuracy_m", "heading_deg", "speed_m_s", "coordinate_system")),
    ],
)
def test_the_least_that_a_terminal_sends_is_enough(name: str, left_out: tuple[str, ...]) -> None:
    body = BODIES[name]
    for attribute in ("partitionkey", "correlationid", "time", "recordedtime", "datacontenttype", "dataschema"):
        body = without(body, attribute)
    for field in left_out:
        body = without(body, "data", field)
    assert valid(body)


class TestAsyncApi:
    def test_has_every_stream_once_and_every_message(self) -> None:
        document = asyncapi()
        addresses = [channel["address"] for channel in document["channels"].values()]
        assert sorted(addresses) == sorted(messages.STREAMS)
        names = {message["name"] for message in document["components"]["messages"].values()}
        assert names == {*TYPES, "dead"}

    def test_is_of_version_3_and_its_references_lead_somewhere(self) -> None:
        document = asyncapi()
        assert document["asyncapi"].startswith("3.")
        assert {"title", "version"} <= set(document["info"])

        def references(part: Any) -> Iterator[str]:
            if isinstance(part, dict):
                yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
                for inner in part.values():
                    yield from references(inner)
            elif isinstance(part, list):
                for inner in part:
                    yield from references(inner)

        found = set(references(document))
        assert found
        for reference in found:
            at: Any = document
            for step in reference.removeprefix("#/").split("/"):
                at = at[step]

    def test_patrol_sends_everything_but_receipts_and_positions(self) -> None:
        for operation in asyncapi()["operations"].values():
            to_us = operation["channel"]["$ref"] in ("#/channels/receipt", "#/channels/position")
            assert operation["action"] == ("receive" if to_us else "send")
            assert operation["messages"]

    def test_its_payloads_and_examples_are_the_schemas_and_the_samples(self) -> None:
        shown = {}
        for message in asyncapi()["components"]["messages"].values():
            if message["name"] == "dead":
                continue
            payload = message["payload"]["schema"]
            assert payload == inlined(schema_of(message["name"]))
            for example in message["examples"]:
                jsonschema.Draft202012Validator(payload).validate(example["payload"])
                shown[example["name"]] = example["payload"]
        assert shown == BODIES

    def test_its_dead_letter_has_the_fields_that_the_client_and_the_service_write(self) -> None:
        fields = set(asyncapi()["components"]["messages"]["dead"]["payload"]["required"])
        assert fields == {"ce", "stream", "entry_id", "group", "attempts", "reason", "at"}
