"""In SQL: where incidents were, counted by squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Integer, cast, func, select

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_history import METRES_A_DEGREE
from patrol.adapters.sql_tables import INCIDENTS
from patrol.adapters.sql_times import text_of
from patrol.domain.events import IncidentClass, Level
from patrol.domain.heat import CELL_M, MOST_CELLS, HeatCell
from patrol.domain.incidents import Disposition
from patrol.domain.vocabulary import Place


class SqlHeat:
    """HeatSource in the database of a SqlStore. ``simulated``: whether simulated incidents are what there is."""

    def __init__(self, store: SqlStore, centre: Place, *, simulated: bool) -> None:
        self._store = store
        self._simulated = simulated
        self._north = CELL_M / METRES_A_DEGREE
        self._east = self._north / max(0.01, math.cos(math.radians(centre.latitude)))

    async def cells(self, since: datetime, least: Level | None) -> Sequence[HeatCell]:
        """See HeatSource."""
        return await self._store.read(lambda connection: self._cells(connection, since, least))

    def _cells(self, connection: Connection, since: datetime, least: Level | None) -> list[HeatCell]:
        place, of = INCIDENTS.c, func.json_extract
        row = cast(func.round(place.latitude / self._north), Integer)
        column = cast(func.round(place.longitude / self._east), Integer)
        how_many = func.count()
        query = (
            select(func.avg(place.latitude), func.avg(place.longitude), how_many)
            .where(
                place.accepted_at >= text_of(since),
                place["class"] == IncidentClass.SECURITY.value,
                place.latitude.is_not(None),
                of(place.body, "$.merged_into").is_(None),
                func.coalesce(of(place.body, "$.drill"), 0) == 0,
                func.coalesce(of(place.body, "$.disposition"), "") != Disposition.FALSE_ALARM.value,
            )
            .group_by(row, column)
            .order_by(how_many.desc())
            .limit(MOST_CELLS)
        )
        if not self._simulated:
            query = query.where(of(place.body, "$.simulated") == 0)
        if least is not None:
            levels = [level.value for level in Level if level.rank <= least.rank]
            query = query.where(of(place.body, "$.level").in_(levels))
        return [HeatCell(Place(latitude, longitude), n) for latitude, longitude, n in connection.execute(query)]
