"""What lies under the map's marks, and the heat of incidents over it.

Tiles come through here and not from their server: its key stays out of the page, and the page's policy closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from patrol.domain.accounts import Permission
from patrol.domain.errors import TilesAway
from patrol.domain.events import Level
from patrol.domain.heat import Heat, Span
from patrol.domain.map_settings import NO_MAP, BaseMap, MapSettings
from patrol.domain.vocabulary import CoordinateSystem
from patrol.ports import HeatView, TileStore
from patrol.web.entering import DeclaredRoute, declared
from patrol.web.problems import Refused
from patrol.web.reading import in_time

BASE = "/api/v1/map/base"
PMTILES = "/api/v1/map/pmtiles"
TILES = "/api/v1/map/tiles/{zoom}/{column}/{row}"
MOST_ZOOM = 24
MOST_AT_ONCE = 16 * 2**20  # of a PMTiles file in one answer

# Asked for again each time, and then mostly not sent again.
BY_ITS_TAG = "private, no-cache"
# A day, as long as they are kept here.
TILE_HEADERS = {"Cache-Control": "private, max-age=86400"}
NOT_COMPRESSED = {"Content-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class TilesShown:
    """``max_zoom``: the finest there are; ``attribution``: whom the map names for them."""

    attribution: str
    max_zoom: int


@dataclass(frozen=True, slots=True)
class PmtilesShown:
    """``attribution``: whom the map names for them."""

    attribution: str


@dataclass(frozen=True, slots=True)
class MapShown:
    """What lies under the marks. ``datum``: what the map as a whole is drawn in; ``base``: whether there is GeoJSON."""

    datum: CoordinateSystem
    base: bool
    tiles: TilesShown | None
    pmtiles: PmtilesShown | None


@dataclass(frozen=True, slots=True)
class MapParts:
    """What there is of a map. ``settings``: without what could not be read."""

    settings: MapSettings = NO_MAP
    base: BaseMap | None = None
    tiles: TileStore | None = None

    def shown(self) -> MapShown:
        """As a page is told of it."""
        service, file = self.settings.tiles, self.settings.pmtiles
        return MapShown(
            self.settings.datum,
            self.base is not None,
            TilesShown(service.attribution, service.max_zoom) if service is not None else None,
            PmtilesShown(file.attribution) if file is not None else None,
        )


_MAP = TypeAdapter(MapShown)
_HEAT = TypeAdapter(Heat)


def map_routes(parts: MapParts) -> list[DeclaredRoute]:
    """What lies under the marks: whoever sees the room sees it."""
    served = _Map(parts)
    return [
        declared("/api/v1/map", served.shown, Permission.SEE),
        declared(BASE, served.base, Permission.SEE),
        declared(PMTILES, served.pmtiles, Permission.SEE),
        declared(TILES, served.tile, Permission.SEE),
    ]


def heat_routes(view: HeatView) -> list[DeclaredRoute]:
    """Where incidents were."""
    return [declared("/api/v1/heat", _Heat(view).heat, Permission.SEE)]


class _Map:
    def __init__(self, parts: MapParts) -> None:
        self._parts = parts
        self._shown = _MAP.dump_json(parts.shown())

    async def shown(self, request: Request) -> Response:
        return Response(self._shown, media_type="application/json")

    async def base(self, request: Request) -> Response:
        base = self._parts.base
        if base is None:
            raise HTTPException(404, "there is no base map")
        headers = {"ETag": base.etag, "Cache-Control": BY_ITS_TAG, "Vary": "Accept-Encoding"}
        if _is_known(request, base.etag):
            return Response(status_code=304, headers=headers)
        # Megabytes are not compressed while others wait for their alerts.
        is_small = "gzip" in request.headers.get("accept-encoding", "")
        headers |= {"Content-Encoding": "gzip"} if is_small else NOT_COMPRESSED
        return Response(base.gzipped if is_small else base.geojson, media_type="application/geo+json", headers=headers)

    async def pmtiles(self, request: Request) -> Response:
        file = self._parts.settings.pmtiles
        if file is None:
            raise HTTPException(404, "there are no PMTiles")
        return await asyncio.to_thread(_part_of, file.path, request)

    async def tile(self, request: Request) -> Response:
        tiles, service = self._parts.tiles, self._parts.settings.tiles
        zoom, column, row = _tile_in(request.path_params)
        if tiles is None or service is None or zoom > service.max_zoom:
            raise HTTPException(404, "there is no such tile")
        try:
            found = await in_time(tiles.tile(zoom, column, row))
        except TilesAway as error:
            raise Refused(503, "tiles_away", str(error)) from None
        if found is None:
            raise HTTPException(404, "there is no such tile")
        headers = {**TILE_HEADERS, **NOT_COMPRESSED, "ETag": found.etag}
        if _is_known(request, found.etag):
            return Response(status_code=304, headers=headers)
        return Response(found.picture, media_type=found.media_type, headers=headers)


class _Heat:
    def __init__(self, view: HeatView) -> None:
        self._view = view

    async def heat(self, request: Request) -> Response:
        span, least = _span_in(request), _level_in(request)
        heat = await in_time(self._view.heat(span, least))
        return Response(_HEAT.dump_json(heat), media_type="application/json")


def _part_of(path: Path, request: Request) -> Response:
    """The part of a file that is asked for: the whole of it, which may be a country, is never sent at once."""
    first, _, last = request.headers.get("range", "").strip().removeprefix("bytes=").partition("-")
    begins, ends = _number(first), _number(last)
    if begins is None or ends is None or "if-range" in request.headers:
        raise Refused(416, "no_such_part", "expected Range: bytes=FIRST-LAST")
    if not 0 <= ends - begins < MOST_AT_ONCE:
        raise Refused(416, "no_such_part", f"expected a range of at most {MOST_AT_ONCE} bytes")
    try:
        found = path.stat()
    except OSError:
        raise HTTPException(404, "the PMTiles file is not there any more") from None
    headers = {"Cache-Control": BY_ITS_TAG, **NOT_COMPRESSED}
    return FileResponse(path, headers=headers, media_type="application/octet-stream", stat_result=found)


def _is_known(request: Request, etag: str) -> bool:
    """Whether the browser has this very content; our own compression may have weakened the tag."""
    return request.headers.get("if-none-match", "").removeprefix("W/") == etag


def _tile_in(given: Mapping[str, str]) -> tuple[int, int, int]:
    """Zoom, column and row of a tile that there can be. Raises HTTPException 404."""
    zoom, column, row = (_number(given[name]) for name in ("zoom", "column", "row"))
    if zoom is None or column is None or row is None or zoom > MOST_ZOOM or max(column, row) >= 1 << zoom:
        raise HTTPException(404, "there is no such tile")
    return zoom, column, row


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _span_in(request: Request) -> Span:
    hours = _number(request.query_params.get("hours", str(Span.SHIFT.value)))
    try:
        return Span(hours)  # type: ignore[arg-type]  # None is none of them
    except ValueError:
        known = ", ".join(str(span.value) for span in Span)
        raise HTTPException(400, f"hours: expected one of {known}") from None


def _level_in(request: Request) -> Level | None:
    level = request.query_params.get("least")
    try:
        return Level(level) if level else None
    except ValueError:
        raise HTTPException(400, f"least: expected one of {', '.join(Level)}, or nothing for all") from None
