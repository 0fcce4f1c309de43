"""Ways (路程): how long a unit takes from where it is to where it is wanted, and who says so.

What was asked of a street graph or a routing service, before a decision, is kept in ``Ways``; where nothing is known
of a way, the straight line is taken, and the way says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from patrol.domain.units import TravelMode, UnitId
from patrol.domain.vocabulary import Place

if TYPE_CHECKING:  # dispatch asks for ways: when it runs, they must know nothing of it
    from patrol.domain.dispatch import Duty

# Streets are longer than straight lines: a circuity of 1.3 is the usual figure for city streets
# (Giacomin and Levinson 2015, "Road network circuity in metropolitan areas", 1.2 to 1.4).
DETOUR_FACTOR = 1.3


class WaySource(StrEnum):
    """Who says how long a way takes. Closed set: also for the log of an order."""

    STRAIGHT_LINE = "straight_line"  # x the detour factor / the unit's speed
    GRAPH = "graph"
    SERVICE = "service"


class Fallback(StrEnum):
    """Why a way is the straight line's although streets are known."""

    NOT_ASKED = "not_asked"  # of this unit, or of this place, or it goes in a way that nobody knows streets for
    NO_WAY = "no_way"  # no streets are known that lead there, or none near by
    NO_ANSWER = "no_answer"  # late, away, or not to be understood


@dataclass(frozen=True, slots=True)
class Way:
    """How long it takes to get there, without mobilisation; ``fallback``: why it is only the straight line's."""

    seconds: float
    source: WaySource
    fallback: Fallback | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Somebody who may go somewhere. ``speed_m_s``: along the way, above zero."""

    place: Place
    mode: TravelMode
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class TravelTable:
    """Seconds from each start (rows) to each destination (columns), without mobilisation; None where nobody knows.

    ``why``: for each start, why what is None in its row is.
    """

    source: WaySource
    seconds: tuple[tuple[float | None, ...], ...]
    why: tuple[Fallback, ...]


def start_of(duty: Duty) -> Start:
    """Where a unit would begin its way, and how it would go."""
    return Start(duty.where, duty.unit.mode, duty.unit.speed_m_s)


def straight_s(start: Start, destination: Place, detour: float = DETOUR_FACTOR) -> float:
    """Seconds along the straight line, made longer by what streets are longer; a drone just flies it."""
    factor = 1.0 if start.mode is TravelMode.DRONE else detour
    return start.place.distance_m(destination) * factor / start.speed_m_s


@dataclass(frozen=True, slots=True)
class Ways:
    """What is known of the ways of units, as it was asked for before the decision; by unit and destination.

    A unit is taken to be still where it was when that was asked, a moment ago. ``known``: seconds, or why there are
    none. ``detour``: how much longer than the straight line a way is that nothing is known of.
    """

    source: WaySource = WaySource.STRAIGHT_LINE
    known: Mapping[tuple[UnitId, Place], float | Fallback] = field(default_factory=dict)
    detour: float = DETOUR_FACTOR

    @classmethod
    def straight_line_only(cls, detour: float = DETOUR_FACTOR) -> Ways:
        """Where no streets are known."""
        return cls(detour=detour)

    @classmethod
    def found(
        cls, duties: Sequence[Duty], destinations: Sequence[Place], table: TravelTable, detour: float = DETOUR_FACTOR
    ) -> Ways:
        """What a table says of these duties, its starts in this order (``start_of``), and of these destinations."""
        known = {
            (duty.unit.id, destination): why if seconds is None else float(seconds)
            for duty, row, why in zip(duties, table.seconds, table.why, strict=True)
            if duty.unit.mode is not TravelMode.DRONE
            for destination, seconds in zip(destinations, row, strict=True)
        }
        return cls(table.source, known, detour)

    def way(self, duty: Duty, destination: Place) -> Way:
        """How long a unit takes to get there, from where it is."""
        found = self.known.get((duty.unit.id, destination), Fallback.NOT_ASKED)
        if isinstance(found, float):
            return Way(found, self.source)
        start = start_of(duty)
        if start.mode is TravelMode.DRONE or self.source is WaySource.STRAIGHT_LINE:
            return Way(straight_s(start, destination, self.detour), WaySource.STRAIGHT_LINE)
        return Way(straight_s(start, destination, self.detour), WaySource.STRAIGHT_LINE, found)

    def way_s(self, duty: Duty, destination: Place) -> float:
        """Seconds of the way alone."""
        return self.way(duty, destination).seconds

    def travel_s(self, duty: Duty, destination: Place) -> float:
        """Seconds from being ordered to being there: mobilisation, then the way."""
        return duty.unit.mobilise_s + self.way_s(duty, destination)
