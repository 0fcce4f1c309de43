"""The store of record in SQL: SQLite (WAL, synchronous=FULL) on one machine.

One writer thread is the only door to the database; each call is one transaction, or part of one that is committed with
others (see sql_door). Values that are only read whole are kept as JSON; what is searched for has a column.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from patrol.adapters import sql_outbox, sql_restoring
from patrol.adapters.sql_door import Door
from patrol.adapters.sql_evidence import SqlEvidenceIndex, note_evidence
from patrol.adapters.sql_history import hand_over, history, last_alert, whereabouts
from patrol.adapters.sql_opening import engine_of, make_what_is_missing
from patrol.adapters.sql_outbox import METADATA, OUTBOX
from patrol.adapters.sql_prepared import Prepared
from patrol.domain.alerts import Acceptance, Alert, Candidate, Verdict, accept, cools_down, fingerprint
from patrol.domain.closeness import NEVER, MergePolicy
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.errors import StoreError
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

LOOK_S = 0.05  # between two looks whether another process has written: one percent of a core

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
    # Where what may join it is looked for, see sql_history; null: nothing joins by itself.
    Column("likeness", String),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("seen_at", String),
    Column("body", Text, nullable=False),
)
_NEAR = Index("incidents_near", _INCIDENTS.c.likeness, _INCIDENTS.c.latitude, sqlite_where=_INCIDENTS.c.is_open == 1)
# The room shows those that were closed last, several times a second, of however many there are.
_LATEST_CLOSED = Index(
    "incidents_latest_closed", _INCIDENTS.c.is_open, _INCIDENTS.c.closed_at, _INCIDENTS.c.accepted_at
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
_NEWEST_FIRST = Index("alerts_newest", _ALERTS.c.fingerprint, _ALERTS.c.accepted_at)  # of one thing's in a year, too
_INDICES = (_NEAR, _LATEST_CLOSED, _NEWEST_FIRST)
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

_KNOWN_ALERT = Prepared(
    select(_ALERTS.c.verdict, _ALERTS.c.incident_id, _ALERTS.c.body).where(_ALERTS.c.id == bindparam("id"))
)
_INCIDENT_BY_ID = Prepared(select(_INCIDENTS.c.body).where(_INCIDENTS.c.id == bindparam("id")))
_EFFECT_BY_KEY = Prepared(
    select(_EFFECTS.c.key).where(_EFFECTS.c.consumer_group == bindparam("group"), _EFFECTS.c.key == bindparam("of"))
)
_ADD_ALERT = Prepared(insert(_ALERTS), "id", "incident_id", "fingerprint", "accepted_at", "verdict", "body")
_ADD_EFFECT = Prepared(insert(_EFFECTS), "consumer_group", "key", "at")

_IS_MAINTENANCE = _INCIDENTS.c["class"] == IncidentClass.MAINTENANCE.value

_INCIDENT = TypeAdapter(Incident)
_ORDER = TypeAdapter(Order)
_DUTY = TypeAdapter(Duty)
_ALERT = TypeAdapter(Alert)


class SqlStore:
    """AlertStore, Outbox, IncidentStore and IncidentReader in one database. Close with ``aclose``.

    ``address`` is an SQLAlchemy URL (``sqlite:////var/lib/patrol/patrol.db``); only SQLite so far.
    Raises ConfigError for another database. ``clock`` says since when messages wait; ``policy``, when what several
    cameras see is one incident. ``folder``: where it lies.
    """

    def __init__(self, address: str, units: Sequence[Unit], clock: Clock, policy: MergePolicy = NEVER) -> None:
        engine = engine_of(address)
        self.folder = Path(engine.url.database or "").absolute().parent
        self._door = Door(engine, lambda connection: make_what_is_missing(connection, *_INDICES))
        self._clock = clock
        self._policy = policy
        self._units: Mapping[str, Unit] = {unit.id: unit for unit in units}
        self._told = asyncio.Event()  # messages came through this door since somebody waited for some
        self._version: int | None = None

    @property
    def evidence(self) -> SqlEvidenceIndex:
        """The index of evidence, through the same door."""
        return SqlEvidenceIndex(self._transaction)

    async def open(self) -> None:
        """Make what is missing in the database, also in one of an older version. Raises StoreError.

        Where it is away, the first call that gets through later does that.
        """
        await self._transaction(lambda connection: None)

    async def aclose(self) -> None:
        """Finish what was begun and close."""
        await self._door.aclose()

    async def _transaction(self, work: Callable[[Connection], _Result]) -> _Result:
        return await self._door.transaction(work)

    async def _telling(self, work: Callable[[Connection], _Result]) -> _Result:
        """One transaction that may put messages into the outbox."""
        result = await self._transaction(work)
        self._told.set()
        return result

    async def within(self, work: Callable[[Connection], _Result]) -> _Result:
        """One transaction of a file beside this one, through the same door. Raises StoreError."""
        return await self._telling(work)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """One look of a file beside this one, through the same door; nobody waits for it. Raises StoreError."""
        return await self._door.read(work)

    async def cools_down(self, candidate: Candidate, now: datetime) -> bool:
        """See AlertStore."""
        key = fingerprint(candidate.event)
        last = await self._door.read(lambda connection: last_alert(connection, key))
        return last is not None and cools_down(candidate, last.accepted_at, now, last.detected_at)

    async def accept(self, candidate: Candidate, now: datetime) -> Acceptance:
        """See AlertStore."""
        acceptance = await self._telling(lambda connection: self._accept(connection, candidate, now))
        passing(Step.ACCEPT_STORED)
        return acceptance

    def _accept(self, connection: Connection, candidate: Candidate, now: datetime) -> Acceptance:
        sql_restoring.refuse_while_behind(connection)
        for verdict, incident_id, body in _KNOWN_ALERT.rows(connection, id=candidate.alert_id):
            return Acceptance(Verdict(verdict), _ALERT.validate_json(body), _incident(connection, incident_id))
        acceptance = accept(candidate, history(connection, candidate, self._policy), now, self._policy)
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
        return await self._telling(lambda connection: self._decide(connection, incident_id, decision, once))

    def _decide(
        self,
        connection: Connection,
        incident_id: IncidentId,
        decision: Callable[[Situation], Outcome],
        once: Effect | None,
    ) -> Outcome | None:
        sql_restoring.refuse_while_behind(connection)
        if once is not None and _effect_stored(connection, once):
            return None
        incident = _incident(connection, incident_id)
        orders = _orders(connection, (incident_id,))
        outcome = decision(Situation(incident, orders, self._duties(connection)))
        _store_outcome(connection, outcome, self._clock.now())
        if once is not None:
            at = _text(self._clock.now())
            _ADD_EFFECT.run(connection, [{"consumer_group": once.group, "key": once.key, "at": at}])
        return outcome

    async def decide_together(
        self, incident_ids: Sequence[IncidentId], decision: Callable[[Sequence[Situation]], Sequence[Outcome]]
    ) -> Sequence[Outcome]:
        """See IncidentStore."""

        def work(connection: Connection) -> Sequence[Outcome]:
            sql_restoring.refuse_while_behind(connection)
            duties = self._duties(connection)
            outcomes = decision(
                [
                    Situation(_incident(connection, incident_id), _orders(connection, (incident_id,)), duties)
                    for incident_id in incident_ids
                ]
            )
            for outcome in outcomes:
                _store_outcome(connection, outcome, self._clock.now())
                if outcome.incident is not None:
                    hand_over(connection, outcome.incident)
            return outcomes

        return await self._telling(work)

    async def begin(self, outcome: Outcome) -> Incident:
        """See MaintenanceStore."""

        def work(connection: Connection) -> Incident:
            begun = outcome.incident
            assert begun is not None
            sql_restoring.refuse_while_behind(connection)
            known = _INCIDENT_BY_ID.value(connection, id=begun.id)
            if known is not None:
                return _INCIDENT.validate_json(known)
            _store_outcome(connection, outcome, self._clock.now())
            return begun

        return await self._telling(work)

    async def open_maintenance(self) -> frozenset[IncidentId]:
        """See MaintenanceStore."""
        query = select(_INCIDENTS.c.id).where(_INCIDENTS.c.is_open == 1, _IS_MAINTENANCE)
        return await self._door.read(lambda connection: frozenset(connection.execute(query).scalars()))

    async def latest_maintenance(self, closed_since: datetime) -> Sequence[Incident]:
        """See MaintenanceStore."""
        lately = or_(_INCIDENTS.c.is_open == 1, _INCIDENTS.c.closed_at >= _text(closed_since))
        query = select(_INCIDENTS.c.body).where(_IS_MAINTENANCE, lately).order_by(_INCIDENTS.c.accepted_at)
        return await self._door.read(
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
        return await self._door.read(lambda connection: sql_outbox.unpublished(connection, limit))

    async def mark_published(self, entries: Mapping[int, EntryId]) -> None:
        """See Outbox."""
        now = self._clock.now()
        await self._transaction(lambda connection: sql_outbox.mark_published(connection, entries, now))

    async def waiting(self) -> tuple[int, datetime | None]:
        """See Outbox."""
        return await self._door.read(sql_outbox.waiting)

    async def news(self, within_s: float) -> None:
        """See Outbox. Of this process at once; of others within ``LOOK_S``: SQLite can be asked, and tells nobody."""
        ends_at = self._clock.monotonic() + within_s
        while (left_s := ends_at - self._clock.monotonic()) > 0:
            if await self._clock.wait(self._told, min(left_s, LOOK_S)):
                break
            try:
                version = await self._door.read(_version)
            except StoreError:
                break
            if version != self._version:
                self._version = version
                break
        self._told.clear()

    async def unsettled(self, after: int, limit: int) -> Sequence[PublishedRow]:
        """See Outbox."""
        return await self._door.read(lambda connection: sql_outbox.unsettled(connection, after, limit))

    async def unsettled_by_stream(self) -> Mapping[str, Unsettled]:
        """See Outbox."""
        return await self._door.read(sql_outbox.unsettled_by_stream)

    async def settle(self, numbers: Sequence[int], lost: Sequence[int]) -> None:
        """See Outbox."""

        def work(connection: Connection) -> None:
            now = self._clock.now()
            sql_outbox.settle(connection, numbers, now)
            sql_outbox.publish_again(connection, lost, now)

        await (self._telling(work) if lost else self._transaction(work))

    async def open_ledger(self) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            open_ids = select(_INCIDENTS.c.id).where(_INCIDENTS.c.is_open == 1)
            return Ledger(_open_incidents(connection), _orders(connection, open_ids), self._duties(connection))

        return await self._door.read(work)

    async def latest_closed(self, limit: int) -> Ledger:
        """See IncidentReader."""

        def work(connection: Connection) -> Ledger:
            incidents = _closed_incidents(connection, limit)
            return Ledger(incidents, _orders(connection, [i.id for i in incidents]), ())

        return await self._door.read(work)

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
        return await self._door.read(
            lambda connection: Totals(
                alerts_accepted=connection.execute(select(func.count()).select_from(_ALERTS)).scalar_one(),
                alerts_delivered=connection.execute(delivered).scalar_one(),
                alerts_acknowledged=connection.execute(
                    select(func.count()).select_from(_ALERTS).where(_ALERTS.c.acknowledged_at.is_not(None))
                ).scalar_one(),
            )
        )


def _version(connection: Connection) -> int:
    """Another one whenever another connection than ours has committed something."""
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


def _effect_stored(connection: Connection, effect: Effect) -> bool:
    return _EFFECT_BY_KEY.value(connection, group=effect.group, of=effect.key) is not None


def _incident(connection: Connection, incident_id: IncidentId) -> Incident:
    body = _INCIDENT_BY_ID.value(connection, id=incident_id)
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
        **whereabouts(incident),
        body=_INCIDENT.dump_json(incident).decode(),
    )


def _store_alert(connection: Connection, alert: Alert, verdict: Verdict) -> None:
    row = {
        "id": alert.id,
        "incident_id": alert.incident_id,
        "fingerprint": alert.fingerprint,
        "accepted_at": _text(alert.accepted_at),
        "verdict": verdict.value,
        "body": _ALERT.dump_json(alert).decode(),
    }
    _ADD_ALERT.run(connection, [row])


def _put(connection: Connection, table: Table, **values: Any) -> None:
    """Insert the row, or bring the one with its primary key up to date."""
    _putting(table, tuple(values)).run(connection, [values])


@functools.cache
def _putting(table: Table, names: tuple[str, ...]) -> Prepared:
    key = [column.name for column in table.primary_key]
    statement = upsert(table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    return Prepared(statement.on_conflict_do_update(index_elements=key, set_=changed), *names)


def _text(at: datetime) -> str:
    # One fixed form in UTC: text sorts as time does.
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
