"""Line crossing: somebody or something passes a line, in the forbidden direction.

A side counts only for who stands clear of the line, by a share of their own height, in two frames. Between both sides
lies a band in which nothing is decided: what trembles there, or stands on the line, passes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from patrol.domain.conditions.base import Holding, Seen, box_of, of_classes, sure_tracks
from patrol.domain.conditions.distances import height_of
from patrol.domain.conditions.words import counted
from patrol.domain.events import Kind
from patrol.domain.scene import Scene, Track, TrackId, TrackPoint
from patrol.domain.zones import Line, Zone, foot_points

# How far from the line a side is certain, in heights of who is there.
CLEAR_OF_LINE = 0.15
# In so many frames they must be on a side.
FRAMES_AGREE = 2
# A track that begins so near to where another was lost, in heights, carries that one on.
CARRIED_ON_WITHIN = 0.5
# Two tracks that pass at one place within this time, the first of which is lost, are one.
SAME_PASSER_S, SAME_PASSER_WITHIN = 2.0, 0.5
# Whose band is as wide as they are tall, by their boxes of so many frames.
HEIGHTS_SEEN = 9
MOST_CROSSINGS = 64
# So near to the line, in heights, somebody is worth a closer look.
NEAR_LINE = 3.0


class Direction(StrEnum):
    """From which side to which, as somebody sees it who walks along the line from its first to its second point."""

    EITHER = "either"
    LEFT_TO_RIGHT = "left_to_right"
    RIGHT_TO_LEFT = "right_to_left"


_CHINESE = {Direction.LEFT_TO_RIGHT: "由左向右", Direction.RIGHT_TO_LEFT: "由右向左"}
_ENGLISH = {Direction.LEFT_TO_RIGHT: "left to right", Direction.RIGHT_TO_LEFT: "right to left"}


@dataclass(frozen=True, slots=True)
class _Passer:
    """Where one track stands. Sides: -1 left, 1 right, 0 not known (yet).

    ``side``: the last certain one. ``leaning``, ``frames``: on which side it is clear of the line, for how many frames
    now. ``passed``: where along the line, 0..1, it was above it last since then. ``last``: the point seen last.
    """

    last: TrackPoint
    side: int = 0
    leaning: int = 0
    frames: int = 0
    passed: float | None = None
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class _Crossing:
    at: datetime
    track_id: TrackId
    label: str
    direction: Direction
    point: TrackPoint


@dataclass(frozen=True, slots=True)
class _Memory:
    """``passers``: one for each track alive. ``crossings``: those of the last SAME_PASSER_S."""

    passers: Mapping[TrackId, _Passer] = field(default_factory=lambda: MappingProxyType({}))
    crossings: tuple[_Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class LineCrossing:
    """One of these classes (``labels``) passes the line in this direction.

    Needs tracks, so it sees nothing but in a focus; somebody near the line is worth one.
    """

    labels: frozenset[str] = frozenset({"person"})
    direction: Direction = Direction.EITHER
    min_confidence: float = 0.4
    kind: Kind = Kind.LINE_CROSSING

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition."""
        if zone.line is None:
            return Seen()
        near = self._is_somebody_near(zone.line, scene)
        if not scene.in_focus:
            return Seen(is_worth_a_focus=near)
        known = memory if isinstance(memory, _Memory) else _Memory()
        sides = _Sides(zone.line, scene.detections.width / scene.detections.height)
        confidence = {name: sure for name, (_, sure) in sure_tracks(scene, self.labels, self.min_confidence).items()}
        passers: dict[TrackId, _Passer] = {}
        crossings: list[_Crossing] = []
        tracks = {name: track for name, track in scene.tracks.items() if track.label in self.labels}
        for name, passer in _with_new_ones(known.passers, tracks, scene.at, sides).items():
            passers[name], passed = _followed(passer, tracks[name], sides)
            if name in confidence:
                passers[name] = replace(passers[name], is_sure=True)
            if passed is not None and passers[name].is_sure:
                crossings.append(_Crossing(scene.at, name, tracks[name].label, passed, tracks[name].last))
        recent = [one for one in known.crossings if (scene.at - one.at).total_seconds() <= SAME_PASSER_S]
        new = [one for one in crossings if not _is_told(one, recent, tracks, scene.at, sides)]
        wanted = [one for one in new if self.direction in (Direction.EITHER, one.direction)]
        return Seen(
            memory=_Memory(MappingProxyType(passers), (*recent, *new)[-MOST_CROSSINGS:]),
            holding=_holding(wanted, confidence) if wanted else None,
            is_worth_a_focus=near,
        )

    def _is_somebody_near(self, line: Line, scene: Scene) -> bool:
        found = scene.detections.where(of_classes(scene.detections, self.labels, self.min_confidence))
        sides = _Sides(line, found.width / found.height)
        heights = (found.xyxy[:, 3] - found.xyxy[:, 1]) / found.height
        return any(
            sides.away((float(x), float(y))) <= NEAR_LINE * float(height)
            for (x, y), height in zip(foot_points(found), heights, strict=True)
        )


