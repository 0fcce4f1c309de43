"""Confirming: detections through the rules; what holds for long enough goes to alerting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from patrol.domain.camera import Camera, CameraId
from patrol.domain.clips import AFTER_S
from patrol.domain.detections import Detections
from patrol.domain.events import Event
from patrol.domain.frame import Frame
from patrol.domain.masks import blackened
from patrol.domain.rules import Rule
from patrol.domain.visits import Asker
from patrol.domain.watching import Findings
from patrol.metrics import Metrics
from patrol.pipeline.filming import FilmSide, NotFilming
from patrol.pipeline.looking_closer import LookingCloser
from patrol.pipeline.showing import NotShowing, WallSide
from patrol.ports import Clock

# What a rule wants to see more of is looked at four times a second, in spare capacity: a suspicion until it is
# confirmed or dropped, and no longer than this; what a closer look could tell more of for so long at a time.
SUSPICION_S, CURIOSITY_S = 10.0, 6.0
FOCUS_EVERY_S = 0.25
# A visit that began before a camera's masks were changed brings its picture after that, and it waits for the detector.
UNDER_WAY_S = 20.0
CONFIRMED_AFTER_S = 2.0  # a rule must hold for its time, and the focus has to begin first


class TourSide(Protocol):
    """What confirming tells the tour."""

    def seen(self, frame: Frame, people: int) -> None:
        """The frame went through detector and rules."""

    def dropped(self, frame: Frame) -> None:
        """The frame never will."""

    def pin(self, camera_id: CameraId, seconds: float, every_s: float, asker: Asker) -> None:
        """Look again soon, and for so long; 0 seconds: no more for this asker."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A confirmed event with the frame that confirmed it. ``in_focus``: it was filmed, so that there can be a clip."""

    event: Event
    camera: Camera
    frame: Frame
    detections: Detections
    in_focus: bool = False


class AlertSide(Protocol):
    """Where confirmed events go."""

    async def submit(self, sighting: Sighting) -> None:
        """Take it; waits while too many wait. Never loses one."""


class Confirming:
    """Takes what became of each frame; see FrameFate."""

    def __init__(
        self,
        cameras: Mapping[CameraId, Camera],
        rules: LookingCloser,
        tour: TourSide,
        alerting: AlertSide,
        clock: Clock,
        metrics: Metrics,
        film: FilmSide | None = None,
        wall: WallSide | None = None,
    ) -> None:
        self._cameras = cameras
        self._rules = rules
        self._tour = tour
        self._alerting = alerting
        self._clock = clock
        self._metrics = metrics
        self._film = film or NotFilming()
        self._wall = wall or NotShowing()
        self._masked_anew_until: dict[CameraId, float] = {}

    async def processed(self, frame: Frame, detections: Detections) -> None:
        """Let the rules see the detections of one frame."""
        camera = self._cameras[frame.camera_id]
        frame = self._masked_anew(frame, camera)
        began = self._clock.monotonic()
        findings = await self._rules.observe(camera, frame, detections)
        self._metrics.stages.took("rules", camera.ring, self._clock.monotonic() - began)
        self._tour.seen(frame, people=len(detections.of("person")))
        self._wall.see(frame, detections)
        for rule in findings.suspected:
            self._metrics.alerts.suspicions.labels(rule.kind.value, camera.ring.value).inc()
        in_focus = self._film.see(frame, is_wanted=bool(findings.suspected or findings.worth_a_focus))
        self._focus(camera.id, findings, in_focus)
        for event in findings.confirmed:
            self._metrics.alerts.events.labels(event.kind.value, camera.ring.value).inc()
            await self._alerting.submit(Sighting(event, camera, frame, detections, in_focus))

    def redrawn(self, before: Camera, after: Camera) -> None:
        """See redrawing.Redrawn. What is on its way was hidden by other masks."""
        if before.masks != after.masks:
            self._masked_anew_until[after.id] = self._clock.monotonic() + UNDER_WAY_S

    def _masked_anew(self, frame: Frame, camera: Camera) -> Frame:
        until = self._masked_anew_until.get(camera.id)
        if until is None:
            return frame
        if self._clock.monotonic() > until:
            del self._masked_anew_until[camera.id]
            return frame
        return replace(frame, pixels=blackened(frame.pixels.copy(), camera.masks))

    def _focus(self, camera_id: CameraId, findings: Findings, in_focus: bool) -> None:
        """Ask the tour for more of the camera, or for less."""

        def pin(seconds: float, asker: Asker) -> None:
            self._tour.pin(camera_id, seconds, FOCUS_EVERY_S, asker)

        if findings.suspected:
            pin(_for_s(findings.suspected, SUSPICION_S), Asker.SUSPICION)
        elif findings.is_settled:
            pin(0.0, Asker.SUSPICION)
        if findings.worth_a_focus:
            pin(_for_s(findings.worth_a_focus, CURIOSITY_S), Asker.CURIOSITY)
        if findings.confirmed and in_focus:
            pin(AFTER_S, Asker.CLIP)

    def dropped(self, frame: Frame) -> None:
        """The frame never went through the detector."""
        self._tour.dropped(frame)


def _for_s(wanting: Sequence[Rule], least_s: float) -> float:
    return max(least_s, max(rule.for_s for rule in wanting) + CONFIRMED_AFTER_S)
