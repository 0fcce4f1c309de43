"""The first-run guide in a real browser: offered once, never in the way, and pointing at what is really there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER
STEPS = 6

# Whether the guide's line goes around a part of the page, as far as that is on the screen.
GOES_AROUND = """(selector) => {
  const [spot, part] = ["#guide .spot", selector].map((one) => document.querySelector(one).getBoundingClientRect());
  const cut = (value, most) => Math.max(2, Math.min(value, most - 2));
  const [left, top] = [cut(part.left, innerWidth), cut(part.top, innerHeight)];
  return Math.abs(spot.left - left) < 9 && Math.abs(spot.top - top) < 9 && spot.right >= cut(part.right, innerWidth);
}"""


@pytest.fixture(scope="module")
def served() -> Iterator[ServedRoom]:
    room = FakeRoom()
    room.fill()
    with served_in_thread(room) as served:
        yield served


def opened(browser: Browser, served: ServedRoom, width: int = 1440, height: int = 900) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
    page.goto(served.address)
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    return page


def test_it_is_offered_once_walks_through_the_page_and_comes_back_from_the_help(
    browser: Browser, served: ServedRoom
) -> None:
    page = opened(browser, served)
    offer, guide = page.locator("#guide-offer"), page.get_by_role("dialog", name="预警在这里")
    expect(offer).to_be_visible()
    expect(page.locator("#guide")).to_be_hidden()  # it never opens by itself
    page.get_by_role("button", name="看入门").click()
    expect(guide).to_be_visible()
    expect(page.get_by_role("button", name="下一步")).to_be_focused()
    page.wait_for_function(GOES_AROUND, arg="#feed")
    for selector in ("#incident .clocks", "#rings", "#map", '#views a[href="#wall"]', "#sound"):
        page.keyboard.press("Enter")
        page.wait_for_function(GOES_AROUND, arg=selector)
    for _ in range(8):  # nothing behind it can be reached
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#guide')")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#guide")).to_contain_text(f"第 {STEPS - 1} 步，共 {STEPS} 步")
    page.keyboard.press("Escape")
    expect(page.locator("#guide")).to_be_hidden()
    expect(offer).to_have_count(0)
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    page.keyboard.press("?")
    page.get_by_role("button", name="再看一遍入门").click()
    expect(guide).to_be_visible()
    expect(page.locator("#help")).to_be_hidden()
    expect(offer).to_have_count(0)
    page.context.close()


def test_whoever_does_not_want_it_is_not_asked_again(browser: Browser, served: ServedRoom) -> None:
    page = opened(browser, served)
    page.get_by_role("button", name="不用").click()
    expect(page.locator("#guide-offer")).to_have_count(0)
    page.reload()
    expect(page.locator("#me")).to_be_hidden()
    expect(page.locator("#open-room")).to_be_visible()  # by then it is known who sits here
    page.wait_for_timeout(600)
    expect(page.locator("#guide-offer")).to_have_count(0)
    page.context.close()


def test_on_a_phone_the_card_stays_on_the_screen_and_its_part_in_sight(browser: Browser, served: ServedRoom) -> None:
    page = opened(browser, served, 390, 844)
    page.get_by_role("button", name="看入门").click()
    for selector in ("#feed", "#incident .clocks", "#rings", "#map", '#views a[href="#wall"]', "#sound"):
        page.wait_for_function(GOES_AROUND, arg=selector)
        box = page.locator(".guide-card").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
        page.locator(".guide-steps .main").click()
    expect(page.locator("#guide")).to_be_hidden()
    page.context.close()
