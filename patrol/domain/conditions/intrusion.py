"""Intrusion: somebody or something is where it must not be.

Who is followed and trembles at the edge stays on the side where they were: they are in the zone once they are clear of
its edge, by a share of their own height, and out of it likewise. In single pictures the feet decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import shapely

from patrol.domain.conditions.base import Holding, Seen, boxes_of, mean_confidence, of_classes
from patrol.domain.conditions.words import counted
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.scene import NO_TRACK, Scene, TrackId
from patrol.domain.zones import Polygon, Zone, are_inside, foot_points

# How far from the edge a side is certain, in heights of who is there; less in zones that are not so wide.
CLEAR_OF_EDGE = 0.1
# Of the largest circle that fits into a zone, so much is well inside, whoever is there.
WELL_INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class _Side:
    """Whether a track was in the zone, and when that was seen."""

    is_inside: bool
    seen_at: datetime


_Memory = Mapping[TrackId, _Side]


@dataclass(frozen=True, slots=True)
class Intrusion:
    """At least ``at_least`` of what is forbidden (``labels``, in the model's words) stand in the zone."""

    labels: frozenset[str] = frozenset({"person"})
    at_least: int = 1
    min_confidence: float = 0.45
    kind: Kind = Kind.INTRUSION

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; of those who are followed it remembers whether they were in the zone."""
        wanted = of_classes(scene.detections, self.labels, self.min_confidence)
        known: _Memory = memory if isinstance(memory, Mapping) else {}
        inside, sides = _standing_in(zone, scene, known)
        found = scene.detections.where(wanted & inside)
        if len(found) < self.at_least:
            return Seen(sides)
        zh, en = counted(label for _, label, _ in found)
        return Seen(
            sides,
            Holding(
                count=len(found),
                threshold=self.at_least,
                score=mean_confidence(found),
                boxes=boxes_of(found),
                words_zh=f"区域内出现 {zh}（阈值 {self.at_least}）",
                words_en=f"{en} in the zone (threshold {self.at_least})",
            ),
        )


def _standing_in(zone: Zone, scene: Scene, known: _Memory) -> tuple[npt.NDArray[np.bool_], _Memory]:
    """Which boxes stand in the zone, (n,) bool, and what is to be remembered of those who are followed."""
    depth, widest = _depths(zone.polygon, scene.detections)
    height = (scene.detections.xyxy[:, 3] - scene.detections.xyxy[:, 1]) / scene.detections.height
    clear = np.minimum(CLEAR_OF_EDGE * height, WELL_INSIDE * widest)
    inside = depth >= 0
    sides: dict[TrackId, _Side] = {}
    for index, number in enumerate(scene.track_id):
        name = TrackId(int(number))
        if name == NO_TRACK or name not in scene.tracks:
            continue
        if abs(depth[index]) <= clear[index]:
            before = known.get(name)
            is_known = before is not None and _is_same(before, scene, name)
            inside[index] = before.is_inside if before is not None and is_known else _began_inside(zone, scene, name)
        sides[name] = _Side(bool(inside[index]), scene.at)
    lost = {name: side for name, side in known.items() if name not in sides and _is_same(side, scene, name)}
    return inside, MappingProxyType({**lost, **sides})


def _began_inside(zone: Zone, scene: Scene, name: TrackId) -> bool:
    """Where somebody was in the first frame in which they could be followed."""
    return bool(are_inside(zone, np.array([scene.tracks[name].points[0].foot]))[0])


def _is_same(side: _Side, scene: Scene, name: TrackId) -> bool:
    """Whether the number still belongs to who had it then."""
    track = scene.tracks.get(name)
    return track is not None and any(point.at == side.seen_at for point in track.points)


def _depths(polygon: Polygon, detections: Detections) -> tuple[npt.NDArray[np.float64], float]:
    """How deep each foot is in the zone, (n,) float64; below 0 outside. And how deep one can be. In picture heights.

    A foot point cut off by the picture's edge is moved just into the picture, as in ``zones.inside``.
    """
    aspect = detections.width / detections.height
    shape, edge, widest = _shape(polygon, aspect)
    points = shapely.points(np.clip(foot_points(detections), 0.0, 1.0) * (aspect, 1.0))
    distance = np.asarray(shapely.distance(edge, points), np.float64)
    return np.where(shapely.intersects(shape, points), distance, -distance), widest


@lru_cache(maxsize=1024)
def _shape(polygon: Polygon, aspect: float) -> tuple[shapely.Polygon, shapely.Geometry, float]:
    """A zone in picture heights, its edge, and the radius of the largest circle in it."""
    shape = shapely.Polygon([(x * aspect, y) for x, y in polygon])
    if shape.is_empty:
        return shape, shape.boundary, 0.0
    return shape, shape.boundary, float(shapely.length(shapely.maximum_inscribed_circle(shape)))
