"""Incidents, orders and alerts, in and out of their rows; inside a transaction of the store's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from patrol.adapters import sql_choices, sql_outbox
from patrol.adapters.sql_bodies import body_of, body_of_order, incident_in, order_in
from patrol.adapters.sql_history import whereabouts
from patrol.adapters.sql_prepared import Prepared, put
from patrol.adapters.sql_tables import (
    ALERT_JSON,
    ALERTS,
    DEEDS,
    DUTIES,
    DUTY_JSON,
    INCIDENTS,
    ORDERS,
)
from patrol.adapters.sql_times import text_of
from patrol.domain.alerts import Alert, Verdict
from patrol.domain.deeds import Deed
from patrol.domain.dispatch import Outcome
from patrol.domain.errors import DoneBefore
from patrol.domain.incidents import ClockName, Incident, IncidentId
from patrol.domain.orders import Order
from patrol.domain.turns import line_of

INCIDENT_BY_ID = Prepared(select(INCIDENTS.c.body).where(INCIDENTS.c.id == bindparam("id")))
_REWRITE_INCIDENT = Prepared(
    update(INCIDENTS).where(INCIDENTS.c.id == bindparam("of")).values(seen_at=bindparam("seen"), body=bindparam("text"))
)
_ADD_DEED = Prepared(insert(DEEDS), "at", "who", "action", "subject", "detail", "source", "request", "led_to")
_DEED_OF_REQUEST = Prepared(
    select(DEEDS.c.number).where(
        DEEDS.c.who == bindparam("of"), DEEDS.c.request == bindparam("key"), DEEDS.c.request != ""
    )
)
_ADD_ALERT = Prepared(insert(ALERTS), "id", "incident_id", "fingerprint", "accepted_at", "verdict", "body")


def incident_of(connection: Connection, incident_id: IncidentId) -> Incident:
    """The incident as it is stored. Raises KeyError where there is none."""
    body = INCIDENT_BY_ID.value(connection, id=incident_id)
    if body is None:
        raise KeyError(incident_id)
    return incident_in(body)


def orders_of(connection: Connection, incident_ids: Sequence[IncidentId] | Select[str]) -> tuple[Order, ...]:
    """The orders of these incidents, or of those that a query finds, the first sent first."""
    query = select(ORDERS.c.body).where(ORDERS.c.incident_id.in_(incident_ids)).order_by(ORDERS.c.sent_at)
    return tuple(order_in(body) for body in connection.execute(query).scalars())


def store_outcomes(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """All of a decision on several incidents. What one of them gives up comes first: another may get that unit."""
    for outcome in outcomes:
        _store_orders(connection, [order for order in outcome.orders if not order.is_open])
    for outcome in outcomes:
        store_outcome(connection, outcome, now)


def store_outcome(connection: Connection, outcome: Outcome, now: datetime) -> None:
    """All of a decision: its incident, orders and duties, its messages into the outbox, and whose deed it is."""
    if outcome.incident is not None:
        store_incident(connection, outcome.incident)
    _store_orders(connection, outcome.orders)
    for duty in outcome.duties:
        put(connection, DUTIES, unit_id=duty.unit.id, body=DUTY_JSON.dump_json(duty).decode())
    sql_outbox.add(connection, outcome.messages, now)
    if outcome.looked_at is not None:
        sql_choices.keep(connection, outcome.looked_at)
    if outcome.deed is not None:
        store_deed(connection, outcome.deed)


def store_deed(connection: Connection, deed: Deed) -> None:
    """What somebody did, in the transaction of what it changes. Raises DoneBefore where its request was done."""
    before = _DEED_OF_REQUEST.value(connection, of=deed.who, key=deed.request) if deed.request else None
    if before is not None:
        raise DoneBefore(f"request {deed.request} of {deed.who}: {deed.action.value} is done already", before)
    row = {
        "at": text_of(deed.at),
        "who": deed.who,
        "action": deed.action.value,
        "subject": deed.subject,
        "detail": deed.detail,
        "source": deed.source,
        "request": deed.request,
        "led_to": deed.led_to,
    }
    _ADD_DEED.run(connection, [row])


def _store_orders(connection: Connection, orders: Sequence[Order]) -> None:
    for order in orders:
        put(
            connection,
            ORDERS,
            id=order.id,
            incident_id=order.incident_id,
            unit_id=order.unit_id,
            busy_unit_id=order.unit_id if order.is_open else None,
            sent_at=text_of(order.sent_at),
            body=body_of_order(order),
        )


def store_incident(connection: Connection, incident: Incident, before: Incident | None = None) -> None:
    """A new incident, or what has become of a known one. ``before``: as it is stored, where that is at hand."""
    place, body = whereabouts(incident), body_of(incident)
    if before is not None and _found_by(before) == _found_by(incident):  # none of the indices, of which there are five
        _REWRITE_INCIDENT.run(connection, [{"of": incident.id, "seen": place["seen_at"], "text": body}])
        return
    waits, waits_in = _waits(incident)
    put(
        connection,
        INCIDENTS,
        id=incident.id,
        fingerprint=incident.fingerprint,
        is_open=int(incident.is_open),
        accepted_at=text_of(incident.accepted_at),
        closed_at=text_of(closed.at) if (closed := incident.clocks.get(ClockName.CLOSED)) else None,
        **{"class": incident.incident_class.value},
        **place,
        waits=waits,
        waits_in=waits_in,
        body=body,
    )


def _found_by(incident: Incident) -> tuple[object, ...]:
    """What the indexed columns of an incident are made of."""
    clocks = incident.clocks.get(ClockName.ACCEPTED), incident.clocks.get(ClockName.CLOSED)
    kept = incident.kind, incident.place, incident.simulated, incident.drill
    return incident.fingerprint, incident.is_open, *_waits(incident), *clocks, *kept


def _waits(incident: Incident) -> tuple[int, str] | tuple[None, None]:
    """How urgently it waits for a unit, and in which line; None for both where it does not."""
    wants_units = incident.is_open and incident.due_at is not None and incident.crews_missing > 0
    return (incident.level.rank, line_of(incident)) if wants_units else (None, None)


def store_alert(connection: Connection, alert: Alert, verdict: Verdict) -> None:
    """An alert, and what was decided about it."""
    row = {
        "id": alert.id,
        "incident_id": alert.incident_id,
        "fingerprint": alert.fingerprint,
        "accepted_at": text_of(alert.accepted_at),
        "verdict": verdict.value,
        "body": ALERT_JSON.dump_json(alert).decode(),
    }
    _ADD_ALERT.run(connection, [row])
