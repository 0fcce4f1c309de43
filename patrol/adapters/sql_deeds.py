"""What people did, in the same database: what is not noted with a decision, and what can be read of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_rows import store_deed
from patrol.adapters.sql_tables import DEEDS
from patrol.adapters.sql_times import time_of
from patrol.domain.deeds import NOT_KNOWN, Action, Asking, Deed
from patrol.ports import Clock


class SqlDeeds:
    """DeedLog in the database of a SqlStore."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def note(self, who: str, action: Action, subject: str, detail: str = "", asking: Asking = NOT_KNOWN) -> int:
        """See DeedLog."""
        deed = Deed(self._clock.now(), who, action, subject, detail, asking.source, asking.request)

        def keep(connection: Connection) -> int:
            store_deed(connection, deed)
            number: int = connection.execute(select(func.max(DEEDS.c.number))).scalar_one()  # nobody else writes now
            return number

        return await self._store.within(keep)

    async def came_of(self, number: int, led_to: str) -> None:
        """See DeedLog."""
        said = update(DEEDS).where(DEEDS.c.number == number).values(led_to=led_to)
        await self._store.within(lambda connection: connection.execute(said))

    async def latest(self, limit: int, before: int | None = None) -> Sequence[tuple[int, Deed]]:
        """See DeedLog."""
        query = select(DEEDS).order_by(DEEDS.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(DEEDS.c.number < before)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [(row.number, deed_in(row)) for row in rows]

    async def done(self, who: str, request: str) -> Deed | None:
        """See DeedLog."""
        query = select(DEEDS).where(DEEDS.c.who == who, DEEDS.c.request == request, DEEDS.c.request != "")
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else deed_in(row)


def deed_in(row: Row[Any]) -> Deed:
    """What is stored as this row."""
    said = row.subject, row.detail, row.source, row.request, row.led_to
    return Deed(time_of(row.at), row.who, Action(row.action), *said)
