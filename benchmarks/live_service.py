"""The service that ``make bench-live`` measures: live views of one camera and nothing else, in a process of its own.

    python -m benchmarks.live_service ADDRESS

Prints its own address once it serves. For each line that it gets it prints one line of JSON: when each picture of the
stream was here, by its number in the film, since the line before; and the processor time used so far.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import av
import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from patrol.adapters.clock import SystemClock
from patrol.adapters.live_source import CameraStreams
from patrol.adapters.rtsp.streaming import RtspStreams
from patrol.adapters.synthetic import SyntheticSource
from patrol.adapters.webrtc import AiortcPeers
from patrol.domain.camera import Camera, CameraId, Place, RingName, StreamAddress
from patrol.domain.live import LivePicture, LiveSettings, LiveWay
from patrol.live_metrics import LiveMetrics
from patrol.pipeline.glancing import Glancing
from patrol.pipeline.streaming import Streaming
from patrol.web.entering import Gate
from patrol.web.live_routes import live_routes
from patrol.web.serving import serve

CAMERA_ID = CameraId("C-1")
MOST_VIEWS = 64
STRIPES = 10  # bits of a picture's number, the least on the left

Pixels = npt.NDArray[np.uint8]


def numbered(number: int, width: int, height: int) -> Pixels:
    """A picture, (height, width, 3) uint8 BGR, that says which one it is: dark and bright stripes."""
    bits = np.array([number >> bit & 1 for bit in range(STRIPES)], np.uint8)
    stripes = np.repeat(bits * 200 + 20, width // STRIPES)
    return np.broadcast_to(np.resize(stripes, width)[None, :, None], (height, width, 3)).copy()


def number_in(grey: Pixels) -> int:
    """Which of ``numbered`` it is, also after compression; (height, width) uint8."""
    middles = [(2 * bit + 1) * grey.shape[1] // (2 * STRIPES) for bit in range(STRIPES)]
    return sum(1 << bit for bit, x in enumerate(middles) if grey[:, x].mean() > 120)


class Noting:
    """A LiveSource: the product's own, with when each picture was here."""

    def __init__(self, streams: CameraStreams) -> None:
        self._streams = streams
        self._came: list[tuple[float, LivePicture]] = []
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.thread_count = 1

    async def read(
        self, camera: Camera, on_open: Callable[[LiveWay], None], on_picture: Callable[[LivePicture], None]
    ) -> None:
        """See LiveSource."""

        def note(picture: LivePicture) -> None:
            self._came.append((time.time(), picture))
            on_picture(picture)

        await self._streams.read(camera, on_open, note)

    def noted(self) -> list[tuple[int, float]]:
        """(number, seconds since the epoch) of all since the last call. Decodes them."""
        came, self._came = self._came, []
        found = []
        for at, picture in came:
            for frame in self._decoder.decode(av.Packet(picture.data)):
                found.append((number_in(frame.to_ndarray(format="gray")), at))
        return found


def blank(_: Request) -> Response:
    """Where the benchmark's scripts run."""
    return HTMLResponse("<!doctype html><title>live</title>")


async def tell_nobody(_: CameraId) -> None:
    """Nobody tours."""


async def run(address: str) -> None:
    """Serve until the input ends."""
    clock, stopping = SystemClock(), asyncio.Event()
    camera = Camera(CAMERA_ID, "c", "c", "s", RingName.CORE, 5.0, Place(0.0, 0.0), 0.0, 90.0, StreamAddress(address))
    cameras, drawn, gate = {CAMERA_ID: camera}, SyntheticSource(None, clock), Gate()
    async with AsyncExitStack() as stack:
        streams = CameraStreams(RtspStreams(clock, lambda _, held_s: None), drawn)
        stack.push_async_callback(streams.aclose)
        source, metrics = Noting(streams), LiveMetrics(CollectorRegistry())
        settings = LiveSettings(peers=MOST_VIEWS, peers_of_one=MOST_VIEWS)
        streaming = Streaming(cameras, source, AiortcPeers(), settings, lambda _: 4, clock, metrics, tell_nobody)
        stills = Glancing(cameras, drawn, lambda _: b"", clock)
        app = Starlette(routes=[Route("/", blank), *live_routes(streaming, stills, gate, clock)])
        app.state.gate = gate
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(streaming.run(stopping))
            tasks.create_task(serve(app, "127.0.0.1", 0, stopping, lambda at: print(at, flush=True)))
            while await asyncio.to_thread(sys.stdin.readline):
                used_s = time.process_time()
                print(json.dumps({"came": source.noted(), "processor_s": used_s}), flush=True)
            stopping.set()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
