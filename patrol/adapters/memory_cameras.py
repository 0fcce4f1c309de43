"""Cameras' histories and visits in memory: for one process, held to the same contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from patrol.domain.camera import CameraId
from patrol.domain.camera_history import CameraSlot, VisitRecord, together
from patrol.domain.camera_overview import Worst

MOST_WANTED = 64


class MemoryCameraHistory:
    """CameraHistory in a mapping."""

    def __init__(self) -> None:
        self._slots: dict[tuple[CameraId, datetime], CameraSlot] = {}

    async def keep(self, slots: Sequence[CameraSlot], before: datetime) -> None:
        """See CameraHistory."""
        for slot in slots:
            key = slot.camera_id, slot.began_at
            known = self._slots.get(key)
            self._slots[key] = together(known, slot) if known is not None else slot
        cameras = {slot.camera_id for slot in slots}
        for camera_id, began_at in list(self._slots):
            if camera_id in cameras and began_at < before:
                del self._slots[camera_id, began_at]

    async def slots(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSlot]:
        """See CameraHistory."""
        found = (slot for slot in self._slots.values() if slot.camera_id == camera_id and slot.began_at >= since)
        return sorted(found, key=lambda slot: slot.began_at)

    async def worst(self, cameras: Sequence[CameraId], since: datetime) -> Mapping[CameraId, Worst]:
        """See CameraHistory."""
        found: dict[CameraId, Worst] = {}
        for camera_id in cameras:
            of_one = [Worst(slot.blind_age_s, slot.bound_s) for slot in await self.slots(camera_id, since)]
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
