"""Where in one picture it looks like fire or smoke, cell by cell, as a network sees it.

A network says log odds of every cell of a grid over the picture. Here they become places: what hangs together, as sure
as its surest spot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Cells = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class BurningMap:
    """``fire``, ``smoke``: (rows, columns) float32, the log odds of each cell of a grid over the whole picture; 0 is
    worth being told if other pictures agree. Raises ValueError where they are not of one shape."""

    fire: Cells
    smoke: Cells

    def __post_init__(self) -> None:
        if self.fire.ndim != 2 or self.fire.shape != self.smoke.shape or 0 in self.fire.shape:
            raise ValueError(f"expected two maps of one shape, got {self.fire.shape} and {self.smoke.shape}")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a map. ``box``: (x1, y1, x2, y2) as shares of the picture. ``log_odds``: of its surest spot."""

    box: Box
    log_odds: float


def spots(cells: Cells, over: int, least: float) -> tuple[Spot, ...]:
    """The places whose surest spot has log odds of ``least`` or more, surest first.

    ``cells``: (rows, columns) float32 log odds. ``over``: a spot is the mean of so many cells each way, an odd number;
    a place is all that hangs together of spots of ``least`` or more.
    """
    means = np.asarray(cv2.blur(cells, (over, over), borderType=cv2.BORDER_REPLICATE), np.float32)
    return tuple(sorted(_spots(means, least), key=lambda one: -one.log_odds))


def surest(cells: Cells, over: int) -> float:
    """The log odds of the surest spot; see spots."""
    return float(cv2.blur(cells, (over, over), borderType=cv2.BORDER_REPLICATE).max())


def _spots(means: Cells, least: float) -> Iterator[Spot]:
    rows, columns = means.shape
    number, labels, stats, _ = cv2.connectedComponentsWithStats((means >= least).astype(np.uint8), connectivity=8)
    for label in range(1, number):
        left, top, width, height = (int(value) for value in stats[label][:4])
        box = (left / columns, top / rows, (left + width) / columns, (top + height) / rows)
        yield Spot(box, float(means[labels == label].max()))
