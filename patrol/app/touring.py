"""The tour's parts: from a camera to an accepted alert.

A module of its own, imported where the tour runs: it brings what opens streams and looks at pictures, and the other
roles are up again seconds sooner without that.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patrol.adapters.clip_video import as_webm, compressed
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.disk_spool import DiskSpool
from patrol.adapters.evidence_picture import draw_evidence
from patrol.adapters.processor import MachineProcessor
from patrol.adapters.redis_streams import RedisTourReports, RedisTourRequests
from patrol.adapters.redis_visits import RedisVisitRecords
from patrol.adapters.redis_wall import RedisWall
from patrol.adapters.scene_file import SceneFile
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_cameras import SqlCameraHistory
from patrol.adapters.tracking import ByteTracker, import_tracking
from patrol.adapters.wall_picture import as_wall_still
from patrol.app.looking import frame_sources, open_closer_looks, opened_detector, usual_detector
from patrol.app.options import Options
from patrol.config import Configuration
from patrol.domain.camera import CameraId
from patrol.domain.change import ChangeMemory, ChangeSettings
from patrol.domain.health_watching import HealthWatcher
from patrol.domain.tour import Tour
from patrol.domain.watching import Watcher
from patrol.metrics import Metrics
from patrol.pipeline.alerting import Alerting
from patrol.pipeline.confirming import Confirming
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.detecting import Detecting
from patrol.pipeline.filming import Filming
from patrol.pipeline.inspecting import Inspecting
from patrol.pipeline.looking_closer import LookingCloser, Networks, SpareLooks
from patrol.pipeline.maintaining import Maintaining
from patrol.pipeline.remembering import Remembering
from patrol.pipeline.resting import RestingDetector
from patrol.pipeline.reviewing import Reviewing
from patrol.pipeline.showing import Showing
from patrol.pipeline.touring import OnGap, TourBook, Touring
from patrol.ports import Clock, Detector

# Held back for the day on which the disk is full: some hundred alerts with their pictures.
SPOOL_RESERVE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class TourParts:
    """From camera to accepted alert."""

    touring: Touring
    inspecting: Inspecting
    detecting: Detecting
    alerting: Alerting
    filming: Filming
    showing: Showing
    maintaining: Maintaining
    remembering: Remembering


@dataclass(frozen=True, slots=True)
class TourOutside:
    """What the tour's parts need from the rest of the service."""

    detector: Detector
    networks: Networks
    store: SqlStore
    evidence: DiskEvidence
    spool: DiskSpool
    reports: RedisTourReports
    requests: RedisTourRequests
    wall: RedisWall
    deciding: Deciding
    scenes: Path
    on_gap: OnGap
    history: SqlCameraHistory
    records: RedisVisitRecords


async def open_eyes(
    stack: contextlib.AsyncExitStack,
    configuration: Configuration,
    options: Options,
    progress: Callable[[str], None],
    detector: Detector | None,
) -> tuple[Detector, Networks]:
    """What looks at pictures; a caller's own ``detector`` is all that looks. Raises ModelError."""
    networks = Networks()
    if detector is None:
        detector = stack.enter_context(contextlib.closing(await opened_detector(configuration, options, progress)))
        opened = await asyncio.to_thread(open_closer_looks, configuration, options.device, options.models, progress)
        networks = stack.enter_context(contextlib.closing(opened)).networks
    await asyncio.to_thread(import_tracking)
    return detector, networks


async def open_spool(stack: contextlib.AsyncExitStack, configuration: Configuration, options: Options) -> DiskSpool:
    """Where alerts wait for a store that is away. Raises StoreError."""
    spool = DiskSpool(options.spool, configuration.spool_bytes, SPOOL_RESERVE_BYTES)
    stack.push_async_callback(spool.aclose)
    await spool.open()
    return spool


def tour_parts(
    stack: contextlib.AsyncExitStack,
    configuration: Configuration,
    outside: TourOutside,
    clock: Clock,
    metrics: Metrics,
) -> TourParts:
    """Puts them together; ``stack`` closes what they open."""
    sources = frame_sources(
        configuration,
        clock,
        on_unconfirmed=lambda camera, held_s: book.unconfirmed(camera, held_s),  # made below, before any visit
        on_fault=lambda _: metrics.stages.errors.labels("visit").inc(),
    )
    stack.push_async_callback(sources.router.aclose)
    cameras, rings = {camera.id: camera for camera in configuration.cameras}, configuration.rings
    tour = Tour(
        configuration.cameras,
        configuration.tour,
        clock.monotonic(),
        random.SystemRandom().random,
        configuration.sessions_of_host,
    )
    book = TourBook(tour, rings, sources.rtsp, clock, metrics, outside.on_gap)
    maintaining = Maintaining(
        outside.store, outside.deciding, configuration.cameras, configuration.levels, clock, metrics
    )
    filming = Filming(compressed, as_webm, outside.evidence, clock, metrics)
    alerting = Alerting(
        outside.store,
        outside.evidence,
        draw_evidence,
        configuration.levels,
        rings,
        configuration.rules,
        clock,
        metrics,
        filming,
        outside.spool,
        configuration.timezone,
    )
    watcher = Watcher(configuration.rules, configuration.timezone, ByteTracker)
    rules = LookingCloser(
        watcher,
        outside.networks,
        has_room=SpareLooks(lambda: detecting.keeps_up, clock),  # made below, before any frame
        on_look=metrics.detect.closer_look,
    )
    showing = Showing(as_wall_still, outside.wall, clock, metrics.wall)
    confirming = Confirming(cameras, rules, book, alerting, clock, metrics, filming, showing)

    def is_watched(camera_id: CameraId) -> bool:
        return not watcher.is_clear(cameras[camera_id]) or tour.in_focus(camera_id, clock.monotonic())

    usual = usual_detector(configuration, outside.detector, outside.networks)
    detecting = Detecting(
        _rested(usual, configuration.detector.look_every, is_watched, metrics),
        clock,
        metrics,
        confirming,
        batch=configuration.detector.batch,
        close_after_s=configuration.detector.close_after_s,
    )
    reviewing = Reviewing(
        tour, cameras, rings, configuration.timezone, MachineProcessor(), sources.rtsp, maintaining, clock, metrics
    )
    inspecting = Inspecting(
        cameras, HealthWatcher(), detecting, book, maintaining, SceneFile(outside.scenes), clock, metrics
    )
    touring = Touring(book, sources.router, inspecting, detecting, reviewing, outside.reports, outside.requests, clock)
    remembering = Remembering(book, outside.history, outside.records, clock)
    return TourParts(touring, inspecting, detecting, alerting, filming, showing, maintaining, remembering)


def _rested(detector: Detector, look_every: int, is_watched: Callable[[CameraId], bool], metrics: Metrics) -> Detector:
    if look_every == 1:
        return detector
    return RestingDetector(detector, ChangeMemory(ChangeSettings(look_every=look_every)), is_watched, metrics)
