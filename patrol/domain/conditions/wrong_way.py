"""Wrong way: a vehicle goes against the way traffic goes in its zone.

Vehicles are those that the detector knows and a track follows. From far above, or in the dark, it knows few of them:
what moves on a carriageway, is as large, and is no person, counts as one too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from patrol.domain.conditions.base import Box, Holding, Seen, box_of, boxes_of, standing_in, sure_tracks
from patrol.domain.conditions.distances import lately
from patrol.domain.conditions.words import counted
from patrol.domain.events import Kind
from patrol.domain.motion import NOTHING_MOVES, Grey, Moving, has_changed, looked, mask_of, small_grey
from patrol.domain.scene import Scene, TrackPoint
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

    Needs several pictures a second, so it sees nothing but in a focus. A vehicle in the zone is worth one, and so is
    whatever came to it since the last visit.
    """

    labels: frozenset[str] = VEHICLES
    min_confidence: float = 0.4
    kind: Kind = Kind.WRONG_WAY

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers what moves."""
        if zone.direction_deg is None:
            return Seen()
        known = memory if isinstance(memory, _Memory) else _Memory()
        if not scene.in_focus:
            return self._visited(zone, scene, known)
        moving = NOTHING_MOVES if scene.pixels is None else looked(known.moving, scene.at, scene.pixels, _people(scene))
        way = _Way(math.radians(zone.direction_deg), scene.detections.width / scene.detections.height)
        tracks = sure_tracks(scene, self.labels, self.min_confidence).values()
        against = [
            _Against(track.label, points, sure)
            for track, sure in tracks
            if way.is_against(points := lately(track, scene.at, LOOKED_AT_S)) and _is_in(zone, points[-1])
        ]
        if not against:
            # What the detector does not know by sight; of what it knows there is no need to be told twice.
            trails = (_since(trail, scene.at) for trail in moving.trails)
            against = [
                _Against(UNKNOWN, points, UNKNOWN_SCORE)
                for points in trails
                if way.is_against(points) and _is_in(zone, points[-1])
            ]
        return Seen(
            memory=_Memory(moving, known.visited),
            holding=_holding(against) if against else None,
            is_worth_a_focus=not against and (len(tracks) > 0 or len(moving.trails) > 0),
        )

    def _visited(self, zone: Zone, scene: Scene, known: _Memory) -> Seen:
        is_there = len(standing_in(zone, scene.detections, self.labels, self.min_confidence)) > 0
        if scene.pixels is None:
            return Seen(is_worth_a_focus=is_there)
        grey = small_grey(scene.pixels)
        has_come = known.visited is not None and has_changed(known.visited, grey, mask_of(zone.polygon))
        # What is seen in the first frames of a focus is held against this one.
        return Seen(_Memory(Moving((grey,)), grey), is_worth_a_focus=is_there or has_come)


UNKNOWN, UNKNOWN_SCORE = "vehicle", 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """``visited``: the picture of the last visit outside of a focus."""

    moving: Moving = NOTHING_MOVES
    visited: Grey | None = None


@dataclass(frozen=True, slots=True)
class _Against:
    """One that goes the wrong way. ``label``: in the model's words, or UNKNOWN."""

    label: str
    points: tuple[TrackPoint, ...]
    score: float


def _people(scene: Scene) -> tuple[Box, ...]:
    return boxes_of(scene.detections.of("person"))


def _is_in(zone: Zone, point: TrackPoint) -> bool:
    return bool(are_inside(zone, np.array([point.foot]))[0])


def _since(trail: Sequence[TrackPoint], at: datetime) -> tuple[TrackPoint, ...]:
    return tuple(point for point in trail if (at - point.at).total_seconds() <= LOOKED_AT_S)


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


def _holding(against: Sequence[_Against]) -> Holding:
    zh, en = counted(one.label for one in against)
    return Holding(
        count=len(against),
        threshold=1,
        score=max(one.score for one in against),
        boxes=tuple(box_of(one.points[-1]) for one in against),
        words_zh=f"{zh}逆行",
        words_en=f"{en} going the wrong way",
        since=min(one.points[0].at for one in against),
        is_sure=True,
    )
