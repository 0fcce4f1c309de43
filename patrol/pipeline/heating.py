"""Heating: where incidents were over the last hours, for the map."""

from __future__ import annotations

import asyncio

from patrol.domain.events import Level
from patrol.domain.heat import Heat, Span
from patrol.ports import Clock, HeatSource

STAYS_TRUE_S = 15.0


class Heating:
    """HeatView over the store. Counted no oftener than four times a minute for each choice, of which there are few."""

    def __init__(self, source: HeatSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._last: dict[tuple[Span, Level | None], tuple[float, Heat]] = {}

    async def heat(self, span: Span, least: Level | None) -> Heat:
        """See HeatView."""
        async with self._one_at_a_time:
            known = self._last.get((span, least))
            if known is not None and self._clock.monotonic() - known[0] < STAYS_TRUE_S:
                return known[1]
            now = self._clock.now()
            since = now - span.length
            cells = tuple(await self._source.cells(since, least))
            heat = Heat(now, since, least, sum(cell.incidents for cell in cells), cells)
            self._last[span, least] = self._clock.monotonic(), heat
            return heat
