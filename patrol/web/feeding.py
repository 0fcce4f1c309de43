"""The live feed: one loop looks at the room for all viewers, and only while somebody watches.

A viewer is told the whole room first, and then what has changed. Who comes back with the id of the newest message he
has (Last-Event-ID) is told what he missed, and nothing twice; where this feed never told that message, the whole room.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from json import dumps

from patrol.domain.errors import StoreError
from patrol.domain.room import RoomSnapshot
from patrol.ports import Clock, RoomView
from patrol.web.encoding import Part, change_message, is_awaited, state_message
from patrol.web.telling import Told, id_of, number_in

log = logging.getLogger(__name__)


class FeedFull(Exception):  # noqa: N818  (it names what happened)
    """As many viewers watch as the feed takes."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """How much the feed does; times in seconds.

    ``look_every_s``: from one look at the room to the next, or three times what the look took, where that is longer.
    What people wait for (incidents, orders) is told at once then, all else ``period_s`` after the last time: ages
    change always.
    ``quiet_s``: a room in which nothing changes is told again after that long, so that a page can tell calm from
    a dead connection. ``heartbeat_s``: a comment goes out when nothing else did for so long.
    """

    viewers: int = 64
    look_every_s: float = 0.4
    period_s: float = 1.0
    quiet_s: float = 5.0
    heartbeat_s: float = 10.0
    snapshot_within_s: float = 3.5
    reconnect_s: float = 2.0


class RoomFeed:
    """Tells every viewer what has changed since he was told last: a slow one skips, and holds no buffer of his own.

    ``encode`` makes bytes of a snapshot's parts, without its time.
    """

    def __init__(
        self,
        view: RoomView,
        encode: Callable[[RoomSnapshot], Mapping[Part, bytes]],
        clock: Clock,
        stopping: asyncio.Event,
        limits: FeedLimits,
    ) -> None:
        self._view = view
        self._encode = encode
        self._clock = clock
        self._stopping = stopping
        self._limits = limits
        self._viewers = 0
        self._watched = asyncio.Event()
        self._came = asyncio.Event()  # somebody, to an empty room
        self._life = secrets.token_hex(4)  # this feed's, so that no other's ids are taken for its own
        self._told: Told[Part] = Told()
        self._at: datetime | None = None  # when the room was so; None: nobody has looked since somebody watches
        self._told_at = 0.0
        self._made: dict[int | None, bytes] = {}  # of the newest message, for those who have seen that one before
        self._news = asyncio.Event()
        self._trouble: bytes | None = None
        self._why: str | None = None  # as the log has it

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return self._viewers

    async def run(self) -> None:
        """Look at the room some times a second while somebody watches; ends when ``stopping`` is set."""
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
            self._at = self._trouble = None  # what the last viewer saw may be hours old
            self._came.set()
        self._viewers += 1
        self._watched.set()
        try:
            yield
        finally:
            self._viewers -= 1
            if self._viewers == 0:
                self._watched.clear()

    async def messages(self, seen_id: str = "") -> AsyncGenerator[bytes, None]:
        """Server-sent events for one viewer; ends when ``stopping`` is set. ``seen_id``: of the newest one he has."""
        yield b"retry: %d\n\n" % int(self._limits.reconnect_s * 1000)
        seen = number_in(seen_id, self._told, self._life)
        trouble: bytes | None = None
        while not self._stopping.is_set():
            news = self._news
            if self._trouble is not None and self._trouble is not trouble:
                trouble = self._trouble
                yield trouble
                continue
            if self._trouble is None and self._at is not None and self._told.number != seen:
                message = self._message_after(seen, self._at)
                seen = self._told.number
                yield message
                continue
            try:
                async with asyncio.timeout(self._limits.heartbeat_s):
                    await news.wait()
            except TimeoutError:
                yield b": still here\n\n"

    def _message_after(self, seen: int | None, at: datetime) -> bytes:
        """The whole room where nothing was seen of it, else what has changed: made once for all who saw as much."""
        made = self._made.get(seen)
        if made is None:
            if seen is None:
                kind, data = b"state", state_message(at, self._told.parts)
            else:
                kind, data = b"change", change_message(at, self._told.after(seen))
            message_id = id_of(self._life, self._told.number).encode()
            made = b"id: %s\nevent: %s\ndata: %s\n\n" % (message_id, kind, data)
            self._made[seen] = made
        return made

    async def _look_while_watched(self) -> None:
        while True:
            await self._watched.wait()
            self._came.clear()
            began = self._clock.monotonic()
            await self._look()
            took_s = self._clock.monotonic() - began
            await self._rest(max(3 * took_s, min(self._limits.look_every_s, self._limits.period_s)))

    async def _rest(self, seconds: float) -> None:
        """Until the next look; whoever comes to an empty room is not kept waiting for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._came.wait()

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
        self._tell_room(snapshot)

    def _tell_room(self, snapshot: RoomSnapshot) -> None:
        room = self._encode(snapshot)
        now = self._clock.monotonic()
        told = self._told.parts
        calm = room == told and now - self._told_at < self._limits.quiet_s
        can_wait = now - self._told_at < self._limits.period_s and all(
            told.get(part) == value for part, value in room.items() if is_awaited(part)
        )
        if (calm or can_wait) and self._at is not None and self._trouble is None:
            return
        self._told, self._at, self._told_at = self._told.and_now(room), snapshot.at, now
        self._made.clear()
        self._end_trouble()
        self._wake_viewers()

    def _tell_trouble(self, why: str) -> None:
        if why != self._why:
            log.warning("the feed cannot see the room: %s", why)
        self._why = why
        said = dumps({"at": self._clock.now().isoformat(), "message": why}).encode()
        self._trouble = b"event: trouble\ndata: %s\n\n" % said  # no id: who comes back has missed nothing of the room
        self._wake_viewers()

    def _end_trouble(self) -> None:
        if self._why is not None:
            log.info("the feed sees the room again")
        self._trouble = self._why = None

    def _wake_viewers(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
