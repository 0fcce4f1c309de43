"""The index of evidence in SQL: what there is, of which alert, how much, and why what is gone is gone.

A row is made in the transaction that accepts its alert, and never deleted. A part of ``sql``, through its only door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from json import dumps
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from patrol.adapters.sql_outbox import METADATA
from patrol.adapters.sql_prepared import Prepared
from patrol.adapters.sql_tables import ALERT_JSON, ALERTS, INCIDENTS
from patrol.adapters.sql_times import text_of
from patrol.domain.alerts import Alert
from patrol.domain.incidents import AlertId, EvidenceId
from patrol.domain.retention import (
    Deletion,
    EvidenceClass,
    Gone,
    IndexRow,
    KeptEvidence,
    Medium,
    Usage,
    evidence_class,
)

_EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("id", String, primary_key=True),
    Column("medium", String, nullable=False),
    Column("alert_id", String, nullable=False, index=True),
    Column("class", String, nullable=False),
    Column("accepted_at", String, nullable=False),
    Column("bytes", Integer),
    Column("gone_at", String),
    Column("gone", String),
)
_IS_KEPT = _EVIDENCE.c.gone.is_(None)
Index(
    "evidence_kept",
    _EVIDENCE.c["class"],
    _EVIDENCE.c.accepted_at,
    _EVIDENCE.c.bytes,
    sqlite_where=_IS_KEPT,
    postgresql_where=_IS_KEPT,
)
Index(
    "evidence_unmeasured",
    _EVIDENCE.c.id,
    sqlite_where=_IS_KEPT & _EVIDENCE.c.bytes.is_(None),
    postgresql_where=_IS_KEPT & _EVIDENCE.c.bytes.is_(None),
)
# By its alert: what is merged into another incident belongs to that one.
_IS_OPEN: ColumnElement[bool] = exists(
    select(1)
    .select_from(ALERTS)
    .join(INCIDENTS, INCIDENTS.c.id == ALERTS.c.incident_id)
    .where(ALERTS.c.id == _EVIDENCE.c.alert_id, INCIDENTS.c.is_open == 1)
)

_LET_GO = (
    update(_EVIDENCE)
    .where(_EVIDENCE.c.id == bindparam("which"), _IS_KEPT)
    .values(gone=bindparam("gone"), gone_at=bindparam("gone_at"))
)
_GONE, _GONE_UNLESS_OPEN = Prepared(_LET_GO), Prepared(_LET_GO.where(~_IS_OPEN))
_NOTE = Prepared(insert(_EVIDENCE).on_conflict_do_nothing(), "id", "medium", "alert_id", "class", "accepted_at")
# All of them in one value: a thousand take the library longer to write out than the database to look up.
_WANTED = func.json_each(bindparam("wanted")).table_valued("value")
_GONE_OF = Prepared(
    select(_EVIDENCE.c.id, _EVIDENCE.c.gone).where(
        _EVIDENCE.c.gone.is_not(None), _EVIDENCE.c.id.in_(select(_WANTED.c.value))
    )
)

Transaction = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


def note_evidence(connection: Connection, alert: Alert) -> None:
    """Take note of an alert's picture and clip; what is known already stays as it is."""
    kept = {
        "alert_id": alert.id,
        "class": evidence_class(alert.level, alert.kind, simulated=alert.simulated).value,
        "accepted_at": text_of(alert.accepted_at),
    }
    rows = [{"id": alert.evidence_id, "medium": Medium.PICTURE.value, **kept}]
    if alert.clip_id is not None:
        rows.append({"id": alert.clip_id, "medium": Medium.CLIP.value, **kept})
    _NOTE.run(connection, rows)


