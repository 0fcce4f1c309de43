"""Pins: an operator holds a camera in focus (盯控) for a while."""

from __future__ import annotations

from dataclasses import dataclass

from patrol.domain.camera import CameraId

LONGEST_S = 600.0
QUICKEST_S = 0.25  # between two looks: quicker, a video would be the better answer
USUAL_S, USUAL_EVERY_S = 60.0, 1.0  # a pin for longer is a hold: it lasts until it is let go


@dataclass(frozen=True, slots=True)
class Pin:
    """Look at a camera every ``every_s`` for ``seconds``, as far as there is capacity to spare; 0 seconds: no more.

    Raises ValueError for anything out of bounds, saying what was expected.
    """

    camera_id: CameraId
    seconds: float
    every_s: float
    operator: str

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= LONGEST_S:
            raise ValueError(f"seconds: expected 0 to {LONGEST_S:g}, got {self.seconds:g}")
        if not QUICKEST_S <= self.every_s <= LONGEST_S:
            raise ValueError(f"every_s: expected {QUICKEST_S:g} to {LONGEST_S:g}, got {self.every_s:g}")

    @property
    def is_hold(self) -> bool:
        """Whether the tour is to stay on the camera until it is let go, and no longer than it says."""
        return self.seconds > USUAL_S
