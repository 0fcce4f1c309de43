"""What the command room sees: one frozen snapshot of everything, made anew about once a second.

Only what people look at; nothing decides from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from patrol.domain.auditing import Finding
from patrol.domain.camera import CameraId, RingName
from patrol.domain.covering import MoveUp
from patrol.domain.digest import Digest
from patrol.domain.incidents import ClockName, EvidenceId, Incident, IncidentId, LoopStage
from patrol.domain.orders import Order
from patrol.domain.retention import Gone
from patrol.domain.storage import StorageStatus
from patrol.domain.troubles import Trouble
from patrol.domain.units import Unit, UnitState


@dataclass(frozen=True, slots=True)
class RingStatus:
    """One ring's tour: blind ages in seconds against the bound. ``failing``: cameras whose last visit failed.

    ``past_bound``: cameras unseen for longer than their bound times the stretch. ``bound_in_force_s``: what most of its
    cameras have at this hour; None: ``revisit_bound_s``, the ring's usual one.
    """

    name: RingName
    revisit_bound_s: float
    response_target_s: float
    cameras: int
    failing: int
    visits: int
    blind_age_p50_s: float
    blind_age_p99_s: float
    blind_age_max_s: float
    past_bound: int = 0
    bound_in_force_s: float | None = None


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera in the tour. ``blind_age_s``: None until first seen. ``people``: boxes of people last time.

    ``bound_s``: its revisit bound at this hour; None: the configured one. ``blinded``: pictures come, and this is why
    nothing is seen in them.
    """

    id: CameraId
    blind_age_s: float | None
    failing: str | None
    people: int | None
    bound_s: float | None = None
    blinded: Trouble | None = None


@dataclass(frozen=True, slots=True)
class PinnedCamera:
    """A camera that an operator holds in focus until then. Aware UTC. ``is_hold``: for longer than a pin."""

    id: CameraId
    until: datetime
    operator: str
    is_hold: bool = False


@dataclass(frozen=True, slots=True)
class SkippedCamera:
    """A camera that an operator has the tour leave out until then, and why. Aware UTC."""

    id: CameraId
    until: datetime
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class SceneStanding:
    """Up to which version of the file a process has taken its scenes, when, and why not farther. ``at``: aware UTC.

    ``is_refused``: the file as it was then could not be used at all; else a ``problem`` is of a part of that version.
    """

    version: str
    at: datetime
    problem: str | None = None
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class TourStatus:
    """The tour as a whole. ``stretch``: the factor by which all bounds are stretched; 1.0 is as promised.

    ``recent``: the cameras seen last, newest first. ``frames_*``: counts since the start, where
    captured = processed + dropped + still under way. ``pinned``, ``skipped``: by operators; None: this tour does not
    say. ``capacity_per_s``, ``needed_per_s``: visits a second that the machine could make, and that the bounds ask for;
    None until they are known. ``scenes``: how far it has taken up what was drawn; None: it does not say.
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
    pinned: tuple[PinnedCamera, ...] | None = None
    capacity_per_s: float | None = None
    needed_per_s: float | None = None
    skipped: tuple[SkippedCamera, ...] | None = None
    scenes: SceneStanding | None = None


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The way from the store to Redis. ``degraded``: why, in words, or None. ``waiting``: outbox rows unsent."""

    degraded: str | None
    waiting: int
    oldest_s: float
    dead_letters: int


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """Patrol's watch over itself. ``stalled_since``: no heartbeat got through since then; None while they do.

    ``unaudited_since``: the auditor is silent since then. ``findings``: what it found at its last look not to move,
    the most urgent first and not all of them; ``found``: how many in all. ``clock_off_s``: by how many
    whole seconds the machine's clock is ahead of the time kept, where it jumped.
    """

    stalled_since: datetime | None = None
    unaudited_since: datetime | None = None
    findings: tuple[Finding, ...] = ()
    found: int = 0
    clock_off_s: int | None = None


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One loop stage: how many open incidents are in it and how long the oldest has been open, seconds."""

    stage: LoopStage
    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class MaintenanceStatus:
    """What technicians have to do: open incidents of the class maintenance, and the cameras still in trouble."""

    incidents: int
    cameras: int


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
class CoverStatus:
    """Cover (覆盖): of each ring that has cameras, the share of them that a free crew reaches within the target, 0..1.

    ``move_up``: whom people may want to move where (补位), or nobody. Ways are straight lines, see ADR 021.
    """

    shares: Mapping[RingName, float]
    move_up: MoveUp | None = None


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """All of it. ``incidents``: open ones, most urgent first, then the latest closed ones; so many at most of each.

    Of the open ones security comes before maintenance; ``stages`` count the former, ``maintenance`` the latter.
    ``open_not_shown``: how many open ones of the class security there are beside these.
    ``orders``: per incident, those that units have to do with, the farthest crew's first; else the latest.
    ``tour`` is None while no tour reports; ``tour_reported_at``: when one last did, if that is known.
    ``gone``: pictures and clips of ``incidents`` that are not there any more, and why.
    ``digest``: what came in a flood, of all that is open; None where nothing did.
    ``cover``: None where nobody works it out.
    """

    at: datetime
    station: str
    station_en: str
    simulated: bool
    tour: TourStatus | None
    queue: QueueStatus
    stages: tuple[StageStatus, ...]
    incidents: tuple[Incident, ...]
    orders: Mapping[str, tuple[Order, ...]]
    units: tuple[UnitStatus, ...]
    maintenance: MaintenanceStatus = MaintenanceStatus(0, 0)
    tour_reported_at: datetime | None = None
    gone: Mapping[EvidenceId, Gone] = field(default_factory=dict)
    storage: StorageStatus = field(default_factory=StorageStatus)
    watch: WatchStatus = WatchStatus()
    digest: Digest | None = None
    cover: CoverStatus | None = None
    open_not_shown: int = 0


@dataclass(frozen=True, slots=True)
class ClosedPlace:
    """The place of a closed incident among all that are, the one closed last coming first."""

    closed_at: datetime
    accepted_at: datetime
    id: IncidentId

    @classmethod
    def of(cls, incident: Incident) -> ClosedPlace | None:
        """Its place; None while it is open."""
        closed = incident.clocks.get(ClockName.CLOSED)
        return None if incident.is_open or closed is None else cls(closed.at, incident.accepted_at, incident.id)


BEFORE_ALL = ClosedPlace(datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), IncidentId(""))
"""The place behind which all are."""


@dataclass(frozen=True, slots=True, order=True)
class OpenPlace:
    """The place of an open incident among all that are, the one accepted last coming first."""

    accepted_at: datetime
    id: IncidentId

    @classmethod
    def of(cls, incident: Incident) -> OpenPlace:
        """Its place."""
        return cls(incident.accepted_at, incident.id)


@dataclass(frozen=True, slots=True)
class ListedIncidents:
    """Some incidents in an order, with what a snapshot tells with them; see RoomSnapshot."""

    incidents: tuple[Incident, ...]
    orders: Mapping[str, tuple[Order, ...]]
    gone: Mapping[EvidenceId, Gone]
