"""Staffing: people change a unit's shift and crew. It is written to the configuration, with a deed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from patrol.domain.deeds import Action, Deed
from patrol.domain.errors import FileChanged, NotWritten, QueueError, StoreError
from patrol.domain.staffing import RosterStanding, UnitRoster, WrittenRoster
from patrol.domain.units import UnitId
from patrol.ports import DeedLog, RosterBook, RosterReports

LOOKED_BACK = 200  # deeds: for who was quicker


class Staffing:
    """RosterDesk over a file. ``take_up``: has this process look at the file at once."""

    def __init__(
        self, book: RosterBook, deeds: DeedLog, reports: RosterReports, take_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._book = book
        self._deeds = deeds
        self._reports = reports
        self._take_up = take_up
        self._writing = asyncio.Lock()

    async def roster(self, unit_id: UnitId) -> WrittenRoster:
        """See RosterDesk."""
        return await asyncio.to_thread(self._book.roster, unit_id)

    async def standing(self) -> RosterStanding | None:
        """See RosterDesk."""
        try:
            return await self._reports.latest()
        except QueueError:
            return None

    async def staff(self, unit_id: UnitId, roster: UnitRoster, version: str, operator: str) -> WrittenRoster:
        """See RosterDesk. Deed and file go in the order of ``Drawing.draw``."""
        async with self._writing:
            changing = self._book.changing(unit_id, roster, version)
            try:
                change = await asyncio.to_thread(changing.__enter__)
            except FileChanged as error:
                who = await self._who_was_quicker(unit_id)
                raise FileChanged(str(error), *((who.who, who.at) if who else ())) from None
            with contextlib.ExitStack() as stack:
                stack.push(changing)
                if change is not None:
                    await self._deeds.note(operator, Action.SET_ROSTER, unit_id, _told(change.before, change.after))
                    try:
                        await asyncio.to_thread(change.apply)
                    except OSError as error:
                        raise NotWritten(f"{change.before.file} cannot be written: {error.strerror}") from None
        await self._take_up()
        return change.after if change is not None else await self.roster(unit_id)

    async def _who_was_quicker(self, unit_id: UnitId) -> Deed | None:
        """Of a file that was changed by hand nobody knows."""
        with contextlib.suppress(StoreError):
            now = await self.roster(unit_id)
            for _, deed in await self._deeds.latest(LOOKED_BACK):
                if deed.action is Action.SET_ROSTER and deed.subject == unit_id:
                    return deed if f" -> {now.version}\n" in deed.detail else None
        return None


def _told(before: WrittenRoster, after: WrittenRoster) -> str:
    return f"{before.version} -> {after.version}\nbefore: {_as_json(before.roster)}\nafter: {_as_json(after.roster)}"


def _as_json(roster: UnitRoster) -> str:
    return json.dumps(asdict(roster), ensure_ascii=False, separators=(",", ":"))
