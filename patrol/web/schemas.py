"""What goes over the wire: the snapshot as JSON, and the bodies that an operator's actions carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from patrol.domain.camera import CameraId
from patrol.domain.dead_letters import DeadLetter
from patrol.domain.digest import Digest
from patrol.domain.duties import SET_BY_OPERATORS
from patrol.domain.events import Level
from patrol.domain.incidents import (
    Disposition,
    EvidenceId,
    FalseAlarmReason,
    Incident,
    IncidentId,
    LoopStage,
    stage_of,
)
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.orders import Order
from patrol.domain.pins import USUAL_EVERY_S, USUAL_S
from patrol.domain.precision import Precision, PrecisionReport, Proposal
from patrol.domain.retention import Gone
from patrol.domain.room import (
    CameraStatus,
    CoverStatus,
    ListedIncidents,
    MaintenanceStatus,
    PinnedCamera,
    QueueStatus,
    RingStatus,
    RoomSnapshot,
    SkippedCamera,
    StageStatus,
    TourStatus,
    UnitStatus,
    WatchStatus,
)
from patrol.domain.skips import LONGEST_REASON
from patrol.domain.storage import StorageStatus
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitId, UnitKind, UnitState
from patrol.domain.vocabulary import CoordinateSystem, RuleId
from patrol.domain.wall import MOST_IN_SIGHT
from patrol.web.layout import RoomLayout

# A page cannot show more of one incident, and gets them all once a second.
CAMERAS_SHOWN = 60
WITNESSES_SHOWN = 30
LIVES_SHOWN = 3
NOTES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """How many cameras of a maintenance incident are still in trouble, and how many are back."""

    troubled: int
    returned: int


@dataclass(frozen=True, slots=True)
class TourState:
    """The tour without 476 objects in it.

    ``blind_ages_s`` and ``people`` come in the order of the layout's cameras; None where nothing is known.
    ``failing`` names only the cameras whose last visit failed, and why; ``blinded`` only those whose pictures come and
    show nothing, and why; ``bounds_s`` only those that have another bound at this hour than the layout says.
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
    blinded: Mapping[CameraId, Trouble]
    bounds_s: Mapping[CameraId, float]
    pinned: tuple[PinnedCamera, ...] | None
    capacity_per_s: float | None
    needed_per_s: float | None
    skipped: tuple[SkippedCamera, ...] | None


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
class Looker:
    """Somebody who looks at an incident now. ``who``: empty where nobody has said."""

    seat: str
    who: str


@dataclass(frozen=True, slots=True)
class RoomState:
    """Everything in a snapshot but its time. ``incident_stages``: the loop stage of each open incident.

    ``camera_counts``: of each maintenance incident, whose own list of cameras is cut. ``tour_reported_at``: when the
    tour last did, where ``tour`` is None. ``gone``: pictures and clips that are not there any more, and why.
    ``digest`` folds only incidents that are told here; its counts are of all. ``cover``: of each ring, and at most one
    proposal whom to move; None where nobody works it out. ``looking``: who looks at which incident, by its id.
    ``open_not_shown``: how many open security incidents there are beside those in ``incidents``.
    """

    layout: str
    station: str
    station_en: str
    simulated: bool
    tour: TourState | None
    queue: QueueStatus
    stages: tuple[StageStatus, ...]
    incidents: tuple[Incident, ...]
    incident_stages: Mapping[str, LoopStage]
    orders: Mapping[str, tuple[Order, ...]]
    units: tuple[UnitOnMap, ...]
    maintenance: MaintenanceStatus
    camera_counts: Mapping[str, CameraCounts]
    tour_reported_at: datetime | None
    gone: Mapping[EvidenceId, Gone]
    storage: StorageStatus
    watch: WatchStatus
    digest: Digest | None
    cover: CoverStatus | None
    looking: Mapping[IncidentId, tuple[Looker, ...]]
    open_not_shown: int


Lookers = Mapping[IncidentId, tuple[Looker, ...]]


def room_state(snapshot: RoomSnapshot, layout: RoomLayout, layout_version: str, looking: Lookers) -> RoomState:
    """A snapshot in the shape that a page reads once a second; its incidents are not cut yet, see ``shown_of``."""
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
        maintenance=snapshot.maintenance,
        camera_counts={
            incident.id: CameraCounts(incident.maintenance.troubled, incident.maintenance.returned)
            for incident in snapshot.incidents
            if incident.maintenance is not None
        },
        tour_reported_at=None if snapshot.tour else snapshot.tour_reported_at,
        gone=snapshot.gone,
        storage=snapshot.storage,
        watch=snapshot.watch,
        digest=_told(snapshot.digest, snapshot.incidents),
        cover=snapshot.cover,
        looking=looking,
        open_not_shown=snapshot.open_not_shown,
    )


