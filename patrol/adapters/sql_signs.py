"""Signs of life in the store: heartbeats, and the auditor's last look. One row each, overwritten: nothing grows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, String, Table, Text, delete, func, select

from patrol.adapters import sql_outbox, sql_restoring
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_outbox import METADATA, OUTBOX
from patrol.adapters.sql_prepared import put
from patrol.adapters.sql_times import text_of
from patrol.domain.auditing import Audit
from patrol.domain.heartbeats import EVERY_S, Arrival, Heartbeat, is_news
from patrol.domain.messages import HEARTBEAT_STREAM, heartbeat_message

_SIGNS = Table(
    "signs",
    METADATA,
    Column("name", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("body", Text, nullable=False),
)
_SENT = "heartbeat sent"
_AUDITOR = "auditor"

_HEARTBEAT = TypeAdapter(Heartbeat)
_ARRIVAL = TypeAdapter(Arrival)
_AUDIT = TypeAdapter(Audit)


class SqlSigns:
    """Heartbeats and Audits in the database of a SqlStore, whose ``open`` makes the table."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def beat(self, heartbeat_id: str, now: datetime) -> bool:
        """See Heartbeats."""
        return await self._store.within(lambda connection: _beat(connection, heartbeat_id, now))

    async def arrive(self, group: str, heartbeat: Heartbeat, at: datetime) -> bool:
        """See Heartbeats."""

        def work(connection: Connection) -> bool:
            if not is_news(heartbeat, _arrival(connection, group), at):
                return False
            _sign(connection, _arrived(group), at, _ARRIVAL, Arrival(heartbeat, at))
            return True

        return await self._store.within(work)

    async def newest(self, group: str) -> Arrival | None:
        """See Heartbeats."""
        return await self._store.read(lambda connection: _arrival(connection, group))

    async def keep_audit(self, audit: Audit) -> None:
        """See Audits."""
        await self._store.within(lambda connection: _sign(connection, _AUDITOR, audit.at, _AUDIT, audit))

    async def latest_audit(self) -> Audit | None:
        """See Audits."""
        body = await self._store.read(lambda connection: _body(connection, _AUDITOR))
        return _AUDIT.validate_json(body) if body else None


def _beat(connection: Connection, heartbeat_id: str, now: datetime) -> bool:
    sql_restoring.refuse_while_behind(connection)  # its number is how that is seen
    of_heartbeats = OUTBOX.c.stream == HEARTBEAT_STREAM
    connection.execute(delete(OUTBOX).where(of_heartbeats, OUTBOX.c.published_at.is_not(None)))
    if connection.execute(select(func.count()).select_from(OUTBOX).where(of_heartbeats)).scalar_one():
        return False
    body = _body(connection, _SENT)
    last = _HEARTBEAT.validate_json(body) if body else None
    if last is not None and 0.0 <= (now - last.sent_at).total_seconds() < EVERY_S / 2:
        return False
    heartbeat = Heartbeat(heartbeat_id, last.number + 1 if last else 1, now)
    _sign(connection, _SENT, now, _HEARTBEAT, heartbeat)
    sql_outbox.add(connection, (heartbeat_message(heartbeat),), now)
    return True


def _arrived(group: str) -> str:
    return f"heartbeat arrived: {group}"


def _arrival(connection: Connection, group: str) -> Arrival | None:
    body = _body(connection, _arrived(group))
    return _ARRIVAL.validate_json(body) if body else None


def _body(connection: Connection, name: str) -> str | None:
    body: str | None = connection.execute(select(_SIGNS.c.body).where(_SIGNS.c.name == name)).scalar()
    return body


def _sign(connection: Connection, name: str, at: datetime, values: TypeAdapter[Any], value: object) -> None:
    put(connection, _SIGNS, name=name, at=text_of(at), body=values.dump_json(value).decode())


def sent_heartbeat(connection: Connection) -> tuple[int, datetime | None]:
    """The number of the newest heartbeat that was begun here, and when; 0 and None before the first."""
    body = _body(connection, _SENT)
    last = _HEARTBEAT.validate_json(body) if body else None
    return (last.number, last.sent_at) if last else (0, None)


def went_on_from(connection: Connection, number: int) -> None:
    """The next heartbeat gets a number above this one."""
    body = _body(connection, _SENT)
    last = _HEARTBEAT.validate_json(body) if body else Heartbeat("restored", 0, datetime.fromtimestamp(0, UTC))
    if number > last.number:
        _sign(connection, _SENT, last.sent_at, _HEARTBEAT, replace(last, number=number))
