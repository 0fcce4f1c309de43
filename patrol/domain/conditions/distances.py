"""How far apart feet are on the ground, and how fast they move.

Where a camera is calibrated, in metres. Elsewhere a person's own height stands for 1.7 m: right for what lies across
the line of sight. Away from the camera a metre looks shorter, by the sine of the angle at which the camera looks
down, which is not known; ``SLANT`` is for 30 degrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from patrol.domain.ground import GroundPlane
from patrol.domain.scene import Scene, Track, TrackPoint

Points = npt.NDArray[np.float64]

PERSON_M = 1.7
SLANT = 2.0


@dataclass(frozen=True, slots=True)
class Ruler:
    """Measures on the ground of one camera's picture.

    ``aspect``: the picture's width over its height. ``slant``: by how much steps up and down in the picture are longer
    than they look, where the camera is not calibrated: SLANT so that nobody is taken for nearer or slower than they
    are, 1 so that nobody is taken for faster.
    """

    aspect: float
    ground: GroundPlane | None
    slant: float = SLANT

    @classmethod
    def of(cls, scene: Scene, slant: float = SLANT) -> Ruler:
        """For the picture of a scene."""
        return cls(scene.detections.width / scene.detections.height, scene.ground, slant)

    @property
    def is_exact(self) -> bool:
        """Whether metres are metres."""
        return self.ground is not None

    def on_ground(self, feet: Points, height: float) -> Points:
        """(n, 2) float64 shares of the picture -> (n, 2) float64 metres, from some point or other.

        ``height``: of a person there, as a share of the picture's height.
        """
        if self.ground is not None:
            return self.ground.on_ground(feet)
        return feet * (self.aspect, self.slant) * (PERSON_M / max(height, 1e-6))

    def apart(self, feet: Points, heights: Points, others: Points, their_heights: Points) -> Points:
        """(n, 2), (n,), (m, 2), (m,) float64 -> (n, m) float64 metres; infinite where that cannot be told."""
        if self.ground is not None:
            here, there = self.ground.on_ground(feet), self.ground.on_ground(others)
            with np.errstate(invalid="ignore"):
                steps = here[:, np.newaxis] - there[np.newaxis]
            return np.nan_to_num(np.hypot(steps[..., 0], steps[..., 1]), nan=np.inf, posinf=np.inf)
        steps = (feet[:, np.newaxis] - others[np.newaxis]) * (self.aspect, self.slant)
        mean = (heights[:, np.newaxis] + their_heights[np.newaxis]) / 2
        return np.asarray(np.hypot(steps[..., 0], steps[..., 1]) * PERSON_M / np.maximum(mean, 1e-6), np.float64)

    def moved(self, points: tuple[TrackPoint, ...]) -> float:
        """From the first of some points of a track to the last, metres."""
        first, last = self.on_ground(np.array([points[0].foot, points[-1].foot]), height_of(points))
        return float(np.hypot(*(last - first)))

    def velocity(self, points: tuple[TrackPoint, ...], over_s: float) -> tuple[float, float] | None:
        """The median of how it moved in all stretches of about ``over_s``, metres a second; None if it was too short.

        The median of each direction, so that a box that jumps to and fro does not move.
        """
        stretches = list(_stretches(points, over_s))
        if not stretches:
            return None
        seconds = np.array([(points[j].at - points[i].at).total_seconds() for i, j in stretches])
        ground = self.on_ground(np.array([point.foot for point in points]), height_of(points))
        steps = ground[[j for _, j in stretches]] - ground[[i for i, _ in stretches]]
        if not np.isfinite(steps).all():
            return None
        x, y = np.median(steps / seconds[:, np.newaxis], axis=0)
        return float(x), float(y)

    def speed(self, points: tuple[TrackPoint, ...], over_s: float) -> float | None:
        """How fast that is, metres a second."""
        velocity = self.velocity(points, over_s)
        return None if velocity is None else float(np.hypot(*velocity))


def _stretches(points: tuple[TrackPoint, ...], over_s: float) -> Iterator[tuple[int, int]]:
    """For each point the next one that is at least ``over_s`` later."""
    j = 0
    for i, point in enumerate(points):
        while j < len(points) and (points[j].at - point.at).total_seconds() < over_s:
            j += 1
        if j == len(points):
            return
        yield i, j


def height_of(points: tuple[TrackPoint, ...]) -> float:
    """The median height of its box, as a share of the picture's height."""
    return float(np.median([point.height for point in points]))


def lately(track: Track, at: datetime, seconds: float) -> tuple[TrackPoint, ...]:
    """A track's points of the last so many seconds."""
    return tuple(point for point in track.points if (at - point.at).total_seconds() <= seconds)


def nearest_pairs(distances: Points, within: float) -> list[tuple[int, int]]:
    """Of (n, m) distances, pairs (row, column) up to ``within``: the nearest first, each row and column once."""
    pairs: list[tuple[int, int]] = []
    rows, columns = np.nonzero(distances <= within)
    free_rows, free_columns = set(rows.tolist()), set(columns.tolist())
    for index in np.argsort(distances[rows, columns], kind="stable"):
        row, column = int(rows[index]), int(columns[index])
        if row in free_rows and column in free_columns:
            pairs.append((row, column))
            free_rows.remove(row)
            free_columns.remove(column)
    return pairs
