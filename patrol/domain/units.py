"""Units: who can be sent, how they travel, when they are on duty, and what they may do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

from patrol.domain.schedules import TimeWindow
from patrol.domain.vocabulary import Place, RingName

UnitId = NewType("UnitId", str)

USUAL_CREW = 2


class UnitKind(StrEnum):
    """Kinds of unit (警力单元)."""

    JOINT_PATROL = "joint_patrol"
    POST = "post"
    STATION_PATROL = "station_patrol"
    COMBAT_UNIT = "combat_unit"
    DRONE_GROUP = "drone_group"
    COMMUNITY_OFFICER = "community_officer"
    VOLUNTEERS = "volunteers"


class TravelMode(StrEnum):
    """How a unit gets to a place (出行方式): which ways are open to it. How fast is the unit's own."""

    FOOT = "foot"
    SCOOTER = "scooter"
    CAR = "car"
    DRONE = "drone"


class UnitState(StrEnum):
    """What a unit is doing."""

    OFF_DUTY = "off_duty"
    AVAILABLE = "available"
    ASSIGNED = "assigned"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    RETURNING = "returning"
    OUT_OF_SERVICE = "out_of_service"


ON_AN_ORDER = frozenset({UnitState.ASSIGNED, UnitState.EN_ROUTE, UnitState.ON_SCENE})
ASSIGNABLE = frozenset({UnitState.AVAILABLE, UnitState.RETURNING})
"""Who may be sent. A unit on its way back is sent from where it is."""

# An order ends at any point: refused, taken back or done; where the crew's shift ended meanwhile, it goes off duty then
# and never before. ASSIGNED -> ASSIGNED and EN_ROUTE -> ASSIGNED: what is more urgent has taken it (pre-emption).
# ASSIGNED -> ON_SCENE: a receipt overtook another. Who is on an order leaves service only once it has given that back.
# OFF_DUTY -> ASSIGNED: by a dispatcher's word alone (overriding.py); nobody else sends who is not on duty.
UNIT_TRANSITIONS: Mapping[UnitState, frozenset[UnitState]] = {
    UnitState.OFF_DUTY: frozenset({UnitState.AVAILABLE, UnitState.ASSIGNED, UnitState.OUT_OF_SERVICE}),
    UnitState.AVAILABLE: frozenset({UnitState.ASSIGNED, UnitState.OFF_DUTY, UnitState.OUT_OF_SERVICE}),
    UnitState.ASSIGNED: frozenset(
        {
            UnitState.ASSIGNED,
            UnitState.EN_ROUTE,
            UnitState.ON_SCENE,
            UnitState.AVAILABLE,
            UnitState.RETURNING,
            UnitState.OFF_DUTY,
        }
    ),
    UnitState.EN_ROUTE: frozenset(
        {UnitState.ASSIGNED, UnitState.ON_SCENE, UnitState.AVAILABLE, UnitState.RETURNING, UnitState.OFF_DUTY}
    ),
    UnitState.ON_SCENE: frozenset({UnitState.AVAILABLE, UnitState.RETURNING, UnitState.OFF_DUTY}),
    UnitState.RETURNING: frozenset(
        {UnitState.AVAILABLE, UnitState.ASSIGNED, UnitState.OFF_DUTY, UnitState.OUT_OF_SERVICE}
    ),
    UnitState.OUT_OF_SERVICE: frozenset({UnitState.AVAILABLE, UnitState.OFF_DUTY}),
}


@dataclass(frozen=True, slots=True)
class Shift:
    """When a unit is on duty (班次): in any of ``windows``, as the clocks of ``timezone``, its station's, show."""

    windows: tuple[TimeWindow, ...]
    timezone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether the crew is on duty at ``now``, aware."""
        local = now.astimezone(self.timezone)
        return any(window.holds(local) for window in self.windows)


@dataclass(frozen=True, slots=True)
class Unit:
    """A patrol crew, post, combat unit or drone group.

    ``home``: where it stands when nothing is known of it; ``speed_m_s``: along the way; ``mobilise_s``: from
    accepting to moving. ``rings``: where it may be sent. ``simulated``: it is not a real crew. ``crew``: how many
    officers. ``shift``: None where it is always on duty. ``capabilities``: what it can do, in the station's own words
    (first_aid, armed). ``mode``: how it travels.
    """

    id: UnitId
    name: str
    name_en: str
    kind: UnitKind
    rings: frozenset[RingName]
    home: Place
    speed_m_s: float
    mobilise_s: float
    simulated: bool = False
    crew: int = USUAL_CREW
    shift: Shift | None = None
    capabilities: frozenset[str] = frozenset()
    mode: TravelMode = TravelMode.FOOT


def usual_mode(kind: UnitKind) -> TravelMode:
    """How units of a kind travel unless they say: drones fly, everybody else is taken to be on foot."""
    return TravelMode.DRONE if kind is UnitKind.DRONE_GROUP else TravelMode.FOOT


def is_on_shift(unit: Unit, now: datetime) -> bool:
    """Whether its shift holds at ``now``, aware; always, where it has none."""
    return unit.shift is None or unit.shift.holds(now)
