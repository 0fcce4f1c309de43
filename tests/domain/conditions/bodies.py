"""People who stand, fall, sit and lie, as boxes and as pictures, played to a rule as in a focus or by visits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from patrol.domain.conditions import Fall
from patrol.domain.detections import Detections
from patrol.domain.rules import Rule
from patrol.domain.watching import Findings, Watcher
from tests.builders import at, camera
from tests.domain.conditions.moving import HEIGHT, RULE, WIDTH, Played, Truth, area

CLASSES = ("person", "bed", "car", "dog")
PixelBox = tuple[float, float, float, float]
Shape = Callable[[float], PixelBox | None]
"""The box of somebody at a second, pixels of 1280x720; None while they are not there."""


@dataclass(frozen=True)
class Body:
    """``is_known``: whether the detector knows them at a second. ``number``: who they are, for a tracker."""

    shape: Shape
    is_known: Callable[[float], bool] = lambda t: True
    label: str = "person"
    confidence: float = 0.8
    number: int = field(default_factory=count(1000).__next__)


def standing(x: float, foot: float, tall: float = 300.0) -> PixelBox:
    return x - 0.18 * tall, foot - tall, x + 0.18 * tall, foot


def lying(x: float, foot: float, tall: float = 300.0) -> PixelBox:
    return x - tall / 2, foot - 0.25 * tall, x + tall / 2, foot


def leaning(x: float, foot: float, degrees: float, tall: float = 300.0) -> PixelBox:
    """Somebody whose body has turned to the right about their feet, by so much from upright."""
    turned = math.radians(degrees)
    half = 0.18 * tall
    height = tall * math.cos(turned) + half * math.sin(turned)
    return x - half, foot - max(height, 0.25 * tall), x - half + 2 * half + tall * math.sin(turned), foot


def goes_down(x: float, foot: float, begins: float, took: float, tall: float = 300.0, rises: float = 1e9) -> Shape:
    """Stands, goes down to the right in ``took`` seconds, and stays, until they are on their feet again."""

    def shape(t: float) -> PixelBox:
        if t >= rises:
            return standing(x, foot, tall)
        share = min(1.0, max(0.0, (t - begins) / took))
        return leaning(x, foot, 90 * share**2, tall)  # slowly at first: a fall gathers speed

    return shape


def stays(box: PixelBox) -> Shape:
    return lambda t: box


def between(keyed: Sequence[tuple[float, PixelBox]]) -> Shape:
    """From (second, box) to the next, evenly."""
    seconds = [t for t, _ in keyed]

    def shape(t: float) -> PixelBox:
        x1, y1, x2, y2 = (float(np.interp(t, seconds, [box[side] for _, box in keyed])) for side in range(4))
        return x1, y1, x2, y2

    return shape


def detected(bodies: Iterable[Body], t: float) -> tuple[Detections, list[int]]:
    """What a detector finds at a second, and who each box is."""
    there = [(box, body) for body in bodies if body.is_known(t) and (box := body.shape(t)) is not None]
    found = Detections(
        WIDTH,
        HEIGHT,
        np.array([box for box, _ in there], np.float32)
        .reshape(-1, 4)
        .clip(0, (WIDTH, HEIGHT, WIDTH, HEIGHT))
        .astype(np.float32),
        np.array([CLASSES.index(body.label) for _, body in there], np.int64),
        np.array([body.confidence for _, body in there], np.float32),
        CLASSES,
    )
    return found, [body.number for _, body in there]


GROUND = np.random.default_rng(7).integers(90, 110, (HEIGHT // 8, WIDTH // 8, 1), np.uint8).repeat(8, 0).repeat(8, 1)


def painted(bodies: Iterable[Body], t: float) -> np.ndarray:
    """The picture: bright people on grey ground; who the detector does not know is there all the same."""
    pixels = GROUND.repeat(3, 2).copy()
    for body in bodies:
        box = body.shape(t) if body.label == "person" else None
        if box is not None:
            x1, y1, x2, y2 = (max(0, round(side)) for side in box)
            pixels[y1:y2, x1:x2] = 200
    return pixels


def play_bodies(
    bodies: Sequence[Body],
    times: Iterable[float],
    for_s: float = 0.0,
    with_pictures: bool = False,
    condition: Fall | None = None,
) -> Played:
    """Play people to a rule of the kind fall."""
    rule = Rule(RULE, "规则", "rule", condition or Fall(), for_s, clear_after_s=5.0, cool_down_s=60.0)
    truth = Truth()
    watcher = Watcher({RULE: rule}, new_tracker=truth)
    there = camera(zones=(area(),))
    frames: list[tuple[float, Findings]] = []
    kept: list[Detections] = []  # so that no two have one id
    for t in times:
        found, numbers = detected(bodies, t)
        truth.tell(found, numbers)
        kept.append(found)
        frames.append((t, watcher.observe(there, at(t), found, painted(bodies, t) if with_pictures else None)))
    return Played(frames, [event for _, findings in frames for event in findings.confirmed])
