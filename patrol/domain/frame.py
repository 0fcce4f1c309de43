"""Frames: one picture of one camera at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from patrol.domain.camera import CameraId


class CaptureClock(StrEnum):
    """Whose clock a frame's capture time is from."""

    ARRIVAL = "arrival"  # when its last byte reached us
    STREAM = "stream"  # when the camera says it was taken (RTCP sender reports), where that can be true


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture.

    ``captured_at``: aware UTC, by ``clock``. ``pixels``: (height, width, 3) uint8, BGR, origin top left.
    Raises ValueError for another shape or type, or a naive time.
    """

    camera_id: CameraId
    captured_at: datetime
    pixels: npt.NDArray[np.uint8]
    clock: CaptureClock = CaptureClock.ARRIVAL

    def __post_init__(self) -> None:
        if self.captured_at.tzinfo is None:
            raise ValueError(f"captured_at: expected an aware time, got {self.captured_at!r}")
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels: expected (height, width, 3) uint8, got {self.pixels.shape} {self.pixels.dtype}")

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[0])
