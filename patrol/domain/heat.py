"""Heat (热力): where incidents were, over the last hours, counted by places that lie close together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from patrol.domain.events import Level
from patrol.domain.vocabulary import Place

CELL_M = 50.0
"""The side of a square in which incidents are counted together."""
MOST_CELLS = 2000
"""The fullest ones; a room has its cameras at fewer places."""


class Span(IntEnum):
    """How far back it looks, hours: a shift, a day, a week."""

    SHIFT = 8
    DAY = 24
    WEEK = 168

    @property
    def length(self) -> timedelta:
        """The same as a time."""
        return timedelta(hours=self.value)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """``place``: the middle of its incidents, not of the square."""

    place: Place
    incidents: int


@dataclass(frozen=True, slots=True)
class Heat:
    """Where incidents began since then, the fullest cells first.

    ``least``: of this level and more urgent ones; None: of all. Drills and false alarms are no incidents here, nor is
    maintenance.
    """

    at: datetime
    since: datetime
    least: Level | None
    incidents: int
    cells: tuple[HeatCell, ...]
