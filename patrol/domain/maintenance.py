"""Maintenance: what is known of cameras in trouble, and of the incidents they are in.

Three modules: this one takes reports and remembers, also over a restart; ``maintenance_groups`` decides which cameras
are one incident; ``maintenance_incidents`` says what an incident tells. Everything in them is a pure function of
(state, now); who stores what was decided says so afterwards (``stored``), and until then the same is decided again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network

from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.dispatch import Outcome, Situation
from patrol.domain.events import Level
from patrol.domain.incidents import (
    Cause,
    ClockName,
    Incident,
    IncidentId,
    Maintenance,
    TroubledCamera,
)
from patrol.domain.troubles import Trouble

CLOSED_BY = "patrol"
SEGMENT_BITS = 24  # the usual size of a camera network: 254 addresses behind one switch
MAX_DETAIL = 64
INNERMOST_FIRST = {ring: rank for rank, ring in enumerate(RingName)}


@dataclass(frozen=True, slots=True)
class MaintenanceLimits:
    """How long reports gather, what makes a group, and how much is told; times in seconds.

    ``gather_s``: a group waits that long for more. ``hold_s``: one camera alone waits that long for others of its
    cause, which pass their bounds up to 30 s later; nobody's clock runs meanwhile. ``spread_s``: so long after it last
    grew an incident takes in everything of its cause; after that only while most of its cause is down.
    ``group_of``: so many make a group. ``station_share`` of all cameras, and ``station_least``, are the whole station.
    ``new_a_minute``: more incidents than that are folded into one digest; ``ends_a_minute``: more ends wait.
    ``steady_s``: a camera is back for good after that; after ``steady_unsteady_s`` if it has failed before.
    ``unsteady_after``: so many failures are told one by one. ``remember_s``: a failure within that is a repeated one.
    ``cool_down_s``: what a person closed stays closed for that long. ``unheard_s``: a camera that only an earlier
    process missed is taken for seen after that, and twice its bound.
    """

    gather_s: float = 5.0
    hold_s: float = 40.0
    spread_s: float = 60.0
    group_of: int = 3
    station_share: float = 0.3
    station_least: int = 20
    explained_share: float = 0.9
    new_a_minute: int = 6
    ends_a_minute: int = 12
    update_every_s: float = 5.0
    steady_s: float = 60.0
    steady_unsteady_s: float = 300.0
    unsteady_after: int = 3
    remember_s: float = 600.0
    cool_down_s: float = 1800.0
    unheard_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Report:
    """What the tour says of one camera: a trouble began at ``at`` (aware UTC), or is ``over`` since then."""

    camera_id: CameraId
    trouble: Trouble
    at: datetime
    detail: str = ""
    over: bool = False


Place = tuple[Cause, str]
"""A cause with its name: (HOST, "10.0.3.7"), (SEGMENT, "10.0.3.0/24"), (SITE, "会堂")."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All cameras, where each hangs, and how many hang at each place."""

    cameras: Mapping[CameraId, Camera]
    places: Mapping[CameraId, Mapping[Cause, str]]
    sizes: Mapping[Place, int]

    @classmethod
    def of(cls, cameras: Iterable[Camera]) -> Inventory:
        """The inventory of a station."""
        by_id = {camera.id: camera for camera in cameras}
        places = {camera.id: _places_of(camera) for camera in by_id.values()}
        sizes = Counter(place for hangs in places.values() for place in hangs.items())
        return cls(by_id, places, sizes)

    def network_of(self, camera_id: CameraId) -> Place | None:
        """The camera's network segment; its host, where that has no IPv4 address; None for a file."""
        hangs = self.places[camera_id]
        cause = next((cause for cause in (Cause.SEGMENT, Cause.HOST) if cause in hangs), None)
        return None if cause is None else (cause, hangs[cause])


def _places_of(camera: Camera) -> dict[Cause, str]:
    host = camera.stream.host_name  # without its port: one recorder may answer on several
    found = {Cause.HOST: host, Cause.SEGMENT: _segment_of(host), Cause.SITE: camera.site}
    return {cause: name for cause, name in found.items() if name}


def _segment_of(host: str) -> str:
    try:
        return str(IPv4Network((IPv4Address(host), SEGMENT_BITS), strict=False))
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Condition:
    """How one camera stands.

    ``troubles``: what is wrong now; empty once it is back. ``shown``: what people are told of it. ``failures``: how
    often it failed since it was last well for long. ``waiting_since``: it is in no incident yet. ``muted_until``: a
    person closed its incident. ``presumed_since``: only an earlier process says so.
    """

    troubles: frozenset[Trouble]
    shown: TroubledCamera
    failures: int = 1
    returned_at: datetime | None = None
    waiting_since: datetime | None = None
    incident_id: IncidentId | None = None
    muted_until: datetime | None = None
    presumed_since: datetime | None = None

    def is_unsteady(self, limits: MaintenanceLimits) -> bool:
        """Whether it comes and goes."""
        return self.failures > limits.unsteady_after


