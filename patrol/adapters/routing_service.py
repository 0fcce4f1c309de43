"""Travel times by a routing service: OSRM's ``table`` and Valhalla's ``sources_to_targets``, over HTTP.

A service tells how long a way is; how fast a unit goes is known here, and is no pedestrian's 5 km/h. Formats:
github.com/Project-OSRM/osrm-backend, docs/http.md (distances since 5.18); valhalla.github.io, "Time-Distance Matrix".
Its address may hold a password, as user and password before the host or as a query; neither is ever told.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from patrol.domain.errors import InputError
from patrol.domain.travel_settings import ServiceKind, ServiceSettings
from patrol.domain.units import TravelMode
from patrol.domain.vocabulary import Place
from patrol.domain.ways import Fallback, Start, TravelTable, WaySource, straight_s
from patrol.ports import Clock

_log = logging.getLogger(__name__)

LARGEST_BYTES = 4 * 2**20  # of one answer; a full block takes a tenth of it at most
MOST_PLACES = 50  # starts, and destinations, in one request: OSRM usually takes 100 together, Valhalla 2,500 pairs
MOST_CONNECTIONS = 4
KEPT_S = 2.0  # an idle connection; OSRM closes it after five, and must not do so while a request is on its way
REST_S = 5.0  # a service that did not answer is not asked again for so long: nobody waits for it at every incident
NO_PATH = 442  # Valhalla's word, with HTTP 400, for a block in which nobody can get anywhere
METRES = {"kilometers": 1000.0, "km": 1000.0, "miles": 1609.344, "mi": 1609.344}
DECIMALS = 6  # of a degree: a decimetre

Lengths = list[list[float | None]]
"""Metres from each start (rows) to each destination; None where there is no way."""


@dataclass(frozen=True, slots=True)
class _Block:
    """What is asked in one request: all the ways from these places to those."""

    mode: TravelMode
    starts: tuple[Place, ...]
    destinations: tuple[Place, ...]


_Found = dict[tuple[TravelMode, Place, Place], float]
"""Metres from one place to another, of the ways that there are."""


class _NoAnswerError(Exception):
    """What came instead of an answer, fit to be told."""


class RoutingService:
    """Asks one service, in as few requests as it takes, all at once. Close with ``aclose``."""

    def __init__(self, settings: ServiceSettings, clock: Clock, verify: ssl.SSLContext | bool = True) -> None:
        """``verify``: whom to believe over https. Raises InputError for an address that cannot be one."""
        # Both write whole addresses into their logs, passwords included.
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
        self._settings = settings
        self._clock = clock
        self._speaks = _SPOKEN[settings.kind]
        url = _url(settings)
        self._url = url.copy_with(userinfo=b"", fragment=None)
        self._client = httpx.AsyncClient(
            auth=(url.username, url.password) if url.userinfo else None,
            verify=verify,
            trust_env=False,  # no proxy and no .netrc between the station and its service
            follow_redirects=False,
            timeout=None,  # one deadline bounds everything at once
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEPT_S),
            headers={"Accept-Encoding": "identity"},  # what bytes become must not be the service's choice
        )
        self._answers = True
        self._rests_until = -math.inf

    async def table(self, starts: Sequence[Start], destinations: Sequence[Place]) -> TravelTable:
        """See TravelTimes. Returns within ``within_s``; with nothing at all where the service is silent or at rest."""
        found = await self._found(list(_blocks(starts, destinations, self._settings.modes)))
        rows: list[tuple[float | None, ...]] = []
        why: list[Fallback] = []
        for start in starts:
            rows.append(tuple(_seconds(start, place, found) for place in destinations))
            asked = Fallback.NO_WAY if found is not None else Fallback.NO_ANSWER
            why.append(asked if start.mode in self._settings.modes else Fallback.NOT_ASKED)
        return TravelTable(WaySource.SERVICE, tuple(rows), tuple(why))

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _found(self, blocks: Sequence[_Block]) -> _Found | None:
        """Metres of all ways that there are; None if one request had no answer."""
        if not blocks:
            return {}
        if self._clock.monotonic() < self._rests_until:
            return None
        answers: list[_Found | str] = []
        try:
            async with asyncio.timeout(self._settings.within_s), asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answered(block)) for block in blocks]
            answers = [task.result() for task in tasks]
        except TimeoutError:
            answers = [f"no answer within {self._settings.within_s:g} s"]
        self._note(next((answer for answer in answers if isinstance(answer, str)), None))
        if not self._answers:
            return None
        return {way: metres for answer in answers if not isinstance(answer, str) for way, metres in answer.items()}

    def _note(self, failure: str | None) -> None:
        """A service falls silent, or speaks again, in one line."""
        if failure is not None:
            self._rests_until = self._clock.monotonic() + REST_S
            if self._answers:
                _log.warning(
                    "routing service %s: %s; ways are straight lines until it answers", self._settings.address, failure
                )
        elif not self._answers:
            _log.warning("routing service %s answers again", self._settings.address)
        self._answers = failure is None

    async def _answered(self, block: _Block) -> _Found | str:
        """Metres of one block's ways, or what came instead."""
        try:
            lengths = await self._lengths(block)
        except _NoAnswerError as error:
            return str(error)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:  # its text may hold the whole address
            return type(error).__name__
        return {
            (block.mode, start, destination): metres
            for start, row in zip(block.starts, lengths, strict=True)
            for destination, metres in zip(block.destinations, row, strict=True)
            if metres is not None
        }

    async def _lengths(self, block: _Block) -> Lengths:
        request = self._speaks.request(self._client, self._url, block)
        response = await self._client.send(request, stream=True)
        try:
            answer = await _read(response)
        finally:
            await response.aclose()
        if response.status_code == 400 and isinstance(answer, dict) and answer.get("error_code") == NO_PATH:
            return [[None] * len(block.destinations) for _ in block.starts]
        if not response.is_success:
            raise _NoAnswerError(f"HTTP {response.status_code}")
        try:
            return _checked(self._speaks.rows(answer), block)
        except (LookupError, TypeError, ValueError):
            raise _NoAnswerError("an answer that is not in its format") from None


