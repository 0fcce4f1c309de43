"""Drawing: people change what is drawn in a camera's picture. It is written to the configuration, with a deed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from operator import attrgetter

from patrol.domain.camera import CameraId
from patrol.domain.deeds import Action
from patrol.domain.drawing import DrawnScene, SceneVerdict, WrittenScene
from patrol.domain.errors import QueueError
from patrol.domain.room import SceneStanding
from patrol.pipeline.amending import Amending
from patrol.ports import DeedLog, SceneBook, TourReports


class Drawing:
    """SceneDesk over a file. ``take_up``: has this process look at the file at once."""

    def __init__(
        self, book: SceneBook, deeds: DeedLog, reports: TourReports, take_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._book = book
        self._reports = reports
        self._amending = Amending(deeds, Action.DRAW_SCENE, take_up)

    async def scene(self, camera_id: CameraId) -> WrittenScene:
        """See SceneDesk."""
        return await asyncio.to_thread(self._book.scene, camera_id)

    async def standing(self) -> tuple[bool, SceneStanding | None]:
        """See SceneDesk."""
        try:
            tour = await self._reports.latest()
        except QueueError:
            return False, None
        return tour is not None, tour.scenes if tour is not None else None

    async def check(self, camera_id: CameraId, scene: DrawnScene) -> SceneVerdict:
        """See SceneDesk."""
        return await asyncio.to_thread(self._book.checked, camera_id, scene)

    async def draw(
        self, camera_id: CameraId, scene: DrawnScene, version: str, operator: str, source: str = ""
    ) -> WrittenScene:
        """See SceneDesk."""
        changing = self._book.changing(camera_id, scene, version)
        written = partial(self.scene, camera_id)
        return await self._amending.amend(camera_id, operator, source, changing, written, attrgetter("scene"))
