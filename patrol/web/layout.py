"""What does not move while Patrol runs: where cameras, rings and units' homes are. Sent to a page once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName
from patrol.domain.units import Unit, UnitId, UnitKind


@dataclass(frozen=True, slots=True)
class CameraOnMap:
    """A camera as the page draws it; never its stream address, which may hold a password.

    ``heading_deg``: clockwise from north; ``view_deg``: horizontal angle of view; ``revisit_bound_s``: its own.
    """

    id: CameraId
    name: str
    name_en: str
    site: str
    site_en: str
    ring: RingName
    place: Place
    heading_deg: float
    view_deg: float
    revisit_bound_s: float
    simulated: bool
    group: str

    @classmethod
    def of(cls, camera: Camera) -> CameraOnMap:
        """The part of a camera that people may see."""
        return cls(
            camera.id,
            camera.name,
            camera.name_en,
            camera.site,
            camera.site_en,
            camera.ring,
            camera.place,
            camera.heading_deg,
            camera.view_deg,
            camera.revisit_bound_s,
            camera.simulated,
            camera.group,
        )


@dataclass(frozen=True, slots=True)
class RingOnMap:
    """A ring's two promises, seconds."""

    name: RingName
    revisit_bound_s: float
    response_target_s: float


@dataclass(frozen=True, slots=True)
class UnitHome:
    """Where a unit stands when nothing is known of it."""

    id: UnitId
    name: str
    name_en: str
    kind: UnitKind
    home: Place
    simulated: bool


@dataclass(frozen=True, slots=True)
class RoomLayout:
    """The room's fixed furniture. The snapshots' per-camera numbers come in the order of ``cameras``."""

    station: str
    station_en: str
    cameras: tuple[CameraOnMap, ...]
    rings: tuple[RingOnMap, ...]
    units: tuple[UnitHome, ...]

    @classmethod
    def of(
        cls, station: str, station_en: str, cameras: Iterable[Camera], rings: Iterable[Ring], units: Iterable[Unit]
    ) -> RoomLayout:
        """The layout of a configured station."""
        return cls(
            station,
            station_en,
            tuple(CameraOnMap.of(camera) for camera in cameras),
            tuple(RingOnMap(ring.name, ring.revisit_bound_s, ring.response_target_s) for ring in rings),
            tuple(UnitHome(unit.id, unit.name, unit.name_en, unit.kind, unit.home, unit.simulated) for unit in units),
        )


@dataclass(frozen=True, slots=True)
class EncodedLayout:
    """A layout as JSON bytes. ``version`` changes with its content, so that a page knows when to fetch it anew."""

    layout: RoomLayout
    json: bytes = field(repr=False)
    version: str

    @classmethod
    def of(cls, layout: RoomLayout) -> EncodedLayout:
        """Encoded once, when the app is made."""
        body = TypeAdapter(RoomLayout).dump_json(layout)
        version = hashlib.sha256(body).hexdigest()[:12]
        return cls(layout, b'{"version":"%s",%s' % (version.encode(), body[1:]), version)
