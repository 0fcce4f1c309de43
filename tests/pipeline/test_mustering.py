"""Mustering: shifts, homecomings and operators, over the real store."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from patrol.adapters.memory import FakeClock, MemoryQueue
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_deeds import SqlDeeds
from patrol.adapters.sql_duties import SqlDuties
from patrol.domain.deeds import Action
from patrol.domain.dispatch import Duty
from patrol.domain.errors import MessageError, UnitBusy
from patrol.domain.fixes import FixSettings
from patrol.domain.incidents import OrderId
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import POSITION_STREAM
from patrol.domain.schedules import TimeWindow
from patrol.domain.units import Shift, Unit, UnitId, UnitState
from patrol.domain.vocabulary import CoordinateSystem
from patrol.metrics import Metrics
from patrol.pipeline.mustering import Mustering, UnitsDesk
from tests.builders import NOON, at, north, unit
from tests.pipeline.parts import counted, fresh_metrics, sql_store

UTC_ZONE = ZoneInfo("UTC")
UNTIL_ONE = Shift((TimeWindow(time(8), time(13)),), UTC_ZONE)
FROM_ONE = Shift((TimeWindow(time(13), time(20)),), UTC_ZONE)
UNITS = (unit("U-1", shift=UNTIL_ONE), unit("U-2", shift=FROM_ONE), unit("U-3"))


@dataclass
class Room:
    clock: FakeClock
    store: SqlStore
    duties: SqlDuties
    queue: MemoryQueue
    metrics: Metrics
    mustering: Mustering
    desk: UnitsDesk

    async def states(self) -> dict[str, UnitState]:
        return {duty.unit.id: duty.state for duty in await self.duties.all_duties()}

    async def set(self, unit_id: str, **changes: object) -> None:
        def decide(duties: Sequence[Duty]) -> Sequence[Duty]:
            return [replace(duty, **changes) for duty in duties if duty.unit.id == unit_id]  # type: ignore[arg-type]

        await self.duties.change(decide, "test", "so it is", self.clock.now())

    async def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.mustering.tick()


@asynccontextmanager
async def mustering_room(folder: Path, units: Sequence[Unit] = UNITS) -> AsyncIterator[Room]:
    clock, metrics = FakeClock(NOON), fresh_metrics()
    queue = MemoryQueue(clock)
    async with sql_store(folder, clock, units) as store:
        duties = SqlDuties(store)
        mustering = Mustering(duties, FixSettings(), clock, metrics)
        yield Room(clock, store, duties, queue, metrics, mustering, UnitsDesk(duties, queue, clock))


def on_record(folder: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(folder / "patrol.db")) as connection:
        query = "SELECT unit_id, before, after, who, why FROM unit_changes WHERE who <> 'test' ORDER BY number"
        return [tuple(row) for row in connection.execute(query)]


def test_a_shift_change_sends_one_crew_home_and_calls_the_next_and_is_on_record(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.tick(0)
            assert await room.states() == {"U-1": "available", "U-2": "off_duty", "U-3": "available"}
            await room.tick(3600)
            assert await room.states() == {"U-1": "off_duty", "U-2": "available", "U-3": "available"}
            assert on_record(tmp_path) == [
                ("U-2", "available", "off_duty", "patrol", "shift"),
                ("U-1", "available", "off_duty", "patrol", "shift"),
                ("U-2", "off_duty", "available", "patrol", "shift"),
            ]

    asyncio.run(check())


def test_a_unit_on_an_order_stays_until_that_is_over(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.tick(0)
            await room.set("U-1", state=UnitState.ON_SCENE, order_id=OrderId("O-1"))
            await room.tick(4000)
            assert (await room.states())["U-1"] == "on_scene"
            await room.set("U-1", state=UnitState.AVAILABLE, order_id=None)
            await room.tick(1)
            assert (await room.states())["U-1"] == "off_duty"

    asyncio.run(check())


def test_on_the_way_back_it_is_available_once_it_is_home_or_five_minutes_are_over(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path, (unit("U-1"), unit("U-2"))) as room:
            for name in ("U-1", "U-2"):
                await room.set(name, state=UnitState.RETURNING, returning_since=NOON, place=north(900))
            await room.tick(200)
            assert set((await room.states()).values()) == {UnitState.RETURNING}
            await room.set("U-1", place=north(110))
            await room.tick(1)
            assert await room.states() == {"U-1": "available", "U-2": "returning"}
            await room.tick(99)
            assert await room.states() == {"U-1": "available", "U-2": "available"}
            assert on_record(tmp_path)[-1] == ("U-2", "returning", "available", "patrol", "home")

    asyncio.run(check())


def test_where_nothing_changes_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.tick(0)

            async def written(*_: object) -> Sequence[Duty]:
                raise AssertionError("the store was written to")

            monkeypatch.setattr(room.duties, "change", written)
            await room.tick(1)

    asyncio.run(check())


def test_the_gauges_say_what_units_do_and_how_well_it_is_known_where(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.set("U-1", place=north(900), fix_at=at(-3), had_fix=True)
            await room.set("U-3", place=north(900), fix_at=at(-900), had_fix=True)
            await room.tick(0)
            await room.tick(1)
            assert counted(room.metrics, "patrol_units", state="available") == 2
            assert counted(room.metrics, "patrol_units", state="off_duty") == 1
            for freshness, count in (("fresh", 1), ("missing", 1), ("assumed", 1), ("stale", 0)):
                assert counted(room.metrics, "patrol_units_located", freshness=freshness) == count

    asyncio.run(check())


def test_an_operator_takes_a_unit_out_of_service_by_name_and_reason_and_a_shift_does_not_mend_it(
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.tick(0)
            said = await room.desk.set_state(UnitId("U-3"), UnitState.OUT_OF_SERVICE, "李明", "车辆故障")
            assert said is UnitState.OUT_OF_SERVICE
            assert on_record(tmp_path)[-1] == ("U-3", "available", "out_of_service", "李明", "车辆故障")
            ((_, deed),) = await SqlDeeds(room.store, room.clock).latest(9)
            assert (deed.who, deed.action, deed.subject) == ("李明", Action.SET_UNIT, "U-3")
            assert deed.detail == "out_of_service: 车辆故障"
            await room.tick(9999)
            assert (await room.states())["U-3"] == "out_of_service"

    asyncio.run(check())


def test_who_is_on_an_order_cannot_be_set_and_an_unknown_unit_is_none(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.set("U-3", state=UnitState.EN_ROUTE, order_id=OrderId("O-1"))
            with pytest.raises(UnitBusy, match="U-3 is en_route, on order O-1"):
                await room.desk.set_state(UnitId("U-3"), UnitState.OFF_DUTY, "li", "home")
            with pytest.raises(KeyError):
                await room.desk.set_state(UnitId("U-9"), UnitState.OFF_DUTY, "li", "home")
            assert (await room.states())["U-3"] == "en_route"
            assert on_record(tmp_path) == []

    asyncio.run(check())


def test_positions_from_outside_go_to_the_queue_in_wgs84_or_not_at_all(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            here = PositionData("U-1", PlaceData(35.49, 112.85), NOON)
            await room.desk.report([here, replace(here, unit_id="U-2")])
            with suppress(MessageError):  # where it cannot be converted
                await room.desk.report([replace(here, coordinate_system=CoordinateSystem.GCJ02)])
            told = [json.loads(body)["data"] for body in room.queue.streams[POSITION_STREAM]]
            assert [one["unit_id"] for one in told[:2]] == ["U-1", "U-2"]
            assert {one["coordinate_system"] for one in told} == {"wgs84"}
            assert all(one["place"] != told[0]["place"] for one in told[2:]), "moved by some hundred metres"

    asyncio.run(check())


def test_what_an_older_version_stored_of_a_unit_is_still_read_and_a_shift_comes_back_as_it_was(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            await room.set("U-1", place=north(7))
            with closing(sqlite3.connect(tmp_path / "patrol.db")) as connection:
                (body,) = connection.execute("SELECT body FROM duties WHERE unit_id = 'U-1'").fetchone()
                stored = json.loads(body)
                assert stored["unit"]["shift"]["timezone"] == "UTC"
                stored = {name: stored[name] for name in ("unit", "state", "place", "fix_at", "order_id")}
                for name in ("crew", "shift", "capabilities", "mode"):
                    del stored["unit"][name]
                connection.execute("UPDATE duties SET body = ? WHERE unit_id = 'U-1'", (json.dumps(stored),))
                connection.commit()
            first = (await room.duties.all_duties())[0]
            assert (first.unit, first.where, first.had_fix) == (UNITS[0], north(7), False)

    asyncio.run(check())
