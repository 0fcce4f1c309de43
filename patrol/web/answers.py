"""The answers that are put together where they are given: in the shape that the API's document tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from patrol.domain.accounts import AccountRole, Permission
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.live import LiveEnd, LiveWay
from patrol.domain.orders import Order
from patrol.domain.units import UnitState
from patrol.domain.zones import Polygon
from patrol.web.layout import RoomLayout
from patrol.web.schemas import RoomState


@dataclass(frozen=True, slots=True)
class VersionedLayout(RoomLayout):
    """The room's fixed furniture. ``version``: what the room's state names as its ``layout``."""

    version: str


@dataclass(frozen=True, slots=True)
class StateMessage:
    """The room, and when it was so."""

    at: datetime
    room: RoomState


@dataclass(frozen=True, slots=True)
class ChangeMessage:
    """What is otherwise in the room than the message before said.

    ``room``: fields of its state, each whole; never ``incidents`` and ``orders``, which are told one by one.
    ``incident_ids``: all that the room has, in their order; None where these are the same as before. ``incidents``:
    those that are new or otherwise. ``orders``: likewise, by incident; empty where it has none any more.
    """

    at: datetime
    incident_ids: tuple[IncidentId, ...] | None
    incidents: tuple[Incident, ...]
    orders: Mapping[IncidentId, tuple[Order, ...]]
    room: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FeedTrouble:
    """Why nothing new can be told."""

    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, by this request or by the same one before."""

    done: Literal[True]


@dataclass(frozen=True, slots=True)
class ClosingDone(Done):
    """``closed``: whether the incident is; else a second person has to agree."""

    closed: bool


@dataclass(frozen=True, slots=True)
class LedTo(Done):
    """``incident_id``: with which incident it goes on."""

    incident_id: IncidentId


@dataclass(frozen=True, slots=True)
class UnitStateDone(Done):
    """``state``: what the unit does now."""

    state: UnitState


@dataclass(frozen=True, slots=True)
class PositionsTaken:
    """How many were taken, and of which units nobody knows anything."""

    accepted: int
    unknown_units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks, and what they may. ``name`` is empty and ``role`` None where there are no accounts."""

    name: str
    role: AccountRole | None
    may: tuple[Permission, ...]
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveZone:
    """What is watched in a picture. ``outline``: corners of a polygon, or both ends of a line, as shares of it."""

    name: str
    name_en: str
    outline: Polygon


@dataclass(frozen=True, slots=True)
class LiveOpened:
    """``answer``: the SDP of a live view; ``way``: how its pictures get there."""

    viewer_id: str
    answer: str
    way: LiveWay
    zones: tuple[LiveZone, ...]


@dataclass(frozen=True, slots=True)
class LiveShown:
    """How a live view stands. ``end``: why it is over; ``sent``, ``dropped``: pictures."""

    end: LiveEnd | None
    sent: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Alive:
    """The process answers."""

    alive: Literal[True]


@dataclass(frozen=True, slots=True)
class Failing:
    """A part that is not fit for work, and why."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether Patrol is fit for work."""

    ready: bool
    failing: tuple[Failing, ...]
