"""A shift is changed in a real browser: what is wrong is said beside it, and dispatch is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from patrol.adapters.memory import FakeClock, MemoryRosterReports
from patrol.config.rosters import RosterBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.staffing import UnitRoster
from patrol.domain.units import Unit, UnitId
from patrol.pipeline.restaffing import Restaffing
from patrol.pipeline.staffing import Staffing
from tests.builders import NOON
from tests.config.files import changed, written_to
from tests.pipeline.test_drawing import Deeds

from .conftest import IN_A_BROWSER, served_in_thread
from .fake_room import FakeRoom
from .test_accessible import FIRST_SEEN, Seen, opened, violations

pytestmark = IN_A_BROWSER
PATROL = UnitId("U-JP1")


class InRoom:
    """The units that the room's page shows; see UnitHolder."""

    def __init__(self, room: FakeRoom) -> None:
        self._room = room

    @property
    def units(self) -> Sequence[Unit]:
        return self._room.roster

    def replace_units(self, changed: Sequence[Unit]) -> None:
        by_id = {unit.id: unit for unit in changed}
        self._room.units = tuple(by_id.get(unit.id, unit) for unit in self._room.units)


class Office:
    """A file with one of the room's units, who writes it, and the two processes that take it up."""

    def __init__(self, folder: Path, room: FakeRoom) -> None:
        self.file = written_to(folder, changed("units", 0, "id", to=PATROL))
        self.deeds, reports, self.book = Deeds(self.file), MemoryRosterReports(), self._book()
        console, self.dispatch = (
            Restaffing(book, InRoom(of), ZoneInfo("Asia/Shanghai"), FakeClock(NOON), told)
            for book, of, told in ((self.book, room, None), (self._book(), FakeRoom(), reports))
        )
        self.desk = Staffing(self.book, self.deeds, reports, console.look)

    def _book(self) -> RosterBook:
        return RosterBook(ConfigurationFile(self.file, {}))


def test_a_shift_is_typed_saved_and_waits_for_dispatch(browser: Browser, tmp_path: Path) -> None:
    room = FakeRoom(simulated=False)
    office = Office(tmp_path, room)
    with served_in_thread(room, rosters=office.desk) as served:

        def do(what: Coroutine[Any, Any, object]) -> None:
            asyncio.run_coroutine_threadsafe(what, served.loop).result(5)

        do(office.dispatch.look())
        context = browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
        page = context.new_page()
        page.goto(served.address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        page.keyboard.press("s")
        page.get_by_role("tab", name="警力与班次").click()
        row = page.locator(f'.roster li[data-unit="{PATROL}"]')
        bar, save = row.locator(".day .on"), row.get_by_role("button", name="保存并生效")
        expect(row.locator(".shift")).to_contain_text("全天在岗")

        row.get_by_role("button", name="改 联勤1组 的班次和人数").click()
        expect(row.get_by_role("spinbutton", name="人数", exact=True)).to_be_visible()
        expect(row.locator(".shift")).to_contain_text("全天在岗")  # nothing differs yet
        row.get_by_role("button", name="加一个时段").click()
        expect(row.locator(".shift")).to_contain_text("改动后今天的班次，还没有保存")
        expect(bar).to_have_attribute("width", "120")
        row.get_by_label("时段 1：下班时间").fill("08:00")
        expect(row.locator(".window .flaw")).to_contain_text("上班和下班时间相同")
        expect(save).to_be_disabled()
        assert violations(page, "a shift", "#settings") == []
        row.get_by_label("时段 1：上班时间").fill("20:00")
        expect(row.locator(".window .flaw")).to_be_empty()
        expect(row.locator(".next-day")).to_have_text("次日")
        assert [bar.nth(each).get_attribute("width") for each in range(bar.count())] == ["80", "40"]
        row.get_by_role("spinbutton", name="人数", exact=True).fill("0")
        expect(row.locator("#crew-flaw")).to_have_text("填 1 到 100 的整数")
        row.get_by_role("spinbutton", name="人数", exact=True).fill("3")
        row.get_by_label("值班员").fill("李明")
        save.click()

        said = row.locator(".roster-said")
        expect(said).to_have_text("已写入配置，等调度采用…")
        expect(row.locator(".shift")).to_contain_text("每天 20:00–08:00")
        expect(row.locator(".crew")).to_contain_text("3 人")
        for _ in range(2):  # at the second one the file is at rest
            do(office.dispatch.look())
        expect(said).to_have_text("新班次已生效：调度用的就是它。")
        assert [deed.who for deed in office.deeds.deeds] == ["李明"]

        row.get_by_role("button", name="改 联勤1组 的班次和人数").click()
        crew = row.get_by_role("spinbutton", name="人数", exact=True)
        crew.fill("4")
        expect(row.locator(".shift")).to_contain_text("还没有保存")
        crew.fill("3")
        expect(row.locator(".shift")).to_contain_text("每天 20:00–08:00")  # back to what it was
        crew.fill("4")
        version = office.book.roster(PATROL).version
        do(office.desk.staff(PATROL, UnitRoster(5), version, "wang"))
        save.click()
        expect(row.locator(".roster-form > .flaw")).to_contain_text("wang 刚刚先改了这个警力的班次")
        row.get_by_role("button", name="重新载入").click()
        expect(row.get_by_role("spinbutton", name="人数", exact=True)).to_have_value("5")
        context.close()


@pytest.mark.parametrize("seen", FIRST_SEEN, ids=lambda seen: f"{seen.theme}-{seen.language}-{seen.width}")
def test_its_form_shuts_nobody_out(browser: Browser, tmp_path: Path, seen: Seen) -> None:
    room = FakeRoom(simulated=False)
    with served_in_thread(room, rosters=Office(tmp_path, room).desk) as served:
        page = opened(browser, served.address, seen)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        page.keyboard.press("s")
        page.locator("#tab-units").click()
        row = page.locator(f'.roster li[data-unit="{PATROL}"]')
        row.locator(".does button").last.click()
        row.locator(".roster-form fieldset button, .roster-form button[type=button]").first.click()
        expect(row.locator(".window")).to_have_count(1)
        found = violations(page, "a form", "#settings")
        row.locator("[type=time]").last.fill("00:00")
        row.locator("[type=number]").first.fill("0")
        expect(row.locator("#crew-flaw")).not_to_be_empty()
        found += violations(page, "a form with a flaw", "#settings")
        page.context.close()
    assert found == []
