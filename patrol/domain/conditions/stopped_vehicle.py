"""Stopped vehicle, and illegal parking: a vehicle stays where it must not.

It is told by its place alone: the box of a vehicle of the same sort, where one was before. So it needs no tracks, and
holds from visit to visit. Of two that take turns at one place, as at a traffic light, the colours are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.conditions.base import Box, Holding, Seen, boxes_of, standing_in
from patrol.domain.conditions.distances import nearest_pairs
from patrol.domain.conditions.dwelling import longest_s, perhaps_hidden, remembered, too_long
from patrol.domain.conditions.words import counted, time_in_chinese, time_in_english
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.scene import Pixels, Scene
from patrol.domain.zones import Zone

PARKING = frozenset({"bus", "car", "motorcycle", "truck"})
# What a detector calls a van it may call a lorry in the next picture.
FOUR_WHEELS = frozenset({"bus", "car", "truck"})

# Boxes of one vehicle that stands overlap so much (intersection over union), whatever the detector does at their edges.
SAME_PLACE = 0.6
# A vehicle that is not seen for so long at least has left; less, and something stood before it.
GONE_AFTER_S = 20.0
# Colours of two vehicles differ by more than this, of 255, on an 8 x 8 grid; of one, from look to look, by less, in two
# thirds of it at least: the rest may be somebody who stands before it, or is windows and tyres, which are alike in all.
# The outermost cells are left out: they show the ground.
OTHER_COLOURS = 32.0
GRID, ALIKE_SHARE = 8, 2 / 3

Colours = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """One vehicle. ``box``: where it was first seen. ``colours``: when it was seen last, where there was a picture."""

    box: Box
    label: str
    since: datetime
    seen_at: datetime
    score: float
    looks: int = 1
    colours: Colours | None = None


@dataclass(frozen=True, slots=True)
class _Memory:
    at: datetime
    standing: tuple[_Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class StoppedVehicle:
    """At least one of these vehicles has stood in the zone for ``dwell_s`` seconds."""

    dwell_s: float = 180.0
    labels: frozenset[str] = PARKING
    min_confidence: float = 0.4
    kind: Kind = Kind.STOPPED_VEHICLE

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers every vehicle's place."""
        found = standing_in(zone, scene.detections, self.labels, self.min_confidence)
        known = memory if isinstance(memory, _Memory) else _Memory(scene.at)
        now = _looked_again(known, _all_in(found, scene), scene.at)
        stayed = too_long(now, self.dwell_s, scene.at)
        return Seen(_Memory(scene.at, remembered(now)), self._holding(stayed, scene.at) if stayed else None)

    def _holding(self, standing: list[_Standing], at: datetime) -> Holding:
        zh, en = counted(one.label for one in standing)
        stayed_s = longest_s(standing, at)
        return Holding(
            count=len(standing),
            threshold=self.dwell_s,
            score=max(one.score for one in standing),
            boxes=tuple(one.box for one in standing),
            words_zh=f"{zh}停留 {time_in_chinese(stayed_s)}（阈值 {time_in_chinese(self.dwell_s)}）",
            words_en=f"{en} stopped for {time_in_english(stayed_s)} (threshold {time_in_english(self.dwell_s)})",
            since=min(one.since for one in standing),
            is_sure=True,
        )


def _all_in(found: Detections, scene: Scene) -> list[_Standing]:
    return [
        _Standing(box, label, scene.at, scene.at, confidence, colours=_colours(scene.pixels, box))
        for box, (_, label, confidence) in zip(boxes_of(found), found, strict=True)
    ]


def _looked_again(known: _Memory, found: list[_Standing], at: datetime) -> list[_Standing]:
    """What stands there now: who stood there before, who came, and who may only be hidden."""
    unlike = np.array([[1.0 - _overlap(old, new) for new in found] for old in known.standing]).reshape(
        len(known.standing), len(found)
    )
    pairs = nearest_pairs(unlike, 1.0 - SAME_PLACE)
    again = {old: new for old, new in pairs if _is_same(known.standing[old], found[new])}
    stays = [_seen_again(known.standing[old], found[new]) for old, new in again.items()]
    came = [one for index, one in enumerate(found) if index not in again.values()]
    replaced = {old for old, new in pairs if old not in again}
    unseen = [one for index, one in enumerate(known.standing) if index not in again and index not in replaced]
    return [*stays, *perhaps_hidden(unseen, GONE_AFTER_S, known.at, at), *came]


def _seen_again(old: _Standing, new: _Standing) -> _Standing:
    return replace(old, seen_at=new.seen_at, score=new.score, looks=old.looks + 1, colours=new.colours)


def _overlap(old: _Standing, new: _Standing) -> float:
    """Intersection over union; 0 for another sort of vehicle."""
    if old.label != new.label and not {old.label, new.label} <= FOUR_WHEELS:
        return 0.0
    width = min(old.box[2], new.box[2]) - max(old.box[0], new.box[0])
    height = min(old.box[3], new.box[3]) - max(old.box[1], new.box[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(old.box) + _area(new.box) - width * height)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _is_same(old: _Standing, new: _Standing) -> bool:
    if old.colours is None or new.colours is None:
        return True
    difference = np.abs(old.colours - new.colours).mean(axis=2)[1:-1, 1:-1]
    return float(np.quantile(difference, ALIKE_SHARE)) <= OTHER_COLOURS


def _colours(pixels: Pixels | None, box: Box) -> Colours | None:
    """The box's mean colours on a grid, (8, 8, 3) int16 BGR; None without a picture, or of next to nothing."""
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    left, right = (min(max(round(x * width), 0), width) for x in (box[0], box[2]))
    top, bottom = (min(max(round(y * height), 0), height) for y in (box[1], box[3]))
    if right - left < GRID or bottom - top < GRID:
        return None
    return cv2.resize(pixels[top:bottom, left:right], (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.int16)
