"""What lies under the map's marks: GeoJSON files, and tiles, if any."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from patrol.domain.camera import StreamAddress
from patrol.domain.vocabulary import CoordinateSystem

WGS84 = CoordinateSystem.WGS84
USUAL_MAX_ZOOM = 18


class BaseKind(StrEnum):
    """What a feature of the base map is, and so how it is drawn."""

    ROADS = "roads"
    BUILDINGS = "buildings"
    WATER = "water"
    GREEN = "green"
    PLACES = "places"
    BOUNDARY = "boundary"


@dataclass(frozen=True, slots=True)
class BaseFile:
    """A GeoJSON file. ``kind``: of all that is in it; None: each feature says its own.

    ``datum``: what its coordinates are in. ``where``, ``line``: where the configuration names it.
    """

    path: Path
    kind: BaseKind | None = None
    datum: CoordinateSystem = WGS84
    where: str = "map.base"
    line: int | None = None


@dataclass(frozen=True, slots=True)
class TileService:
    """A server of square pictures. ``address``: with {z}, {x} and {y}; it shows itself without what is secret.

    ``attribution``: whom the map names for them; ``max_zoom``: the finest there are; ``datum``: what they are in.
    """

    address: StreamAddress
    attribution: str = ""
    max_zoom: int = USUAL_MAX_ZOOM
    datum: CoordinateSystem = WGS84


@dataclass(frozen=True, slots=True)
class TileFile:
    """All tiles in one PMTiles file. ``datum``: what they are in. ``where``, ``line``: see BaseFile."""

    path: Path
    attribution: str = ""
    datum: CoordinateSystem = WGS84
    where: str = "map.pmtiles.file"
    line: int | None = None


@dataclass(frozen=True, slots=True)
class MapSettings:
    """At most one of ``tiles`` and ``pmtiles``; nothing at all is a map of the marks alone."""

    base: tuple[BaseFile, ...] = ()
    tiles: TileService | None = None
    pmtiles: TileFile | None = None

    @property
    def datum(self) -> CoordinateSystem:
        """What the map as a whole is drawn in: its tiles cannot be moved, all the rest can."""
        laid = self.tiles or self.pmtiles
        return laid.datum if laid is not None else WGS84


NO_MAP = MapSettings()


@dataclass(frozen=True, slots=True)
class BaseMap:
    """All base files together, as GeoJSON in WGS-84; ``gzipped``: the same, compressed once for all who ask.

    ``etag``: changes with it; ``features``: how many there are.
    """

    geojson: bytes = field(repr=False)
    gzipped: bytes = field(repr=False)
    etag: str
    features: int


@dataclass(frozen=True, slots=True)
class MapTile:
    """One tile's picture."""

    picture: bytes = field(repr=False)
    media_type: str
    etag: str
