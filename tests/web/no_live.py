"""A desk for live views at which nothing can be seen: for rooms whose tests look at other things."""

from __future__ import annotations

from patrol.domain.camera import CameraId
from patrol.domain.errors import CaptureError, CaptureFailure, LiveRefusal, LiveRefused
from patrol.domain.live import Glance, LiveStatus, LiveView
from patrol.ports import Looker


class NoLive:
    """A LiveDesk and a StillDesk."""

    async def open(self, camera_id: CameraId, offer: str, looker: Looker) -> LiveView:
        raise LiveRefused(LiveRefusal.NO_STREAM)

    async def leave(self, viewer_id: str, key: str) -> bool:
        return False

    def status(self, viewer_id: str, key: str) -> LiveStatus | None:
        return None

    async def still(self, camera_id: CameraId) -> Glance:
        raise CaptureError(CaptureFailure.UNREACHABLE)
