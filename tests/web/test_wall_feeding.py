"""The tour wall over real sockets: only what is in sight, the newest of each, and nothing while nobody looks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from patrol.adapters.clock import SystemClock
from patrol.adapters.memory_wall import MemoryWall
from patrol.domain.camera import CameraId
from patrol.domain.wall import MOST_IN_SIGHT
from patrol.wall_metrics import WallMetrics
from patrol.web.wall_feeding import WallFeed, WallFull, WallLimits
from tests.builders import NOON, at

from .conftest import Site, code_of
from .fake_wall import jpeg_of, still_of

EVENTS = "/api/v1/wall/events"
JPEG = jpeg_of(1)


def written(moment: datetime) -> str:
    """As it is on the wire."""
    return moment.isoformat().replace("+00:00", "Z")


class Looker:
    """One page with the wall in front."""

    def __init__(self, client: httpx.AsyncClient, lines: AsyncIterator[str]) -> None:
        self._client, self._lines = client, lines
        self.id = ""

    async def event(self, kind: str) -> dict[str, Any]:
        name = ""
        async for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: ") and name == kind:
                found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return found
        raise AssertionError("the stream ended")

    async def look_at(self, *cameras: str) -> httpx.Response:
        return await self._client.post(f"/api/v1/wall/{self.id}/cameras", json={"cameras": cameras})


@asynccontextmanager
async def looking(address: str) -> AsyncIterator[Looker]:
    async with httpx.AsyncClient(base_url=address) as client, client.stream("GET", EVENTS) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        looker = Looker(client, answer.aiter_lines())
        looker.id = (await looker.event("hello"))["viewer_id"]
        yield looker


def test_a_page_gets_the_stills_of_what_it_has_in_sight_with_what_was_found(site: Site) -> None:
    async def check() -> None:
        async with site.served() as address, site.room.wall.wishes() as wishes, looking(address) as looker:
            assert (await looker.look_at("C-017", "F-001", "no-such")).json() == {"done": True}
            wished = await wishes.next(5)
            assert wished == ("C-017", "F-001")
            for camera_id in ("C-018", "C-017"):
                await site.room.wall.show(still_of(camera_id, NOON, JPEG))
            still = await looker.event("still")
            assert still["camera_id"] == "C-017"
            assert base64.b64decode(still["jpeg"]) == JPEG
            assert still["boxes"][0]["label"] == "person"
            assert still["at"] == written(NOON)

    asyncio.run(check())


def test_what_comes_into_sight_again_and_a_second_page_have_the_newest_picture_at_once(site: Site) -> None:
    async def check() -> None:
        async with site.served() as address, looking(address) as looker:
            await looker.look_at("C-017")
            await asyncio.sleep(0.1)
            for seconds in (1, 2):
                await site.room.wall.show(still_of("C-017", at(seconds), JPEG))
            while (await looker.event("still"))["at"] != written(at(2)):
                pass
            await looker.look_at("F-001")
            await looker.look_at("C-017")
            assert (await looker.event("still"))["camera_id"] == "C-017"
            async with looking(address) as second:
                await second.look_at("C-017")
                assert (await second.event("still"))["at"] == written(at(2))

    asyncio.run(check())


def test_a_viewer_that_is_none_and_too_many_cameras_are_refused(site: Site) -> None:
    async def check() -> None:
        async with site.served() as address, looking(address) as looker:
            assert (await looker.look_at(*[f"C-{n}" for n in range(MOST_IN_SIGHT + 1)])).status_code == 400
            looker.id = "somebody-else"
            answer = await looker.look_at("C-017")
            assert answer.status_code == 404
            assert code_of(answer) == "not_found"

    asyncio.run(check())


class Stage:
    """The feed by itself, quick."""

    def __init__(self, viewers: int = 2, kept: int = 3) -> None:
        self.wall, self.stopping = MemoryWall(), asyncio.Event()
        self.metrics = WallMetrics(CollectorRegistry())
        limits = WallLimits(viewers=viewers, wish_every_s=0.05, tell_every_s=0.01, kept=kept)
        cameras = [CameraId(f"C-{number}") for number in range(1, 9)]
        self.feed = WallFeed(self.wall, cameras, SystemClock(), self.stopping, limits, self.metrics)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.feed.run())
            yield
            self.stopping.set()


def test_while_nobody_looks_nothing_is_wished_for_listened_to_or_kept() -> None:
    async def check() -> None:
        stage = Stage()
        async with stage.running(), stage.wall.wishes() as wishes:
            assert await wishes.next(0.2) is None
            with stage.feed.viewer() as viewer:
                stage.feed.look_at(viewer.id, ["C-1"])
                assert await wishes.next(5) == ("C-1",)
                assert await wishes.next(5) == ("C-1",)  # a wish holds only for a while
                await stage.wall.show(still_of("C-1", NOON, JPEG))
                await asyncio.sleep(0.05)
            while await wishes.next(0.2) is not None:
                pass
            with stage.feed.viewer() as viewer:
                stage.feed.look_at(viewer.id, ["C-1"])
                messages = stage.feed.messages(viewer)
                assert [await anext(messages), b"hello" in await anext(messages)] == [b"retry: 2000\n\n", True]
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await anext(messages)

    asyncio.run(check())


def test_a_slow_viewer_has_the_newest_of_each_and_no_more_than_is_kept() -> None:
    async def check() -> None:
        stage = Stage(kept=3)
        async with stage.running():
            with stage.feed.viewer() as viewer:
                stage.feed.look_at(viewer.id, [f"C-{number}" for number in range(1, 9)])
                await asyncio.sleep(0.02)
                for seconds in range(20):
                    await stage.wall.show(still_of(f"C-{1 + seconds % 5}", at(seconds), JPEG))
                await asyncio.sleep(0.1)
                messages = stage.feed.messages(viewer)
                await anext(messages)
                await anext(messages)
                parcel = (await anext(messages)).decode()
                assert parcel.count("event: still") == 3
                for seconds in (17, 18, 19):
                    assert at(seconds).isoformat()[:19] in parcel
                await messages.aclose()

    asyncio.run(check())


def test_only_so_many_may_look_and_a_place_is_given_back() -> None:
    stage = Stage(viewers=2)
    with stage.feed.viewer(), stage.feed.viewer(), pytest.raises(WallFull), stage.feed.viewer():
        pass
    with stage.feed.viewer():
        pass
