"""How well people are found, by precision and input size, against what is true.

``python -m benchmarks.evaluate_detector``. int8 is made here, by the product's own quantisation, from ``train/`` of the
recorded data, which shares no scene with the pictures it is judged on. Two sets have a truth:

- street: 4 successive frames of a busy street (MOT17-02), boxes drawn by people; what they ignore (hardly visible,
  seated, mirrored) counts neither way. One scene: the 64 boxes say less than their number.
- groups: 15 group photographs, a point on every head. A box is right if it has a head of its own where heads are.

The rest of the recorded clips has none; there it is only said how many of f32's boxes the others find again.
Ends with 1 if int8 loses more than 2 points of AP50 against f32 at the same size on either set.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.clips import shared_data
from benchmarks.figures import Report, Table, Target
from patrol.adapters.benchmark import measure
from patrol.adapters.model_store import InstalledModel, Precision, installed_model
from patrol.adapters.openvino_detector import OpenVinoDetector, available_precisions, cpu_bf16
from patrol.adapters.quantization import quantize, require_nncf
from patrol.adapters.yolo import overlaps, reading_of
from patrol.config.settings import DetectorSettings
from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame
from patrol.evaluation.boxes import Scored, box_quality, judge, score

Picture = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]

SIZES = ((640, 384), (512, 288))
MOST_LOST = 0.02
ANY_CONFIDENCE = 0.01
CONFIGURED = DetectorSettings().min_confidence
HEADS_WITHIN = 0.5  # of a box's height, from its top: people in rows are seen from the chest up
LEAST_VISIBLE = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. ``found_again``: share of f32's boxes, at the same size, on clips without a truth."""

    input_size: tuple[int, int]
    precision: Precision
    street: Scored
    groups: Scored
    found_again: float
    processor_ms: float
    street_lost: float
    groups_lost: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in one picture. ``quality``: boxes (n, 4) -> (n, m), how well each fits each truth, above 0 if at all.

    ``ignored`` (m,): the truths that count neither way.
    """

    picture: Picture
    quality: Callable[[npt.NDArray[np.float32]], Numbers]
    ignored: npt.NDArray[np.bool_]


# Scoring


def head_quality(boxes: npt.NDArray[np.float32], heads: Numbers) -> Numbers:
    """(n, m): 1 for a head in the middle of a box's upper edge, 0 outside the part of a box where heads are."""
    left, top, right, bottom = (side[:, np.newaxis].astype(np.float64) for side in boxes.T)
    across = np.abs(heads[:, 0] - (left + right) / 2) / np.maximum((right - left) / 2, 1e-9)
    down = (heads[:, 1] - top) / np.maximum(bottom - top, 1e-9) / HEADS_WITHIN
    inside = (across <= 1) & (down >= 0) & (down <= 1)
    return np.where(inside, 1 - (across + down) / 2 + 1e-6, 0.0)


# Data


def street_truths(data: Path) -> list[Truth]:
    """The frames of MOT17-02 that are there, with their boxes."""
    rows = np.loadtxt(data / "mot17-02" / "gt.txt", delimiter=",", ndmin=2)
    return [_street_truth(data, rows[rows[:, 0] == frame]) for frame in np.unique(rows[:, 0])]


def _street_truth(data: Path, rows: Numbers) -> Truth:
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1).astype(np.float32)
    counts = (rows[:, 7] == 1) & (rows[:, 6] == 1) & (rows[:, 8] > LEAST_VISIBLE)
    picture = _picture(data / "mot17-02" / f"{int(rows[0, 0]):06d}.jpg")
    return Truth(picture, lambda found: box_quality(found, boxes), ~counts)


def group_truths(data: Path) -> list[Truth]:
    """The group photographs, with their heads."""
    folder = data / "crowd_small"
    points: dict[str, list[list[float]]] = json.loads((folder / "points.json").read_text())
    return [_group_truth(_picture(folder / name), np.array(heads, np.float64)) for name, heads in points.items()]


def _group_truth(picture: Picture, heads: Numbers) -> Truth:
    return Truth(picture, lambda found: head_quality(found, heads), np.zeros(len(heads), np.bool_))


def train_pictures(data: Path) -> list[Picture]:
    """Two frames of every clip and every 16th picture of ``train/``: a couple of hundred, as cameras saw them."""
    videos = sorted((data / "train" / "fight").glob("*.mp4"))
    images = sorted((data / "train" / "fire").rglob("*.jpg"))
    return [*(frame for video in videos for frame in frames_of(video, (0.25, 0.75))), *map(_picture, images[::16])]


def untrue_pictures(data: Path) -> list[Picture]:
    """Frames of clips in which nobody drew what is true."""
    videos = [*sorted((data / "fight").glob("*.mp4"))[::4], *sorted((data / "fall").rglob("*.*"))]
    videos.append(data / "people" / "one-by-one-person-detection.mp4")
    return [frame for video in videos for frame in frames_of(video, (0.2, 0.5, 0.8))]


def frames_of(video: Path, shares: Sequence[float]) -> Iterator[Picture]:
    """The frames at these shares of a video's length; none where it cannot be read."""
    capture = cv2.VideoCapture(str(video))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    for share in shares:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(count * share))
        read, picture = capture.read()
        if read:
            yield np.asarray(picture, np.uint8)
    capture.release()


def _picture(file: Path) -> Picture:
    return np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8)


# Measuring


