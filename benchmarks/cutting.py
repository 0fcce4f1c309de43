"""What composites are made of: which people, vehicles and places are taken from which recorded pictures.

Chosen by eye: people who can be seen from head to foot, vehicles that nothing hides, places from which those who walk
there can be taken out by the median over time. Vehicles are few in these pictures: of four that could be cut out, two
are left out as the detector hardly knows them even where they stand (a black car from above, the rear of a white one).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.composing import SIZE, Box, CutOut, Pixels, Setting, cut_by_colour, cut_by_motion, cut_by_outline
from patrol.demo.drawing import OUTLINES, photograph_file

PASSERS_BY = "people/one-by-one-person-detection.mp4"
EMPTY_FRAMES = range(0, 50, 5)
# Frames in which somebody stands there from head to foot, and where.
STANDING_FRAMES, STANDING_IN = (120, 780, 960), (300, 0, 620, 432)
STREET = "mot17-02/000001.jpg"
IN_THE_STREET: tuple[Box, ...] = ((1338, 418, 1505, 797), (586, 447, 671, 710))
# (picture, box, how tall in heights of a person)
RED_CAR: tuple[str, Box, float] = ("fire/stills/nofire_027.jpg", (39, 77, 381, 237), 0.80)
OLD_CAR: tuple[str, Box, float] = ("fire/stills/nofire_015.jpg", (57, 114, 381, 338), 1.10)
# The red car in other colours: by which channel stands for blue, green and red.
COLOURS = ((0, 1, 2), (2, 1, 0), (0, 2, 1))
HALL = tuple(f"fight/noFight_nofi0{number}.mp4" for number in (88, 89, 90, 91))
WALKWAY, WALKWAY_PART = "ped2/02", (12, 36, 360, 232)
PARKING, CROSSING = "train/fight/noFight_nofi029.mp4", "train/fight/noFight_nofi025.mp4"


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """``vehicles``: (cut-out, how tall in heights of a person). ``wide_places``: where people are small."""

    people: tuple[CutOut, ...]
    vehicles: tuple[tuple[CutOut, float], ...]
    places: tuple[Setting, ...]
    wide_places: tuple[Setting, ...]
    roads: tuple[Setting, ...]


def stock_of(data: Path) -> Stock:
    """From the folder of recorded pictures."""
    cut_outs = [*_passers_by(data), *_in_the_street(data), *_photographed()]
    walkway = _fitted(_median(_walkway(data)))
    hall = _fitted(_median(frame for file in HALL for frame in _frames(data / file, every=2)))
    return Stock(
        people=tuple(each for cut_out in cut_outs for each in (cut_out, cut_out.mirrored())),
        vehicles=tuple(_vehicles(data)),
        places=(
            Setting("walkway", walkway, ((145.0, 58.0), (350.0, 86.0))),
            Setting("hall", hall, ((100.0, 50.0), (350.0, 84.0))),
        ),
        wide_places=(Setting("walkway-far", walkway, ((145.0, 44.0), (350.0, 58.0))),),
        roads=(
            Setting("parking", _of_film(data / PARKING), ((100.0, 66.0), (350.0, 128.0))),
            Setting("crossing", _of_film(data / CROSSING), ((100.0, 66.0), (350.0, 128.0))),
        ),
    )


def _passers_by(data: Path) -> list[CutOut]:
    wanted = {*EMPTY_FRAMES, *STANDING_FRAMES}
    with av.open(str(data / PASSERS_BY)) as container:
        decoded = enumerate(container.decode(video=0))
        kept = {number: _pixels(frame) for number, frame in decoded if number in wanted}
    empty = _median(kept[number] for number in EMPTY_FRAMES)
    return [cut_by_motion(kept[number], empty, STANDING_IN) for number in STANDING_FRAMES]


def _in_the_street(data: Path) -> list[CutOut]:
    picture = _picture(data / STREET)
    return [cut_by_colour(picture, box) for box in IN_THE_STREET]


def _photographed() -> list[CutOut]:
    """The two people whose outlines the demo knows."""
    picture = _picture(photograph_file())
    outlines = json.loads(OUTLINES.read_text())["outlines"]
    return [cut_by_outline(picture, outline) for outline in outlines.values()]


def _vehicles(data: Path) -> Iterable[tuple[CutOut, float]]:
    file, box, tall = OLD_CAR
    yield cut_by_colour(_picture(data / file), box), tall
    file, box, tall = RED_CAR
    red = cut_by_colour(_picture(data / file), box)
    for channels in COLOURS:
        yield CutOut(np.ascontiguousarray(red.colour[..., channels]), red.cover), tall


def _walkway(data: Path) -> Iterable[Pixels]:
    left, top, right, bottom = WALKWAY_PART
    for file in sorted((data / WALKWAY).glob("*.jpg"))[::2]:
        yield _picture(file)[top:bottom, left:right]


def _of_film(file: Path) -> Pixels:
    return _fitted(_median(_frames(file)))


def _frames(file: Path, every: int = 1) -> list[Pixels]:
    with av.open(str(file)) as container:
        return [_pixels(frame) for number, frame in enumerate(container.decode(video=0)) if number % every == 0]


def _pixels(frame: av.VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _picture(file: Path) -> Pixels:
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(file)
    return np.asarray(picture, np.uint8)


def _median(pictures: Iterable[Pixels]) -> Pixels:
    """Who moves is not in it."""
    kept = list(pictures)
    size = (kept[0].shape[1], kept[0].shape[0])
    return np.asarray(np.median(np.stack([cv2.resize(each, size) for each in kept]), axis=0), np.uint8)


def _fitted(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
