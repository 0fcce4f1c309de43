"""JSON Schemas (2020-12) of every message, made of the classes that write and read them.

What a writer must send and a reader may rely on. Additional fields are allowed everywhere: they may come with any
release, and a reader ignores what it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from patrol.domain.messages import ALERT, DATA_OF, HEARTBEAT, INCIDENT, ORDER, POSITION, RECEIPT, schema_id

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES: Mapping[str, str] = {type_: schema_id(type_).split(":")[2] for type_ in DATA_OF}
"""Short names, by type: ``alert``, ``order.recall``."""

_LEVELLED = frozenset({ALERT, INCIDENT, ORDER})
_EXPIRING = frozenset({ALERT, ORDER})
# What others write: they need to send less than Patrol itself does.
_OF_OTHERS = frozenset({RECEIPT, POSITION})


_TEXT = {"type": "string", "minLength": 1}
_OF_AN_INCIDENT: Mapping[str, Any] = {
    "subject": {"type": "string", "pattern": "^incident/.+", "description": "incident/<incident id>"},
    "partitionkey": {**_TEXT, "description": "The incident's id."},
    "correlationid": {**_TEXT, "description": "The incident's id."},
}
_OF_NO_INCIDENT: Mapping[str, Any] = {
    "subject": {"type": "string", "pattern": "^system/.+", "description": "Nothing that happened."},
    "partitionkey": _TEXT,
    "correlationid": _TEXT,
}
_OF_A_UNIT: Mapping[str, Any] = {
    "subject": {"type": "string", "pattern": "^unit/.+", "description": "unit/<unit id>"},
    "partitionkey": {**_TEXT, "description": "The unit's id."},
    "correlationid": {**_TEXT, "description": "The unit's id."},
}
_ABOUT: Mapping[str, Mapping[str, Any]] = {HEARTBEAT: _OF_NO_INCIDENT, POSITION: _OF_A_UNIT}
_TRACING: Mapping[str, Any] = {
    "traceparent": {
        "type": "string",
        "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
        "description": "W3C Trace Context: one trace for all that tells of one incident, one span for each message.",
    },
    "causationid": {
        **_TEXT,
        "description": "The id of the message that led to this one; of a receipt, that of what it answers.",
    },
}


class _Untitled(GenerateJsonSchema):
    """Without the titles that only repeat each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def schema_of(type_: str) -> dict[str, Any]:
    """The schema of a whole message of one type: its envelope, and its data."""
    data = data_schema_of(type_)
    definitions = data.pop("$defs", {})
    properties = {**_envelope(type_), "data": data}
    optional = {"datacontenttype", "dataschema", *_TRACING}
    if type_ in _OF_OTHERS:
        optional |= {"partitionkey", "correlationid", "time", "recordedtime"}
    return {
        "$schema": DIALECT,
        "$id": schema_id(type_),
        "title": type_,
        "description": data.pop("description"),
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
        **({"$defs": definitions} if definitions else {}),
    }


def data_schema_of(type_: str) -> dict[str, Any]:
    """The schema of a type's data alone."""
    schema = TypeAdapter(DATA_OF[type_]).json_schema(schema_generator=_Untitled)
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("title", None)  # a Python class's name says nothing elsewhere
        if "enum" in part:
            part["description"] = part["description"].partition(". ")[0].rstrip(".") + "."
    told: dict[str, Any] = json.loads(json.dumps(schema).replace("``", "`"))
    return told


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema without references, for documents in which they would point elsewhere."""
    definitions = schema.get("$defs", {})

    def inline(part: Any) -> Any:
        if isinstance(part, list):
            return [inline(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref", "").removeprefix("#/$defs/")
        whole = {**definitions[reference], **part} if reference else part
        return {name: inline(inner) for name, inner in whole.items() if name not in ("$ref", "$defs")}

    whole: dict[str, Any] = inline(schema)
    return whole


def _envelope(type_: str) -> dict[str, Any]:
    time = {"type": "string", "format": "date-time"}
    attributes: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": {**_TEXT, "description": "Unique within its source: the pair is the idempotency key."},
        "source": _TEXT,
        "type": {"const": type_},
        **_ABOUT.get(type_, _OF_AN_INCIDENT),
        **_TRACING,
        "sequence": {
            "type": "string",
            "pattern": "^[0-9]{1,18}$",
            "description": "Grows with every message about one incident; in a receipt, the receipt's own.",
        },
        "time": {**time, "description": "When it happened."},
        "recordedtime": {**time, "description": "When it was recorded."},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string", "format": "uri", "description": "This schema's $id, or a later one's."},
    }
    if type_ in _LEVELLED:
        attributes["severitytext"] = {"enum": ["red", "yellow", "blue", "green"], "description": "The level."}
    if type_ in _EXPIRING:
        attributes["expirytime"] = time
    return attributes


def schemas() -> Mapping[str, dict[str, Any]]:
    """All, by short name."""
    return {NAMES[type_]: schema_of(type_) for type_ in DATA_OF}
