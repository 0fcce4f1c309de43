"""Crowd: so many people stand in a zone, or so densely.

People are counted one by one where they stand apart: in the detector's own pass, and together with a look at twice the
resolution once the rule would hold. Where they hide each other boxes are too few, and how densely they stand is
estimated instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from patrol.domain.closer import NO_LOOKS, Look
from patrol.domain.conditions.base import Holding, Seen, boxes_of, mean_confidence, of_classes, standing_in
from patrol.domain.crowds import (
    Count,
    Course,
    Sample,
    Trend,
    Way,
    grade_of,
    hide_each_other,
    sampled,
    seen_whole,
    trend_of,
)
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.ground import GroundPlane, Measured
from patrol.domain.one_by_one import in_both
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone, inside

PERSON = frozenset({"person"})
BOTH, DENSITY = frozenset({Look.FINER, Look.DENSITY}), frozenset({Look.DENSITY})

# A zone is looked at more closely no oftener: a crowd hardly changes within it, and a look costs as much as visits.
CLOSER_EVERY_S = 10.0
# A dense crowd may show hardly one whole person. It is found while it grows; this is for one that was there before.
UNASKED_EVERY_S = 1800.0
# Where the next look could not be made for want of time, a dense crowd is taken to be as it was for so long.
DENSE_FOR_S = 30.0
# From so many people on an alert says how sure their number is, and that their density is not known.
MANY = 10
SURE_OF_DENSITY = 0.6  # the score of an event that no box was counted for


@dataclass(frozen=True, slots=True)
class _Look:
    """What a closer look told.

    ``boxes``: how many people the detector's own pass found in the same frame; ``is_finer``: whether a finer look was
    part of it, without which a dense crowd is only suspected.
    """

    at: datetime
    count: Count
    boxes: int
    is_finer: bool

    @property
    def holds_s(self) -> float:
        """For how long it is believed without another, seconds."""
        if self.count.way is not Way.DENSITY:
            return CLOSER_EVERY_S
        return DENSE_FOR_S if self.is_finer else 0.0


@dataclass(frozen=True, slots=True)
class _Memory:
    """``look``: the last closer look, however long ago."""

    samples: tuple[Sample, ...] = ()
    look: _Look | None = None

    @property
    def is_dense(self) -> bool:
        """Whether people were counted by their density."""
        return self.look is not None and self.look.count.way is Way.DENSITY

    def count_at(self, at: datetime, boxes: int) -> Count:
        """How many people there are: by the last closer look where that still holds, else ``boxes``.

        Between two looks people come and go by as many as the boxes become more and fewer; in a dense crowd those say
        nothing.
        """
        look = self.look
        if look is None or (at != look.at and (at - look.at).total_seconds() >= look.holds_s):
            return Count(boxes, Way.BOXES)
        return (
            look.count
            if self.is_dense
            else replace(look.count, people=max(0.0, look.count.people + boxes - look.boxes))
        )


_NEW = _Memory()


@dataclass(frozen=True, slots=True)
class Crowd:
    """At least ``at_least`` people in the zone, and ``at_least_per_m2`` of them where that is asked for and known."""

    at_least: int = 5
    min_confidence: float = 0.35
    at_least_per_m2: float | None = None
    kind: Kind = Kind.CROWD
    labels: frozenset[str] = PERSON
    looks: frozenset[Look] = BOTH

    def asks_for(self, zone: Zone, at: datetime, detections: Detections, memory: object) -> frozenset[Look]:
        """See AsksForMore. At once where a crowd comes, then now and then while it is there, else seldom."""
        before = memory if isinstance(memory, _Memory) else _NEW
        would_hold = len(self._people(zone, detections, self.min_confidence)) >= self.at_least
        wanted = BOTH if would_hold or before.is_dense else DENSITY
        if before.look is None:
            return wanted
        is_new = would_hold and before.look.boxes < self.at_least and not before.is_dense
        is_suspected = before.is_dense and not before.look.is_finer
        every_s = CLOSER_EVERY_S if wanted == BOTH else UNASKED_EVERY_S
        is_due = (at - before.look.at).total_seconds() >= every_s
        return wanted if is_due or is_new or is_suspected else NO_LOOKS

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers counts for the trend, and what the last closer look told."""
        before = memory if isinstance(memory, _Memory) else _NEW
        boxes = self._people(zone, scene.detections, self.min_confidence)
        people = boxes if scene.finer is None else self._in_both(zone, scene.detections, scene.finer)
        now = self._looked(zone, scene, len(boxes), people, before)
        count = now.count_at(scene.at, len(boxes))
        now = replace(now, samples=sampled(now.samples, scene.at, count))
        density = _density(zone, scene.ground, count)
        if round(count.people) < self.at_least or not self._is_dense_enough(density):
            return Seen(now)
        return Seen(now, self._holding(count, density, trend_of(now.samples), people, scene.ground))

    def _people(self, zone: Zone, detections: Detections, min_confidence: float) -> Detections:
        return standing_in(zone, detections, self.labels, min_confidence)

    def _in_both(self, zone: Zone, usual: Detections, finer: Detections) -> Detections:
        """The people in the zone, by the detector's own pass and the finer look together."""
        people = in_both(self._any(usual), self._any(finer), self.min_confidence)
        return people.where(inside(zone, people))

    def _any(self, found: Detections) -> Detections:
        """People anywhere, however unsure."""
        return found.where(of_classes(found, self.labels, 0.0))

    def _looked(self, zone: Zone, scene: Scene, found: int, people: Detections, before: _Memory) -> _Memory:
        """What is remembered after this frame.

        ``found``: how many people the detector's own pass found in the zone; ``people``: those of all looks.
        """
        if scene.finer is None and scene.density is None:
            return before
        count = Count(len(people), Way.FINER if scene.finer is not None else Way.BOXES)
        if scene.density is not None:
            unsure = self._people(zone, scene.finer, 0.0) if scene.finer is not None else None
            whole, area = seen_whole(people), _area(zone, scene.ground)
            by_density = scene.density.without(boxes_of(whole)).inside(zone.polygon)
            if hide_each_other(people, unsure, by_density, area, were_dense=before.is_dense):
                count = Count(len(whole) + by_density, Way.DENSITY)
        return replace(before, look=_Look(scene.at, count, found, is_finer=scene.finer is not None))

    def _is_dense_enough(self, density: Measured | None) -> bool:
        """Where the density is not known the number alone decides: an alert too many is better than one too few."""
        return self.at_least_per_m2 is None or density is None or density.value >= self.at_least_per_m2

    def _holding(
        self, count: Count, density: Measured | None, trend: Trend | None, boxes: Detections, ground: GroundPlane | None
    ) -> Holding:
        words = [
            _number(count, self.at_least),
            *_how_dense(count, density, ground, self.at_least_per_m2),
            *_whereto(trend),
        ]
        return Holding(
            count=round(count.people),
            threshold=self.at_least,
            score=mean_confidence(boxes) if count.way is not Way.DENSITY else SURE_OF_DENSITY,
            boxes=boxes_of(boxes),
            words_zh="，".join(zh for zh, _ in words),
            words_en=", ".join(en for _, en in words),
            rising=trend.course is Course.GATHERING if trend is not None else None,
        )


