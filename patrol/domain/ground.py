"""The ground plane of a calibrated camera: from points in the picture to metres on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class GroundPlane:
    """A homography (3 x 3, row by row) from shares of the picture's width and height to metres on the ground."""

    homography: tuple[float, float, float, float, float, float, float, float, float]

    def on_ground(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, 2) float64 shares of the picture -> (n, 2) float64 metres. A point at the horizon becomes infinite."""
        matrix = np.array(self.homography).reshape(3, 3)
        mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(mapped[:, :2] / mapped[:, 2:], dtype=np.float64)
