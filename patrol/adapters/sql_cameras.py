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
from patrol.domain.camera_history import SLOT, CameraSlot, together
from patrol.domain.camera_overview import Worst
from patrol.domain.errors import CaptureFailure

_SLOTS = Table(
    "camera_slots",
    METADATA,
    Column("camera_id", String, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),  # whole slots since 1970, UTC
    Column("blind_age_s", Float, nullable=False),
    Column("bound_s", Float, nullable=False),
    Column("stretch", Float, nullable=False),
    Column("visits", Integer, nullable=False),
    Column("failures", Text, nullable=False),  # {"timed_out": 3}; empty for none
    sqlite_with_rowid=False,  # a camera's rows lie together: they are read together
)
_COLUMNS = [column.name for column in _SLOTS.columns]
_ADD = Prepared(insert(_SLOTS).on_conflict_do_nothing(), *_COLUMNS)
_OF_CAMERA = _SLOTS.c.camera_id == bindparam("of")
_ONE = Prepared(select(_SLOTS).where(_OF_CAMERA, _SLOTS.c.slot == bindparam("at")))
_SINCE = Prepared(select(_SLOTS).where(_OF_CAMERA, _SLOTS.c.slot >= bindparam("since")).order_by(_SLOTS.c.slot))
_WORST = Prepared(
    select(_SLOTS.c.blind_age_s, _SLOTS.c.bound_s)
    .where(_OF_CAMERA, _SLOTS.c.slot >= bindparam("since"))
    .order_by((_SLOTS.c.blind_age_s / _SLOTS.c.bound_s).desc())
    .limit(1)
)
_FORGET = Prepared(delete(_SLOTS).where(_OF_CAMERA, _SLOTS.c.slot < bindparam("before")))
_FORGET_ALL = Prepared(delete(_SLOTS).where(_SLOTS.c.slot < bindparam("before")))

_FAILURES = TypeAdapter(dict[CaptureFailure, int])


class SqlCameraHistory:
    """CameraHistory in the database of a SqlStore, whose ``open`` makes the table. A power cut may undo the last."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._has_cleared = False  # what is left of cameras that are not configured any more

    async def keep(self, slots: Sequence[CameraSlot], before: datetime) -> None:
        """See CameraHistory."""
        await self._store.fleeting(lambda connection: self._keep(connection, slots, _number(before)))
        self._has_cleared = True

    def _keep(self, connection: Connection, slots: Sequence[CameraSlot], before: int) -> None:
        if not self._has_cleared:
            _FORGET_ALL.changed(connection, before=before)
        for slot in slots:
            if not _ADD.changed(connection, **_row(slot)):
                (known,) = _ONE.rows(connection, of=slot.camera_id, at=_number(slot.began_at))
                put(connection, _SLOTS, **_row(together(_slot(known), slot)))
        _FORGET.run(connection, [{"of": slot.camera_id, "before": before} for slot in slots])

    async def slots(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSlot]:
        """See CameraHistory."""
        number = _first(since)
        rows = await self._store.read(lambda connection: _SINCE.rows(connection, of=camera_id, since=number))
        return [_slot(row) for row in rows]

    async def worst(self, cameras: Sequence[CameraId], since: datetime) -> Mapping[CameraId, Worst]:
        """See CameraHistory."""
        number = _first(since)

        def work(connection: Connection) -> dict[CameraId, Worst]:
            found = ((each, _WORST.rows(connection, of=each, since=number)) for each in cameras)
            return {each: Worst(*rows[0]) for each, rows in found if rows}

        return await self._store.read(work)


def _number(began_at: datetime) -> int:
    return int(began_at.timestamp() // SLOT.total_seconds())


def _first(since: datetime) -> int:
    """The first slot that began no earlier."""
    return -int(-since.timestamp() // SLOT.total_seconds())


def _row(slot: CameraSlot) -> dict[str, Any]:
    return {
        "camera_id": slot.camera_id,
        "slot": _number(slot.began_at),
        "blind_age_s": slot.blind_age_s,
        "bound_s": slot.bound_s,
        "stretch": slot.stretch,
        "visits": slot.visits,
        "failures": _FAILURES.dump_json(dict(slot.failures)).decode() if slot.failures else "",
    }


def _slot(row: tuple[Any, ...]) -> CameraSlot:
    camera_id, number, blind_age_s, bound_s, stretch, visits, failures = row
    return CameraSlot(
        CameraId(camera_id),
        datetime.fromtimestamp(number * SLOT.total_seconds(), UTC),
        blind_age_s,
        bound_s,
        stretch,
        visits,
        _FAILURES.validate_json(failures) if failures else {},
    )
