"""Recovering on the database of a SqlStore: all that the queue says and the store does not know, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from patrol.adapters import sql_outbox, sql_restoring
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_bodies import incident_in
from patrol.adapters.sql_evidence import note_evidence
from patrol.adapters.sql_history import hand_over
from patrol.adapters.sql_rows import orders_of, store_alert, store_incident, store_outcome
from patrol.adapters.sql_signs import sent_heartbeat, went_on_from
from patrol.adapters.sql_tables import ALERTS, INCIDENTS, ORDERS
from patrol.adapters.sql_times import text_of
from patrol.domain.alerts import Verdict
from patrol.domain.dispatch import Outcome
from patrol.domain.incidents import IncidentId
from patrol.domain.orders import Order
from patrol.domain.recovered_orders import duties_after, the_busy_one
from patrol.domain.recovering import Recovered, Stored
from patrol.domain.restoring import Reached, Restoration
from patrol.ports import Recover

IDS_AT_ONCE = 500


class SqlRecovery:
    """RecoverableStore on the database of a SqlStore."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def reached(self) -> tuple[Reached, datetime | None]:
        """See RecoverableStore."""

        def work(connection: Connection) -> tuple[Reached, datetime | None]:
            heartbeat, at = sent_heartbeat(connection)
            return Reached(sql_outbox.position(connection), heartbeat), at

        return await self._store.read(work)

    async def behind(self) -> Reached | None:
        """See RecoverableStore."""
        return await self._store.read(sql_restoring.behind)

    async def note_behind(self, seen: Reached) -> None:
        """See RecoverableStore."""
        await self._store.within(lambda connection: sql_restoring.note_behind(connection, seen))

    async def sequences(self, ids: Sequence[IncidentId]) -> Mapping[IncidentId, int]:
        """See RecoverableStore."""

        def work(connection: Connection) -> dict[IncidentId, int]:
            query = select(INCIDENTS.c.id, INCIDENTS.c.body).where(INCIDENTS.c.id.in_(ids))
            return {
                IncidentId(incident_id): incident_in(body).sequence for incident_id, body in connection.execute(query)
            }

        return await self._store.within(work)

    async def recover(
        self, ids: Sequence[IncidentId], recover: Recover, restoration: Restoration
    ) -> Restoration | None:
        """See RecoverableStore."""

        def work(connection: Connection) -> Restoration | None:
            seen = sql_restoring.behind(connection)
            if seen is None:  # another relay was faster
                return None
            found = recover({one: stored for one in ids if (stored := _stored(connection, one)) is not None})
            self._keep(connection, found, restoration.at)
            went_on_from(connection, seen.heartbeat)
            sql_outbox.go_on_from(connection, seen.position, restoration.at)
            done = Restoration(
                at=restoration.at,
                back_to=restoration.back_to,
                complete=restoration.complete,
                incidents=len(found),
                alerts=sum(len(one.alerts) for one in found),
                orders=sum(len(one.orders) for one in found),
                refused=len(ids) - len(found),
            )
            sql_restoring.note_restored(connection, done, text_of(done.at))
            return done

        return await self._store.within(work)

    def _keep(self, connection: Connection, found: Sequence[Recovered], now: datetime) -> None:
        orders = [order for one in found for order in one.orders]
        for one in found:
            store_incident(connection, one.incident)
            known = _known_alerts(connection, [alert.id for alert in one.alerts])
            for alert in one.alerts:
                if alert.id not in known:
                    is_first = alert.id in one.incident.alert_ids[:1]
                    store_alert(connection, alert, Verdict.NEW_INCIDENT if is_first else Verdict.JOINED)
                    note_evidence(connection, alert)
            sql_outbox.add(connection, one.messages, now)
        for one in found:  # once all alerts are there: some were told of one incident, and are another's by now
            hand_over(connection, one.incident)
        # Those that ended first: they free their units for the others.
        for order in sorted(orders, key=lambda order: order.is_open):
            store_outcome(connection, Outcome(orders=(order,)), now)
            self._keep_one_busy(connection, orders, order)
        duties = duties_after(orders, self._store.duties(connection))
        store_outcome(connection, Outcome(duties=duties), now)

    def _keep_one_busy(self, connection: Connection, orders: Sequence[Order], order: Order) -> None:
        """An open order that another one of its unit came after keeps nobody busy; the database allows one a unit."""
        if order.is_open and order.id not in the_busy_one(orders):
            connection.execute(update(ORDERS).where(ORDERS.c.id == order.id).values(busy_unit_id=None))


def _stored(connection: Connection, incident_id: IncidentId) -> Stored | None:
    body = connection.execute(select(INCIDENTS.c.body).where(INCIDENTS.c.id == incident_id)).scalar()
    return Stored(incident_in(body), orders_of(connection, (incident_id,))) if body else None


def _known_alerts(connection: Connection, ids: Sequence[str]) -> set[str]:
    return set(connection.execute(select(ALERTS.c.id).where(ALERTS.c.id.in_(ids))).scalars())
