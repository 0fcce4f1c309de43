"""Restaffing: shifts and crews that people change are taken up while Patrol runs. See docs/adr/027-zones-edited.md."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from zoneinfo import ZoneInfo

from patrol.domain.errors import QueueError
from patrol.domain.staffing import ReadUnits, RosterStanding, restaffed
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, RosterBook, RosterReports, UnitHolder

_log = logging.getLogger(__name__)

LOOKED_EVERY_S = 1.0


class Restaffing:
    """Keeps the units of ``holder`` with the shifts and crews that the file gives them.

    Who is on an order keeps it: a shift that ends earlier now ends as any other, see ``shift_changes``. ``timezone``:
    the station's. ``reports``: where this process says how far it is; None where it sends no units by itself.
    """

    def __init__(
        self,
        book: RosterBook | None,
        holder: UnitHolder,
        timezone: ZoneInfo,
        clock: Clock,
        reports: RosterReports | None = None,
    ) -> None:
        self._book = book
        self._holder = holder
        self._timezone = timezone
        self._clock = clock
        self._reports = reports
        self._looking = asyncio.Lock()
        self._standing: RosterStanding | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Look at the file once a second, and say how far it is taken up."""
        if self._book is None:
            return
        await self.look()
        while not await pause(self._clock, stopping, LOOKED_EVERY_S):
            await self.look()

    async def look(self) -> None:
        """Take up what is new, if anything is."""
        if self._book is None:
            return
        async with self._looking:
            read = await asyncio.to_thread(self._book.changed)
            if read is not None:
                self._take(read)
        if self._reports is not None and self._standing is not None:
            with contextlib.suppress(QueueError):  # without it the page says that no dispatch tells of itself
                await self._reports.report(self._standing)

    def _take(self, read: ReadUnits) -> None:
        now = self._clock.now()
        if read.problem is not None:
            stood = self._standing
            if stood is None or stood.problem != read.problem:
                _log.error("the configuration cannot be read again; shifts and crews stay: %s", read.problem)
            self._standing = RosterStanding(stood.version if stood else "", now, read.problem)
            return
        changed = restaffed({unit.id: unit for unit in self._holder.units}, read.units, self._timezone)
        self._holder.replace_units(changed)
        for unit in changed:
            _log.warning("unit %s: shift or crew is another one now", unit.id)
        self._standing = RosterStanding(read.version, now)
