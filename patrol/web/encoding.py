"""The room as JSON, in parts: its fields, and of what is many each incident, and each incident's orders, by themselves.

What is as it was at the last look is not made again, nor told again to who has it: with hundreds of open incidents
that is nearly everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from json import dumps
from typing import Generic, TypeVar, get_type_hints

from pydantic import TypeAdapter

from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.orders import Order
from patrol.domain.room import RoomSnapshot
from patrol.web.layout import RoomLayout
from patrol.web.schemas import Lookers, RoomState, room_state, shown_of

INCIDENTS, ORDERS, INCIDENT_IDS = "incidents", "orders", "incident_ids"

Part = str | tuple[str, IncidentId]
"""A field, by its name; or of ``incidents`` and ``orders`` what is of one incident."""

_FIELDS = {
    name: TypeAdapter(hint)
    for name, hint in get_type_hints(RoomState, include_extras=True).items()
    if name not in {INCIDENTS, ORDERS}
}
_INCIDENT, _ORDERS = TypeAdapter(Incident), TypeAdapter(tuple[Order, ...])
_IDS = TypeAdapter(tuple[IncidentId, ...])
_NONE = b"[]"

Value = TypeVar("Value")


class RoomEncoder:
    """Makes parts of one snapshot after the other; equal bytes mean that nothing changed."""

    def __init__(self, layout: RoomLayout, layout_version: str) -> None:
        self._layout = layout
        self._layout_version = layout_version
        self._incidents: _Made[Incident] = _Made(INCIDENTS, lambda one: _INCIDENT.dump_json(shown_of(one)))
        self._orders: _Made[tuple[Order, ...]] = _Made(ORDERS, _ORDERS.dump_json)

    def parts(self, snapshot: RoomSnapshot, looking: Lookers) -> Mapping[Part, bytes]:
        """The room without its time. ``incident_ids``: all of them, in their order, as the parts are."""
        state = room_state(snapshot, self._layout, self._layout_version, looking)
        incidents = {incident.id: incident for incident in snapshot.incidents}
        return {
            **{name: adapter.dump_json(getattr(state, name)) for name, adapter in _FIELDS.items()},
            INCIDENT_IDS: _IDS.dump_json(tuple(incidents)),
            **self._incidents.of(incidents),
            **self._orders.of({each: snapshot.orders.get(each, ()) for each in incidents}),
        }


def is_awaited(part: Part) -> bool:
    """Whether people wait for it: what happens, and what is done about it."""
    return part == INCIDENT_IDS or isinstance(part, tuple)


def state_message(at: datetime, room: Mapping[Part, bytes]) -> bytes:
    """The whole room, see StateMessage."""
    fields = {name: value for name, value in _fields_in(room).items() if name != INCIDENT_IDS}
    orders = {key: value for key, value in _of_incidents(room, ORDERS).items() if value != _NONE}
    fields[INCIDENTS], fields[ORDERS] = _listed(_of_incidents(room, INCIDENTS)), _object(orders)
    return _object({"at": _time(at), "room": _object(fields)})


def change_message(at: datetime, changed: Mapping[Part, bytes]) -> bytes:
    """Some parts of a room, see ChangeMessage."""
    fields = dict(_fields_in(changed))
    return _object(
        {
            "at": _time(at),
            INCIDENT_IDS: fields.pop(INCIDENT_IDS, b"null"),
            INCIDENTS: _listed(_of_incidents(changed, INCIDENTS)),
            ORDERS: _object(_of_incidents(changed, ORDERS)),
            "room": _object(fields),
        }
    )


class _Made(Generic[Value]):
    """What was made of each incident's value at the last look, which is good for as long as that value is the same."""

    def __init__(self, name: str, encode: Callable[[Value], bytes]) -> None:
        self._name = name
        self._encode = encode
        self._made: Mapping[IncidentId, tuple[Value, bytes]] = {}

    def of(self, values: Mapping[IncidentId, Value]) -> dict[Part, bytes]:
        """A part for each of them, in their order; of others nothing is kept."""
        before = self._made
        self._made = {key: self._one(before.get(key), value) for key, value in values.items()}
        return {(self._name, key): body for key, (_, body) in self._made.items()}

    def _one(self, before: tuple[Value, bytes] | None, value: Value) -> tuple[Value, bytes]:
        # Who reads the same from the store again is mostly given the very same.
        if before is not None and (before[0] is value or before[0] == value):
            return before
        return value, self._encode(value)


def _fields_in(room: Mapping[Part, bytes]) -> dict[str, bytes]:
    return {part: value for part, value in room.items() if isinstance(part, str)}


def _of_incidents(room: Mapping[Part, bytes], name: str) -> dict[str, bytes]:
    return {part[1]: value for part, value in room.items() if isinstance(part, tuple) and part[0] == name}


def _time(at: datetime) -> bytes:
    return b'"%s"' % at.isoformat().encode()


def _listed(values: Mapping[str, bytes]) -> bytes:
    return b"[%s]" % b",".join(values.values())


def _object(values: Mapping[str, bytes]) -> bytes:
    return b"{%s}" % b",".join(b"%s:%s" % (dumps(name).encode(), value) for name, value in values.items())
