"""The AsyncAPI 3 document: which stream carries what, and who sends and receives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from patrol.contract.samples import samples
from patrol.contract.schemas import NAMES, inlined, schema_of
from patrol.domain.messages import (
    ALERT,
    ALERT_STREAMS,
    DEAD_STREAM,
    HEARTBEAT,
    HEARTBEAT_STREAM,
    INCIDENT,
    INCIDENT_STREAM,
    MAX_BYTES,
    ORDER,
    ORDER_STREAMS,
    POSITION,
    POSITION_STREAM,
    RECALL,
    RECEIPT,
    RECEIPT_STREAM,
)

VERSION = "1"

_CARRIES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(ALERT_STREAMS, (ALERT,)),
    INCIDENT_STREAM: (INCIDENT,),
    **dict.fromkeys(ORDER_STREAMS, (ORDER, RECALL)),
    RECEIPT_STREAM: (RECEIPT,),
    HEARTBEAT_STREAM: (HEARTBEAT,),
    POSITION_STREAM: (POSITION,),
}
"""What lies on each stream. The dead letters carry anything, beside why it could not be handled."""

_WRITTEN_BY_OTHERS = frozenset({RECEIPT_STREAM, POSITION_STREAM})
_DEAD_FIELDS: Mapping[str, str] = {
    "ce": "The message, unchanged.",
    "stream": "The stream it came on.",
    "entry_id": "Its entry there.",
    "group": "The consumer group that could not handle it.",
    "attempts": "How often it was delivered.",
    "reason": "Why it could not be handled.",
    "at": "When it was given up.",
}


def asyncapi() -> dict[str, Any]:
    """The whole document. Its operations are Patrol's own: a console does the opposite."""
    channels = {_name(stream): _channel(stream, types) for stream, types in _CARRIES.items()}
    channels[_name(DEAD_STREAM)] = {
        "address": DEAD_STREAM,
        "title": DEAD_STREAM,
        "description": "Messages that a group could not handle: kept, counted, shown, and put back by people.",
        "messages": {"dead": {"$ref": "#/components/messages/dead"}},
    }
    operations = {_operation(stream): _does(stream) for stream in _CARRIES}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Patrol's queue",
            "version": VERSION,
            "license": {"name": "AGPL-3.0-only"},
            "description": (
                "Redis Streams (Redis 6.2 or newer, or Valkey). An entry has one field, ce: a CloudEvents 1.0 message"
                f" in JSON, UTF-8, at most {MAX_BYTES} bytes. Every console is a consumer group of its own, every seat"
                " a consumer; delivery is at least once, and source + id is the idempotency key."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"redis": {"host": "127.0.0.1:6379", "protocol": "redis"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": {**{NAMES[type_]: _message(type_) for type_ in NAMES}, "dead": _dead()}},
    }


def _name(stream: str) -> str:
    return stream.removeprefix("patrol:").replace(":", "-")


def _channel(stream: str, types: tuple[str, ...]) -> dict[str, Any]:
    return {
        "address": stream,
        "title": stream,
        "messages": {NAMES[type_]: {"$ref": f"#/components/messages/{NAMES[type_]}"} for type_ in types},
    }


def _operation(stream: str) -> str:
    return f"{'receive' if stream in _WRITTEN_BY_OTHERS else 'send'}-{_name(stream)}"


def _does(stream: str) -> dict[str, Any]:
    channel = f"#/channels/{_name(stream)}"
    return {
        "action": "receive" if stream in _WRITTEN_BY_OTHERS else "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{NAMES[type_]}"} for type_ in _CARRIES[stream]],
    }


def _message(type_: str) -> dict[str, Any]:
    schema = inlined(schema_of(type_))
    return {
        "name": type_,
        "title": type_,
        "summary": schema["description"],
        "contentType": "application/cloudevents+json",
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": schema},
        "examples": [
            {"name": name, "payload": json.loads(message.body)}
            for name, message in samples().items()
            if json.loads(message.body)["type"] == type_
        ],
    }


def _dead() -> dict[str, Any]:
    return {
        "name": "dead",
        "title": "A dead letter",
        "summary": "A stream entry of its own fields, not a CloudEvents message.",
        "payload": {
            "type": "object",
            "required": list(_DEAD_FIELDS),
            "properties": {name: {"type": "string", "description": words} for name, words in _DEAD_FIELDS.items()},
        },
    }
