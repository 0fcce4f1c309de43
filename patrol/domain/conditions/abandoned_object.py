"""Abandoned object: something was left, and its owner has gone.

Told by the place alone, from visit to visit: what stands where nothing stood, steadily, and is neither a person nor a
vehicle nor a shadow (background). It begins when who brought it is farther than ``near_m`` from it, and ends when who
takes it, or stays with it, comes nearer, or it is gone; passers-by change nothing. What it is, a detector may know, and
need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from patrol.domain.conditions.base import Holding, Seen
from patrol.domain.conditions.left_things import BAGS, HIDING, Thing, seen_again
from patrol.domain.conditions.words import time_in_chinese, time_in_english
from patrol.domain.events import Kind
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone, are_inside

LEAST_LOOKS = 3


@dataclass(frozen=True, slots=True)
class AbandonedObject:
    """At least one thing stands in the zone with nobody within ``near_m`` metres of it, for ``alone_s`` seconds.

    30 seconds and a few metres are what PETS 2006 (Ferryman, ed.) asked for, the benchmark for left luggage.
    """

    alone_s: float = 30.0
    near_m: float = 2.0
    min_confidence: float = 0.4
    kind: Kind = Kind.ABANDONED_OBJECT
    labels: frozenset[str] = BAGS | HIDING

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers the place and what came to it."""

        def told(things: Sequence[Thing]) -> Holding | None:
            left = [one for one in things if self._is_left(one) and stands_in(zone, one)]
            return self._holding(left, scene.at) if left else None

        return seen_again(memory, scene, self.near_m, self.min_confidence, told)

    def _is_left(self, one: Thing) -> bool:
        alone_s = (one.alone_until - one.alone_since).total_seconds()
        return one.is_new and one.counts and one.looks >= LEAST_LOOKS and alone_s >= self.alone_s

    def _holding(self, left: Sequence[Thing], at: datetime) -> Holding:
        since = min(one.alone_since for one in left)
        alone_s = (at - since).total_seconds()
        zh, en = counted_things(left)
        return Holding(
            count=len(left),
            threshold=self.alone_s,
            score=max(score_of(one) for one in left),
            boxes=tuple(one.box for one in left),
            words_zh=f"{zh}无人看管 {time_in_chinese(alone_s)}（阈值 {time_in_chinese(self.alone_s)}）",
            words_en=f"{en} with nobody near for {time_in_english(alone_s)}"
            f" (threshold {time_in_english(self.alone_s)})",
            since=since,
            until=max(one.alone_until for one in left),
            is_sure=True,
        )


def stands_in(zone: Zone, one: Thing) -> bool:
    """Whether its foot is in the zone."""
    return bool(are_inside(zone, np.array([one.foot]))[0])


def score_of(one: Thing) -> float:
    """0..1: surer where a detector knows it, and the more often it was seen."""
    return 0.9 if one.label is not None else 0.5 + 0.3 * min(1.0, one.looks / 20)


CHINESE = {"backpack": "背包", "handbag": "手提包", "suitcase": "行李箱"}


def counted_things(things: Sequence[Thing]) -> tuple[str, str]:
    """``背包 1 件、物品 1 件`` and ``1 backpack, 1 object``."""
    labels = sorted({one.label or "" for one in things}, reverse=True)
    numbers = {label: sum((one.label or "") == label for one in things) for label in labels}
    zh = "、".join(f"{CHINESE.get(label, '物品')} {number} 件" for label, number in numbers.items())
    return zh, ", ".join(f"{number} {label or 'object'}" for label, number in numbers.items())
