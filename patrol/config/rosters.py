"""Rosters: units' shifts and crews, read from a configuration file and written back into it.

Blocking; call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

from patrol.config.dispatch_models import UnitModel
from patrol.config.document import Location, written
from patrol.config.editing import REMOVED, Change, value_at
from patrol.config.values import WindowModel
from patrol.config.writing import ConfigurationFile, Opened, Watch
from patrol.domain.errors import ConfigError, ConfigProblem, FileChanged, FileUnusable
from patrol.domain.schedules import EVERY_DAY, WEEKEND, WORKDAYS
from patrol.domain.staffing import WEEK, ReadUnits, UnitRoster, Weekday, WrittenRoster, WrittenWindow
from patrol.domain.units import UnitId

_UNREADABLE = "unreadable"
_GROUPS = {WORKDAYS: "workdays", WEEKEND: "weekend"}


class RosterBook:
    """The rosters of a file; see ports.RosterBook."""

    def __init__(self, file: ConfigurationFile) -> None:
        self._file = file
        self._watch = Watch(file)

    def changed(self) -> ReadUnits | None:
        """All units, where the file is another one than was given last, and at rest; None where it is not."""
        try:
            opened = self._watch.changed()
        except FileUnusable as error:
            return ReadUnits(_UNREADABLE, {}, str(error.problems[0]))
        if opened is None:
            return None
        return ReadUnits(opened.version, {unit.id: unit for unit in opened.configuration.units})

    def roster(self, unit_id: UnitId) -> WrittenRoster:
        """A unit's roster. Raises KeyError, FileUnusable."""
        return self._roster(self._file.read(), unit_id)

    @contextlib.contextmanager
    def changing(self, unit_id: UnitId, roster: UnitRoster, version: str) -> Iterator[RosterChange | None]:
        """A roster that is ready to take the old one's place; None where the file says that already.

        ``version``: of the roster that somebody looked at. Raises KeyError, FileUnusable, ConfigError with the
        problems of the new one, FileChanged where the file has another roster than that by now, NotWritten.
        """
        opened = self._file.read()
        before = self._roster(opened, unit_id)
        place, unit = _unit_of(opened, unit_id)
        location: Location = ("units", place)
        changes = _changes(opened, location, unit, roster)
        if not changes:
            yield None
            return
        if version != before.version:
            raise FileChanged(f"the roster of unit {unit_id} was changed meanwhile")
        try:
            after = self._file.with_changes(opened, changes)
        except ConfigError as refused:
            raise ConfigError(self._file.name, tuple(_within(each, location) for each in refused.problems)) from None
        with self._file.replacing(opened, after.text) as replacement:
            shown = replace(self._roster(after, unit_id), file_version=replacement.version)
            yield RosterChange(before, shown, partial(self._watch.put, replacement))

    def _roster(self, opened: Opened, unit_id: UnitId) -> WrittenRoster:
        _, unit = _unit_of(opened, unit_id)
        roster = UnitRoster(unit.crew, tuple(_window(each) for each in unit.shift))
        name_en = unit.name_en or unit.name
        version = _version_of(roster)
        return WrittenRoster(unit_id, unit.name, name_en, self._file.name, opened.version, version, roster)


@dataclass(frozen=True, slots=True)
class RosterChange:
    """A roster before and after, and what makes it so. ``apply`` raises OSError."""

    before: WrittenRoster
    after: WrittenRoster
    apply: Callable[[], None]


def _unit_of(opened: Opened, unit_id: UnitId) -> tuple[int, UnitModel]:
    for place, unit in enumerate(opened.parts.units):
        if unit is not None and unit.id == unit_id:
            return place, unit
    raise KeyError(unit_id)


def _version_of(roster: UnitRoster) -> str:
    return hashlib.sha256(json.dumps(asdict(roster), sort_keys=True).encode()).hexdigest()[:16]


def _window(model: WindowModel) -> WrittenWindow:
    is_every_day = model.days is None or model.days == EVERY_DAY
    days = () if is_every_day else tuple(WEEK[day] for day in sorted(model.days or ()))
    return WrittenWindow(_of_day(model.begins), _of_day(model.ends), days, tuple(sorted(model.dates)))


def _of_day(given: str) -> str:
    hour, _, minute = given.partition(":")
    return f"{int(hour):02}:{minute}"


def _changes(opened: Opened, location: Location, unit: UnitModel, roster: UnitRoster) -> list[Change]:
    """What is to be written so that the unit has this roster: nothing of what it has already."""
    changes: list[Change] = []
    if roster.crew != unit.crew:
        changes.append(Change((*location, "crew"), roster.crew))
    kept = [(_window(model), _raw(opened, location, place)) for place, model in enumerate(unit.shift)]
    if [window for window, _ in kept] != list(roster.shift):
        is_there = bool(roster.shift)
        plain = [_plain(window, kept) for window in roster.shift]
        changes.append(Change((*location, "shift"), plain if is_there else REMOVED))
    return changes


def _raw(opened: Opened, location: Location, place: int) -> object:
    return value_at(opened.document.data, (*location, "shift", place))


def _plain(window: WrittenWindow, kept: list[tuple[WrittenWindow, object]]) -> object:
    """As it would stand in the file; one that is there already, as it stands there."""
    for same, raw in kept:
        if same == window:
            return raw
    plain: dict[str, object] = {}
    if window.days and set(window.days) != set(Weekday):
        numbers = frozenset(WEEK.index(day) for day in window.days)
        plain["days"] = _GROUPS.get(numbers) or [WEEK[number].value for number in sorted(numbers)]
    if window.dates:
        plain["dates"] = list(window.dates)
    return {**plain, "begins": window.begins, "ends": window.ends}


def _within(problem: ConfigProblem, location: Location) -> ConfigProblem:
    """A place in the file as a place in the unit's roster."""
    return replace(problem, path=problem.path.removeprefix(written(location) + "."))
