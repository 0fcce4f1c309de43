"""Inspecting: whether a captured picture is its camera's own, and fit to be looked at.

A picture of another scene goes no farther: no alert is ever made from it, and its camera counts as unseen.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.camera_health import HealthStep
from patrol.domain.drawing import uncovers
from patrol.domain.errors import CaptureFailure, StoreError
from patrol.domain.frame import Frame
from patrol.domain.health_memory import HealthMemory, Identity
from patrol.domain.health_settings import DEFAULT, HealthSettings
from patrol.domain.health_watching import HealthWatcher
from patrol.domain.looks import look_at
from patrol.domain.requests import ViewAcceptance
from patrol.domain.troubles import Trouble
from patrol.metrics import Metrics
from patrol.pipeline.reviewing import TroubleSide
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, SceneStore

_log = logging.getLogger(__name__)

SAVE_EVERY_S = 300.0
SHARED_VIEW = replace(DEFAULT, shared_view=True)
# Drawn pictures repeat themselves pixel by pixel, as no sensor's do, and many cameras play one film.
SIMULATED = replace(SHARED_VIEW, frozen_s=math.inf, alike_s=math.inf)


class RefusedSide(Protocol):
    """Who is told that a visit's picture does not count. See touring.TourBook."""

    def refused(self, frame: Frame, failure: CaptureFailure) -> None:
        """The frame does not show its camera's scene."""


class DetectSide(Protocol):
    """Where pictures go that are to be looked at. See detecting.Detecting."""

    def offer(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        """Take a frame, of a focus or not; never waits."""

    def refuse(self, reason: str) -> None:
        """Count a frame that nothing shall be detected in."""


class Inspecting:
    """Takes captured frames; see touring.FrameSide."""

    def __init__(
        self,
        cameras: Mapping[CameraId, Camera],
        health: HealthWatcher,
        detecting: DetectSide,
        tour: RefusedSide,
        troubles: TroubleSide,
        scenes: SceneStore,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._cameras = cameras
        self._health = health
        self._detecting = detecting
        self._tour = tour
        self._troubles = troubles
        self._scenes = scenes
        self._clock = clock
        self._metrics = metrics

    def offer(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        """Look at the frame as a picture; hand it on if it is its camera's."""
        camera = self._cameras[frame.camera_id]
        began = self._clock.monotonic()
        look = look_at(frame.pixels, camera.masks)
        found = self._health.observe(camera.id, look, frame.captured_at, _settings_of(camera))
        self._metrics.stages.took("inspect", ring, self._clock.monotonic() - began)
        self._tell(camera, frame, found)
        if found.trusted:
            self._detecting.offer(frame, ring, is_extra=is_extra)
            return
        failure = CaptureFailure.WRONG_PICTURE if found.identity is Identity.OTHER else CaptureFailure.NO_SIGNAL
        self._detecting.refuse(failure.value)
        self._tour.refused(frame, failure)

    @property
    def blinded(self) -> Mapping[CameraId, Trouble]:
        """See touring.FrameSide."""
        return self._health.blinded

    def accept_view(self, acceptance: ViewAcceptance) -> None:
        """See touring.FrameSide. Pictures of the view are trusted from the next one on, which ends the trouble."""
        camera_id, operator = acceptance.camera_id, acceptance.operator
        if camera_id not in self._cameras:
            return
        if self._health.accept(camera_id):
            _log.warning("camera %s: its view is accepted by %s", camera_id, operator)
        else:
            _log.warning("camera %s: %s accepts its view, but it shows no strange one", camera_id, operator)

    def redrawn(self, before: Camera, after: Camera) -> None:
        """See redrawing.Redrawn. Of what no mask hides any more nothing is known."""
        if uncovers(before.masks, after.masks):
            self._health.learn_anew(after.id)

    def _tell(self, camera: Camera, frame: Frame, found: HealthStep) -> None:
        for trouble in found.raised:
            detail = found.looks_like or ""
            _log.warning("camera %s: %s%s", camera.id, trouble.value, f", looks like {detail}" if detail else "")
            self._troubles.troubled(camera, trouble, detail, frame.captured_at)
        for trouble in found.cleared:
            _log.info("camera %s: no longer %s", camera.id, trouble.value)
            self._troubles.recovered(camera, trouble, frame.captured_at)

    async def run(self, stopping: asyncio.Event) -> None:
        """Remember every camera's scene over a restart: read what was saved, save it now and then and at the end."""
        for camera_id, memory in (await self._scenes.load()).items():
            if camera_id in self._cameras:
                self._health.remember(camera_id, memory)
        while not await pause(self._clock, stopping, SAVE_EVERY_S):
            await self._save()
        await self._save()

    async def _save(self) -> None:
        memories: dict[CameraId, HealthMemory] = {c: self._health.memory_of(c) for c in self._cameras}
        try:
            await self._scenes.save(memories)
        except StoreError as error:
            self._metrics.stages.errors.labels("inspect").inc()
            _log.error("the cameras' scenes cannot be saved: %s", error)


def _settings_of(camera: Camera) -> HealthSettings | None:
    if camera.simulated:
        return SIMULATED
    return SHARED_VIEW if camera.shared_view else None
