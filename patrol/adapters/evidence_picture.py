"""Evidence pictures: the frame with the zone and the boxes that were counted, as JPEG."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.detections import Detections
from patrol.domain.errors import StoreError
from patrol.domain.events import Event
from patrol.domain.frame import Frame
from patrol.domain.zones import Zone

Box = tuple[float, float, float, float]

ACCENT = (216, 231, 110)  # BGR of the console's accent #6ee7d8
MUTED = (171, 156, 142)
ZONE = (60, 183, 246)
QUALITY = 85


def draw_evidence(frame: Frame, detections: Detections, zone: Zone, event: Event) -> bytes:
    """Draw the zone's outline, what the event counted and, muted, all else that was found. Returns a JPEG.

    Raises StoreError if the picture cannot be encoded.
    """
    canvas = frame.pixels.copy()
    corners = np.array(zone.outline) * (frame.width, frame.height)
    cv2.polylines(canvas, [corners.round().astype(np.int32)], isClosed=zone.line is None, color=ZONE, thickness=1)
    for box, _, _ in detections:
        _draw_box(canvas, box, MUTED, 1)
    for x1, y1, x2, y2 in event.evidence.boxes:  # over their muted selves
        counted = (x1 * frame.width, y1 * frame.height, x2 * frame.width, y2 * frame.height)
        _draw_box(canvas, counted, ACCENT, 2)
    encoded, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not encoded:
        raise StoreError("evidence: the picture could not be encoded")
    return jpeg.tobytes()


def _draw_box(canvas: npt.NDArray[np.uint8], box: Box, colour: tuple[int, int, int], thickness: int) -> None:
    x1, y1, x2, y2 = (round(side) for side in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, thickness)


def draw_drill(words: str, size: tuple[int, int] = (640, 360)) -> bytes:
    """A picture that nobody takes for one of a camera; ``words`` in ASCII. Returns a JPEG.

    Raises StoreError if it cannot be encoded.
    """
    width, height = size
    canvas = np.full((height, width, 3), 28, np.uint8)
    cv2.rectangle(canvas, (8, 8), (width - 9, height - 9), ZONE, 2)
    cv2.putText(canvas, "DRILL", (width // 2 - 110, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 2.4, ZONE, 5, cv2.LINE_AA)
    cv2.putText(canvas, words, (28, height - 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, MUTED, 1, cv2.LINE_AA)
    encoded, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not encoded:
        raise StoreError("evidence: the picture could not be encoded")
    return jpeg.tobytes()
