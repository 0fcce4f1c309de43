"""What units do and where they are, in the same database; and who changed what of it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, String, Table, insert

from patrol.adapters import sql_restoring
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_outbox import METADATA
from patrol.adapters.sql_prepared import put
from patrol.adapters.sql_rows import store_deed
from patrol.adapters.sql_tables import DUTIES, DUTY_JSON
from patrol.adapters.sql_times import text_of
from patrol.domain.deeds import Deed
from patrol.domain.dispatch import Duty
from patrol.domain.units import UnitId

UNIT_CHANGES = Table(
    "unit_changes",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("unit_id", String, nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    Column("who", String, nullable=False),
    Column("why", String, nullable=False),
)


class SqlDuties:
    """DutyStore over the same database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def all_duties(self) -> Sequence[Duty]:
        """See DutyStore."""
        return await self._store.read(self._store.duties)

    async def place(self, decision: Callable[[Mapping[UnitId, Duty]], Sequence[Duty]]) -> None:
        """See DutyStore. What a unit does is read and written in one transaction: no decision of others is undone."""

        def work(connection: Connection) -> None:
            there = {duty.unit.id: duty for duty in self._store.duties(connection)}
            for placed in decision(there):
                _put(connection, there[placed.unit.id].placed_as(placed))

        await self._store.fleeting(work)

    async def change(
        self,
        decision: Callable[[Sequence[Duty]], Sequence[Duty]],
        who: str,
        why: str,
        at: datetime,
        deed: Deed | None = None,
    ) -> Sequence[Duty]:
        """See DutyStore."""

        def work(connection: Connection) -> Sequence[Duty]:
            sql_restoring.refuse_while_behind(connection)
            there = self._store.duties(connection)
            changed = decision(there)
            before = {duty.unit.id: duty.state for duty in there}
            for duty in changed:
                _put(connection, duty)
                if duty.state is not before[duty.unit.id]:
                    row = {
                        "unit_id": duty.unit.id,
                        "at": text_of(at),
                        "before": before[duty.unit.id].value,
                        "after": duty.state.value,
                        "who": who,
                        "why": why,
                    }
                    connection.execute(insert(UNIT_CHANGES), [row])
            if deed is not None:
                store_deed(connection, deed)
            return changed

        return await self._store.within(work)


def _put(connection: Connection, duty: Duty) -> None:
    put(connection, DUTIES, unit_id=duty.unit.id, body=DUTY_JSON.dump_json(duty).decode())
