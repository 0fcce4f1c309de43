"""The tour wall in memory: for one process, held to the same contract."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from patrol.domain.camera import CameraId
from patrol.domain.wall import WallStill
from patrol.ports import Arriving

_Told = TypeVar("_Told")
MOST_WAITING = 1000  # of one listener; beyond that the newest is lost to it


class MemoryWall:
    """Wall by queues, one for each that listens."""

    def __init__(self) -> None:
        self._wishes: _Channel[Sequence[CameraId]] = _Channel()
        self._stills: _Channel[WallStill] = _Channel()

    async def wish(self, cameras: Collection[CameraId]) -> None:
        """See Wall."""
        self._wishes.tell(tuple(cameras))

    async def show(self, still: WallStill) -> None:
        """See Wall."""
        self._stills.tell(still)

    def wishes(self) -> AbstractAsyncContextManager[Arriving[Sequence[CameraId]]]:
        """See Wall."""
        return self._wishes.listen()

    def stills(self) -> AbstractAsyncContextManager[Arriving[WallStill]]:
        """See Wall."""
        return self._stills.listen()


class _Listener(Generic[_Told]):
    def __init__(self) -> None:
        self.told: asyncio.Queue[_Told] = asyncio.Queue(MOST_WAITING)

    async def next(self, within_s: float) -> _Told | None:
        """See Arriving."""
        try:
            async with asyncio.timeout(within_s):
                return await self.told.get()
        except TimeoutError:
            return None


class _Channel(Generic[_Told]):
    def __init__(self) -> None:
        self._listeners: set[_Listener[_Told]] = set()

    def tell(self, what: _Told) -> None:
        for listener in self._listeners:
            with contextlib.suppress(asyncio.QueueFull):
                listener.told.put_nowait(what)

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Arriving[_Told]]:
        listener: _Listener[_Told] = _Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
