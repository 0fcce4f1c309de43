"""The rule of a kind as it ships: its defaults. Where it watches, and what may be there, a person would draw and say;
here the truth does. Nothing else is taken from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from patrol.config.building import rule_of, zone_of
from patrol.config.camera_models import ZoneModel
from patrol.config.rule_models import RULE_MODELS
from patrol.domain.closer import NO_LOOKS, Look
from patrol.domain.errors import InputError
from patrol.domain.events import Kind
from patrol.domain.rules import Rule
from patrol.domain.zones import Zone
from patrol.evaluation.truth import CROWD_COUNT, PEOPLE_BOXES, QUIET, Item, Media

_Model = TypeVar("_Model", bound=BaseModel)
WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]

# What these tell depends on where a person has drawn them: in a picture without a drawing they say nothing.
DRAWN_KINDS = frozenset(
    {
        Kind.INTRUSION,
        Kind.LINE_CROSSING,
        Kind.WRONG_WAY,
        Kind.LOITERING,
        Kind.STOPPED_VEHICLE,
        Kind.REMOVED_OBJECT,
    }
)


@dataclass(frozen=True, slots=True)
class Watched:
    """The rules that watch an item, each with its zone."""

    rules: tuple[Rule, ...]
    zones: tuple[Zone, ...]

    @property
    def labels(self) -> frozenset[str]:
        """What the detector must report for them."""
        return frozenset().union(*(rule.condition.labels for rule in self.rules))

    @property
    def looks(self) -> frozenset[Look]:
        """What they may ask to look at more closely."""
        return NO_LOOKS.union(*(rule.looks for rule in self.rules))


class NotAvailableError(Exception):
    """An item cannot be scored; the text says why."""


def quiet_kinds() -> tuple[str, ...]:
    """The kinds that are switched on where nothing should be told: all that need no drawing."""
    return tuple(kind for kind in RULE_MODELS if Kind(kind) not in DRAWN_KINDS)


def watched(item: Item, size: tuple[int, int]) -> Watched:
    """What watches an item. ``size``: (width, height) of the picture in the file.

    Raises NotAvailableError for a kind that has no rule yet, or whose rule needs what the truth does not say;
    InputError where the truth says what no rule would take.
    """
    why = why_not(item)
    if why is not None:
        raise NotAvailableError(why)
    return _put_together(item, size, kinds_on(item), {"at_least": 1} if item.kind == CROWD_COUNT else {})


def kinds_on(item: Item) -> tuple[str, ...]:
    """The kinds whose rules watch an item."""
    if item.kind == QUIET:
        return quiet_kinds()
    if item.kind == PEOPLE_BOXES:
        return ()
    return ("crowd",) if item.kind == CROWD_COUNT else (item.kind,)


def why_not(item: Item) -> str | None:
    """Why an item cannot be scored whatever its pictures are, or None."""
    if item.media is Media.TRACKS:
        return "tracks without pictures are not played"
    for kind in kinds_on(item):
        model = RULE_MODELS.get(kind)
        if model is None:
            return f"there is no rule of the kind {kind} yet"
        if getattr(model, "watches_lines", False) and item.way_line is None:
            return f"a rule of the kind {kind} watches a line, and the truth gives none"
        if getattr(model, "needs_direction", False) and item.allowed_direction is None:
            return f"a rule of the kind {kind} needs a direction, and the truth gives none"
    return None


def _put_together(item: Item, size: tuple[int, int], kinds: tuple[str, ...], given: dict[str, Any]) -> Watched:
    rules = tuple(_rule(item, kind, given) for kind in kinds)
    return Watched(rules, tuple(_zones(item, size, kinds)))


def _rule(item: Item, kind: str, given: dict[str, Any]) -> Rule:
    model = RULE_MODELS[kind]
    said = {"kind": kind, "name": kind, **given}
    for name, value in (("allow", item.allow), ("forbid", item.forbid)):
        if value is not None and name in model.model_fields:
            said[name] = list(value)
    return rule_of(kind, _checked(model, said, item))


def _zones(item: Item, size: tuple[int, int], kinds: tuple[str, ...]) -> Iterator[Zone]:
    """One for the kinds that watch areas, one for those that watch lines."""
    on_lines = [kind for kind in kinds if getattr(RULE_MODELS[kind], "watches_lines", False)]
    in_areas = [kind for kind in kinds if kind not in on_lines]
    if in_areas:
        polygon = _shares(item.zone, size) if item.zone is not None else WHOLE
        yield _zone(item, {"id": "zone", "name": "区域", "name_en": "zone", "rules": in_areas, "polygon": polygon})
    if on_lines:
        line = _shares(item.way_line or (), size)
        yield _zone(item, {"id": "line", "name": "警戒线", "name_en": "line", "rules": on_lines, "line": line})


def _zone(item: Item, said: dict[str, Any]) -> Zone:
    if item.allowed_direction is not None and "direction" in ZoneModel.model_fields:
        said["direction"] = item.allowed_direction.value
    return zone_of(_checked(ZoneModel, said, item))


def _checked(model: type[_Model], said: dict[str, Any], item: Item) -> _Model:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"truth, line {item.line} ({item.name}): {where}: {first['msg']}") from None


def _shares(points: tuple[tuple[float, float], ...], size: tuple[int, int]) -> list[list[float]]:
    """Pixels as shares of the picture; a point on or beyond the edge lies on it."""
    width, height = size
    return [[min(1.0, max(0.0, x / width)), min(1.0, max(0.0, y / height))] for x, y in points]
