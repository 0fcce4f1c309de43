"""What the file says of cameras: where they look, what is watched or blackened in their pictures, and their sites."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict, model_validator

from patrol.config.settings import SiteKind
from patrol.config.values import (
    AT,
    BOUND,
    NAME,
    NAME_EN,
    At,
    Direction,
    Edge,
    Host,
    Id,
    Line,
    Name,
    Number,
    Point,
    Polygon,
    Seconds,
    WholeNumber,
)
from patrol.domain.calibrating import PickedPoint, from_points
from patrol.domain.camera import RingName, Strategy
from patrol.domain.errors import InputError
from patrol.domain.ground import GroundPlane

_USE = "the name of a template"
_GROUP = "with which others it is looked at on the tour wall, in words of your own"
_RING = "the ring: core, periphery or far"
_VIEW = "the horizontal angle of view, degrees"
_STREAM = (
    "an address: rtsp, rtsps, http, https, file or synthetic; ${NAME} is taken from the environment, "
    "{host}, {channel} and {id} from the camera"
)
_POLYGON = "[[x, y], ...] as shares of the picture, 0..1, origin top left"


class ZoneModel(Edge):
    """A polygon, or a line, in the picture that rules watch."""

    id: Id = Field(description="an id")
    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    rules: Annotated[list[Id], Field(min_length=1, max_length=16)] = Field(description="the rules that watch it")
    polygon: Polygon | None = Field(default=None, description=_POLYGON)
    line: Line | None = Field(
        default=None,
        description="[[x, y], [x, y]], instead of a polygon, for rules that watch a line; left and right are those of "
        "somebody who walks from the first point to the second",
    )
    direction: Direction | None = Field(
        default=None,
        description="which way traffic goes in it, in the picture: right, left, up, down, or degrees from 0 (up) over "
        "90 (right); for rules of the kind wrong_way",
    )

    @model_validator(mode="after")
    def _has_one_shape(self) -> ZoneModel:
        if self.polygon is None and self.line is None:
            raise ValueError(f"has no polygon; expected {_POLYGON} (or line: [[x, y], [x, y]])")
        if self.polygon is not None and self.line is not None:
            raise ValueError("has both polygon and line; expected one of them")
        return self


class MaskModel(Edge):
    """A part of the picture that is blackened before anything sees it."""

    name: Name | None = Field(default=None, description="what is hidden, as operators say it")
    name_en: Name | None = Field(default=None, description=NAME_EN)
    polygon: Polygon = Field(description=_POLYGON)


class GroundPointModel(Edge):
    """A point of the ground: where it is in the picture, and where on the ground."""

    at: Point = Field(description="[x, y] as shares of the picture, 0..1, origin top left")
    metres: Point = Field(description="[east, north] in metres, from any place that is the same for all points")


class GroundModel(Edge):
    """The ground plane, by points that were picked in the picture and measured on the ground."""

    points: Annotated[list[GroundPointModel], Field(min_length=4, max_length=64)] = Field(
        description="four points or more, no three of four on one line"
    )
    error: Annotated[Number, Field(ge=0, le=0.5)] = Field(
        default=0.0,
        description="how far off lengths may be all together, as a share of themselves (one standard deviation), "
        "where the points were not measured by hand; patrol calibrate says it",
    )

    @model_validator(mode="after")
    def _is_a_plane(self) -> GroundModel:
        self.plane()
        return self

    def plane(self) -> GroundPlane:
        """As a decision. Raises ValueError where no camera can see the points so."""
        picked = [PickedPoint((p.at[0], p.at[1]), (p.metres[0], p.metres[1])) for p in self.points]
        try:
            plane = from_points(picked).plane
        except InputError as error:
            raise ValueError(str(error)) from None
        return plane.with_more_error(self.error) if self.error else plane


Zones = Annotated[list[ZoneModel], Field(max_length=32)]
Masks = Annotated[list[MaskModel], Field(max_length=32)]


class TemplateModel(Edge):
    """What cameras of one sort have in common. What a camera says itself comes first."""

    stream: str | None = Field(default=None, repr=False, description=_STREAM)
    view_deg: Annotated[Number, Field(gt=0, le=360)] | None = Field(default=None, description=_VIEW)
    revisit_bound_s: Seconds | None = Field(default=None, description=BOUND)
    zones: Zones | None = Field(default=None, description="the zones in its picture")
    masks: Masks | None = Field(default=None, description="what is blackened in its picture before anything sees it")
    strategy: Strategy | None = Field(
        default=None, description="how it is looked at: auto, cold, warm or snapshot; auto where left out"
    )
    snapshot: str | None = Field(
        default=None, repr=False, description="an http or https address of still pictures (JPEG), written as stream is"
    )
    shared_view: Annotated[bool, Strict()] | None = Field(
        default=None, description="true: other cameras show the same view, so that theirs is not taken for a mix-up"
    )
    fine: Annotated[bool, Strict()] | None = Field(
        default=None,
        description="true: every visit looks twice as finely, for small people far away; costs as much as four others",
    )


class CameraModel(TemplateModel):
    """One camera."""

    ground: GroundModel | None = Field(
        default=None, description="points of the ground and where they are, so that distances and speeds are in metres"
    )
    id: Id = Field(description="an id")
    name: Name = Field(description=NAME + "; in a site, what comes after the site's name")
    name_en: Name | None = Field(default=None, description=NAME_EN)
    at: At = Field(description=AT)
    heading_deg: Annotated[Number, Field(ge=0, le=360)] = Field(
        description="where it looks, degrees from north, 0..360"
    )
    ring: RingName | None = Field(default=None, description=_RING + "; the site's where left out")
    use: Id | None = Field(default=None, description=_USE + "; the site's where left out")
    group: Name | None = Field(default=None, description=_GROUP + "; the site's where left out")
    host: Host | None = Field(default=None, description="a host name or IP address, which takes the place of {host}")
    channel: Annotated[WholeNumber, Field(ge=0, le=65_535)] | None = Field(
        default=None, description="a number, which takes the place of {channel}"
    )


class SiteHead(Edge):
    """A place, without its cameras."""

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    kind: SiteKind = Field(description="one of " + ", ".join(SiteKind))
    ring: RingName | None = Field(default=None, description=_RING)
    use: Id | None = Field(default=None, description=_USE)
    group: Name | None = Field(default=None, description=_GROUP)


class SiteModel(SiteHead):
    """A place and its cameras, which share its name, ring and template."""

    cameras: Annotated[list[CameraModel], Field(min_length=1, max_length=10_000)] = Field(description="its cameras")
