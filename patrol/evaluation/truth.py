"""Reading what is true: a folder with a ``truth.jsonl``, one object a line.

Fields that are not named here are for people and are left alone. Everything wrong with a line is told with the file,
the line, the field and what was expected.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from patrol.domain.errors import InputError
from patrol.domain.events import Kind
from patrol.evaluation.scoring import Interval

TRUTH_FILE = "truth.jsonl"
CROWD_COUNT, PEOPLE_BOXES, QUIET = "crowd_count", "people_boxes", "quiet"
CAMERA_HEALTH = Kind.CAMERA_HEALTH.value
EVENT_KINDS = tuple(kind.value for kind in Kind)
WHAT_CAN_BE_SCORED = (*EVENT_KINDS, CROWD_COUNT, PEOPLE_BOXES, QUIET)


class Media(StrEnum):
    """What an item is made of."""

    VIDEO = "video"
    IMAGE = "image"
    FRAMES = "frames"  # a folder of pictures, in the order of their names
    TRACKS = "tracks"  # where people walked, without pictures


class Direction(StrEnum):
    """A way in the picture."""

    RIGHT = "right"
    LEFT = "left"
    UP = "up"
    DOWN = "down"


Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Item:
    """One line: a recording and what is true of it.

    ``file``: where it lies; ``name``: as the line has it, with ``line``, its number. ``holds``: whether it holds the
    event at all; None where that is not the question. ``intervals``: when, seconds from the first frame as it is
    played; empty where only ``holds`` is known. ``fps``: of a folder of frames. ``size``: (width, height) of the
    picture in the file, where the line has it. ``zone``, ``way_line``: points in pixels of the file, the latter one to
    be crossed. ``parts``: what of a kind it holds (fire, smoke; which trouble of a camera), for figures of each.
    ``scene``: shared by pictures of one place. ``is_composite``: made of real pictures, not recorded so.
    """

    file: Path
    name: str
    line: int
    kind: str
    media: Media
    holds: bool | None = None
    intervals: tuple[Interval, ...] = ()
    fps: float | None = None
    frames: int | None = None
    size: tuple[int, int] | None = None
    reverse: bool = False
    zone: tuple[Point, ...] | None = None
    way_line: tuple[Point, ...] | None = None
    allow: tuple[str, ...] | None = None
    forbid: tuple[str, ...] | None = None
    allowed_direction: Direction | None = None
    parts: tuple[str, ...] = ()
    count: int | None = None
    boxes: Path | None = None
    scene: str | None = None
    made_by: str = ""
    is_composite: bool = False

    @property
    def seconds(self) -> float | None:
        """How long it is, as far as the line says."""
        return self.frames / self.fps if self.frames and self.fps else None

    @property
    def group(self) -> str:
        """What it shares with pictures that it is not independent of: its scene, else only itself."""
        return f"scene {self.scene}" if self.scene is not None else f"{self.name} line {self.line}"


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Points = Annotated[list[Annotated[list[_Number], Field(min_length=2, max_length=2)]], Field(max_length=256)]
_Labels = Annotated[list[str], Field(min_length=1, max_length=80)]


class _EventRow(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    start_s: Annotated[_Number, Field(ge=0)]
    end_s: Annotated[_Number, Field(ge=0)]
    kind: str | None = None
    trouble: object = None
    subtype: object = None

    @property
    def part(self) -> str | None:
        """What of its kind it is, if the line says so in a word."""
        said = self.trouble or self.subtype
        return said if isinstance(said, str) else None


class _Row(BaseModel):
    """A line as it stands in the file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    path: Annotated[str, Field(min_length=1)]
    kind: str
    media: Media
    label: bool | None = None
    events: list[_EventRow] = []
    fps: Annotated[_Number, Field(gt=0, le=1000)] | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)] | None = None
    reverse: bool = False
    zone: Annotated[_Points, Field(min_length=2)] | None = None
    line: Annotated[_Points, Field(min_length=2, max_length=2)] | None = None
    allow: _Labels | None = None
    forbid: _Labels | None = None
    allowed_direction: Direction | None = None
    fire: bool | None = None
    smoke: bool | None = None
    count: Annotated[int, Field(ge=0)] | None = None
    boxes: str | None = None
    scene: int | str | None = None
    made_by: str = ""
    composite: bool = False


def read_truth(folder: Path, kinds: Sequence[str] = ()) -> list[Item]:
    """The items of a folder, in the order of its truth; only of these kinds, if any are named. Raises InputError."""
    file = folder / TRUTH_FILE
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; expected a folder with a {TRUTH_FILE}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file}: expected text in UTF-8") from None
    rows = ((number, _row(file, number, text)) for number, text in enumerate(lines, 1) if text.strip())
    return [_item(folder, number, row) for number, row in rows if not kinds or row.kind in kinds]


def _row(file: Path, number: int, text: str) -> _Row:
    where = f"{file}: line {number}"
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: expected a JSON object, got {text[:40]!r} ({error.msg})") from None
    try:
        row = _Row.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"])) or "the line"
        expected = first["msg"].replace("Input should be", "expected").replace("Field required", "is missing")
        got = "" if first["type"] == "missing" else f", got {json.dumps(first['input'], default=str)[:60]}"
        raise InputError(f"{where}: {path}: {expected}{got}") from None
    problem = next(_problems(row, file.parent), None)
    if problem is not None:
        raise InputError(f"{where}: {problem}")
    return row


