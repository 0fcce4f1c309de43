"""Statements of the hot path, compiled once and run by the driver itself.

They are written like all others, and do the same: but what the library does around a statement each time takes several
times as long as SQLite does, and an alert is eight of them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.sql.expression import ClauseElement

_DIALECT = sqlite.dialect()
_Values = Mapping[str, Any]


class Prepared:
    """One statement. ``columns``: of an insert, those it is given. Every call raises sqlite3.Error."""

    def __init__(self, statement: ClauseElement, *columns: str) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT, column_keys=list(columns) or None)
        self._text = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup)
        self._fixed: _Values = {name: value for name, value in compiled.params.items() if value is not None}

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All rows it finds."""
        found: list[tuple[Any, ...]] = self._cursor(connection).execute(self._text, self._ordered(values)).fetchall()
        return found

    def value(self, connection: Connection, **values: Any) -> Any:
        """The first value of the first row; None where there is none."""
        rows = self.rows(connection, **values)
        return rows[0][0] if rows else None

    def changed(self, connection: Connection, **values: Any) -> int:
        """How many rows it changed."""
        return int(self._cursor(connection).execute(self._text, self._ordered(values)).rowcount)

    def run(self, connection: Connection, rows: Sequence[_Values]) -> None:
        """Once for each of these."""
        if rows:
            self._cursor(connection).executemany(self._text, [self._ordered(row) for row in rows])

    def _cursor(self, connection: Connection) -> Any:
        return connection.connection.cursor()

    def _ordered(self, values: _Values) -> tuple[Any, ...]:
        return tuple([values[name] if name in values else self._fixed[name] for name in self._names])


def put(connection: Connection, table: Table, **values: Any) -> None:
    """Insert the row, or bring the one with its primary key up to date."""
    _putting(table, tuple(values)).run(connection, [values])


@functools.cache
def _putting(table: Table, names: tuple[str, ...]) -> Prepared:
    key = [column.name for column in table.primary_key]
    statement = upsert(table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    return Prepared(statement.on_conflict_do_update(index_elements=key, set_=changed), *names)
