"""Evidence pictures: the frame with the zone and the boxes that were counted, as JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from patrol.domain.detections import Detections
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame
from patrol.domain.zones import Zone, inside

ACCENT = (216, 231, 110)  # BGR of the console's accent #6ee7d8
MUTED = (171, 156, 142)
ZONE = (60, 183, 246)
QUALITY = 85


def draw_evidence(frame: Frame, detections: Detections, zone: Zone) -> bytes:
    """Draw the zone's outline, the people in it and, muted, those outside. Returns a JPEG.

    Raises StoreError if the picture cannot be encoded.
    """
    canvas = frame.pixels.copy()
    corners = np.array(zone.polygon) * (frame.width, frame.height)
    cv2.polylines(canvas, [corners.round().astype(np.int32)], isClosed=True, color=ZONE, thickness=1)
    people = detections.of("person")
    for (box, _, _), counted in zip(people, inside(zone, people), strict=True):
        x1, y1, x2, y2 = (round(value) for value in box)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), ACCENT if counted else MUTED, 2 if counted else 1)
    encoded, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not encoded:
        raise StoreError("evidence: the picture could not be encoded")
    return jpeg.tobytes()
