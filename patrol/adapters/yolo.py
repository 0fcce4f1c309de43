"""What every YOLO detector shares: fitting a picture to the network's input, and reading boxes from its output."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError

PADDING = 114  # the grey the network was trained with
STRIDE = 32


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the network's input: ``input = picture * scale + (left_px, top_px)``."""

    scale: float
    left_px: int
    top_px: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Which boxes to read from the output.

    ``min_confidence``: 0..1, boxes at or below it are left out. ``max_overlap``: two boxes of one class that overlap
    more (intersection over union) are one object. ``wanted``: class ids to report, None for all.
    """

    class_names: tuple[str, ...]
    min_confidence: float = 0.25
    max_overlap: float = 0.7
    max_boxes: int = 300
    wanted: tuple[int, ...] | None = None


def reading_of(
    class_names: tuple[str, ...], min_confidence: float, max_overlap: float, labels: frozenset[str] | None
) -> Reading:
    """A Reading from labels instead of ids. Raises ModelError for a label the model does not know."""
    unknown = sorted((labels or frozenset()) - set(class_names))
    if unknown:
        raise ModelError(f"the model does not know {', '.join(map(repr, unknown))}; it knows: {', '.join(class_names)}")
    wanted = None if labels is None else tuple(sorted(class_names.index(label) for label in labels))
    return Reading(class_names, min_confidence, max_overlap, wanted=wanted)


def checked_input_size(size: tuple[int, int]) -> tuple[int, int]:
    """``size`` (width, height) itself, if the network can take it. Raises ModelError."""
    if any(side < STRIDE or side % STRIDE for side in size):
        raise ModelError(f"input size {size[0]}x{size[1]}: expected both sides to be multiples of {STRIDE}")
    return size


def fitting_input_size(frame_size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The network's input (width, height) that a frame of ``frame_size`` fills best: its longer side ``longest``
    pixels, the other as the frame's shape wants it, both rounded up to multiples of 32."""
    scale = longest / max(frame_size)
    width, height = (max(STRIDE, math.ceil(side * scale / STRIDE - 1e-9) * STRIDE) for side in frame_size)
    return width, height


def letterbox(pixels: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], Placement]:
    """The picture fitted into ``input_size`` (width, height): aspect kept, centred, grey around it.

    ``pixels``: (h, w, 3) uint8. Returns (input height, input width, 3) uint8, contiguous; the very same array where
    it fits already.
    """
    if (pixels.shape[1], pixels.shape[0]) == input_size:
        return np.ascontiguousarray(pixels), Placement(1.0, 0, 0)
    canvas = Canvas(input_size)
    return canvas.pixels, canvas.show(pixels)


class Canvas:
    """A network's input that is filled in place, again and again. ``pixels``: (height, width, 3) uint8."""

    def __init__(self, input_size: tuple[int, int]) -> None:
        """``input_size``: (width, height)."""
        self.pixels = np.full((input_size[1], input_size[0], 3), PADDING, np.uint8)
        self._shown = (0, 0)

    def show(self, picture: npt.NDArray[np.uint8]) -> Placement:
        """Fit ``picture`` (h, w, 3) uint8 in: aspect kept, centred, grey around it."""
        height, width = self.pixels.shape[:2]
        frame_height, frame_width = picture.shape[:2]
        scale = min(width / frame_width, height / frame_height)
        inner = (max(1, round(frame_width * scale)), max(1, round(frame_height * scale)))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        if inner != self._shown:  # the pictures of one place have one shape: the grey around them stays
            self.pixels[:] = PADDING
            self._shown = inner
        _scale_into(self.pixels[top : top + inner[1], left : left + inner[0]], picture)
        return Placement(scale, left, top)


def _scale_into(place: npt.NDArray[np.uint8], picture: npt.NDArray[np.uint8]) -> None:
    if place.shape == picture.shape:
        place[:] = picture
    else:
        cv2.resize(picture, (place.shape[1], place.shape[0]), dst=place, interpolation=cv2.INTER_LINEAR)


