"""In SQL: all that is kept of an incident, of those that became part of it, and of what people did with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, or_, select

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_bodies import incident_in
from patrol.adapters.sql_deeds import deed_in
from patrol.adapters.sql_rows import incident_of
from patrol.adapters.sql_tables import DEEDS, INCIDENTS, IS_MERGED, MERGED_INTO, ORDER_JSON, ORDERS
from patrol.domain.deeds import Action
from patrol.domain.incident_record import MOST_ENTRIES, IncidentRecord, KeptOfIncident, record_of
from patrol.domain.incidents import Incident, IncidentId

MOST_MERGED = 50  # of one incident; who merges more has no use for them line by line


class SqlRecords:
    """RecordView in the database of a SqlStore."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def record(self, incident_id: IncidentId) -> IncidentRecord:
        """See RecordView."""
        return record_of(await self._store.read(lambda connection: _kept(connection, incident_id)))


def _kept(connection: Connection, incident_id: IncidentId) -> KeptOfIncident:
    incident = incident_of(connection, incident_id)
    merged = _merged_into(connection, incident_id)
    ids = [incident.id, *(each.id for each in merged)]
    newest_orders = select(ORDERS.c.body).where(ORDERS.c.incident_id.in_(ids)).order_by(ORDERS.c.sent_at.desc())
    orders = connection.execute(newest_orders.limit(MOST_ENTRIES + 1)).scalars().all()
    deeds = _deeds(connection, ids, incident)
    return KeptOfIncident(
        incidents=(incident, *merged[:MOST_MERGED]),
        orders=tuple(ORDER_JSON.validate_json(body) for body in orders[:MOST_ENTRIES]),
        deeds=tuple(deed_in(row) for row in reversed(deeds[:MOST_ENTRIES])),
        is_cut=len(merged) > MOST_MERGED or max(len(orders), len(deeds)) > MOST_ENTRIES,
    )


def _merged_into(connection: Connection, incident_id: IncidentId) -> list[Incident]:
    """Those that became part of it, and of these, and so on; one more than is shown, where there are more."""
    found: list[Incident] = []
    into = [incident_id]
    while into and len(found) <= MOST_MERGED:
        query = select(INCIDENTS.c.body).where(IS_MERGED, MERGED_INTO.in_(into)).limit(MOST_MERGED + 1 - len(found))
        newer = [incident_in(body) for body in connection.execute(query).scalars()]
        found += newer
        into = [incident.id for incident in newer]
    return found


def _deeds(connection: Connection, ids: Sequence[IncidentId], incident: Incident) -> Sequence[Row[Any]]:
    """The newest that are about these; and the one by which it was split off, whose subject is what it was part of."""
    about: ColumnElement[bool] = DEEDS.c.subject.in_(ids)
    if incident.split_from is not None:
        split = (DEEDS.c.action == Action.SPLIT.value) & (DEEDS.c.led_to == incident.id)
        about = or_(about, (DEEDS.c.subject == incident.split_from) & split)
    query = select(DEEDS).where(about).order_by(DEEDS.c.number.desc()).limit(MOST_ENTRIES + 1)
    return connection.execute(query).all()