Words = tuple[str, str]
"""In Chinese, and in English."""


def _area(zone: Zone, ground: GroundPlane | None) -> Measured | None:
    return ground.area(zone.polygon) if ground is not None else None


def _density(zone: Zone, ground: GroundPlane | None, count: Count) -> Measured | None:
    area = _area(zone, ground)
    return count.per_m2(area) if area is not None and area.value > 0 else None


def _number(count: Count, at_least: int) -> Words:
    people = round(count.people)
    if people < MANY:
        return f"{people} 人（阈值 {at_least}）", f"{people} people (threshold {at_least})"
    about = ("约 ", "about ") if count.way is Way.DENSITY else ("", "")
    error = max(1, round(count.error))
    return (
        f"{about[0]}{people}±{error} 人（阈值 {at_least}）",
        f"{about[1]}{people}±{error} people (threshold {at_least})",
    )


def _how_dense(
    count: Count, density: Measured | None, ground: GroundPlane | None, at_least_per_m2: float | None
) -> list[Words]:
    asked = at_least_per_m2 is not None
    if density is not None:
        grade = grade_of(density.value)
        threshold = (f"（阈值 {at_least_per_m2:g}）", f" (threshold {at_least_per_m2:g})") if asked else ("", "")
        number = f"{density.value:.1f}±{density.error:.1f}"
        return [
            (f"{number} 人/平方米{threshold[0]}", f"{number} people/m²{threshold[1]}"),
            (f"密度等级 {grade}", f"grade {grade}"),
        ]
    if round(count.people) < MANY and not asked:
        return []
    if ground is None:
        return [("密度未知（未标定）", "density unknown (not calibrated)")]
    return [("密度未知（区域延伸到地平线）", "density unknown (the zone reaches the horizon)")]


def _whereto(trend: Trend | None) -> list[Words]:
    if trend is None:
        return []
    if trend.course is Course.STEADY:
        return [("人数平稳", "steady")]
    a_minute = max(1, round(abs(trend.per_minute)))
    if trend.course is Course.GATHERING:
        return [(f"每分钟增 {a_minute} 人", f"growing {a_minute} a minute")]
    return [(f"每分钟减 {a_minute} 人", f"shrinking {a_minute} a minute")]
