"""What the file says of incidents: how urgent what is where, and what is one incident."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict, model_validator

from patrol.config.values import (
    NAME,
    NAME_EN,
    Edge,
    Name,
    Number,
    SecondsFromZero,
    WholeNumber,
    WindowModel,
)
from patrol.domain.camera import RingName
from patrol.domain.closeness import USUAL as CLOSE
from patrol.domain.closeness import KindFamily
from patrol.domain.events import Kind, Level

# What tells whether its number grows.
_KNOWS_WHETHER_IT_RISES = frozenset({Kind.CROWD, Kind.GATHERING})
_LEVEL = "red, yellow, blue or green"


class RaiseModel(Edge):
    """What makes an event more urgent than its kind and ring do: all that it names must hold."""

    name: Name = Field(description=NAME + "; it is told as the reason")
    name_en: Name | None = Field(default=None, description=NAME_EN)
    by: Annotated[WholeNumber, Field(ge=1, le=3)] | None = Field(default=None, description="so many levels up")
    to: Level | None = Field(default=None, description="instead of by: to this level at least, " + _LEVEL)
    kinds: Annotated[list[Kind], Field(max_length=16)] = Field(
        default=[], description="events of these kinds; of all where left out"
    )
    rings: Annotated[list[RingName], Field(max_length=3)] = Field(
        default=[], description="in these rings; in all where left out"
    )
    sites: Annotated[list[Name], Field(max_length=1_000)] = Field(
        default=[], description="at these sites, by name or name_en; everywhere where left out"
    )
    count: Annotated[WholeNumber, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="of so many people, or things, at least"
    )
    rising: Annotated[bool, Strict()] = Field(
        default=False, description="true: only while they become more; crowd and gathering know that"
    )
    hours: Annotated[list[WindowModel], Field(max_length=16)] = Field(
        default=[], description="when, a list of days, dates, begins and ends; always where left out"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> RaiseModel:
        if (self.by is None) == (self.to is None):
            has = "has neither by nor to" if self.by is None else "has both by and to"
            raise ValueError(f"{has}; expected one of them, as in by: 1 or to: red")
        if self.to is Level.GREEN:
            raise ValueError("raises nothing: green is the least urgent level; expected to: red, yellow or blue")
        if not (self.kinds or self.rings or self.sites or self.count or self.rising or self.hours):
            raise ValueError("raises everything; expected one or more of kinds, rings, sites, count, rising and hours")
        if Kind.CAMERA_HEALTH in self.kinds:
            raise ValueError("names camera_health, which is rated by what is blind; expected other kinds")
        if self.rising and self.kinds and not _KNOWS_WHETHER_IT_RISES.intersection(self.kinds):
            raise ValueError("rising is known of crowd and gathering only; expected one of them among its kinds")
        return self


class LevelsModel(Edge):
    """How urgent an event is, by what it is and where, and what makes it more urgent than that."""

    by_kind: dict[Kind, dict[RingName, Level]] = Field(description="kind: {ring: level}")
    otherwise: Level = Field(description="the level of everything not listed: " + _LEVEL)
    raises: Annotated[list[RaiseModel], Field(max_length=64)] = Field(
        default=[],
        alias="raise",
        description="what makes events more urgent, one after the other; the incident says why",
    )


Metres = Annotated[Number, Field(ge=0, le=5_000)]


class ClosenessModel(Edge):
    """When alerts of one family of kinds, of several cameras, are one incident; the usual where left out."""

    within_m: Metres | None = Field(
        default=None, description="metres between a camera and the incident's first one, at most"
    )
    same_site_m: Metres | None = Field(default=None, description="the same where both cameras are of one site, metres")
    within_s: SecondsFromZero | None = Field(
        default=None, description="between the times at which the cameras saw it, at most; seconds"
    )

    @model_validator(mode="after")
    def _sites_reach_farther(self) -> ClosenessModel:
        if self.within_m is not None and self.same_site_m is not None and self.same_site_m < self.within_m:
            raise ValueError(f"same_site_m is {self.same_site_m:g}; expected within_m ({self.within_m:g}) or more")
        return self


def _closeness(family: KindFamily) -> str:
    usual = CLOSE[family]
    return (
        f"{family}: usually within_m {usual.within_m:g}, same_site_m {usual.same_site_m:g}, within_s {usual.within_s:g}"
    )


class MergingModel(Edge):
    """When what several cameras see becomes one incident by itself."""

    enabled: Annotated[bool, Strict()] = Field(default=True, description="false: each camera has incidents of its own")
    never: Annotated[list[KindFamily], Field(max_length=16)] = Field(
        default=[], description="families of kinds that never join: " + ", ".join(KindFamily)
    )
    families: dict[KindFamily, ClosenessModel] = Field(
        default={},
        description="other distances and times than usual, by family of kinds; "
        + "; ".join(map(_closeness, KindFamily)),
    )
