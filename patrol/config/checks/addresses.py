"""Addresses of cameras, of the routing service and of map tiles: wording, variables, cameras that share one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patrol.config import addresses
from patrol.config.checks.findings import Finding, listed
from patrol.config.document import Location
from patrol.config.parts import CameraPart, Parts

OVER_HTTP = ("http://", "https://")
SERVICE_URL = ("travel", "service", "url")
TILES_URL = ("map", "tiles", "url")
OF_A_TILE = ("z", "x", "y")


def missing_variables(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """One finding per variable that is not set, with the cameras that need it."""
    needed: dict[str, tuple[Location, list[CameraPart]]] = {}
    for part, location, address in parts.addresses():
        for name in addresses.variables(address):
            if not addresses.is_set(name, environ):
                cameras = needed.setdefault(name, (location, []))[1]
                if part not in cameras[-1:]:
                    cameras.append(part)
    for name, (location, cameras) in needed.items():
        yield location, f"needs the environment variable {name}, which is not set; {listed(cameras)} cannot be opened"
    service = parts.travel.service if parts.travel is not None else None
    for name in addresses.variables(service.url) if service is not None else ():
        if not addresses.is_set(name, environ):
            yield SERVICE_URL, f"needs the environment variable {name}, which is not set; the service cannot be asked"
    tiles = parts.map.tiles if parts.map is not None else None
    for name in addresses.variables(tiles.url) if tiles is not None else ():
        if not addresses.is_set(name, environ):
            yield TILES_URL, f"needs the environment variable {name}, which is not set; no tiles can be fetched"


def unusable_addresses(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Each address where it is written, filled in for the first camera that uses it: one mistake, one finding."""
    used: dict[Location, tuple[str, CameraPart]] = {}
    for part, location, address in parts.addresses():
        used.setdefault(location, (address, part))
    for location, (address, part) in used.items():
        message = _address_problem(address, parts.values_of(part), environ)
        if message is not None:
            yield location, message if part.camera is None else f"{message} (camera {part.camera.id})"


def _address_problem(address: str, values: Mapping[str, str], environ: Mapping[str, str]) -> str | None:
    wording = addresses.wording_problem(address)
    if wording is not None:
        return wording
    full = addresses.expanded(addresses.filled(address, values), environ)
    if addresses.variables(full) or addresses.placeholders(full):
        return None  # told as a missing variable or value
    return addresses.address_problem(full)


def shared_addresses(parts: Parts) -> Iterator[Finding]:
    """Two cameras with one address would put one place's alerts on the other's name."""
    by_address: dict[str, list[CameraPart]] = {}
    for part, _, address in parts.addresses():
        if address.partition(":")[0] not in ("file", "synthetic"):
            cameras = by_address.setdefault(addresses.filled(address, parts.values_of(part)), [])
            if part not in cameras[-1:]:  # one address for both its stream and its still pictures
                cameras.append(part)
    for cameras in by_address.values():
        if len(cameras) > 1:
            yield cameras[1].location, f"{listed(cameras)} have the same address: they would show the same picture"


def routing_service(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The routing service's address, where it is unusable."""
    service = parts.travel.service if parts.travel is not None else None
    message = _service_problem(service.url, environ) if service is not None else None
    if message is not None:
        yield SERVICE_URL, message


def map_tiles(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The tile server's address, where it is unusable."""
    tiles = parts.map.tiles if parts.map is not None else None
    message = _tiles_problem(tiles.url, environ) if tiles is not None else None
    if message is not None:
        yield TILES_URL, message


def _tiles_problem(address: str, environ: Mapping[str, str]) -> str | None:
    found = addresses.placeholders(address)
    missing = [name for name in OF_A_TILE if name not in found]
    if missing:
        return f"has no {{{missing[0]}}}; expected {{z}}, {{x}} and {{y}}, the zoom, column and row of a tile"
    if set(found) - set(OF_A_TILE):
        return "has a {...} that is not known; expected {z}, {x} and {y} alone"
    return _over_http_problem(addresses.filled(address, dict.fromkeys(OF_A_TILE, "0")), environ)


def _service_problem(address: str, environ: Mapping[str, str]) -> str | None:
    if addresses.placeholders(address):
        return "has a {...}; expected the address as it is"
    return _over_http_problem(address, environ)


def _over_http_problem(address: str, environ: Mapping[str, str]) -> str | None:
    wording = addresses.wording_problem(address)
    if wording is not None:
        return wording
    full = addresses.expanded(address, environ)
    if addresses.variables(full):
        return None  # told as a missing variable
    if not full.lower().startswith(OVER_HTTP):
        return f"expected an address that begins with {' or '.join(OVER_HTTP)}"
    return addresses.address_problem(full)
