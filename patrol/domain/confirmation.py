"""Confirmation (人工确认): what waits for an operator's word before a unit is sent, and for how long at most.

Left out, everything goes to a unit at once; in the core everything does, as verification runs beside dispatch there.
What waits never waits in silence: it says until when, and by then it is sent or closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, Incident, IncidentState
from patrol.domain.vocabulary import RingName


class Then(StrEnum):
    """What the rule does when nobody has said a word in time."""

    SEND = "send"
    CLOSE = "close"  # as unfounded


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operator has so many seconds from t3, then the rule decides."""

    within_s: float
    then: Then


@dataclass(frozen=True, slots=True)
class ConfirmPolicy:
    """What waits, by kind and level; what is left out goes to a unit at once. Red never waits, nor does the core.

    ``two_people``: of these levels it takes two people to close, so that the rule never does.
    """

    by_kind: Mapping[Kind, Mapping[Level, Waiting]] = field(default_factory=dict)
    two_people: Collection[Level] = ()

    def of(self, kind: Kind, level: Level, ring: RingName) -> Waiting | None:
        """How long it waits, and what comes then; None: not at all."""
        if level is Level.RED or ring is RingName.CORE:
            return None
        return self.by_kind.get(kind, {}).get(level)


def is_held(incident: Incident, policy: ConfirmPolicy, now: datetime) -> datetime | None:
    """Until when it waits for a person to confirm it, and so gets no unit; None: it may get one now.

    A time that has passed: it is not sent any more, but to be closed. What a person said is real, by confirming it, by
    giving it its level or by opening it again, and what a unit was sent to before, waits for nobody.
    """
    waiting = policy.of(incident.kind, incident.level, incident.ring)
    if waiting is None or incident.due_at is None or incident.state is not IncidentState.NEW or _is_real(incident):
        return None
    until = incident.accepted_at + timedelta(seconds=waiting.within_s)
    closes = waiting.then is Then.CLOSE and may_close(incident, policy.two_people)
    return until if closes or now < until else None


def _is_real(incident: Incident) -> bool:
    said = incident.level_by is not None or incident.reopened_at is not None
    return said or ClockName.CONFIRMED in incident.clocks or ClockName.ORDER_SENT in incident.clocks


def may_close(incident: Incident, two_people: Collection[Level]) -> bool:
    """Whether the rule may close it: not after anybody has had to do with it, nor what takes, or took, two people."""
    anybody = (
        incident.closing is not None
        or incident.split_by is not None
        or any(witness.operator is not None for witness in incident.witnesses)
        or (incident.standing_escalation is not None and incident.standing_escalation.is_acknowledged)
    )
    return not anybody and not incident.has_been(two_people)
