"""Lanes: where confirmed events wait for the store, the red ones apart, so that none of them waits behind others.

A lane is bounded in events, and in the memory of the pictures that wait with them: events of one picture hold it once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Generic, TypeVar

from patrol.domain.frame import Frame

Item = TypeVar("Item")


class Lane(Generic[Item]):
    """First come, first served. ``most``: so many wait; ``most_bytes``: of the frames of all that wait."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._items: asyncio.Queue[tuple[Item, Frame | None] | None] = asyncio.Queue(most)
        self._held: Counter[int] = Counter()  # how many wait with a frame, by its identity while it is held
        self._bytes = 0
        self._ended = 0
        self.calm = asyncio.Event()
        """Set while nobody waits, and who was taken before is done with."""
        self.calm.set()

    @property
    def frame_bytes(self) -> int:
        """Bytes of the frames that wait."""
        return self._bytes

    def has_room_for(self, frame: Frame) -> bool:
        """Whether one more may wait with this frame."""
        return id(frame) in self._held or self._bytes + frame.pixels.nbytes <= self._most_bytes

    async def put(self, item: Item, frame: Frame | None) -> None:
        """Wait for a place, then in it. ``frame``: what it keeps in memory; None: nothing any more."""
        self.calm.clear()
        if frame is not None:
            self._hold(frame)
        try:
            await self._items.put((item, frame))
        except asyncio.CancelledError:
            if frame is not None:
                self._let_go(frame)
            raise

    async def take(self) -> Item | None:
        """The one that waits longest, once whoever was taken is done with; None at the end of the stream."""
        if self._items.empty():
            self.calm.set()
        return self._taken(await self._items.get())

    def take_if_any(self) -> Item | None:
        """The one that waits longest, if one does; not the end of the stream."""
        if self._items.qsize() <= self._ended:  # nothing, or nothing but the end
            return None
        return self._taken(self._items.get_nowait())

    def _taken(self, taken: tuple[Item, Frame | None] | None) -> Item | None:
        if taken is None:
            return None
        item, frame = taken
        if frame is not None:
            self._let_go(frame)
        return item

    async def close(self) -> None:
        """Nothing more comes."""
        await self._items.put(None)
        self._ended = 1

    def _hold(self, frame: Frame) -> None:
        if id(frame) not in self._held:
            self._bytes += frame.pixels.nbytes
        self._held[id(frame)] += 1

    def _let_go(self, frame: Frame) -> None:
        self._held[id(frame)] -= 1
        if self._held[id(frame)] == 0:
            del self._held[id(frame)]
            self._bytes -= frame.pixels.nbytes
