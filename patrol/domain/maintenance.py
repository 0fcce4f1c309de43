"""Maintenance: cameras in trouble become few incidents, each with its likely cause.

A network segment that is lost is one incident with 120 cameras, not 120 alarms. Reports gather for a moment; then the
smallest cause that explains three or more of them (a recorder, a network segment, a site, the whole station) opens one
incident, and later reports of the same cause join it. Everything here is a pure function of (state, now); who stores
what was decided says so afterwards (``stored``), and until then the same is decided again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network

from patrol.domain.alerts import LevelPolicy
from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.dispatch import Outcome, Situation, told
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import (
    Cause,
    ClockName,
    Disposition,
    Incident,
    IncidentId,
    IncidentState,
    Maintenance,
    TroubledCamera,
)
from patrol.domain.troubles import WORDS, Trouble

CLOSED_BY = "patrol"
CLOSED_ALREADY = "closed already"
SEGMENT_BITS = 24  # the usual size of a camera network: 254 addresses behind one switch
MANY_CAMERAS = 20
MAX_DETAIL = 64
_LEVELS = {level: rank for rank, level in enumerate(Level)}
_RINGS = {ring: rank for rank, ring in enumerate(RingName)}
_PLACES = (Cause.HOST, Cause.SEGMENT, Cause.SITE)


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
        return failed if _is_unsteady(failed, limits) else replace(failed, shown=shown)
    also = replace(before, troubles=before.troubles | {report.trouble})
    # "Cannot be seen" says least: it gives way to whatever says why, and never takes its place.
    return replace(also, shown=shown) if _may_give_way(also, limits) and also.shown.trouble is Trouble.UNSEEN else also


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


def _is_unsteady(condition: Condition, limits: MaintenanceLimits) -> bool:
    return condition.failures > limits.unsteady_after


def _may_give_way(condition: Condition, limits: MaintenanceLimits) -> bool:
    return not _is_unsteady(condition, limits)


def decide(
    state: MaintenanceState,
    inventory: Inventory,
    levels: LevelPolicy,
    limits: MaintenanceLimits,
    now: datetime,
    new_id: Callable[[], IncidentId],
) -> tuple[MaintenanceState, tuple[Action, ...]]:
    """What is to be opened, told and closed now. An action that could not be stored is decided again next time."""
    work = _Work(state, inventory, limits, now, new_id)
    work.settle()
    work.join()
    work.gather_station()
    work.gather_groups()
    work.open_singles()
    work.end()
    decided = work.result()
    return decided, tuple(_actions(decided, inventory, levels, limits, now))


class _Work:
    """One decision under way: copies of the state's parts, changed step by step."""

    def __init__(
        self,
        state: MaintenanceState,
        inventory: Inventory,
        limits: MaintenanceLimits,
        now: datetime,
        new_id: Callable[[], IncidentId],
    ) -> None:
        self._inventory = inventory
        self._limits = limits
        self._now = now
        self._new_id = new_id
        self._cameras = dict(state.cameras)
        self._groups = dict(state.groups)
        self._opened = [at for at in state.opened if self._within(at, 60.0)]
        self._ended = [at for at in state.ended if self._within(at, 60.0)]

    def result(self) -> MaintenanceState:
        return MaintenanceState(self._cameras, self._groups, tuple(self._opened), tuple(self._ended))

    def _within(self, at: datetime, seconds: float) -> bool:
        # The future was before the clock was set back: it counts as now, or nothing would open until it has come.
        return self._now - at < timedelta(seconds=seconds)

    def settle(self) -> None:
        """What follows for each camera from time alone."""
        for camera_id, condition in list(self._cameras.items()):
            settled = self._settled(condition)
            if settled is None:
                del self._cameras[camera_id]
            elif settled is not condition:
                self._cameras[camera_id] = settled

    def _settled(self, condition: Condition) -> Condition | None:
        if condition.presumed_since is not None and self._unheard(condition, condition.presumed_since):
            condition = replace(condition, troubles=frozenset(), returned_at=self._now, presumed_since=None)
        if condition.muted_until is not None and self._unmuted(condition, condition.muted_until):
            condition = replace(condition, muted_until=None)
        if condition.incident_id is not None or condition.muted_until is not None:
            return condition
        if condition.troubles:
            return condition if condition.waiting_since else replace(condition, waiting_since=self._now)
        over = condition.waiting_since is None and not self._lately(condition, self._limits.remember_s)
        return None if over else condition

    def _unheard(self, condition: Condition, since: datetime) -> bool:
        """The tour misses a camera anew in each process; what its pictures show is remembered, and told when over."""
        camera = self._inventory.cameras[condition.shown.id]
        longest_s = max(camera.revisit_bound_s, *(bound.revisit_bound_s for bound in camera.bounds), 0.0)
        told_by_now = not self._within(since, self._limits.unheard_s + 2 * longest_s)
        return told_by_now and condition.troubles == {Trouble.UNSEEN}

    def _unmuted(self, condition: Condition, muted_until: datetime) -> bool:
        well = not condition.troubles and not self._lately(condition, self._limits.steady_unsteady_s)
        return well or muted_until <= self._now

    def _lately(self, condition: Condition, seconds: float) -> bool:
        return condition.returned_at is not None and self._within(condition.returned_at, seconds)

    def join(self) -> None:
        """A camera that fails joins the incident that already tells its cause."""
        joinable = sorted(
            (group for group in self._groups.values() if group.ending is None),
            key=lambda group: (group.opened_at, group.id),
        )
        joining: defaultdict[IncidentId, list[CameraId]] = defaultdict(list)
        for camera_id in self._waiting():
            group = next((group for group in joinable if self._takes(group, camera_id)), None)
            if group is not None:
                joining[group.id].append(camera_id)
        for incident_id, camera_ids in joining.items():
            self._add(incident_id, camera_ids)

    def _waiting(self) -> list[CameraId]:
        """In trouble and in no incident, the longest first."""
        found = [
            (condition.waiting_since, camera_id)
            for camera_id, condition in self._cameras.items()
            if condition.waiting_since is not None and condition.troubles
        ]
        return [camera_id for _, camera_id in sorted(found)]

    def _takes(self, group: Group, camera_id: CameraId) -> bool:
        if group.trouble is not self._cameras[camera_id].shown.trouble or group.cause is Cause.CAMERA:
            return False
        fresh = self._within(group.grew_at, self._limits.spread_s)
        if group.cause is Cause.STATION:
            return fresh or self._down(group) >= self._limits.station_share * len(self._inventory.cameras)
        if self._inventory.places[camera_id].get(group.cause) == group.where:
            return fresh or 2 * self._down(group) >= self._inventory.sizes[group.cause, group.where]
        # A recorder that is soon followed by others of its network was the first to go, not the cause.
        return group.cause is Cause.HOST and fresh and self._network(group) == self._inventory.network_of(camera_id)

    def _network(self, group: Group) -> Place | None:
        return self._inventory.network_of(group.first)

    def _down(self, group: Group) -> int:
        return sum(self._is_down(camera_id) for camera_id in group.members)

    def _is_down(self, camera_id: CameraId) -> bool:
        condition = self._cameras.get(camera_id)  # None: nothing is known of it any more, as of one that is well
        return condition is not None and bool(condition.troubles)

    def _add(self, incident_id: IncidentId, camera_ids: Collection[CameraId]) -> None:
        group = self._groups[incident_id]
        members = group.members | set(camera_ids)
        changed = replace(group, members=members, grew_at=self._now)
        if group.cause is Cause.HOST:
            cause, where = self._smallest_cause(members)
            changed = replace(changed, cause=cause, where=where)
        self._groups[incident_id] = changed
        self._assign(incident_id, camera_ids)

    def _assign(self, incident_id: IncidentId, camera_ids: Iterable[CameraId]) -> None:
        for camera_id in camera_ids:
            condition = self._cameras.get(camera_id)
            if condition is not None:
                self._cameras[camera_id] = replace(condition, incident_id=incident_id, waiting_since=None)

    def _smallest_cause(self, camera_ids: Collection[CameraId]) -> Place:
        """The first of host, segment and site that all of them share."""
        for cause in _PLACES:
            names = {self._inventory.places[camera_id].get(cause) for camera_id in camera_ids}
            name = names.pop()
            if not names and name is not None:
                return cause, name
        return Cause.STATION, ""

    def gather_station(self) -> None:
        """A large share of all cameras at once: one incident, whatever was opened for parts of it before."""
        for trouble in Trouble:
            waiting = [camera_id for camera_id in self._waiting() if self._cameras[camera_id].shown.trouble is trouble]
            groups = self._fresh_groups(trouble)
            if self._is_station_wide(waiting, groups):
                self._widen_to_station(trouble, waiting, groups)

    def _fresh_groups(self, trouble: Trouble) -> list[Group]:
        fresh = [
            group
            for group in self._groups.values()
            if group.trouble is trouble
            and group.ending is None
            and self._within(group.opened_at, self._limits.spread_s)
        ]
        return sorted(fresh, key=lambda group: (group.cause is not Cause.STATION, group.opened_at, group.id))

    def _is_station_wide(self, waiting: Sequence[CameraId], groups: Sequence[Group]) -> bool:
        if not self._ripe(waiting, self._limits.gather_s) and len(groups) < 2:
            return False
        members = [camera_id for group in groups for camera_id in group.members if self._is_down(camera_id)]
        down = [*waiting, *members]
        all_cameras = len(self._inventory.cameras)
        if len(down) < max(self._limits.station_least, self._limits.station_share * all_cameras):
            return False
        hangs = Counter(place for camera_id in down for place in self._inventory.places[camera_id].items())
        return max(hangs.values(), default=0) < self._limits.explained_share * len(down)

    def _ripe(self, camera_ids: Iterable[CameraId], seconds: float) -> bool:
        since = [at for camera_id in camera_ids if (at := self._cameras[camera_id].waiting_since) is not None]
        return bool(since) and not self._within(min(since), seconds)

    def _widen_to_station(self, trouble: Trouble, waiting: Sequence[CameraId], groups: Sequence[Group]) -> None:
        if not groups:
            self._open(waiting, Cause.STATION, "", trouble)
            return
        whole, *parts = groups
        self._groups[whole.id] = replace(whole, cause=Cause.STATION, where="")
        for part in parts:
            self._groups[part.id] = replace(part, ending=Ending(self._now, into=whole.id))
        self._add(whole.id, {*waiting, *(camera_id for part in parts for camera_id in part.members)})

    def gather_groups(self) -> None:
        """Three or more of one network, then of one site, the largest group first."""
        for place_of in (self._inventory.network_of, self._site_of):
            together: defaultdict[tuple[Trouble, Place], list[CameraId]] = defaultdict(list)
            for camera_id in self._waiting():
                if (place := place_of(camera_id)) is not None:
                    together[self._cameras[camera_id].shown.trouble, place].append(camera_id)
            for (trouble, _), camera_ids in sorted(together.items(), key=lambda found: -len(found[1])):
                if len(camera_ids) >= self._limits.group_of and self._ripe(camera_ids, self._limits.gather_s):
                    self._open_paced(camera_ids, *self._smallest_cause(camera_ids), trouble)

    def _site_of(self, camera_id: CameraId) -> Place | None:
        name = self._inventory.places[camera_id].get(Cause.SITE)
        return None if name is None else (Cause.SITE, name)

    def open_singles(self) -> None:
        """What nothing else explains stands alone, once it has waited for others long enough."""
        for camera_id, condition in list(self._cameras.items()):
            if condition.waiting_since is None or self._within(condition.waiting_since, self._limits.hold_s):
                continue
            if condition.troubles or condition.failures > 1:
                self._open_paced((camera_id,), Cause.CAMERA, "", condition.shown.trouble)
            else:  # it was away for a moment, once
                self._cameras[camera_id] = replace(condition, waiting_since=None)

    def _open_paced(self, camera_ids: Collection[CameraId], cause: Cause, where: str, trouble: Trouble) -> None:
        if len(self._opened) < self._limits.new_a_minute:
            self._open(camera_ids, cause, where, trouble)
            return
        open_digests = (group for group in self._groups.values() if group.cause is Cause.DIGEST and not group.ending)
        digest = next(open_digests, None)
        if digest is None:
            self._open(camera_ids, Cause.DIGEST, "", None)
        else:
            self._add(digest.id, camera_ids)

    def _open(self, camera_ids: Collection[CameraId], cause: Cause, where: str, trouble: Trouble | None) -> None:
        incident_id = self._new_id()
        first = min(camera_ids, key=lambda camera_id: (_RINGS[self._inventory.cameras[camera_id].ring], camera_id))
        members = frozenset(camera_ids)
        self._groups[incident_id] = Group(incident_id, cause, where, trouble, first, members, self._now, self._now)
        self._assign(incident_id, camera_ids)
        self._opened.append(self._now)

    def end(self) -> None:
        """An incident ends once all its cameras are back for good; many of them not all at once."""
        for group in sorted(self._groups.values(), key=lambda group: (group.opened_at, group.id)):
            if len(self._ended) >= self._limits.ends_a_minute:
                return
            if group.ending is None and all(self._is_well(camera_id) for camera_id in group.members):
                self._groups[group.id] = replace(group, ending=Ending(self._now))
                self._ended.append(self._now)

    def _is_well(self, camera_id: CameraId) -> bool:
        condition = self._cameras.get(camera_id)
        if condition is None:
            return True
        steady_s = self._limits.steady_s if condition.failures == 1 else self._limits.steady_unsteady_s
        return not condition.troubles and not self._lately(condition, steady_s)


