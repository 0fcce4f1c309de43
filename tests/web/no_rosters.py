"""A RosterDesk that knows no unit: for tests of everything else."""

from __future__ import annotations

from patrol.domain.staffing import RosterStanding, UnitRoster, WrittenRoster
from patrol.domain.units import UnitId


class NoRosters:
    """See RosterDesk."""

    async def roster(self, unit_id: UnitId) -> WrittenRoster:
        raise KeyError(unit_id)

    async def standing(self) -> RosterStanding | None:
        return None

    async def staff(
        self, unit_id: UnitId, roster: UnitRoster, version: str, operator: str, source: str = ""
    ) -> WrittenRoster:
        raise KeyError(unit_id)
