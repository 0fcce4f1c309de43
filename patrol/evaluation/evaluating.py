"""Evaluating: every item of a folder is played, and people are looked for where boxes are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from patrol.adapters.stream import frames_of
from patrol.domain.camera import CameraId
from patrol.domain.closer import Look
from patrol.domain.detections import Detections
from patrol.domain.errors import InputError
from patrol.domain.frame import Frame
from patrol.evaluation.boxes import Judged, box_quality, judge, score
from patrol.evaluation.health import play_health
from patrol.evaluation.playing import Size, pictures_in, play, size_of
from patrol.evaluation.results import PeopleScore, Played, Results, results_of
from patrol.evaluation.ruling import NotAvailableError, watched, why_not
from patrol.evaluation.truth import CAMERA_HEALTH, PEOPLE_BOXES, Item, MotBox, read_mot
from patrol.pipeline.looking_closer import Networks
from patrol.pipeline.replaying import NO_NETWORKS
from patrol.ports import Detector, ProcessorUse

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to look for people: the model's input size, and a detector that leaves nothing out."""

    name: str
    size: Size
    detector: Detector


@dataclass(frozen=True, slots=True)
class CloserLooks:
    """What looks closer. ``finer_px``: (width, height) that pictures are scaled into where a finer look may come."""

    networks: Networks = NO_NETWORKS
    finer_px: Size | None = None


NO_CLOSER_LOOKS = CloserLooks()


async def evaluate(
    items: Sequence[Item],
    detector: Detector,
    scale_to: Size,
    passes: Sequence[Pass],
    processor: ProcessorUse,
    progress: Callable[[str], None],
    closer: CloserLooks = NO_CLOSER_LOOKS,
) -> Results:
    """Play all items. ``detector``: as it ships; ``scale_to``: what pictures are scaled into for it.

    ``progress``: told of each item before it is played. ``closer``: what looks closer where rules ask for it. Raises
    InputError for a file that cannot be read.
    """
    played: list[Played] = []
    people: list[PeopleScore] = []
    for item in items:
        progress(item.name)
        if item.kind == PEOPLE_BOXES:
            people += [await _people(item, each, processor) for each in passes]
        else:
            played.append(await _played(item, detector, scale_to, processor, closer))
    return results_of(played, people)


async def _played(
    item: Item, detector: Detector, scale_to: Size, processor: ProcessorUse, closer: CloserLooks
) -> Played:
    try:
        if item.kind == CAMERA_HEALTH:
            return Played(item, play_health(item, scale_to, processor))
        if (why := why_not(item)) is not None:
            return Played(item, None, why)
        rules = watched(item, size_of(item))
    except NotAvailableError as why:
        return Played(item, None, str(why))
    # A camera's pictures are as large, live, where its rules may look closer.
    box = closer.finer_px if closer.finer_px is not None and Look.FINER in rules.looks else scale_to
    return Played(item, await play(item, rules, detector, box, processor, closer.networks))


async def _people(item: Item, way: Pass, processor: ProcessorUse) -> PeopleScore:
    """Every picture that has boxes, through the detector alone: what it costs is its own."""
    assert item.boxes is not None
    truths = _by_frame(read_mot(item.boxes))
    files = [file for file in pictures_in(item.file) if _number(file) in truths]
    if not files:
        raise InputError(f"{item.boxes}: no box belongs to a picture in {item.file}")
    now = datetime.now(UTC)
    frames, sizes = [], []
    for file in files:
        whole = next(frames_of(file, None, None))[2]
        sizes.append((whole.shape[1], whole.shape[0]))
        frames.append(Frame(CameraId("recording"), now, next(frames_of(file, None, way.size))[2]))
    await way.detector.detect(frames[:1])  # the first call pays for what is made once
    began_s = processor.used_s()
    found = await way.detector.detect(frames)
    spent_s = processor.used_s() - began_s
    judged = [_judged(one, truths[_number(file)], size) for one, file, size in zip(found, files, sizes, strict=True)]
    return PeopleScore(
        item=item,
        pass_name=way.name,
        size=way.size,
        ap50=score(judged, 0.0).average_precision,
        ms=1000 * spent_s / len(frames),
        pictures=len(frames),
        boxes=sum(picture.truths for picture in judged),
    )


def _judged(found: Detections, truths: Sequence[MotBox], size: Size) -> Judged:
    people = found.of(PERSON)
    to_file = np.array([size[0] / people.width, size[1] / people.height] * 2, np.float32)
    boxes = np.array([truth.xyxy for truth in truths], np.float32).reshape(-1, 4)
    ignored = np.array([not truth.counts for truth in truths], np.bool_)
    return judge(box_quality(people.xyxy * to_file, boxes), people.confidence.astype(np.float64), ignored)


def _by_frame(boxes: Iterable[MotBox]) -> dict[int, list[MotBox]]:
    frames: dict[int, list[MotBox]] = {}
    for box in boxes:
        frames.setdefault(box.frame, []).append(box)
    return frames


def _number(file: Path) -> int:
    """A frame's number is its file's name; pictures that are named otherwise have none."""
    return int(file.stem) if file.stem.isdigit() else -1
