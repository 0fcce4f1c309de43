"""Whether the change test is safe, and what it saves: ``python -m benchmarks.evaluate_change``.

Every pair of pictures of one place, 1, 5, 15 and 30 seconds apart, of which the detector found the first empty: if the
second has a person in it, the test must say so. Three sets, each reported by itself:

- recorded: the clips as they are. Few hold empty scenes: next to nobody films nothing.
- emptied: every frame against an empty scene made of the clip itself (the median over time), where nobody stays.
- composed: passers-by cut out of a recorded clip, shrunk, faded towards the background, with noise and JPEG over
  it, put into empty scenes. Made, not filmed; but it reaches down to the faintest the detector finds.

Truth is what the float model finds at the configured confidence. Light, weather and shadows of a whole day are in none
of these sets, so the share of skipped pictures holds for quiet minutes only.
Ends with 1 if anybody is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.clips import shared_data
from benchmarks.figures import Report, Table, Target
from patrol.adapters.model_store import Precision, installed_model
from patrol.adapters.openvino_detector import OpenVinoDetector
from patrol.adapters.yolo import reading_of
from patrol.config.settings import DetectorSettings
from patrol.domain.camera import CameraId
from patrol.domain.change import ChangeMemory, ChangeSettings, ChangeVerdict, strength, thumbnail
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame

T = TypeVar("T")
Picture = npt.NDArray[np.uint8]

SIZE = (640, 360)
GAPS_S = (1.0, 5.0, 15.0, 30.0)
STEP_S = 0.5
BATCH = 64
MOST_FRAMES = 400
FEWEST_FOR_MEDIAN = 20  # fewer frames, and somebody who stands still is part of the scene
PASSERS_BY = "people/one-by-one-person-detection.mp4"


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame of a clip at ``at_s`` seconds; ``people``: how many the detector found; ``event``: one is on."""

    picture: Picture
    at_s: float
    people: int
    event: bool

    @property
    def matters(self) -> bool:
        """It must not be skipped."""
        return self.people > 0 or self.event


@dataclass(slots=True)
class Tally:
    """Pairs whose first picture is empty. ``came``: with a person in the second; ``missed``: of those, not noticed.

    ``empty``: with nobody in the second either; ``skipped``: of those, left out. ``closest``: the weakest change that
    a person made, over what still counts as one: at 1 the first would be missed.
    """

    came: int = 0
    missed: int = 0
    empty: int = 0
    skipped: int = 0
    closest: float = math.inf

    def add(self, somebody: bool, change: float) -> None:
        """Count one pair; ``change``: its strength."""
        if somebody:
            self.came += 1
            self.missed += change <= 1
            self.closest = min(self.closest, change)
        else:
            self.empty += 1
            self.skipped += change <= 1

    def __iadd__(self, other: Tally) -> Tally:
        """Both together."""
        self.came += other.came
        self.missed += other.missed
        self.empty += other.empty
        self.skipped += other.skipped
        self.closest = min(self.closest, other.closest)
        return self


class People:
    """The detector, asked for people only, and only how many."""

    def __init__(self) -> None:
        model = installed_model()
        reading = reading_of(model.manifest.classes, DetectorSettings().min_confidence, 0.7, frozenset({"person"}))
        self._detector = OpenVinoDetector(model, reading, precision=Precision.F32)

    def in_each(self, pictures: Sequence[Picture]) -> list[int]:
        """How many people each picture holds."""
        return [len(found) for found in self.found(pictures)]

    def found(self, pictures: Sequence[Picture]) -> list[Detections]:
        """The people in each picture."""
        frames = [Frame(CameraId("evaluate"), datetime.now(UTC), picture) for picture in pictures]
        batches = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
        return [found for batch in batches for found in asyncio.run(self._detector.detect(batch))]

    def close(self) -> None:
        """Give the detector back."""
        self._detector.close()


# Recorded


@dataclass(frozen=True, slots=True)
class Clip:
    """A recorded clip, one picture every half second or so. ``events``: (start, end) in seconds."""

    name: str
    pictures: list[tuple[float, Picture]]
    events: list[tuple[float, float]]


