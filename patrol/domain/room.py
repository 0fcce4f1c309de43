"""What the command room sees: one frozen snapshot of everything, made anew about once a second.

Only what people look at; nothing decides from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from patrol.domain.camera import CameraId, RingName
from patrol.domain.incidents import Incident, LoopStage
from patrol.domain.orders import Order
from patrol.domain.units import Unit, UnitState


@dataclass(frozen=True, slots=True)
class RingStatus:
    """One ring's tour: blind ages in seconds against the bound. ``failing``: cameras whose last visit failed."""

    name: RingName
    revisit_bound_s: float
    response_target_s: float
    cameras: int
    failing: int
    visits: int
    blind_age_p50_s: float
    blind_age_p99_s: float
    blind_age_max_s: float


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera in the tour. ``blind_age_s``: None until first seen. ``people``: boxes of people last time."""

    id: CameraId
    blind_age_s: float | None
    failing: str | None
    people: int | None


@dataclass(frozen=True, slots=True)
class TourStatus:
    """The tour as a whole. ``stretch``: the factor by which all bounds are stretched; 1.0 is as promised.

    ``recent``: the cameras seen last, newest first. ``frames_*``: counts since the start, where
    captured = processed + dropped + still under way.
    """

    at: datetime
    stretch: float
    visits_per_s: float
    rings: tuple[RingStatus, ...]
    cameras: tuple[CameraStatus, ...]
    recent: tuple[CameraId, ...]
    frames_captured: int
    frames_processed: int
    frames_dropped: int


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The way from the store to Redis. ``degraded``: why, in words, or None. ``waiting``: outbox rows unsent."""

    degraded: str | None
    waiting: int
    oldest_s: float
    dead_letters: int


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One loop stage: how many open incidents are in it and how long the oldest has been open, seconds."""

    stage: LoopStage
    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """A unit and what it is doing. Position in WGS-84 degrees."""

    unit: Unit
    state: UnitState
    latitude: float
    longitude: float
    fix_at: datetime | None
    order: Order | None


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """All of it. ``incidents``: open ones, most urgent first, then the latest closed ones (at most 100 in all).

    ``orders``: per incident, the latest order. ``tour`` is None while no tour reports.
    """

    at: datetime
    station: str
    station_en: str
    simulated: bool
    tour: TourStatus | None
    queue: QueueStatus
    stages: tuple[StageStatus, ...]
    incidents: tuple[Incident, ...]
    orders: Mapping[str, Order]
    units: tuple[UnitStatus, ...]
