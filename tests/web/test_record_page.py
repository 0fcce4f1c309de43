"""The record of an incident on the page: who was sent, what came back, and what people did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from patrol.domain.events import Level
from patrol.domain.incident_record import Happening, RecordEntry
from patrol.domain.incidents import Disposition, EscalationStep, FalseAlarmReason, IncidentId
from patrol.domain.units import UnitId
from tests.waiting import wait_for

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom
from .test_accessible import violations

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]
HISTORY = "**/api/v1/incidents/*/history"
LONG_ENOUGH_MS = 800  # within which a change is asked for


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    contexts = []

    def open_page(query: str = "", width: int = 1440, height: int = 900, theme: str = "dark") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        context.add_init_script(f"localStorage.setItem('patrol.theme', '{theme}')")
        contexts.append(context)
        page = context.new_page()
        page.goto(served.address + query)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def incident(served: ServedRoom) -> IncidentId:
    """An incident to which a first unit said no, and from which a dispatcher took a second one away."""
    incident = served.room.alert(1, accepted_s_ago=120)
    served.room.send(incident, "U-JP1", eta_s=75, sent_s_ago=60)
    return incident


def tell(served: ServedRoom, incident: IncidentId, *entries: RecordEntry) -> None:
    served.room.happened[incident] = [*served.room.happened.get(incident, []), *entries]


def entry(served: ServedRoom, s_ago: float, what: Happening, incident: IncidentId, **more: object) -> RecordEntry:
    plain = RecordEntry(served.room.now() - timedelta(seconds=s_ago), what, incident)
    return replace(plain, **more)  # type: ignore[arg-type]


def tell_an_evening(served: ServedRoom, incident: IncidentId) -> None:
    def happened(s_ago: float, what: Happening, **more: object) -> None:
        tell(served, incident, entry(served, s_ago, what, incident, **more))

    car, joint, post = UnitId("U-P2"), UnitId("U-JP1"), UnitId("U-POST")
    happened(115, Happening.ORDERED, unit_id=car, why_zh="2 个空闲警力中最快：46 秒", why_en="soonest of 2: 46 s")
    happened(113, Happening.RECEIVED, unit_id=car)
    happened(110, Happening.DECLINED, unit_id=car, text="busy")
    happened(108, Happening.ORDERED, unit_id=post, who="王芳")
    happened(100, Happening.RECALLED, unit_id=post, who="王芳")
    happened(99, Happening.ORDERED, unit_id=joint, why_zh="最快", why_en="soonest")
    happened(60, Happening.ON_SCENE, unit_id=joint, by_position=True)
    levels = {"level_before": Level.RED, "level": Level.YELLOW}
    happened(50, Happening.LEVEL_CHANGED, who="王芳", text="只有几个人", **levels)


def record(page: Page) -> Locator:
    return page.locator("#incident .record")


def lines(page: Page) -> Locator:
    return record(page).get_by_role("listitem")


def unfold(page: Page) -> None:
    record(page).locator("summary").click()
    expect(record(page)).to_have_attribute("open", "")


def test_unfolded_it_says_who_was_sent_and_why_what_came_back_and_what_people_did(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    tell_an_evening(served, incident)
    page = open_page()
    expect(record(page).locator("summary")).to_have_text("经过")
    expect(record(page)).not_to_have_attribute("open", "")
    assert served.room.records_asked == 0
    unfold(page)
    expect(lines(page)).to_have_count(8)
    expect(record(page).get_by_role("list")).to_have_count(1)
    for place, words in enumerate(
        [
            "按规则派 巡2车2 个空闲警力中最快：46 秒",
            "巡2车 的终端收到指令",
            "巡2车 拒绝正忙",
            "王芳 派 警务站",
            "王芳 撤回 警务站 的指令",
            "按规则派 联勤1组最快",
            "联勤1组 到场，按定位",
            "王芳 把等级由红色改为黄色只有几个人",
        ]
    ):
        expect(lines(page).nth(place)).to_contain_text(words)
    times = lines(page).locator("time").all_inner_texts()
    assert times == sorted(times)
    assert all(len(each) == len("19:53:01") for each in times[1:])


def test_the_same_in_english(served: ServedRoom, incident: IncidentId, open_page: Open) -> None:
    tell_an_evening(served, incident)
    merged = IncidentId("I-20261123-000009")
    closing = {"disposition": Disposition.FALSE_ALARM, "reason_code": FalseAlarmReason.POSTER}
    tell(
        served,
        incident,
        entry(served, 40, Happening.NOTED, merged, who="Li", text="the shop has called"),
        entry(served, 39, Happening.MERGED, incident, who="Li", other_id=merged),
        entry(served, 38, Happening.ESCALATED, incident, step=EscalationStep.ROOM, why_en="late", why_zh="超时"),
        entry(served, 37, Happening.CLOSED, incident, who="rule", **closing),
    )
    page = open_page("?lang=en")
    expect(record(page).locator("summary")).to_have_text("Record")
    unfold(page)
    for words in (
        "Car 2 was sent by rule",
        "Car 2 declined",
        "王芳 took the order of Post back",
        "Joint 1 is on scene, by its position",
        "王芳 changed the level from Red to Yellow",
        f"Li notedof {merged}",
        f"Li merged {merged} into {incident}",
        "Told farther up: The whole room",
        "rule closed it: False alarm (",
    ):
        expect(record(page)).to_contain_text(words)
    page.locator("#language").click()
    expect(record(page)).to_contain_text("巡2车 拒绝")


def test_what_happens_is_added_while_it_is_unfolded_and_asked_for_once_and_never_while_it_is_folded(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    page = open_page()
    unfold(page)
    expect(record(page)).to_contain_text("还没有经过可看")
    wait_for(lambda: served.room.records_asked >= 1)
    joint = UnitId("U-JP1")

    def accept() -> None:
        tell(served, incident, entry(served, 0, Happening.ACCEPTED, incident, unit_id=joint))
        served.room.accept(incident)

    served.do(accept)
    expect(lines(page)).to_have_count(1)
    expect(lines(page)).to_contain_text("联勤1组 签收")
    first = lines(page).first.element_handle()
    with page.expect_response(HISTORY) as told:
        served.do(lambda: served.room.press(incident))  # of which nothing new is recorded
    told.value.finished()
    page.evaluate("new Promise(done => setTimeout(done))")
    assert first.evaluate("node => node.isConnected")
    record(page).locator("summary").click()
    expect(record(page)).not_to_have_attribute("open", "")
    page.wait_for_timeout(LONG_ENOUGH_MS)
    asked = served.room.records_asked

    def arrive() -> None:
        tell(served, incident, entry(served, 0, Happening.ON_SCENE, incident, unit_id=joint, by_position=True))
        served.room.arrive(incident)

    served.do(arrive)
    expect(page.locator("#incident .timeline")).to_contain_text("到场")
    expect(page.locator(f'.card[data-id="{incident}"]')).to_contain_text("已到场")
    page.wait_for_timeout(LONG_ENOUGH_MS)
    assert served.room.records_asked == asked
    unfold(page)
    expect(lines(page)).to_have_count(2)


def test_there_is_never_more_than_one_request_at_a_time(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    page = open_page()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route(HISTORY, hold_the_first)
    unfold(page)
    expect(record(page)).to_contain_text("正在读取")
    page.wait_for_function("document.querySelector('.record > div').getAttribute('aria-busy') === 'true'")
    served.do(lambda: served.room.accept(incident))
    expect(page.locator(f'.card[data-id="{incident}"]')).to_contain_text("途中")
    served.do(lambda: served.room.arrive(incident))
    expect(page.locator(f'.card[data-id="{incident}"]')).to_contain_text("已到场")
    page.wait_for_timeout(LONG_ENOUGH_MS)
    assert len(held) == 1
    tell_an_evening(served, incident)
    with page.expect_request(HISTORY):  # of what changed meanwhile
        held[0].continue_()
        expect(lines(page)).to_have_count(8)


def test_another_incident_has_its_own(served: ServedRoom, incident: IncidentId, open_page: Open) -> None:
    tell_an_evening(served, incident)
    other = served.room.alert(2, "C-041", accepted_s_ago=30)
    tell(served, other, entry(served, 9, Happening.CONFIRMED, other, who="李明"))
    page = open_page()
    page.locator(f'.card[data-id="{incident}"]').click()
    unfold(page)
    expect(lines(page)).to_have_count(8)
    page.locator(f'.card[data-id="{other}"]').click()
    expect(lines(page)).to_have_count(1)
    expect(lines(page)).to_contain_text("李明 确认属实")


def test_where_it_cannot_be_read_it_says_why_and_is_tried_again_by_keyboard(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    tell_an_evening(served, incident)
    page = open_page()
    page.route(HISTORY, lambda route: route.abort())
    unfold(page)
    again = record(page).get_by_role("button", name="再试一次")
    expect(record(page)).to_contain_text("读不到经过：连不上服务器")
    again.focus()
    page.keyboard.press("Enter")
    expect(again).to_be_focused()
    page.unroute(HISTORY)
    again.press("Enter")
    expect(lines(page)).to_have_count(8)
    expect(record(page).locator("summary")).to_be_focused()


def test_that_only_the_newest_are_listed_is_said_and_other_days_have_their_date(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    day = 86_400
    days_ago = (2 * day, 0)
    noted = {"who": "李明", "text": "x"}
    tell(served, incident, *(entry(served, s_ago, Happening.NOTED, incident, **noted) for s_ago in days_ago))
    served.room.records_cut = True
    page = open_page()
    unfold(page)
    expect(record(page)).to_contain_text("只列出最近 2 条")
    dates = lines(page).locator("time").all_inner_texts()
    assert [len(each) for each in dates] == [len("11-28 19:53:01"), len("11-30 19:53:01")]


@pytest.mark.parametrize("query", ["?lang=zh", "?lang=en"])
def test_it_fits_a_phone(served: ServedRoom, incident: IncidentId, open_page: Open, query: str) -> None:
    tell_an_evening(served, incident)
    tell(served, incident, entry(served, 1, Happening.NOTED, incident, who="李明", text="W" * 200))
    page = open_page(query, width=390, height=844)
    unfold(page)
    expect(lines(page)).to_have_count(9)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert record(page).evaluate("node => node.scrollWidth <= node.clientWidth")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("is_away", [False, True])
def test_it_shuts_nobody_out(
    served: ServedRoom, incident: IncidentId, open_page: Open, theme: str, is_away: bool
) -> None:
    tell_an_evening(served, incident)
    page = open_page(theme=theme)
    if is_away:
        page.route(HISTORY, lambda route: route.abort())
    unfold(page)
    expect(record(page).locator(".record-failed" if is_away else "li").first).to_be_visible()
    assert violations(page, theme, ".record") == []
