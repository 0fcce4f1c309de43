"""In SQL: what people's feedback says of the rules whose alerts led to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, distinct, func, select

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_tables import ALERTS, INCIDENTS
from patrol.adapters.sql_times import text_of
from patrol.domain.events import IncidentClass, Kind
from patrol.domain.feedback import RULE
from patrol.domain.incidents import Disposition
from patrol.domain.precision import RIGHT, WRONG, Precision
from patrol.domain.vocabulary import CameraId, RuleId


class SqlJudgements:
    """Judgements in the database of a SqlStore."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def judged(self, since: datetime, until: datetime) -> Sequence[Precision]:
        """See Judgements."""
        return await self._store.read(lambda connection: _judged(connection, since, until))


def _judged(connection: Connection, since: datetime, until: datetime) -> list[Precision]:
    camera, rule, kind = (func.json_extract(ALERTS.c.body, f"$.{name}") for name in ("camera_id", "rule_id", "kind"))
    query = (
        select(camera, rule, kind, _how_many(RIGHT), _how_many(WRONG))
        .select_from(INCIDENTS)
        .join(ALERTS, ALERTS.c.incident_id == INCIDENTS.c.id)
        .where(
            INCIDENTS.c.is_open == 0,
            INCIDENTS.c.closed_at >= text_of(since),
            INCIDENTS.c.closed_at < text_of(until),
            INCIDENTS.c["class"] == IncidentClass.SECURITY.value,
            func.json_extract(INCIDENTS.c.body, "$.closed_by") != RULE,  # nobody looked
        )
        .group_by(camera, rule, kind)
    )
    return [
        Precision(CameraId(camera_id), RuleId(rule_id), Kind(told_as), right, wrong)
        for camera_id, rule_id, told_as, right, wrong in connection.execute(query)
        if right or wrong
    ]


def _how_many(dispositions: Collection[Disposition]) -> ColumnElement[Any]:
    """How many incidents were closed so: once each, however many of its alerts a rule told."""
    was_so = func.json_extract(INCIDENTS.c.body, "$.disposition").in_([each.value for each in sorted(dispositions)])
    return func.count(distinct(case((was_so, INCIDENTS.c.id))))
