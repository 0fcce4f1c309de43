"""The tour wall (轮巡墙): what the tour saw last of the cameras that somebody has in sight. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections

MOST_IN_SIGHT = 128  # of one viewer
MOST_WISHED = 512  # of all
WISHED_FOR_S = 6.0
MOST_BOXES = 100  # a picture of 320 pixels shows no more


@dataclass(frozen=True, slots=True)
class StillBox:
    """Something that was found, in shares of the picture from its top left. ``score``: 0..1."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class WallStill:
    """The picture that ``boxes`` were found in, as JPEG of ``width`` x ``height`` pixels. Aware UTC."""

    camera_id: CameraId
    captured_at: datetime
    width: int
    height: int
    boxes: tuple[StillBox, ...]
    jpeg: bytes = field(repr=False)


def still_boxes(detections: Detections) -> tuple[StillBox, ...]:
    """What was found, the surest first, at most ``MOST_BOXES``."""
    width, height = detections.width, detections.height
    surest_first = sorted(detections, key=lambda found: -found[2])[:MOST_BOXES]
    return tuple(
        StillBox(
            round(x1 / width, 4),
            round(y1 / height, 4),
            round(x2 / width, 4),
            round(y2 / height, 4),
            label,
            round(score, 2),
        )
        for (x1, y1, x2, y2), label, score in surest_first
    )


class Wishes:
    """Which cameras somebody has in sight, as far as was told lately. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._until: dict[CameraId, float] = {}

    def hear(self, cameras: Collection[CameraId], now: float) -> None:
        """They are in sight from now on, for ``WISHED_FOR_S``. Beyond ``MOST_WISHED`` those told longest ago go."""
        until = {camera_id: told for camera_id, told in self._until.items() if told > now}
        for camera_id in cameras:
            until.pop(camera_id, None)
            until[camera_id] = now + WISHED_FOR_S
        self._until = dict(list(until.items())[-MOST_WISHED:])

    def holds(self, camera_id: CameraId, now: float) -> bool:
        """Whether somebody has the camera in sight."""
        return self._until.get(camera_id, now) > now

    def count(self, now: float) -> int:
        """How many are in sight."""
        return sum(until > now for until in self._until.values())
