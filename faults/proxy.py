"""A TCP proxy before Redis whose link can be cut, slowed or made deaf while connections are open."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from enum import StrEnum


class Link(StrEnum):
    """How the link is."""

    OPEN = "open"
    SLOW = "slow"  # every piece is held back
    CUT = "cut"  # nothing passes, and connections stay
    DEAF = "deaf"  # what clients say is lost; what the server says arrives


SLOW_S = 0.2
LOOK_S = 0.05


class Proxy:
    """Runs in a thread of its own, from construction until ``close``."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port  # where connections that come from now on lead
        self.link = Link.OPEN
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        self._is_up.wait(5)

    def reset(self) -> None:
        """Break all connections that are open."""
        self._loop.call_soon_threadsafe(self._break_all)

    def close(self) -> None:
        """Stop."""
        self.link = Link.OPEN  # who waits for a link that was cut goes on, and finds it broken
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(5)

    def _break_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _run(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._is_up.set()
            await self._stopping.wait()
            self._break_all()
            await asyncio.sleep(2 * LOOK_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(onward_writer)
        try:
            await asyncio.gather(
                self._pump(reader, onward_writer, from_client=True),
                self._pump(onward_reader, writer, from_client=False),
            )
        finally:
            for each in (writer, onward_writer):
                self._writers.discard(each)
                each.transport.abort()

    async def _while_cut(self) -> None:
        while self.link is Link.CUT:  # noqa: ASYNC110  (set from another thread)
            await asyncio.sleep(LOOK_S)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self.link is Link.SLOW:
                    await asyncio.sleep(SLOW_S)
                await self._while_cut()
                if self.link is Link.DEAF and from_client:
                    continue
                sink.write(data)
                await sink.drain()
        sink.transport.abort()
