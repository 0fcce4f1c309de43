"""Drawn pictures instead of a camera's: for unit tests, and for load without a decoder.

``synthetic:<seed>`` shows a colour gradient, a rectangle that moves and the time in figures. There is nobody in it.
The same seed and the same time always give the same picture.
"""

from __future__ import annotations

import asyncio
import zlib
from datetime import datetime
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt

from patrol.adapters.sources import fitted
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.ports import Clock

DRAWN_SIZE = (640, 360)
ROUND_S = 20.0  # the rectangle crosses the picture in that time


class SyntheticSource:
    """Draws what the camera of that seed "sees" now."""

    def __init__(self, scale_to: tuple[int, int] | None, clock: Clock) -> None:
        """``scale_to``: the box (width, height) that pictures are made to fit into."""
        self._size = fitted(*DRAWN_SIZE, scale_to)
        self._clock = clock

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """The picture of this moment. Raises CaptureError where the deadline has passed already."""
        if deadline_s <= 0:
            raise CaptureError(CaptureFailure.TIMED_OUT, "no time was left")
        await asyncio.sleep(0)  # a camera never answers without giving others their turn
        now = self._clock.now()
        return Frame(camera.id, now, drawn(urlsplit(camera.stream.reveal()).path, now, self._size))

    async def aclose(self) -> None:
        """Nothing is held."""


def drawn(seed: str, at: datetime, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The picture of ``seed`` at a time, (height, width, 3) uint8 BGR; ``size`` is (width, height)."""
    width, height = size
    number = zlib.crc32(seed.encode())
    first, second, third = (np.array(_colour(number >> shift), np.float32) for shift in (0, 8, 16))
    share = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    picture = np.repeat((first * (1 - share) + second * share).astype(np.uint8), height, axis=0)
    along = (at.timestamp() / ROUND_S + number / 2**32) % 1.0
    x, y = int(along * width), height // 3
    cv2.rectangle(picture, (x, y), (x + width // 10, y + height // 3), third.tolist(), cv2.FILLED)
    text = f"{seed[:16]} {at:%H:%M:%S}"
    cv2.putText(picture, text, (width // 40, height - height // 20), cv2.FONT_HERSHEY_SIMPLEX, height / 400, (255,) * 3)
    return picture


def _colour(number: int) -> tuple[int, int, int]:
    return 40 + number % 7 * 25, 40 + number // 7 % 7 * 25, 40 + number // 49 % 7 * 25
