"""Removed object: something that stood there is gone.

Told as a left object is, the other way round: the outline of what has changed belongs to the background, not to the
present picture. It begins when it went and ends when it is back. Where somebody or a vehicle stands nothing is seen, so
what they only hide is not gone, and what went meanwhile went in the middle of that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from patrol.domain.conditions.abandoned_object import LEAST_LOOKS, score_of
from patrol.domain.conditions.base import Holding, Seen
from patrol.domain.conditions.left_things import BAGS, HIDING, Thing, seen_again
from patrol.domain.conditions.words import time_in_chinese, time_in_english
from patrol.domain.events import Kind
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone, are_inside


@dataclass(frozen=True, slots=True)
class RemovedObject:
    """Something that stood in the zone has been gone for ``gone_s`` seconds."""

    gone_s: float = 15.0
    min_confidence: float = 0.4
    kind: Kind = Kind.REMOVED_OBJECT
    labels: frozenset[str] = BAGS | HIDING

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers the place and what went from it."""

        def told(things: Sequence[Thing]) -> Holding | None:
            gone = [one for one in things if self._is_gone(one) and _stood_in(zone, one)]
            return self._holding(gone, scene.at) if gone else None

        return seen_again(memory, scene, 0.0, self.min_confidence, told)

    def _is_gone(self, one: Thing) -> bool:
        gone_s = (one.seen_until - one.since).total_seconds()
        return not one.is_new and one.counts and one.looks >= LEAST_LOOKS and gone_s >= self.gone_s

    def _holding(self, gone: Sequence[Thing], at: datetime) -> Holding:
        since = min(one.since for one in gone)
        gone_s = (at - since).total_seconds()
        return Holding(
            count=len(gone),
            threshold=self.gone_s,
            score=max(score_of(one) for one in gone),
            boxes=tuple(one.box for one in gone),
            words_zh=f"物品 {len(gone)} 件不见 {time_in_chinese(gone_s)}（阈值 {time_in_chinese(self.gone_s)}）",
            words_en=f"{len(gone)} object{'s' * (len(gone) > 1)} gone for {time_in_english(gone_s)}"
            f" (threshold {time_in_english(self.gone_s)})",
            since=since,
            until=max(one.seen_until for one in gone),
            is_sure=True,
        )


def _stood_in(zone: Zone, one: Thing) -> bool:
    """Whether the middle of it is in the zone, which a person has drawn around what must stay."""
    x1, y1, x2, y2 = one.box
    return bool(are_inside(zone, np.array([[(x1 + x2) / 2, (y1 + y2) / 2]]))[0])
