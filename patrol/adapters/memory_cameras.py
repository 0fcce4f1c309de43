"""Cameras' histories and visits in memory: for one process, held to the same contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from patrol.domain.camera import CameraId
from patrol.domain.camera_history import CameraSpan, VisitRecord, together
from patrol.domain.camera_overview import Worst

MOST_WANTED = 64


class MemoryCameraHistory:
    """CameraHistory in a mapping."""

    def __init__(self) -> None:
        self._spans: dict[tuple[CameraId, datetime], CameraSpan] = {}

    async def keep(self, spans: Sequence[CameraSpan], before: datetime) -> None:
        """See CameraHistory."""
        for span in spans:
            key = span.camera_id, span.began_at
            known = self._spans.get(key)
            self._spans[key] = together(known, span) if known is not None else span
        cameras = {span.camera_id for span in spans}
        for camera_id, began_at in list(self._spans):
            if camera_id in cameras and began_at < before:
                del self._spans[camera_id, began_at]

    async def spans(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSpan]:
        """See CameraHistory."""
        found = (span for span in self._spans.values() if span.camera_id == camera_id and span.began_at >= since)
        return sorted(found, key=lambda span: span.began_at)

    async def worst(self, cameras: Sequence[CameraId], since: datetime) -> Mapping[CameraId, Worst]:
        """See CameraHistory."""
        found: dict[CameraId, Worst] = {}
        for camera_id in cameras:
            of_one = [Worst(span.blind_age_s, span.bound_s) for span in await self.spans(camera_id, since)]
            if of_one:
                found[camera_id] = max(of_one, key=lambda each: each.share)
        return found


class MemoryVisitRecords:
    """VisitRecords in a mapping; nothing expires."""

    def __init__(self) -> None:
        self._wanted: dict[CameraId, None] = {}
        self._records: dict[CameraId, VisitRecord] = {}

    async def want(self, camera_id: CameraId) -> None:
        """See VisitRecords."""
        self._wanted.pop(camera_id, None)
        self._wanted[camera_id] = None
        while len(self._wanted) > MOST_WANTED:
            del self._wanted[next(iter(self._wanted))]

    async def wanted(self) -> Sequence[CameraId]:
        """See VisitRecords."""
        wanted, self._wanted = tuple(self._wanted), {}
        return wanted

    async def show(self, record: VisitRecord) -> None:
        """See VisitRecords."""
        self._records[record.camera_id] = record

    async def latest(self, camera_id: CameraId) -> VisitRecord | None:
        """See VisitRecords."""
        return self._records.get(camera_id)
