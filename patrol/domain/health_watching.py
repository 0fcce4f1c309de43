"""The health of all cameras: what is remembered of each, and whose scene a strange picture shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from patrol.domain.camera import CameraId
from patrol.domain.camera_health import HealthStep, accepted, step
from patrol.domain.health_memory import HealthMemory, troubles_on
from patrol.domain.health_settings import DEFAULT, HealthSettings
from patrol.domain.looks import Field, Look, likenesses
from patrol.domain.troubles import Trouble, blinding


class SceneBook:
    """Every camera's scenes, to say whose a strange picture is. Bounded by the cameras that exist."""

    def __init__(self, alike: float = 0.5) -> None:
        """``alike``: from where on a picture is taken to be a camera's; one camera's own are 0.53 and up."""
        self._alike = alike
        self._fields: dict[CameraId, tuple[Field, ...]] = {}

    def enter(self, camera_id: CameraId, memory: HealthMemory) -> None:
        """Take over what is known of a camera's scenes now; they are shared, not copied."""
        self._fields[camera_id] = tuple(scene.field for scene in memory.scenes)

    def forget(self, camera_id: CameraId) -> None:
        """The camera is gone."""
        self._fields.pop(camera_id, None)

    def whose(self, look: Look, but: CameraId | None = None) -> CameraId | None:
        """The camera, other than ``but``, whose scene a look shows best, or None if it is like none.

        Some milliseconds for 476 cameras.
        """
        owners = [owner for owner, fields in self._fields.items() if owner != but for _ in fields]
        if not owners:
            return None
        known = [each for owner, fields in self._fields.items() if owner != but for each in fields]
        alike = likenesses(known, look.field, look.visible)
        best = int(np.argmax(alike))
        return owners[best] if alike[best] >= self._alike else None


class HealthWatcher:
    """Remembers one HealthMemory a camera, and the scenes of all; bounded by the cameras that exist."""

    def __init__(self, settings: HealthSettings = DEFAULT) -> None:
        self._settings = settings
        self._memories: dict[CameraId, HealthMemory] = {}
        self._blinded: dict[CameraId, Trouble] = {}
        self._book = SceneBook()

    def observe(
        self, camera_id: CameraId, look: Look, at: datetime, settings: HealthSettings | None = None
    ) -> HealthStep:
        """Take one look at a camera, captured at ``at``. ``settings``: this camera's own."""
        result = step(
            self.memory_of(camera_id),
            look,
            at,
            settings or self._settings,
            lambda strange: self._book.whose(strange, but=camera_id),
        )
        self.remember(camera_id, result.memory)
        return result

    def memory_of(self, camera_id: CameraId) -> HealthMemory:
        """What is known of a camera; of one never seen, nothing."""
        return self._memories.get(camera_id, HealthMemory())

    def remember(self, camera_id: CameraId, memory: HealthMemory) -> None:
        """Know this of a camera from now on, for instance what an earlier run knew."""
        self._memories[camera_id] = memory
        self._book.enter(camera_id, memory)
        self._blinded.pop(camera_id, None)
        trouble = blinding(troubles_on(memory))
        if trouble is not None:
            self._blinded[camera_id] = trouble

    @property
    def blinded(self) -> Mapping[CameraId, Trouble]:
        """The cameras that are blind now, and why."""
        return self._blinded

    def accept(self, camera_id: CameraId) -> bool:
        """A person says that the camera shows what it shall show. Returns whether there was anything to accept."""
        before = self.memory_of(camera_id)
        after = accepted(before)
        self.remember(camera_id, after)
        return after is not before

    def learn_anew(self, camera_id: CameraId) -> None:
        """More of a camera's picture is to be seen than before: its scenes are learned again, its troubles stay on."""
        self.remember(camera_id, HealthMemory(tallies=self.memory_of(camera_id).tallies))

    def forget(self, camera_id: CameraId) -> None:
        """The camera is gone."""
        self._memories.pop(camera_id, None)
        self._blinded.pop(camera_id, None)
        self._book.forget(camera_id)
