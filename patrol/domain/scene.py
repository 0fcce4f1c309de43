"""A scene: all that one frame offers to the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

import numpy as np
import numpy.typing as npt

from patrol.domain.density import DensityMap
from patrol.domain.detections import Detections
from patrol.domain.ground import GroundPlane

TrackId = NewType("TrackId", int)
NO_TRACK = TrackId(-1)
"""Of a box that belongs to no track (yet)."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """Where an object was in one frame.

    ``foot``: the middle of its box's lower edge; ``height``, ``width``: of the box; all as shares of the picture's
    height and width.
    """

    at: datetime
    foot: tuple[float, float]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Track:
    """The same object over the frames of one focus. ``points``: oldest first, at least one; bounded (see tracking)."""

    id: TrackId
    label: str
    points: tuple[TrackPoint, ...]

    @property
    def last(self) -> TrackPoint:
        """Where it was seen last."""
        return self.points[-1]

    @property
    def seconds(self) -> float:
        """How long it has been followed."""
        return (self.points[-1].at - self.points[0].at).total_seconds()


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One frame, as the rules see it.

    ``track_id``: (n,) int64, the track of each of the n boxes in ``detections``, NO_TRACK for none; all are NO_TRACK
    where frames are too far apart to follow anything. ``tracks``: those alive, also ones that no box of this frame
    belongs to. ``ground``: where the camera is calibrated. ``pixels``: the frame's picture, (height, width, 3) uint8
    BGR; None where only boxes are known. ``in_focus``: whether frames come often enough to follow objects. ``finer``,
    ``density``: closer looks that a rule asked for (see closer); None where they were not made.
    """

    at: datetime
    detections: Detections
    track_id: npt.NDArray[np.int64]
    tracks: Mapping[TrackId, Track]
    ground: GroundPlane | None = None
    pixels: Pixels | None = None
    in_focus: bool = False
    finer: Detections | None = None
    density: DensityMap | None = None

    def __post_init__(self) -> None:
        if len(self.track_id) != len(self.detections):
            raise ValueError(
                f"track_id: expected one for each of {len(self.detections)} boxes, got {len(self.track_id)}"
            )

    @classmethod
    def of(cls, at: datetime, detections: Detections) -> Scene:
        """A frame of which nothing is known but its boxes."""
        return cls(at, detections, np.full(len(detections), NO_TRACK, np.int64), {})
