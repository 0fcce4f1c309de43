"""What the auditor looks at, in one transaction: only what may be too late, the most urgent first, never all of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from patrol.adapters import sql_restoring
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_bodies import incident_in, order_in
from patrol.adapters.sql_outbox import OUTBOX
from patrol.adapters.sql_rows import orders_of
from patrol.adapters.sql_tables import ALERTS, INCIDENTS, IS_OPEN, ORDERS, URGENCY, URGENT
from patrol.adapters.sql_times import text_of, time_of
from patrol.domain.auditing import AuditView, Unpublished, Waiting
from patrol.domain.dispatch import Situation
from patrol.domain.events import IncidentClass, Level
from patrol.domain.incidents import Incident, IncidentId, IncidentState
from patrol.domain.lateness import Watch, watch_of
from patrol.domain.orders import Order, OrderState

MOST = 200
_IS_OPEN = and_(IS_OPEN, INCIDENTS.c["class"] == IncidentClass.SECURITY.value)
# SQLite would rather sort all of those that are open, with all that is stored of each.
_IN_THAT_ORDER = f"INDEXED BY {URGENT.name}"
_STATE = func.json_extract(INCIDENTS.c.body, "$.state")
# Nobody is on scene yet.
_UNREACHED = (IncidentState.NEW, IncidentState.ORDERED, IncidentState.ACCEPTED, IncidentState.EN_ROUTE)


class SqlAudits:
    """AuditSource on the database of a SqlStore."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def look(self, at: datetime, late_after_s: float, *, disturbed: bool, dead_letters: int | None) -> AuditView:
        """See AuditSource."""

        def work(connection: Connection) -> AuditView:
            before = text_of(at - timedelta(seconds=late_after_s))
            oldest = connection.execute(
                select(func.min(OUTBOX.c.created_at)).where(OUTBOX.c.published_at.is_(None))
            ).scalar()
            return AuditView(
                at=at,
                disturbed=disturbed,
                unpublished=_unpublished(connection, before),
                outbox_oldest=time_of(oldest) if oldest else None,
                waiting=self._waiting(connection, before),
                silent=_silent(connection, before),
                not_marked=_not_marked(connection, before),
                dead_letters=dead_letters,
                restoration=sql_restoring.latest_restoration(connection),
                watches=_watches(connection, before),
                duties=self._store.duties(connection),
            )

        return await self._store.read(work)

    def _waiting(self, connection: Connection, before: str) -> tuple[Waiting, ...]:
        query = (
            select(INCIDENTS.c.body)
            .where(_IS_OPEN, _STATE.in_([IncidentState.NEW.value]))
            .where(INCIDENTS.c.accepted_at <= before)
            .order_by(URGENCY, INCIDENTS.c.accepted_at)
            .limit(MOST)
            .with_hint(INCIDENTS, _IN_THAT_ORDER)
        )
        incidents = _incidents(connection.execute(query).scalars().all())
        ids = [incident.id for incident in incidents]
        orders, taken = orders_of(connection, ids), _taken(connection, ids)
        duties = self._store.duties(connection) if incidents else ()
        return tuple(
            Waiting(
                Situation(incident, tuple(order for order in orders if order.incident_id == incident.id), duties),
                incident.id in taken,
            )
            for incident in incidents
        )


def _watches(connection: Connection, before: str) -> tuple[Watch, ...]:
    query = (
        select(INCIDENTS.c.body)
        .where(_IS_OPEN, INCIDENTS.c.accepted_at <= before)
        .order_by(URGENCY, INCIDENTS.c.accepted_at)
        .limit(MOST)
        .with_hint(INCIDENTS, _IN_THAT_ORDER)
    )
    incidents = _incidents(connection.execute(query).scalars().all())
    orders: dict[IncidentId, list[Order]] = {incident.id: [] for incident in incidents}
    for order in orders_of(connection, list(orders)):
        orders[order.incident_id].append(order)
    return tuple(watch_of(incident, orders[incident.id]) for incident in incidents)


def _incidents(bodies: Sequence[str]) -> tuple[Incident, ...]:
    return tuple(incident_in(body) for body in bodies)


def _taken(connection: Connection, ids: Sequence[IncidentId]) -> set[str]:
    query = select(ALERTS.c.incident_id).where(ALERTS.c.incident_id.in_(ids), ALERTS.c.acknowledged_at.is_not(None))
    return set(connection.execute(query).scalars())


def _unpublished(connection: Connection, before: str) -> tuple[Unpublished, ...]:
    of_interest = or_(OUTBOX.c.stream.like("patrol:alert:%"), OUTBOX.c.stream.like("patrol:order:%"))
    query = (
        select(OUTBOX)
        .where(OUTBOX.c.published_at.is_(None), OUTBOX.c.created_at <= before, of_interest)
        .order_by(OUTBOX.c.number)
        .limit(MOST)
    )
    return tuple(
        Unpublished(row.message_id, *_about(row.body), time_of(row.created_at)) for row in connection.execute(query)
    )


def _about(body: str) -> tuple[IncidentId, Level | None]:
    message = json.loads(body)
    level = message.get("severitytext")
    return IncidentId(str(message["correlationid"])), Level(level) if level else None


def _silent(connection: Connection, before: str) -> tuple[tuple[Order, Incident], ...]:
    query = (
        select(ORDERS.c.body, INCIDENTS.c.body)
        .join(INCIDENTS, INCIDENTS.c.id == ORDERS.c.incident_id)
        .where(ORDERS.c.busy_unit_id.is_not(None), ORDERS.c.sent_at <= before)
        .where(func.json_extract(ORDERS.c.body, "$.state") == OrderState.SENT.value)
        .order_by(ORDERS.c.sent_at)
        .limit(MOST)
    )
    return tuple((order_in(order), incident_in(incident)) for order, incident in connection.execute(query))


def _not_marked(connection: Connection, before: str) -> tuple[Incident, ...]:
    query = (
        select(INCIDENTS.c.body)
        .where(_IS_OPEN, INCIDENTS.c.accepted_at <= before, _STATE.in_([state.value for state in _UNREACHED]))
        .where(func.json_extract(INCIDENTS.c.body, "$.overdue") == 0)
        .order_by(func.json_extract(INCIDENTS.c.body, "$.target_s"), INCIDENTS.c.accepted_at)
        .limit(MOST)
    )
    return _incidents(connection.execute(query).scalars().all())
