"""Groups: cameras in trouble become few incidents, each with its likely cause.

A network segment that is lost is one incident with 120 cameras, not 120 alarms. Reports gather for a moment; then the
smallest cause that explains three or more of them (a recorder, a network segment, a site, the whole station) opens one
incident, and later reports of the same cause join it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from patrol.domain.camera import CameraId
from patrol.domain.incidents import Cause, IncidentId
from patrol.domain.levels import LevelPolicy
from patrol.domain.maintenance import (
    INNERMOST_FIRST,
    Action,
    Condition,
    Ending,
    Group,
    Inventory,
    MaintenanceLimits,
    MaintenanceState,
    Place,
)
from patrol.domain.maintenance_incidents import actions
from patrol.domain.troubles import Trouble

_PLACES = (Cause.HOST, Cause.SEGMENT, Cause.SITE)


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
    return decided, tuple(actions(decided, inventory, levels, limits, now))


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
        first = min(
            camera_ids, key=lambda camera_id: (INNERMOST_FIRST[self._inventory.cameras[camera_id].ring], camera_id)
        )
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
