"""The tour wall's stills for every viewer: the newest of each camera in sight, and only while somebody watches."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from json import dumps

from pydantic import TypeAdapter

from patrol.domain.camera import CameraId
from patrol.domain.errors import QueueError
from patrol.domain.wall import MOST_IN_SIGHT, MOST_WISHED, StillBox, WallStill
from patrol.ports import Clock, Wall
from patrol.wall_metrics import WallMetrics

log = logging.getLogger(__name__)


class WallFull(Exception):  # noqa: N818  (it names what happened)
    """As many viewers watch as the wall takes."""


@dataclass(frozen=True, slots=True)
class WallLimits:
    """How much the wall does; times in seconds.

    ``wish_every_s``: less than half of what a wish holds for. ``tell_every_s``: between two parcels to one viewer.
    ``kept``: cameras whose newest still is kept while somebody watches.
    """

    viewers: int = 64
    wish_every_s: float = 2.0
    tell_every_s: float = 0.1
    heartbeat_s: float = 10.0
    listen_again_s: float = 2.0
    reconnect_s: float = 2.0
    kept: int = 1000


@dataclass(frozen=True, slots=True)
class WallHello:
    """The first event of a stream: by which name this viewer says what is in sight."""

    viewer_id: str


@dataclass(frozen=True, slots=True)
class StillShown:
    """A still on the wire. ``jpeg``: in base64; ``at``: when it was taken."""

    camera_id: CameraId
    at: datetime
    width: int
    height: int
    boxes: tuple[StillBox, ...]
    jpeg: str


_STILL = TypeAdapter(StillShown)


@dataclass(slots=True)
class Viewer:
    """One page. ``told``: of each camera in sight, which still it has, by number."""

    id: str
    in_sight: tuple[CameraId, ...] = ()
    told: dict[CameraId, int] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Newest:
    number: int
    text: bytes


class WallFeed:
    """Wishes for what its viewers have in sight, and hands each the newest still of every such camera."""

    def __init__(
        self,
        wall: Wall,
        cameras: Collection[CameraId],
        clock: Clock,
        stopping: asyncio.Event,
        limits: WallLimits,
        metrics: WallMetrics,
    ) -> None:
        self._wall = wall
        self._cameras = frozenset(cameras)
        self._clock = clock
        self._stopping = stopping
        self._limits = limits
        self._metrics = metrics
        self._viewers: dict[str, Viewer] = {}
        self._newest: dict[CameraId, _Newest] = {}  # the oldest first
        self._number = 0
        self._watched = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Wish and listen while somebody watches; ends when ``stopping`` is set."""
        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(self._wish(), name="wall-wishing")]
            working.append(tasks.create_task(self._listen(), name="wall-listening"))
            await self._stopping.wait()
            for task in working:
                task.cancel()
            for viewer in self._viewers.values():
                viewer.news.set()

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """One viewer's place. Raises WallFull."""
        if len(self._viewers) >= self._limits.viewers:
            raise WallFull
        viewer = Viewer(secrets.token_urlsafe(12))
        self._viewers[viewer.id] = viewer
        self._watched.set()
        self._metrics.viewers.set(len(self._viewers))
        try:
            yield viewer
        finally:
            del self._viewers[viewer.id]
            self._metrics.viewers.set(len(self._viewers))
            if not self._viewers:
                self._watched.clear()
                self._newest.clear()  # nobody looks: nothing is kept

    def look_at(self, viewer_id: str, cameras: Sequence[str]) -> None:
        """What a viewer has in sight from now on; of cameras that nobody knows nothing comes. Raises KeyError."""
        viewer = self._viewers[viewer_id]
        known = dict.fromkeys(CameraId(each) for each in cameras if each in self._cameras)
        viewer.in_sight = tuple(known)[:MOST_IN_SIGHT]
        # What went out of sight is told anew when it comes back: the page keeps no pictures that nobody sees.
        viewer.told = {each: viewer.told[each] for each in viewer.in_sight if each in viewer.told}
        viewer.news.set()
        self._changed.set()

    def forget(self, camera_id: CameraId) -> None:
        """Whoever comes now is not shown what was seen of a camera until now: its masks are others."""
        self._newest.pop(camera_id, None)

    async def messages(self, viewer: Viewer) -> AsyncGenerator[bytes, None]:
        """Server-sent events for one viewer; ends when ``stopping`` is set."""
        yield b"retry: %d\n\n" % int(self._limits.reconnect_s * 1000)
        yield b"event: hello\ndata: %s\n\n" % dumps({"viewer_id": viewer.id}).encode()
        while not self._stopping.is_set():
            viewer.news.clear()
            parcel = b"".join(self._fresh(viewer))
            if parcel:
                yield parcel
                await asyncio.sleep(self._limits.tell_every_s)
                continue
            try:
                async with asyncio.timeout(self._limits.heartbeat_s):
                    await viewer.news.wait()
            except TimeoutError:
                yield b": still here\n\n"

    def _fresh(self, viewer: Viewer) -> Iterator[bytes]:
        for camera_id in viewer.in_sight:
            newest = self._newest.get(camera_id)
            if newest is not None and viewer.told.get(camera_id) != newest.number:
                viewer.told[camera_id] = newest.number
                yield newest.text

    async def _wish(self) -> None:
        while not self._stopping.is_set():  # a command of redis-py may miss that it was cancelled
            await self._watched.wait()
            self._changed.clear()
            in_sight = dict.fromkeys(each for viewer in self._viewers.values() for each in viewer.in_sight)
            if in_sight:
                try:
                    await self._wall.wish(tuple(in_sight)[:MOST_WISHED])
                except QueueError as error:
                    log.info("the tour wall cannot ask for stills: %s", error)
            await self._clock.sleep(self._limits.tell_every_s)  # of a quick hand, one wish
            try:
                async with asyncio.timeout(self._limits.wish_every_s):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _listen(self) -> None:
        while not self._stopping.is_set():
            await self._watched.wait()
            try:
                async with self._wall.stills() as stills:
                    while self._viewers and not self._stopping.is_set():
                        still = await stills.next(1.0)
                        if still is not None:
                            self._take(still)
            except QueueError as error:
                log.info("the tour wall hears of no stills: %s", error)
                await self._clock.sleep(self._limits.listen_again_s)

    def _take(self, still: WallStill) -> None:
        """Keep it as its camera's newest, and wake those who have the camera in sight."""
        if still.camera_id not in self._cameras or not self._viewers:
            return
        self._number += 1
        self._newest.pop(still.camera_id, None)
        self._newest[still.camera_id] = _Newest(self._number, _event(still))
        if len(self._newest) > self._limits.kept:
            del self._newest[next(iter(self._newest))]
        for viewer in self._viewers.values():
            if still.camera_id in viewer.in_sight:
                viewer.news.set()


def _event(still: WallStill) -> bytes:
    jpeg = base64.b64encode(still.jpeg).decode("ascii")
    shown = StillShown(still.camera_id, still.captured_at, still.width, still.height, still.boxes, jpeg)
    return b"event: still\ndata: %s\n\n" % _STILL.dump_json(shown)
