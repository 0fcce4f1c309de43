"""Crowd: so many people stand in a zone."""

from __future__ import annotations

from dataclasses import dataclass

from patrol.domain.conditions.base import Holding, Seen, boxes_of, mean_confidence, standing_in
from patrol.domain.events import Kind
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone

PERSON = frozenset({"person"})


@dataclass(frozen=True, slots=True)
class Crowd:
    """At least ``at_least`` people in the zone."""

    at_least: int = 5
    min_confidence: float = 0.35
    kind: Kind = Kind.CROWD
    labels: frozenset[str] = PERSON

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; nothing is remembered."""
        people = standing_in(zone, scene.detections, self.labels, self.min_confidence)
        if len(people) < self.at_least:
            return Seen()
        count = len(people)
        return Seen(
            holding=Holding(
                count=count,
                threshold=self.at_least,
                score=mean_confidence(people),
                boxes=boxes_of(people),
                words_zh=f"{count} 人（阈值 {self.at_least}）",
                words_en=f"{count} people (threshold {self.at_least})",
            )
        )
