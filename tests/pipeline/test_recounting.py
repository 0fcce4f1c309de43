"""Recounting: what people see of cameras, also where the tour or the queue is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from patrol.adapters.memory import FakeClock, MemoryTourReports
from patrol.adapters.memory_cameras import MemoryCameraHistory, MemoryVisitRecords
from patrol.domain.camera import CameraId
from patrol.domain.camera_history import KEPT_FOR, SPAN, CameraSpan, VisitRecord
from patrol.domain.camera_overview import CameraHealth, Worst
from patrol.domain.dispatch import Outcome
from patrol.domain.errors import QueueError
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.room import CameraStatus, TourStatus
from patrol.domain.troubles import Trouble
from patrol.pipeline.recounting import TOUR_SILENT_AFTER_S, WAIT_S, Recounting
from tests.builders import NOON, at, camera, maintenance_incident

ONE, OTHER = CameraId("C-1"), CameraId("C-2")
SPAN_AT_NOON = CameraSpan(ONE, NOON, 6.0, 5.0, 1.0, 100)
RECORD = VisitRecord(ONE, NOON, (), replace(SPAN_AT_NOON, blind_age_s=4.0, visits=3))


class Troubles:
    """MaintenanceStore that only finds."""

    def __init__(self) -> None:
        self.found: list[Incident] = []
        self.asked: list[datetime] = []

    async def latest_maintenance(self, closed_since: datetime) -> Sequence[Incident]:
        self.asked.append(closed_since)
        return self.found

    async def begin(self, outcome: Outcome) -> Incident:
        raise NotImplementedError

    async def open_maintenance(self) -> frozenset[IncidentId]:
        raise NotImplementedError


class Away(MemoryVisitRecords):
    async def latest(self, camera_id: CameraId) -> VisitRecord | None:
        raise QueueError("redis: away")


class CountedHistory(MemoryCameraHistory):
    asked = 0

    async def worst(self, cameras: Sequence[CameraId], since: datetime) -> Mapping[CameraId, Worst]:
        self.asked += 1
        return await super().worst(cameras, since)


@dataclass
class Room:
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    reports: MemoryTourReports = field(default_factory=MemoryTourReports)
    records: MemoryVisitRecords = field(default_factory=MemoryVisitRecords)
    history: CountedHistory = field(default_factory=CountedHistory)
    troubles: Troubles = field(default_factory=Troubles)

    def recounting(self) -> Recounting:
        cameras = {ONE: camera("C-1"), OTHER: camera("C-2")}
        return Recounting(cameras, self.reports, self.records, self.history, self.troubles, self.clock)

    async def tour(self) -> None:
        statuses = (CameraStatus(ONE, 2.0, None, 1), CameraStatus(OTHER, 9.0, "busy", None))
        await self.reports.report(TourStatus(self.clock.now(), 1.0, 43.0, (), statuses, (), 0, 0, 0))


def test_cameras_stand_as_the_tour_says_with_the_worst_of_their_day() -> None:
    async def check() -> None:
        room = Room()
        await room.tour()
        await room.history.keep([SPAN_AT_NOON], NOON - KEPT_FOR)
        one, other = await room.recounting().cameras()
        assert (one.camera.id, one.health, one.blind_age_s, one.worst) == (ONE, CameraHealth.OK, 2.0, Worst(6.0, 5.0))
        assert (other.health, other.failing, other.worst) == (CameraHealth.LATE, "busy", None)

    asyncio.run(check())


def test_everything_is_worked_out_once_a_second_and_the_day_once_a_minute() -> None:
    async def check() -> None:
        room = Room()
        recounting = room.recounting()
        for _ in range(5):
            await recounting.cameras()
        assert (len(room.troubles.asked), room.history.asked) == (1, 1)
        await room.clock.sleep(1.0)
        await recounting.cameras()
        assert (len(room.troubles.asked), room.history.asked) == (2, 1)
        await room.clock.sleep(60.0)
        await recounting.cameras()
        assert room.history.asked == 2

    asyncio.run(check())


def test_where_no_tour_reports_nobody_knows() -> None:
    async def check() -> None:
        room = Room()
        await room.tour()
        await room.clock.sleep(TOUR_SILENT_AFTER_S + 1)
        assert {each.health for each in await room.recounting().cameras()} == {CameraHealth.UNKNOWN}

    asyncio.run(check())


def test_the_running_span_is_the_tours_own() -> None:
    async def check() -> None:
        room = Room()
        before = replace(SPAN_AT_NOON, began_at=NOON - SPAN)
        await room.history.keep([before, SPAN_AT_NOON], NOON - KEPT_FOR)
        recounting = room.recounting()
        assert await recounting.history(ONE, NOON - SPAN) == [before, SPAN_AT_NOON]
        await room.records.show(RECORD)
        assert await recounting.history(ONE, NOON - SPAN) == [before, RECORD.span]
        assert await room.records.wanted() == (ONE,)

    asyncio.run(check())


def test_visits_are_waited_for_and_not_for_ever() -> None:
    async def check() -> None:
        room = Room()
        recounting = room.recounting()
        assert await recounting.visits(ONE) is None
        assert room.clock.monotonic() == pytest.approx(WAIT_S, abs=0.2)
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(recounting.visits(ONE))
            await room.clock.sleep(1.0)
            assert await room.records.wanted() == (ONE,)
            await room.records.show(RECORD)
        assert asked.result() == RECORD

    asyncio.run(check())


def test_a_queue_that_is_away_leaves_what_the_store_has() -> None:
    async def check() -> None:
        room = Room(records=Away())
        await room.history.keep([SPAN_AT_NOON], NOON - KEPT_FOR)
        assert await room.recounting().history(ONE, NOON) == [SPAN_AT_NOON]
        assert await room.recounting().visits(ONE) is None

    asyncio.run(check())


def test_troubles_that_ended_before_are_left_out_and_unknown_cameras_are_said() -> None:
    async def check() -> None:
        room = Room()
        room.troubles.found = [maintenance_incident(1, 3), maintenance_incident(2, 2)]
        recounting = room.recounting()
        found = await recounting.troubles(ONE, at(0))
        assert [(each.incident_id, each.trouble, each.returned_at) for each in found] == [
            (room.troubles.found[0].id, Trouble.UNSEEN, None),
            (room.troubles.found[1].id, Trouble.UNSEEN, at(0)),
        ]
        assert len(await recounting.troubles(ONE, at(1))) == 1
        for asked in (recounting.troubles, recounting.history):
            with pytest.raises(KeyError):
                await asked(CameraId("none"), NOON)
        with pytest.raises(KeyError):
            await recounting.visits(CameraId("none"))

    asyncio.run(check())
