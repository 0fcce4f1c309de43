"""Running, and panic: many people run at the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol.domain.conditions.base import Holding, Seen, box_of, standing_in, sure_tracks
from patrol.domain.conditions.crowd import PERSON
from patrol.domain.conditions.distances import Ruler, lately
from patrol.domain.events import Kind
from patrol.domain.scene import Scene, Track
from patrol.domain.zones import Zone, are_inside

# A speed is the median over stretches of half a second, of the last second and a half: boxes that jump to and fro
# have none.
OVER_S, LOOKED_AT_S = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Running:
    """At least ``at_least`` people in the zone, and ``share`` of all that are followed there, are faster than ``m_s``.

    Metres a second where the camera is calibrated. Elsewhere a person's height stands for 1.7 m, and who comes towards
    the camera seems slower than they are. Needs tracks, so it sees nothing but in a focus; that many people in one
    picture are worth one, in spare capacity.
    """

    at_least: int = 3
    share: float = 0.5
    m_s: float = 3.0
    min_confidence: float = 0.35
    kind: Kind = Kind.RUNNING
    labels: frozenset[str] = PERSON

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; nothing is remembered but by the tracks themselves."""
        people = standing_in(zone, scene.detections, self.labels, self.min_confidence)
        is_worth_a_focus = len(people) >= self.at_least
        if not scene.in_focus:
            return Seen(is_worth_a_focus=is_worth_a_focus)
        ruler = Ruler.of(scene, slant=1.0)
        speeds = [
            (track, sure, speed)
            for track, sure in sure_tracks(scene, self.labels, self.min_confidence).values()
            if are_inside(zone, np.array([track.last.foot]))[0]
            and (speed := ruler.speed(lately(track, scene.at, LOOKED_AT_S), OVER_S)) is not None
        ]
        fast = [(track, sure, speed) for track, sure, speed in speeds if speed >= self.m_s]
        if len(fast) < self.at_least or len(fast) < self.share * len(speeds):
            return Seen(is_worth_a_focus=is_worth_a_focus)
        return Seen(holding=self._holding(fast, len(speeds), ruler.is_exact))

    def _holding(self, fast: list[tuple[Track, float, float]], followed: int, is_exact: bool) -> Holding:
        speed = sorted(each for _, _, each in fast)[len(fast) // 2]
        about = ("", "") if is_exact else ("约 ", "about ")
        unsure = ("", "") if is_exact else ("，未标定", ", not calibrated")
        asked = f"{self.at_least} 人、{self.m_s:g} 米/秒", f"{self.at_least}, {self.m_s:g} m/s"
        return Holding(
            count=len(fast),
            threshold=self.at_least,
            score=sum(sure for _, sure, _ in fast) / len(fast),
            boxes=tuple(box_of(track.last) for track, _, _ in fast),
            words_zh=f"{followed} 人中 {len(fast)} 人奔跑，{about[0]}{speed:.1f} 米/秒（阈值 {asked[0]}{unsure[0]}）",
            words_en=f"{len(fast)} of {followed} running, {about[1]}{speed:.1f} m/s (threshold {asked[1]}{unsure[1]})",
            is_sure=True,
        )
