"""Incidents and orders as the text they are stored as. What was read or written lately is not read again.

An alert that joins an incident finds there what the one before it wrote, and whoever looks at the room reads the same
incidents and orders several times a second. A text means the same whenever it is read, and values are frozen: nothing
goes stale. Who reads the same again is given the very same value, by which others know that nothing changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from patrol.adapters.sql_tables import ORDER_JSON
from patrol.domain.incidents import Incident
from patrol.domain.orders import Order

MOST_KNOWN = 2048  # of each sort, some 3 kB each: more than a room shows, or each look would read them all anew
INCIDENT_JSON = TypeAdapter(Incident)

Value = TypeVar("Value")


class Bodies(Generic[Value]):
    """Values of one sort and the texts of the latest."""

    def __init__(self, adapter: TypeAdapter[Value]) -> None:
        self._adapter = adapter
        self._known: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()  # each store has threads of its own

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, body: str) -> bool:
        return body in self._known

    def value(self, body: str) -> Value:
        """What is stored as this text. Raises ValidationError."""
        with self._lock:
            if (known := self._known.get(body)) is not None:
                self._known.move_to_end(body)
                return known
        return self._noted(body, self._adapter.validate_json(body))

    def text(self, value: Value) -> str:
        """What it is stored as."""
        body = self._adapter.dump_json(value).decode()
        self._noted(body, value)
        return body

    def forget(self) -> None:
        """Know none any more."""
        with self._lock:
            self._known.clear()

    def _noted(self, body: str, value: Value) -> Value:
        with self._lock:
            self._known[body] = value
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return value


KNOWN_INCIDENTS: Bodies[Incident] = Bodies(INCIDENT_JSON)
KNOWN_ORDERS: Bodies[Order] = Bodies(ORDER_JSON)

incident_in, body_of = KNOWN_INCIDENTS.value, KNOWN_INCIDENTS.text
order_in, body_of_order = KNOWN_ORDERS.value, KNOWN_ORDERS.text
