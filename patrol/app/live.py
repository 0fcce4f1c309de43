"""Live views' parts. What reads, decodes and draws is imported when somebody first looks: the console alone is up
sooner, and smaller, without."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patrol.adapters.webrtc import AiortcPeers
from patrol.config import Configuration
from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import QueueError
from patrol.domain.frame import Frame
from patrol.domain.hosts import sessions_on
from patrol.domain.live import LivePicture, LiveWay
from patrol.domain.requests import LiveSession
from patrol.metrics import Metrics
from patrol.pipeline.glancing import Glancing
from patrol.pipeline.streaming import SESSIONS_TOLD_EVERY_S, Streaming
from patrol.ports import Clock, OnUnconfirmed, TourRequests

if TYPE_CHECKING:
    from patrol.adapters.live_source import CameraStreams
    from patrol.adapters.sources import SourceRouter

DECODERS = 2
PICTURE_BOX = (1280, 720)
FALLBACK_THREADS = 4


@dataclass(frozen=True, slots=True)
class LiveParts:
    """Live views, and stills."""

    streaming: Streaming
    glancing: Glancing


def live_parts(
    stack: contextlib.AsyncExitStack,
    configuration: Configuration,
    cameras: Mapping[CameraId, Camera],
    requests: TourRequests,
    clock: Clock,
    metrics: Metrics,
) -> LiveParts:
    """Puts them together; ``stack`` closes what they open."""
    sources = _LazySources(clock, lambda camera, _: metrics.tour.unconfirmed.labels(camera.ring.value).inc())
    stack.push_async_callback(sources.aclose)

    async def tell_tour(camera_id: CameraId) -> None:
        with contextlib.suppress(QueueError):  # the relay says that it is away; hosts say themselves when they are full
            await requests.ask(LiveSession(camera_id, SESSIONS_TOLD_EVERY_S + 1))

    streaming = Streaming(
        cameras,
        sources,
        AiortcPeers(),
        configuration.live,
        lambda host: sessions_on(host, configuration.tour.sessions_per_host, configuration.sessions_of_host),
        clock,
        metrics.live,
        tell_tour,
    )
    return LiveParts(streaming, Glancing(cameras, sources, _as_jpeg, clock))


def _as_jpeg(frame: Frame) -> bytes:
    from patrol.adapters.clip_video import compressed

    return compressed(frame)


class _LazySources:
    """LiveSource and FrameSource, opened when first asked."""

    def __init__(self, clock: Clock, on_unconfirmed: OnUnconfirmed) -> None:
        self._clock = clock
        self._on_unconfirmed = on_unconfirmed
        self._opened: tuple[CameraStreams, SourceRouter] | None = None
        self._opening = asyncio.Lock()

    async def read(
        self, camera: Camera, on_open: Callable[[LiveWay], None], on_picture: Callable[[LivePicture], None]
    ) -> None:
        """See LiveSource."""
        streams, _ = await self._open()
        await streams.read(camera, on_open, on_picture)

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """See FrameSource."""
        _, router = await self._open()
        return await router.capture(camera, deadline_s)

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._opened is not None:
            streams, router = self._opened
            await streams.aclose()
            await router.aclose()

    async def _open(self) -> tuple[CameraStreams, SourceRouter]:
        async with self._opening:
            if self._opened is None:
                self._opened = await asyncio.to_thread(_open_sources, self._clock, self._on_unconfirmed)
            return self._opened


def _open_sources(clock: Clock, on_unconfirmed: OnUnconfirmed) -> tuple[CameraStreams, SourceRouter]:
    """Blocks for a second or so: the imports."""
    from patrol.adapters.http_snapshot import HttpSnapshotSource
    from patrol.adapters.live_source import CameraStreams
    from patrol.adapters.rtsp.source import RtspSource
    from patrol.adapters.rtsp.streaming import RtspStreams
    from patrol.adapters.sources import SourceRouter
    from patrol.adapters.stream import StreamSource, VideoFileSource
    from patrol.adapters.synthetic import SyntheticSource

    snapshot = HttpSnapshotSource(PICTURE_BOX, clock, DECODERS)
    # None is kept open: between two stills of a camera minutes may pass.
    rtsp = RtspSource(
        PICTURE_BOX,
        clock,
        DECODERS,
        StreamSource(PICTURE_BOX, clock, FALLBACK_THREADS),
        snapshots=snapshot,
        on_unconfirmed=on_unconfirmed,
        warm_sessions=0,
    )
    router = SourceRouter(
        {
            "rtsp": rtsp,
            "rtsps": rtsp,
            "http": snapshot,
            "https": snapshot,
            "file": VideoFileSource(PICTURE_BOX, clock, DECODERS),
            "synthetic": SyntheticSource(PICTURE_BOX, clock),
        }
    )
    return CameraStreams(RtspStreams(clock, on_unconfirmed, DECODERS), router), router
