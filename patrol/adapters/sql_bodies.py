"""Incidents as the text they are stored as. What was read or written lately is known without reading it again.

An alert that joins an incident finds there what the one before it wrote, and whoever looks at the room reads the same
incidents several times a second. A text means the same whenever it is read, and values are frozen: nothing goes stale.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from pydantic import TypeAdapter

from patrol.domain.incidents import Incident

MOST_KNOWN = 1024  # some 3 kB each
INCIDENT_JSON = TypeAdapter(Incident)

_known: OrderedDict[str, Incident] = OrderedDict()
_lock = threading.Lock()  # each store has a thread of its own


def incident_in(body: str) -> Incident:
    """The incident that is stored as this text. Raises ValidationError."""
    with _lock:
        if (known := _known.get(body)) is not None:
            _known.move_to_end(body)
            return known
    return _noted(body, INCIDENT_JSON.validate_json(body))


def body_of(incident: Incident) -> str:
    """The text that an incident is stored as."""
    body = INCIDENT_JSON.dump_json(incident).decode()
    _noted(body, incident)
    return body


def _noted(body: str, incident: Incident) -> Incident:
    with _lock:
        _known[body] = incident
        if len(_known) > MOST_KNOWN:
            _known.popitem(last=False)
    return incident
