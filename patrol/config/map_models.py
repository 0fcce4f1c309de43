"""The shape of the file's ``map`` section: what lies under the marks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from patrol.config.showing import shown
from patrol.config.values import Edge, WholeNumber
from patrol.domain.map_settings import USUAL_MAX_ZOOM, BaseKind
from patrol.domain.vocabulary import CoordinateSystem

GEOJSON_FILES = (".geojson", ".json")
PMTILES_FILES = (".pmtiles",)
MOST_ZOOM = 22

_FILE = "from this file's folder, or absolute"
_DATUM = "what its coordinates are in: wgs84, or gcj02 as maps made for mainland China are"
_ATTRIBUTION = "whom the map names for it, such as © OpenStreetMap contributors; licences often ask for that"


def _ending(path: str, endings: tuple[str, ...]) -> str:
    if not path.lower().endswith(endings):
        raise ValueError(f"expected a file that ends in {', '.join(endings)}, got {shown(path)}")
    return path


FileName = Annotated[str, Field(min_length=1, max_length=4_096)]
Attribution = Annotated[str, Field(max_length=200)]


class BaseFileModel(Edge):
    """A GeoJSON file that is drawn under the marks."""

    file: Annotated[FileName, AfterValidator(lambda path: _ending(path, GEOJSON_FILES))] = Field(
        description=f"a GeoJSON file of streets, buildings and the like; {_FILE}"
    )
    kind: BaseKind | None = Field(
        default=None,
        description="what all of it is: " + ", ".join(BaseKind) + "; where left out, each feature's property kind says",
    )
    datum: CoordinateSystem = Field(default=CoordinateSystem.WGS84, description=_DATUM)


class TilesModel(Edge):
    """A server of map tiles. Patrol fetches them for the page, so that no key gets to a browser."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(
        repr=False,
        description="its address, http or https, with {z}, {x} and {y}; ${NAME} is taken from the environment, "
        "as in https://tiles.example/{z}/{x}/{y}.png?key=${MAP_KEY}",
    )
    attribution: Attribution = Field(default="", description=_ATTRIBUTION)
    max_zoom: Annotated[WholeNumber, Field(ge=0, le=MOST_ZOOM)] = Field(
        default=USUAL_MAX_ZOOM, description="the finest zoom that it has"
    )
    datum: CoordinateSystem = Field(default=CoordinateSystem.WGS84, description=_DATUM)


class PmtilesModel(Edge):
    """All tiles in one file."""

    file: Annotated[FileName, AfterValidator(lambda path: _ending(path, PMTILES_FILES))] = Field(
        description=f"a PMTiles file, of pictures or of vectors; {_FILE}"
    )
    attribution: Attribution = Field(default="", description=_ATTRIBUTION)
    datum: CoordinateSystem = Field(default=CoordinateSystem.WGS84, description=_DATUM)


class MapModel(Edge):
    """What lies under the map's marks. Nothing said: nothing, which needs no network either."""

    base: Annotated[list[BaseFileModel], Field(max_length=32)] = Field(
        default=[], description="GeoJSON files, drawn in the order of their kinds; they need no tile server"
    )
    tiles: TilesModel | None = Field(default=None, description="a server of map tiles: url, attribution, max_zoom")
    pmtiles: PmtilesModel | None = Field(default=None, description="a PMTiles file instead: file, attribution")

    @model_validator(mode="after")
    def _has_one_source_of_tiles(self) -> MapModel:
        if self.tiles is not None and self.pmtiles is not None:
            raise ValueError("has both tiles and pmtiles; expected one of them")
        return self
