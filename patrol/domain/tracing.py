"""Traces: all messages that tell of one incident, from the visit that first saw it to its feedback (W3C Trace Context).

Ids are made of what they name, and so nothing is kept for them: a trace's of the incident's, which is made before the
incident is stored and never changes; a span's of the message's own key, so that a message sent again is the same span.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NewType

TraceId = NewType("TraceId", str)

_VERSION, _SAMPLED = "00", "01"
_TRACEPARENT = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def trace_id(about: str) -> TraceId:
    """The trace of an incident, by its id; of what is about none, by its own."""
    return TraceId(_hex(about, 16))


def traceparent(trace: TraceId, source: str, message_id: str) -> str:
    """What a message of a trace carries."""
    return f"{_VERSION}-{trace}-{_hex(f'{source}#{message_id}', 8)}-{_SAMPLED}"


def read_traceparent(text: object) -> TraceId | None:
    """The trace that a message is of; None where it says none, or nothing that can be one."""
    found = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    version, trace, span, _, more = found.groups()
    is_void = version == "ff" or not int(trace, 16) or not int(span, 16)
    return None if is_void or (version == _VERSION and more) else TraceId(trace)


def _hex(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
