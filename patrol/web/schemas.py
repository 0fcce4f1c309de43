"""What goes over the wire: the snapshot as JSON, and the bodies that an operator's actions carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from patrol.domain.camera import CameraId
from patrol.domain.incidents import Disposition, Incident, IncidentId, LoopStage, stage_of
from patrol.domain.orders import Order
from patrol.domain.room import QueueStatus, RingStatus, RoomSnapshot, StageStatus, TourStatus, UnitStatus
from patrol.domain.units import UnitId, UnitKind, UnitState
from patrol.web.layout import RoomLayout


@dataclass(frozen=True, slots=True)
class TourState:
    """The tour without 476 objects in it.

    ``blind_ages_s`` and ``people`` come in the order of the layout's cameras; None where nothing is known.
    ``failing`` names only the cameras whose last visit failed, and why.
    """

    at: datetime
    stretch: float
    visits_per_s: float
    rings: tuple[RingStatus, ...]
    recent: tuple[CameraId, ...]
    frames_captured: int
    frames_processed: int
    frames_dropped: int
    blind_ages_s: tuple[float | None, ...]
    people: tuple[int | None, ...]
    failing: Mapping[CameraId, str]


@dataclass(frozen=True, slots=True)
class UnitOnMap:
    """A unit, what it is doing and for which incident. WGS-84 degrees."""

    id: UnitId
    name: str
    name_en: str
    kind: UnitKind
    simulated: bool
    state: UnitState
    latitude: float
    longitude: float
    fix_at: datetime | None
    incident_id: IncidentId | None


@dataclass(frozen=True, slots=True)
class RoomState:
    """Everything in a snapshot but its time. ``incident_stages``: the loop stage of each open incident."""

    layout: str
    station: str
    station_en: str
    simulated: bool
    tour: TourState | None
    queue: QueueStatus
    stages: tuple[StageStatus, ...]
    incidents: tuple[Incident, ...]
    incident_stages: Mapping[str, LoopStage]
    orders: Mapping[str, Order]
    units: tuple[UnitOnMap, ...]


_ROOM_STATE = TypeAdapter(RoomState)


def encode_room(snapshot: RoomSnapshot, layout: RoomLayout, layout_version: str) -> bytes:
    """The room as one line of JSON, without its time; equal bytes mean that nothing changed."""
    return _ROOM_STATE.dump_json(room_state(snapshot, layout, layout_version))


def with_time(at: datetime, room: bytes) -> bytes:
    """``{"at": ..., "room": ...}`` around an encoded room."""
    return b'{"at":"%s","room":%s}' % (at.isoformat().encode(), room)


def room_state(snapshot: RoomSnapshot, layout: RoomLayout, layout_version: str) -> RoomState:
    """A snapshot in the shape that a page reads once a second."""
    return RoomState(
        layout=layout_version,
        station=snapshot.station,
        station_en=snapshot.station_en,
        simulated=snapshot.simulated,
        tour=_tour_state(snapshot.tour, layout) if snapshot.tour else None,
        queue=snapshot.queue,
        stages=snapshot.stages,
        incidents=snapshot.incidents,
        incident_stages=_stages(snapshot.incidents),
        orders=snapshot.orders,
        units=tuple(_unit_on_map(unit) for unit in snapshot.units),
    )


def _stages(incidents: tuple[Incident, ...]) -> dict[str, LoopStage]:
    stages = ((incident.id, stage_of(incident)) for incident in incidents)
    return {incident_id: stage for incident_id, stage in stages if stage is not None}


def _tour_state(tour: TourStatus, layout: RoomLayout) -> TourState:
    by_id = {camera.id: camera for camera in tour.cameras}
    in_order = [by_id.get(camera.id) for camera in layout.cameras]
    ages = [camera.blind_age_s if camera else None for camera in in_order]
    return TourState(
        at=tour.at,
        stretch=tour.stretch,
        visits_per_s=tour.visits_per_s,
        rings=tour.rings,
        recent=tour.recent,
        frames_captured=tour.frames_captured,
        frames_processed=tour.frames_processed,
        frames_dropped=tour.frames_dropped,
        blind_ages_s=tuple(None if age is None else round(age, 2) for age in ages),
        people=tuple(camera.people if camera else None for camera in in_order),
        failing={camera.id: camera.failing for camera in tour.cameras if camera.failing is not None},
    )


def _unit_on_map(status: UnitStatus) -> UnitOnMap:
    return UnitOnMap(
        id=status.unit.id,
        name=status.unit.name,
        name_en=status.unit.name_en,
        kind=status.unit.kind,
        simulated=status.unit.simulated,
        state=status.state,
        latitude=status.latitude,
        longitude=status.longitude,
        fix_at=status.fix_at,
        incident_id=status.order.incident_id if status.order else None,
    )


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DisplayedBody(_Body):
    """A seat has shown an incident. ``seat``: any name that tells one browser tab from another."""

    seat: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ConfirmBody(_Body):
    """Nothing to say but the fact."""


class CloseBody(_Body):
    """How an incident ended, and why, in words."""

    disposition: Disposition
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
