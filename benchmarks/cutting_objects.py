"""What composites of left and taken objects are made of: places, people and things, in two parts.

``develop`` is what the rules were worked out on, ``report`` what they are measured on. No place, nobody and no thing is
in both. Things were chosen by eye: such as somebody may carry, seen whole, and no piece of anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.composing import SIZE, Box, CutOut, Pixels, Setting, cut_by_colour
from benchmarks.cutting import PASSERS_BY, stock_of

DEVELOP, REPORT = "develop", "report"
NOBODY_YET_FRAMES = 50
GARAGE = "fight/noFight_nofi032.mp4"
# Of the people of composites (see cutting) so many, mirrored ones included, come from the clip of passers-by.
PASSERS_BY_PEOPLE = 6
# (picture or film, box in it, how tall in heights of a person)
THINGS: dict[str, tuple[tuple[str, str, Box, float], ...]] = {
    DEVELOP: (
        ("handbag", "crowd_small/train_9.jpg", (566, 474, 642, 592), 0.21),
        ("bucket", "train/fight/noFight_nofi145.mp4", (716, 313, 785, 403), 0.22),
        ("chair", "fire/stills/nofire_021.jpg", (420, 213, 586, 400), 0.50),
        ("pot", "fire/stills/fire_026.jpg", (155, 350, 272, 420), 0.16),
    ),
    REPORT: (
        ("basket", "crowd_small/train_19.jpg", (375, 443, 437, 563), 0.24),
        ("paper-bag", "train/fight/noFight_nofi145.mp4", (489, 495, 550, 582), 0.24),
        ("flower-pot", "fire/stills/nofire_003.jpg", (0, 182, 58, 310), 0.34),
        ("armchair", "fire/stills/nofire_020.jpg", (148, 538, 502, 893), 0.55),
        ("bin", "fight/noFight_nofi088.mp4", (267, 36, 304, 90), 0.45),
        ("bottle", "fall/S3_ADL_18.mp4", (580, 324, 602, 382), 0.20),
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Something that somebody may leave. ``tall``: in heights of a person."""

    name: str
    cut_out: CutOut
    tall: float


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A place, and where in it things are put, pixels: ``near`` and ``far`` from the camera."""

    setting: Setting
    near: tuple[float, float]
    far: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Props:
    """All of one part."""

    grounds: tuple[Ground, ...]
    people: tuple[CutOut, ...]
    things: tuple[Thing, ...]


def props_of(data: Path, part: str) -> Props:
    """From the folder of recorded pictures."""
    stock = stock_of(data)
    walkway, hall = stock.places
    if part == DEVELOP:
        table = Setting("table", _middle(data / PASSERS_BY, NOBODY_YET_FRAMES), ((250.0, 230.0), (340.0, 310.0)))
        parking = next(one for one in stock.roads if one.name == "parking")
        grounds = [Ground(table, (350.0, 318.0), (250.0, 285.0)), Ground(parking, (300.0, 290.0), (240.0, 190.0))]
        people = stock.people[:PASSERS_BY_PEOPLE]
    else:
        garage = Setting("garage", _middle(data / GARAGE), ((150.0, 90.0), (340.0, 200.0)))
        grounds = [
            Ground(walkway, (330.0, 300.0), (260.0, 200.0)),
            Ground(hall, (300.0, 285.0), (200.0, 165.0)),
            Ground(garage, (300.0, 300.0), (200.0, 200.0)),
        ]
        people = stock.people[PASSERS_BY_PEOPLE:]
    things = [Thing(name, cut_by_colour(_shown(data / file), box), tall) for name, file, box, tall in THINGS[part]]
    return Props(tuple(grounds), tuple(people), tuple(things))


def _shown(file: Path) -> Pixels:
    """A picture; the middle of a film, in its own size."""
    if file.suffix == ".jpg":
        return np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8)
    return _median(_frames(file)[::4])


def _middle(file: Path, first: int | None = None) -> Pixels:
    """A place as it is when those who move are left out."""
    frames = _frames(file, first)
    return np.asarray(cv2.resize(_median(frames[:: max(1, len(frames) // 25)]), SIZE, interpolation=cv2.INTER_AREA))


def _frames(file: Path, first: int | None = None) -> list[Pixels]:
    with av.open(str(file)) as container:
        decoded = enumerate(container.decode(video=0))
        found = []
        for number, frame in decoded:
            if first is not None and number >= first:
                break
            found.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
    return found


def _median(frames: Sequence[Pixels]) -> Pixels:
    return np.asarray(np.median(np.stack(frames), axis=0), np.uint8)
