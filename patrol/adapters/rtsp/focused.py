"""Streams in focus: read all the time and decoded in full, so that a camera can be seen several times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from patrol.adapters.rtsp.decoding import Pixels, RunningDecoder
from patrol.adapters.rtsp.depacketizing import KeyFrame
from patrol.adapters.rtsp.session import Arrived, Session
from patrol.domain.camera import CameraId
from patrol.domain.errors import CaptureError

MOST_STREAMS = 8
# Encoded pictures that wait to be decoded. A visit decodes what came since the last; a camera that is visited a few
# times a second never has so many.
MOST_PENDING, MOST_PENDING_BYTES = 128, 16 * 2**20
UNVISITED_FOR_S = 3.0
LOOKED_AFTER_EVERY_S = 0.5
SILENT_AFTER_S = 5.0
KEEP_ALIVE_SHARE = 0.4  # of the server's time-out
ANSWER_WITHIN_S = 5.0
GOODBYE_S = 1.0

InThread = Callable[[Callable[[], Pixels | None]], Awaitable[Pixels | None]]
"""Runs a decoding on a thread, in what is left of a visit's time. Raises CaptureError."""


class FocusedStream:
    """One session whose pictures are all kept until a visit decodes them, oldest first."""

    def __init__(self, session: Session, box: tuple[int, int] | None, is_held: Callable[[], bool]) -> None:
        """``session``: not open yet, so that no picture is missed.

        ``box``: (width, height) that pictures are scaled down into. ``is_held``: whether anybody still asks for
        so many pictures.
        """
        self.session = session
        self._is_held = is_held
        self._decoder = RunningDecoder(box)
        self._pending: deque[Arrived] = deque()
        self._bytes = 0
        self._is_behind = False
        self._visitors = 0
        self._visited_at = asyncio.get_running_loop().time()
        self._alive_at = self._visited_at
        session.follow(self._take)

    async def newest(self, in_thread: InThread) -> tuple[Arrived, Pixels]:
        """The newest picture that was not given out yet, or the next. Waits without bound; raises CaptureError."""
        with self._visited():
            while True:
                arrived = self._all_pending()
                if not arrived:
                    await self.session.wait_for_news()
                    continue
                pixels = await self._decoded(arrived, in_thread)
                if pixels is not None:
                    return arrived[-1], pixels

    async def _decoded(self, arrived: Sequence[Arrived], in_thread: InThread) -> Pixels | None:
        pictures = [each.picture for each in arrived]
        is_decoded = False
        try:
            pixels = await in_thread(lambda: self._decoder.last_of(pictures))
            is_decoded = True
            return pixels
        finally:
            if not is_decoded:  # a visit that gives up leaves a gap, and nothing behind it can be decoded
                self._all_pending()
                self._is_behind = True

    async def keep(self) -> None:
        """Look after it until it ends, is silent, or is not wanted or not visited any more; then close it."""
        try:
            while self._is_wanted():
                await asyncio.sleep(LOOKED_AFTER_EVERY_S)
                await self._keep_alive()
            await self.session.leave(GOODBYE_S)
        except (CaptureError, TimeoutError):  # it answers no more; the next visit opens another
            return
        finally:
            self.session.abandon()

    async def close(self, longest_s: float = GOODBYE_S) -> None:
        """Say goodbye and wait a little for the answer."""
        await self.session.leave(longest_s)

    def _is_wanted(self) -> bool:
        now = asyncio.get_running_loop().time()
        is_visited = self._visitors > 0 or (self._is_held() and now - self._visited_at <= UNVISITED_FOR_S)
        return is_visited and not self.session.is_over and now - self.session.last_video_at <= SILENT_AFTER_S

    async def _keep_alive(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.session.is_over or now - self._alive_at < KEEP_ALIVE_SHARE * self.session.timeout_s:
            return
        self._alive_at = now
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await self.session.keep_alive()

    @contextmanager
    def _visited(self) -> Iterator[None]:
        self._visitors += 1
        try:
            yield
        finally:
            self._visitors -= 1
            self._visited_at = asyncio.get_running_loop().time()

    def _take(self, arrived: Arrived) -> None:
        if isinstance(arrived.picture, KeyFrame):
            self._is_behind = False
            # What waits before a key frame is needed for nothing behind it.
            self._pending.clear()
            self._bytes = 0
        elif self._is_behind:
            return
        self._pending.append(arrived)
        self._bytes += len(arrived.picture.data)
        if len(self._pending) > MOST_PENDING or self._bytes > MOST_PENDING_BYTES:
            self._pending.clear()
            self._bytes, self._is_behind = 0, True

    def _all_pending(self) -> tuple[Arrived, ...]:
        arrived = tuple(self._pending)
        self._pending.clear()
        self._bytes = 0
        return arrived


class FocusedStreams:
    """All that are in focus now, each with the task that looks after it."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._streams: dict[CameraId, FocusedStream] = {}
        self._keepers: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[CameraId]:
        return iter(self._streams)

    @property
    def has_room(self) -> bool:
        """Whether one more may be opened."""
        return len(self._streams) < self._most

    def of(self, camera_id: CameraId) -> FocusedStream | None:
        """The camera's stream, if it has one that goes on."""
        stream = self._streams.get(camera_id)
        return stream if stream is not None and not stream.session.is_over else None

    def add(self, camera_id: CameraId, stream: FocusedStream) -> None:
        """Look after a stream that was just opened."""
        self._streams[camera_id] = stream
        keeper = asyncio.create_task(self._keep(camera_id, stream), name=f"focus {camera_id}")
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)

    async def drop(self, camera_id: CameraId, longest_s: float) -> None:
        """Close the camera's stream, if it has one; its goodbye is waited for so long at most."""
        stream = self._streams.pop(camera_id, None)
        if stream is not None:
            await stream.close(min(GOODBYE_S, longest_s))

    async def aclose(self) -> None:
        """Close all, at the same time."""
        await asyncio.gather(*(stream.close() for stream in self._streams.values()))
        keepers = list(self._keepers)
        for keeper in keepers:
            keeper.cancel()
        if keepers:
            await asyncio.wait(keepers)

    async def _keep(self, camera_id: CameraId, stream: FocusedStream) -> None:
        try:
            await stream.keep()
        finally:
            if self._streams.get(camera_id) is stream:
                del self._streams[camera_id]
