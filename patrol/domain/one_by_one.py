"""Counting people one by one in two looks at the same frame: the detector's own pass, and one at twice the resolution.

What is large the network knows better from its own pass, what is small only from the finer one: whoever is tall enough
for both counts by what both say.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from patrol.domain.detections import Detections

# As shares of the picture's height: who is less tall than the first, some 40 of 384 pixels, is left to the finer look;
# from the second on, three times that, both looks say as much; between them the own pass says the more the taller.
SEEN_FROM, SEEN_WELL_FROM = 0.1, 0.3
# Two boxes that overlap so much (intersection over union) are one person, in one look or in both.
SAME = 0.45
# What both looks must be sure of on average, as a share of what a box of one must be. At a half, 67 are told for 68
# people in 4 frames of a street (at three quarters 51, by the finer look alone 48), and 64 for 97 in 42 training clips
# of fights (48, and 47).
AGREED = 0.5

Boxes = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def in_both(usual: Detections, finer: Detections, min_confidence: float) -> Detections:
    """The people that two looks at one frame show together, each once.

    ``usual``: those of the detector's own pass; ``finer``: those of the finer look, with the unsure ones; both people
    alone, in pixels of the same frame. ``min_confidence``: what a box of one look must be sure of, 0..1. Each comes
    with the box, and the confidence, of the look that is surer of it.
    """
    both = _together(usual, finer)
    belongs_to = _belonging(both.xyxy, both.confidence)
    by_usual, by_finer = np.zeros(len(both)), np.zeros(len(both))
    of_usual = np.arange(len(both)) < len(usual)
    np.maximum.at(by_usual, belongs_to[of_usual], both.confidence[of_usual])
    np.maximum.at(by_finer, belongs_to[~of_usual], both.confidence[~of_usual])
    says = _says(both)
    agreed = (says * by_usual + by_finer) / (says + 1)
    return both.where((belongs_to == np.arange(len(both))) & (agreed >= AGREED * min_confidence))


def _together(usual: Detections, finer: Detections) -> Detections:
    if (usual.width, usual.height, usual.class_names) != (finer.width, finer.height, finer.class_names):
        raise ValueError(
            f"expected two looks at one frame by one model, got {usual.width}x{usual.height} and "
            f"{finer.width}x{finer.height}, {len(usual.class_names)} and {len(finer.class_names)} classes"
        )
    return Detections(
        usual.width,
        usual.height,
        np.concatenate([usual.xyxy, finer.xyxy]),
        np.concatenate([usual.class_id, finer.class_id]),
        np.concatenate([usual.confidence, finer.confidence]),
        usual.class_names,
    )


def _says(people: Detections) -> npt.NDArray[np.float64]:
    """(n,) How much the own pass says about people of their height, 0..1, where the finer look says 1."""
    height = (people.xyxy[:, 3] - people.xyxy[:, 1]).astype(np.float64) / people.height
    return np.clip((height - SEEN_FROM) / (SEEN_WELL_FROM - SEEN_FROM), 0.0, 1.0)


def _belonging(xyxy: Boxes, confidence: npt.NDArray[np.float32]) -> Indices:
    """(n,) For each box the surest of its person; for that one itself. Surest first, each joins whom it fits best."""
    overlap = _overlaps(xyxy)
    belongs_to = np.arange(len(xyxy))
    surest: list[int] = []
    for index in np.argsort(-confidence, kind="stable"):
        shared = overlap[index, surest]
        if len(surest) and shared.max() > SAME:
            belongs_to[index] = surest[int(shared.argmax())]
        else:
            surest.append(int(index))
    return belongs_to


def _overlaps(xyxy: Boxes) -> npt.NDArray[np.float64]:
    """(n, n) Intersection over union of every box with every other."""
    boxes = xyxy.astype(np.float64)
    sides = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    shared = np.clip(sides, 0.0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    together = areas[:, None] + areas[None, :] - shared
    return np.asarray(shared / np.maximum(together, 1e-9), np.float64)  # boxes without an area are nobody else's
