"""Boxes that move as people and vehicles do, played to a rule as in live: single visits, a focus, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from patrol.domain.camera import Camera
from patrol.domain.conditions import Condition
from patrol.domain.detections import Detections
from patrol.domain.events import Event
from patrol.domain.ground import GroundPlane
from patrol.domain.rules import Rule
from patrol.domain.tracking import NewTracker, TrackIds
from patrol.domain.watching import Findings, Watcher
from patrol.domain.zones import RuleId, Zone, ZoneId
from tests.builders import WHOLE_PICTURE, at, camera

CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
WIDTH, HEIGHT = 1280, 720
RULE = RuleId("rule")

Place = tuple[float, float]
Path = Callable[[float], Place | None]
"""Where an object stands at a second, in pixels of 1280x720; None while it cannot be seen."""


@dataclass(frozen=True)
class Mover:
    """An object. ``size``: (width, height) in pixels. ``number``: who it is, for a tracker that errs never."""

    path: Path
    size: tuple[float, float] = (40.0, 100.0)
    label: str = "person"
    confidence: float = 0.8
    number: int = field(default_factory=count().__next__)


def stays(x: float, y: float) -> Path:
    """It stands there."""
    return lambda t: (x, y)


def goes(start: Place, velocity: Place, begins: float = 0.0, ends: float = np.inf) -> Path:
    """It goes on, in pixels a second; there only from one second to another."""
    x, y = start
    dx, dy = velocity
    return lambda t: (x + dx * (t - begins), y + dy * (t - begins)) if begins <= t < ends else None


def legs(*points: tuple[float, float, float]) -> Path:
    """It goes straight from (second, x, y) to the next; not there before the first and after the last."""
    seconds, xs, ys = zip(*points, strict=True)

    def path(t: float) -> Place | None:
        if not seconds[0] <= t <= seconds[-1]:
            return None
        return float(np.interp(t, seconds, xs)), float(np.interp(t, seconds, ys))

    return path


def hidden(path: Path, *spans: tuple[float, float]) -> Path:
    """Not seen from one second to another."""
    return lambda t: None if any(begins <= t < ends for begins, ends in spans) else path(t)


def trembling(path: Path, pixels: float, seed: int = 0) -> Path:
    """With so much noise (a standard deviation) of the feet."""
    noise = np.random.default_rng(seed).normal(0, pixels, (4096, 2))

    def shaken(t: float) -> Place | None:
        place = path(t)
        dx, dy = noise[round(t * 100) % len(noise)]
        return None if place is None else (place[0] + float(dx), place[1] + float(dy))

    return shaken


def picture(movers: Iterable[Mover], t: float) -> tuple[Detections, list[int]]:
    """What a detector sees at a second, and who each box is."""
    rows: list[tuple[tuple[float, float, float, float], Mover]] = []
    for mover in movers:
        place = mover.path(t)
        if place is None:
            continue
        (x, y), (width, height) = place, mover.size
        box = (x - width / 2, y - height, x + width / 2, y)
        if box[2] > 0 and box[0] < WIDTH and box[3] > 0 and box[1] < HEIGHT:
            rows.append((box, mover))
    xyxy = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    found = Detections(
        WIDTH,
        HEIGHT,
        np.clip(xyxy, 0, (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32),
        np.array([CLASSES.index(mover.label) for _, mover in rows], np.int64),
        np.array([mover.confidence for _, mover in rows], np.float32),
        CLASSES,
    )
    return found, [mover.number for _, mover in rows]


class Truth:
    """Trackers that know who each box is: one for each time that frames come often."""

    def __init__(self) -> None:
        self._numbers: dict[int, list[int]] = {}

    def tell(self, detections: Detections, numbers: list[int]) -> None:
        """Who the boxes of a frame are."""
        self._numbers[id(detections)] = numbers

    def __call__(self) -> Truth:
        return self

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        return np.array(self._numbers[id(detections)], np.int64)


@dataclass
class Played:
    """What became of it. ``frames``: (second, what that frame changed)."""

    frames: list[tuple[float, Findings]]
    events: list[Event]

    @property
    def confirmed_s(self) -> list[float]:
        """At which seconds events were confirmed."""
        return [(event.confirmed_at - at(0)).total_seconds() for event in self.events]

    @property
    def asked_s(self) -> list[float]:
        """At which seconds a closer look was asked for."""
        return [t for t, findings in self.frames if findings.worth_a_focus]


def seconds(until: float, fps: float = 4.0, since: float = 0.0) -> list[float]:
    """When frames come."""
    return [since + index / fps for index in range(int((until - since) * fps))]


def area(polygon: Sequence[Place] = WHOLE_PICTURE, **changes: object) -> Zone:
    return Zone(ZoneId("zone"), "东区", "east", tuple(polygon), (RULE,), **changes)  # type: ignore[arg-type]


def line(first: Place, second: Place) -> Zone:
    return Zone(ZoneId("zone"), "边线", "edge", (), (RULE,), line=(first, second))


def play(
    condition: Condition,
    zone: Zone,
    movers: Sequence[Mover],
    times: Iterable[float],
    new_tracker: NewTracker | None = None,
    ground: GroundPlane | None = None,
    for_s: float = 0.0,
    clear_after_s: float = 5.0,
) -> Played:
    """Play what moves to a rule with this condition, at these seconds."""
    rule = Rule(RULE, "规则", "rule", condition, for_s, clear_after_s, cool_down_s=60.0)
    truth = Truth()
    watcher = Watcher({RULE: rule}, new_tracker=new_tracker or truth)
    watched: Camera = camera(zones=(zone,), ground=ground)
    frames: list[tuple[float, Findings]] = []
    kept: list[Detections] = []  # so that no two have one id
    for t in times:
        found, numbers = picture(movers, t)
        truth.tell(found, numbers)
        kept.append(found)
        frames.append((t, watcher.observe(watched, at(t), found)))
    return Played(frames, [event for _, findings in frames for event in findings.confirmed])
