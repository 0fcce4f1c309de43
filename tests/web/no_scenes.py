"""A SceneDesk that knows no camera: for tests of everything else."""

from __future__ import annotations

from patrol.domain.camera import CameraId
from patrol.domain.drawing import DrawnScene, SceneVerdict, WrittenScene
from patrol.domain.room import SceneStanding


class NoScenes:
    """See SceneDesk."""

    async def scene(self, camera_id: CameraId) -> WrittenScene:
        raise KeyError(camera_id)

    async def standing(self) -> tuple[bool, SceneStanding | None]:
        return False, None

    async def check(self, camera_id: CameraId, scene: DrawnScene) -> SceneVerdict:
        raise KeyError(camera_id)

    async def draw(
        self, camera_id: CameraId, scene: DrawnScene, version: str, operator: str, source: str = ""
    ) -> WrittenScene:
        raise KeyError(camera_id)
