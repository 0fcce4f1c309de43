"""Every port on one screen: what the pipeline needs from the outside, named for the need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from patrol.domain.camera import Camera
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame


class Clock(Protocol):
    """Time, injected: wall time for people, monotonic time for timers."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds; never goes back; its zero means nothing."""

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class FrameSource(Protocol):
    """Looks at one camera once."""

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """Open, take one picture, close; the frame may be scaled down to what the detector needs.

        Raises CaptureError, at the latest after ``deadline_s``. Holds no session after it returned.
        """


class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it can find, by class id."""

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One result per frame, in order, in pixels of that frame; a batch equals its frames one by one."""