def clips_in(data: Path) -> Iterator[Clip]:
    """Every recorded clip with a rate of frames."""
    for line in (data / "truth.jsonl").read_text().splitlines():
        clip = json.loads(line)
        if clip["media"] in {"video", "frames"} and "fps" in clip:
            read = _video if clip["media"] == "video" else _folder
            events = [(float(event["start_s"]), float(event["end_s"])) for event in clip["events"]]
            yield Clip(clip["path"], list(read(data / clip["path"], float(clip["fps"]))), events)


def _video(file: Path, fps: float) -> Iterator[tuple[float, Picture]]:
    capture = cv2.VideoCapture(str(file))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    step = max(1, round(STEP_S * fps), count // MOST_FRAMES)
    index = 0
    while capture.grab():
        if index % step == 0:
            _, picture = capture.retrieve()
            yield index / fps, _fitted(np.asarray(picture, np.uint8))
        index += 1
    capture.release()


def _folder(folder: Path, fps: float) -> Iterator[tuple[float, Picture]]:
    files = sorted(file for file in folder.iterdir() if file.suffix in {".jpg", ".png", ".tif"})
    for index in range(0, len(files), max(1, round(STEP_S * fps))):
        yield index / fps, _fitted(np.asarray(cv2.imread(str(files[index])), np.uint8))


def _fitted(picture: Picture) -> Picture:
    """In the shape in which the tour's pictures come."""
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def recorded(samples: Sequence[Sample], gap_s: float, settings: ChangeSettings) -> Tally:
    """All pairs of one clip that are ``gap_s`` apart, the first one empty."""
    tally = Tally()
    small = [thumbnail(sample.picture) for sample in samples]
    for first, before in enumerate(samples):
        later = next((n for n, sample in enumerate(samples) if sample.at_s >= before.at_s + gap_s - 1e-6), None)
        if before.people == 0 and later is not None:
            tally.add(samples[later].people > 0, strength(small[first], small[later], settings))
    return tally


def toured(samples: Sequence[Sample], gap_s: float, settings: ChangeSettings) -> tuple[ChangeMemory, int]:
    """The clip as the tour would visit it, forced looks and all: its memory, and how many skipped visits mattered."""
    memory, camera, missed, due = ChangeMemory(settings), CameraId("clip"), 0, 0.0
    for sample in samples:
        if sample.at_s < due - 1e-6:
            continue
        due = sample.at_s + gap_s
        small = thumbnail(sample.picture)
        if memory.decide(camera, small) is ChangeVerdict.SKIPPED:
            missed += sample.matters
        else:
            memory.looked(camera, small, seen=sample.people > 0)
    return memory, missed


# Made


def empty_scene(pictures: Sequence[Picture]) -> Picture:
    """The scene without those who pass: the median over time."""
    return np.asarray(np.median(np.stack(pictures), axis=0), np.uint8)


@dataclass(frozen=True, slots=True)
class CutOut:
    """A person without a background: ``pixels`` (h, w, 3) uint8 and ``opacity`` (h, w) float32, 0..1."""

    pixels: Picture
    opacity: npt.NDArray[np.float32]


def cut_out(picture: Picture, scene: Picture, box: npt.NDArray[np.float32]) -> CutOut:
    """The person in ``box`` (4,) xyxy: where the picture differs from the empty scene, with soft edges."""
    left, top, right, bottom = box.astype(int)
    person, behind = picture[top:bottom, left:right], scene[top:bottom, left:right]
    differs = (cv2.absdiff(person, behind).max(axis=2) > 18).astype(np.float32)
    filled = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    return CutOut(person, np.asarray(cv2.GaussianBlur(filled, (5, 5), 0), np.float32))


@dataclass(frozen=True, slots=True)
class Faintness:
    """How hard a composed person is to see: height in pixels, contrast 0..1, noise's sigma in grey, JPEG quality."""

    height_px: int
    contrast: float
    noise: float
    quality: int


def compose(
    scene: Picture, person: CutOut, how: Faintness, rng: np.random.Generator
) -> tuple[Picture, Picture, Picture]:
    """(the empty scene, the same again, the scene with the person), each with noise and JPEG of its own."""
    width = max(3, round(person.pixels.shape[1] * how.height_px / person.pixels.shape[0]))
    pixels = cv2.resize(person.pixels, (width, how.height_px), interpolation=cv2.INTER_AREA)
    opacity = cv2.resize(person.opacity, (width, how.height_px), interpolation=cv2.INTER_AREA)[..., np.newaxis]
    left = int(rng.integers(0, scene.shape[1] - width))
    top = int(rng.integers(0, scene.shape[0] - how.height_px))
    with_person = scene.astype(np.float32)
    place = with_person[top : top + how.height_px, left : left + width]
    place += opacity * np.float32(how.contrast) * (pixels - place)
    return _as_sent(scene, how, rng), _as_sent(scene, how, rng), _as_sent(with_person, how, rng)


def _as_sent(picture: npt.NDArray[np.float32] | Picture, how: Faintness, rng: np.random.Generator) -> Picture:
    noisy = picture + rng.normal(0, how.noise, picture.shape)
    _, jpeg = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, how.quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def any_faintness(rng: np.random.Generator) -> Faintness:
    """From plain to see to lost for any detector."""
    return Faintness(
        int(rng.integers(14, 120)), float(rng.uniform(0.15, 1)), float(rng.uniform(0, 6)), int(rng.integers(35, 90))
    )


def composed(
    scenes: Sequence[Picture], persons: Sequence[CutOut], people: People, pairs: int, settings: ChangeSettings
) -> Tally:
    """Empty pictures against themselves, and against one with a person whom the detector still finds."""
    rng, tally = np.random.default_rng(0), Tally()
    for _ in range(0, pairs, BATCH):
        drawn = [compose(_one_of(scenes, rng), _one_of(persons, rng), any_faintness(rng), rng) for _ in range(BATCH)]
        were, came = (people.in_each([pictures[index] for pictures in drawn]) for index in (0, 2))
        for (before, again, now), was, is_there in zip(drawn, were, came, strict=True):
            if was == 0:
                small = thumbnail(before)
                tally.add(False, strength(small, thumbnail(again), settings))
                if is_there:
                    tally.add(True, strength(small, thumbnail(now), settings))
    return tally


def _one_of(some: Sequence[T], rng: np.random.Generator) -> T:
    return some[int(rng.integers(len(some)))]


def passers_by(samples: Sequence[Sample], scene: Picture, people: People) -> list[CutOut]:
    """Those who are alone in a picture and wholly in it."""
    alone = [sample.picture for sample in samples if sample.people == 1]
    boxes = [found.xyxy[0] for found in people.found(alone)]
    inside = [bool(box.min() > 4 and box[2] < SIZE[0] - 4 and box[3] < SIZE[1] - 4) for box in boxes]
    return [cut_out(picture, scene, box) for picture, box, whole in zip(alone, boxes, inside, strict=True) if whole]


def emptied(samples: Sequence[Sample], scene: Picture, settings: ChangeSettings) -> Tally:
    """Every frame of a clip against the empty scene made of it."""
    tally, before = Tally(), thumbnail(scene)
    for sample in samples:
        tally.add(sample.people > 0, strength(before, thumbnail(sample.picture), settings))
    return tally


# The whole


def cost_us(samples: Sequence[Sample], settings: ChangeSettings) -> float:
    """Processor time of a thumbnail and a test, microseconds."""
    before = thumbnail(samples[0].picture)
    began, count = time.process_time(), 0
    while time.process_time() - began < 0.5:
        strength(before, thumbnail(samples[count % len(samples)].picture), settings)
        count += 1
    return 1e6 * (time.process_time() - began) / count


@dataclass(slots=True)
class Toured:
    """Clips visited as the tour would, at one gap.

    ``wrongly``: of the ``skipped`` visits, those with people in the picture or inside an event of the ground truth.
    """

    visits: int = 0
    skipped: int = 0
    wrongly: int = 0

    def add(self, memory: ChangeMemory, missed: int) -> None:
        """Count one clip."""
        self.visits += sum(memory.counts.values())
        self.skipped += memory.counts[ChangeVerdict.SKIPPED]
        self.wrongly += missed


@dataclass(slots=True)
class Figures:
    """All that was measured. ``pairs`` and ``toured`` by gap in seconds. ``cost_us``: of a thumbnail and a test."""

    pairs: dict[str, Tally]
    toured: dict[str, Toured]
    emptied: Tally
    composed: Tally
    cost_us: float = 0.0

    @property
    def came(self) -> int:
        """People who came, in all sets of pairs."""
        return sum(tally.came for tally in (*self.pairs.values(), self.emptied, self.composed))

    @property
    def missed(self) -> int:
        """People who came and were not noticed, and visits skipped that mattered, in all sets."""
        tallies = (*self.pairs.values(), self.emptied, self.composed)
        return sum(tally.missed for tally in tallies) + sum(toured.wrongly for toured in self.toured.values())


def measure_change(data: Path, people: People, pairs: int, settings: ChangeSettings) -> Figures:
    """All clips, one after another; then what is composed of them."""
    gaps = [f"{gap:g}" for gap in GAPS_S]
    figures = Figures({gap: Tally() for gap in gaps}, {gap: Toured() for gap in gaps}, Tally(), Tally())
    scenes: list[Picture] = []
    persons: list[CutOut] = []
    for clip in clips_in(data):
        samples = _looked_through(clip, people)
        _count_pairs(figures, samples, settings)
        scene = empty_scene([sample.picture for sample in samples[:: max(1, len(samples) // 40)]])
        if len(samples) >= FEWEST_FOR_MEDIAN and people.in_each([scene]) == [0]:
            scenes.append(scene)
            figures.emptied += emptied(samples, scene, settings)
            if clip.name == PASSERS_BY:
                persons, figures.cost_us = passers_by(samples, scene, people), cost_us(samples, settings)
    figures.composed = composed(scenes, persons, people, pairs, settings)
    return figures


def _looked_through(clip: Clip, people: People) -> list[Sample]:
    counts = people.in_each([picture for _, picture in clip.pictures])
    return [
        Sample(picture, at_s, count, any(start <= at_s <= end for start, end in clip.events))
        for (at_s, picture), count in zip(clip.pictures, counts, strict=True)
    ]


def _count_pairs(figures: Figures, samples: Sequence[Sample], settings: ChangeSettings) -> None:
    for gap_s in GAPS_S:
        figures.pairs[f"{gap_s:g}"] += recorded(samples, gap_s, settings)
        figures.toured[f"{gap_s:g}"].add(*toured(samples, gap_s, settings))


def report_of(figures: Figures) -> Report:
    """The tables, and the one promise."""
    tallies = [*((f"recorded, {gap} s", tally) for gap, tally in figures.pairs.items())]
    pairs = [
        (name, tally.came, tally.missed, tally.closest, tally.empty, tally.skipped)
        for name, tally in [*tallies, ("emptied", figures.emptied), ("composed", figures.composed)]
    ]
    tours = [(f"every {gap} s", tour.visits, tour.skipped, tour.wrongly) for gap, tour in figures.toured.items()]
    skipped, empty = figures.composed.skipped, figures.composed.empty
    summary = (
        f"{figures.missed} of {figures.came} people came unnoticed; of empty, still scenes {skipped} of {empty} are"
        f" skipped; {figures.cost_us:.0f} us of processor time a visit"
    )
    return Report(
        "change",
        asdict(figures),
        [
            Table(
                "pairs whose first picture is empty", ("set", "came", "missed", "closest", "empty", "skipped"), pairs
            ),
            Table("clips visited as the tour does", ("", "visits", "skipped", "wrongly"), tours),
        ],
        [Target("people who came unnoticed", figures.missed, 0)],
        summary,
    )


def main() -> int:
    """0: nobody was missed; 1: somebody was; 2: not measured, and why."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=512, help="composed pairs to draw")
    options, data = parser.parse_args(), shared_data()
    if data is None:
        print("not measured: the recorded data are not there")
        return 2
    try:
        with closing(People()) as people:
            figures = measure_change(data, people, options.pairs, ChangeSettings())
    except ModelError as error:
        print(f"not measured: {error}")
        return 2
    return report_of(figures).tell()


if __name__ == "__main__":
    sys.exit(main())
