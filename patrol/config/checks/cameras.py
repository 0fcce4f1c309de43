"""Cameras: what one lacks beside its address, and whether it stands where its ring is."""

from __future__ import annotations

from collections.abc import Iterator

from patrol.config import addresses
from patrol.config.checks.findings import Finding, listed
from patrol.config.document import written
from patrol.config.parts import ADDRESS_KEYS, CameraPart, Parts
from patrol.domain.camera import Place, RingName


def incomplete_cameras(parts: Parts) -> Iterator[Finding]:
    """Cameras without a ring, an address or what an address has a place for."""
    for part in parts.cameras:
        site_unread = part.site is not None and part.site.head is None
        if part.camera is None:
            continue
        if parts.ring_of(part) is None and not site_unread:
            yield part.location, "has no ring; expected ring: core, periphery or far, here or at its site"
        if parts.stream_of(part) is None and not _is_template_unread(parts, part):
            yield part.location, "has no address; expected stream, here or in its template"
        for key in ADDRESS_KEYS:
            yield from _unfilled_places(parts, part, key)


def _is_template_unread(parts: Parts, part: CameraPart) -> bool:
    """Whether what a camera's template would say cannot be told, because it or the site cannot be used."""
    name = parts.template_of(part)
    if name is None:
        return part.site is not None and part.site.head is None
    return parts.templates.get(name) is None


def _unfilled_places(parts: Parts, part: CameraPart, key: str) -> Iterator[Finding]:
    address, given = parts.address_of(part, key), parts.values_of(part)
    for name in addresses.placeholders(address[1]) if address is not None else ():
        if address is not None and name in addresses.PLACEHOLDERS and name not in given:
            yield part.location, f"has no {name}; {written(address[0])} needs it for {{{name}}}"


def misplaced_cameras(parts: Parts) -> Iterator[Finding]:
    """Cameras nearer to or farther from the station than their ring reaches."""
    periphery = parts.rings[RingName.PERIPHERY]
    for name, ring in parts.rings.items():
        cameras = [(part, metres) for part, metres in _distances(parts) if parts.ring_of(part) is name]
        reach = ring.out_to_m if ring is not None else None
        if reach is not None:
            yield from _misplaced([part for part, metres in cameras if metres > reach], f"more than {reach:g} m")
        edge = periphery.out_to_m if periphery is not None and name is RingName.FAR else None
        if edge is not None:
            yield from _misplaced([part for part, metres in cameras if metres < edge], f"less than {edge:g} m")


def _distances(parts: Parts) -> list[tuple[CameraPart, float]]:
    if parts.station is None:
        return []
    centre = Place(*parts.station.at)
    return [(part, centre.distance_m(Place(*part.camera.at))) for part in parts.cameras if part.camera is not None]


def _misplaced(cameras: list[CameraPart], where: str) -> Iterator[Finding]:
    if cameras:
        message = f"{listed(cameras)} stand {where} from the station: is the place or the ring wrong?"
        yield (*cameras[0].location, "at"), message
