"""The top bar in a real browser: what stands there stands there whole, at every usual width and in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER

# What is cut, or lies upon another, or beyond the edge: by its id or class.
MISPLACED = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)].filter((node) => rect(node).width > 0);
  const name = (node) => node.id || node.className || node.textContent;
  const rect = (node) => node.getBoundingClientRect();
  const parts = all("#top .brand > img, #top h1, #station, #top .badge, #loop, #rings, #health, .desk-buttons");
  const words = all("#top .badge, #loop span, #health span, #rings span, #sound");
  const isCut = (node) => getComputedStyle(node).display !== "inline" && node.scrollWidth > node.clientWidth + 1;
  const cut = words.filter(isCut);
  const ends = (word) => rect(word).left + word.scrollWidth;
  const holds = (stage) => [...stage.children].every((word) => ends(word) <= rect(stage).right + 1);
  const stages = all("#loop li").filter((stage) => !holds(stage));
  const crosses = (one, other) => rect(one).left < rect(other).right - 1 && rect(other).left < rect(one).right - 1
    && rect(one).top < rect(other).bottom - 1 && rect(other).top < rect(one).bottom - 1;
  const upon = parts.filter((one, place) => parts.slice(place + 1).some((other) => crosses(one, other)));
  const beyond = parts.filter((node) => rect(node).right > innerWidth + 1 || rect(node).left < -1);
  return { cut: cut.map(name), stages: stages.map(name), upon: upon.map(name), beyond: beyond.map(name) };
}"""
WHOLE = {"cut": [], "stages": [], "upon": [], "beyond": []}


@pytest.fixture(scope="module")
def served() -> Iterator[ServedRoom]:
    room = FakeRoom()
    room.fill()
    with served_in_thread(room) as served:
        yield served


@pytest.mark.parametrize("query", ["", "?lang=en"])
def test_nothing_in_the_top_bar_is_cut_or_lies_upon_another(browser: Browser, served: ServedRoom, query: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.goto(served.address + query)
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    expect(page.locator("#open-room")).to_be_visible()
    expect(page.locator("#sound")).not_to_have_text("")  # it says something, which is as wide as it gets
    for width in (1920, 1600, 1440, 1280, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(MISPLACED) == WHOLE, width
    context.close()


@pytest.mark.parametrize("query", ["", "?lang=en"])
def test_a_stretched_ring_stays_in_its_cell(browser: Browser, query: str) -> None:
    room = FakeRoom(stretch=2.56)
    room.fill()
    with served_in_thread(room) as served:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page = context.new_page()
        page.goto(served.address + query)
        rings = page.locator("#rings li")
        expect(rings.nth(2)).to_contain_text("30→76.8 s")
        for width in (1440, 390, 360):
            page.set_viewport_size({"width": width, "height": 900})
            over = rings.evaluate_all("cells => cells.map((cell) => cell.scrollWidth - cell.clientWidth)")
            assert max(over) <= 0, width
        context.close()
