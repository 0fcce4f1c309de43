"""Somebody changes a shift: a deed, then the file; and whoever sends units takes it up, and breaks no order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock, MemoryRosterReports
from patrol.config.rosters import RosterBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.deeds import Action
from patrol.domain.dispatch import Duty
from patrol.domain.errors import FileChanged, StoreError
from patrol.domain.incidents import OrderId
from patrol.domain.schedules import TimeWindow
from patrol.domain.staffing import RosterState, UnitRoster, WrittenWindow, restaffed, roster_state
from patrol.domain.units import Shift, UnitId, UnitState
from patrol.pipeline.restaffing import Restaffing
from patrol.pipeline.staffing import Staffing
from tests.builders import NOON, unit
from tests.config.files import sound, written_to
from tests.pipeline.test_drawing import Deeds
from tests.pipeline.test_mustering import UTC_ZONE, Room, mustering_room

ONE = UnitId("U-1")
MORNING = UnitRoster(2, (WrittenWindow("08:00", "11:00"),))
SHIFT = Shift((TimeWindow(time(8), time(11)),), UTC_ZONE)


@dataclass
class Office:
    """A file with one unit, and who writes it."""

    folder: Path

    def __post_init__(self) -> None:
        self.file = written_to(self.folder, sound())
        self.deeds = Deeds(self.file)
        self.book = RosterBook(ConfigurationFile(self.file, {}))
        self.reports = MemoryRosterReports()

    async def _nothing(self) -> None: ...

    async def staff(self, roster: UnitRoster, version: str | None = None, who: str = "li") -> None:
        desk = Staffing(self.book, self.deeds, self.reports, self._nothing)
        await desk.staff(ONE, roster, version or self.book.roster(ONE).version, who)

    async def state(self) -> RosterState:
        return roster_state(self.book.roster(ONE).file_version, await self.reports.latest())

    def dispatching(self, room: Room) -> Restaffing:
        """What the process that dispatches does, with an eye on the file of its own."""
        book = RosterBook(ConfigurationFile(self.file, {}))
        return Restaffing(book, room.store, UTC_ZONE, room.clock, self.reports)


def test_a_deed_is_noted_before_the_file_changes_and_without_it_nothing_is_written(tmp_path: Path) -> None:
    office = Office(tmp_path)
    before = office.file.read_bytes()
    office.deeds.is_away = True
    with pytest.raises(StoreError):
        asyncio.run(office.staff(MORNING))
    assert office.file.read_bytes() == before
    office.deeds.is_away = False
    asyncio.run(office.staff(MORNING))
    asyncio.run(office.staff(MORNING))
    (deed,) = office.deeds.deeds
    assert (deed.who, deed.action, deed.subject) == ("li", Action.SET_ROSTER, ONE)
    _, was, now = deed.detail.splitlines()
    assert was == 'before: {"crew":2,"shift":[]}'
    assert now == 'after: {"crew":2,"shift":[{"begins":"08:00","ends":"11:00","days":[],"dates":[]}]}'
    assert office.deeds.files == [before]


def test_who_was_quicker_is_named(tmp_path: Path) -> None:
    office = Office(tmp_path)
    version = office.book.roster(ONE).version
    asyncio.run(office.staff(MORNING, version, "wang"))
    with pytest.raises(FileChanged) as caught:
        asyncio.run(office.staff(UnitRoster(3), version))
    assert (caught.value.who, caught.value.at) == ("wang", NOON)


def test_a_shift_is_taken_up_while_it_runs_and_a_unit_on_an_order_keeps_it(tmp_path: Path) -> None:
    async def check() -> None:
        office = Office(tmp_path)
        async with mustering_room(tmp_path, (unit("U-1"), unit("U-2"))) as room:
            dispatching = office.dispatching(room)
            await dispatching.look()
            await room.tick(0)
            await room.set("U-1", state=UnitState.EN_ROUTE, order_id=OrderId("O-1"))
            await office.staff(replace(MORNING, crew=3))
            assert await office.state() is RosterState.WAITING
            assert room.store.units[0].crew == 2
            await dispatching.look()
            assert await office.state() is RosterState.WAITING  # it may still be written
            await dispatching.look()
            assert await office.state() is RosterState.APPLIED
            assert (room.store.units[0].crew, room.store.units[0].shift) == (3, SHIFT)
            assert room.store.units[1] == unit("U-2")
            await room.tick(1)  # noon: the new shift is over
            duty: Duty = next(each for each in await room.duties.all_duties() if each.unit.id == ONE)
            assert (duty.state, duty.order_id, duty.unit.crew) == (UnitState.EN_ROUTE, "O-1", 3)
            assert duty.released(room.clock.now()).state is UnitState.OFF_DUTY

    asyncio.run(check())


def test_a_free_unit_goes_off_duty_by_its_new_shift_and_comes_back_by_the_next(tmp_path: Path) -> None:
    async def check() -> None:
        office = Office(tmp_path)
        async with mustering_room(tmp_path, (unit("U-1"),)) as room:
            dispatching = office.dispatching(room)
            await room.tick(0)
            await dispatching.look()
            assert await room.states() == {"U-1": "available"}
            for roster, state in ((MORNING, "off_duty"), (UnitRoster(2), "available")):
                await office.staff(roster)
                for _ in range(2):
                    await dispatching.look()
                await room.tick(1)
                assert await room.states() == {"U-1": state}

    asyncio.run(check())


def test_a_file_that_somebody_broke_changes_nothing_and_is_said(tmp_path: Path) -> None:
    async def check() -> None:
        office = Office(tmp_path)
        async with mustering_room(tmp_path, (unit("U-1"),)) as room:
            dispatching = office.dispatching(room)
            await office.staff(MORNING)
            version = office.book.roster(ONE).file_version
            await dispatching.look()
            sound_text = office.file.read_text(encoding="utf-8")
            office.file.write_text("units: [", encoding="utf-8")
            for _ in range(2):
                await dispatching.look()
            standing = await office.reports.latest()
            assert standing is not None
            assert standing.problem is not None
            assert roster_state("another", standing) is RosterState.REFUSED
            assert room.store.units[0].shift == SHIFT
            office.file.write_text(sound_text, encoding="utf-8")
            for _ in range(2):
                await dispatching.look()
            standing = await office.reports.latest()
            assert standing is not None
            assert (standing.version, standing.problem) == (version, None)

    asyncio.run(check())


def test_only_shift_and_crew_are_taken_up_and_units_that_are_new_or_gone_wait() -> None:
    held = {UnitId(each): unit(each) for each in ("U-1", "U-2")}
    read = {
        UnitId("U-1"): replace(unit("U-1"), speed_m_s=99.0, crew=5),
        UnitId("U-3"): unit("U-3"),
    }
    assert restaffed(held, read, UTC_ZONE) == (replace(unit("U-1"), crew=5),)
    assert restaffed(held, held, UTC_ZONE) == ()


def test_half_a_file_is_not_taken_up(tmp_path: Path) -> None:
    async def check() -> None:
        office = Office(tmp_path)
        await office.staff(MORNING)
        async with mustering_room(tmp_path, (unit("U-1"),)) as room:
            dispatching = office.dispatching(room)
            await dispatching.look()
            whole = office.file.read_text(encoding="utf-8")
            office.file.write_text(whole[: whole.index("  shift:")], encoding="utf-8")  # sound, and always on duty
            await dispatching.look()
            office.file.write_text(whole, encoding="utf-8")
            for _ in range(2):
                assert room.store.units[0].shift == SHIFT
                await dispatching.look()
            assert await office.state() is RosterState.APPLIED

    asyncio.run(check())


def test_what_is_put_in_place_from_here_counts_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        office = Office(tmp_path)
        async with mustering_room(tmp_path, (unit("U-1"),)) as room:
            restaffing = Restaffing(office.book, room.store, UTC_ZONE, room.clock, office.reports)
            await restaffing.look()
            await Staffing(office.book, office.deeds, office.reports, restaffing.look).staff(
                ONE, MORNING, office.book.roster(ONE).version, "li"
            )
            assert await office.state() is RosterState.APPLIED
            assert room.store.units[0].shift == SHIFT

    asyncio.run(check())


def test_without_a_file_and_without_a_dispatch_that_is_said(tmp_path: Path) -> None:
    async def check() -> None:
        async with mustering_room(tmp_path) as room:
            reports = MemoryRosterReports()
            await Restaffing(None, room.store, UTC_ZONE, FakeClock(NOON), reports).look()
            assert roster_state("any", await reports.latest()) is RosterState.NO_DISPATCH

    asyncio.run(check())
