"""The digest: what comes in a flood is told in one line that counts, and not one by one. Red is always told by itself.

Nothing is left out by it: every alert is stored and delivered as ever; only who looks at the room is spared a hundred
cards. Decided from what is open alone, so that every seat, and the same seat a minute later, sees the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from patrol.domain.events import IncidentClass, Kind, Level
from patrol.domain.incidents import ClockName, Incident, IncidentId
from patrol.domain.vocabulary import RingName

WITHIN = timedelta(seconds=60)
MOST_ONE_BY_ONE = 12  # of one minute; a person reads one in five seconds
LINES = 20


@dataclass(frozen=True, slots=True)
class DigestLine:
    """How many of one sort there are."""

    level: Level
    ring: RingName
    kind: Kind
    incidents: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Digest:
    """Incidents that came in a flood and that nobody has taken up yet. ``since``: when the first of them was accepted.

    ``lines``: by sort, the most urgent first, then the most; at most 20, ``others`` counts the incidents of the rest.
    ``folded``: the incidents, the oldest first.
    """

    since: datetime
    incidents: int
    alerts: int
    lines: tuple[DigestLine, ...]
    others: int
    folded: tuple[IncidentId, ...]


def digest(incidents: Sequence[Incident]) -> Digest | None:
    """The digest of what is open; None where nothing comes faster than it can be read."""
    waiting = sorted(filter(_may_fold, incidents), key=lambda incident: (incident.accepted_at, incident.id))
    folded = _in_a_flood(waiting)
    if not folded:
        return None
    found = _lines(folded)
    return Digest(
        since=folded[0].accepted_at,
        incidents=len(folded),
        alerts=sum(len(incident.alert_ids) for incident in folded),
        lines=found[:LINES],
        others=sum(line.incidents for line in found[LINES:]),
        folded=tuple(incident.id for incident in folded),
    )


def _may_fold(incident: Incident) -> bool:
    """Not what is red, and not what a person has confirmed: that one is told by itself from then on."""
    return (
        incident.is_open
        and incident.incident_class is IncidentClass.SECURITY
        and incident.level is not Level.RED
        and ClockName.CONFIRMED not in incident.clocks
    )


def _in_a_flood(waiting: Sequence[Incident]) -> list[Incident]:
    """Those of any minute in which more came than can be read one by one. ``waiting``: by time."""
    many = MOST_ONE_BY_ONE + 1
    flooded = [False] * len(waiting)
    for last in range(many - 1, len(waiting)):
        first = last - many + 1
        if waiting[last].accepted_at - waiting[first].accepted_at <= WITHIN:
            flooded[first : last + 1] = [True] * many
    return [incident for incident, is_flooded in zip(waiting, flooded, strict=True) if is_flooded]


def _lines(incidents: Sequence[Incident]) -> tuple[DigestLine, ...]:
    sorts: Counter[tuple[Level, RingName, Kind]] = Counter()
    alerts: Counter[tuple[Level, RingName, Kind]] = Counter()
    for incident in incidents:
        sort = (incident.level, incident.ring, incident.kind)
        sorts[sort] += 1
        alerts[sort] += len(incident.alert_ids)
    in_order = sorted(sorts, key=lambda sort: (sort[0].rank, -sorts[sort], sort[1], sort[2]))
    return tuple(DigestLine(*sort, incidents=sorts[sort], alerts=alerts[sort]) for sort in in_order)
