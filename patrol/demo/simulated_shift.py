"""A simulated shift: now and then a ring's free crews are called in for a while, so that there are too few of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from patrol.domain.camera import RingName
from patrol.domain.dispatch import Duty
from patrol.domain.errors import IllegalTransition, UnitBusy
from patrol.domain.units import UnitId, UnitState
from patrol.domain.wants import is_crew
from patrol.ports import Clock, UnitDesk

CALLED_IN_S = 30.0
WHY_IN, WHY_OUT = "装备检查 / equipment check", "检查完毕 / check done"


class SimulatedShift:
    """Tells the desk what a duty officer would: who is out of service, and who is available again."""

    def __init__(self, desk: UnitDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._back_at: dict[UnitId, float] = {}

    async def call_in(self, ring: RingName, duties: Iterable[Duty], officer: str) -> None:
        """Have all free crews that serve the ring out of service for a while. Raises StoreError."""
        crews = [duty for duty in duties if duty.is_free and duty.unit.simulated and is_crew(duty.unit)]
        for unit_id in (duty.unit.id for duty in crews if ring in duty.unit.rings):
            if await self._is_set(unit_id, UnitState.OUT_OF_SERVICE, officer, WHY_IN):
                self._back_at[unit_id] = self._clock.monotonic() + CALLED_IN_S

    async def look(self, officer: str) -> None:
        """Let those go whose time is over. Raises StoreError."""
        now = self._clock.monotonic()
        for unit_id in [unit_id for unit_id, back_at in self._back_at.items() if back_at <= now]:
            await self._is_set(unit_id, UnitState.AVAILABLE, officer, WHY_OUT)
            del self._back_at[unit_id]

    async def _is_set(self, unit_id: UnitId, state: UnitState, officer: str, why: str) -> bool:
        with contextlib.suppress(UnitBusy, IllegalTransition):  # it was sent meanwhile, or a person was faster
            await self._desk.set_state(unit_id, state, officer, why)
            return True
        return False
