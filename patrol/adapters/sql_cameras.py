"""How long cameras were unseen, in the same database: one row for each camera and ten minutes, of some days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, Float, Integer, String, Table, Text, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_outbox import METADATA
from patrol.adapters.sql_prepared import Prepared, put
from patrol.domain.camera import CameraId
from patrol.domain.camera_history import SPAN, CameraSpan, together
from patrol.domain.camera_overview import Worst
from patrol.domain.errors import CaptureFailure

_SPANS = Table(
    "camera_spans",
    METADATA,
    Column("camera_id", String, primary_key=True),
    Column("span", Integer, primary_key=True, autoincrement=False),  # whole spans since 1970, UTC
    Column("blind_age_s", Float, nullable=False),
    Column("bound_s", Float, nullable=False),
    Column("stretch", Float, nullable=False),
    Column("visits", Integer, nullable=False),
    Column("failures", Text, nullable=False),  # {"timed_out": 3}; empty for none
    sqlite_with_rowid=False,  # a camera's rows lie together: they are read together
)
_COLUMNS = [column.name for column in _SPANS.columns]
_ADD = Prepared(insert(_SPANS).on_conflict_do_nothing(), *_COLUMNS)
_OF_CAMERA = _SPANS.c.camera_id == bindparam("of")
_ONE = Prepared(select(_SPANS).where(_OF_CAMERA, _SPANS.c.span == bindparam("at")))
_SINCE = Prepared(select(_SPANS).where(_OF_CAMERA, _SPANS.c.span >= bindparam("since")).order_by(_SPANS.c.span))
_WORST = Prepared(
    select(_SPANS.c.blind_age_s, _SPANS.c.bound_s)
    .where(_OF_CAMERA, _SPANS.c.span >= bindparam("since"))
    .order_by((_SPANS.c.blind_age_s / _SPANS.c.bound_s).desc())
    .limit(1)
)
_FORGET = Prepared(delete(_SPANS).where(_OF_CAMERA, _SPANS.c.span < bindparam("before")))
_FORGET_ALL = Prepared(delete(_SPANS).where(_SPANS.c.span < bindparam("before")))

_FAILURES = TypeAdapter(dict[CaptureFailure, int])


class SqlCameraHistory:
    """CameraHistory in the database of a SqlStore, whose ``open`` makes the table. A power cut may undo the last."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._has_cleared = False  # what is left of cameras that are not configured any more

    async def keep(self, spans: Sequence[CameraSpan], before: datetime) -> None:
        """See CameraHistory."""
        await self._store.fleeting(lambda connection: self._keep(connection, spans, _number(before)))
        self._has_cleared = True

    def _keep(self, connection: Connection, spans: Sequence[CameraSpan], before: int) -> None:
        if not self._has_cleared:
            _FORGET_ALL.changed(connection, before=before)
        for span in spans:
            if not _ADD.changed(connection, **_row(span)):
                (known,) = _ONE.rows(connection, of=span.camera_id, at=_number(span.began_at))
                put(connection, _SPANS, **_row(together(_span(known), span)))
        _FORGET.run(connection, [{"of": span.camera_id, "before": before} for span in spans])

    async def spans(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSpan]:
        """See CameraHistory."""
        number = _first(since)
        rows = await self._store.read(lambda connection: _SINCE.rows(connection, of=camera_id, since=number))
        return [_span(row) for row in rows]

    async def worst(self, cameras: Sequence[CameraId], since: datetime) -> Mapping[CameraId, Worst]:
        """See CameraHistory."""
        number = _first(since)

        def work(connection: Connection) -> dict[CameraId, Worst]:
            found = ((each, _WORST.rows(connection, of=each, since=number)) for each in cameras)
            return {each: Worst(*rows[0]) for each, rows in found if rows}

        return await self._store.read(work)


def _number(began_at: datetime) -> int:
    return int(began_at.timestamp() // SPAN.total_seconds())


def _first(since: datetime) -> int:
    """The first span that began no earlier."""
    return -int(-since.timestamp() // SPAN.total_seconds())


def _row(span: CameraSpan) -> dict[str, Any]:
    return {
        "camera_id": span.camera_id,
        "span": _number(span.began_at),
        "blind_age_s": span.blind_age_s,
        "bound_s": span.bound_s,
        "stretch": span.stretch,
        "visits": span.visits,
        "failures": _FAILURES.dump_json(dict(span.failures)).decode() if span.failures else "",
    }


def _span(row: tuple[Any, ...]) -> CameraSpan:
    camera_id, number, blind_age_s, bound_s, stretch, visits, failures = row
    return CameraSpan(
        CameraId(camera_id),
        datetime.fromtimestamp(number * SPAN.total_seconds(), UTC),
        blind_age_s,
        bound_s,
        stretch,
        visits,
        _FAILURES.validate_json(failures) if failures else {},
    )
