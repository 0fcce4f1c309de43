"""Intrusion: somebody or something is where it must not be."""

from __future__ import annotations

from dataclasses import dataclass

from patrol.domain.conditions.base import Holding, Seen, boxes_of, mean_confidence, standing_in
from patrol.domain.events import Kind
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone


@dataclass(frozen=True, slots=True)
class Intrusion:
    """At least ``at_least`` of what is forbidden (``labels``, in the model's words) stand in the zone."""

    labels: frozenset[str] = frozenset({"person"})
    at_least: int = 1
    min_confidence: float = 0.45
    kind: Kind = Kind.INTRUSION

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; nothing is remembered."""
        found = standing_in(zone, scene.detections, self.labels, self.min_confidence)
        if len(found) < self.at_least:
            return Seen()
        labels = sorted({label for _, label, _ in found})
        in_chinese = "、".join(chinese(label) for label in labels)
        return Seen(
            holding=Holding(
                count=len(found),
                threshold=self.at_least,
                score=mean_confidence(found),
                boxes=boxes_of(found),
                words_zh=f"出现{in_chinese} {len(found)} 个（阈值 {self.at_least}）",
                words_en=f"{len(found)} of {', '.join(labels)} (threshold {self.at_least})",
            )
        )


# What operators call the classes of COCO that can intrude; others are told in the model's own word.
_CHINESE = {
    "person": "人员",
    "bicycle": "自行车",
    "car": "汽车",
    "motorcycle": "摩托车",
    "bus": "客车",
    "truck": "货车",
    "dog": "犬",
    "cat": "猫",
    "horse": "马",
    "boat": "船",
    "train": "列车",
    "skateboard": "滑板",
}


def chinese(label: str) -> str:
    """The word operators say for a class of the model."""
    return _CHINESE.get(label, label)
