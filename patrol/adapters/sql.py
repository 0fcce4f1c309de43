"""The store of record in SQL: SQLite (WAL, synchronous=FULL) on one machine.

One writer thread is the only door to the database; each call is one transaction. Values that are only read whole are
kept as JSON; what is searched for has a column.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    inspect,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from patrol.adapters import refusals, sql_outbox
from patrol.adapters.sql_evidence import SqlEvidenceIndex, note_evidence
from patrol.adapters.sql_outbox import INDICES, METADATA, OUTBOX
from patrol.domain.alerts import Acceptance, Alert, Candidate, History, Verdict, accept, cools_down, fingerprint
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.errors import ConfigError, ConfigProblem, StoreError, StoreFailure
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import ClockName, EvidenceId, Incident, IncidentId, IncidentState
from patrol.domain.messages import alert_message, incident_message
from patrol.domain.orders import Order
from patrol.domain.retention import Gone
from patrol.domain.streams import EntryId, PublishedRow, Unsettled
from patrol.domain.units import Unit
from patrol.pipeline.steps import Step, passing
from patrol.ports import Clock, Effect, Ledger, OutboxRow, Totals

_Result = TypeVar("_Result")

BUSY_S = 2.0  # how long one call waits for another process that holds the database locked

_INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", String, primary_key=True),
    Column("fingerprint", String, nullable=False, index=True),
    Column("is_open", Integer, nullable=False, index=True),
    Column("accepted_at", String, nullable=False, index=True),
    Column("closed_at", String, index=True),
    # With a default, as every column that came after the first version: older rows and older programs have none.
    Column("class", String, nullable=False, server_default=IncidentClass.SECURITY.value),
    Column("body", Text, nullable=False),
)
_ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("fingerprint", String, nullable=False, index=True),
    Column("accepted_at", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("acknowledged_at", String),
    Column("body", Text, nullable=False),
)
_ORDERS = Table(
    "orders",
    METADATA,
    Column("id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("unit_id", String, nullable=False),
    # The unit while the order is open, else null: the database itself refuses a second open order for a unit.
    Column("busy_unit_id", String, unique=True),
    Column("sent_at", String, nullable=False),
    Column("body", Text, nullable=False),
)
_DUTIES = Table(
    "duties",
    METADATA,
    Column("unit_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)
_EFFECTS = Table(
    "effects",
    METADATA,
    Column("consumer_group", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("at", String, nullable=False),
)

# Which one first: else every alert of the fingerprint would be read whole.
_NEWEST = select(_ALERTS.c.id).where(_ALERTS.c.fingerprint == bindparam("key")).order_by(_ALERTS.c.accepted_at.desc())
_LAST_ALERT = select(_ALERTS.c.body).where(_ALERTS.c.id == _NEWEST.limit(1).scalar_subquery())

_IS_MAINTENANCE = _INCIDENTS.c["class"] == IncidentClass.MAINTENANCE.value

_INCIDENT = TypeAdapter(Incident)
_ORDER = TypeAdapter(Order)
_DUTY = TypeAdapter(Duty)
_ALERT = TypeAdapter(Alert)


class SqlStore:
    """AlertStore, Outbox, IncidentStore and IncidentReader in one database. Close with ``aclose``.

    ``address`` is an SQLAlchemy URL (``sqlite:////var/lib/patrol/patrol.db``); only SQLite so far.
    Raises ConfigError for another database. ``clock`` says since when messages wait.
    """

    def __init__(self, address: str, units: Sequence[Unit], clock: Clock) -> None:
        self._engine = _engine(address)
        self._clock = clock
        self._units: Mapping[str, Unit] = {unit.id: unit for unit in units}
        self._door = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql")

    @property
    def folder(self) -> Path:
        """Where the database lies."""
        return Path(self._engine.url.database or "").absolute().parent

    @property
    def evidence(self) -> SqlEvidenceIndex:
        """The index of evidence, through the same door."""
        return SqlEvidenceIndex(self._transaction)

    async def open(self) -> None:
        """Make what is missing in the database, also in one of an older version. Raises StoreError."""
        await self._transaction(_make_what_is_missing)

    async def aclose(self) -> None:
        """Finish what was begun and close."""
        await asyncio.to_thread(self._door.shutdown, wait=True)
        self._engine.dispose()

    async def _through_the_door(self, call: Callable[[], _Result]) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            # A transaction once begun is finished even if the caller is cancelled: nobody may guess its end.
            return await asyncio.shield(loop.run_in_executor(self._door, call))
        except SQLAlchemyError as error:
            failure = refusals.of_sqlite(getattr(error, "orig", None))
            raise StoreError(f"database: {_plain(error)}", failure) from error
        except ValidationError as error:
            raise StoreError(
                f"database: a stored {error.title} cannot be read: {error.error_count()} errors", StoreFailure.CONFLICT
            ) from error

    async def _transaction(self, work: Callable[[Connection], _Result]) -> _Result:
        def call() -> _Result:
            with self._engine.begin() as connection:
                return work(connection)

        return await self._through_the_door(call)

    async def within(self, work: Callable[[Connection], _Result]) -> _Result:
        """One transaction of a file beside this one, through the same door. Raises StoreError."""
        return await self._transaction(work)

    async def cools_down(self, candidate: Candidate, now: datetime) -> bool:
        """See AlertStore."""
        key = fingerprint(candidate.event)
        last = await self._transaction(lambda connection: _last_alert(connection, key))
        return last is not None and cools_down(candidate, last.accepted_at, now, last.detected_at)

    async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
        """See AlertStore."""
        acceptance = await self._transaction(lambda connection: self._accept(connection, candidate, now))
        passing(Step.ACCEPT_STORED)
        return acceptance

    def _accept(self, connection: Connection, candidate: Candidate, now: datetime) -> Acceptance:
        known = connection.execute(select(_ALERTS).where(_ALERTS.c.id == candidate.alert_id)).one_or_none()
        if known is not None:
            alert = _ALERT.validate_json(known.body)
            return Acceptance(Verdict(known.verdict), alert, _incident(connection, alert.incident_id))
        acceptance = accept(candidate, _history(connection, fingerprint(candidate.event)), now)
        if acceptance.alert is None or acceptance.incident is None:
            return acceptance
        incident = replace(acceptance.incident, sequence=acceptance.incident.sequence + 1)
        told = replace(incident, sequence=incident.sequence + 1)
        _store_incident(connection, told)
        _store_alert(connection, acceptance.alert, acceptance.verdict)
        note_evidence(connection, acceptance.alert)
        messages = (
            alert_message(acceptance.alert, incident.sequence),
            incident_message(told, now, acceptance.alert.id),
        )
        sql_outbox.add(connection, messages, self._clock.now())
        return replace(acceptance, incident=told)

    async def decide(
        self, incident_id: IncidentId, decision: Callable[[Situation], Outcome], once: Effect | None = None
    ) -> Outcome | None:
        """See IncidentStore."""
        return await self._transaction(lambda connection: self._decide(connection, incident_id, decision, once))

    def _decide(
        self,
        connection: Connection,
        incident_id: IncidentId,
        decision: Callable[[Situation], Outcome],
        once: Effect | None,
    ) -> Outcome | None:
        if once is not None and _effect_stored(connection, once):
            return None
        incident = _incident(connection, incident_id)
        orders = _orders(connection, (incident_id,))
        outcome = decision(Situation(incident, orders, self._duties(connection)))
        _store_outcome(connection, outcome, self._clock.now())
        if once is not None:
            at = _text(self._clock.now())
            connection.execute(insert(_EFFECTS).values(consumer_group=once.group, key=once.key, at=at))
        return outcome

    async def begin(self, outcome: Outcome) -> Incident:
        """See MaintenanceStore."""

        def work(connection: Connection) -> Incident:
            begun = outcome.incident
            assert begun is not None
            known = connection.execute(select(_INCIDENTS.c.body).where(_INCIDENTS.c.id == begun.id)).scalar()
            if known is not None:
                return _INCIDENT.validate_json(known)
            _store_outcome(connection, outcome, self._clock.now())
            return begun

        return await self._transaction(work)

    async def open_maintenance(self) -> frozenset[IncidentId]:
        """See MaintenanceStore."""
        query = select(_INCIDENTS.c.id).where(_INCIDENTS.c.is_open == 1, _IS_MAINTENANCE)
        return await self._transaction(lambda connection: frozenset(connection.execute(query).scalars()))

    async def latest_maintenance(self, closed_since: datetime) -> Sequence[Incident]:
        """See MaintenanceStore."""
        lately = or_(_INCIDENTS.c.is_open == 1, _INCIDENTS.c.closed_at >= _text(closed_since))
        query = select(_INCIDENTS.c.body).where(_IS_MAINTENANCE, lately).order_by(_INCIDENTS.c.accepted_at)
        return await self._transaction(
            lambda connection: [_INCIDENT.validate_json(body) for body in connection.execute(query).scalars()]
        )

    def duties(self, connection: Connection) -> tuple[Duty, ...]:
        """Every configured unit, and what it is doing."""
        return self._duties(connection)

    def _duties(self, connection: Connection) -> tuple[Duty, ...]:
        stored = {
            unit_id: _DUTY.validate_json(body)
            for unit_id, body in connection.execute(select(_DUTIES.c.unit_id, _DUTIES.c.body))
        }
        # The configuration says who the units are; the store says what they are doing.
        return tuple(
            replace(stored[unit.id], unit=unit) if unit.id in stored else Duty(unit) for unit in self._units.values()
        )

    async def acknowledge_alert(self, alert_id: str, at: datetime) -> None:
        """A consumer's receipt for an alert is stored; the first one counts."""
        await self._transaction(
            lambda connection: connection.execute(
                update(_ALERTS)
                .where(_ALERTS.c.id == alert_id, _ALERTS.c.acknowledged_at.is_(None))
                .values(acknowledged_at=_text(at))
            )
        )

    async def unpublished(self, limit: int) -> Sequence[OutboxRow]:
        """See Outbox."""
        return await self._transaction(lambda connection: sql_outbox.unpublished(connection, limit))

    async def mark_published(self, entries: Mapping[int, EntryId]) -> None:
        """See Outbox."""
        now = self._clock.now()
        await self._transaction(lambda connection: sql_outbox.mark_published(connection, entries, now))

    async def waiting(self) -> tuple[int, datetime | None]:
        """See Outbox."""
        return await self._transaction(sql_outbox.waiting)

    async def unsettled(self, after: int, limit: int) -> Sequence[PublishedRow]:
        """See Outbox."""
        return await self._transaction(lambda connection: sql_outbox.unsettled(connection, after, limit))

    async def unsettled_by_stream(self) -> Mapping[str, Unsettled]:
        """See Outbox."""
        return await self._transaction(sql_outbox.unsettled_by_stream)

    async def settle(self, numbers: Sequence[int], lost: Sequence[int]) -> None:
        """See Outbox."""

        def work(connection: Connection) -> None:
            now = self._clock.now()
            sql_outbox.settle(connection, numbers, now)
            sql_outbox.publish_again(connection, lost, now)

        await self._transaction(work)

    async def open_ledger(self) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            open_ids = select(_INCIDENTS.c.id).where(_INCIDENTS.c.is_open == 1)
            return Ledger(_open_incidents(connection), _orders(connection, open_ids), self._duties(connection))

        return await self._transaction(work)

    async def latest_closed(self, limit: int) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            incidents = _closed_incidents(connection, limit)
            return Ledger(incidents, _orders(connection, [i.id for i in incidents]), ())

        return await self._transaction(work)

    async def gone_evidence(self, ids: Collection[EvidenceId]) -> Mapping[EvidenceId, Gone]:
        """See IncidentReader."""
        rows = await self.evidence.look_up(ids)
        return {row.id: row.gone for row in rows.values() if row.gone is not None}

    async def totals(self) -> Totals:
        """See IncidentReader."""
        delivered = (
            select(func.count())
            .select_from(OUTBOX)
            .where(OUTBOX.c.stream.like("patrol:alert:%"), OUTBOX.c.published_at.is_not(None))
        )
        return await self._transaction(
            lambda connection: Totals(
                alerts_accepted=connection.execute(select(func.count()).select_from(_ALERTS)).scalar_one(),
                alerts_delivered=connection.execute(delivered).scalar_one(),
                alerts_acknowledged=connection.execute(
                    select(func.count()).select_from(_ALERTS).where(_ALERTS.c.acknowledged_at.is_not(None))
                ).scalar_one(),
            )
        )


def _engine(address: str) -> Engine:
    expected = "expected sqlite:///path/to/patrol.db; PostgreSQL comes in a later version"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # its text may quote the address, and with it a password
        raise ConfigError("DATABASE_URL", (ConfigProblem("DATABASE_URL", expected),)) from None
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError("DATABASE_URL", (ConfigProblem("DATABASE_URL", f"{url.drivername}: {expected}"),))
    if url.database in (None, "", ":memory:") or {"uri", "mode"} & url.query.keys():
        # The last two are SQLite's other ways to say "in memory".
        problem = f"a path is expected, in memory nothing would last: {expected}"
        raise ConfigError("DATABASE_URL", (ConfigProblem("DATABASE_URL", problem),))
    engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver would begin transactions late and on its own; we begin them ourselves, below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: what a decision has read cannot change under it, also by another process.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_what_is_missing(connection: Connection) -> None:
    """Tables first, then columns that came later: what is there already is never changed."""
    METADATA.create_all(connection)
    notes_places = "settled_at" in _columns(connection, OUTBOX)
    for table in METADATA.sorted_tables:
        there = _columns(connection, table)
        for column in table.columns:
            if column.name not in there:
                definition = CreateColumn(column).compile(connection)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
    for index in INDICES:
        index.create(connection, checkfirst=True)
    if not notes_places:
        sql_outbox.settle_all_published(connection, datetime.now(UTC))


def _columns(connection: Connection, table: Table) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table.name)}


