"""Units: who can be sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from patrol.domain.vocabulary import Place, RingName

UnitId = NewType("UnitId", str)


class UnitKind(StrEnum):
    """Kinds of unit (警力单元)."""

    JOINT_PATROL = "joint_patrol"
    POST = "post"
    STATION_PATROL = "station_patrol"
    COMBAT_UNIT = "combat_unit"
    DRONE_GROUP = "drone_group"
    COMMUNITY_OFFICER = "community_officer"
    VOLUNTEERS = "volunteers"


class UnitState(StrEnum):
    """What a unit is doing."""

    AVAILABLE = "available"
    ASSIGNED = "assigned"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    OUT_OF_SERVICE = "out_of_service"


@dataclass(frozen=True, slots=True)
class Unit:
    """A patrol crew, post, combat unit or drone group.

    ``home``: where it stands when nothing is known of it; ``speed_m_s``: along the way; ``mobilise_s``: from
    accepting to moving. ``rings``: where it may be sent. ``simulated``: it is not a real crew.
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
