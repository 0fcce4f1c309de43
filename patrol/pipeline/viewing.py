"""Viewing: one snapshot of the room, for the feed and for the gauges."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from patrol.domain.auditing import Audit, silent_since
from patrol.domain.digest import digest
from patrol.domain.dispatch import Duty
from patrol.domain.errors import QueueError, StoreError
from patrol.domain.events import IncidentClass
from patrol.domain.heartbeats import Arrival, stalled_since, through_since
from patrol.domain.incidents import (
    EscalationStep,
    EvidenceId,
    Incident,
    IncidentId,
    LoopStage,
    most_urgent_first,
    stage_of,
)
from patrol.domain.orders import Order, in_progress
from patrol.domain.room import (
    BEFORE_ALL,
    ClosedPlace,
    CoverStatus,
    ListedIncidents,
    MaintenanceStatus,
    OpenPlace,
    QueueStatus,
    RoomSnapshot,
    StageStatus,
    TourStatus,
    UnitStatus,
    WatchStatus,
)
from patrol.domain.storage import StorageStatus
from patrol.metrics import Metrics
from patrol.pipeline import dispatching
from patrol.pipeline.covering import Covering
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, IncidentReader, Outbox, StorageWatch, TimeKeeper, TourReports

_log = logging.getLogger(__name__)

# Of each sort, so that a flood of one hides nothing of the others.
OPEN_SHOWN = 500
MAINTENANCE_SHOWN = 30
CLOSED_SHOWN = 40
# Redis may answer and yet take nothing (out of memory, a replica): people must know within 5 s.
LATE_AFTER_S = 4.0
TOUR_SILENT_AFTER_S = 12.0  # Redis forgets its report after 10
GAUGES_EVERY_S = 2.0


class DeadLetters(Protocol):
    """How many messages could not be handled."""

    async def dead_letters(self) -> int:
        """Raises QueueError."""


class Signs(Protocol):
    """Signs of life, of heartbeats and of the auditor."""

    async def newest(self, group: str) -> Arrival | None:
        """See Heartbeats."""

    async def latest_audit(self) -> Audit | None:
        """See Audits."""


class Room:
    """RoomView over the store and the tour's reports."""

    def __init__(
        self,
        station: str,
        station_en: str,
        reader: IncidentReader,
        outbox: Outbox,
        reports: TourReports,
        dead: DeadLetters,
        signs: Signs,
        clock: Clock,
        metrics: Metrics,
        *,
        simulated: bool,
        storage: StorageWatch | None = None,
        keeper: TimeKeeper | None = None,
        covering: Covering | None = None,
    ) -> None:
        self._station = station
        self._station_en = station_en
        self._reader = reader
        self._outbox = outbox
        self._reports = reports
        self._dead = dead
        self._signs = signs
        self._clock = clock
        self._keeper = keeper
        self._watched_since = clock.now()
        self._metrics = metrics
        self._simulated = simulated
        self._storage = storage
        self._covering = covering
        self._cover_told: CoverStatus | None = None
        self._tour_reported_at: datetime | None = None

    async def snapshot(self) -> RoomSnapshot:
        """See RoomView."""
        now = self._clock.now()
        open_ledger = await self._reader.open_ledger()
        closed = await self._reader.latest_closed(CLOSED_SHOWN)
        tour, queue = await self._tour_and_queue(now)
        # Never more than a page can show; beyond that the least urgent are counted only.
        security, maintenance = (of_class(open_ledger.incidents, one) for one in IncidentClass)
        shown = as_shown(open_ledger.incidents, closed.incidents)
        shown_ids = {incident.id for incident in shown}
        orders = (*closed.orders, *open_ledger.orders)
        return RoomSnapshot(
            at=now,
            station=self._station,
            station_en=self._station_en,
            simulated=self._simulated,
            tour=tour,
            queue=queue,
            stages=stages(security, now),
            incidents=shown,
            orders=orders_shown([order for order in orders if order.incident_id in shown_ids]),
            units=unit_statuses(open_ledger.duties, open_ledger.orders),
            maintenance=maintenance_status(maintenance),
            tour_reported_at=self._tour_reported_at,
            storage=await self._storage.status() if self._storage is not None else StorageStatus(),
            gone=await self._reader.gone_evidence(evidence_of(shown)),
            watch=await self._watch(now),
            digest=digest(security),
            cover=self._covering.look(open_ledger.duties) if self._covering is not None else None,
            open_not_shown=max(0, len(security) - OPEN_SHOWN),
        )

    async def past(self, limit: int, before: ClosedPlace | None = None) -> ListedIncidents:
        """See RoomView."""
        ledger = await self._reader.latest_closed(limit, before or BEFORE_ALL)
        return await self._listed(ledger.incidents, ledger.orders)

    async def open(self, limit: int, before: OpenPlace | None = None) -> ListedIncidents:
        """See RoomView."""
        ledger = await self._reader.open_ledger()
        places = {OpenPlace.of(incident): incident for incident in ledger.incidents}
        behind = sorted((place for place in places if before is None or place < before), reverse=True)
        shown = [places[place] for place in behind[:limit]]
        ids = {incident.id for incident in shown}
        return await self._listed(shown, [order for order in ledger.orders if order.incident_id in ids])

    async def one(self, incident_id: IncidentId) -> ListedIncidents:
        """See RoomView."""
        ledger = await self._reader.one(incident_id)
        return await self._listed(ledger.incidents, ledger.orders)

    async def _listed(self, incidents: Sequence[Incident], orders: Sequence[Order]) -> ListedIncidents:
        gone = await self._reader.gone_evidence(evidence_of(incidents))
        return ListedIncidents(tuple(incidents), orders_shown(orders), gone)

    async def _watch(self, now: datetime) -> WatchStatus:
        newest = through_since(await self._signs.newest(dispatching.GROUP), self._watched_since)
        stalled = stalled_since(newest, self._watched_since, now)
        audit = await self._signs.latest_audit()
        silent = silent_since(audit.at if audit else self._watched_since, now)
        if audit is None or silent is not None:  # what it found then says nothing of now
            return WatchStatus(stalled, silent, clock_off_s=self._clock_off_s())
        return WatchStatus(stalled, None, audit.findings, audit.count, self._clock_off_s())

    def _clock_off_s(self) -> int | None:
        kept = self._keeper.kept() if self._keeper else None
        return round(kept.offset_s) if kept and kept.is_off else None

    async def _tour_and_queue(self, now: datetime) -> tuple[TourStatus | None, QueueStatus]:
        count, oldest = await self._outbox.waiting()
        oldest_s = (now - oldest).total_seconds() if oldest else 0.0
        try:
            tour = await self._reports.latest()
            self._tour_reported_at = tour.at if tour else self._tour_reported_at
            if tour is not None and (now - tour.at).total_seconds() > TOUR_SILENT_AFTER_S:
                tour = None  # Redis lets it expire by its own clock, which may have been set back
            return tour, QueueStatus(_late(count, oldest_s), count, oldest_s, await self._dead.dead_letters())
        except QueueError as error:
            return None, QueueStatus(str(error), count, oldest_s, 0)

    async def run_gauges(self, stopping: asyncio.Event) -> None:
        """Keep the gauges of the loop's stages and of the cover up to date, and tell the cover in the log."""
        while not await pause(self._clock, stopping, GAUGES_EVERY_S):
            try:
                ledger = await self._reader.open_ledger()
            except StoreError:
                self._metrics.stages.errors.labels("dispatch").inc()
                continue
            security = of_class(ledger.incidents, IncidentClass.SECURITY)
            self._metrics.dispatch.show(stages(security, self._clock.now()))
            if self._covering is not None:
                self._tell_cover(self._covering.look(ledger.duties))

    def _tell_cover(self, cover: CoverStatus) -> None:
        if cover == self._cover_told:
            return
        self._cover_told = cover
        self._metrics.dispatch.show_cover(cover.shares)
        left = ", ".join(f"{ring} {share:.1%}" for ring, share in cover.shares.items())
        _log.info(
            "cover left by the straight line: %s; %s", left, cover.move_up.words_en if cover.move_up else "no move"
        )