def read_output(
    output: npt.NDArray[np.float32], placement: Placement, frame_size: tuple[int, int], reading: Reading
) -> Detections:
    """The boxes in one picture's raw output, in pixels of the frame, surest first.

    ``output``: (4 + classes, candidates) float32: centre x, centre y, width, height in pixels of the network's input,
    then one confidence per class. ``frame_size``: (width, height) of the frame before it was fitted.
    """
    boxes, class_id, confidence = _candidates(output, reading)
    if len(boxes) == 0:
        return Detections.none(*frame_size, reading.class_names)
    keep = _without_duplicates(boxes, class_id, confidence, reading)
    xyxy = _to_frame(boxes[keep], placement, frame_size)
    visible = (xyxy[:, 0] < xyxy[:, 2]) & (xyxy[:, 1] < xyxy[:, 3])  # a box wholly in the grey is nothing
    found = Detections(*frame_size, xyxy, class_id[keep], confidence[keep], reading.class_names)
    return found if visible.all() else found.where(visible)


def overlaps(boxes: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Intersection over union of every box (n, 4) xyxy with every other (m, 4) xyxy; (n, m) float32, 0..1."""
    top_left = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])
    bottom_right = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:])
    shared = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(axis=1) for b in (boxes, others))
    together = areas[:, np.newaxis] + other_areas - shared
    return np.asarray(shared / np.maximum(together, np.float32(1e-9)), np.float32)


def _candidates(
    output: npt.NDArray[np.float32], reading: Reading
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Boxes (n, 4) centre-and-size, class ids (n,) and confidences (n,) worth a closer look.

    Looks only at the rows of wanted classes first (one of 80, most of the time), then at all classes of the few
    that are left: a box belongs to its best class, also where that one is not wanted.
    """
    few = output[:, np.flatnonzero(_surest_wanted(output[4:], reading.wanted) > reading.min_confidence)]
    class_id = few[4:].argmax(axis=0)
    if reading.wanted is not None:
        wanted = np.zeros(len(output) - 4, np.bool_)
        wanted[list(reading.wanted)] = True
        asked_for = wanted[class_id]
        few, class_id = few[:, asked_for], class_id[asked_for]
    # Reduced precision may round a certain box just above 1.
    confidence = np.minimum(few[4:].max(axis=0, initial=0.0), np.float32(1))
    return few[:4].T, class_id, confidence


def _surest_wanted(scores: npt.NDArray[np.float32], wanted: tuple[int, ...] | None) -> npt.NDArray[np.float32]:
    """Of every candidate the highest confidence in a wanted class; (candidates,)."""
    if wanted is not None and len(wanted) == 1:
        return np.asarray(scores[wanted[0]])  # as it lies: nothing to compare, nothing to copy
    rows = scores if wanted is None else scores[list(wanted)]
    return np.asarray(rows.max(axis=0, initial=0.0))


def _without_duplicates(
    boxes: npt.NDArray[np.float32],
    class_id: npt.NDArray[np.int64],
    confidence: npt.NDArray[np.float32],
    reading: Reading,
) -> npt.NDArray[np.int64]:
    """Indices (m,) of the boxes to keep, surest first."""
    corners = boxes.astype(np.float64)
    corners[:, :2] -= corners[:, 2:] / 2
    kept = np.asarray(
        cv2.dnn.NMSBoxesBatched(
            corners.tolist(), confidence.tolist(), class_id.tolist(), reading.min_confidence, reading.max_overlap
        ),
        np.int64,
    ).reshape(-1)
    order = np.argsort(-confidence[kept], kind="stable")
    return kept[order][: reading.max_boxes]


def _to_frame(
    boxes: npt.NDArray[np.float32], placement: Placement, frame_size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """(n, 4) centre-and-size in input pixels -> (n, 4) xyxy in frame pixels, cut at the frame's edges."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    xyxy -= np.array([placement.left_px, placement.top_px] * 2, np.float32)
    xyxy /= np.float32(placement.scale)
    return np.asarray(np.clip(xyxy, 0, np.array(frame_size * 2, np.float32)), np.float32)
