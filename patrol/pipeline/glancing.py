"""Glancing: a picture of a camera for whoever asks, taken then and there, at most one in two seconds of each camera."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.domain.live import Glance
from patrol.ports import Clock, FrameSource

GOOD_FOR_S = 2.0
TAKEN_WITHIN_S = 4.0
MOST_AT_ONCE = 4
MOST_KEPT = 32


class Glancing:
    """See StillDesk."""

    def __init__(
        self,
        cameras: Mapping[CameraId, Camera],
        source: FrameSource,
        encode: Callable[[Frame], bytes],
        clock: Clock,
    ) -> None:
        """``source``: masked already. ``encode``: into JPEG; blocks, so it is called in a thread."""
        self._cameras = cameras
        self._source = source
        self._encode = encode
        self._clock = clock
        self._kept: OrderedDict[CameraId, Glance] = OrderedDict()
        self._asking: dict[CameraId, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    def redrawn(self, before: Camera, after: Camera) -> None:
        """See redrawing.Redrawn. A picture that other masks hid is shown no more."""
        if before.masks != after.masks:
            self._kept.pop(after.id, None)

    async def still(self, camera_id: CameraId) -> Glance:
        """See StillDesk. Who asks while one is being taken gets that."""
        camera = self._cameras[camera_id]
        async with self._asking.setdefault(camera_id, asyncio.Lock()):
            kept = self._kept.get(camera_id)
            if kept is not None and (self._clock.now() - kept.captured_at).total_seconds() < GOOD_FOR_S:
                return kept
            async with self._room:
                frame = await self._source.capture(camera, TAKEN_WITHIN_S)
                jpeg = await asyncio.to_thread(self._encode, frame)
            if self._cameras[camera_id].masks != camera.masks:  # drawn anew while it was taken
                raise CaptureError(CaptureFailure.BROKEN, "its masks were changed just now")
            still = Glance(jpeg, frame.captured_at)
            self._kept[camera_id] = still
            self._kept.move_to_end(camera_id)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return still
