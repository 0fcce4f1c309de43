"""Map tiles by the way of Patrol: kept for a while, never with the key, and not asked for where nobody answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from patrol.adapters import map_tiles
from patrol.adapters.map_tiles import KEPT_S, NONE_KEPT_S, REST_S, HttpTiles
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import TilesAway
from patrol.domain.map_settings import MapTile, TileService
from tests.adapters.looking import StandingClock
from tests.adapters.streets import Answer, Asked, Reply, Service, service

CANARY = "canary-key"
PICTURE = b"\x89PNG not really"


def drawn(asked: Asked) -> Reply:
    return Reply(PICTURE + asked.path.encode(), headers={"Content-Type": "image/png"})


def with_tiles(
    answer: Answer, work: Callable[[HttpTiles, StandingClock, Service], Awaitable[None]], port: int | None = None
) -> Service:
    """Tiles of a server that answers so."""

    async def run(running: Service) -> None:
        clock = StandingClock()
        address = f"http://127.0.0.1:{port or running.port}/{{z}}/{{x}}/{{y}}.png?key={CANARY}"
        tiles = HttpTiles(TileService(StreamAddress(address)), clock)
        try:
            await work(tiles, clock, running)
        finally:
            await tiles.aclose()

    with service(answer) as running:
        asyncio.run(run(running))
    return running


def test_a_tile_is_fetched_by_its_numbers_with_the_key_and_then_kept_for_a_day() -> None:
    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        first = await tiles.tile(3, 5, 2)
        assert isinstance(first, MapTile)
        assert (first.picture, first.media_type) == (PICTURE + b"/3/5/2.png", "image/png")
        clock.shown += timedelta(seconds=KEPT_S - 1)
        assert await tiles.tile(3, 5, 2) == first
        assert len(running.asked) == 1
        clock.shown += timedelta(seconds=2)
        assert await tiles.tile(3, 5, 2) == first
        assert len(running.asked) == 2

    running = with_tiles(drawn, work)
    assert {tuple(asked.query["key"]) for asked in running.asked} == {(CANARY,)}


def test_that_there_is_no_such_tile_is_known_for_some_minutes() -> None:
    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        assert await tiles.tile(1, 0, 0) is None
        assert await tiles.tile(1, 0, 0) is None
        assert len(running.asked) == 1
        clock.shown += timedelta(seconds=NONE_KEPT_S + 1)
        assert await tiles.tile(1, 0, 0) is None
        assert len(running.asked) == 2

    with_tiles(lambda asked: Reply(b"", 404), work)


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_tiles, "KEPT_BYTES", 3 * len(PICTURE + b"/9/0/0.png"))

    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        for column in (0, 1, 2, 0, 3):  # the first is used again, so the second has to go
            await tiles.tile(9, column, 0)
        assert len(running.asked) == 4
        await tiles.tile(9, 0, 0)
        assert len(running.asked) == 4
        await tiles.tile(9, 1, 0)
        assert len(running.asked) == 5

    with_tiles(drawn, work)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"no", 403),
        Reply(b"", 302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(b"<html>", headers={"Content-Type": "text/html"}),
        Reply(b"<svg/>", headers={"Content-Type": "image/svg+xml"}),
    ],
    ids=["refused", "elsewhere", "a page", "a script in a picture"],
)
def test_what_is_no_tile_is_none_and_the_server_rests(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        for _ in range(3):
            with pytest.raises(TilesAway) as raised:
                await tiles.tile(2, 1, 1)
            assert CANARY not in str(raised.value)
        assert len(running.asked) == 1
        clock.shown += timedelta(seconds=REST_S + 1)
        with pytest.raises(TilesAway):
            await tiles.tile(2, 1, 1)
        assert len(running.asked) == 2

    with caplog.at_level(logging.DEBUG):
        with_tiles(lambda asked: reply, work)
    assert len([record for record in caplog.records if record.name == map_tiles.__name__]) == 1  # in one line
    assert CANARY not in caplog.text


def test_who_waits_for_others_tiles_asks_for_none_that_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_tiles, "AT_ONCE", 1)

    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        first, *others = await asyncio.gather(*(tiles.tile(3, 5, 2) for _ in range(3)))
        assert first is not None
        assert others == [first, first]
        assert len(running.asked) == 1

    with_tiles(drawn, work)


def test_who_waits_for_others_tiles_leaves_a_server_alone_that_failed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(map_tiles, "AT_ONCE", 1)

    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        told = await asyncio.gather(*(tiles.tile(3, column, 2) for column in range(3)), return_exceptions=True)
        assert [type(one) for one in told] == [TilesAway] * 3
        assert len(running.asked) == 1

    with_tiles(lambda asked: Reply(b"no", 503), work)


def test_a_tile_that_never_ends_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_tiles, "LARGEST_BYTES", 10)

    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        with pytest.raises(TilesAway, match="more than"):
            await tiles.tile(2, 1, 1)

    with_tiles(drawn, work)


def test_where_nobody_listens_the_map_is_told_and_the_key_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async def work(tiles: HttpTiles, clock: StandingClock, running: Service) -> None:
        with pytest.raises(TilesAway):
            await tiles.tile(0, 0, 0)

    with caplog.at_level(logging.DEBUG):
        with_tiles(drawn, work, port=1)
    assert CANARY not in caplog.text
