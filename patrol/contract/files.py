"""The contract as files: name and text, ready to be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from patrol.contract.asyncapi import asyncapi
from patrol.contract.samples import samples
from patrol.contract.schemas import schemas


def contract_files() -> Mapping[str, str]:
    """Every file by its path under the folder they are written to. Always the same for the same code."""
    return {
        "asyncapi.json": _text(asyncapi()),
        **{f"schemas/{name}.v1.schema.json": _text(schema) for name, schema in schemas().items()},
        **{f"samples/{name}.json": _text(json.loads(message.body)) for name, message in samples().items()},
    }


def _text(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