def _problems(row: _Row, folder: Path) -> Iterator[str]:
    if row.kind not in WHAT_CAN_BE_SCORED:
        yield f"kind: expected one of {', '.join(WHAT_CAN_BE_SCORED)}, got {row.kind!r}"
    if not (folder / row.path).exists():
        yield f"path: there is no {row.path!r} in {folder}"
    elif row.media is not Media.TRACKS and (folder / row.path).is_dir() != (row.media is Media.FRAMES):
        yield f"path: expected {'a folder' if row.media is Media.FRAMES else 'a file'} for media {row.media.value}"
    yield from _missing_fields(row)
    for index, event in enumerate(row.events):
        if event.end_s < event.start_s:
            yield f"events.{index}.end_s: expected {event.start_s:g} or more, got {event.end_s:g}"
    if row.boxes is not None and not (folder / row.boxes).is_file():
        yield f"boxes: there is no file {row.boxes!r} in {folder}"


def _missing_fields(row: _Row) -> Iterator[str]:
    if row.kind == CROWD_COUNT and row.count is None:
        yield "count: is missing; expected how many people are in the picture"
    if row.kind == PEOPLE_BOXES and row.boxes is None:
        yield "boxes: is missing; expected a file in MOT format"
    if row.media is Media.FRAMES and row.kind != PEOPLE_BOXES and row.fps is None:
        yield "fps: is missing; expected how many frames a second the folder holds"
    if row.kind in EVENT_KINDS and _holds(row) is None:
        yield "label: is missing; expected true or false: whether the event is in it at all"


def _holds(row: _Row) -> bool | None:
    if row.label is not None:
        return row.label
    if row.fire is not None or row.smoke is not None:
        return bool(row.fire or row.smoke)
    return True if _own_events(row) else None


def _own_events(row: _Row) -> list[_EventRow]:
    """Those of the line's kind: others may be told beside it."""
    return [event for event in row.events if event.kind in (None, row.kind)]


def _intervals(row: _Row) -> list[Interval]:
    return [Interval(event.start_s, event.end_s) for event in _own_events(row)]


def _item(folder: Path, number: int, row: _Row) -> Item:
    is_event = row.kind in EVENT_KINDS
    return Item(
        file=folder / row.path,
        name=row.path,
        line=number,
        kind=row.kind,
        media=row.media,
        holds=_holds(row) if is_event else None,
        intervals=tuple(sorted(_intervals(row), key=lambda each: each.start_s)) if is_event else (),
        fps=row.fps,
        frames=row.frames,
        size=(row.size[0], row.size[1]) if row.size is not None else None,
        reverse=row.reverse,
        zone=_points(row.zone) if row.zone is not None and len(row.zone) > 2 else None,
        way_line=_points(row.line or (row.zone if row.zone is not None and len(row.zone) == 2 else None)),
        allow=tuple(row.allow) if row.allow is not None else None,
        forbid=tuple(row.forbid) if row.forbid is not None else None,
        allowed_direction=row.allowed_direction,
        parts=tuple(_parts(row)),
        count=row.count,
        boxes=folder / row.boxes if row.boxes is not None else None,
        scene=str(row.scene) if row.scene is not None else None,
        made_by=row.made_by,
        is_composite=row.composite,
    )


def _parts(row: _Row) -> Iterator[str]:
    yield from (part for part, is_there in (("fire", row.fire), ("smoke", row.smoke)) if is_there)
    if row.kind == CAMERA_HEALTH:
        yield from dict.fromkeys(event.part for event in _own_events(row) if event.part is not None)


def _points(points: list[list[float]] | None) -> tuple[Point, ...] | None:
    return tuple((x, y) for x, y in points) if points is not None else None


# MOT boxes

LEAST_VISIBLE = 0.25
_FRAME, _LEFT, _CONFIDENCE, _CLASS, _VISIBILITY = 0, 2, 6, 7, 8
_UNSAID = -1.0  # how older sets fill columns that they do not use


@dataclass(frozen=True, slots=True)
class MotBox:
    """One box. ``xyxy``: pixels. ``counts``: a person, and visible enough; others count neither way."""

    frame: int
    xyxy: tuple[float, float, float, float]
    counts: bool


def read_mot(file: Path) -> list[MotBox]:
    """The boxes of a file in MOT format. Raises InputError with the line and what was expected."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{file}: cannot be read; expected text in MOT format") from None
    return [_mot_box(file, number, text) for number, text in enumerate(lines, 1) if text.strip()]


def _mot_box(file: Path, number: int, text: str) -> MotBox:
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError:
        values = []
    if len(values) <= _CONFIDENCE or not all(map(math.isfinite, values)):
        expected = "frame,id,x,y,width,height,conf,class,visibility"
        raise InputError(f"{file}: line {number}: expected numbers as in {expected}, got {text[:60]!r}")
    left, top, width, height = values[_LEFT:_CONFIDENCE]
    xyxy = (left, top, left + max(0.0, width), top + max(0.0, height))
    return MotBox(int(values[_FRAME]), xyxy, _counts(values))


def _counts(values: Sequence[float]) -> bool:
    is_person = _at(values, _CLASS) in (1.0, _UNSAID)
    visibility = _at(values, _VISIBILITY)
    return values[_CONFIDENCE] == 1 and is_person and (visibility == _UNSAID or visibility > LEAST_VISIBLE)


def _at(values: Sequence[float], column: int) -> float:
    return values[column] if column < len(values) else _UNSAID


def as_json(item: Item) -> dict[str, Any]:
    """What a report says of an item."""
    return {"path": item.name, "line": item.line, "kind": item.kind, "reverse": item.reverse, "made_by": item.made_by}
