"""Staffing: people change a unit's shift and crew. It is written to the configuration, with a deed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from operator import attrgetter

from patrol.domain.deeds import Action
from patrol.domain.errors import QueueError
from patrol.domain.staffing import RosterStanding, UnitRoster, WrittenRoster
from patrol.domain.units import UnitId
from patrol.pipeline.amending import Amending
from patrol.ports import DeedLog, RosterBook, RosterReports


class Staffing:
    """RosterDesk over a file. ``take_up``: has this process look at the file at once."""

    def __init__(
        self, book: RosterBook, deeds: DeedLog, reports: RosterReports, take_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._book = book
        self._reports = reports
        self._amending = Amending(deeds, Action.SET_ROSTER, take_up)

    async def roster(self, unit_id: UnitId) -> WrittenRoster:
        """See RosterDesk."""
        return await asyncio.to_thread(self._book.roster, unit_id)

    async def standing(self) -> RosterStanding | None:
        """See RosterDesk."""
        try:
            return await self._reports.latest()
        except QueueError:
            return None

    async def staff(
        self, unit_id: UnitId, roster: UnitRoster, version: str, operator: str, source: str = ""
    ) -> WrittenRoster:
        """See RosterDesk."""
        changing = self._book.changing(unit_id, roster, version)
        written = partial(self.roster, unit_id)
        return await self._amending.amend(unit_id, operator, source, changing, written, attrgetter("roster"))
