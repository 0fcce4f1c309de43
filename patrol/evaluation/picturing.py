"""Small pictures for the report: the frame, where was watched, and what was counted, as JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from patrol.adapters.evidence_picture import ACCENT, MUTED, ZONE
from patrol.adapters.sources import fitted
from patrol.domain.detections import Detections
from patrol.domain.zones import Zone

Box = tuple[float, float, float, float]
Pixels = npt.NDArray[np.uint8]

INSIDE = (320, 240)
QUALITY = 72
WHOLE_PICTURE = frozenset({(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)})


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of one moment. ``jpeg``: as drawn, of ``width`` x ``height``; ``words``: the evidence's, if any."""

    jpeg: bytes
    width: int
    height: int
    at_s: float
    words_zh: str = ""
    words_en: str = ""


def draw(pixels: Pixels, found: Detections | None, zones: Sequence[Zone], counted: Sequence[Box], at_s: float) -> Shot:
    """``found``: drawn muted. ``counted``: shares of the picture, what an event was told for."""
    height, width = pixels.shape[:2]
    small_width, small_height = fitted(width, height, INSIDE)
    small = cv2.resize(pixels, (small_width, small_height), interpolation=cv2.INTER_AREA)
    canvas: Pixels = np.ascontiguousarray(small, np.uint8)
    size = np.array([small_width, small_height] * 2)
    for zone in zones:
        _outline(canvas, zone, size[:2])
    for box in found.xyxy if found is not None else ():
        _box(canvas, box / np.array([width, height] * 2) * size, MUTED)
    for counted_box in counted:
        _box(canvas, np.array(counted_box) * size, ACCENT)
    _, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return Shot(jpeg.tobytes(), small_width, small_height, at_s)


def _outline(canvas: Pixels, zone: Zone, size: npt.NDArray[np.int64]) -> None:
    points = zone.polygon or getattr(zone, "line", None) or ()
    if frozenset(points) == WHOLE_PICTURE:
        return
    corners = (np.array(points) * size).round().astype(np.int32)
    cv2.polylines(canvas, [corners], isClosed=len(points) > 2, color=ZONE, thickness=1)


def _box(canvas: Pixels, xyxy: npt.NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (int(side) for side in np.asarray(xyxy).round())
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 1)
