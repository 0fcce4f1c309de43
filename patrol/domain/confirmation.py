"""Confirmation (人工确认): what waits for an operator's word before a unit is sent, and for how long at most.

Left out, everything goes to a unit at once. What waits never waits in silence: it says until when, and by then it is
sent or closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.events import Kind, Level
from patrol.domain.incidents import ClockName, Incident, IncidentState


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
    """What waits, by kind and level; what is left out goes to a unit at once. Red never waits."""

    by_kind: Mapping[Kind, Mapping[Level, Waiting]] = field(default_factory=dict)

    def of(self, kind: Kind, level: Level) -> Waiting | None:
        """How long it waits, and what comes then; None: not at all."""
        return None if level is Level.RED else self.by_kind.get(kind, {}).get(level)


def is_held(incident: Incident, policy: ConfirmPolicy, now: datetime) -> datetime | None:
    """Until when it waits for a person to confirm it, and so gets no unit; None: it may get one now.

    A time that has passed: it is not sent any more, but to be closed. What a person opened again, and what a unit was
    sent to before, waits for nobody.
    """
    waiting = policy.of(incident.kind, incident.level)
    if waiting is None or incident.due_at is None or incident.state is not IncidentState.NEW:
        return None
    spoken_for = ClockName.CONFIRMED in incident.clocks or ClockName.ORDER_SENT in incident.clocks
    if spoken_for or incident.reopened_at is not None:
        return None
    until = incident.accepted_at + timedelta(seconds=waiting.within_s)
    return until if waiting.then is Then.CLOSE or now < until else None
