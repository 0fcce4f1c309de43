"""What all conditions have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.scene import Scene, Track, TrackId, TrackPoint
from patrol.domain.zones import Zone, inside

Box = tuple[float, float, float, float]
"""(x1, y1, x2, y2) as shares of the picture's width and height."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A rule holds in a frame, and by what.

    ``count``: how many objects it holds for; ``threshold``: the number that was reached. ``score``: 0..1, how sure.
    ``words_zh``, ``words_en``: the numbers that crossed the threshold, without the zone and without how long.
    ``since``: when it began, if that was before this frame; ``until``: when it was seen last, if somebody stands before
    it now. ``is_sure``: it was seen over several frames already, so that this one is enough to make it an event.
    ``rising``: whether the count grows; None where that is not known.
    """

    count: int
    threshold: float
    score: float
    boxes: tuple[Box, ...]
    words_zh: str
    words_en: str
    since: datetime | None = None
    until: datetime | None = None
    is_sure: bool = False
    rising: bool | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a condition makes of one frame.

    ``memory``: what it wants to be given with the next frame; frozen, and bounded. ``holding``: None where it does not
    hold. ``is_worth_a_focus``: whether a closer look could tell more, although it does not hold by what is seen so far.
    """

    memory: object = None
    holding: Holding | None = None
    is_worth_a_focus: bool = False


class Condition(Protocol):
    """By what a rule holds. Its parameters are what a person sets; see config.rules."""

    @property
    def kind(self) -> Kind:
        """The kind of event it tells."""

    @property
    def labels(self) -> frozenset[str]:
        """What the detector must report for it, in the model's words."""

    @property
    def min_confidence(self) -> float:
        """What the model must be sure of, 0..1, for a box to count."""

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """Look at one frame. ``memory``: what was remembered last; None at the beginning."""


@lru_cache(maxsize=64)  # several rules, and one rule several times, ask the same of a frame
def standing_in(zone: Zone, detections: Detections, labels: frozenset[str], min_confidence: float) -> Detections:
    """The boxes of these classes that the model is sure enough of, and that stand in the zone."""
    wanted = of_classes(detections, labels, min_confidence)
    found = detections.where(wanted)
    return found.where(inside(zone, found))


def of_classes(detections: Detections, labels: frozenset[str], min_confidence: float) -> npt.NDArray[np.bool_]:
    """Which boxes are of these classes, and the model is sure enough of; (n,) bool."""
    wanted = _are_wanted(detections.class_names, labels)[detections.class_id]
    return np.asarray(wanted & (detections.confidence >= np.float32(min_confidence)), np.bool_)


@lru_cache(maxsize=64)
def _are_wanted(class_names: tuple[str, ...], labels: frozenset[str]) -> npt.NDArray[np.bool_]:
    """(classes,) bool."""
    return np.array([name in labels for name in class_names], np.bool_)


def sure_tracks(scene: Scene, labels: frozenset[str], min_confidence: float) -> dict[TrackId, tuple[Track, float]]:
    """The tracks of these classes that have a box in this frame, and how sure the model is of that box, 0..1."""
    wanted = of_classes(scene.detections, labels, min_confidence)
    found = zip(scene.track_id[wanted], scene.detections.confidence[wanted], strict=True)
    return {
        name: (scene.tracks[name], float(confidence))
        for number, confidence in found
        if (name := TrackId(int(number))) in scene.tracks
    }


def box_of(point: TrackPoint) -> Box:
    """The box that an object had there."""
    x, y = point.foot
    return x - point.width / 2, y - point.height, x + point.width / 2, y


def boxes_of(detections: Detections) -> tuple[Box, ...]:
    """All boxes as shares of the picture."""
    scale = np.array([detections.width, detections.height, detections.width, detections.height], np.float64)
    return tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in detections.xyxy / scale)


def mean_confidence(detections: Detections) -> float:
    """0..1; 0 for none."""
    return float(detections.confidence.mean()) if len(detections) else 0.0