def _last_alert(connection: Connection, key: str) -> Alert | None:
    body = connection.execute(_LAST_ALERT, {"key": key}).scalar()
    return _ALERT.validate_json(body) if body else None


def _history(connection: Connection, key: str) -> History:
    body = connection.execute(
        select(_INCIDENTS.c.body).where(_INCIDENTS.c.fingerprint == key, _INCIDENTS.c.is_open == 1)
    ).scalar()
    last, incident = _last_alert(connection, key), _INCIDENT.validate_json(body) if body else None
    return History(last.accepted_at, incident, last.detected_at) if last is not None else History(None, incident)


def _effect_stored(connection: Connection, effect: Effect) -> bool:
    query = select(_EFFECTS.c.key).where(_EFFECTS.c.consumer_group == effect.group, _EFFECTS.c.key == effect.key)
    return connection.execute(query).scalar() is not None


def _incident(connection: Connection, incident_id: IncidentId) -> Incident:
    body = connection.execute(select(_INCIDENTS.c.body).where(_INCIDENTS.c.id == incident_id)).scalar()
    if body is None:
        raise KeyError(incident_id)
    return _INCIDENT.validate_json(body)


def _open_incidents(connection: Connection) -> tuple[Incident, ...]:
    query = select(_INCIDENTS.c.body).where(_INCIDENTS.c.is_open == 1).order_by(_INCIDENTS.c.accepted_at.desc())
    return tuple(_INCIDENT.validate_json(body) for body in connection.execute(query).scalars())