def _actions(
    state: MaintenanceState, inventory: Inventory, levels: LevelPolicy, limits: MaintenanceLimits, now: datetime
) -> Iterable[Action]:
    for group in sorted(state.groups.values(), key=lambda group: (group.opened_at, group.id)):
        content = _content(state, group, inventory, levels, limits, now)
        if group.told is None:
            yield Begin(_incident(state, group, content, inventory, now))
        elif group.ending is not None:
            yield End(group.id, content, group.ending)
        elif content.maintenance != group.told and _due(group, limits, now):
            yield Amend(group.id, content)


def _due(group: Group, limits: MaintenanceLimits, now: datetime) -> bool:
    return group.told_at is None or now - group.told_at >= timedelta(seconds=limits.update_every_s)


def _content(
    state: MaintenanceState,
    group: Group,
    inventory: Inventory,
    levels: LevelPolicy,
    limits: MaintenanceLimits,
    now: datetime,
) -> Content:
    cameras = [inventory.cameras[camera_id] for camera_id in group.members]
    maintenance = _maintenance(state, group, limits, now)
    ring = min((camera.ring for camera in cameras), key=_RINGS.__getitem__)
    words_zh, words_en = _words(maintenance, inventory.cameras[group.first])
    simulated = all(camera.simulated for camera in cameras)
    return Content(maintenance, level_of(levels, ring, len(cameras)), ring, words_zh, words_en, simulated)


