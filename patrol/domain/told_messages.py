"""What the queue still holds about an incident: its messages, gathered in whatever order they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from patrol.domain.messages import ALERT, INCIDENT, ORDER, RECALL, Envelope

TOLD_BY_STREAM = (ALERT, INCIDENT, ORDER, RECALL)


@dataclass(frozen=True, slots=True)
class Told:
    """What the queue holds about one incident. ``sequence``: the highest that anybody was told."""

    sequence: int = 0
    newest: Envelope | None = None
    alerts: Mapping[str, Envelope] = field(default_factory=dict)
    orders: Mapping[str, Envelope] = field(default_factory=dict)
    recalled: Mapping[str, str] = field(default_factory=dict)

    def and_this(self, envelope: Envelope) -> Told:
        """With one more message, which may have come before, and in any order."""
        more = replace(self, sequence=max(self.sequence, envelope.sequence))
        match envelope.type:
            case t if t == ALERT:
                return replace(more, alerts={**self.alerts, envelope.id: envelope})
            case t if t == ORDER:
                return replace(more, orders={**self.orders, envelope.id: envelope})
            case t if t == RECALL:
                reason = str(envelope.data.get("reason"))
                return replace(more, recalled={**self.recalled, str(envelope.data.get("order_id")): reason})
            case t if t == INCIDENT and (self.newest is None or envelope.sequence > self.newest.sequence):
                return replace(more, newest=envelope)
        return more
