"""Loitering: somebody dwells in a zone.

Nobody is recognised. Within a focus a person is followed; from visit to visit a person is taken for the one who stood
there before if nobody else is near enough to be meant. So among many people, and of somebody who walks up and down
between two visits, dwelling cannot be told, and is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from patrol.domain.conditions.base import Box, Holding, Seen, boxes_of, of_classes
from patrol.domain.conditions.crowd import PERSON
from patrol.domain.conditions.distances import Points, Ruler, nearest_pairs
from patrol.domain.conditions.dwelling import longest_s, perhaps_hidden, remembered, too_long
from patrol.domain.conditions.words import time_in_chinese, time_in_english
from patrol.domain.events import Kind
from patrol.domain.scene import NO_TRACK, Scene, TrackId
from patrol.domain.zones import Zone, foot_points, inside

# From visit to visit somebody who stays has moved by so much at most, and nobody else stands so near, metres.
STAYS_WITHIN_M, ALONE_WITHIN_M = 2.5, 4.0
# Not seen for so long at least, they have left.
GONE_AFTER_S = 12.0

Near = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Dweller:
    """Somebody. ``foot``, ``height``: shares of the picture, when last seen. ``track_id``: in the focus of then."""

    foot: tuple[float, float]
    height: float
    box: Box
    score: float
    since: datetime
    seen_at: datetime
    track_id: TrackId
    looks: int = 1


@dataclass(frozen=True, slots=True)
class _Memory:
    at: datetime
    dwellers: tuple[_Dweller, ...] = ()


@dataclass(frozen=True, slots=True)
class Loitering:
    """At least one person has been in the zone for ``dwell_s`` seconds."""

    dwell_s: float = 180.0
    min_confidence: float = 0.4
    kind: Kind = Kind.LOITERING
    labels: frozenset[str] = PERSON

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers where everybody stands, and since when."""
        known = memory if isinstance(memory, _Memory) else _Memory(scene.at)
        found = self._all_in(zone, scene)
        now = _looked_again(known, found, Ruler.of(scene), scene)
        stayed = too_long(now, self.dwell_s, scene.at)
        return Seen(_Memory(scene.at, remembered(now)), self._holding(stayed, scene.at) if stayed else None)

    def _all_in(self, zone: Zone, scene: Scene) -> list[_Dweller]:
        wanted = of_classes(scene.detections, self.labels, self.min_confidence) & inside(zone, scene.detections)
        people = scene.detections.where(wanted)
        return [
            _Dweller(
                foot=(float(foot[0]), float(foot[1])),
                height=box[3] - box[1],
                box=box,
                score=float(score),
                since=scene.at,
                seen_at=scene.at,
                track_id=TrackId(int(track)),
            )
            for foot, box, score, track in zip(
                foot_points(people), boxes_of(people), people.confidence, scene.track_id[wanted], strict=True
            )
        ]

    def _holding(self, dwellers: list[_Dweller], at: datetime) -> Holding:
        stayed_s = longest_s(dwellers, at)
        threshold = time_in_chinese(self.dwell_s), time_in_english(self.dwell_s)
        return Holding(
            count=len(dwellers),
            threshold=self.dwell_s,
            score=max(one.score for one in dwellers),
            boxes=tuple(one.box for one in dwellers),
            words_zh=f"{len(dwellers)} 人徘徊 {time_in_chinese(stayed_s)}（阈值 {threshold[0]}）",
            words_en=f"{len(dwellers)} dwelling for {time_in_english(stayed_s)} (threshold {threshold[1]})",
            since=min(one.since for one in dwellers),
            is_sure=True,
        )


def _looked_again(known: _Memory, found: list[_Dweller], ruler: Ruler, scene: Scene) -> list[_Dweller]:
    again = _followed(known.dwellers, found, scene)
    again |= _stayed(known.dwellers, found, ruler, again)
    stays = [_seen_again(known.dwellers[old], found[new]) for old, new in again.items()]
    came = [one for index, one in enumerate(found) if index not in again.values()]
    unseen = [one for index, one in enumerate(known.dwellers) if index not in again]
    return [*stays, *perhaps_hidden(unseen, GONE_AFTER_S, known.at, scene.at), *came]


def _followed(known: tuple[_Dweller, ...], found: list[_Dweller], scene: Scene) -> dict[int, int]:
    """Who is followed, wherever in the zone they went: index of who was known -> index of who was found."""
    if not scene.in_focus:
        return {}
    by_track = {one.track_id: index for index, one in enumerate(found) if one.track_id != NO_TRACK}
    return {
        index: by_track[one.track_id]
        for index, one in enumerate(known)
        if one.track_id in by_track and _is_still(one, scene)
    }


def _is_still(one: _Dweller, scene: Scene) -> bool:
    """Whether the number belongs to who had it when they were seen last."""
    track = scene.tracks.get(one.track_id)
    return track is not None and any(point.at == one.seen_at for point in track.points)


def _stayed(known: tuple[_Dweller, ...], found: list[_Dweller], ruler: Ruler, again: dict[int, int]) -> dict[int, int]:
    """Who stands where somebody stood, with nobody else near, then and now."""
    old = [index for index in range(len(known)) if index not in again]
    new = [index for index in range(len(found)) if index not in again.values()]
    if not old or not new:
        return {}
    apart = _apart([known[index] for index in old], [found[index] for index in new], ruler)
    alone_then = _alone([known[index] for index in old], known, ruler)
    alone_now = _alone([found[index] for index in new], found, ruler)
    apart[~np.logical_and.outer(alone_then, alone_now)] = np.inf
    return {old[row]: new[column] for row, column in nearest_pairs(apart, STAYS_WITHIN_M)}


def _alone(some: list[_Dweller], everybody: tuple[_Dweller, ...] | list[_Dweller], ruler: Ruler) -> Near:
    """Which of some have nobody of everybody near them, but themselves; (n,) bool."""
    near = _apart(some, list(everybody), ruler) <= ALONE_WITHIN_M
    return np.asarray(near.sum(axis=1) <= 1)


def _apart(some: list[_Dweller], others: list[_Dweller], ruler: Ruler) -> Points:
    def feet(them: list[_Dweller]) -> Points:
        return np.array([one.foot for one in them], np.float64).reshape(-1, 2)

    def heights(them: list[_Dweller]) -> Points:
        return np.array([one.height for one in them], np.float64)

    return ruler.apart(feet(some), heights(some), feet(others), heights(others))


def _seen_again(old: _Dweller, new: _Dweller) -> _Dweller:
    return replace(new, since=old.since, looks=old.looks + 1)
