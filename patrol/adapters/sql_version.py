"""The version of the database's layout, so that a program never writes into one that it does not understand.

Additions (a column with a default, a table, a field in a body) do not change it: older programs go on beside newer
ones, and leave alone what they do not know. What an older program would break does: then it refuses, loudly, also
in the middle of an upgrade, until it is replaced. SQLite keeps the number in the file's head (``user_version``).
"""

from __future__ import annotations

from sqlalchemy import Connection

from patrol.domain.errors import StoreError, StoreFailure

# 2: units return and go off duty, orders are doubted; there are accounts: programs before know nothing of these, and
# would let anybody in.
LAYOUT = 2


def check(connection: Connection) -> None:
    """Raises StoreError where a newer program has changed the layout. A database without a number is an older one."""
    found = _found(connection)
    if found > LAYOUT:
        raise StoreError(
            f"database: its layout is {found}, of a newer version of Patrol; this one knows {LAYOUT}"
            " and leaves it alone: start the newer version",
            StoreFailure.TOO_NEW,
        )


def note(connection: Connection) -> None:
    """The layout is this program's from now on."""
    if _found(connection) < LAYOUT:
        connection.exec_driver_sql(f"PRAGMA user_version={LAYOUT}")


def _found(connection: Connection) -> int:
    # By the driver itself: it is asked before everything.
    return int(connection.connection.cursor().execute("PRAGMA user_version").fetchone()[0])