def _closed_incidents(connection: Connection, limit: int) -> tuple[Incident, ...]:
    query = (
        select(_INCIDENTS.c.body)
        .where(_INCIDENTS.c.is_open == 0)
        .order_by(_INCIDENTS.c.closed_at.desc(), _INCIDENTS.c.accepted_at.desc())
        .limit(limit)
    )
    return tuple(_INCIDENT.validate_json(body) for body in connection.execute(query).scalars())


def _orders(connection: Connection, incident_ids: Sequence[IncidentId] | Select[str]) -> tuple[Order, ...]:
    query = select(_ORDERS.c.body).where(_ORDERS.c.incident_id.in_(incident_ids)).order_by(_ORDERS.c.sent_at)
    return tuple(_ORDER.validate_json(body) for body in connection.execute(query).scalars())


def _store_outcome(connection: Connection, outcome: Outcome, now: datetime) -> None:
    if outcome.incident is not None:
        _store_incident(connection, outcome.incident)
    for order in outcome.orders:
        _put(
            connection,
            _ORDERS,
            id=order.id,
            incident_id=order.incident_id,
            unit_id=order.unit_id,
            busy_unit_id=order.unit_id if order.is_open else None,
            sent_at=_text(order.sent_at),
            body=_ORDER.dump_json(order).decode(),
        )
    for duty in outcome.duties:
        _put(connection, _DUTIES, unit_id=duty.unit.id, body=_DUTY.dump_json(duty).decode())
    sql_outbox.add(connection, outcome.messages, now)


