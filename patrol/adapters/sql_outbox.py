"""The outbox in SQL: messages that were decided on, from the transaction that made them until nobody needs them.

waiting (``published_at`` null) → published, with its place in the stream → settled. What the queue has lost waits
again. The functions work inside a transaction of the store's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from patrol.adapters.sql_prepared import Prepared
from patrol.adapters.sql_times import text_of
from patrol.domain.messages import HEARTBEAT_STREAM, ORDER_STREAMS, RED_STREAM, Message
from patrol.domain.streams import EntryId, PublishedRow, Unsettled
from patrol.ports import OutboxRow

METADATA = MetaData()
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("stream", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", String, nullable=False),
    Column("published_at", String),
    # Where it lies in its stream: the two halves of the entry's id.
    Column("entry_ms", Integer),
    Column("entry_number", Integer),
    Column("settled_at", String),
    UniqueConstraint("stream", "message_id"),
)
# Nearly all rows are settled: what is not is found without passing them.
_WAITS = OUTBOX.c.published_at.is_(None)
_IS_UNSETTLED = OUTBOX.c.published_at.is_not(None) & OUTBOX.c.settled_at.is_(None)
INDICES = (
    Index("outbox_waiting", OUTBOX.c.number, sqlite_where=_WAITS),
    Index("outbox_unsettled", OUTBOX.c.number, sqlite_where=_IS_UNSETTLED),
    # By stream, how many and since when: else SQLite reads the whole table in the order of its streams.
    Index("outbox_unsettled_of", OUTBOX.c.stream, OUTBOX.c.entry_ms, sqlite_where=_IS_UNSETTLED),
)
_ADD = Prepared(insert(OUTBOX), "stream", "message_id", "body", "created_at")
_WAITING = (
    select(OUTBOX.c.number, OUTBOX.c.stream, OUTBOX.c.message_id, OUTBOX.c.body, OUTBOX.c.created_at)
    .where(_WAITS)
    .order_by(OUTBOX.c.number)
    .limit(bindparam("most"))
)
# Red alerts, and orders: few, and given out before all others. "+" keeps SQLite from going by the stream, of which
# all that ever was would be passed: of what waits there are a few.
_IS_URGENT = literal_column("+stream").in_([literal_column(f"'{stream}'") for stream in (RED_STREAM, *ORDER_STREAMS)])
_URGENT, _OTHERS = Prepared(_WAITING.where(_IS_URGENT)), Prepared(_WAITING.where(~_IS_URGENT))
_PLACED = (
    OUTBOX.c.number,
    OUTBOX.c.stream,
    OUTBOX.c.message_id,
    OUTBOX.c.body,
    OUTBOX.c.entry_ms,
    OUTBOX.c.entry_number,
)
_UNSETTLED = Prepared(
    select(*_PLACED)
    .where(_IS_UNSETTLED, OUTBOX.c.number > bindparam("after"))
    .order_by(OUTBOX.c.number)
    .limit(bindparam("most"))
)
_PUBLISHED = Prepared(
    update(OUTBOX)
    .where(OUTBOX.c.number == bindparam("of"))
    .values(published_at=bindparam("at"), entry_ms=bindparam("ms"), entry_number=bindparam("within"))
)
_SETTLED = Prepared(update(OUTBOX).where(OUTBOX.c.number == bindparam("of")).values(settled_at=bindparam("at")))


def add(connection: Connection, messages: Sequence[Message], now: datetime) -> None:
    """These wait from now on."""
    at = text_of(now)
    rows = [
        {"stream": message.stream, "message_id": message.id, "body": message.body, "created_at": at}
        for message in messages
    ]
    _ADD.run(connection, rows)


def unpublished(connection: Connection, limit: int) -> list[OutboxRow]:
    """See Outbox."""
    urgent = _URGENT.rows(connection, most=limit)
    left = limit - len(urgent)
    rows = [*urgent, *(_OTHERS.rows(connection, most=left) if left > 0 else ())]
    return [
        OutboxRow(number, Message(stream, key, body), datetime.fromisoformat(created_at))
        for number, stream, key, body, created_at in rows
    ]


def mark_published(connection: Connection, entries: Mapping[int, EntryId], now: datetime) -> None:
    """See Outbox."""
    now_text = text_of(now)
    rows = [{"of": number, "at": now_text, "ms": at.ms, "within": at.number} for number, at in entries.items()]
    _PUBLISHED.run(connection, rows)


def waiting(connection: Connection) -> tuple[int, datetime | None]:
    """See Outbox."""
    count, oldest = connection.execute(select(func.count(), func.min(OUTBOX.c.created_at)).where(_WAITS)).one()
    return int(count), datetime.fromisoformat(oldest) if oldest else None


def unsettled(connection: Connection, after: int, limit: int) -> list[PublishedRow]:
    """See Outbox."""
    return [
        PublishedRow(number, Message(stream, key, body), None if ms is None else EntryId(ms, within))
        for number, stream, key, body, ms, within in _UNSETTLED.rows(connection, after=after, most=limit)
    ]


def unsettled_by_stream(connection: Connection) -> dict[str, Unsettled]:
    """See Outbox."""
    query = (
        select(OUTBOX.c.stream, func.count(), func.min(OUTBOX.c.entry_ms))
        .where(_IS_UNSETTLED)
        .group_by(OUTBOX.c.stream)
    )
    return {stream: Unsettled(count, oldest_ms) for stream, count, oldest_ms in connection.execute(query)}


def settle(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    """See Outbox."""
    at = text_of(now)
    _SETTLED.run(connection, [{"of": number, "at": at} for number in numbers])


def publish_again(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    """See Outbox. They wait since now: how long ago they were first told is in the messages."""
    statement = (
        update(OUTBOX)
        .where(OUTBOX.c.number == bindparam("of"), _IS_UNSETTLED)
        .values(published_at=None, entry_ms=None, entry_number=None, created_at=text_of(now))
    )
    _for_each(connection, statement, [{"of": number} for number in numbers])


def settle_all_published(connection: Connection, now: datetime) -> None:
    """What a program published that noted no places: nobody can tell any more whether the queue still has it."""
    connection.execute(update(OUTBOX).where(_IS_UNSETTLED).values(settled_at=text_of(now)))


def position(connection: Connection) -> int:
    """The number of the newest message; heartbeats do not count, since they are forgotten."""
    query = select(OUTBOX.c.number).where(OUTBOX.c.stream != HEARTBEAT_STREAM).order_by(OUTBOX.c.number.desc()).limit(1)
    return int(connection.execute(query).scalar() or 0)


def go_on_from(connection: Connection, number: int, now: datetime) -> None:
    """The next message gets a number above this one: a row that is no message holds its place."""
    if number > position(connection):
        at = text_of(now)
        connection.execute(delete(OUTBOX).where(OUTBOX.c.number == number))  # a heartbeat's
        row = {"number": number, "stream": "patrol:restored", "message_id": str(number), "body": "", "created_at": at}
        connection.execute(insert(OUTBOX).values(**row, published_at=at, settled_at=at))


def _for_each(connection: Connection, statement: Any, values: Sequence[Mapping[str, Any]]) -> None:
    if values:
        connection.execute(statement, list(values))
