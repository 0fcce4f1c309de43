"""What lies under the map's marks, opened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

from patrol.adapters.base_map import read_map_files
from patrol.adapters.map_tiles import HttpTiles
from patrol.app.options import Role
from patrol.domain.map_settings import MapSettings
from patrol.ports import Clock
from patrol.web.map_routes import MapParts

_log = logging.getLogger(__name__)


async def open_map(
    stack: contextlib.AsyncExitStack, settings: MapSettings, clock: Clock, roles: frozenset[Role]
) -> MapParts:
    """Where people see a map. A file that cannot be used is told, and the map goes on without it."""
    if Role.CONSOLE not in roles:
        return MapParts()
    base, problems = await asyncio.to_thread(read_map_files, settings)
    for problem in problems:
        _log.error("%s; the map goes on without it", problem)
    if settings.pmtiles is not None and any(problem.path == settings.pmtiles.where for problem in problems):
        settings = replace(settings, pmtiles=None)
    tiles = None
    if settings.tiles is not None:
        tiles = HttpTiles(settings.tiles, clock)
        stack.push_async_callback(tiles.aclose)
    return MapParts(settings, base, tiles)
