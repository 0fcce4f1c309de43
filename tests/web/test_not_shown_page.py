"""More open incidents than a page is told of, in a real browser: they are counted, and said to be there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from patrol.domain.incidents import IncidentId
from patrol.domain.orders import OrderState

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    room = FakeRoom(open_not_shown=137)
    for number in range(1, 4):
        room.alert(number)
    with served_in_thread(room) as served:
        yield served


def test_those_that_are_not_listed_are_counted_and_told_at_the_end_of_the_feed(
    browser: Browser, served: ServedRoom
) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(served.address)
    line, tab = page.locator("#feed .feed-more"), "#filters [data-filter={}] b"
    expect(page.locator(tab.format("open"))).to_have_text("140")
    expect(page.locator(tab.format("unconfirmed"))).to_have_text("3+")
    expect(page).to_have_title(re.compile("^140 起处置中"))
    expect(line).to_have_text("另有 137 起未列出：较不紧急的，处置掉一些后列出。")
    page.locator("#filters [data-filter=closed]").click()
    expect(line).to_be_hidden()
    page.locator("#filters [data-filter=open]").click()
    page.locator("#language").click()
    expect(line).to_have_text("137 more are not listed: less urgent ones, which come once some of these are closed.")
    served.do(lambda: setattr(served.room, "open_not_shown", 0))
    expect(line).to_be_hidden()
    expect(page.locator(tab.format("open"))).to_have_text("3")
    context.close()


def test_told_one_by_one_the_page_has_the_room_as_it_is(browser: Browser, served: ServedRoom) -> None:
    room, ids = served.room, [IncidentId(f"I-20261123-{number:06d}") for number in (1, 2, 3, 4)]
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(served.address)
    cards = page.locator("#cards .card")
    expect(cards).to_have_count(3)
    page.mouse.move(1000, 500)
    served.do(lambda: room.send(ids[1], "U-P2", eta_s=50))
    chip = page.locator(f'.card[data-id="{ids[1]}"] .chip')
    expect(chip).to_have_attribute("data-tone", OrderState.SENT.value)
    served.do(lambda: room.accept(ids[1]))
    expect(chip).to_have_attribute("data-tone", OrderState.EN_ROUTE.value)
    served.do(lambda: room.alert(4))
    expect(cards).to_have_count(4)
    served.do(lambda: room.incidents.pop(ids[0]))
    expect(cards).to_have_count(3)
    expect(page.locator(f'.card[data-id="{ids[0]}"]')).to_have_count(0)
    expect(chip).to_have_attribute("data-tone", OrderState.EN_ROUTE.value)
    context.close()
