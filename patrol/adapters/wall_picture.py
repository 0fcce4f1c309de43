"""A frame and what was found in it as a still for the tour wall."""

from __future__ import annotations

import cv2
import numpy as np

from patrol.domain.detections import Detections
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame
from patrol.domain.wall import WallStill, still_boxes

WIDEST_PX = 320
JPEG_QUALITY = 75


def as_wall_still(frame: Frame, detections: Detections) -> WallStill:
    """At most 320 pixels wide; boxes are not drawn but told. Raises StoreError if it cannot be encoded."""
    pixels = frame.pixels
    if frame.width > WIDEST_PX:
        size = (WIDEST_PX, max(1, round(frame.height * WIDEST_PX / frame.width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise StoreError("wall: the picture could not be encoded")
    height, width = pixels.shape[:2]
    boxes = still_boxes(detections)
    return WallStill(frame.camera_id, frame.captured_at, int(width), int(height), boxes, jpeg.tobytes())
