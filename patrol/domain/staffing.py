"""Staffing: a unit's shift and crew, as people change them in the configuration while Patrol runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from patrol.domain.units import Shift, Unit, UnitId


class Weekday(StrEnum):
    """A day of the week, as the configuration names it."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class WrittenWindow:
    """A window of a shift, in the configuration's own words: 00:00 to 24:00, on the next day where the end is not
    later. ``dates``: certain days, as in 2026-10-01, instead of ``days``; neither: every day."""

    begins: str
    ends: str
    days: tuple[Weekday, ...] = ()
    dates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitRoster:
    """How many officers a unit has, and when they are on duty; always, where ``shift`` is empty."""

    crew: int
    shift: tuple[WrittenWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenRoster:
    """A unit's roster as the file has it. ``version``: changes with it. ``file_version``: changes with the file."""

    unit_id: UnitId
    name: str
    name_en: str
    file: str
    file_version: str
    version: str
    roster: UnitRoster


@dataclass(frozen=True, slots=True)
class ReadUnits:
    """All units, as a file has them. ``version``: of the file. ``problem``: why it cannot be used as it is now; nothing
    of it holds then."""

    version: str
    units: Mapping[UnitId, Unit]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RosterStanding:
    """Up to which version of the file a process has taken the rosters, when, and why not farther. ``at``: aware UTC."""

    version: str
    at: datetime
    problem: str | None = None


class RosterState(StrEnum):
    """Whether what the file says holds where units are sent."""

    APPLIED = "applied"
    WAITING = "waiting"  # dispatch has not read the file as it is now
    REFUSED = "refused"  # dispatch has, and it cannot be used
    NO_DISPATCH = "no_dispatch"


def roster_state(file_version: str, standing: RosterStanding | None) -> RosterState:
    """What to say of a file of that version to whoever changed it. None: no dispatch tells of itself."""
    if standing is None:
        return RosterState.NO_DISPATCH
    if standing.version == file_version:
        return RosterState.APPLIED
    return RosterState.REFUSED if standing.problem else RosterState.WAITING


def restaffed(units: Mapping[UnitId, Unit], read: Mapping[UnitId, Unit], timezone: ZoneInfo) -> tuple[Unit, ...]:
    """The units that have another shift or crew now, by the clocks of ``timezone``; all else of them stays as it is.

    Units that are new, or gone from the file, wait for the next start.
    """
    changed = []
    for unit_id, unit in units.items():
        if (other := read.get(unit_id)) is None:
            continue
        shift = Shift(other.shift.windows, timezone) if other.shift is not None else None
        after = replace(unit, crew=other.crew, shift=shift)
        if after != unit:
            changed.append(after)
    return tuple(changed)
