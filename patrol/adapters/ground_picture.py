"""Pictures of a calibrated ground: squares drawn on it, so that a person sees whether they lie flat."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.errors import InputError
from patrol.domain.ground import GroundPlane
from patrol.domain.zones import Polygon

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

LINE, POINT, TEXT = (216, 231, 110), (60, 183, 246), (255, 255, 255)  # BGR
SPACINGS_M = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
MOST_LINES = 16  # across, each way
STEPS = 64  # of a line, so that only what the camera sees of it is drawn
WIDER = 0.25  # than what was calibrated, each way: the eye judges by what goes on


def spacing_for(metres: Floats) -> float:
    """How far lines are apart, metres, so that they are neither few nor a carpet. ``metres``: (n, 2), what is shown."""
    longest = float((metres.max(axis=0) - metres.min(axis=0)).max())
    return next((each for each in SPACINGS_M if longest / each <= MOST_LINES), SPACINGS_M[-1])


def draw_ground(
    pixels: Pixels, plane: GroundPlane, where: Polygon, points: Sequence[tuple[float, float]] = ()
) -> tuple[bytes, float]:
    """The picture with the grid on its ground around ``where`` (shares), as PNG, and how far its lines are apart.

    ``points``: shares of the picture, marked and numbered from 1. Raises InputError where there is nothing to draw.
    """
    corners = plane.on_ground(np.asarray(where, np.float64))
    if not np.isfinite(corners).all():
        raise InputError("what was calibrated reaches the horizon; expected points farther below it")
    canvas = pixels.copy()
    size = np.array([pixels.shape[1], pixels.shape[0]], np.float64)
    apart = spacing_for(corners)
    thickness = max(1, round(size.max() / 900))
    for begin, end in _grid(corners, apart):
        for piece in _seen(plane, begin, end, size):
            cv2.polylines(canvas, [piece], isClosed=False, color=LINE, thickness=thickness, lineType=cv2.LINE_AA)
    for number, point in enumerate(points, 1):
        x, y = (round(float(side)) for side in np.array(point) * size)
        cv2.drawMarker(canvas, (x, y), POINT, cv2.MARKER_TILTED_CROSS, 14 * thickness, 2 * thickness)
        for colour, width in (((0, 0, 0), 4 * thickness), (TEXT, thickness)):
            at = (x + 8 * thickness, y - 8 * thickness)
            cv2.putText(canvas, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * thickness, colour, width, cv2.LINE_AA)
    encoded, png = cv2.imencode(".png", canvas)
    if not encoded:
        raise InputError("the picture cannot be encoded")
    return png.tobytes(), apart


def _grid(corners: Floats, apart: float) -> Iterator[tuple[Floats, Floats]]:
    """Lines on the ground, each as its ends, metres."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    low, high = low - WIDER * (high - low), high + WIDER * (high - low)
    first = [math.ceil(side / apart) for side in low]
    last = [math.floor(side / apart) for side in high]
    for across in range(first[0], last[0] + 1):
        yield np.array([across * apart, low[1]]), np.array([across * apart, high[1]])
    for along in range(first[1], last[1] + 1):
        yield np.array([low[0], along * apart]), np.array([high[0], along * apart])


def _seen(plane: GroundPlane, begin: Floats, end: Floats, size: Floats) -> Iterator[npt.NDArray[np.int32]]:
    """The pieces of a line on the ground that the camera sees, or nearly, in pixels."""
    share = np.linspace(0, 1, STEPS)[:, None]
    at = plane.in_picture(begin + share * (end - begin))
    with np.errstate(invalid="ignore"):
        is_seen = np.asarray(np.isfinite(at).all(axis=1) & (np.abs(at - 0.5) < 1.5).all(axis=1), np.bool_)
    for run in np.split(np.arange(STEPS), np.flatnonzero(np.diff(is_seen.astype(np.int8))) + 1):
        if is_seen[run[0]] and len(run) > 1:
            yield (at[run] * size).round().astype(np.int32)