def shown_of(incident: Incident) -> Incident:
    """An incident as far as a page shows it."""
    # One witness says nothing that the incident does not; of a long list the first are enough.
    several = incident.witnesses if len(incident.witnesses) > 1 else ()
    history = incident.history[-LIVES_SHOWN:]
    notes = incident.notes[-NOTES_SHOWN:]
    incident = replace(incident, witnesses=several[:WITNESSES_SHOWN], history=history, level_changes=(), notes=notes)
    if incident.maintenance is None:
        return incident
    # Nobody goes through the cameras of what is closed; its words say how many they were.
    longest = CAMERAS_SHOWN if incident.is_open else 0
    shown = sorted(incident.maintenance.cameras, key=lambda camera: camera.returned_at is not None)[:longest]
    return replace(incident, maintenance=replace(incident.maintenance, cameras=tuple(shown)))


def _told(digest: Digest | None, incidents: tuple[Incident, ...]) -> Digest | None:
    if digest is None:
        return None
    told = {incident.id for incident in incidents}
    return replace(digest, folded=tuple(incident_id for incident_id in digest.folded if incident_id in told))


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
        blinded={camera.id: camera.blinded for camera in tour.cameras if camera.blinded is not None},
        bounds_s=_other_bounds(by_id, layout),
        pinned=tour.pinned,
        capacity_per_s=tour.capacity_per_s,
        needed_per_s=tour.needed_per_s,
        skipped=tour.skipped,
    )


def _other_bounds(by_id: Mapping[CameraId, CameraStatus], layout: RoomLayout) -> dict[CameraId, float]:
    bounds = ((camera, by_id[camera.id].bound_s) for camera in layout.cameras if camera.id in by_id)
    return {camera.id: bound for camera, bound in bounds if bound is not None and bound != camera.revisit_bound_s}


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


@dataclass(frozen=True, slots=True)
class LetterShown:
    """A dead letter as the page shows it: what it says of itself, not what it is."""

    id: str
    stream: str
    group: str
    attempts: int
    reason: str
    at: datetime | None
    type: str | None
    message_id: str | None
    incident_id: str | None
    replays: int
    replayed_by: str | None


@dataclass(frozen=True, slots=True)
class LettersPage:
    """Some of them, newest first. ``next``: the cursor of what is older; None: nothing is."""

    items: tuple[LetterShown, ...]
    next: str | None


_LETTERS = TypeAdapter(LettersPage)


def encode_letters(letters: Sequence[DeadLetter], following: str | None) -> bytes:
    """Dead letters as JSON, in their order. ``following``: the cursor of what is older."""
    shown = tuple(
        LetterShown(
            id=letter.id,
            stream=letter.stream,
            group=letter.group,
            attempts=letter.attempts,
            reason=letter.reason,
            at=letter.at,
            type=letter.type,
            message_id=letter.message_id,
            incident_id=letter.incident_id,
            replays=letter.replays,
            replayed_by=letter.replayed_by,
        )
        for letter in letters
    )
    return _LETTERS.dump_json(LettersPage(shown, following))


@dataclass(frozen=True, slots=True)
class IncidentsPage:
    """Incidents that are open, the one accepted last first, or closed, the one closed last first, with what the room's
    state tells with its own. ``next``: the cursor of those before; None: there are none."""

    items: tuple[Incident, ...]
    next: str | None
    orders: Mapping[str, tuple[Order, ...]]
    gone: Mapping[EvidenceId, Gone]


_INCIDENTS = TypeAdapter(IncidentsPage)


def encode_incidents(shown: Sequence[Incident], following: str | None, found: ListedIncidents) -> bytes:
    """A page of incidents as JSON."""
    ids = {incident.id for incident in shown}
    orders = {incident_id: orders for incident_id, orders in found.orders.items() if incident_id in ids}
    told = tuple(shown_of(incident) for incident in shown)
    return _INCIDENTS.dump_json(IncidentsPage(told, following, orders, found.gone))


@dataclass(frozen=True, slots=True)
class IncidentAlone:
    """One incident, open or closed, with what the room's state tells with its own."""

    incident: Incident
    orders: tuple[Order, ...]
    gone: Mapping[EvidenceId, Gone]


_ALONE = TypeAdapter(IncidentAlone)


def encode_alone(found: ListedIncidents) -> bytes:
    """One incident as JSON."""
    (incident,) = found.incidents
    return _ALONE.dump_json(IncidentAlone(shown_of(incident), found.orders.get(incident.id, ()), found.gone))


@dataclass(frozen=True, slots=True)
class RuleShown:
    """One rule on one camera: how often people found it right, and where that share lies at 95% (Wilson).

    ``name``, ``name_en``: None where the rule is not configured any more.
    """

    camera_id: str
    rule_id: str
    name: str | None
    name_en: str | None
    kind: str
    right: int
    wrong: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class PrecisionShown:
    """All of them, the worst first, and what a person may want to change. ``since``: closed from then on."""

    at: datetime
    since: datetime
    rules: tuple[RuleShown, ...]
    proposals: tuple[Proposal, ...]


_PRECISION = TypeAdapter(PrecisionShown)


def encode_precision(report: PrecisionReport) -> bytes:
    """How often the rules were right, as JSON."""
    shown = tuple(_rule_shown(one, report.names) for one in report.rules)
    return _PRECISION.dump_json(PrecisionShown(report.at, report.since, shown, report.proposals))


