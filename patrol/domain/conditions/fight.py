"""Fight: violent motion between people who are near each other.

What is violent a scorer says of the last seconds as a whole; see clip_scorers. Here is who it is asked about, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from patrol.domain.clip_scorers import ClipScorer, Glimpse, glimpse
from patrol.domain.conditions.base import Box, Holding, Seen, boxes_of, standing_in
from patrol.domain.conditions.crowd import PERSON
from patrol.domain.conditions.distances import Ruler
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.fighting import BY_MOTION
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone, foot_points

# People so near can reach each other, metres: two arms' lengths, and the error of a height that stands for 1.7 m. Who
# looks so much taller than another stands elsewhere.
REACH_M, AS_TALL = 1.5, 1.6
# One box as wide as that for its height holds two in a clinch: of one who walks it is half as wide.
CLINCH = 0.8
# A clip is judged so often, and only if it is nearly as long as the scorer wants it.
EVERY_S, NEARLY = 0.5, 0.85
# Frames that come sooner after the last are left out: nothing is learned of them, and a clip is bounded.
LEAST_STEP_S, MOST_FRAMES = 0.06, 80


@dataclass(frozen=True, slots=True)
class _Memory:
    """``clip``: the last seconds. ``score``: of the clip when it was judged last; None where that could not be."""

    clip: tuple[Glimpse, ...] = ()
    judged_at: datetime | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Fight:
    """People in the zone move as people do who fight, and it is at least ``sure``, 0..1.

    Of one who is alone it is not asked: at some moment of the clip there must be two, or a box as wide as two in a
    clinch. Sees nothing but in a focus; two people who can reach each other are worth one, in spare capacity.
    """

    sure: float = 0.5
    min_confidence: float = 0.35
    scorer: ClipScorer = BY_MOTION
    kind: Kind = Kind.FIGHT
    labels: frozenset[str] = PERSON

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers the clip so far."""
        people = standing_in(zone, scene.detections, self.labels, self.min_confidence)
        boxes, aspect = boxes_of(people), people.width / people.height
        is_worth_a_focus = can_reach(people, Ruler.of(scene, slant=1.0)) or _has_clinch(boxes, aspect)
        if not scene.in_focus or scene.pixels is None:
            return Seen(is_worth_a_focus=is_worth_a_focus)
        known = memory if isinstance(memory, _Memory) else _Memory()
        frame = glimpse(scene.at, scene.pixels, boxes, self.scorer.size)
        now = self._judged(_with(known, frame, self.scorer.seconds))
        return Seen(now, self._holding(now, people), is_worth_a_focus and now.score is None)

    def _judged(self, known: _Memory) -> _Memory:
        at = known.clip[-1].at
        if known.judged_at is not None and (at - known.judged_at).total_seconds() < EVERY_S:
            return known
        is_long = (at - known.clip[0].at).total_seconds() >= NEARLY * self.scorer.seconds
        is_asked = is_long and any(len(one.people) >= 2 or _has_clinch(one.people, one.aspect) for one in known.clip)
        return replace(known, judged_at=at, score=self.scorer.score(known.clip) if is_asked else None)

    def _holding(self, known: _Memory, people: Detections) -> Holding | None:
        if known.score is None or known.score < self.sure:
            return None
        asked = f"{self.sure:.0%}"
        return Holding(
            count=max(2, len(people)),
            threshold=self.sure,
            score=known.score,
            boxes=boxes_of(people),
            words_zh=f"人员之间动作激烈，打斗把握 {known.score:.0%}（阈值 {asked}）",
            words_en=f"violent motion between people, {known.score:.0%} sure (threshold {asked})",
        )


def _with(known: _Memory, frame: Glimpse, seconds: float) -> _Memory:
    """One frame more, if it comes not too soon, and none older than so many seconds."""
    if known.clip and (frame.at - known.clip[-1].at).total_seconds() < LEAST_STEP_S:
        return known
    kept = [one for one in known.clip if (frame.at - one.at).total_seconds() <= seconds]
    return replace(known, clip=(*kept, frame)[-MOST_FRAMES:])


def _has_clinch(people: Sequence[Box], aspect: float) -> bool:
    return any((x2 - x1) * aspect >= CLINCH * (y2 - y1) for x1, y1, x2, y2 in people)


def can_reach(people: Detections, ruler: Ruler) -> bool:
    """Whether any two can reach each other."""
    feet = foot_points(people)
    heights = (people.xyxy[:, 3] - people.xyxy[:, 1]).astype(np.float64) / people.height
    near = ruler.apart(feet, heights, feet, heights) <= REACH_M
    alike = np.maximum.outer(heights, heights) <= AS_TALL * np.minimum.outer(heights, heights)
    return bool(np.triu(near & alike, k=1).any())
