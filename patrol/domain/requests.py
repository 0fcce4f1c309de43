"""Requests: what operators ask of the tour."""

from __future__ import annotations

from dataclasses import dataclass

from patrol.domain.camera import CameraId
from patrol.domain.pins import Pin
from patrol.domain.skips import Skip


@dataclass(frozen=True, slots=True)
class ViewAcceptance:
    """A person looked, and says that the strange view a camera shows is its own from now on."""

    camera_id: CameraId
    operator: str


TourRequest = Pin | Skip | ViewAcceptance