def _rule_shown(one: Precision, names: Mapping[RuleId, tuple[str, str]]) -> RuleShown:
    low, high = one.within or (None, None)
    name, name_en = names.get(one.rule_id, (None, None))
    return RuleShown(one.camera_id, one.rule_id, name, name_en, one.kind, one.right, one.wrong, one.share, low, high)


class Body(BaseModel):
    """What a request carries: that, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DisplayedBody(Body):
    """A seat has shown an incident. ``seat``: any name that tells one browser tab from another."""

    seat: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ConfirmBody(Body):
    """Nothing to say but the fact."""


class AcknowledgeBody(Body):
    """Nothing to say but the fact."""


Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class CloseBody(Body):
    """How an incident ended, and why, in words; of a false alarm a code may say it, of a duplicate the other's id."""

    disposition: Disposition
    reason_code: FalseAlarmReason | None = None
    duplicate_of: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")] | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""

    @model_validator(mode="after")
    def _says_why(self) -> CloseBody:
        if (self.duplicate_of is None) is (self.disposition is Disposition.DUPLICATE):
            raise ValueError("duplicate_of: expected the id of an incident, with the disposition duplicate only")
        if not self.reason and self.duplicate_of is None and self.reason_code in (None, FalseAlarmReason.OTHER):
            raise ValueError("reason: expected some words")
        if self.reason_code is not None and self.disposition is not Disposition.FALSE_ALARM:
            raise ValueError("reason_code: expected with the disposition false_alarm only")
        return self

    @property
    def original(self) -> IncidentId | None:
        """Of a duplicate: the incident that is the same thing."""
        return None if self.duplicate_of is None else IncidentId(self.duplicate_of)


class WithdrawBody(Body):
    """Nothing to say but the fact."""


class LevelBody(Body):
    """How urgent an incident is, and why, in words. ``seen_at``: when the room was as whoever says so saw it."""

    level: Level
    reason: Reason
    seen_at: AwareDatetime | None = None


class NoteBody(Body):
    """What somebody writes down about an incident."""

    text: Reason


class ReopenBody(Body):
    """Why it is not over."""

    reason: Reason


class MergeBody(Body):
    """Which incident it is the same thing as."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    other: Annotated[str, Field(alias="with"), StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


class OrderBody(Body):
    """Which unit to send. ``seen_at``: when the room was as whoever sends it saw it."""

    unit_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
    seen_at: AwareDatetime | None = None


class TakeBackBody(Body):
    """Nothing more than that."""


class SplitBody(Body):
    """An alert of the camera that saw something else."""

    alert_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


class AcceptViewBody(Body):
    """Nothing to say but the fact."""


class ReplayBody(Body):
    """Nothing to say but the fact."""


class PinBody(Body):
    """How long a camera is to be held in focus, and how often it is to be looked at; see Pin for the limits."""

    seconds: Annotated[float, Field(strict=True)] = USUAL_S
    every_s: Annotated[float, Field(strict=True)] = USUAL_EVERY_S


class SkipBody(Body):
    """For how long a camera is not to be visited, and why, in words; 0 seconds: visit it again. See Skip for limits."""

    seconds: Annotated[float, Field(strict=True)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_REASON)] = ""


class WallCamerasBody(Body):
    """The cameras that a page has in sight on the tour wall, by id."""

    cameras: Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=MOST_IN_SIGHT)]


def _set_by_operators(state: UnitState) -> UnitState:
    if state not in SET_BY_OPERATORS:
        raise ValueError(f"expected {', '.join(SET_BY_OPERATORS)}")
    return state


class UnitStateBody(Body):
    """What a unit does from now on, and why, in words. What it does on an order is told by its receipts."""

    state: Annotated[UnitState, AfterValidator(_set_by_operators)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
MOST_POSITIONS = 1000


class PlaceBody(Body):
    """Degrees, in the coordinates that the position names."""

    latitude: Annotated[Finite, Field(ge=-90, le=90)]
    longitude: Annotated[Finite, Field(ge=-180, le=180)]


class PositionBody(Body):
    """Where a unit is; the words are those of the message, see PositionData."""

    place: PlaceBody
    at: AwareDatetime
    accuracy_m: Annotated[Finite, Field(ge=0)] | None = None
    heading_deg: Annotated[Finite, Field(ge=0, le=360)] | None = None
    speed_m_s: Annotated[Finite, Field(ge=0)] | None = None
    coordinate_system: CoordinateSystem = CoordinateSystem.WGS84

    def of(self, unit_id: UnitId) -> PositionData:
        """As a message carries it."""
        return PositionData(
            unit_id=unit_id,
            place=PlaceData(round(self.place.latitude, 7), round(self.place.longitude, 7)),
            at=self.at,
            accuracy_m=self.accuracy_m,
            heading_deg=self.heading_deg,
            speed_m_s=self.speed_m_s,
            coordinate_system=self.coordinate_system,
        )


class UnitPositionBody(PositionBody):
    """The same, of one unit among many."""

    unit_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class PositionsBody(Body):
    """Positions of many units at once."""

    positions: Annotated[list[UnitPositionBody], Field(min_length=1, max_length=MOST_POSITIONS)]
