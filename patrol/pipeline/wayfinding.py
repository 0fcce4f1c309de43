"""Wayfinding: how long ways take, asked for before something is decided, never while the database is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from patrol.domain.incidents import Incident, IncidentId, IncidentState, most_urgent_first
from patrol.domain.turns import line_of
from patrol.domain.ways import DETOUR_FACTOR, Ways, start_of
from patrol.ports import IncidentReader, Ledger, TravelTimes

# Of each line of those that wait (turns.py), and of those that are awaited: a service answers in half a second.
MOST_ASKED = 20

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
        """To these incidents, and to the most urgent of each line of those that wait, and of those that somebody is on
        the way to.

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
        waiting = _of_each_line([one for one in wanting if one.crews_missing > 0])
        awaited = [one for one in wanting if one.state in _ON_THE_WAY][:MOST_ASKED]
        asked = [one for one in ledger.incidents if one.id in to]
        places = list(dict.fromkeys(one.place for one in (*asked, *waiting, *awaited)))
        if not places:
            return Ways(detour=self._detour)
        table = await self._travel.table([start_of(duty) for duty in ledger.duties], places)
        return Ways.found(ledger.duties, places, table, self._detour)


def _of_each_line(waiting: Sequence[Incident]) -> list[Incident]:
    found: list[Incident] = []
    asked: Counter[str] = Counter()
    for incident in waiting:
        line = line_of(incident)
        asked[line] += 1
        if asked[line] <= MOST_ASKED:
            found.append(incident)
    return found
