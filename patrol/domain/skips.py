"""Skips (跳过): a person has the tour leave a camera out for a while, whatever its bound."""

from __future__ import annotations

from dataclasses import dataclass

from patrol.domain.camera import CameraId

LONGEST_SKIP_S = 900.0
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Skip:
    """Do not visit a camera for ``seconds``; 0 seconds: visit it again, next of all.

    Raises ValueError for anything out of bounds, and for a skip without a reason, saying what was expected.
    """

    camera_id: CameraId
    seconds: float
    operator: str
    reason: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= LONGEST_SKIP_S:
            raise ValueError(f"seconds: expected 0 to {LONGEST_SKIP_S:g}, got {self.seconds:g}")
        if self.seconds and not self.reason.strip():
            raise ValueError("reason: expected why the camera is left out")
        if len(self.reason) > LONGEST_REASON:
            raise ValueError(f"reason: expected {LONGEST_REASON} characters at most, got {len(self.reason)}")
