"""Closing: what an operator asks of the tour reaches it, or is said not to have. (Closing itself: test_deciding.py.)"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from patrol.adapters.memory import MemoryTourRequests
from patrol.domain.camera import CameraId
from patrol.domain.dead_letters import DeadLetter
from patrol.domain.errors import QueueError
from patrol.domain.pins import Pin
from patrol.domain.requests import ViewAcceptance
from patrol.pipeline.closing import Desk
from tests.pipeline.dispatch_room import dispatch_room

PIN = Pin(CameraId("C-1"), 60.0, 1.0, "Li")
ACCEPTANCE = ViewAcceptance(CameraId("C-1"), "Li")


def test_a_pin_and_an_accepted_view_reach_the_tour_as_they_were_asked_for(tmp_path: Path) -> None:
    async def check() -> None:
        requests = MemoryTourRequests()
        async with dispatch_room(tmp_path) as room:
            desk = Desk(room.deciding, requests)
            await desk.pin(PIN)
            await desk.accept_view(ACCEPTANCE)
        assert list(await requests.take()) == [PIN, ACCEPTANCE]

    asyncio.run(check())


def test_a_desk_without_a_way_to_the_tour_says_so_instead_of_losing_the_wish(tmp_path: Path) -> None:
    async def check() -> None:
        async with dispatch_room(tmp_path) as room:
            with pytest.raises(QueueError, match="no way to the tour"):
                await Desk(room.deciding).pin(PIN)
            with pytest.raises(QueueError, match="no way to the tour"):
                await Desk(room.deciding).accept_view(ACCEPTANCE)

    asyncio.run(check())


def test_dead_letters_go_through_the_desk_and_without_a_way_to_them_it_says_so(tmp_path: Path) -> None:
    class Letters:
        def __init__(self) -> None:
            self.replayed: list[tuple[str, str]] = []

        async def latest(self, limit: int, before: str | None = None) -> list[DeadLetter]:
            return [DeadLetter("1-1", b"", "patrol:alert:red", "desk", 5, "why", None)][:limit]

        async def replay(self, letter_id: str, operator: str) -> DeadLetter:
            self.replayed.append((letter_id, operator))
            return (await self.latest(1))[0]

        async def drop(self, letter_id: str) -> None:
            raise AssertionError("nobody drops one in the feed")

    async def check() -> None:
        letters = Letters()
        async with dispatch_room(tmp_path) as room:
            desk = Desk(room.deciding, letters=letters)
            assert [letter.id for letter in await desk.dead_letters(5)] == ["1-1"]
            await desk.replay("1-1", "li")
            assert letters.replayed == [("1-1", "li")]
            with pytest.raises(QueueError, match="no way to the dead letters"):
                await Desk(room.deciding).replay("1-1", "li")

    asyncio.run(check())
