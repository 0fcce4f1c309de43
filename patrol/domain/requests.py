"""Requests: what operators ask of the tour, and what else it has to know of the room."""

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


@dataclass(frozen=True, slots=True)
class LiveSession:
    """People look at a camera live: for so many seconds that takes one of its host's sessions, besides the tour's."""

    camera_id: CameraId
    seconds: float


TourRequest = Pin | Skip | ViewAcceptance | LiveSession