def _url(settings: ServiceSettings) -> httpx.URL:
    try:
        return httpx.URL(settings.address.reveal())
    except httpx.InvalidURL:  # its text may hold a part of the address
        raise InputError(f"routing service {settings.address}: the address cannot be read") from None


def _blocks(starts: Sequence[Start], destinations: Sequence[Place], modes: frozenset[TravelMode]) -> Iterator[_Block]:
    """Each place once, however many units stand there."""
    wanted = _by_fifties(dict.fromkeys(destinations))
    for mode in TravelMode:
        places = dict.fromkeys(start.place for start in starts if start.mode is mode and mode in modes)
        for some in _by_fifties(places):
            for others in wanted:
                yield _Block(mode, some, others)


def _by_fifties(places: Iterable[Place]) -> list[tuple[Place, ...]]:
    every = tuple(places)
    return [every[index : index + MOST_PLACES] for index in range(0, len(every), MOST_PLACES)]


def _seconds(start: Start, destination: Place, found: _Found | None) -> float | None:
    """Nobody is there sooner than by flying: between its nearest streets a service may know a shorter way than that."""
    flown_s = straight_s(start, destination, detour=1.0)
    if start.mode is TravelMode.DRONE:
        return flown_s
    metres = found.get((start.mode, start.place, destination)) if found is not None else None
    return max(metres / start.speed_m_s, flown_s) if metres is not None else None


async def _read(response: httpx.Response) -> object:
    """The answer's JSON; None where there is none. Raises _NoAnswerError for one without end."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _NoAnswerError("compressed, which nobody asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise _NoAnswerError(f"more than {LARGEST_BYTES} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _checked(rows: Any, block: _Block) -> Lengths:
    """Metres, as many as were asked for. Raises ValueError, TypeError."""
    lengths = [[_metres(value) for value in row] for row in rows]
    if [len(row) for row in lengths] != [len(block.destinations)] * len(block.starts):
        raise ValueError("another number of ways than asked for")
    return lengths


def _metres(value: object, unit_m: float = 1.0) -> float | None:
    """A length in metres, given in units of so many. Raises ValueError for what is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError("no length")
    return float(value) * unit_m


@dataclass(frozen=True, slots=True)
class _Language:
    """How a service is asked, and where in its answer the rows are, in metres."""

    request: Callable[[httpx.AsyncClient, httpx.URL, _Block], httpx.Request]
    rows: Callable[[Any], Any]


_OSRM_PROFILE = {TravelMode.FOOT: "foot", TravelMode.SCOOTER: "bike", TravelMode.CAR: "car"}


def _osrm_request(client: httpx.AsyncClient, url: httpx.URL, block: _Block) -> httpx.Request:
    places = ";".join(f"{_degrees(p.longitude)},{_degrees(p.latitude)}" for p in (*block.starts, *block.destinations))
    count = len(block.starts)
    sources = ";".join(map(str, range(count)))
    destinations = ";".join(map(str, range(count, count + len(block.destinations))))
    asked = f"sources={sources}&destinations={destinations}&annotations=distance&generate_hints=false"
    path = f"{url.path.rstrip('/')}/table/v1/{_OSRM_PROFILE[block.mode]}/{places}"
    query = b"&".join(part for part in (url.query, asked.encode()) if part)
    return client.build_request("GET", url.copy_with(path=path, query=query))


def _osrm_rows(answer: Any) -> Any:
    if answer["code"] != "Ok":
        raise ValueError("no table")
    return answer["distances"]


_VALHALLA_COSTING = {TravelMode.FOOT: "pedestrian", TravelMode.SCOOTER: "motor_scooter", TravelMode.CAR: "auto"}


def _valhalla_request(client: httpx.AsyncClient, url: httpx.URL, block: _Block) -> httpx.Request:
    asked = {
        "sources": [_location(place) for place in block.starts],
        "targets": [_location(place) for place in block.destinations],
        "costing": _VALHALLA_COSTING[block.mode],
        "units": "kilometers",
        "verbose": False,
    }
    path = f"{url.path.rstrip('/')}/sources_to_targets"
    return client.build_request("POST", url.copy_with(path=path), json=asked)


def _valhalla_rows(answer: Any) -> Any:
    """Of an answer in short; or in full, as those give who know no shorter one."""
    found = answer["sources_to_targets"]
    unit_m = METRES[answer["units"]]
    rows = found["distances"] if isinstance(found, dict) else [[cell["distance"] for cell in row] for row in found]
    return [[_metres(value, unit_m) for value in row] for row in rows]


def _location(place: Place) -> dict[str, float]:
    return {"lat": round(place.latitude, DECIMALS), "lon": round(place.longitude, DECIMALS)}


def _degrees(value: float) -> str:
    return f"{value:.{DECIMALS}f}"


_SPOKEN: Mapping[ServiceKind, _Language] = {
    ServiceKind.OSRM: _Language(_osrm_request, _osrm_rows),
    ServiceKind.VALHALLA: _Language(_valhalla_request, _valhalla_rows),
}
