"""What the model found in one frame, as a struct of arrays."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patrol.domain.burning_map import BurningMap


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes of one frame of ``width`` x ``height`` pixels.

    ``xyxy``: (n, 4) float32 pixels of that frame, origin top left, x1 <= x2 and y1 <= y2, inside the frame.
    ``class_id``: (n,) int64, an index into ``class_names``. ``confidence``: (n,) float32, 0..1.
    ``burning``: where the picture looks like fire or smoke, whatever the boxes; None where the model does not tell.
    Raises ValueError for anything else, saying what was expected and what came.
    """

    width: int
    height: int
    xyxy: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32]
    class_names: tuple[str, ...]
    burning: BurningMap | None = None

    def __post_init__(self) -> None:
        _expect("xyxy", self.xyxy, np.float32, (len(self.xyxy), 4))
        _expect("class_id", self.class_id, np.int64, (len(self.xyxy),))
        _expect("confidence", self.confidence, np.float32, (len(self.xyxy),))
        if len(self.xyxy) == 0:
            return
        if not np.isfinite(self.xyxy).all():
            raise ValueError("xyxy: expected finite numbers")
        x1, y1, x2, y2 = self.xyxy.T
        if (x1 > x2).any() or (y1 > y2).any():
            raise ValueError("xyxy: expected x1 <= x2 and y1 <= y2")
        if x1.min() < 0 or y1.min() < 0 or x2.max() > self.width or y2.max() > self.height:
            raise ValueError(f"xyxy: expected boxes inside {self.width}x{self.height}")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ValueError("confidence: expected 0..1")
        if self.class_id.min() < 0 or self.class_id.max() >= len(self.class_names):
            raise ValueError(f"class_id: expected 0..{len(self.class_names) - 1}")

    @classmethod
    def none(cls, width: int, height: int, class_names: tuple[str, ...]) -> Detections:
        """No boxes at all."""
        return cls(
            width,
            height,
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float32),
            class_names,
        )

    def __len__(self) -> int:
        return len(self.xyxy)

    def __iter__(self) -> Iterator[tuple[tuple[float, float, float, float], str, float]]:
        """Yields ``((x1, y1, x2, y2), label, confidence)`` per box."""
        for box, class_id, confidence in zip(self.xyxy, self.class_id, self.confidence, strict=True):
            x1, y1, x2, y2 = (float(v) for v in box)
            yield (x1, y1, x2, y2), self.class_names[int(class_id)], float(confidence)

    def where(self, mask: npt.NDArray[np.bool_]) -> Detections:
        """The boxes for which ``mask`` (n,) bool holds."""
        if mask.all():  # also where there is none
            return self
        some = copy(self)  # some of what was checked needs no checking: rules ask for parts many times a frame
        for name in ("xyxy", "class_id", "confidence"):
            object.__setattr__(some, name, getattr(self, name)[mask])
        return some

    def of(self, label: str, min_confidence: float = 0.0) -> Detections:
        """The boxes of one class at or above a confidence. An unknown label is simply not there."""
        if label not in self.class_names:
            return self.where(np.zeros(len(self), dtype=np.bool_))
        wanted = self.class_names.index(label)
        return self.where((self.class_id == wanted) & (self.confidence >= np.float32(min_confidence)))


def _expect(name: str, array: npt.NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name}: expected {shape} {np.dtype(dtype)}, got {array.shape} {array.dtype}")
