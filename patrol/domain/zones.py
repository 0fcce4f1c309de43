"""Zones: polygons in one camera's picture that a rule watches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

import numpy as np
import numpy.typing as npt
import shapely

from patrol.domain.detections import Detections

ZoneId = NewType("ZoneId", str)
RuleId = NewType("RuleId", str)

Polygon = tuple[tuple[float, float], ...]
"""At least three (x, y) points as shares of a picture's width and height, 0..1, origin top left."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon in the picture, and the rules that watch it.

    Its polygon is in shares of the picture, so that it holds for every resolution a camera may send.
    """

    id: ZoneId
    name: str
    name_en: str
    polygon: Polygon
    rules: tuple[RuleId, ...]


def foot_points(detections: Detections) -> npt.NDArray[np.float64]:
    """Where each box stands on the ground: the middle of its lower edge.

    Returns (n, 2) float64, shares of width and height.
    """
    boxes = detections.xyxy.astype(np.float64)
    x = (boxes[:, 0] + boxes[:, 2]) / 2 / detections.width
    y = boxes[:, 3] / detections.height
    return np.stack([x, y], axis=1)


def inside(zone: Zone, detections: Detections) -> npt.NDArray[np.bool_]:
    """Which boxes stand in the zone; (n,) bool. The edge counts as inside.

    A foot point cut off by the picture's edge is moved just into the picture, so that a person half out of view
    at the bottom still stands in a zone that reaches the edge.
    """
    points = np.clip(foot_points(detections), 0.0, 1.0)
    polygon = shapely.Polygon(zone.polygon)
    return np.asarray(shapely.intersects(polygon, shapely.points(points)), dtype=np.bool_)


def polygon_problem(polygon: Polygon) -> str | None:
    """What makes this polygon unusable as a zone, or None."""
    if len(polygon) < 3:
        return f"expected at least 3 points, got {len(polygon)}"
    if any(not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0) for x, y in polygon):
        return "expected every x and y between 0 and 1 (shares of the picture's width and height)"
    shape = shapely.Polygon(polygon)
    if shape.convex_hull.area < 1e-6:
        return "expected an area above zero, got points on one line"
    if not shape.is_valid:
        return f"expected edges that do not cross: {shapely.is_valid_reason(shape)}"
    return None