def _late(count: int, oldest_s: float) -> str | None:
    return f"{count} messages are not published, the oldest for {oldest_s:.0f} s" if oldest_s > LATE_AFTER_S else None


def of_class(incidents: Sequence[Incident], wanted: IncidentClass) -> list[Incident]:
    """Those of one class, in their order."""
    return [incident for incident in incidents if incident.incident_class is wanted]


def as_shown(open_ones: Sequence[Incident], closed: Sequence[Incident]) -> tuple[Incident, ...]:
    """Those that a page is told of, in their order. ``closed``: the one closed last first."""
    security, maintenance = (most_urgent_first(of_class(open_ones, one)) for one in IncidentClass)
    return (*cut(security, OPEN_SHOWN), *cut(maintenance, MAINTENANCE_SHOWN), *closed[:CLOSED_SHOWN])


def cut(incidents: Sequence[Incident], most: int) -> tuple[Incident, ...]:
    """The first ones in their order; with them, before any other, those that ask the whole room."""
    asking = [incident for incident in incidents if asks_the_room(incident)][:most]
    others = [incident for incident in incidents if not asks_the_room(incident)][: most - len(asking)]
    kept = {incident.id for incident in (*asking, *others)}
    return tuple(incident for incident in incidents if incident.id in kept)


def asks_the_room(incident: Incident) -> bool:
    """Whether something about it is late for so long that everybody is told, and nobody has taken it on yet."""
    last = incident.standing_escalation
    return incident.is_open and last is not None and last.step is EscalationStep.ROOM and not last.is_acknowledged


