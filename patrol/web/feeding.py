"""The live feed: one loop looks at the room for all viewers, and only while somebody watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from json import dumps

from patrol.domain.errors import StoreError
from patrol.domain.room import RoomSnapshot
from patrol.ports import Clock, RoomView

log = logging.getLogger(__name__)


class FeedFull(Exception):  # noqa: N818  (it names what happened)
    """As many viewers watch as the feed takes."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """How much the feed does; times in seconds.

    ``quiet_s``: a room in which nothing changes is told again after that long, so that a page can tell calm from
    a dead connection. ``heartbeat_s``: a comment goes out when nothing else did for so long.
    """

    viewers: int = 64
    period_s: float = 1.0
    quiet_s: float = 5.0
    heartbeat_s: float = 10.0
    snapshot_within_s: float = 3.5
    reconnect_s: float = 2.0


@dataclass(frozen=True, slots=True)
class _Message:
    number: int
    text: bytes


class RoomFeed:
    """Hands the newest message to every viewer: a slow one skips, and holds no buffer of its own.

    ``encode`` makes bytes of a snapshot, without its time; ``frame`` puts a time around them.
    """

    def __init__(
        self,
        view: RoomView,
        encode: Callable[[RoomSnapshot], bytes],
        frame: Callable[[datetime, bytes], bytes],
        clock: Clock,
        stopping: asyncio.Event,
        limits: FeedLimits,
    ) -> None:
        self._view = view
        self._encode = encode
        self._frame = frame
        self._clock = clock
        self._stopping = stopping
        self._limits = limits
        self._viewers = 0
        self._watched = asyncio.Event()
        self._latest: _Message | None = None
        self._number = 0
        self._news = asyncio.Event()
        self._told: bytes | None = None
        self._told_at = 0.0
        self._trouble: str | None = None

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return self._viewers

    async def run(self) -> None:
        """Look at the room about once a second while somebody watches; ends when ``stopping`` is set."""
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._look_while_watched(), name="feed-looking")
            await self._stopping.wait()
            looking.cancel()
            self._wake_viewers()

    @contextmanager
    def viewer(self) -> Iterator[None]:
        """One viewer's place in the feed. Raises FeedFull."""
        if self._viewers >= self._limits.viewers:
            raise FeedFull
        if self._viewers == 0:
            self._latest = None  # what the last viewer saw may be hours old
        self._viewers += 1
        self._watched.set()
        try:
            yield
        finally:
            self._viewers -= 1
            if self._viewers == 0:
                self._watched.clear()

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events for one viewer, the newest first; ends when ``stopping`` is set."""
        yield b"retry: %d\n\n" % int(self._limits.reconnect_s * 1000)
        seen = 0
        while not self._stopping.is_set():
            news = self._news
            if self._latest is not None and self._latest.number != seen:
                seen = self._latest.number
                yield self._latest.text
                continue
            try:
                async with asyncio.timeout(self._limits.heartbeat_s):
                    await news.wait()
            except TimeoutError:
                yield b": still here\n\n"

    async def _look_while_watched(self) -> None:
        while True:
            await self._watched.wait()
            await self._look()
            await self._clock.sleep(self._limits.period_s)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self._limits.snapshot_within_s):
                snapshot = await self._view.snapshot()
        except StoreError as error:
            self._tell_trouble(str(error))
            return
        except TimeoutError:
            self._tell_trouble(f"no answer within {self._limits.snapshot_within_s:g} s")
            return
        self._end_trouble()
        self._tell_room(snapshot)

    def _tell_room(self, snapshot: RoomSnapshot) -> None:
        room = self._encode(snapshot)
        now = self._clock.monotonic()
        calm = room == self._told and now - self._told_at < self._limits.quiet_s
        if calm and self._latest is not None:
            return
        self._told, self._told_at = room, now
        self._publish("state", self._frame(snapshot.at, room))

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("the feed cannot see the room: %s", trouble)
        self._trouble = trouble
        self._told = None
        self._publish("trouble", dumps({"at": self._clock.now().isoformat(), "message": trouble}).encode())

    def _end_trouble(self) -> None:
        if self._trouble is not None:
            log.info("the feed sees the room again")
        self._trouble = None

    def _publish(self, event: str, data: bytes) -> None:
        self._number += 1
        text = b"id: %d\nevent: %s\ndata: %s\n\n" % (self._number, event.encode(), data)
        self._latest = _Message(self._number, text)
        self._wake_viewers()

    def _wake_viewers(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