class SqlEvidenceIndex:
    """EvidenceIndex in the store's database. ``transaction`` and ``read``: the store's own door."""

    def __init__(self, transaction: Transaction, read: Transaction) -> None:
        self._transaction = transaction
        self._read = read

    async def usage(self) -> Mapping[EvidenceClass, Usage]:
        """See EvidenceIndex."""
        kept = _EVIDENCE.c["class"]
        query = select(kept, func.count(), func.coalesce(func.sum(_EVIDENCE.c.bytes), 0)).where(_IS_KEPT).group_by(kept)

        def work(connection: Connection) -> dict[EvidenceClass, Usage]:
            return {EvidenceClass(name): Usage(count, size) for name, count, size in connection.execute(query)}

        found: Mapping[EvidenceClass, Usage] = await self._read(work)
        return found

    async def oldest(self, evidence_class: EvidenceClass, limit: int, until: datetime) -> Sequence[KeptEvidence]:
        """See EvidenceIndex. Asked without a limit in time, it would pass all that open incidents have."""
        query = (
            select(_EVIDENCE)
            .where(_IS_KEPT, _EVIDENCE.c["class"] == evidence_class.value)
            .where(_EVIDENCE.c.accepted_at <= text_of(until), ~_IS_OPEN)
            .order_by(_EVIDENCE.c.accepted_at)
            .limit(limit)
        )

        def work(connection: Connection) -> list[KeptEvidence]:
            return [_kept(row, is_open=False) for row in connection.execute(query)]

        found: Sequence[KeptEvidence] = await self._read(work)
        return found

    async def let_go(self, deletions: Sequence[Deletion], at: datetime) -> Sequence[Deletion]:
        """See EvidenceIndex."""

        def work(connection: Connection) -> list[Deletion]:
            return _let_go(connection, _GONE_UNLESS_OPEN, deletions, at)

        done: Sequence[Deletion] = await self._transaction(work)
        return done

    async def note_absent(self, absent: Sequence[Deletion], at: datetime) -> Sequence[Deletion]:
        """See EvidenceIndex."""

        def work(connection: Connection) -> list[Deletion]:
            return _let_go(connection, _GONE, absent, at)

        done: Sequence[Deletion] = await self._transaction(work)
        return done

    async def take_back(self, ids: Collection[EvidenceId]) -> None:
        """See EvidenceIndex."""
        statement = update(_EVIDENCE).where(_EVIDENCE.c.id.in_(ids)).values(gone=None, gone_at=None)
        if ids:
            await self._transaction(lambda connection: connection.execute(statement))

    async def measure(self, sizes: Mapping[EvidenceId, int]) -> None:
        """See EvidenceIndex."""
        statement = update(_EVIDENCE).where(_EVIDENCE.c.id == bindparam("which")).values(bytes=bindparam("size"))
        rows = [{"which": evidence_id, "size": size} for evidence_id, size in sizes.items()]
        if rows:
            await self._transaction(lambda connection: connection.execute(statement, rows))

    async def unmeasured(self, limit: int) -> Sequence[IndexRow]:
        """See EvidenceIndex."""
        query = select(_EVIDENCE).where(_IS_KEPT, _EVIDENCE.c.bytes.is_(None))
        query = query.order_by(_EVIDENCE.c.id.desc()).limit(limit)
        return await self._rows(query)

    async def after(self, evidence_id: EvidenceId | None, limit: int) -> Sequence[IndexRow]:
        """See EvidenceIndex."""
        query = select(_EVIDENCE).where(_EVIDENCE.c.id > (evidence_id or "")).order_by(_EVIDENCE.c.id).limit(limit)
        return await self._rows(query)

    async def look_up(self, ids: Collection[EvidenceId]) -> Mapping[EvidenceId, IndexRow]:
        """See EvidenceIndex."""
        if not ids:
            return {}
        return {row.id: row for row in await self._rows(select(_EVIDENCE).where(_EVIDENCE.c.id.in_(ids)))}

    async def gone(self, ids: Collection[EvidenceId]) -> Mapping[EvidenceId, Gone]:
        """Of these, what is not there any more, and why: by one statement, however many they are."""
        wanted = dumps(list(ids))

        def work(connection: Connection) -> dict[EvidenceId, Gone]:
            return {EvidenceId(found): Gone(why) for found, why in _GONE_OF.rows(connection, wanted=wanted)}

        found: Mapping[EvidenceId, Gone] = await self._read(work) if ids else {}
        return found

    async def adopt(self, after: AlertId | None, limit: int) -> AlertId | None:
        """See EvidenceIndex."""
        window = select(ALERTS.c.id).where(ALERTS.c.id > (after or "")).order_by(ALERTS.c.id).limit(limit)
        known = select(1).where(_EVIDENCE.c.alert_id == ALERTS.c.id)

        def work(connection: Connection) -> AlertId | None:
            ids = connection.execute(window).scalars().all()
            strangers = select(ALERTS.c.body).where(ALERTS.c.id.in_(ids), ~exists(known))
            for body in connection.execute(strangers).scalars().all():
                note_evidence(connection, ALERT_JSON.validate_json(body))
            return AlertId(ids[-1]) if len(ids) == limit else None

        last: AlertId | None = await self._transaction(work)
        return last

    async def _rows(self, query: Any) -> list[IndexRow]:
        def work(connection: Connection) -> list[IndexRow]:
            return [_index_row(row) for row in connection.execute(query)]

        rows: list[IndexRow] = await self._read(work)
        return rows


def _let_go(connection: Connection, statement: Prepared, wanted: Sequence[Deletion], at: datetime) -> list[Deletion]:
    """Those that were there."""
    gone_at = text_of(at)
    return [
        each for each in wanted if statement.changed(connection, which=each.id, gone=each.reason.value, gone_at=gone_at)
    ]


def _kept(row: Row[Any], *, is_open: bool) -> KeptEvidence:
    values = row._mapping
    return KeptEvidence(
        id=EvidenceId(values["id"]),
        medium=Medium(values["medium"]),
        evidence_class=EvidenceClass(values["class"]),
        size=values["bytes"] or 0,
        accepted_at=datetime.fromisoformat(values["accepted_at"]),
        is_open=is_open,
    )


def _index_row(row: Row[Any]) -> IndexRow:
    return IndexRow(
        id=EvidenceId(row.id),
        medium=Medium(row.medium),
        size=row.bytes,
        accepted_at=datetime.fromisoformat(row.accepted_at),
        gone=Gone(row.gone) if row.gone is not None else None,
    )