def maintenance_status(incidents: Sequence[Incident]) -> MaintenanceStatus:
    """What the open incidents of the class maintenance come to."""
    return MaintenanceStatus(len(incidents), sum(one.maintenance.troubled for one in incidents if one.maintenance))


def stages(incidents: Sequence[Incident], now: datetime) -> tuple[StageStatus, ...]:
    """How many open incidents each loop stage holds, and how old the oldest is."""
    ages: dict[LoopStage, list[float]] = {stage: [] for stage in LoopStage}
    for incident in incidents:
        stage = stage_of(incident)
        if stage is not None:
            ages[stage].append((now - incident.accepted_at).total_seconds())
    return tuple(StageStatus(stage, len(found), max(found, default=0.0)) for stage, found in ages.items())


def evidence_of(incidents: Sequence[Incident]) -> frozenset[EvidenceId]:
    """The pictures and clips that a page of these shows."""
    own = (evidence_id for incident in incidents for evidence_id in (incident.evidence_id, incident.clip_id))
    witnesses = (witness for incident in incidents for witness in incident.witnesses)
    ids = (*own, *(evidence_id for each in witnesses for evidence_id in (each.evidence_id, each.clip_id)))
    return frozenset(evidence_id for evidence_id in ids if evidence_id is not None)


def orders_shown(orders: Sequence[Order]) -> dict[str, tuple[Order, ...]]:
    """Of each incident, the orders that units have to do with, the farthest crew's first; else the latest."""
    of_incident: defaultdict[str, list[Order]] = defaultdict(list)
    for order in orders:
        of_incident[order.incident_id].append(order)
    return {incident_id: in_progress(found) or (found[-1],) for incident_id, found in of_incident.items()}


def unit_statuses(duties: Sequence[Duty], orders: Sequence[Order]) -> tuple[UnitStatus, ...]:
    """Every unit with what it does."""
    by_id = {order.id: order for order in orders}
    return tuple(
        UnitStatus(
            unit=duty.unit,
            state=duty.state,
            latitude=duty.where.latitude,
            longitude=duty.where.longitude,
            fix_at=duty.fix_at,
            order=by_id.get(duty.order_id) if duty.order_id else None,
        )
        for duty in duties
    )
