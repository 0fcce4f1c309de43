"""What lies under the map is opened: what cannot be used is told, and the map goes on without it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from patrol.adapters.map_tiles import HttpTiles
from patrol.app.mapping import open_map
from patrol.app.options import ALL_ROLES, Role
from patrol.domain.camera import StreamAddress
from patrol.domain.map_settings import BaseFile, BaseKind, MapSettings, TileFile, TileService
from patrol.web.map_routes import MapParts
from tests.adapters.looking import StandingClock

SOUND = '{"features": [{"geometry": {"type": "Point", "coordinates": [112.85, 35.49]}}]}'


def opened(settings: MapSettings, roles: frozenset[Role] = ALL_ROLES) -> MapParts:
    async def run() -> MapParts:
        async with contextlib.AsyncExitStack() as stack:
            return await open_map(stack, settings, StandingClock(), roles)

    return asyncio.run(run())


def test_files_that_cannot_be_used_are_told_and_the_map_goes_on_without_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound = tmp_path / "places.json"
    sound.write_text(SOUND, "utf-8")
    gone = BaseFile(tmp_path / "gone.geojson", where="map.base[0].file", line=7)
    settings = MapSettings((gone, BaseFile(sound, BaseKind.PLACES)), pmtiles=TileFile(tmp_path / "gone.pmtiles"))
    with caplog.at_level(logging.ERROR):
        parts = opened(settings)
    assert parts.base is not None
    assert parts.base.features == 1
    assert parts.shown().pmtiles is None
    assert "line 7: map.base[0].file" in caplog.text
    assert caplog.text.count("the map goes on without it") == 2


def test_tiles_are_fetched_by_whoever_shows_a_map_and_by_nobody_else() -> None:
    settings = MapSettings(tiles=TileService(StreamAddress("https://tiles.example/{z}/{x}/{y}")))
    assert isinstance(opened(settings).tiles, HttpTiles)
    assert opened(settings, frozenset({Role.TOUR})) == MapParts()
