"""Weighing: which unit may go to which incident, how soon it is there, and why the others may not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from patrol.domain.assigning import BoolMatrix
from patrol.domain.dispatch import Duty
from patrol.domain.orders import OrderState
from patrol.domain.units import Unit, UnitId
from patrol.domain.vocabulary import RingName
from patrol.domain.wants import MAY_BE_TAKEN, OFF_STATES, Commitment, Needs, TravelTime, Want, is_crew, is_free

NOT_ASKED = math.nan


class Weighing:
    """Wants of one world, real or simulated, against all units. Both are told by their index, in the order given.

    ``eta_s``: seconds, by want and unit; nan where nobody asked, infinite where there is no way. ``again``: the unit
    had an order for it that expired. ``left_s``: for getting there before
    the want is due, infinite for no target. ``on``: what each unit
    is on; ``busy``: why it is not free; ``lost_s``: how old its last position is, where nobody knows where it is;
    ``crews_on``: by want, the crews that are on it.
    """

    def __init__(
        self,
        wants: Sequence[Want],
        duties: Sequence[Duty],
        commitments: Mapping[UnitId, Commitment],
        travel_s: TravelTime,
        now: datetime,
        answer_s: float = 0.0,
        lost_s: Mapping[UnitId, float] | None = None,
    ) -> None:
        self.wants = wants
        self.duties = duties
        self.number = {want.incident_id: number for number, want in enumerate(wants)}
        self.left_s = [
            math.inf if want.due_at is None else (want.due_at - now).total_seconds() - answer_s for want in wants
        ]
        self.eta_s = [[NOT_ASKED] * len(duties) for _ in wants]
        self.again = np.zeros((len(wants), len(duties)), np.bool_)
        for number, want in enumerate(wants):
            if OrderState.EXPIRED in want.tried.values():
                self.again[number] = [want.tried.get(duty.unit.id) is OrderState.EXPIRED for duty in duties]
        self.on = [commitments.get(duty.unit.id) for duty in duties]
        self.busy = [_busy(duty, on) for duty, on in zip(duties, self.on, strict=True)]
        self.lost_s = [(lost_s or {}).get(duty.unit.id) for duty in duties]
        self.is_crew = [is_crew(duty.unit) for duty in duties]
        self.crews_on: list[list[int]] = [[] for _ in wants]
        for unit, on in enumerate(self.on):
            if on is not None and not on.doubted and self.is_crew[unit] and on.incident_id in self.number:
                self.crews_on[self.number[on.incident_id]].append(unit)
        self._travel_s = travel_s
        self._unfit: dict[tuple[bool, bool, RingName, Needs], list[str | None]] = {}

    def crews(self, number: int) -> int:
        """How many crews are on it."""
        return max(self.wants[number].crews_on_it, len(self.crews_on[number]))

    def may_go(self, numbers: Sequence[int], crews: bool) -> BoolMatrix:
        """Wants by units: who is free and fit for these wants, and has a way; false for all others."""
        may = np.zeros((len(self.wants), len(self.duties)), np.bool_)
        free = [unit for unit, busy in enumerate(self.busy) if busy is None]
        for number in numbers:
            unfit = self.unfit(number, crews)
            may[number, [unit for unit in free if unfit[unit] is None and self.has_way(number, unit)]] = True
        return may

    def has_way(self, number: int, unit: int) -> bool:
        """Whether the unit could get there at all."""
        eta_s = self.eta_s[number][unit]
        if eta_s != eta_s:  # nan: nobody has asked yet
            is_lost = self.lost_s[unit] is not None
            eta_s = math.inf if is_lost else self._travel_s(self.duties[unit], self.wants[number].place)
            self.eta_s[number][unit] = eta_s = float(eta_s) if eta_s >= 0 else math.inf
        return eta_s < math.inf

    def is_late(self, number: int, unit: int) -> bool:
        """Whether the unit, once asked for its way, would be there too late."""
        return self.eta_s[number][unit] > self.left_s[number]

    def can_be_taken(self, unit: int) -> bool:
        """Whether it is a crew under way to something that could be given another one."""
        on = self.on[unit]
        return (
            on is not None
            and self.is_crew[unit]
            and not on.doubted
            and on.state in MAY_BE_TAKEN
            and on.incident_id in self.number
        )

    def can_be_kept(self, unit: int, ring: RingName, simulated: bool) -> bool:
        """Whether it is a free crew that may serve the ring, and not one of which nobody knows where it is."""
        its = self.duties[unit].unit
        is_there = self.busy[unit] is None and self.lost_s[unit] is None
        return is_there and self.is_crew[unit] and ring in its.rings and its.simulated is simulated

    def unfit(self, number: int, crews: bool) -> Sequence[str | None]:
        """By unit: why it may never go there, whatever it does now; None for who may."""
        want = self.wants[number]
        demand = (crews, want.simulated, want.ring, want.needs if crews else Needs())
        if demand not in self._unfit:
            self._unfit[demand] = [why_unfit(duty.unit, *demand) for duty in self.duties]
        unfit, refused = self._unfit[demand], want.refused
        if not refused:
            return unfit
        both = zip(self.duties, unfit, strict=True)
        return [why or (_why_refused(want, duty.unit.id) if duty.unit.id in refused else None) for duty, why in both]

    def suitable(self, number: int) -> list[int]:
        """Crews on duty that may go there, whatever they do now."""
        unfit = self.unfit(number, crews=True)
        on_duty = (unit for unit, duty in enumerate(self.duties) if duty.state not in OFF_STATES)
        return [unit for unit in on_duty if unfit[unit] is None]


def _busy(duty: Duty, on: Commitment | None) -> str | None:
    """Why a unit is not free, whoever asks."""
    if on is not None:
        return f"serves_{on.incident_id}"
    return None if is_free(duty) else f"unit_{duty.state}"


def _why_refused(want: Want, unit_id: UnitId) -> str:
    return "taken_back" if unit_id in want.taken_back else "order_rejected"


def why_unfit(unit: Unit, crews: bool, simulated: bool, ring: RingName, needs: Needs) -> str | None:
    """Why a unit may never go, as a crew or as a drone, to what is of this world and ring; None where it may."""
    if unit.simulated is not simulated:
        return "simulated" if unit.simulated else "not_simulated"
    if is_crew(unit) is not crews:
        return "drone" if crews else "no_drone"
    if ring not in unit.rings:
        return "other_ring"
    lacks = sorted(needs.capabilities - unit.capabilities)
    if lacks:
        return f"lacks_{lacks[0]}"
    return f"crew_of_{unit.crew}" if unit.crew < needs.crew_at_least else None