def found_in(
    model: InstalledModel, size: tuple[int, int], precision: Precision, pictures: Sequence[Picture]
) -> Sequence[Detections]:
    """People in each picture, however unsure the model is."""
    reading = reading_of(model.manifest.classes, ANY_CONFIDENCE, 0.7, frozenset({"person"}))
    frames = [Frame(CameraId("evaluate"), datetime.now(UTC), picture) for picture in pictures]
    with closing(OpenVinoDetector(model, reading, input_size=size, precision=precision)) as detector:
        return asyncio.run(detector.detect(frames))


def scored(truths: Sequence[Truth], found: Sequence[Detections]) -> Scored:
    """The boxes of every picture against its truth."""
    judged = [
        judge(truth.quality(one.xyxy), one.confidence.astype(np.float64), truth.ignored)
        for truth, one in zip(truths, found, strict=True)
    ]
    return score(judged, CONFIGURED)


def found_again(expected: Sequence[Detections], got: Sequence[Detections]) -> float:
    """The share of the boxes at the configured confidence that have one of ``got`` over them, 0..1."""
    hits = [
        overlaps(one.of("person", CONFIGURED).xyxy, other.of("person", CONFIGURED).xyxy).max(axis=1, initial=0) > 0.5
        for one, other in zip(expected, got, strict=True)
    ]
    return float(np.concatenate(hits).mean())


class Evaluation:
    """The data, and what f32 made of it at each size."""

    def __init__(self, model: InstalledModel, data: Path, seconds: float) -> None:
        self._model = model
        self._seconds = seconds
        self._street, self._groups = street_truths(data), group_truths(data)
        self._others = untrue_pictures(data)

    def lines(self, sizes: Sequence[tuple[int, int]]) -> Iterator[Line]:
        """Every size and precision; f32 of a size first: the others are held against it."""
        precisions = available_precisions(self._model, cpu_bf16())
        exact: dict[tuple[int, int], tuple[Scored, Scored, Sequence[Detections]]] = {}
        for size, precision in product(sizes, precisions):
            made = self._found(size, precision)
            yield self._line(size, precision, made, exact.setdefault(size, made))

    def _found(self, size: tuple[int, int], precision: Precision) -> tuple[Scored, Scored, Sequence[Detections]]:
        pictures = [*(truth.picture for truth in (*self._street, *self._groups)), *self._others]
        found = found_in(self._model, size, precision, pictures)
        street, groups = len(self._street), len(self._street) + len(self._groups)
        return scored(self._street, found[:street]), scored(self._groups, found[street:groups]), found[groups:]

    def _line(
        self,
        size: tuple[int, int],
        precision: Precision,
        made: tuple[Scored, Scored, Sequence[Detections]],
        exact: tuple[Scored, Scored, Sequence[Detections]],
    ) -> Line:
        return Line(
            size,
            precision,
            made[0],
            made[1],
            found_again(exact[2], made[2]),
            measure(self._model, size, precision, None, self._seconds).processor_ms,
            exact[0].average_precision - made[0].average_precision,
            exact[1].average_precision - made[1].average_precision,
        )


def with_fresh_int8(model: InstalledModel, data: Path, folder: Path) -> InstalledModel:
    """The model with an int8 graph made now from ``train/``. Raises ModelError where NNCF is missing."""
    require_nncf()
    made = quantize(model, train_pictures(data), folder, progress=lambda line: print(line, file=sys.stderr))
    return replace(model, openvino_int8=made.graph)


def report_of(lines: Sequence[Line]) -> Report:
    """The table, and what int8 is held against."""
    headings = (
        *("input", "precision", "street AP50", "recall", "lost"),
        *("groups AP", "recall", "lost", "found again", "processor-ms"),
    )
    rows = [
        (
            "x".join(map(str, line.input_size)),
            line.precision.value,
            *(round(line.street.average_precision, 3), round(line.street.recall, 3), round(line.street_lost, 3)),
            *(round(line.groups.average_precision, 3), round(line.groups.recall, 3), round(line.groups_lost, 3)),
            round(line.found_again, 3),
            line.processor_ms,
        )
        for line in lines
    ]
    lost = worst_loss(lines)
    target = Target("AP50 that int8 loses against f32, share", lost, MOST_LOST)
    summary = f"int8 loses {100 * lost:.1f} points of AP50 at most"
    table = Table(f"people found; recall at the configured confidence of {CONFIGURED:g}", headings, rows)
    return Report("detector-accuracy", {"lines": [asdict(line) for line in lines]}, [table], [target], summary)


def worst_loss(lines: Sequence[Line]) -> float:
    """The largest loss of AP50 that int8 has on a set with a truth."""
    return max(max(line.street_lost, line.groups_lost) for line in lines if line.precision is Precision.INT8)


def _size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return width, height


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--int8", type=Path, help="an int8 graph (.xml) to judge, instead of one made here")
    parser.add_argument("--sizes", nargs="+", type=_size, default=SIZES)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure processor time, each")
    return parser.parse_args()


def main() -> int:
    """0: int8 loses no more than it may; 1: it does; 2: that could not be measured, and why."""
    options, data = _arguments(), shared_data()
    if data is None:
        print("not measured: the recorded data are not there")
        return 2
    try:
        model = installed_model()
        with tempfile.TemporaryDirectory() as scratch:
            if options.int8 is not None:
                model = replace(model, openvino_int8=options.int8)
            else:
                model = with_fresh_int8(model, data, Path(scratch) / "int8")
            lines = list(Evaluation(model, data, options.seconds).lines(options.sizes))
    except ModelError as error:
        print(f"not measured: {error}")
        return 2
    return report_of(lines).tell()


if __name__ == "__main__":
    sys.exit(main())