def _maintenance(state: MaintenanceState, group: Group, limits: MaintenanceLimits, now: datetime) -> Maintenance:
    if group.told is not None and group.ending is not None and group.ending.into is not None:
        return group.told  # from here on the larger one tells of its cameras
    known = [state.cameras[camera_id] for camera_id in sorted(group.members) if camera_id in state.cameras]
    shown = tuple(_shown(condition, limits, now) for condition in known)
    return Maintenance(group.cause, group.where, group.trouble, shown)


def _shown(condition: Condition, limits: MaintenanceLimits, now: datetime) -> TroubledCamera:
    """What people are told of a camera: one that comes and goes is back only once it has stayed."""
    unsteady = _is_unsteady(condition, limits)
    back = condition.returned_at if not condition.troubles else None
    if back is not None and unsteady and now - back < timedelta(seconds=limits.steady_unsteady_s):
        back = None
    return replace(condition.shown, returned_at=back, unsteady=unsteady)


def level_of(levels: LevelPolicy, ring: RingName, cameras: int) -> Level:
    """What was configured for camera_health, else by what is blind: never red, since nobody's life hangs on it yet."""
    configured = levels.configured(Kind.CAMERA_HEALTH, ring)
    if configured is not None:
        return configured
    if ring is RingName.CORE or cameras >= MANY_CAMERAS:
        return Level.YELLOW
    return Level.GREEN if ring is RingName.FAR and cameras == 1 else Level.BLUE


