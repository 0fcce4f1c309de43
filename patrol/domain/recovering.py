"""Recovering: a store that was put back to an older state is brought up to what its messages in the queue say.

What was accepted, sent and told since the backup (``restoring``) is not in it; the streams still hold the last hour of
it, whole. So the incidents, alerts and orders are made again from their messages, each to its newest state, before
anybody decides on the old ones: a unit that is on its way gets no second order, and no sequence is used twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from patrol.domain.alerts import Alert
from patrol.domain.dispatch import Outcome as Decided
from patrol.domain.dispatch import told
from patrol.domain.incidents import ClockName, Incident, IncidentId, IncidentState, Witness
from patrol.domain.messages import Message
from patrol.domain.orders import Order
from patrol.domain.reading_back import Known, alert_of, incident_as_told, time_of
from patrol.domain.recovered_orders import recovered_orders
from patrol.domain.recovered_witnesses import all_witnesses, first_listed, witness_of_alert
from patrol.domain.told_messages import Told
from patrol.domain.witnesses import opened, together, with_witnesses, witnesses_of


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of an incident."""

    incident: Incident
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one incident comes to: ``alerts`` that the store has not, and all its orders that differ."""

    incident: Incident
    alerts: tuple[Alert, ...]
    orders: tuple[Order, ...]
    messages: tuple[Message, ...] = ()


def recover(
    told_of: Mapping[IncidentId, Told], stored: Mapping[IncidentId, Stored], known: Known, now: datetime
) -> tuple[Sequence[Recovered], Mapping[IncidentId, str]]:
    """These incidents as they were told last, and why those that cannot be read cannot. All that go together at once:
    what was merged or split took its alerts along."""
    refused: dict[IncidentId, str] = {}
    alerts: dict[IncidentId, list[Alert]] = {}
    pool: dict[IncidentId, tuple[Witness, ...]] = {}
    before = {alert_id for one in stored.values() for alert_id in one.incident.alert_ids}
    for incident_id, of_it in told_of.items():
        try:
            in_order = sorted(of_it.alerts.values(), key=lambda envelope: envelope.sequence)
            found = [alert_of(envelope) for envelope in in_order if envelope.id not in before]
            old = witnesses_of(stored[incident_id].incident) if incident_id in stored else ()
            pool[incident_id] = together(old, [witness_of_alert(each, known) for each in found])
            alerts[incident_id] = found
        except (KeyError, TypeError, ValueError) as error:
            refused[incident_id] = f"{type(error).__name__}: {error}"
    recovered = []
    for incident_id, found in alerts.items():
        try:
            recovered.append(_recovered(incident_id, told_of, stored.get(incident_id), pool, found, known, now))
        except (KeyError, TypeError, ValueError) as error:
            refused[incident_id] = f"{type(error).__name__}: {error}"
    return recovered, refused


def _recovered(
    incident_id: IncidentId,
    told_of: Mapping[IncidentId, Told],
    stored: Stored | None,
    pool: Mapping[IncidentId, tuple[Witness, ...]],
    alerts: Sequence[Alert],
    known: Known,
    now: datetime,
) -> Recovered:
    of_it = told_of[incident_id]
    incident = _incident(incident_id, of_it, stored.incident if stored else None, pool, alerts, known)
    if incident.witnesses and (witnesses := all_witnesses(incident, told_of, pool)):
        incident = with_witnesses(incident, witnesses)
    sent_at = _sent_since(of_it)
    if sent_at is not None and incident.state is IncidentState.NEW:
        incident = incident.to(IncidentState.ORDERED).stamped(ClockName.ORDER_SENT, sent_at, "dispatch")
    orders = recovered_orders(of_it, stored.orders if stored else (), incident)
    changed = tuple(order.ended_by(now) for order in orders if stored is None or order not in stored.orders)
    made = Recovered(incident, tuple(alerts), changed)
    return _told_again(made, now) if sent_at is not None else _with_somebody_sent(made, orders, now)


def _sent_since(told_of: Told) -> datetime | None:
    """When a crew was sent, where that went out and the state that it led to did not: orders go before all else."""
    since = told_of.newest.sequence + 1 if told_of.newest else 0  # the order that goes with it comes right after it
    late = [one for key, one in told_of.orders.items() if one.sequence > since and key not in told_of.recalled]
    return max((time_of(one.time) for one in late if not one.data.get("is_drone")), default=None)


def _incident(
    incident_id: IncidentId,
    told_of: Told,
    before: Incident | None,
    pool: Mapping[IncidentId, tuple[Witness, ...]],
    alerts: Sequence[Alert],
    known: Known,
) -> Incident:
    base = before
    if base is None and pool[incident_id]:
        first = alerts[0]
        base = opened(incident_id, pool[incident_id][0], simulated=first.simulated, drill=first.drill)
    if told_of.newest is not None:
        base = base or first_listed(incident_id, told_of.newest.data, pool)
        base = incident_as_told(incident_id, told_of.newest, base, known)
    if base is None:
        raise KeyError("neither its state nor an alert of it was told")
    return replace(base, sequence=max(told_of.sequence, base.sequence))


def _with_somebody_sent(recovered: Recovered, orders: Sequence[Order], now: datetime) -> Recovered:
    """Where somebody was to be sent and the order never reached the queue, nobody was: then it waits for one again."""
    incident = recovered.incident
    if incident.state is not IncidentState.ORDERED or any(order.is_open and not order.is_drone for order in orders):
        return recovered
    return _told_again(replace(recovered, incident=incident.to(IncidentState.NEW)), now)


def _told_again(recovered: Recovered, now: datetime) -> Recovered:
    again = told(Decided(incident=recovered.incident, reason="recovered"), now)
    assert again.incident is not None
    return replace(recovered, incident=again.incident, messages=again.messages)