@dataclass(frozen=True, slots=True)
class Ending:
    """How an incident ends: ``into`` is the larger one it is part of, None if its cameras are back."""

    at: datetime
    into: IncidentId | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One open incident. ``told``: what the store has of it, None if nothing yet; ``told_at``: since when."""

    id: IncidentId
    cause: Cause
    where: str
    trouble: Trouble | None
    first: CameraId
    members: frozenset[CameraId]
    opened_at: datetime
    grew_at: datetime
    told: Maintenance | None = None
    told_at: datetime | None = None
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class MaintenanceState:
    """What is known of cameras in trouble, or lately so, and the incidents they are in."""

    cameras: Mapping[CameraId, Condition] = field(default_factory=dict)
    groups: Mapping[IncidentId, Group] = field(default_factory=dict)
    opened: tuple[datetime, ...] = ()
    ended: tuple[datetime, ...] = ()

    @property
    def open_causes(self) -> Counter[Cause]:
        """How many open incidents there are, by cause."""
        return Counter(group.cause for group in self.groups.values() if group.ending is None)

    @property
    def troubles(self) -> Counter[Trouble]:
        """How many cameras are in trouble, by what is shown of it."""
        return Counter(condition.shown.trouble for condition in self.cameras.values() if condition.troubles)


@dataclass(frozen=True, slots=True)
class Content:
    """What an incident says of its cameras."""

    maintenance: Maintenance
    level: Level
    ring: RingName
    words_zh: str
    words_en: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Begin:
    """Store a new incident."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class Amend:
    """Tell what has changed."""

    incident_id: IncidentId
    content: Content


@dataclass(frozen=True, slots=True)
class End:
    """Close it."""

    incident_id: IncidentId
    content: Content
    ending: Ending


Action = Begin | Amend | End
Decision = Callable[[Situation], Outcome]


def note(state: MaintenanceState, reports: Iterable[Report], limits: MaintenanceLimits) -> MaintenanceState:
    """Take reports; what was reported before changes nothing, and neither does the end of what never began."""
    cameras = dict(state.cameras)
    for report in reports:
        before = cameras.get(report.camera_id)
        after = _recovered(before, report) if report.over else _failed(before, report, limits)
        if after is not None:
            cameras[report.camera_id] = after
    return replace(state, cameras=cameras)


def _failed(before: Condition | None, report: Report, limits: MaintenanceLimits) -> Condition:
    shown = TroubledCamera(report.camera_id, report.trouble, report.detail[:MAX_DETAIL], report.at)
    if before is None:
        return Condition(frozenset({report.trouble}), shown)
    if before.presumed_since is not None:
        return _heard_of(before, report)
    if report.trouble in before.troubles:
        return before
    if not before.troubles:
        failed = replace(before, troubles=frozenset({report.trouble}), failures=before.failures + 1, returned_at=None)
        return failed if failed.is_unsteady(limits) else replace(failed, shown=shown)
    also = replace(before, troubles=before.troubles | {report.trouble})
    # "Cannot be seen" says least: it gives way to whatever says why, and never takes its place.
    may_give_way = not also.is_unsteady(limits) and also.shown.trouble is Trouble.UNSEEN
    return replace(also, shown=shown) if may_give_way else also


def _heard_of(before: Condition, report: Report) -> Condition:
    """This process says something of a camera of which only an earlier one did."""
    if before.troubles <= {report.trouble, Trouble.UNSEEN}:
        return replace(before, troubles=frozenset({report.trouble}), presumed_since=None)
    return replace(before, troubles=before.troubles | {report.trouble})


def _recovered(before: Condition | None, report: Report) -> Condition | None:
    if before is None or report.trouble not in before.troubles:
        return before
    left = before.troubles - {report.trouble}
    if left:
        return replace(before, troubles=left)
    return replace(before, troubles=left, returned_at=report.at, presumed_since=None)


def stored(state: MaintenanceState, action: Action, as_stored: Maintenance | None, now: datetime) -> MaintenanceState:
    """The store has taken an action; ``as_stored`` is what it has now."""
    if isinstance(action, End):
        return _freed(state, (action.incident_id,), lambda condition: replace(condition, incident_id=None))
    incident_id = action.incident.id if isinstance(action, Begin) else action.incident_id
    group = replace(state.groups[incident_id], told=as_stored, told_at=now)
    return replace(state, groups={**state.groups, incident_id: group})


