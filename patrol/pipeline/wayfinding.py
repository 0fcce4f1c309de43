"""Wayfinding: how long ways take, asked for before something is decided, never while the database is held."""

from __future__ import annotations

from collections.abc import Sequence

from patrol.domain.board import MOST_WAITING
from patrol.domain.incidents import IncidentId, IncidentState, most_urgent_first
from patrol.domain.ways import DETOUR_FACTOR, Ways, start_of
from patrol.ports import IncidentReader, Ledger, TravelTimes

# Somebody has accepted, and is not there yet: the follow-up asks when that will be.
_ON_THE_WAY = frozenset({IncidentState.ACCEPTED, IncidentState.EN_ROUTE})


class Wayfinding:
    """``travel``: what knows the streets; None: nobody does, and nothing is asked for."""

    def __init__(
        self, reader: IncidentReader, travel: TravelTimes | None = None, detour: float = DETOUR_FACTOR
    ) -> None:
        self._reader = reader
        self._travel = travel
        self._detour = detour

    async def ways(self, *to: IncidentId) -> Ways:
        """To these incidents, and to the most urgent of all that wait, and of those that somebody is on the way to.

        Raises StoreError.
        """
        if self._travel is None:
            return Ways(detour=self._detour)
        return await self.ways_in(await self._reader.open_ledger(), to)

    async def ways_in(self, ledger: Ledger, to: Sequence[IncidentId] = ()) -> Ways:
        """The same, by what was read already."""
        if self._travel is None:
            return Ways(detour=self._detour)
        wanting = [one for one in ledger.incidents if one.due_at is not None and one.state is not IncidentState.CLOSED]
        wanting = most_urgent_first(wanting)
        waiting = [one for one in wanting if one.crews_missing > 0][:MOST_WAITING]
        awaited = [one for one in wanting if one.state in _ON_THE_WAY][:MOST_WAITING]
        asked = [one for one in ledger.incidents if one.id in to]
        places = list(dict.fromkeys(one.place for one in (*asked, *waiting, *awaited)))
        if not places:
            return Ways(detour=self._detour)
        table = await self._travel.table([start_of(duty) for duty in ledger.duties], places)
        return Ways.found(ledger.duties, places, table, self._detour)
