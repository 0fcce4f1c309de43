"""What says how long ways take: a street graph, a routing service, or the straight line alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from patrol.domain.camera import StreamAddress
from patrol.domain.units import TravelMode
from patrol.domain.ways import DETOUR_FACTOR

ON_STREETS = frozenset(TravelMode) - {TravelMode.DRONE}


class ServiceKind(StrEnum):
    """Which language a routing service speaks."""

    OSRM = "osrm"
    VALHALLA = "valhalla"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """A routing service. ``address``: it shows itself without its credentials.

    ``within_s``: what has not come by then is not waited for, seconds. ``modes``: whose ways it knows; an OSRM server
    knows those that its data were made for, whatever it is asked.
    """

    kind: ServiceKind
    address: StreamAddress
    within_s: float = 0.5
    modes: frozenset[TravelMode] = ON_STREETS


@dataclass(frozen=True, slots=True)
class TravelSettings:
    """At most one of ``graph``, a file of streets, and ``service``. ``detour``: see Ways."""

    graph: Path | None = None
    service: ServiceSettings | None = None
    detour: float = DETOUR_FACTOR