_CAUSE_WORDS = {
    Cause.HOST: ("主机 {}", "host {}"),
    Cause.SEGMENT: ("网段 {}", "network {}"),
    Cause.SITE: ("{}", "site {}"),
    Cause.STATION: ("全站", "whole station"),
    Cause.DIGEST: ("零散故障", "scattered"),
}


def _words(maintenance: Maintenance, first: Camera) -> tuple[str, str]:
    what_zh, what_en = WORDS[maintenance.trouble] if maintenance.trouble else ("画面异常", "in trouble")
    count, back = len(maintenance.cameras), maintenance.returned
    if maintenance.cause is Cause.CAMERA:
        zh, en = f"{first.name}：{what_zh}", f"{first.name_en}: {what_en}"
        return (f"{zh}，已恢复", f"{en}, back") if back else (zh, en)
    who_zh, who_en = (words.format(maintenance.where) for words in _CAUSE_WORDS[maintenance.cause])
    zh, en = f"{who_zh}：{count} 路{what_zh}", f"{who_en}: {count} cameras {what_en}"
    return (f"{zh}，已恢复 {back} 路", f"{en}, {back} back") if back else (zh, en)


def _incident(state: MaintenanceState, group: Group, content: Content, inventory: Inventory, now: datetime) -> Incident:
    first = inventory.cameras[group.first]
    incident = Incident(
        id=group.id,
        kind=Kind.CAMERA_HEALTH,
        level=content.level,
        ring=content.ring,
        camera_id=first.id,
        camera_name=first.name,
        camera_name_en=first.name_en,
        place=first.place,
        target_s=None,
        fingerprint=f"maintenance/{group.id}",
        words_zh=content.words_zh,
        words_en=content.words_en,
        evidence_id=None,
        simulated=content.simulated,
        alert_ids=(),
        maintenance=content.maintenance,
    )
    began = min([now, *(camera.since for camera in content.maintenance.cameras)])
    return (
        incident.stamped(ClockName.BEGAN, began, "tour")
        .stamped(ClockName.DETECTED, group.opened_at, "tour")
        .stamped(ClockName.ACCEPTED, now, "store")
    )


