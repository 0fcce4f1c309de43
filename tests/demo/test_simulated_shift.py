"""A simulated shift: free crews of a ring are called in, and let go again; nobody else, and nobody who is busy."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from patrol.adapters.memory import FakeClock
from patrol.demo.simulated_shift import CALLED_IN_S, SimulatedShift
from patrol.domain.camera import RingName
from patrol.domain.dispatch import Duty
from patrol.domain.errors import UnitBusy
from patrol.domain.units import UnitKind, UnitState
from tests.builders import NOON, duty, unit


def crew(unit_id: str, **changes: object) -> Duty:
    return replace(duty(unit_id), unit=unit(unit_id, simulated=True, rings=frozenset({RingName.CORE}), **changes))


class Desk:
    """Notes what it is told. ``busy``: units that were sent meanwhile."""

    def __init__(self, *busy: str) -> None:
        self.told: list[tuple[str, UnitState]] = []
        self.busy = busy

    async def set_state(self, unit_id: str, state: UnitState, operator: str, reason: str) -> UnitState:
        if unit_id in self.busy:
            raise UnitBusy(f"{unit_id} is on an order")
        self.told.append((unit_id, state))
        return state


def test_free_crews_of_the_ring_are_out_of_service_for_a_while() -> None:
    async def check() -> None:
        clock, desk = FakeClock(NOON), Desk("U-6")
        shift = SimulatedShift(desk, clock)  # type: ignore[arg-type]
        duties = [
            crew("U-1"),
            replace(crew("U-2"), state=UnitState.EN_ROUTE),
            replace(duty("U-3"), unit=unit("U-3", simulated=True, rings=frozenset({RingName.FAR}))),
            crew("U-4", kind=UnitKind.DRONE_GROUP),
            replace(duty("U-5"), unit=unit("U-5", simulated=False)),
            crew("U-6"),
        ]
        await shift.call_in(RingName.CORE, duties, "wang")
        assert desk.told == [("U-1", UnitState.OUT_OF_SERVICE)]
        clock.advance(CALLED_IN_S - 1)
        await shift.look("wang")
        assert len(desk.told) == 1
        clock.advance(1)
        await shift.look("wang")
        await shift.look("wang")
        assert desk.told[1:] == [("U-1", UnitState.AVAILABLE)]

    asyncio.run(check())
