"""Privacy masks: parts of a picture that nothing and nobody may see."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.zones import Polygon

_SUBPIXEL_BITS = 4  # corners are placed to 1/16 pixel


def blackened(pixels: npt.NDArray[np.uint8], masks: Sequence[Polygon]) -> npt.NDArray[np.uint8]:
    """Blacken every pixel that a mask touches, **in place**, and return the same array.

    ``pixels``: (height, width, 3) or (height, width) uint8, contiguous, the caller's own to change; where it cannot
    be written (a decoder's buffer), a copy is blackened and returned, so use what is returned. ``masks``: polygons in
    shares of the picture. Costs nothing without masks.
    """
    if not masks:
        return pixels
    writable = pixels if pixels.flags.writeable else pixels.copy()
    for polygon in masks:
        _blacken(writable, polygon)
    return writable


def touched(masks: Sequence[Polygon], width: int, height: int) -> npt.NDArray[np.bool_]:
    """Which pixels of a picture of that size any of ``masks`` touches; (height, width) bool."""
    canvas = np.full((height, width), 1, np.uint8)
    return np.asarray(blackened(canvas, masks) == 0, np.bool_)


def _blacken(pixels: npt.NDArray[np.uint8], polygon: Polygon) -> None:
    # A share is measured from the picture's edge, half a pixel before the first pixel's centre.
    corners = np.array(polygon, np.float64) * (pixels.shape[1], pixels.shape[0]) - 0.5
    points = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(pixels, [points], (0, 0, 0), shift=_SUBPIXEL_BITS)
    # The filling goes by centres of pixels; a line three wide takes in those that are touched at the border only.
    cv2.polylines(pixels, [points], True, (0, 0, 0), thickness=3, shift=_SUBPIXEL_BITS)
