"""The outbox in SQL: messages that were decided on, from the transaction that made them until nobody needs them.

waiting (``published_at`` null) → published, with its place in the stream → settled. What the queue has lost waits
again. The functions work inside a transaction of the store's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
    func,
    insert,
    select,
    update,
)

from patrol.domain.messages import ORDER_STREAMS, RED_STREAM, Message
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
    Column("published_at", String, index=True),
    # Where it lies in its stream: the two halves of the entry's id.
    Column("entry_ms", Integer),
    Column("entry_number", Integer),
    Column("settled_at", String),
    UniqueConstraint("stream", "message_id"),
)
URGENT_STREAMS = (RED_STREAM, *ORDER_STREAMS)
# Nearly all rows are settled: what is not is found without passing them.
_WAITS = OUTBOX.c.published_at.is_(None)
_IS_UNSETTLED = OUTBOX.c.published_at.is_not(None) & OUTBOX.c.settled_at.is_(None)
INDICES = (
    Index("outbox_waiting", OUTBOX.c.number, sqlite_where=_WAITS),
    Index("outbox_waiting_by_stream", OUTBOX.c.stream, OUTBOX.c.number, sqlite_where=_WAITS),
    Index("outbox_unsettled", OUTBOX.c.number, sqlite_where=_IS_UNSETTLED),
)


def add(connection: Connection, messages: Sequence[Message], now: datetime) -> None:
    """These wait from now on."""
    for message in messages:
        connection.execute(
            insert(OUTBOX).values(
                stream=message.stream, message_id=message.id, body=message.body, created_at=_text(now)
            )
        )


def unpublished(connection: Connection, limit: int) -> list[OutboxRow]:
    """See Outbox."""
    waits, is_urgent = select(OUTBOX).where(_WAITS), OUTBOX.c.stream.in_(URGENT_STREAMS)
    urgent = connection.execute(waits.where(is_urgent).order_by(OUTBOX.c.number).limit(limit)).all()
    others = waits.where(~is_urgent).order_by(OUTBOX.c.number).limit(limit - len(urgent))
    rows = (*urgent, *(connection.execute(others).all() if len(urgent) < limit else ()))
    return [OutboxRow(row.number, _message(row), datetime.fromisoformat(row.created_at)) for row in rows]


def mark_published(connection: Connection, entries: Mapping[int, EntryId], now: datetime) -> None:
    """See Outbox."""
    statement = (
        update(OUTBOX)
        .where(OUTBOX.c.number == bindparam("of"))
        .values(published_at=_text(now), entry_ms=bindparam("ms"), entry_number=bindparam("within"))
    )
    _for_each(
        connection, statement, [{"of": number, "ms": at.ms, "within": at.number} for number, at in entries.items()]
    )


def waiting(connection: Connection) -> tuple[int, datetime | None]:
    """See Outbox."""
    count, oldest = connection.execute(select(func.count(), func.min(OUTBOX.c.created_at)).where(_WAITS)).one()
    return int(count), datetime.fromisoformat(oldest) if oldest else None


def unsettled(connection: Connection, after: int, limit: int) -> list[PublishedRow]:
    """See Outbox."""
    query = select(OUTBOX).where(_IS_UNSETTLED, OUTBOX.c.number > after).order_by(OUTBOX.c.number).limit(limit)
    return [
        PublishedRow(
            row.number, _message(row), None if row.entry_ms is None else EntryId(row.entry_ms, row.entry_number)
        )
        for row in connection.execute(query)
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
    statement = update(OUTBOX).where(OUTBOX.c.number == bindparam("of")).values(settled_at=_text(now))
    _for_each(connection, statement, [{"of": number} for number in numbers])


def publish_again(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    """See Outbox. They wait since now: how long ago they were first told is in the messages."""
    statement = (
        update(OUTBOX)
        .where(OUTBOX.c.number == bindparam("of"), _IS_UNSETTLED)
        .values(published_at=None, entry_ms=None, entry_number=None, created_at=_text(now))
    )
    _for_each(connection, statement, [{"of": number} for number in numbers])


def settle_all_published(connection: Connection, now: datetime) -> None:
    """What a program published that noted no places: nobody can tell any more whether the queue still has it."""
    connection.execute(update(OUTBOX).where(_IS_UNSETTLED).values(settled_at=_text(now)))


def _for_each(connection: Connection, statement: Any, values: Sequence[Mapping[str, Any]]) -> None:
    if values:
        connection.execute(statement, list(values))


def _message(row: Any) -> Message:
    return Message(row.stream, row.message_id, row.body)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
