"""Units: whether somebody may be sent to each ring, at every hour of the week, who has what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import product

from patrol.config.checks.findings import Finding
from patrol.config.dispatch_models import NeedsModel, UnitModel
from patrol.config.document import Location
from patrol.config.parts import Parts
from patrol.config.showing import did_you_mean
from patrol.domain.camera import RingName
from patrol.domain.events import Kind
from patrol.domain.units import TravelMode, UnitKind

FASTEST_ON_FOOT_M_S = 5.0
MONDAY = date(2001, 1, 1)  # of a week in which no certain day of a file lies


def rings_without_units(parts: Parts) -> Iterator[Finding]:
    """Rings to which nobody may be sent at all."""
    for name in RingName:
        if not any(unit is None or name in unit.rings for unit in parts.units):
            yield ("units",), f"no unit may be sent to the {name} ring"


def needs_nobody_has(parts: Parts) -> Iterator[Finding]:
    """What is needed for a kind and no unit has: nobody would ever be sent."""
    if parts.dispatch is None or any(unit is None for unit in parts.units):
        return
    there = dict.fromkeys(each for unit in parts.units if unit is not None for each in unit.capabilities)
    for kind, needs in parts.dispatch.needs.items():
        location: Location = ("dispatch", "needs", kind.value)
        if kind is Kind.CAMERA_HEALTH:
            yield location, "is maintenance, for which no unit is sent, so nothing is needed; expected another kind"
        for i, capability in enumerate(needs.capabilities):
            if capability not in there:
                message = f"no unit has '{capability}'{did_you_mean(capability, list(there))}"
                yield (*location, "capabilities", i), message


def rings_without_able_crews(parts: Parts) -> Iterator[Finding]:
    """Rings in which no crew has what a kind needs; real and simulated ones apart, as they never help each other."""
    for kind, needs in parts.dispatch.needs.items() if parts.dispatch is not None else ():
        for name, simulated in product(RingName, (False, True)):
            crews = _crews(parts, name, simulated)
            if crews and not any(_has_all(crew, needs) for crew in crews):
                which = "simulated " if simulated else ""
                message = f"no {which}crew that may be sent to the {name} ring has all of it: nobody is sent there"
                yield ("dispatch", "needs", kind.value), message


def _crews(parts: Parts, ring: RingName, simulated: bool) -> list[UnitModel]:
    units = [unit for unit in parts.units if unit is not None and unit.kind is not UnitKind.DRONE_GROUP]
    return [unit for unit in units if ring in unit.rings and unit.simulated is simulated]


def _has_all(crew: UnitModel, needs: NeedsModel) -> bool:
    return crew.crew >= needs.crew_at_least and set(needs.capabilities) <= set(crew.capabilities)


def walkers_at_speed(parts: Parts) -> Iterator[Finding]:
    """Units on foot that are too fast for it."""
    for index, unit in enumerate(parts.units):
        if unit is not None and unit.mode is TravelMode.FOOT and unit.speed_m_s > FASTEST_ON_FOOT_M_S:
            message = f"is foot, at {unit.speed_m_s:g} m/s: is it a scooter, or a car?"
            yield ("units", index, "mode"), message


def hours_without_units(parts: Parts) -> Iterator[Finding]:
    """The first hour of the week at which nobody of a ring is on duty; where a unit has no shift there is none."""
    if any(unit is None for unit in parts.units):
        return
    for name in RingName:
        crews = [unit for unit in parts.units if unit is not None and name in unit.rings]
        begins = _first_without(crews)
        if begins is not None:
            when = f"on {begins:%A} at {begins:%H:%M}"
            yield ("units",), f"nobody who may be sent to the {name} ring is on duty {when}, by their shifts"


def _first_without(crews: list[UnitModel]) -> datetime | None:
    if not crews or any(not crew.shift for crew in crews):
        return None
    windows = [window.window() for crew in crews for window in crew.shift]
    # Who is on duty changes at no other times; on certain days there may be more than in every week.
    times = sorted({time(0)} | {edge for window in windows for edge in (window.begins, window.ends)})
    moments = (datetime.combine(MONDAY + timedelta(days=day), at) for day in range(7) for at in times)
    return next((at for at in moments if not any(window.holds(at) for window in windows)), None)
