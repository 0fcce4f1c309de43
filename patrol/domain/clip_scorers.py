"""Clip scorers: what may judge the last moments of a focus as a whole.

Here models of our own plug in: whatever says of a clip how sure it is that it shows a certain thing. ``fighting`` has
the first, made of a few measures of motion; a network takes its place by being a ClipScorer too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import cv2
import numpy as np

from patrol.domain.scene import Pixels

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """One frame of a clip. ``pixels``: (h, w, 3) uint8 BGR, of the size that the scorer asked for.

    ``people``: their boxes, shares of the picture. ``aspect``: the width over the height of the picture as the camera
    sends it; ``pixels`` may be squeezed.
    """

    at: datetime
    pixels: Pixels
    people: tuple[Box, ...]
    aspect: float


class ClipScorer(Protocol):
    """Judges a clip. Pure: the same clip gets the same score."""

    @property
    def seconds(self) -> float:
        """How long a clip it wants."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the pictures that it wants."""

    def score(self, clip: Sequence[Glimpse]) -> float | None:
        """0..1, how sure it is; None where it cannot tell. ``clip``: oldest first."""


def glimpse(at: datetime, pixels: Pixels, people: tuple[Box, ...], size: tuple[int, int]) -> Glimpse:
    """Take a frame into a clip."""
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return Glimpse(at, np.asarray(small, np.uint8), people, pixels.shape[1] / pixels.shape[0])
