"""Drawing: people change what is drawn in a camera's picture. It is written to the configuration, with a deed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from patrol.domain.camera import CameraId
from patrol.domain.deeds import Action, Deed
from patrol.domain.drawing import DrawnScene, SceneVerdict, WrittenScene
from patrol.domain.errors import FileChanged, NotWritten, QueueError, StoreError
from patrol.domain.room import SceneStanding
from patrol.ports import DeedLog, SceneBook, TourReports

LOOKED_BACK = 200  # deeds: for who was quicker


class Drawing:
    """SceneDesk over a file. ``take_up``: has this process look at the file at once."""

    def __init__(
        self, book: SceneBook, deeds: DeedLog, reports: TourReports, take_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._book = book
        self._deeds = deeds
        self._reports = reports
        self._take_up = take_up
        self._writing = asyncio.Lock()

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

    async def draw(self, camera_id: CameraId, scene: DrawnScene, version: str, operator: str) -> WrittenScene:
        """See SceneDesk. The deed is noted when the new file lies on the disk, ready, and before it counts: a deed of
        something that did not come about says so by the versions in it, and nothing comes about without one."""
        async with self._writing:
            changing = self._book.changing(camera_id, scene, version)
            try:
                change = await asyncio.to_thread(changing.__enter__)
            except FileChanged as error:
                who = await self._who_was_quicker(camera_id)
                raise FileChanged(str(error), *((who.who, who.at) if who else ())) from None
            with contextlib.ExitStack() as stack:
                stack.push(changing)
                if change is not None:
                    await self._deeds.note(operator, Action.DRAW_SCENE, camera_id, _told(change.before, change.after))
                    try:
                        await asyncio.to_thread(change.apply)
                    except OSError as error:
                        raise NotWritten(f"{change.before.file} cannot be written: {error.strerror}") from None
        await self._take_up()
        return change.after if change is not None else await self.scene(camera_id)

    async def _who_was_quicker(self, camera_id: CameraId) -> Deed | None:
        """Of a file that was changed by hand nobody knows."""
        with contextlib.suppress(StoreError):
            now = await self.scene(camera_id)
            for _, deed in await self._deeds.latest(LOOKED_BACK):
                if deed.action is Action.DRAW_SCENE and deed.subject == camera_id:
                    return deed if f" -> {now.version}\n" in deed.detail else None
        return None


def _told(before: WrittenScene, after: WrittenScene) -> str:
    return f"{before.version} -> {after.version}\nbefore: {_as_json(before.scene)}\nafter: {_as_json(after.scene)}"


def _as_json(scene: DrawnScene) -> str:
    return json.dumps(asdict(scene), ensure_ascii=False, separators=(",", ":"))