def _holding(crossings: Sequence[_Crossing], confidence: Mapping[TrackId, float]) -> Holding:
    zh, en = counted(one.label for one in crossings)
    directions = sorted({one.direction for one in crossings})
    return Holding(
        count=len(crossings),
        threshold=1,
        score=max(confidence.get(one.track_id, 0.0) for one in crossings),
        boxes=tuple(box_of(one.point) for one in crossings),
        words_zh=f"{zh}{'、'.join(_CHINESE[one] for one in directions)}越线",
        words_en=f"{en} crossed the line from {' and '.join(_ENGLISH[one] for one in directions)}",
        is_sure=True,
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """The line in units of the picture's height, so that a step to the side is as long as one upwards."""

    line: Line
    aspect: float

    def _scaled(self, foot: tuple[float, float]) -> tuple[float, float]:
        return foot[0] * self.aspect, foot[1]

    def right_of(self, foot: tuple[float, float]) -> float:
        """How far to the right of the line, produced beyond its ends; negative to the left."""
        (x1, y1), (x2, y2), (x, y) = (self._scaled(point) for point in (*self.line, foot))
        return ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / math.hypot(x2 - x1, y2 - y1)

    def along(self, foot: tuple[float, float]) -> float:
        """Where along the line: 0 at its first point, 1 at its second."""
        (x1, y1), (x2, y2), (x, y) = (self._scaled(point) for point in (*self.line, foot))
        return ((x2 - x1) * (x - x1) + (y2 - y1) * (y - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)

    def passed_at(self, before: tuple[float, float], after: tuple[float, float]) -> float | None:
        """Where along the line a step passes it; None if it stays on one side."""
        far, near = self.right_of(before), self.right_of(after)
        if (far >= 0) == (near >= 0):
            return None
        share = far / (far - near)
        start, end = self.along(before), self.along(after)
        return start + share * (end - start)

    def away(self, foot: tuple[float, float]) -> float:
        """How far from the line, between its ends."""
        first, second = self.line
        share = min(max(self.along(foot), 0.0), 1.0)
        on_line = tuple(a + share * (b - a) for a, b in zip(first, second, strict=True))
        return self.apart(foot, (on_line[0], on_line[1]))

    def apart(self, one: tuple[float, float], other: tuple[float, float]) -> float:
        """Between two points."""
        return math.dist(self._scaled(one), self._scaled(other))


def _with_new_ones(
    known: Mapping[TrackId, _Passer], tracks: Mapping[TrackId, Track], at: datetime, sides: _Sides
) -> dict[TrackId, _Passer | None]:
    """What is known of each track. A new one carries on a lost one that it begins beside; each is carried on once."""
    passers = {name: _still(known.get(name), track) for name, track in tracks.items()}
    lost = {name for name, track in tracks.items() if passers[name] is not None and track.last.at < at}
    for name, track in tracks.items():
        first = track.points[0]
        beside = [
            (sides.apart(first.foot, tracks[other].last.foot), other)
            for other in lost
            if passers[name] is None and tracks[other].last.at < first.at
        ]
        if beside and min(beside)[0] <= CARRIED_ON_WITHIN * first.height:
            other = min(beside)[1]
            lost.remove(other)
            passers[name], passers[other] = passers[other], _Passer(tracks[other].last)
    return passers


def _still(passer: _Passer | None, track: Track) -> _Passer | None:
    """What is known of a track, unless its number was given to another since."""
    return passer if passer is not None and any(point.at == passer.last.at for point in track.points) else None


def _followed(passer: _Passer | None, track: Track, sides: _Sides) -> tuple[_Passer, Direction | None]:
    """Take the points of a track that are new. Also says in which direction it has passed the line with them."""
    clear = CLEAR_OF_LINE * height_of(track.points[-HEIGHTS_SEEN:])
    passed: Direction | None = None
    now = passer
    for point in track.points:
        if now is None:
            now = _leaning(_Passer(point), sides.right_of(point.foot), clear)
        elif point.at > now.last.at:
            at = sides.passed_at(now.last.foot, point.foot)
            now = replace(now, last=point, passed=now.passed if at is None else at)
            now = _leaning(now, sides.right_of(point.foot), clear)
        if now.frames >= FRAMES_AGREE and now.leaning != now.side:
            if now.side and now.passed is not None and 0.0 <= now.passed <= 1.0:
                passed = Direction.LEFT_TO_RIGHT if now.leaning > 0 else Direction.RIGHT_TO_LEFT
            now = replace(now, side=now.leaning, passed=None)
    assert now is not None
    return now, passed


def _leaning(passer: _Passer, right: float, clear: float) -> _Passer:
    if abs(right) <= clear:
        return passer
    side = 1 if right > 0 else -1
    return replace(passer, leaning=side, frames=passer.frames + 1 if side == passer.leaning else 1)


def _is_told(
    crossing: _Crossing, recent: Sequence[_Crossing], tracks: Mapping[TrackId, Track], at: datetime, sides: _Sides
) -> bool:
    """Whether it is somebody who passed just now, and has got another number since."""
    within = SAME_PASSER_WITHIN * crossing.point.height
    return any(
        one.direction is crossing.direction
        and one.track_id != crossing.track_id
        and (one.track_id not in tracks or tracks[one.track_id].last.at < at)
        and sides.apart(one.point.foot, crossing.point.foot) <= within
        for one in recent
    )
