"""Zones are drawn on a running tour, in a real browser, and the tour works with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.drawn_service import CAMERA, CANARY, DrawnService, drawn_service

from .conftest import IN_A_BROWSER
from .test_accessible import RULES, violations

pytestmark = IN_A_BROWSER

APPLIED_WITHIN_MS = 8000
SEEN_WITHIN_MS = 15_000
FLOOR = ((0.05, 0.6), (0.95, 0.6), (0.95, 0.98), (0.05, 0.98))
RECTANGLE = ((0.2, 0.9), (0.8, 0.9), (0.65, 0.55), (0.35, 0.55))
Open = Callable[..., Page]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[DrawnService]:
    with drawn_service(tmp_path) as running:
        yield running


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens the editor of the camera; what breaks the policy, and every script's error, fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(service: DrawnService, width: int = 1440, theme: str = "dark", language: str = "zh") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
        contexts.append(context)
        context.add_init_script(f"localStorage.setItem('patrol.theme', '{theme}')")
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{service.address}/?lang={language}#zones/{CAMERA}")
        expect(page.locator("#zones svg .zone").first).to_be_visible()
        expect(page.locator("#zones canvas")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def state(page: Page) -> str:
    return page.locator("#zones .zones-foot [data-state]").get_attribute("data-state") or ""


def expect_state(page: Page, wanted: str) -> None:
    expect(page.locator("#zones .zones-foot [data-state]")).to_have_attribute(
        "data-state", wanted, timeout=APPLIED_WITHIN_MS
    )


def click_at(page: Page, *points: tuple[float, float]) -> None:
    for x, y in points:
        box = page.locator("#zones .zones-picture svg").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def use(page: Page, tool: str) -> None:
    page.locator(f'#zones button[data-tool="{tool}"]').click()


def save(page: Page, who: str = "li") -> None:
    page.locator("#zones .who input").fill(who)
    page.locator("#zones-save").click()


def axe_finds(page: Page) -> list[str]:
    found = Axe().run(page, context="#zones", options={"runOnly": {"type": "tag", "values": list(RULES)}})
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found.response["violations"]]


def test_a_zone_is_drawn_and_applied(service: DrawnService, open_page: Open) -> None:
    page = open_page(service)
    expect_state(page, "applied")
    before = service.file.read_text(encoding="utf-8")

    use(page, "zone")
    click_at(page, *FLOOR)
    page.keyboard.press("Enter")
    expect(page.locator("#zones .zones-troubles")).to_contain_text("没有名称")
    expect(page.locator("#zones-save")).to_be_disabled()
    page.locator("#zone-name").fill("门前")
    use(page, "ground")
    click_at(page, *RECTANGLE)
    expect(page.locator("#zones .grid polyline").first).to_be_attached()
    page.get_by_role("button", name="量距离").click()
    click_at(page, *RECTANGLE[:2])
    expect(page.locator("#zones .measure text")).to_have_text("4.00 米")
    page.get_by_role("button", name="放一个人").click()
    click_at(page, (0.5, 0.75))
    expect(page.locator("#zones .person polyline")).to_be_attached()
    expect_state(page, "changed")
    assert axe_finds(page) == []
    save(page)

    expect_state(page, "applied")
    after = service.file.read_text(encoding="utf-8")
    assert [line for line in before.splitlines() if "#" in line and CAMERA not in line] == [
        line for line in after.splitlines() if "#" in line and CAMERA not in line and "# east" not in line
    ]
    assert "# east" in after
    assert CANARY not in after
    # The tour works with it: four people stand in the new zone, and none stood in the old one.
    page.locator("#zones").get_by_role("button", name="关闭").click()
    expect(page.locator("#zones")).to_be_hidden()
    expect(page.locator("#cards")).to_contain_text("门前：4 人", timeout=SEEN_WITHIN_MS)


def test_a_mask_is_drawn_by_keys_alone_and_nothing_is_seen_there_any_more(
    service: DrawnService, open_page: Open
) -> None:
    page = open_page(service, theme="light", language="en")
    expect_state(page, "applied")
    page.locator('#zones button[data-tool="mask"]').press("Enter")
    first = page.locator("#zones .corner").first
    expect(first).to_be_focused()
    told = first.get_attribute("aria-label")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert first.get_attribute("aria-label") != told
    page.keyboard.press("+")
    expect(page.locator("#zones .corner")).to_have_count(5)
    page.keyboard.press("Delete")
    expect(page.locator("#zones .corner")).to_have_count(4)
    page.keyboard.press("Control+z")
    expect(page.locator("#zones .corner")).to_have_count(5)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#zones .corner")).to_have_count(4)
    assert axe_finds(page) == []
    save(page)
    expect_state(page, "applied")
    page.get_by_role("button", name="New still").click()
    black = "() => { const c = document.querySelector('#zones canvas'); const p = c.getContext('2d')\
        .getImageData(c.width / 2, c.height / 2, 1, 1).data; return Math.max(p[0], p[1], p[2]) < 24; }"
    page.wait_for_function(black)


def test_what_was_drawn_is_not_lost_by_leaving_nor_by_who_was_quicker(service: DrawnService, open_page: Open) -> None:
    page, other = open_page(service), open_page(service, language="en")
    for each, name in ((page, "东侧"), (other, "elsewhere")):
        each.locator("#zones .zones-list button").first.click()
        each.locator("#zone-name").fill(name)
    save(other, "wang")
    expect_state(other, "applied")
    save(page)
    expect(page.locator("#zones [role=alert]")).to_contain_text("wang")
    page.evaluate("location.hash = '#wall'")
    expect(page.locator("#zones-leaving")).to_be_visible()
    assert violations(page, "leaving", "#zones-leaving") == []
    page.get_by_role("button", name="留在这里").click()
    expect(page.locator("#zone-name")).to_have_value("东侧")
    page.get_by_role("button", name="重新载入").click()
    expect(page.locator("#zones .zones-list b").first).to_have_text("elsewhere")
    assert state(page) != "changed"


@pytest.mark.parametrize(("theme", "language"), [("dark", "zh"), ("light", "en")])
def test_on_a_phone_it_is_to_look_at(service: DrawnService, open_page: Open, theme: str, language: str) -> None:
    page = open_page(service, width=390, theme=theme, language=language)
    expect(page.locator("#zones .zones-note")).to_be_visible()
    expect(page.locator("#zones-save")).to_have_count(0)
    assert page.evaluate("document.querySelector('#zones').scrollWidth <= innerWidth")
    assert axe_finds(page) == []
