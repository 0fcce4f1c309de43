"""Map tiles, fetched for the page from one server, and kept for a while.

The server's key stays here: the page asks Patrol alone, and its policy stays closed. Nothing is fetched but what the
configured address gives for a zoom, a column and a row; the address is never told with what is secret in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections import OrderedDict

import httpx

from patrol.domain.errors import TilesAway
from patrol.domain.map_settings import MapTile, TileService
from patrol.ports import Clock

_log = logging.getLogger(__name__)

LARGEST_BYTES = 2 * 2**20  # of one tile; a usual one has 5 to 50 kB
KEPT_BYTES = 64 * 2**20
KEPT_S = 86_400.0  # streets seldom change
NONE_KEPT_S = 600.0  # that there is no such tile
WITHIN_S = 4.0
AT_ONCE = 6
REST_S = 5.0  # a server that did not answer is not asked again for so long: no map waits for each of its tiles
MOST_KEPT = 16_384
MEDIA_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})

_Key = tuple[int, int, int]
_Kept = tuple[float, MapTile | None]  # until when, by the monotonic clock; None: there is no such tile


class HttpTiles:
    """Tiles of one server. Close with ``aclose``."""

    def __init__(self, service: TileService, clock: Clock, verify: ssl.SSLContext | bool = True) -> None:
        """``verify``: whom to believe over https."""
        # Both write whole addresses into their logs, keys included.
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
        self._service = service
        self._clock = clock
        self._client = httpx.AsyncClient(
            verify=verify,
            trust_env=False,  # no proxy and no .netrc that the configuration does not name
            follow_redirects=False,
            timeout=None,  # one deadline bounds everything at once
            limits=httpx.Limits(max_connections=AT_ONCE),
            headers={"Accept": "image/png, image/jpeg, image/webp", "Accept-Encoding": "identity"},
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0
        self._rests_until = 0.0
        self._answers = True

    async def tile(self, zoom: int, column: int, row: int) -> MapTile | None:
        """See TileStore."""
        key = zoom, column, row
        kept = self._known(key)
        if kept is None:
            # Who waits here for others' tiles holds nothing against the server; and it may be known, or away, by then.
            async with self._slots:
                kept = self._known(key) or await self._asked(key)
        return kept[1]

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _known(self, key: _Key) -> _Kept | None:
        """What is kept of a tile, if anything. Raises TilesAway where it is not, and the server rests."""
        now = self._clock.monotonic()
        kept = self._kept.get(key)
        if kept is not None and kept[0] > now:
            self._kept.move_to_end(key)
            return kept
        if now < self._rests_until:
            raise TilesAway("the tile server did not answer; it is asked again in some seconds")
        return None

    async def _asked(self, key: _Key) -> _Kept:
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await self._fetched(*key)
        except TimeoutError:
            raise self._away(f"no answer within {WITHIN_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:  # its text may hold the whole address
            raise self._away(type(error).__name__) from None
        if not self._answers:
            _log.warning("tile server %s answers again", self._service.address.host)
            self._answers = True
        return self._keep(key, found)

    async def _fetched(self, zoom: int, column: int, row: int) -> MapTile | None:
        asked = self._service.address.reveal()
        for name, value in (("{z}", zoom), ("{x}", column), ("{y}", row)):
            asked = asked.replace(name, str(value))
        async with self._client.stream("GET", asked) as response:
            if response.status_code in {204, 404, 410}:
                return None
            if response.status_code != 200:
                raise self._away(f"answered with status {response.status_code}")
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type not in MEDIA_TYPES:
                raise self._away("answered with something that is no picture")
            picture = bytearray()
            async for part in response.aiter_bytes():
                picture += part
                if len(picture) > LARGEST_BYTES:
                    raise self._away(f"sent a tile of more than {LARGEST_BYTES // 2**20} MiB")
        content = bytes(picture)
        return MapTile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:16]}"')

    def _away(self, why: str) -> TilesAway:
        """It falls silent in one line, however many tiles are asked for."""
        self._rests_until = self._clock.monotonic() + REST_S
        if self._answers:
            _log.warning("tile server %s: %s; the map goes on without its tiles", self._service.address.host, why)
        self._answers = False
        return TilesAway(f"the tile server {why}")

    def _keep(self, key: _Key, found: MapTile | None) -> _Kept:
        self._forget(key)
        until = self._clock.monotonic() + (NONE_KEPT_S if found is None else KEPT_S)
        kept = self._kept[key] = until, found
        self._bytes += _size(found)
        while self._bytes > KEPT_BYTES or len(self._kept) > MOST_KEPT:
            self._forget(next(iter(self._kept)))
        return kept

    def _forget(self, key: _Key) -> None:
        gone = self._kept.pop(key, None)
        self._bytes -= _size(gone[1]) if gone is not None else 0


def _size(tile: MapTile | None) -> int:
    return len(tile.picture) if tile is not None else 0
