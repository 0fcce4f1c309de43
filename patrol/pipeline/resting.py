"""Resting: the detector is spared the pictures of idle scenes. Only where ``detector.look_every`` asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from patrol.domain.burning_map import BurningMap
from patrol.domain.camera import CameraId
from patrol.domain.change import ChangeMemory, ChangeVerdict, Thumbnail, thumbnail
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.metrics import Metrics
from patrol.ports import Detector


class RestingDetector:
    """A Detector that asks another one only where something may have come since its last look; see domain.change.

    A frame that is skipped has no boxes, as the look it was held against had none, and that look's map of fire and
    smoke. ``is_watched``: whether a
    camera is to be looked at whatever its picture shows, since a rule holds there or it is in focus.
    """

    def __init__(
        self,
        detector: Detector,
        memory: ChangeMemory,
        is_watched: Callable[[CameraId], bool],
        metrics: Metrics,
    ) -> None:
        self._detector = detector
        self._memory = memory
        self._is_watched = is_watched
        self._metrics = metrics
        self._burning: dict[CameraId, BurningMap | None] = {}  # of each camera's last look

    @property
    def class_names(self) -> tuple[str, ...]:
        """See Detector."""
        return self._detector.class_names

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """See Detector."""
        pictures = await asyncio.to_thread(_thumbnails, frames)
        pairs = zip(frames, pictures, strict=True)
        asked = [index for index, (frame, picture) in enumerate(pairs) if self._ask(frame, picture)]
        results = [self._as_before(frame) for frame in frames]
        if not asked:
            return results
        looks = await self._detector.detect([frames[index] for index in asked])
        for index, found in zip(asked, looks, strict=True):
            self._memory.looked(frames[index].camera_id, pictures[index], seen=len(found) > 0)
            self._burning[frames[index].camera_id] = found.burning
            results[index] = found
        return results

    def _as_before(self, frame: Frame) -> Detections:
        none = Detections.none(frame.width, frame.height, self.class_names)
        return replace(none, burning=self._burning.get(frame.camera_id))

    def _ask(self, frame: Frame, picture: Thumbnail) -> bool:
        verdict = self._memory.decide(frame.camera_id, picture, suspected=self._is_watched(frame.camera_id))
        self._metrics.detect.idle_tests.labels(verdict.value).inc()
        return verdict is not ChangeVerdict.SKIPPED


def _thumbnails(frames: Sequence[Frame]) -> list[Thumbnail]:
    return [thumbnail(frame.pixels) for frame in frames]