def closed_by_people(
    state: MaintenanceState, incident_ids: Collection[IncidentId], limits: MaintenanceLimits, now: datetime
) -> MaintenanceState:
    """These were closed elsewhere: their cameras are left alone for a while, well or not."""
    muted_until = now + timedelta(seconds=limits.cool_down_s)

    def left_alone(condition: Condition) -> Condition:
        # A person knows better than a process that has ended.
        troubles = condition.troubles if condition.presumed_since is None else frozenset[Trouble]()
        free = replace(condition, incident_id=None, muted_until=muted_until, presumed_since=None)
        return free if troubles else replace(free, troubles=troubles, returned_at=condition.returned_at or now)

    return _freed(state, incident_ids, left_alone)


def _freed(
    state: MaintenanceState, incident_ids: Collection[IncidentId], free: Callable[[Condition], Condition]
) -> MaintenanceState:
    gone = set(incident_ids)
    cameras = {
        camera_id: free(condition) if condition.incident_id in gone else condition
        for camera_id, condition in state.cameras.items()
    }
    groups = {incident_id: group for incident_id, group in state.groups.items() if incident_id not in gone}
    return replace(state, cameras=cameras, groups=groups)


def adopt(
    incidents: Iterable[Incident], inventory: Inventory, limits: MaintenanceLimits, now: datetime
) -> MaintenanceState:
    """The state to begin with, from what an earlier process stored: open incidents, and those closed lately.

    A camera belongs to one incident, the larger one that tells of it: the process may have ended in the middle of a
    merge. A part that has no camera of its own any more is ended now, as it was to be.
    """
    incidents = list(incidents)
    held: dict[CameraId, Condition] = {}
    groups: dict[IncidentId, Group] = {}
    for incident in sorted((i for i in incidents if i.is_open), key=lambda i: _the_whole_first(i, inventory)):
        known = _known(incident, inventory)
        own = [camera for camera in known if camera.id not in held]
        if own:
            groups[incident.id] = _adopted_group(incident, frozenset(camera.id for camera in own))
        elif known:
            part = _adopted_group(incident, frozenset(camera.id for camera in known))
            groups[incident.id] = replace(part, ending=Ending(now, into=held[known[0].id].incident_id))
        held |= {camera.id: _adopted(camera, incident, limits, now) for camera in own}
    return MaintenanceState(_closed_by_people(incidents, inventory, limits, now) | held, groups)


def _the_whole_first(incident: Incident, inventory: Inventory) -> tuple[bool, int, datetime, IncidentId]:
    is_whole = incident.maintenance is not None and incident.maintenance.cause is Cause.STATION
    return not is_whole, -len(_known(incident, inventory)), incident.accepted_at, incident.id


def _closed_by_people(
    incidents: Iterable[Incident], inventory: Inventory, limits: MaintenanceLimits, now: datetime
) -> dict[CameraId, Condition]:
    """The cameras whose incidents people closed; of two incidents the later one counts."""
    cameras: dict[CameraId, Condition] = {}
    closed = [incident for incident in incidents if not incident.is_open and incident.closed_by != CLOSED_BY]
    for incident in sorted(closed, key=lambda incident: incident.accepted_at):
        muted_until = incident.clocks[ClockName.CLOSED].at + timedelta(seconds=limits.cool_down_s)
        cameras |= {camera.id: _muted(camera, muted_until, now) for camera in _known(incident, inventory)}
    return cameras


def without_cameras(incidents: Iterable[Incident], inventory: Inventory) -> tuple[IncidentId, ...]:
    """The open ones of whose cameras none is configured any more: nobody will ever say that they are back."""
    return tuple(incident.id for incident in incidents if incident.is_open and not _known(incident, inventory))


def _known(incident: Incident, inventory: Inventory) -> list[TroubledCamera]:
    cameras = incident.maintenance.cameras if incident.maintenance else ()
    return [camera for camera in cameras if camera.id in inventory.cameras]


def _adopted(camera: TroubledCamera, incident: Incident, limits: MaintenanceLimits, now: datetime) -> Condition:
    troubled = camera.returned_at is None
    return Condition(
        troubles=frozenset({camera.trouble}) if troubled else frozenset(),
        shown=replace(camera, returned_at=None, unsteady=False),
        failures=limits.unsteady_after + 1 if camera.unsteady else 1,
        returned_at=camera.returned_at,
        incident_id=incident.id,
        presumed_since=now if troubled else None,
    )


def _muted(camera: TroubledCamera, muted_until: datetime, now: datetime) -> Condition:
    shown = replace(camera, returned_at=None, unsteady=False)
    return Condition(frozenset(), shown, returned_at=now, muted_until=muted_until)


def _adopted_group(incident: Incident, members: frozenset[CameraId]) -> Group:
    assert incident.maintenance is not None
    return Group(
        id=incident.id,
        cause=incident.maintenance.cause,
        where=incident.maintenance.where,
        trouble=incident.maintenance.trouble,
        first=incident.camera_id if incident.camera_id in members else min(members),
        members=members,
        opened_at=incident.accepted_at,
        grew_at=incident.accepted_at,
        told=incident.maintenance,
    )
