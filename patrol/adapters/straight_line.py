"""Travel times where no streets are known: the straight line, made longer by what streets usually are longer."""

from __future__ import annotations

from collections.abc import Sequence

from patrol.domain.vocabulary import Place
from patrol.domain.ways import DETOUR_FACTOR, Fallback, Start, TravelTable, WaySource, straight_s


class StraightLine:
    """Knows every way, and none of them well."""

    def __init__(self, detour: float = DETOUR_FACTOR) -> None:
        """``detour``: how much longer than the straight line a way on the ground is."""
        self._detour = detour

    async def table(self, starts: Sequence[Start], destinations: Sequence[Place]) -> TravelTable:
        """See TravelTimes."""
        rows = tuple(tuple(straight_s(start, place, self._detour) for place in destinations) for start in starts)
        return TravelTable(WaySource.STRAIGHT_LINE, rows, (Fallback.NO_WAY,) * len(starts))
