"""Crowds in numbers: how many, how densely, how dense that is, and whether they grow."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from patrol.domain.detections import Detections
from patrol.domain.ground import Measured


class Grade(StrEnum):
    """Fruin's level of service of a walkway (密度等级), from room to walk freely (A) to a crowd that cannot (F)."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


GRADES = tuple(Grade)
GRADE_BEGINS = (0.0, 0.31, 0.43, 0.72, 1.08, 2.17)
"""People per m² from which on a crowd is of each grade: of 35, 25, 15, 10 and 5 square feet a person (J. J. Fruin,
Pedestrian Planning and Design, 1971)."""


def grade_of(per_m2: float) -> Grade:
    """The grade of a density."""
    return GRADES[max(1, bisect_right(GRADE_BEGINS, per_m2)) - 1]


def begins_at(grade: Grade) -> float:
    """The least density of a grade, people per m²."""
    return GRADE_BEGINS[GRADES.index(grade)]


class Way(StrEnum):
    """How people were counted."""

    BOXES = "boxes"  # one by one, in the detector's own pass
    FINER = "finer"  # one by one, at twice the resolution
    DENSITY = "density"  # by how densely they stand


# How far off a count is on average, as a share of itself (docs/accuracy.md): taken for one standard deviation.
ERRORS = {Way.BOXES: 0.3, Way.FINER: 0.25, Way.DENSITY: 0.4}


@dataclass(frozen=True, slots=True)
class Count:
    """How many people there are in a zone. ``error``: one standard deviation."""

    people: float
    way: Way

    @property
    def error(self) -> float:
        """One standard deviation; at least one person, unless there is nobody."""
        return max(min(1.0, self.people), ERRORS[self.way] * self.people)

    def per_m2(self, area: Measured) -> Measured:
        """How densely they stand on so much ground; what is not sure of both adds up in squares."""
        density = self.people / area.value
        own = self.error / self.people if self.people else 0.0
        return Measured(density, density * float(np.hypot(own, area.relative_error)))


# Below so many the network, which was made for hundreds, is not believed: in 217 training pictures of fires and fights,
# without a crowd, it told 7 at the median, 79 at the 99th percentile. To stay dense takes less than to become so.
DENSE_FROM, DENSE_UNTIL = 100.0, 70.0
# The most that it told in any of those pictures. Above it, it is believed alone; else boxes must not speak against it.
ALONE_FROM = 300.0
# Whoever is so tall in the picture is seen whole: patterns on their clothes are no heads. As a share of its height.
TALL_IN_PICTURE = 0.3
# Where the detector is sure of so large a share of them, it misses fewer than the network may be off by.
TOLD_APART = 0.5
# On so little ground each nobody hides another, whatever a picture looks like: grade A, over 3 m² a person.
APART_PER_M2 = 0.31
# A head that is seen at all is some 0.26 of its person's height wide with the shoulders, and a tenth of it tall.
WIDE, TALL = 0.26, 0.1


def hide_each_other(
    sure: Detections, unsure: Detections | None, by_density: float, area: Measured | None, *, were_dense: bool
) -> bool:
    """Whether people are to be counted by their density, not by boxes.

    ``sure``: the boxes that count, of the people in the zone; ``unsure``: these and all that only hint at somebody,
    None where nobody looked for them: hardly any crowd of hundreds is without one. ``by_density``: how many people
    there are by it, beside those seen whole; ``area``: of the zone's ground, where it is known. ``were_dense``: what
    was decided last.
    """
    if by_density < (DENSE_UNTIL if were_dense else DENSE_FROM) or len(sure) >= TOLD_APART * by_density:
        return False
    if by_density <= ALONE_FROM:
        is_empty = unsure is not None and not len(unsure)
        if is_empty or by_density > _most_that_fit(sure):
            return False
    return area is None or by_density >= APART_PER_M2 * area.value


def seen_whole(people: Detections) -> Detections:
    """Those who are so tall in the picture that each of them is counted, in a dense crowd, too."""
    return people.where((people.xyxy[:, 3] - people.xyxy[:, 1]) >= TALL_IN_PICTURE * people.height)


def _most_that_fit(people: Detections) -> float:
    """How many heads a picture could show at most if all were as far away as the farthest of these people.

    A crowd of which only the front row is seen one by one may be larger.
    """
    if not len(people):
        return math.inf
    heights = (people.xyxy[:, 3] - people.xyxy[:, 1]) / people.height
    farthest = max(1e-3, float(np.quantile(heights, 0.1)))
    aspect = people.width / people.height
    return (aspect / (WIDE * farthest)) * (1 / (TALL * farthest))


@dataclass(frozen=True, slots=True)
class Sample:
    """A count at a time."""

    at: datetime
    count: Count


class Course(StrEnum):
    """Where a crowd is going."""

    GATHERING = "gathering"
    DISPERSING = "dispersing"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Trend:
    """How a count changes. ``per_minute``: people; below 0 they become fewer."""

    per_minute: float
    course: Course


# A trend is of the last minutes. From fewer, or shorter, two people who come in would be a crowd that gathers.
TREND_S, SHORTEST_S, FEWEST = 180.0, 20.0, 4
SAMPLED_EVERY_S = 3.0
MOST_SAMPLES = 64
# A change that is no change: of so many people, or of that share of them, or of twice what counts vary around it.
STILL_PEOPLE, STILL_SHARE, STILL_SPREADS = 2.0, 0.15, 2.0


def sampled(samples: tuple[Sample, ...], at: datetime, count: Count) -> tuple[Sample, ...]:
    """With one count more, those that are too old left out; bounded. The last of several within seconds counts."""
    kept = [each for each in samples if 0 < (at - each.at).total_seconds() <= TREND_S]
    if len(kept) > 1 and (at - kept[-2].at).total_seconds() < SAMPLED_EVERY_S:
        kept.pop()
    return (*kept, Sample(at, count))[-MOST_SAMPLES:]


def trend_of(samples: Sequence[Sample]) -> Trend | None:
    """How a count changes by its samples, oldest first; None where they are too few or too close.

    The median of the slopes between all pairs (Theil 1950, Sen 1968): one wrong count does not move it. Only those
    that were counted as the last one was: two ways of counting differ by more than a crowd grows.
    """
    alike = [each for each in samples if each.count.way is samples[-1].count.way]
    if len(alike) < FEWEST:
        return None
    minutes = np.array([(each.at - alike[0].at).total_seconds() / 60 for each in alike])
    people = np.array([each.count.people for each in alike])
    if 60 * minutes[-1] < SHORTEST_S:
        return None
    first, second = np.triu_indices(len(alike), 1)
    apart = minutes[second] - minutes[first]
    is_apart = apart > 0
    slope = float(np.median((people[second] - people[first])[is_apart] / apart[is_apart]))
    offsets = people - slope * minutes
    spread = 1.4826 * float(np.median(np.abs(offsets - np.median(offsets))))
    still = max(STILL_PEOPLE, STILL_SHARE * float(people.mean()), STILL_SPREADS * spread)
    if abs(slope) * minutes[-1] < still:
        return Trend(slope, Course.STEADY)
    return Trend(slope, Course.GATHERING if slope > 0 else Course.DISPERSING)
