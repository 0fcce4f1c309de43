"""Where pictures come from, and what looks at them, as it is configured."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patrol.adapters.detectors import AnyDetector, DetectorOptions, open_detector
from patrol.adapters.devices import Device
from patrol.adapters.http_snapshot import HttpSnapshotSource
from patrol.adapters.model_store import Precision
from patrol.adapters.networks import OpenNetworks, open_networks
from patrol.adapters.rtsp.source import RtspSource
from patrol.adapters.sources import SourceRouter
from patrol.adapters.stream import StreamSource, VideoFileSource
from patrol.adapters.synthetic import SyntheticSource
from patrol.app.options import Options
from patrol.config import Configuration
from patrol.domain.camera import Camera
from patrol.domain.closer import NO_LOOKS, Look
from patrol.domain.events import Kind
from patrol.domain.hosts import most_kept_open
from patrol.domain.rules import looks_at
from patrol.pipeline.looking_closer import Networks
from patrol.pipeline.looking_finely import FinelyLooking
from patrol.ports import Clock, Detector, OnUnconfirmed

DECODERS_A_CORE = 1
# Each holds its camera for a whole visit. Few cameras send what only FFmpeg reads.
FALLBACK_THREADS = 32


def usual_detector(configuration: Configuration, detector: Detector, networks: Networks) -> Detector:
    """The detector of every visit: the finer one for the cameras that are to be looked at so."""
    fine = {camera.id for camera in configuration.cameras if camera.fine}
    if not fine or networks.finer is None:
        return detector
    return FinelyLooking(detector, networks.finer, fine.__contains__, configuration.detector.min_confidence)


async def opened_detector(
    configuration: Configuration, options: Options, progress: Callable[[str], None]
) -> AnyDetector:
    """The configured detector, opened in a thread: that takes seconds. Raises ModelError."""
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
        tells_fire=any(rule.kind is Kind.FIRE_SMOKE for rule in configuration.rules.values()),
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
    clock: Clock,
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
