"""Fire and smoke.

A single picture is a weak witness: clothes, lamps and a low sun have a flame's colours, walls and clouds are as grey as
smoke. So a visit that sees some asks for a focus, and the focus decides: flames flicker, smoke drifts (flicker). What
a focus found steady is left alone for a while. Where no focus comes, three visits that agree tell it. And what has
looked like that for a long time belongs to the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.burning import BY_COLOUR, Box, Burning, FireFinder, Part, places_in
from patrol.domain.conditions.base import Holding, Seen, boxes_of, of_classes
from patrol.domain.events import Kind
from patrol.domain.flicker import MOST_GLANCES, SMOKE_LEAST_S, Drift, Flicker, Glance, drift, flicker, glance, is_enough
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone, are_inside

BOTH = frozenset(Part)
# So much of the certainty that tells by one picture is worth a closer look; over a focus it may tell, too.
WORTH_A_FOCUS = 0.7
# In a focus, so many of its frames must show it.
OFTEN = 0.6
# What a focus found steady is left alone for so long, unless it has grown by so much.
STEADY_FOR = timedelta(minutes=10)
GROWN = 2.0
MOST_STEADY = 16
# After so many frames of a focus without a decision, what is there is steady.
DECIDED_AFTER = 12
# A warm place lies on somebody who wears it if so much of it does.
WORN = 0.6

PEOPLE_AND_VEHICLES = frozenset({"person", "bicycle", "bus", "car", "motorcycle", "truck"})


@dataclass(frozen=True, slots=True)
class FireSmoke:
    """Fire or smoke, of the ``parts`` that are asked for, stands in the zone.

    ``min_confidence``: how sure one picture must be. ``finder``: what tells it in one picture where the detector's
    network does not.
    """

    parts: frozenset[Part] = BOTH
    min_confidence: float = 0.5
    finder: FireFinder = BY_COLOUR
    kind: Kind = Kind.FIRE_SMOKE
    labels: frozenset[str] = PEOPLE_AND_VEHICLES

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers the frames of a focus, small, what was steady, and how the place usually looks."""
        known = memory if isinstance(memory, _Memory) else _Memory()
        if scene.pixels is None:
            return Seen(replace(known, glances=()))
        hidden = boxes_of(scene.detections.where(of_classes(scene.detections, PEOPLE_AND_VEHICLES, 0.0)))
        people = boxes_of(scene.detections.of("person"))
        burning = scene.detections.burning
        told = places_in(burning) if burning is not None else self.finder.find(scene.pixels)
        found = [one for one in told if self._counts(one, zone, people)]
        now = glance(scene.at, scene.pixels, hidden, found)
        usual = _used_to(known.usual, now)
        steady = tuple(one for one in known.steady if scene.at < one.until)
        new = [one for one in found if not _is_usual(one, now, known.usual) and not _is_steady(one, steady)]
        if not scene.in_focus:
            return self._visited(new, scene.at, _Memory((), steady, usual, known.sure_since))
        glances = (*known.glances, now)[-MOST_GLANCES:]
        return self._focused(new, _Memory(glances, steady, usual, known.sure_since))

    def _counts(self, one: Burning, zone: Zone, people: Sequence[Box]) -> bool:
        if one.part not in self.parts or one.score < WORTH_A_FOCUS * self.min_confidence:
            return False
        middle = np.array([[(one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2]])
        if not are_inside(zone, middle)[0]:
            return False
        return one.part is Part.SMOKE or all(_share_in(one.box, person) < WORN for person in people)

    def _visited(self, new: Sequence[Burning], at: datetime, memory: _Memory) -> Seen:
        """By single pictures: it holds from the second visit in a row that is sure, so that the third tells it. Before
        that a focus has time to come, and to say otherwise."""
        sure = [one for one in new if one.score >= self.min_confidence]
        is_again = bool(sure) and memory.sure_since is not None
        memory = replace(memory, sure_since=(memory.sure_since or at) if sure else None)
        holding = self._holding([_Told(one.part, one.box, one.score) for one in sure]) if is_again else None
        return Seen(memory, holding, is_worth_a_focus=holding is None and bool(new))

    def _focused(self, new: Sequence[Burning], memory: _Memory) -> Seen:
        if not is_enough(memory.glances):
            return Seen(memory, is_worth_a_focus=bool(new))
        told, steady = [], []
        for one in new:
            if one.part is Part.SMOKE and not is_enough(memory.glances, SMOKE_LEAST_S):
                continue
            over = _over(one, memory.glances)
            if over.share < OFTEN:
                continue
            burns = _evidence(one, memory.glances)
            if burns is not None and over.score >= WORTH_A_FOCUS * self.min_confidence:
                told.append(_Told(one.part, one.box, (over.score + burns) / 2, over.since))
            elif burns is None and len(memory.glances) >= DECIDED_AFTER:
                steady.append(_Steady(one.part, one.box, memory.glances[-1].at + STEADY_FOR))
        memory = replace(memory, steady=(*memory.steady, *steady)[-MOST_STEADY:])
        return Seen(memory, self._holding(told) if told else None, is_worth_a_focus=bool(new) and not told)

    def _holding(self, told: Sequence[_Told]) -> Holding:
        since = [one.since for one in told if one.since is not None]
        parts = [part for part in Part if any(one.part is part for one in told)]
        seen_zh = "盯控中见闪动、飘散" if since else "多次巡视所见一致"
        seen_en = "flickering or drifting in a focus" if since else "in picture after picture"
        surest = max(one.score for one in told)
        return Holding(
            count=len(told),
            threshold=self.min_confidence,
            score=surest,
            boxes=tuple(one.box for one in told),
            words_zh=f"疑似{'和'.join(CHINESE[part] for part in parts)}，{seen_zh}，把握 {surest:.0%}",
            words_en=f"{' and '.join(part.value for part in parts)}, {seen_en}, {surest:.0%} sure",
            since=min(since, default=None),
            is_sure=bool(since),
        )


CHINESE = {Part.FIRE: "明火", Part.SMOKE: "烟雾"}


@dataclass(frozen=True, slots=True)
class _Told:
    """``since``: when it was first seen in this focus; None outside of one."""

    part: Part
    box: Box
    score: float
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Steady:
    """A place that looked like it and did not flicker or drift."""

    part: Part
    box: Box
    until: datetime


# How a place usually looks


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """Over the last quarter of an hour, or as long as it is known; (16, 24) float32 each, 5 kB.

    ``warm``: the share of each cell that has a flame's colours. ``detail``: the strength of its edges, logarithmic.
    ``fire``: how sure it was that each cell burns, 0..1.
    """

    at: datetime
    looks: int
    warm: _Cells
    detail: _Cells
    fire: _Cells


_Cells = npt.NDArray[np.float32]
_GRID = (24, 16)
USUAL_S, USUAL_EVERY_S = 900.0, 5.0
# Before so many looks nothing is usual: whoever begins to look while it burns shall be told.
LEAST_LOOKS = 60
# A fire is new if it makes a place warm that was less than half as warm; smoke, if it takes so much of its detail.
HALF, LESS_DETAIL = 0.5, 0.15


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """``glances``: of the focus that goes on, MOST_GLANCES at most. ``steady``: MOST_STEADY at most. ``sure_since``:
    the first of the visits that were sure, up to the last one."""

    glances: tuple[Glance, ...] = ()
    steady: tuple[_Steady, ...] = ()
    usual: _Usual | None = None
    sure_since: datetime | None = None


def _looks_of(now: Glance) -> tuple[_Cells, _Cells, _Cells]:
    grey = now.grey.astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    strength = cv2.resize(cv2.magnitude(across, down), _GRID, interpolation=cv2.INTER_AREA)
    warm = cv2.resize(now.warm.astype(np.float32) / 255, _GRID, interpolation=cv2.INTER_AREA)
    fire = np.zeros((_GRID[1], _GRID[0]), np.float32)
    for one in now.found:
        if one.part is Part.FIRE:
            cells = _cells_of(one.box)
            fire[cells] = np.maximum(fire[cells], one.score)
    return np.asarray(warm, np.float32), np.asarray(np.log1p(strength), np.float32), fire


def _used_to(usual: _Usual | None, now: Glance) -> _Usual:
    """What is usual with this look; a look every few seconds counts, and each at least as much as those before."""
    if usual is None:
        return _Usual(now.at, 1, *_looks_of(now))
    since_s = (now.at - usual.at).total_seconds()
    if since_s < USUAL_EVERY_S - 1.0:
        return usual
    weight = np.float32(max(1 / (usual.looks + 1), min(1.0, since_s / USUAL_S)))
    warm, detail, fire = _looks_of(now)
    return _Usual(
        now.at,
        usual.looks + 1,
        usual.warm + weight * (warm - usual.warm),
        usual.detail + weight * (detail - usual.detail),
        usual.fire + weight * (fire - usual.fire),
    )


def _is_usual(one: Burning, now: Glance, usual: _Usual | None) -> bool:
    if usual is None or usual.looks < LEAST_LOOKS:
        return False
    rows, columns = _cells_of(one.box)
    warm, detail, _ = _looks_of(now)
    if one.part is Part.FIRE:
        is_as_warm = usual.warm[rows, columns].sum() >= HALF * warm[rows, columns].sum()
        # A network also knows flames that a camera shows white or pink: of these, only where it usually saw them.
        is_as_sure = warm[rows, columns].any() or usual.fire[rows, columns].mean() >= HALF * one.score
        return bool(is_as_warm and is_as_sure)
    # Night and fog take detail everywhere: smoke takes more than that.
    lost = usual.detail - detail
    return bool(lost[rows, columns].mean() - np.median(lost) < LESS_DETAIL)


def _cells_of(box: Box) -> tuple[slice, slice]:
    columns, rows = _GRID
    left, top = min(int(box[0] * columns), columns - 1), min(int(box[1] * rows), rows - 1)
    right, bottom = max(left + 1, int(np.ceil(box[2] * columns))), max(top + 1, int(np.ceil(box[3] * rows)))
    return slice(top, bottom), slice(left, right)


def _is_steady(one: Burning, steady: Sequence[_Steady]) -> bool:
    return any(
        known.part is one.part and _touch(known.box, one.box) and _area(one.box) < GROWN * _area(known.box)
        for known in steady
    )


# Over a focus


@dataclass(frozen=True, slots=True)
class _Over:
    """``share``: of the frames of a focus that show it. ``score``: the mean of these. ``since``: the first of them."""

    share: float
    score: float
    since: datetime


def _over(one: Burning, glances: Sequence[Glance]) -> _Over:
    scores, since = [], glances[-1].at
    for each in reversed(glances):
        alike = [found.score for found in each.found if found.part is one.part and _touch(found.box, one.box)]
        if alike:
            scores.append(max(alike))
            since = each.at
    return _Over(len(scores) / len(glances), sum(scores) / max(1, len(scores)), since)


def _evidence(one: Burning, glances: Sequence[Glance]) -> float | None:
    """How sure its movement makes it, 0.5..1; None if it does not move as fire and smoke do."""
    if one.part is Part.FIRE:
        flickers: Flicker = flicker(glances, one.box)
        return min(1.0, 0.5 + flickers.change) if flickers.is_flame else None
    drifts: Drift = drift(glances, one.box)
    return min(1.0, 0.5 + drifts.spread / 2) if drifts.is_smoke else None


def _touch(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _share_in(box: Box, other: Box) -> float:
    """The share of a box that lies in another."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return width * height / max(_area(box), 1e-9) if width > 0 and height > 0 else 0.0
