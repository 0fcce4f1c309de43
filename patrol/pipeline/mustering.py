"""Mustering: who is on duty. Shifts begin and end, units come home, operators have their say.

Works straight from the store, queue or not; positions that come from outside the queue are passed on to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from patrol.domain.deeds import NOT_KNOWN, Action, Asking, Deed
from patrol.domain.dispatch import Duty
from patrol.domain.duties import homecomings, set_by_operator, shift_changes
from patrol.domain.errors import StoreError
from patrol.domain.fixes import FixSettings, in_wgs84, staleness
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import position_message
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import CoordinateSystem, Place
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, DutyStore, Publisher

_log = logging.getLogger(__name__)

TICK_S = 1.0
PATROL = "patrol"
SHIFT, HOME = "shift", "home"


class Mustering:
    """Watches every unit's duty against its shift and its way home. Works straight from the store."""

    def __init__(self, duties: DutyStore, settings: FixSettings, clock: Clock, metrics: Metrics) -> None:
        self._duties = duties
        self._settings = settings
        self._clock = clock
        self._metrics = metrics

    async def run(self, stopping: asyncio.Event) -> None:
        """Tick until ``stopping``."""
        failing = False
        while not await pause(self._clock, stopping, TICK_S):
            try:
                await self.tick()
            except StoreError as error:
                self._metrics.stages.errors.labels("dispatch").inc()
                if not failing:
                    _log.error("mustering waits for the store: %s", error)
                failing = True
            else:
                failing = False

    async def tick(self) -> None:
        """Look at every unit once. The store is only written to where something changes. Raises StoreError."""
        duties, now = await self._duties.all_duties(), self._clock.now()
        await self._change(duties, shift_changes, SHIFT, now)
        await self._change(duties, homecomings, HOME, now)
        states = [duty.state for duty in duties]
        self._metrics.units.show(states, [staleness(duty, now, self._settings).freshness for duty in duties])

    async def _change(
        self,
        duties: Sequence[Duty],
        changes: Callable[[Iterable[Duty], datetime], Sequence[Duty]],
        why: str,
        now: datetime,
    ) -> None:
        if not changes(duties, now):
            return
        # Decided again on what is stored by then: an order may have come between.
        for duty in await self._duties.change(lambda there: changes(there, now), PATROL, why, now):
            _log.info("unit %s: %s (%s)", duty.unit.id, duty.state, why)


class UnitsDesk:
    """UnitDesk over the store and the queue."""

    def __init__(self, duties: DutyStore, publisher: Publisher, clock: Clock) -> None:
        self._duties = duties
        self._publisher = publisher
        self._clock = clock

    async def report(self, positions: Sequence[PositionData]) -> None:
        """See UnitDesk. They go the way of all others, so that one consumer judges them in one order."""
        now = self._clock.now()
        await self._publisher.publish([position_message(_converted(data), now) for data in positions])

    async def set_state(
        self, unit_id: UnitId, state: UnitState, operator: str, reason: str, asking: Asking = NOT_KNOWN
    ) -> UnitState:
        """See UnitDesk."""
        now = self._clock.now()

        def decide(duties: Sequence[Duty]) -> Sequence[Duty]:
            found = next((duty for duty in duties if duty.unit.id == unit_id), None)
            if found is None:
                raise KeyError(unit_id)
            return (set_by_operator(found, state, now),)

        said = f"{state.value}: {reason}"
        deed = Deed(now, operator, Action.SET_UNIT, unit_id, said, asking.source, asking.request, state.value)
        (changed,) = await self._duties.change(decide, operator, reason, now, deed)
        _log.info("%s set unit %s to %s: %s", operator, unit_id, changed.state, reason)
        return changed.state


def _converted(data: PositionData) -> PositionData:
    """A position in WGS-84, as all messages of Patrol's own are."""
    if data.coordinate_system is CoordinateSystem.WGS84:
        return data
    place = in_wgs84(Place(data.place.latitude, data.place.longitude), data.coordinate_system)
    return replace(
        data,
        place=PlaceData(round(place.latitude, 7), round(place.longitude, 7)),
        coordinate_system=CoordinateSystem.WGS84,
    )
