"""Looking finely: cameras whose every visit goes through the detector at twice the resolution, as their zones need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.ports import Detector


class FinelyLooking:
    """A Detector that gives the frames of some cameras to a finer one, and all others to the usual one."""

    def __init__(self, usual: Detector, finer: Detector, is_fine: Callable[[CameraId], bool]) -> None:
        self._usual = usual
        self._finer = finer
        self._is_fine = is_fine

    @property
    def class_names(self) -> tuple[str, ...]:
        """See Detector."""
        return self._usual.class_names

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """See Detector."""
        results: dict[int, Detections] = {}
        for detector, fine in ((self._usual, False), (self._finer, True)):
            own = [index for index, frame in enumerate(frames) if self._is_fine(frame.camera_id) is fine]
            if own:
                results |= zip(own, await detector.detect([frames[index] for index in own]), strict=True)
        return [results[index] for index in range(len(frames))]
