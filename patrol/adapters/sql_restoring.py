"""That the database was put back to an older state: until it is brought up to date, nothing is decided on it."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, Integer, String, Table, Text, delete, insert, literal_column, select
from sqlalchemy.dialects.sqlite import insert as upsert

from patrol.adapters.sql_outbox import METADATA
from patrol.adapters.sql_prepared import Prepared
from patrol.domain.errors import StoreError, StoreFailure
from patrol.domain.restoring import Reached, Restoration

# One row while it is behind: how far the queue has seen it come.
_BEHIND = Table(
    "behind",
    METADATA,
    Column("position", Integer, primary_key=True),
    Column("heartbeat", Integer, nullable=False),
)
_RESTORATIONS = Table(
    "restorations",
    METADATA,
    Column("at", String, primary_key=True),
    Column("body", Text, nullable=False),
)
_RESTORATION = TypeAdapter(Restoration)
_FARTHEST = Prepared(
    select(_BEHIND.c.position, _BEHIND.c.heartbeat).order_by(_BEHIND.c.position.desc()).limit(literal_column("1"))
)


def refuse_while_behind(connection: Connection) -> None:
    """Raises StoreError while the database is older than what the queue says."""
    if behind(connection) is not None:
        raise StoreError(
            "database: it is older than the queue's messages (a backup was put back?); nothing is decided until the"
            " relay has brought it up to date",
            StoreFailure.BEHIND,
        )


def behind(connection: Connection) -> Reached | None:
    """How far the queue has seen it come, while the database is behind."""
    rows = _FARTHEST.rows(connection)  # asked before every decision
    return Reached(*rows[0]) if rows else None


def note_behind(connection: Connection, seen: Reached) -> None:
    """It is behind from now on."""
    row = upsert(_BEHIND).values(position=seen.position, heartbeat=seen.heartbeat)
    connection.execute(row.on_conflict_do_nothing())


def note_restored(connection: Connection, restoration: Restoration, at: str) -> None:
    """It is up to date again; that it was not stays on record."""
    connection.execute(delete(_BEHIND))
    connection.execute(insert(_RESTORATIONS).values(at=at, body=_RESTORATION.dump_json(restoration).decode()))


def latest_restoration(connection: Connection) -> Restoration | None:
    """The last time a backup was put back."""
    body = connection.execute(select(_RESTORATIONS.c.body).order_by(_RESTORATIONS.c.at.desc()).limit(1)).scalar()
    return _RESTORATION.validate_json(body) if body else None
