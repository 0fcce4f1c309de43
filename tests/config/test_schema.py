"""The JSON Schema that editors use."""

from __future__ import annotations

import json
from typing import Any

from patrol.config import json_schema, schema_text
from tests.config.files import SCHEMA


def definition(name: str) -> dict[str, Any]:
    """One definition of the schema."""
    found = json_schema()["$defs"][name]
    assert isinstance(found, dict)
    return found


def test_the_file_beside_the_sample_is_in_step() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "patrol check --schema > configs/cameras.schema.json"


def test_it_is_json_schema_that_refuses_unknown_keys_everywhere() -> None:
    schema = json.loads(schema_text())
    objects = [schema, *(one for one in schema["$defs"].values() if one["type"] == "object")]

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert len(objects) > 10
    assert all(one["additionalProperties"] is False for one in objects)


def test_it_helps_with_every_key() -> None:
    schema = json_schema()
    keys = [
        (name, key, value)
        for name, one in [("file", schema), *schema["$defs"].items()]
        for key, value in one.get("properties", {}).items()
    ]

    assert len(keys) > 60
    assert [(name, key) for name, key, value in keys if not value.get("description")] == []


def test_it_carries_the_limits_and_the_choices() -> None:
    assert definition("RingModel")["properties"]["revisit_bound_s"]["exclusiveMinimum"] == 0
    assert definition("RingName")["enum"] == ["core", "periphery", "far"]
    assert definition("IntrusionModel")["properties"]["kind"]["const"] == "intrusion"
    assert definition("DetectorModel")["properties"]["input_px"]["items"]["multipleOf"] == 32
    assert set(definition("CameraModel")["required"]) == {"id", "name", "at", "heading_deg"}
