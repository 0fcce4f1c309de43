"""Turns (排队): which of all that wait are looked at in one choice, which takes the longer the more there are.

They stand in lines, so that those of one sort never keep those of another from being looked at: a line for each world,
real or simulated, for each ring, for what a crew must have, for those who want their first crew and for those who want
one more. Of each line so many are looked at as there are crews free, fifty at least: the most urgent first, then the
oldest. So whoever stands behind could have nobody whom those in front of it could not have, too. Those whom all crews
within reach have refused stand behind all others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from patrol.domain.dispatch import Duty
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import OrderState, RingName
from patrol.domain.wants import Want, is_crew
from patrol.domain.weighing import why_unfit

MOST_WAITING = 50

_FIRST, _FURTHER = "first", "further"
_REAL, _SIMULATED = "real", "simulated"
LINES = tuple("/".join(each) for each in product(RingName, (_REAL, _SIMULATED), (_FIRST, _FURTHER)))
"""The lines that a store tells apart, by name; it knows nothing of what a crew must have."""

# Who may go somewhere now, or be taken from somewhere.
_WITHIN_REACH = frozenset({UnitState.AVAILABLE, UnitState.RETURNING, UnitState.ASSIGNED, UnitState.EN_ROUTE})
_ON_IT = frozenset({OrderState.SENT, OrderState.ACCEPTED, OrderState.EN_ROUTE, OrderState.ON_SCENE})


@dataclass(frozen=True, slots=True)
class Turn:
    """One line: those that are looked at, and those that stand behind them."""

    looked_at: Sequence[Want]
    behind: Sequence[Want]


def places(duties: Iterable[Duty]) -> int:
    """How many of each line are looked at."""
    return max(MOST_WAITING, sum(duty.is_free and is_crew(duty.unit) for duty in duties))


def line_of(incident: Incident) -> str:
    """The line in which an incident that waits stands in a store, by name.

    One that a drone alone is on stands with those that want one crew more: its own list of orders does not tell drones
    from crews. ``in_turn`` does.
    """
    has_somebody = any(line.state in _ON_IT for line in incident.orders)
    world = _SIMULATED if incident.simulated else _REAL
    return f"{incident.ring.value}/{world}/{_FURTHER if has_somebody else _FIRST}"


def in_turn(waiting: Iterable[Want], duties: Sequence[Duty]) -> Iterator[Turn]:
    """Line by line, who of those that want crews is looked at."""
    lines: defaultdict[Hashable, list[Want]] = defaultdict(list)
    for want in waiting:
        lines[want.simulated, want.ring, want.needs, want.crews_on_it == 0].append(want)
    most = places(duties)
    for line in lines.values():
        if len(line) > most:
            line = _in_order(line, duties)
        yield Turn(line[:most], line[most:])


def urgency(want: Want) -> tuple[int, datetime, IncidentId]:
    """What comes first: the most urgent, then the oldest."""
    return want.level.rank, want.opened_at, want.incident_id


def _in_order(line: Iterable[Want], duties: Sequence[Duty]) -> list[Want]:
    by_urgency = sorted(line, key=urgency)
    within_reach = _within_reach(by_urgency[0], duties)
    return sorted(by_urgency, key=lambda want: within_reach <= want.refused)


def _within_reach(want: Want, duties: Sequence[Duty]) -> frozenset[UnitId]:
    """The crews that might go to something of this line."""
    return frozenset(
        duty.unit.id
        for duty in duties
        if duty.state in _WITHIN_REACH and why_unfit(duty.unit, True, want.simulated, want.ring, want.needs) is None
    )
