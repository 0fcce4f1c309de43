"""Wrong way: a vehicle goes against the way traffic goes in its zone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from patrol.domain.conditions.base import Box, Holding, Seen, box_of, standing_in, sure_tracks
from patrol.domain.conditions.distances import lately
from patrol.domain.conditions.words import counted
from patrol.domain.events import Kind
from patrol.domain.scene import Scene, Track, TrackPoint
from patrol.domain.zones import Zone, are_inside

VEHICLES = frozenset({"bicycle", "bus", "car", "motorcycle", "truck"})

# Of the last so many seconds, with at least so many frames: a box that jumps once goes nowhere.
LOOKED_AT_S, LEAST_FRAMES = 3.0, 4
# So far, in the vehicle's own size along the way, it must have come against it.
OF_OWN_SIZE = 0.5
# So much of its way must lead against the direction: one that crosses the lane goes to neither side.
STRAIGHT = 0.7
# Of its steps so many must lead against it, too: a vehicle that shunts to and fro is parking.
STEPS_AGREE = 0.7


@dataclass(frozen=True, slots=True)
class WrongWay:
    """At least one of these vehicles goes against the zone's ``direction_deg``.

    Needs tracks, so it sees nothing but in a focus; a vehicle in the zone is worth one.
    """

    labels: frozenset[str] = VEHICLES
    min_confidence: float = 0.4
    kind: Kind = Kind.WRONG_WAY

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; nothing is remembered but by the tracks themselves."""
        if zone.direction_deg is None:
            return Seen()
        if not scene.in_focus:
            return Seen(is_worth_a_focus=len(standing_in(zone, scene.detections, self.labels, self.min_confidence)) > 0)
        aspect = scene.detections.width / scene.detections.height
        way = _Way(math.radians(zone.direction_deg), aspect)
        tracks = sure_tracks(scene, self.labels, self.min_confidence)
        against = [
            (track, sure)
            for track, sure in tracks.values()
            if are_inside(zone, np.array([track.last.foot]))[0] and way.is_against(lately(track, scene.at, LOOKED_AT_S))
        ]
        if not against:
            return Seen(is_worth_a_focus=len(tracks) > 0)
        return Seen(holding=_holding([track for track, _ in against], max(sure for _, sure in against)))


@dataclass(frozen=True, slots=True)
class _Way:
    """The way traffic goes, in units of the picture's height. ``angle``: radians, clockwise from upwards."""

    angle: float
    aspect: float

    def _along_and_across(self, start: TrackPoint, end: TrackPoint) -> tuple[float, float]:
        dx = (end.foot[0] - start.foot[0]) * self.aspect
        dy = end.foot[1] - start.foot[1]
        forward = (math.sin(self.angle), -math.cos(self.angle))
        return dx * forward[0] + dy * forward[1], dx * forward[1] - dy * forward[0]

    def _size_along(self, point: TrackPoint) -> float:
        return abs(math.sin(self.angle)) * point.width * self.aspect + abs(math.cos(self.angle)) * point.height

    def is_against(self, points: Sequence[TrackPoint]) -> bool:
        """Whether these points lead against it, far and straight enough."""
        if len(points) < LEAST_FRAMES:
            return False
        along, across = self._along_and_across(points[0], points[-1])
        size = sorted(self._size_along(point) for point in points)[len(points) // 2]
        if -along < OF_OWN_SIZE * size or -along < STRAIGHT * math.hypot(along, across):
            return False
        steps = [self._along_and_across(start, end)[0] for start, end in pairwise(points)]
        return sum(step < 0 for step in steps) >= STEPS_AGREE * len(steps)


def _holding(tracks: Sequence[Track], score: float) -> Holding:
    zh, en = counted(track.label for track in tracks)
    boxes: tuple[Box, ...] = tuple(box_of(track.last) for track in tracks)
    return Holding(
        count=len(tracks),
        threshold=1,
        score=score,
        boxes=boxes,
        words_zh=f"{zh} 辆逆行",
        words_en=f"{en} going the wrong way",
        since=min(track.points[0].at for track in tracks),
        is_sure=True,
    )
