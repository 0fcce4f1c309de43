"""Opening the database: SQLite in the one way that keeps what it has committed, and the tables that are missing."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Index, Table, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateColumn, CreateIndex

from patrol.adapters import refusals, sql_outbox, sql_version
from patrol.adapters.sql_outbox import INDICES, METADATA, OUTBOX
from patrol.domain.errors import ConfigError, ConfigProblem, StoreFailure

# How long one call waits for another process that holds the database locked. An alert may stand behind one other write
# that waits so, and the room must hear within 5 s that it is kept aside.
BUSY_S = 1.5
LOOK_AGAIN_S = 0.0005  # whether it holds it still
READS_ONLY = "reads_only"
"""Execution option: such a transaction takes no lock, sees one state of the database, and waits for no writer."""
IS_LASTING = "is_lasting"
"""Execution option, True by default: a transaction is committed once it is on the disk. Without, a power cut may undo
it, a kill does not; it is on the disk with the next one that is lasting (SQLite's ``synchronous`` in WAL mode)."""


def engine_of(address: str) -> Engine:
    """The database at an address; nothing is opened yet. Raises ConfigError for another one than SQLite in a file."""
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

    @event.listens_for(engine, "do_connect")
    def own(*_: Any) -> None:
        _make_for_nobody_else(Path(str(url.database)))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver would begin transactions late and on its own; we begin them ourselves, below.
        connection.isolation_level = None
        # The first process to open a new database changes this; for others who do, too, SQLite does not wait.
        _in_turn(connection, "PRAGMA journal_mode=WAL")
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options, cursor = connection.get_execution_options(), connection.connection.cursor()
        if options.get(READS_ONLY, False):
            cursor.execute("BEGIN")
            return
        cursor.execute(f"PRAGMA synchronous={'FULL' if options.get(IS_LASTING, True) else 'NORMAL'}")
        # IMMEDIATE: what a decision has read cannot change under it, also by another process.
        _in_turn(cursor, "BEGIN IMMEDIATE")

    return engine


def _make_for_nobody_else(file: Path) -> None:
    """Who may sign in, and what everybody did, is for Patrol's own user; SQLite gives its other files the same mode.

    A file that is there keeps the mode that somebody gave it. Where none can be made, SQLite says why.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _in_turn(connection: Any, statement: str) -> None:
    """Wait for another process that writes, at most ``BUSY_S``, and look often. For a connection or a cursor.

    SQLite looks ever more seldom, down to ten times a second: beside a process that writes without a pause it hardly
    ever came to it. Accepting 1,000 alerts a second, one kept the relay from marking more than 200.
    """
    ends_at = time.monotonic() + BUSY_S
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                if refusals.of_sqlite(error) is not StoreFailure.BUSY or time.monotonic() >= ends_at:
                    raise
                time.sleep(LOOK_AGAIN_S)
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")


def make_what_is_missing(connection: Connection, *indices: Index) -> None:
    """Tables first, then columns that came later: what is there already is never changed."""
    METADATA.create_all(connection)
    notes_places = "settled_at" in _columns(connection, OUTBOX)
    for table in METADATA.sorted_tables:
        there = _columns(connection, table)
        for column in table.columns:
            if column.name not in there:
                definition = CreateColumn(column).compile(connection)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
    for index in (*INDICES, *indices):
        connection.execute(CreateIndex(index, if_not_exists=True))
    if not notes_places:
        sql_outbox.settle_all_published(connection, datetime.now(UTC))
    sql_version.note(connection)


def _columns(connection: Connection, table: Table) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table.name)}
