"""Looking finely: cameras whose every visit goes through the detector at twice the resolution, as their zones need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.ports import Detector


class FinelyLooking:
    """A Detector that gives the frames of some cameras to a finer one, and all others to the usual one.

    ``min_confidence``: what the finer one, which brings unsure boxes too, must be sure of here.
    """

    def __init__(
        self, usual: Detector, finer: Detector, is_fine: Callable[[CameraId], bool], min_confidence: float
    ) -> None:
        self._usual = usual
        self._finer = finer
        self._is_fine = is_fine
        self._min_confidence = np.float32(min_confidence)

    @property
    def class_names(self) -> tuple[str, ...]:
        """See Detector."""
        return self._usual.class_names

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """See Detector."""
        fine = [self._is_fine(frame.camera_id) for frame in frames]
        others = iter(
            await _detected(self._usual, [frame for frame, is_fine in zip(frames, fine, strict=True) if not is_fine])
        )
        finer = iter(
            await _detected(self._finer, [frame for frame, is_fine in zip(frames, fine, strict=True) if is_fine])
        )
        return [self._sure(next(finer)) if is_fine else next(others) for is_fine in fine]

    def _sure(self, found: Detections) -> Detections:
        return found.where(found.confidence >= self._min_confidence)


async def _detected(detector: Detector, frames: Sequence[Frame]) -> Sequence[Detections]:
    return await detector.detect(frames) if frames else ()