def _store_incident(connection: Connection, incident: Incident) -> None:
    _put(
        connection,
        _INCIDENTS,
        id=incident.id,
        fingerprint=incident.fingerprint,
        is_open=int(incident.state is not IncidentState.CLOSED),
        accepted_at=_text(incident.accepted_at),
        closed_at=_text(closed.at) if (closed := incident.clocks.get(ClockName.CLOSED)) else None,
        **{"class": incident.incident_class.value},
        body=_INCIDENT.dump_json(incident).decode(),
    )


def _store_alert(connection: Connection, alert: Alert, verdict: Verdict) -> None:
    connection.execute(
        insert(_ALERTS).values(
            id=alert.id,
            incident_id=alert.incident_id,
            fingerprint=alert.fingerprint,
            accepted_at=_text(alert.accepted_at),
            verdict=verdict.value,
            body=_ALERT.dump_json(alert).decode(),
        )
    )


def _put(connection: Connection, table: Table, **values: Any) -> None:
    """Insert the row, or bring the one with its primary key up to date."""
    key = [column.name for column in table.primary_key]
    statement = upsert(table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


def _text(at: datetime) -> str:
    # One fixed form in UTC: text sorts as time does.
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plain(error: SQLAlchemyError) -> str:
    # Statement and parameters are left out: they are long, and say nothing to an operator.
    return str(getattr(error, "orig", None) or type(error).__name__)
