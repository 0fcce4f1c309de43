"""Gathering: people come together in a group that grows, and stay.

Linked are people who stand near each other, and are slow where they are followed; who walks past belongs to no group. A
crowd that was there all the time is no gathering: the rule ``crowd`` tells that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from patrol.domain.conditions.base import Holding, Seen, boxes_of, mean_confidence, standing_in
from patrol.domain.conditions.crowd import PERSON
from patrol.domain.conditions.distances import Ruler, lately
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.scene import NO_TRACK, Scene, TrackId
from patrol.domain.zones import Zone, foot_points

# Who moves faster than this over a second or more is on the way somewhere; a stroll has 1 m/s.
SLOW_M_S, OVER_S = 0.7, 1.0
# By how many the largest group has grown since it was smallest, within so long.
GROWN_BY, WITHIN_S = 2, 900.0
MOST_REMEMBERED = 256

Members = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Size:
    """How many the largest group had at a time."""

    at: datetime
    people: int


_Memory = tuple[_Size, ...]


@dataclass(frozen=True, slots=True)
class Gathering:
    """A group of at least ``at_least`` in the zone, each within ``near_m`` of another, that has grown."""

    at_least: int = 5
    near_m: float = 2.0
    min_confidence: float = 0.35
    kind: Kind = Kind.GATHERING
    labels: frozenset[str] = PERSON

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers how large the largest group was."""
        sizes: _Memory = memory if isinstance(memory, tuple) else ()
        people = standing_in(zone, scene.detections, self.labels, self.min_confidence)
        group = people.where(self._largest_group(people, scene))
        recent = tuple(size for size in sizes if (scene.at - size.at).total_seconds() <= WITHIN_S)
        smallest = min((size.people for size in recent), default=len(group))
        now = _thinned((*recent, _Size(scene.at, len(group))))
        if len(group) < self.at_least or len(group) - smallest < GROWN_BY:
            return Seen(now)
        return Seen(now, self._holding(group, smallest))

    def _largest_group(self, people: Detections, scene: Scene) -> Members:
        slow = np.array([not _is_on_the_way(track, scene) for track in _tracks_of(people, scene)], np.bool_)
        if not slow.any():
            return np.zeros(len(people), np.bool_)
        feet, heights = foot_points(people), (people.xyxy[:, 3] - people.xyxy[:, 1]) / people.height
        apart = Ruler.of(scene).apart(feet, heights, feet, heights)
        linked = (apart <= self.near_m) & np.logical_and.outer(slow, slow)
        # Imported here: it takes a second, and every role reads the rules.
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        _, label = connected_components(csr_array(linked), directed=False)
        members = np.bincount(label[slow], minlength=int(label.max()) + 1)
        return np.asarray(slow & (label == int(members.argmax())))

    def _holding(self, group: Detections, smallest: int) -> Holding:
        return Holding(
            count=len(group),
            threshold=self.at_least,
            score=mean_confidence(group),
            boxes=boxes_of(group),
            words_zh=f"{len(group)} 人聚在一起（阈值 {self.at_least}），由 {smallest} 人增多",
            words_en=f"{len(group)} people together (threshold {self.at_least}), grown from {smallest}",
            rising=True,
        )


def _tracks_of(people: Detections, scene: Scene) -> list[TrackId]:
    """The track of each of these boxes, which are some of the scene's."""
    by_box = {tuple(box): TrackId(int(track)) for box, track in zip(scene.detections.xyxy, scene.track_id, strict=True)}
    return [by_box.get(tuple(box), NO_TRACK) for box in people.xyxy]


def _is_on_the_way(name: TrackId, scene: Scene) -> bool:
    track = scene.tracks.get(name)
    if track is None:
        return False
    speed = Ruler.of(scene, slant=1.0).speed(lately(track, scene.at, 2 * OVER_S), OVER_S)
    return speed is not None and speed > SLOW_M_S


def _thinned(sizes: _Memory) -> _Memory:
    """No more than can be remembered: every second one of the older half is left out."""
    if len(sizes) <= MOST_REMEMBERED:
        return sizes
    half = len(sizes) // 2
    return (*sizes[:half:2], *sizes[half:])
