"""What lies under the map, as it is served: tags, parts of a file, tiles, heat, and who may see it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from patrol.domain.camera import StreamAddress
from patrol.domain.errors import TilesAway
from patrol.domain.map_settings import BaseMap, MapSettings, MapTile, TileFile, TileService
from patrol.domain.vocabulary import CoordinateSystem
from patrol.web.guarding import CONTENT_SECURITY_POLICY
from patrol.web.map_routes import MOST_AT_ONCE, MapParts

from .conftest import Site

GEOJSON = b'{"type":"FeatureCollection","features":[]}'
TILE = MapTile(b"\x89PNG" + bytes(2000), "image/png", '"tile"')


class Tiles:
    """A TileStore with one tile at zoom 1; ``away``: it answers nothing."""

    def __init__(self) -> None:
        self.away = False

    async def tile(self, zoom: int, column: int, row: int) -> MapTile | None:
        if self.away:
            raise TilesAway("the tile server did not answer")
        return TILE if (zoom, column, row) == (1, 0, 0) else None


def asked(site: Site, work: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with site.client() as client:
            await work(client)

    asyncio.run(run())


def test_without_a_map_the_page_is_told_so(site: Site) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        told = await client.get("/api/v1/map")
        assert told.json() == {"datum": "wgs84", "base": False, "tiles": None, "pmtiles": None}
        for path in ("base", "pmtiles", "tiles/1/0/0"):
            assert (await client.get(f"/api/v1/map/{path}")).status_code == 404

    asked(site, work)


def test_a_base_map_is_sent_once_and_then_known_by_its_tag(site: Site) -> None:
    site.room.map_parts = MapParts(base=BaseMap(GEOJSON, gzip.compress(GEOJSON), '"abc"', 0))

    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/v1/map")).json()["base"] is True
        first = await client.get("/api/v1/map/base")
        assert (first.content, first.headers["etag"]) == (GEOJSON, '"abc"')
        assert first.headers["content-type"] == "application/geo+json"
        assert "no-store" not in first.headers["cache-control"]
        assert first.headers["content-encoding"] == "gzip"
        plain = await client.get("/api/v1/map/base", headers={"Accept-Encoding": "identity"})
        assert (plain.content, plain.headers["content-encoding"]) == (GEOJSON, "identity")
        again = await client.get("/api/v1/map/base", headers={"If-None-Match": 'W/"abc"'})
        assert (again.status_code, again.content) == (304, b"")

    asked(site, work)


def test_tiles_come_through_patrol_and_the_policy_stays_closed(site: Site) -> None:
    service = TileService(StreamAddress("https://tiles.example/{z}/{x}/{y}?key=canary"), "© somebody", 3)
    service = TileService(service.address, service.attribution, service.max_zoom, CoordinateSystem.GCJ02)
    site.room.map_parts = MapParts(MapSettings(tiles=service), tiles=Tiles())

    async def work(client: httpx.AsyncClient) -> None:
        told = await client.get("/api/v1/map")
        assert told.json()["tiles"] == {"attribution": "© somebody", "max_zoom": 3}
        assert told.json()["datum"] == "gcj02"
        assert "canary" not in told.text
        assert "tiles.example" not in told.text
        tile = await client.get("/api/v1/map/tiles/1/0/0", headers={"Accept-Encoding": "gzip"})
        assert (tile.content, tile.headers["content-type"]) == (TILE.picture, "image/png")
        assert tile.headers["cache-control"] == "private, max-age=86400"
        assert tile.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert "tiles" not in CONTENT_SECURITY_POLICY
        known = await client.get("/api/v1/map/tiles/1/0/0", headers={"If-None-Match": TILE.etag})
        assert known.status_code == 304

    asked(site, work)


@pytest.mark.parametrize("which", ["1/1/1", "1/2/0", "1/-1/0", "4/0/0", "1/0/x", "25/0/0", "٣/0/0", "1/0/0.png"])
def test_a_tile_that_cannot_be_is_asked_of_nobody(site: Site, which: str) -> None:
    service = TileService(StreamAddress("https://tiles.example/{z}/{x}/{y}"), max_zoom=3)
    site.room.map_parts = MapParts(MapSettings(tiles=service), tiles=Tiles())

    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get(f"/api/v1/map/tiles/{which}")).status_code == 404

    asked(site, work)


def test_that_the_tile_server_is_away_is_said(site: Site) -> None:
    tiles = Tiles()
    tiles.away = True
    service = TileService(StreamAddress("https://tiles.example/{z}/{x}/{y}"))
    site.room.map_parts = MapParts(MapSettings(tiles=service), tiles=tiles)

    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.get("/api/v1/map/tiles/1/0/0")
        assert answer.status_code == 503
        assert "tiles_away" in answer.text

    asked(site, work)


def test_of_pmtiles_only_the_part_that_is_asked_for_is_sent(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "city.pmtiles"
    path.write_bytes(bytes(range(256)) * 40)
    site.room.map_parts = MapParts(MapSettings(pmtiles=TileFile(path, "© somebody")))

    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/v1/map")).json()["pmtiles"] == {"attribution": "© somebody"}
        answer = await client.get("/api/v1/map/pmtiles", headers={"Range": "bytes=256-511", "Accept-Encoding": "gzip"})
        assert (answer.status_code, answer.content) == (206, bytes(range(256)))
        assert answer.headers["content-range"] == "bytes 256-511/10240"
        assert answer.headers["etag"]
        end = await client.get("/api/v1/map/pmtiles", headers={"Range": "bytes=10000-16383"})
        assert (end.status_code, len(end.content)) == (206, 240)
        for bad in ({}, {"Range": "bytes=0-"}, {"Range": "bytes=5-2"}, {"Range": f"bytes=0-{MOST_AT_ONCE}"}):
            assert (await client.get("/api/v1/map/pmtiles", headers=bad)).status_code == 416, bad
        path.unlink()
        assert (await client.get("/api/v1/map/pmtiles", headers={"Range": "bytes=0-9"})).status_code == 404

    asked(site, work)


def test_the_heat_is_told_by_span_and_level(site: Site) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        told = (await client.get("/api/v1/heat", params={"hours": "24"})).json()
        assert told["incidents"] == sum(cell["incidents"] for cell in told["cells"]) > 0
        assert set(told["cells"][0]) == {"place", "incidents"}
        red = (await client.get("/api/v1/heat", params={"least": "red"})).json()
        assert 0 < red["incidents"] < told["incidents"]
        assert red["least"] == "red"
        for bad in ({"hours": "9"}, {"hours": "x"}, {"least": "purple"}):
            assert (await client.get("/api/v1/heat", params=bad)).status_code == 400, bad
        site.room.away = "the disk is gone"
        assert (await client.get("/api/v1/heat")).status_code == 503

    asked(site, work)
