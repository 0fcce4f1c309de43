"""The feed in a real browser: it holds still under a hand, and for no longer; it says what it does not show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from patrol.domain.events import Level
from patrol.domain.incidents import EscalationStep, IncidentId

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]
FREED_MS = 20_000  # a parked mouse counts for 10 s


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def opened(address: str, width: int = 1440, clock: bool = False, touch: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN", has_touch=touch)
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.goto(address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield opened
    for context in contexts:
        context.close()


def card(page: Page, incident: IncidentId) -> Locator:
    return page.locator(f'.card[data-id="{incident}"]')


@pytest.mark.long
def test_a_parked_mouse_does_not_hold_the_feed(served: ServedRoom, opened: Open) -> None:
    first = served.room.alert(1, level=Level.YELLOW)
    page = opened(served.address)
    card(page, first).click()
    served.do(lambda: served.room.alert(2))
    red = IncidentId("I-20261123-000002")
    expect(page.locator("#news")).to_have_text("↑ 1 条新预警")
    expect(card(page, red)).to_have_count(0)
    expect(card(page, red)).to_be_visible(timeout=FREED_MS)
    expect(page.locator("#news")).to_be_hidden()
    expect(page.locator(".card").first).to_have_attribute("data-id", red)


def test_what_became_more_urgent_than_its_place_says_so(served: ServedRoom, opened: Open) -> None:
    upper, lower = (served.room.alert(number, level=Level.YELLOW, accepted_s_ago=9 - number) for number in (1, 2))
    page = opened(served.address)
    card(page, upper).hover()
    raised = replace(served.room.incidents[lower], level=Level.RED)
    served.do(lambda: served.room.incidents.update({lower: raised}))
    pill = page.locator("#news")
    expect(pill).to_have_text("↑ 1 起升为红色")
    expect(pill).to_have_attribute("data-level", "red")
    expect(page.locator("#announcer")).to_contain_text("升为红色：人员聚集")
    expect(page.locator(".card").first).to_have_attribute("data-id", upper)
    served.do(lambda: served.room.alert(3))
    expect(pill).to_have_text("↑ 1 条新预警 · 1 起升为红色")
    pill.click()
    expect(page.locator(".card").first).to_have_attribute("data-id", lower)
    expect(pill).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_scrolled_list_is_let_go_after_a_minute_and_what_is_read_stays_in_place(
    served: ServedRoom, opened: Open, width: int
) -> None:
    for number in range(1, 21):
        served.room.alert(number, level=Level.YELLOW, accepted_s_ago=9000 - 100 * number)
    page = opened(served.address, width=width, clock=True)
    read = card(page, IncidentId("I-20261123-000009"))
    read.hover()
    page.mouse.wheel(0, 400)
    scrolled = "() => document.getElementById('cards').scrollTop > 100 || scrollY > 100"
    page.wait_for_function(scrolled)
    page.mouse.move(2, 2)
    red = IncidentId("I-20261123-000050")
    served.do(lambda: served.room.alert(50))
    pill = page.locator("#news")
    expect(pill).to_be_visible()
    page.wait_for_timeout(300)  # the wheel's scrolling is over
    expect(card(page, red)).to_have_count(0)
    stood = read.bounding_box()
    page.clock.fast_forward(61_000)
    expect(card(page, red)).to_have_count(1)
    now = read.bounding_box()
    assert stood is not None
    assert now is not None
    assert abs(now["y"] - stood["y"]) < 2
    expect(pill).to_have_text("↑ 1 条新预警")
    assert ("displayed", red) not in [call[:2] for call in served.room.calls]
    pill.click()
    expect(card(page, red)).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_on_a_phone_what_is_new_stays_in_sight_when_the_connection_is_gone(opened: Open) -> None:
    with served_in_thread(FakeRoom()) as served:
        for number in range(1, 9):
            served.room.alert(number, level=Level.YELLOW)
        page = opened(served.address, width=390)
        card(page, IncidentId("I-20261123-000008")).hover()
        served.do(lambda: served.room.alert(50))
        pill = page.locator("#news")
        expect(pill).to_be_in_viewport(ratio=1)
    expect(page.locator("body")).to_have_attribute("data-stale", "")
    expect(pill).to_be_in_viewport(ratio=1)


def test_that_nothing_is_closed_is_said_once_it_is_known(served: ServedRoom, opened: Open) -> None:
    page = opened(served.address)
    page.locator("#filters [data-filter=closed]").click()
    expect(page.locator("#feed-empty")).to_contain_text("还没有已结的警情")


def test_a_card_is_read_aloud_with_all_that_is_on_it_but_no_figure_that_ticks(served: ServedRoom, opened: Open) -> None:
    served.room.simulated = False
    incident = served.room.alert(1, accepted_s_ago=29)
    page = opened(served.address)
    name = served.room.incidents[incident].camera_name
    told = f"红色，模拟，人员聚集 · {name}，核心"
    expect(card(page, incident)).to_have_attribute("aria-label", f"{told}，尚未派警，未超时")
    served.do(lambda: served.room.send(incident, "U-JP1", eta_s=46, sent_s_ago=20))
    expect(card(page, incident)).to_have_attribute("aria-label", f"{told}，联勤1组 待签收，未超时")
    served.do(lambda: served.room.accept(incident))
    expect(card(page, incident)).to_have_attribute("aria-label", f"{told}，联勤1组 途中，未超时")
    served.do(lambda: served.room.escalate(incident, EscalationStep.SUPERVISOR, "晚", "late"))
    served.do(lambda: served.room.arrive(incident))
    expect(card(page, incident)).to_have_attribute("aria-label", f"{told}，报值班领导，联勤1组 已到场，按时到场")
    late = served.room.alert(2, "C-005", accepted_s_ago=90)
    again = replace(served.room.incidents[late], drill=True, life=2)
    served.do(lambda: served.room.incidents.update({late: again}))
    expect(card(page, late)).to_have_attribute(
        "aria-label", re.compile("^红色，演练，.*，重新打开，核心，尚未派警，已超时$")
    )


def test_a_figure_that_is_pressed_explains_itself_until_something_else_is(served: ServedRoom, opened: Open) -> None:
    served.room.fill()
    page = opened(served.address, width=390, touch=True)
    explained = page.locator("#explained")
    expect(explained).to_be_hidden()
    page.locator("#loop li").nth(1).tap()
    expect(explained).to_contain_text("已有人看到，还没有派警")
    box, screen = explained.bounding_box(), page.viewport_size
    assert box is not None
    assert screen is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= screen["width"]
    page.locator("#rings .cover").first.tap()
    expect(explained).to_contain_text("核心覆盖率")
    page.keyboard.press("Escape")
    expect(explained).to_be_hidden()
    page.locator("#rings li b").first.tap()
    expect(explained).to_contain_text("最长失视")
    page.locator("#feed-title").tap()
    expect(explained).to_be_hidden()
    page.locator("#incident .dial").tap()
    expect(explained).to_contain_text("从受理（t3）到首个警力到场（t9）")
    page.locator("#incident .dial").tap()
    expect(explained).to_be_hidden()


def test_all_figures_are_explained_in_one_sheet_for_who_has_no_pointer(served: ServedRoom, opened: Open) -> None:
    served.room.fill()
    page = opened(served.address)
    page.locator("#figures-open").focus()
    page.keyboard.press("Enter")
    sheet = page.locator("#figures")
    expect(sheet.get_by_role("heading")).to_have_text("数字说明")
    for words in ("已受理，还没有人看到", "最长失视", "核心 · 覆盖", "从受理（t3）到首个警力到场", "只是建议"):
        expect(sheet).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.locator("#figures-open")).to_be_focused()
