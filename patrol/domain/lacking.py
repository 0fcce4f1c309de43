"""Lacking: what the one assignment leaves an incident without, by what, and who would be there first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from patrol.domain.incidents import IncidentId
from patrol.domain.seating import Seating
from patrol.domain.shortfalls import Shortfall, ShortfallReason, Soonest, shortfall
from patrol.domain.weighing import Weighing

_NO_CREW = frozenset({"simulated", "not_simulated", "drone"})


def shortfalls(weighing: Weighing, seating: Seating, now: datetime) -> Iterator[tuple[IncidentId, Shortfall]]:
    """Of each incident that wants something, or loses it: what it does not get, or that nobody is there in time."""
    for number, want in enumerate(weighing.wants):
        got, lost = seating.crews.get(number, []), seating.lost.get(number, [])
        if not want.crews and not lost:
            continue
        coming = _first_of_those_that_go(weighing, seating, number, now)
        late = coming if coming is not None and coming.late_s is not None else None
        if missing := want.crews + len(lost) - len(got):
            reason, left = _why_missing(weighing, seating, number)
            has_nobody = not got and weighing.crews(number) == len(lost)
            would_be = (
                _first(weighing, number, left) if has_nobody else None
            )  # else how late the first is would be lost
            yield want.incident_id, shortfall(reason, missing, now, late or would_be)
        elif late is not None:
            yield want.incident_id, shortfall(ShortfallReason.NOBODY_IN_TIME, 0, now, late)


def _first_of_those_that_go(weighing: Weighing, seating: Seating, number: int, now: datetime) -> Soonest | None:
    """None where none goes, or one is there already, or nobody knows when one of them will be."""
    want, lost = weighing.wants[number], seating.lost.get(number, ())
    if weighing.crews(number) > len(want.arrives_at):
        return _first(weighing, number, seating.crews.get(number, ())) if weighing.crews(number) == len(lost) else None
    gone = {weighing.duties[unit].unit.id for unit in lost}
    on_it = {unit_id: (at - now).total_seconds() for unit_id, at in want.arrives_at.items() if unit_id not in gone}
    in_s = [(on_it[duty.unit.id], unit) for unit, duty in enumerate(weighing.duties) if duty.unit.id in on_it]
    in_s += [(weighing.eta_s[number][unit], unit) for unit in seating.crews.get(number, ())]
    return _soonest(weighing, number, *min(in_s)) if in_s else None


def _first(weighing: Weighing, number: int, units: Sequence[int]) -> Soonest | None:
    in_s = [(weighing.eta_s[number][unit], unit) for unit in units]
    return _soonest(weighing, number, *min(in_s)) if in_s else None


def _soonest(weighing: Weighing, number: int, eta_s: float, unit: int) -> Soonest:
    its = weighing.duties[unit].unit
    return Soonest(its.id, its.name, its.name_en, eta_s, weighing.left_s[number])


def _why_missing(weighing: Weighing, seating: Seating, number: int) -> tuple[ShortfallReason, Sequence[int]]:
    """What leaves no crew for it; and those that are kept, where nothing else does."""
    has = set(weighing.crews_on[number]).difference(seating.lost.get(number, ()))
    suitable = [unit for unit in weighing.suitable(number) if unit not in has]
    if not suitable:
        return _why_none_suitable(weighing, number, has), ()
    free = [unit for unit in suitable if weighing.busy[unit] is None and unit not in seating.goes_to]
    if not free:
        return ShortfallReason.ALL_BUSY, ()
    located = [unit for unit in free if weighing.lost_s[unit] is None]
    if not located:
        return ShortfallReason.NONE_LOCATED, ()
    left = [unit for unit in located if weighing.has_way(number, unit)]
    return (ShortfallReason.KEPT_FOR_RED, left) if left else (ShortfallReason.NO_WAY, ())


def _why_none_suitable(weighing: Weighing, number: int, has: set[int]) -> ShortfallReason:
    unfit = [why for unit, why in enumerate(weighing.unfit(number, crews=True)) if unit not in has]
    crews = [why for why in unfit if why not in _NO_CREW]
    if not crews:
        return ShortfallReason.NO_CREWS
    if None in crews:
        return ShortfallReason.NONE_ON_DUTY
    if "order_rejected" in crews or "taken_back" in crews:
        return ShortfallReason.ALL_REFUSED
    return ShortfallReason.NONE_OF_RING if set(crews) == {"other_ring"} else ShortfallReason.NONE_ABLE
