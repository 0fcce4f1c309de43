"""Theme and sound in a real browser: one key away, kept, and no sound of which nobody was told why."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from patrol.domain.events import Level

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]

# Writes down when each note begins, and how high it is, instead of what a loudspeaker would do with it.
LISTENING = """
window.notes = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) {
  window.notes.push(this.frequency.value);
  return start.call(this, at);
};
"""
RED, YELLOW, BLUE = [659, 659, 988], [523, 659], [523]
LOST = [494, 392, 294]
TICKS = [1319, 1319]


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom(simulated=False)) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the page with somebody who listens; ``keep``: what the browser has kept."""
    contexts = []

    def open_page(keep: dict[str, str] | None = None, width: int = 1440, scheme: str = "dark") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN", color_scheme=scheme)
        contexts.append(context)
        context.add_init_script(LISTENING)
        for key, value in (keep or {}).items():
            context.add_init_script(f"localStorage.setItem({json.dumps(key)}, {json.dumps(value)})")
        page = context.new_page()
        page.goto(served.address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_page
    for context in contexts:
        context.close()


def real_alert(served: ServedRoom, number: int, level: Level = Level.RED, *, simulated: bool = False) -> None:
    """An alert of a camera that is real, unless it is ``simulated``."""

    def happen() -> None:
        incident = served.room.alert(number, f"C-0{number:02}", level=level)
        served.room.incidents[incident] = replace(served.room.incidents[incident], simulated=simulated)

    served.do(happen)


def hear(page: Page, *figures: list[int]) -> None:
    """These figures, and no other note so far."""
    expected = [note for figure in figures for note in figure]
    page.wait_for_function("count => notes.length >= count", arg=len(expected))
    assert [round(note) for note in page.evaluate("notes")] == expected


def test_it_is_dark_whatever_the_system_says_and_light_by_one_key_and_stays_so(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page(scheme="light")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_css("color-scheme", "dark")
    page.keyboard.press("t")
    expect(root).to_have_css("color-scheme", "light")
    expect(root).to_have_css("background-color", "rgb(238, 241, 244)")
    expect(page.locator("#theme")).to_have_attribute("aria-label", "换成深色")
    page.reload()
    expect(root).to_have_css("color-scheme", "light")
    page.route("**/api/v1/me", lambda route: route.abort())  # the door would go on to the room by itself: no accounts
    page.goto(f"{served.address}sign-in")
    expect(page.locator("#message")).not_to_be_empty()
    expect(root).to_have_css("color-scheme", "light")
    page.unroute("**/api/v1/me")
    page.goto(served.address)
    page.locator("#theme").click()
    expect(root).to_have_css("color-scheme", "dark")


def test_a_light_page_is_light_before_anything_of_it_runs(browser: Browser, served: ServedRoom) -> None:
    context = browser.new_context()
    context.add_init_script("localStorage.setItem('patrol.theme', 'light')")
    page = context.new_page()
    page.route(re.compile(r"/static/(?!before-paint).*\.js$"), lambda route: route.abort())
    page.goto(served.address)
    expect(page.locator("html")).to_have_css("background-color", "rgb(238, 241, 244)")
    expect(page.locator("meta[name=color-scheme]")).to_have_attribute("content", "light")
    context.close()


def test_until_somebody_touches_the_page_it_says_that_it_is_silent(served: ServedRoom, open_page: Open) -> None:
    real_alert(served, 1)
    page = open_page()
    button = page.locator("#sound")
    expect(button).to_have_text("点击开声")
    page.locator("#feed-title").click()
    expect(button).to_have_attribute("data-state", "heard")
    expect(button).to_have_text("")
    expect(button).to_have_attribute("aria-label", "声音与显示")
    real_alert(served, 2, Level.YELLOW)
    hear(page, YELLOW)  # and not the red one, which was there before


def test_a_drill_and_what_is_simulated_is_silent_unless_somebody_wants_it_and_then_it_is_marked(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    page.locator("#feed-title").click()
    real_alert(served, 1, Level.YELLOW, simulated=True)
    expect(page.locator(".card")).to_have_count(1)
    page.wait_for_timeout(700)
    hear(page)
    page.keyboard.press("s")
    page.get_by_text("演练和模拟警情也响").click()
    real_alert(served, 2, Level.BLUE, simulated=True)
    hear(page, TICKS, BLUE)


def test_a_mute_counts_down_is_kept_and_ends_by_the_same_key(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    button = page.locator("#sound")
    page.keyboard.press("m")
    expect(button).to_have_text(re.compile("^静音 (5:00|4:5\\d)$"))
    page.reload()
    page.locator("#feed-title").click()
    expect(button).to_have_text(re.compile("^静音 4:5\\d$"))
    real_alert(served, 1, Level.YELLOW)
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("s")
    page.get_by_role("button", name="15 分钟").click()
    expect(page.locator("#settings [role=status]")).to_contain_text("到时自动恢复")
    page.keyboard.press("Escape")
    expect(button).to_have_text(re.compile("^静音 14:5\\d|15:00$"))
    page.keyboard.press("m")
    expect(button).to_have_text("")
    page.wait_for_timeout(700)
    hear(page)  # what came meanwhile is not made up for


@pytest.mark.long
def test_a_mute_that_is_over_has_come_back_by_itself(served: ServedRoom, open_page: Open) -> None:
    page = open_page({"patrol.sound": json.dumps({"mutedUntil": (time.time() + 8) * 1000})})
    page.locator("#feed-title").click()
    expect(page.locator("#sound")).to_have_attribute("data-state", "muted")
    expect(page.locator("#sound")).to_have_attribute("data-state", "heard", timeout=12_000)
    real_alert(served, 1, Level.BLUE)
    hear(page, BLUE)


def test_every_sound_can_be_tried_and_a_screen_may_be_silent_for_good(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("s")
    expect(page.locator("#settings")).to_be_visible()
    page.get_by_role("button", name="试听：红色：立即处置").click()
    hear(page, RED)
    page.get_by_label("音量").fill("30")
    page.get_by_label("这块屏幕发声").uncheck()
    page.get_by_role("button", name="关闭").click()
    expect(page.locator("#sound")).to_have_text("声音已关")
    page.reload()
    expect(page.locator("#sound")).to_have_text("声音已关")
    page.keyboard.press("s")
    expect(page.get_by_label("音量")).to_have_value("30")


def test_what_somebody_else_has_left_in_the_browser_does_not_matter(served: ServedRoom, open_page: Open) -> None:
    kept = {"patrol.sound": '{"volume": "loud", "mutedUntil": 9e15, "isOn": 7}', "patrol.theme": "purple"}
    page = open_page(kept)
    page.locator("#feed-title").click()
    expect(page.locator("#sound")).to_have_text(re.compile("^静音 (29|30):\\d\\d$"))  # the longest there is
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_lost_server_is_heard(browser: Browser) -> None:
    context = browser.new_context()
    context.add_init_script(LISTENING)
    page = context.new_page()
    with served_in_thread(FakeRoom()) as served:
        page.goto(served.address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        page.locator("#feed-title").click()
    hear(page, LOST)
    context.close()


def test_a_unit_is_shown_with_its_shift_and_put_out_of_service_with_a_reason(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    page.keyboard.press("s")
    page.get_by_role("tab", name="警力与班次").click()
    row = page.locator('.roster li[data-unit="U-P2"]')
    expect(row).to_contain_text("每天 08:00–20:00")
    expect(row.locator(".day .on")).to_have_attribute("x", "80")
    expect(row.locator(".day .on")).to_have_attribute("width", "120")
    row.get_by_role("button", name="改 巡2车 的状态").click()
    form = page.locator(".change-unit")
    form.get_by_text("停勤", exact=True).click()
    form.get_by_label("说明").fill("送修")
    form.get_by_label("值班员").fill("李明")
    page.wait_for_timeout(1200)  # the room's state comes meanwhile, and takes nothing away
    form.get_by_role("button", name="改").click()
    expect(page.locator("#settings .message")).to_have_text("巡2车：停勤")
    expect(row).to_have_attribute("data-state", "out_of_service")
    assert ("unit", "U-P2", "out_of_service", "李明", "送修") in served.room.calls


def test_rules_are_read_with_where_they_watch_and_what_they_make_it(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("s")
    page.locator("#tab-own").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="规则")).to_be_focused()
    crowd = page.locator('.rules li[data-rule="crowd"]')
    expect(crowd).to_contain_text("≥ 3 人，持续 3 秒")
    expect(crowd).to_contain_text("264 路点位：核心 64、周边 200")
    expect(crowd.locator(".path")).to_have_text("rules.crowd")
    row = page.locator(".levels-by-kind tbody tr").first
    assert [cell.strip() for cell in row.locator("td").all_inner_texts()] == ["红色", "黄色", "蓝色"]
    expect(page.locator("#settings")).to_contain_text("蓝色的人员聚集：等人确认 60 秒，没有人说话就派警")