def begin(incident: Incident, now: datetime) -> Outcome:
    """A new incident with its first message."""
    return told(Outcome(incident=incident, reason="opened"), now)


def amend(situation: Situation, content: Content, now: datetime) -> Outcome:
    """Tell what has changed, unless it is closed. Its level rises and never falls."""
    if not situation.incident.is_open:
        return Outcome(reason=CLOSED_ALREADY)
    return told(Outcome(incident=_with(situation.incident, content), reason="amended"), now)


def end(situation: Situation, content: Content, ending: Ending, now: datetime) -> Outcome:
    """Close it, unless a person did: its cameras are back, or it is part of a larger one."""
    if not situation.incident.is_open:
        return Outcome(reason=CLOSED_ALREADY)
    incident = _with(situation.incident, content).to(IncidentState.CLOSED)
    if ending.into is None:
        back = [camera.returned_at for camera in content.maintenance.cameras if camera.returned_at is not None]
        incident = incident.stamped(ClockName.HANDLED, max(back, default=now), "tour")
    for clock in (ClockName.FEEDBACK, ClockName.CLOSED):
        incident = incident.stamped(clock, now, CLOSED_BY)
    closed = replace(
        incident,
        disposition=Disposition.HANDLED if ending.into is None else Disposition.DUPLICATE,
        closed_by=CLOSED_BY,
        reason=_reason(content.maintenance, ending),
    )
    return told(Outcome(incident=closed, reason="closed"), now)


def _with(incident: Incident, content: Content) -> Incident:
    return replace(
        incident,
        maintenance=content.maintenance,
        level=min(incident.level, content.level, key=_LEVELS.__getitem__),
        ring=content.ring,
        words_zh=content.words_zh,
        words_en=content.words_en,
        simulated=content.simulated,
    )


def _reason(maintenance: Maintenance, ending: Ending) -> str:
    if ending.into is not None:
        return f"并入 {ending.into} · merged into {ending.into}"
    count = maintenance.returned
    return f"画面已恢复，{count} 路 · pictures are back, {count} camera{'' if count == 1 else 's'}"


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
