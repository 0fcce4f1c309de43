"""The values that files are made of, as pydantic sees them, and what all parts of a file have in common."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    WithJsonSchema,
    model_validator,
)

from patrol.config import times
from patrol.domain.schedules import EVERY_DAY, TimeWindow
from patrol.domain.zones import line_problem, polygon_problem

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
HOST_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
DAY_S = 86_400

NAME = "a name, as operators say it"
NAME_EN = "the name in English; the same as name where left out"
AT = "[latitude, longitude] in degrees, WGS-84"
BOUND = "the longest a camera may go unseen, seconds"


def _on_earth(at: list[float]) -> list[float]:
    latitude, longitude = at
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        return at
    swapped = abs(longitude) <= 90 and abs(latitude) <= 180
    hint = "; latitude comes first, are they swapped?" if swapped else ""
    raise ValueError(f"expected [latitude -90..90, longitude -180..180], got [{latitude:g}, {longitude:g}]{hint}")


def _usable_polygon(polygon: list[list[float]]) -> list[list[float]]:
    problem = polygon_problem(tuple((x, y) for x, y in polygon))
    if problem is not None:
        raise ValueError(problem)
    return polygon


def _usable_line(line: list[list[float]]) -> list[list[float]]:
    (x1, y1), (x2, y2) = line
    problem = line_problem(((x1, y1), (x2, y2)))
    if problem is not None:
        raise ValueError(problem)
    return line


DIRECTIONS = {"up": 0.0, "right": 90.0, "down": 180.0, "left": 270.0}


def _direction_deg(given: object) -> float:
    if isinstance(given, str) and given in DIRECTIONS:
        return DIRECTIONS[given]
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 0 <= given <= 360:
        return float(given) % 360
    raise ValueError(
        f"expected right, left, up, down, or degrees from 0 (up) over 90 (right) to 360, got {given!r:.40}"
    )


_DIRECTION_SCHEMA: dict[str, Any] = {
    "anyOf": [{"enum": sorted(DIRECTIONS)}, {"type": "number", "minimum": 0, "maximum": 360}]
}

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
WholeNumber = Annotated[int, Strict()]
Seconds = Annotated[Number, Field(gt=0, le=DAY_S)]
PerSecond = Annotated[Number, Field(gt=0, le=10_000)]
SecondsFromZero = Annotated[Number, Field(ge=0, le=DAY_S)]
Share = Annotated[Number, Field(ge=0, le=1)]
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Host = Annotated[str, Field(pattern=HOST_PATTERN)]
TimeOfDay = Annotated[str, Field(pattern=times.TIME_PATTERN)]
Date = Annotated[str, Field(pattern=times.DATE_PATTERN), AfterValidator(times.is_date)]
Days = Annotated[frozenset[int], PlainValidator(times.days), WithJsonSchema(times.DAYS_SCHEMA)]
At = Annotated[list[Number], Field(min_length=2, max_length=2), AfterValidator(_on_earth)]
Point = Annotated[list[Number], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Point], Field(min_length=3, max_length=64), AfterValidator(_usable_polygon)]

Line = Annotated[list[Point], Field(min_length=2, max_length=2), AfterValidator(_usable_line)]
Direction = Annotated[float, PlainValidator(_direction_deg), WithJsonSchema(_DIRECTION_SCHEMA)]


class Edge(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WindowModel(Edge):
    """A stretch of the day, in the station's own time."""

    days: Days | None = Field(
        default=None, description="workdays, weekend, every_day, or a list of mon..sun or 1 (Monday)..7; every day else"
    )
    dates: Annotated[list[Date], Field(max_length=366)] = Field(
        default=[], description="certain days instead of weekdays, as in [2026-10-01]"
    )
    begins: TimeOfDay = Field(default="00:00", description="when it begins, 00:00..24:00")
    ends: TimeOfDay = Field(default="24:00", description="when it ends, 00:00..24:00; on the next day if not later")

    @model_validator(mode="after")
    def _makes_sense(self) -> WindowModel:
        if self.days is not None and self.dates:
            raise ValueError("has both days and dates; expected one of them (for both, write two windows)")
        if self.begins == self.ends:
            raise ValueError(f"begins and ends at {self.ends}; expected a later end (24:00 for the end of the day)")
        return self

    def window(self) -> TimeWindow:
        """As a decision."""
        return TimeWindow(
            begins=times.time_of_day(self.begins),
            ends=times.time_of_day(self.ends),
            days=self.days if self.days is not None else EVERY_DAY,
            dates=frozenset(date.fromisoformat(day) for day in self.dates),
        )
