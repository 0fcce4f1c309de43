"""Maintaining: what the tour says of cameras in trouble becomes incidents for technicians."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from patrol.domain import maintenance, maintenance_incidents
from patrol.domain.camera import Camera
from patrol.domain.dispatch import Outcome, Situation
from patrol.domain.errors import IllegalTransition, StoreError
from patrol.domain.feedback import close_by_rule
from patrol.domain.ids import make_id
from patrol.domain.incidents import Disposition, Incident, IncidentId, Maintenance
from patrol.domain.levels import LevelPolicy
from patrol.domain.maintenance import (
    Action,
    Amend,
    Begin,
    End,
    Inventory,
    MaintenanceLimits,
    MaintenanceState,
    Report,
    closed_by_people,
)
from patrol.domain.maintenance_groups import decide
from patrol.domain.troubles import Trouble
from patrol.metrics import Metrics
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, MaintenanceStore

_log = logging.getLogger(__name__)

TICK_S = 1.0
NOT_CONFIGURED = "点位已不在配置中 · its cameras are no longer configured"


class Maintaining:
    """Takes what the tour notices, without ever making it wait, and decides about once a second.

    ``troubled`` and ``recovered`` belong to the event loop's thread. What was not decided when the process ends is
    noticed again by the next one, which goes on with the incidents that are open.
    """

    def __init__(
        self,
        store: MaintenanceStore,
        deciding: Deciding,
        cameras: Sequence[Camera],
        levels: LevelPolicy,
        clock: Clock,
        metrics: Metrics,
        limits: MaintenanceLimits | None = None,
    ) -> None:
        self._store = store
        self._deciding = deciding
        self._inventory = Inventory.of(cameras)
        self._levels = levels
        self._clock = clock
        self._metrics = metrics
        self._limits = limits or MaintenanceLimits()
        self._state: MaintenanceState | None = None  # None: the store has not been read yet
        self._failing = False
        # At most one of each camera and trouble: the newest wins.
        self._reports: dict[tuple[str, Trouble], Report] = {}

    def troubled(self, camera: Camera, trouble: Trouble, detail: str, since: datetime) -> None:
        """The camera is in trouble; again and again changes nothing. ``detail``: a closed word, no secrets.

        Raises KeyError for a camera that is not configured.
        """
        self._report(Report(self._inventory.cameras[camera.id].id, trouble, since, detail))

    def recovered(self, camera: Camera, trouble: Trouble, at: datetime) -> None:
        """The trouble is over; fine for one that never was. Raises KeyError as ``troubled`` does."""
        self._report(Report(self._inventory.cameras[camera.id].id, trouble, at, over=True))

    def _report(self, report: Report) -> None:
        self._reports[report.camera_id, report.trouble] = report

    async def run(self, stopping: asyncio.Event) -> None:
        """Decide about once a second until ``stopping``."""
        while not await pause(self._clock, stopping, TICK_S):
            try:
                await self.tick()
            except StoreError as error:
                self._metrics.maintenance.refused.inc()
                if not self._failing:
                    _log.error("maintenance waits for the store: %s", error)
                self._failing = True
            else:
                self._failing = False

    async def tick(self) -> None:
        """Decide once, and have it stored. Raises StoreError; what was not stored then is decided again."""
        if self._state is None:
            self._state = await self._adopt()
        state = await self._without_closed(self._state)
        reports, self._reports = self._reports, {}
        state = maintenance.note(state, reports.values(), self._limits)
        self._state, actions = decide(
            state, self._inventory, self._levels, self._limits, self._clock.now(), self._new_id
        )
        self._metrics.maintenance.show(self._state.open_causes, self._state.troubles)
        for action in actions:
            self._state = await self._do(self._state, action)

    def _new_id(self) -> IncidentId:
        return IncidentId(make_id("I", self._clock.now(), secrets.randbits(48)))

    async def _adopt(self) -> MaintenanceState:
        now = self._clock.now()
        found = await self._store.latest_maintenance(now - timedelta(seconds=self._limits.cool_down_s))
        for incident_id in maintenance.without_cameras(found, self._inventory):
            await self._close_forgotten(incident_id, now)
        return maintenance.adopt(found, self._inventory, self._limits, now)

    async def _close_forgotten(self, incident_id: IncidentId, now: datetime) -> None:
        def forget(situation: Situation) -> Outcome:
            return close_by_rule(situation, Disposition.REFERRED, maintenance.CLOSED_BY, NOT_CONFIGURED, now)

        try:
            await self._deciding.maintain(incident_id, forget)
        except IllegalTransition:
            return  # a person was quicker

    async def _without_closed(self, state: MaintenanceState) -> MaintenanceState:
        """The state without what people closed meanwhile; without asking while nothing is open."""
        open_here = {group.id for group in state.groups.values() if group.told is not None and group.ending is None}
        closed = open_here - await self._store.open_maintenance() if open_here else set()
        return self._left_alone(state, closed) if closed else state

    def _left_alone(self, state: MaintenanceState, closed: set[IncidentId]) -> MaintenanceState:
        self._metrics.maintenance.closed.labels("person").inc(len(closed))
        return closed_by_people(state, closed, self._limits, self._clock.now())

    async def _do(self, state: MaintenanceState, action: Action) -> MaintenanceState:
        now = self._clock.now()
        if isinstance(action, Begin):
            return maintenance.stored(state, action, await self._begin(action.incident, now), now)
        try:
            outcome = await self._deciding.maintain(action.incident_id, _decision(action, now))
        except KeyError:  # the database was replaced under us
            return closed_by_people(state, (action.incident_id,), self._limits, now)
        if isinstance(action, Amend) and outcome.reason == maintenance_incidents.CLOSED_ALREADY:
            return self._left_alone(state, {action.incident_id})
        if isinstance(action, End) and outcome.reason != maintenance_incidents.CLOSED_ALREADY:
            self._metrics.maintenance.closed.labels("merged" if action.ending.into else "patrol").inc()
        return maintenance.stored(state, action, action.content.maintenance, now)

    async def _begin(self, incident: Incident, now: datetime) -> Maintenance | None:
        begun = await self._store.begin(maintenance_incidents.begin(incident, now))
        assert begun.maintenance is not None
        self._metrics.maintenance.opened.labels(begun.maintenance.cause.value).inc()
        _log.warning("incident %s (%s): %s", begun.id, begun.level, begun.words_en)
        return begun.maintenance


def _decision(action: Amend | End, now: datetime) -> maintenance.Decision:
    if isinstance(action, Amend):
        return lambda situation: maintenance_incidents.amend(situation, action.content, now)
    return lambda situation: maintenance_incidents.end(situation, action.content, action.ending, now)
