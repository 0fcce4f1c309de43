"""The ground plane of a calibrated camera: from points in the picture to metres on the ground.

Calibration is in ``calibrating``; here is what comes of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patrol.domain.zones import Polygon

Homography = tuple[float, float, float, float, float, float, float, float, float]
"""A 3 x 3 matrix row by row, from shares of the picture's width and height to metres, both homogeneous. The third
homogeneous coordinate is positive below the horizon, where the ground is."""

Floats = npt.NDArray[np.float64]

# A zone nearer to the horizon than this share of its own lowest point's distance holds almost all of its area there,
# where a picture tells nothing of it.
NEAREST_HORIZON = 0.02


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its uncertainty, one standard deviation, in the same unit."""

    value: float
    error: float

    @property
    def relative_error(self) -> float:
        """``error`` as a share of ``value``."""
        return self.error / abs(self.value) if self.value else math.inf


@dataclass(frozen=True, slots=True)
class GroundPlane:
    """A homography from shares of the picture's width and height to metres on the ground, and how sure it is.

    ``variants``: what it would be if one of the things it rests on were off by one standard deviation, one for each;
    they are independent, so that any measure's uncertainty is the root of the sum of its squared changes.
    """

    homography: Homography
    variants: tuple[Homography, ...] = ()

    @classmethod
    def with_error(cls, homography: Homography, error: float) -> GroundPlane:
        """A plane whose lengths are all off together by ``error``, a share of themselves, one standard deviation."""
        return cls(homography, (scaled(homography, 1.0 + error),))

    def with_more_error(self, error: float) -> GroundPlane:
        """As sure as it is, but for lengths that may be off all together by ``error``, a share of themselves, too."""
        return GroundPlane(self.homography, (*self.variants, scaled(self.homography, 1.0 + error)))

    def on_ground(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, 2) float64 shares of the picture -> (n, 2) float64 metres. A point at the horizon becomes infinite."""
        return mapped(self.homography, points)

    def in_picture(self, metres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, 2) float64 metres -> (n, 2) float64 shares of the picture; not-a-number where the camera cannot see."""
        inverse = np.linalg.inv(matrix_of(self.homography))
        shares = np.column_stack([metres, np.ones(len(metres))]) @ inverse.T
        # With the third coordinate positive on the ground both ways, it is negative behind the camera.
        shares[shares[:, 2] <= 0] = np.nan
        return np.asarray(shares[:, :2] / shares[:, 2:], np.float64)

    def reaches_horizon(self, polygon: Polygon) -> bool:
        """Whether a polygon in the picture reaches up to where the ground ends, or so near that nothing is sure."""
        distances = depths(self.homography, np.asarray(polygon, np.float64))
        return bool(distances.min() <= NEAREST_HORIZON * distances.max())

    def area(self, polygon: Polygon) -> Measured | None:
        """Square metres of ground in a polygon of the picture; None where it reaches the horizon."""
        if self.reaches_horizon(polygon):
            return None
        points = np.asarray(polygon, np.float64)
        return self.measured(lambda homography: _area(mapped(homography, points)))

    def measured(self, measure: Callable[[Homography], float]) -> Measured:
        """What a measure of the plane is, and by how much the plane's uncertainty lets it vary."""
        value = measure(self.homography)
        changes = [measure(variant) - value for variant in self.variants]
        return Measured(value, math.sqrt(sum(change * change for change in changes)))


def matrix_of(homography: Homography) -> Floats:
    """(3, 3) float64."""
    return np.array(homography, np.float64).reshape(3, 3)


def homography_of(matrix: Floats) -> Homography:
    """From (3, 3), its overall factor such that the last row is of length 1; the sign is kept."""
    a, b, c, d, e, f, g, h, i = (float(each) for each in (matrix / np.linalg.norm(matrix[2])).ravel())
    return (a, b, c, d, e, f, g, h, i)


def scaled(homography: Homography, factor: float) -> Homography:
    """With all lengths on the ground ``factor`` times as long."""
    return homography_of(np.diag([factor, factor, 1.0]) @ matrix_of(homography))


def mapped(homography: Homography, points: Floats) -> Floats:
    """(n, 2) float64 shares of the picture -> (n, 2) float64 metres."""
    ground = np.column_stack([points, np.ones(len(points))]) @ matrix_of(homography).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ground[:, :2] / ground[:, 2:], np.float64)


def depths(homography: Homography, points: Floats) -> Floats:
    """(n,) how far below the horizon each point of the picture is, without a unit; zero on it, negative above."""
    return np.asarray(np.column_stack([points, np.ones(len(points))]) @ matrix_of(homography)[2], np.float64)


def _area(metres: Floats) -> float:
    """Of a polygon, (n, 2); the shoelace formula, around its first corner for precision far from the origin."""
    x, y = (metres - metres[0]).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
