"""Zones: polygons and lines in one camera's picture that rules watch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely

from patrol.domain.detections import Detections
from patrol.domain.vocabulary import RuleId as RuleId
from patrol.domain.vocabulary import ZoneId as ZoneId

Polygon = tuple[tuple[float, float], ...]
"""At least three (x, y) points as shares of a picture's width and height, 0..1, origin top left."""

Line = tuple[tuple[float, float], tuple[float, float]]
"""Two such points. Its left and right are those of somebody who walks from the first to the second."""

SHORTEST_LINE = 0.01  # as a share of the picture; shorter ones are a slip of the hand


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon or a line in the picture, and the rules that watch it.

    It is in shares of the picture, so that it holds for every resolution a camera may send. ``polygon`` is empty where
    there is a ``line``. ``direction_deg``: which way traffic goes in it, in the picture: 0 up, 90 right, 180 down, 270
    left; None where that is not said.
    """

    id: ZoneId
    name: str
    name_en: str
    polygon: Polygon
    rules: tuple[RuleId, ...]
    line: Line | None = None
    direction_deg: float | None = None

    def __post_init__(self) -> None:
        if bool(self.polygon) == (self.line is not None):
            raise ValueError(f"zone {self.id}: expected a polygon or a line, got {'both' if self.polygon else 'none'}")

    @property
    def outline(self) -> Polygon:
        """What is drawn of it: the corners of its polygon, or both ends of its line."""
        return self.polygon if self.line is None else self.line


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
    return are_inside(zone, foot_points(detections))


def are_inside(zone: Zone, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which points, (n, 2) float64 shares of the picture, lie in the zone; (n,) bool. Nothing lies in a line."""
    within = np.clip(points, 0.0, 1.0)
    return np.asarray(shapely.intersects_xy(_prepared(zone.polygon), within[:, 0], within[:, 1]), dtype=np.bool_)


@lru_cache(maxsize=2048)  # some 1 kB each: the zones of a station's cameras
def _prepared(polygon: Polygon) -> shapely.Polygon:
    shape = shapely.Polygon(polygon)
    shapely.prepare(shape)
    return shape


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


def line_problem(line: Line) -> str | None:
    """What makes this line unusable as a zone, or None."""
    if any(not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0) for x, y in line):
        return "expected every x and y between 0 and 1 (shares of the picture's width and height)"
    if math.dist(*line) < SHORTEST_LINE:
        return "expected two points apart from each other"
    return None
