"""Density maps: how many people are where in a picture, without telling one from the other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from patrol.domain.zones import Polygon

Cells = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DensityMap:
    """The people in each cell of a picture that is divided evenly into cells.

    ``people``: (h, w) float32, finite and not below 0; cell [0, 0] is the picture's upper left corner. It counts
    heads: a person is where the head is. Raises ValueError for anything else, saying what was expected and what came.
    """

    people: Cells

    def __post_init__(self) -> None:
        if self.people.ndim != 2 or self.people.dtype != np.float32 or not self.people.size:
            raise ValueError(f"people: expected (h, w) float32, got {self.people.shape} {self.people.dtype}")
        if not np.isfinite(self.people).all() or self.people.min() < 0:
            raise ValueError("people: expected finite numbers, none below 0")

    @classmethod
    def of(cls, cells: npt.NDArray[np.floating]) -> DensityMap:
        """From a network's output, (h, w); what it puts below nobody is nobody."""
        return cls(np.maximum(np.asarray(cells, np.float32), np.float32(0)))

    @property
    def total(self) -> float:
        """People in the whole picture."""
        return float(self.people.sum(dtype=np.float64))

    def without(self, boxes: Iterable[tuple[float, float, float, float]]) -> DensityMap:
        """The same with nobody in the cells that these boxes (x1, y1, x2, y2 as shares of the picture) touch."""
        height, width = self.people.shape
        cells = self.people.copy()
        for x1, y1, x2, y2 in boxes:
            cells[int(y1 * height) : math.ceil(y2 * height), int(x1 * width) : math.ceil(x2 * width)] = 0
        return DensityMap(cells)

    def inside(self, polygon: Polygon) -> float:
        """People whose heads are in a polygon (shares of the picture); a cell counts where its middle does.

        A zone is drawn on the ground, and heads stand above it in the picture. In a crowd that goes on around the zone
        those who leave it so at its far edge are as many as come in at its near one.
        """
        height, width = self.people.shape
        x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
        shape = shapely.Polygon(polygon)
        shapely.prepare(shape)
        return float(self.people[shapely.contains_xy(shape, x, y)].sum(dtype=np.float64))
