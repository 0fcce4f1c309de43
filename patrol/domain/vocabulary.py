"""Ids, rings and places: what messages speak of. Nothing but the standard library, so that a console needs no more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

CameraId = NewType("CameraId", str)
ZoneId = NewType("ZoneId", str)
RuleId = NewType("RuleId", str)

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG


class RingName(StrEnum):
    """The three rings (圈层), from the inside out."""

    CORE = "core"
    PERIPHERY = "periphery"
    FAR = "far"


class CoordinateSystem(StrEnum):
    """What coordinates from outside are in (坐标系). Inside all are WGS-84; others are converted where they come in."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"  # what maps and terminals made for mainland China show


class OrderState(StrEnum):
    """Where an order stands."""

    SENT = "sent"
    DOUBTED = "doubted"  # not accepted in time; it stays as a back-up until another unit has accepted
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the earth, WGS-84, degrees."""

    latitude: float
    longitude: float

    def distance_m(self, other: Place) -> float:
        """Great-circle distance in metres (haversine)."""
        lat1, lat2 = math.radians(self.latitude), math.radians(other.latitude)
        half_lat = (lat2 - lat1) / 2
        half_lon = math.radians(other.longitude - self.longitude) / 2
        a = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
        return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(a)))

    def towards(self, other: Place, metres: float) -> Place:
        """The point ``metres`` along the straight way to ``other``, at most ``other`` itself."""
        distance = self.distance_m(other)
        share = 1.0 if distance <= metres or distance == 0 else metres / distance
        return Place(
            self.latitude + (other.latitude - self.latitude) * share,
            self.longitude + (other.longitude - self.longitude) * share,
        )
