"""Scoring boxes: average precision, as PASCAL VOC has it since 2010. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patrol.adapters.yolo import overlaps

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """``average_precision``: area under precision over recall, 0..1; ``recall``: at the confidence asked for."""

    average_precision: float
    recall: float


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One picture's boxes against its truth.

    ``confidence`` (n,); ``right`` (n,) bool; ``truths``: how many there were to be found. Boxes on something that
    counts neither way are left out.
    """

    confidence: Numbers
    right: npt.NDArray[np.bool_]
    truths: int


def judge(quality: Numbers, confidence: Numbers, ignored: npt.NDArray[np.bool_]) -> Judged:
    """Give each box, surest first, the best truth that is still free: at most one box for a truth that counts.

    ``quality``: (n, m), how well each box fits each truth, above 0 if at all. ``ignored`` (m,): the truths that count
    neither way.
    """
    outcome: list[tuple[float, bool]] = []
    free = ~ignored
    for index in np.argsort(-confidence, kind="stable"):
        row = quality[index]
        counting = np.where(free, row, 0.0)
        if counting.any():
            free[counting.argmax()] = False
            outcome.append((float(confidence[index]), True))
        elif not (row[ignored] > 0).any():
            outcome.append((float(confidence[index]), False))
    sure, right = zip(*outcome, strict=True) if outcome else ((), ())
    return Judged(np.array(sure, np.float64), np.array(right, np.bool_), int((~ignored).sum()))


def score(pictures: Sequence[Judged], at_confidence: float) -> Scored:
    """All pictures together. The area is under the precision envelope at every recall."""
    truths = sum(picture.truths for picture in pictures)
    confidence = np.concatenate([picture.confidence for picture in pictures])
    right = np.concatenate([picture.right for picture in pictures])
    found = int(right[confidence > at_confidence].sum())
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0], hits])) / truths
    return Scored(float((steps * envelope).sum()), found / truths)


def box_quality(boxes: npt.NDArray[np.float32], truths: npt.NDArray[np.float32]) -> Numbers:
    """(n, m): intersection over union where it is above a half, else 0."""
    shared = overlaps(boxes, truths)
    return np.where(shared > 0.5, shared, 0.0).astype(np.float64)
