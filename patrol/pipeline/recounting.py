"""Recounting: what is known of cameras, for people who look after them: from the tour, the store, the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from patrol.domain.camera import Camera, CameraId
from patrol.domain.camera_history import CameraSpan, VisitRecord
from patrol.domain.camera_overview import CameraOverview, CameraTrouble, Worst, overviews, troubles_of
from patrol.domain.errors import QueueError
from patrol.domain.room import TourStatus
from patrol.ports import CameraHistory, Clock, MaintenanceStore, TourReports, VisitRecords

WORST_OF = timedelta(hours=24)
WORST_STAYS_TRUE_S = 60.0
STAYS_TRUE_S = 1.0
TOUR_SILENT_AFTER_S = 10.0
WAIT_S, LOOK_AGAIN_S = 2.5, 0.1


class Recounting:
    """CameraView. Everything of all cameras is worked out no oftener than once a second, however many people look.

    ``cameras``: those that are configured, as they are now.
    """

    def __init__(
        self,
        cameras: Mapping[CameraId, Camera],
        reports: TourReports,
        records: VisitRecords,
        history: CameraHistory,
        maintenance: MaintenanceStore,
        clock: Clock,
    ) -> None:
        self._cameras = cameras
        self._reports = reports
        self._records = records
        self._history = history
        self._maintenance = maintenance
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, tuple[CameraOverview, ...]] | None = None
        self._worst: tuple[float, Mapping[CameraId, Worst]] | None = None

    async def cameras(self) -> Sequence[CameraOverview]:
        """See CameraView."""
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[0] >= STAYS_TRUE_S:
                self._last = now, await self._work_out()
            return self._last[1]

    async def _work_out(self) -> tuple[CameraOverview, ...]:
        incidents = await self._maintenance.latest_maintenance(self._clock.now())
        worst = await self._worst_of_the_day()
        return overviews(self._cameras.values(), await self._tour(), troubles_of(incidents), worst)

    async def _worst_of_the_day(self) -> Mapping[CameraId, Worst]:
        now = self._clock.monotonic()
        if self._worst is None or now - self._worst[0] >= WORST_STAYS_TRUE_S:
            since = self._clock.now() - WORST_OF
            self._worst = now, await self._history.worst(tuple(self._cameras), since)
        return self._worst[1]

    async def _tour(self) -> TourStatus | None:
        try:
            tour = await self._reports.latest()
        except QueueError:
            return None  # as the room says, too
        # Redis lets it expire by its own clock, which may have been set back.
        is_old = tour is not None and (self._clock.now() - tour.at).total_seconds() > TOUR_SILENT_AFTER_S
        return None if is_old else tour

    async def history(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSpan]:
        """See CameraView."""
        spans = await self._history.spans(self._cameras[camera_id].id, since)
        try:
            record = await self._records.latest(camera_id)
            await self._records.want(camera_id)
        except QueueError:
            record = None
        if record is None:
            return spans
        # Of the running one the store has what an earlier process saw, if anything.
        return [*(span for span in spans if span.began_at != record.span.began_at), record.span]

    async def troubles(self, camera_id: CameraId, since: datetime) -> Sequence[CameraTrouble]:
        """See CameraView."""
        incidents = await self._maintenance.latest_maintenance(since)
        found = troubles_of(incidents).get(self._cameras[camera_id].id, ())
        return [each for each in found if each.returned_at is None or each.returned_at >= since]

    async def visits(self, camera_id: CameraId) -> VisitRecord | None:
        """See CameraView. The first time it waits for the tour, which answers about once a second."""
        camera_id = self._cameras[camera_id].id
        until = self._clock.monotonic() + WAIT_S
        try:
            record = await self._records.latest(camera_id)
            await self._records.want(camera_id)
            while record is None and self._clock.monotonic() < until:
                await self._clock.sleep(LOOK_AGAIN_S)
                record = await self._records.latest(camera_id)
        except QueueError:
            return None
        return record
