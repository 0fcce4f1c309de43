"""A night in fast-forward, as people see it: the real service, store and queue, and Debian's Chromium before them.

Only what the cameras see is on cue, and the crews' terminals are in the test's hand. How an alert's way to the page is
spread is measured by ``make bench-console``; that it takes a second at most is tried here, too.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from benchmarks.console_alerts import NOTE_CARDS, accepted_at
from tests.acceptance.crew import Crew
from tests.acceptance.station import PASSWORD, Station, station
from tests.stopwatch import stopwatch
from tests.web.conftest import IN_A_BROWSER

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240), *IN_A_BROWSER]

LI, WANG = "李明", "王芳"
ON_THE_PAGE_WITHIN_S = 1.0
CLOCKS = [f"t{number}" for number in range(13)]
Open = Callable[[str], Page]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    with station(tmp_path_factory.mktemp("night"), LI, WANG) as there:
        yield there


@pytest.fixture
def crew(night: Station) -> Iterator[Crew]:
    crew = Crew(night.queue_url)
    yield crew
    crew.close()


@pytest.fixture
def open_as(browser: Browser, night: Station) -> Iterator[Open]:
    """Signs somebody in, in a browser of their own."""
    contexts = []

    def open_as(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.goto(night.address)
        expect(page.locator("#sign-in button")).not_to_be_empty()  # the page speaks, so that it listens, too
        page.locator("#name").fill(name)
        page.locator("#password").fill(PASSWORD)
        page.locator("#password").press("Enter")
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        expect(page.locator("#me")).to_contain_text(name)
        return page

    yield open_as
    for context in contexts:
        context.close()


def card(page: Page, incident: str) -> Locator:
    return page.locator(f'.card[data-id="{incident}"]')


def choose(page: Page, incident: str) -> None:
    """Look at it, and take the hand from the feed: under it nothing moves."""
    card(page, incident).click()
    page.mouse.move(700, 20)
    expect(page.locator("#incident .about")).to_contain_text(incident)


def stage(page: Page) -> Locator:
    """The loop stage in which the chosen incident is."""
    return page.locator('#incident .stages [aria-current="step"]')


def write_feedback(page: Page, words: str) -> None:
    page.get_by_role("button", name="结案…").click()
    page.locator("#closing").get_by_text("已处置").click()
    page.locator("#reason").fill(words)


def send_feedback(page: Page) -> None:
    page.get_by_role("button", name="结案", exact=True).click()


def middle_of(mark: Locator) -> tuple[float, float]:
    box = mark.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_from_an_alert_to_a_closed_incident_with_every_step_on_the_page(
    night: Station, crew: Crew, open_as: Open
) -> None:
    li, wang = open_as(LI), open_as(WANG)
    night.sees_crowd("core-1")
    red = night.accepted("core-1")
    for page in (li, wang):
        expect(card(page, red)).to_have_attribute("data-level", "red")
    expect(card(li, red).locator(".thumb img")).to_be_visible()
    choose(li, red)
    countdown = li.locator("#incident .countdown")
    expect(countdown).to_have_attribute("data-mode", "running")

    li.keyboard.press("c")
    expect(li.locator(".timeline")).to_contain_text("人工确认")
    first = crew.order(red)
    expect(stage(li)).to_contain_text("指令")
    expect(card(li, red).locator(".chip")).to_contain_text(f"{first['unit_id']}待签收")

    other = next(unit for unit in ("U-1", "U-2", "U-3") if unit != first["unit_id"])
    li.keyboard.press("u")  # open already, where it was chosen before anybody was sent
    li.get_by_role("button", name=f"派 {other} 去").click()
    assert crew.order(red, other)["ordered_by"] == LI
    li.get_by_role("button", name=f"收回 {other} 的指令").click()
    expect(li.get_by_role("button", name=f"收回 {other} 的指令")).to_have_count(0)

    crew.answers(first, "accepted")
    expect(stage(li)).to_contain_text("盯办")
    crew.stands_at(first, metres_north=-150)
    mark = li.locator(f'#map [data-unit="{first["unit_id"]}"]')
    before = middle_of(mark)
    crew.answers(first, "en_route")
    crew.stands_at(first, metres_north=-60)
    expect(card(li, red)).to_have_attribute("data-state", "en_route")
    li.wait_for_function(
        """([unit, x, y]) => {
          const box = document.querySelector(`#map [data-unit="${unit}"]`).getBoundingClientRect();
          return Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y) > 5;
        }""",
        arg=[first["unit_id"], *before],
    )

    crew.stands_at(first, metres_north=0)
    crew.answers(first, "on_scene")
    expect(countdown).to_have_attribute("data-mode", "arrived")
    expect(countdown).to_contain_text("✓ 目标")
    frozen, clock = countdown.inner_text(), li.locator("#clock").inner_text()
    expect(li.locator("#clock")).not_to_have_text(clock)
    assert countdown.inner_text() == frozen

    crew.answers(first, "done")
    expect(card(li, red).locator(".chip")).to_have_text("已处置，待反馈")
    expect(stage(li)).to_contain_text("反馈")
    write_feedback(li, "已疏散")
    send_feedback(li)
    expect(li.locator(".second")).to_contain_text(f"{LI} 于")
    expect(li.get_by_role("button", name="同意结案")).to_be_disabled()
    choose(wang, red)
    wang.get_by_role("button", name="同意结案").click()
    for page in (li, wang):
        expect(page.locator("#filters [data-filter=closed] b")).to_have_text("1")
    wang.locator("#filters [data-filter=closed]").click()
    choose(wang, red)
    expect(wang.locator(".outcome")).to_contain_text("已处置")
    expect(wang.locator(".outcome")).to_contain_text("已疏散")
    assert wang.locator(".timeline tbody th i").all_inner_texts() == CLOCKS
    expect(wang.locator('#incident .stages [data-progress="done"]')).to_have_count(5)


def test_of_two_who_act_at_once_one_wins_and_the_other_sees_who(night: Station, crew: Crew, open_as: Open) -> None:
    li, wang = open_as(LI), open_as(WANG)
    night.sees_crowd("far-1")
    blue = night.accepted("far-1")
    held: list[Route] = []
    li.route("**/confirm", lambda route: held.append(route))
    for page in (li, wang):
        choose(page, blue)
        expect(card(page, blue).locator(".chip")).to_contain_text("待人工确认")
    li.keyboard.press("c")
    expect(li.locator(".actions .row .main").first).to_have_text(re.compile("已确认"))  # at once
    wang.keyboard.press("c")
    expect(li.locator(".timeline")).to_contain_text(WANG)
    held[0].continue_()
    expect(li.locator(".message")).to_have_text(f"{WANG} 已先确认。")
    order = crew.order(blue)  # what waited for a word waits no longer
    for kind in ("accepted", "en_route", "on_scene", "done"):
        crew.answers(order, kind)
    for page in (li, wang):
        expect(card(page, blue).locator(".chip")).to_have_text("已处置，待反馈")
        write_feedback(page, "已查看")
    send_feedback(li)
    expect(wang.locator(".message")).to_have_text(f"{LI} 已先结案：已处置。 你写的没有记下：“已查看”")
    expect(li.locator("#filters [data-filter=closed] b")).to_have_text(re.compile("[12]"))


def test_a_page_outlives_its_server_and_misses_and_doubles_nothing(night: Station, crew: Crew, open_as: Open) -> None:
    li = open_as(LI)
    night.sees_crowd("core-2")
    before = night.accepted("core-2")
    choose(li, before)
    li.keyboard.press("n")
    li.locator("#note input").fill("店主来电")
    night.sees_crowd("core-3")
    between = night.accepted("core-3")
    night.kill_service()
    expect(li.locator("#banners")).to_contain_text("连接中断，正在自动重连")
    expect(li.locator("body")).to_have_attribute("data-stale", "")
    night.sees_crowd("core-4")
    night.start_service()
    after = night.accepted("core-4")
    expect(li.locator("#banners")).not_to_contain_text("连接中断")
    expect(li.locator("body")).not_to_have_attribute("data-stale", "")
    assert li.locator("#note input").input_value() == "店主来电"
    li.locator("#note input").press("Enter")
    expect(li.locator(".notes li")).to_contain_text(f"店主来电{LI}")  # whoever was signed in still is
    for incident in (before, between, after):
        expect(card(li, incident)).to_have_count(1)
    shown = li.locator(".card").evaluate_all("cards => cards.map((card) => card.dataset.id)")
    assert len(shown) == len(set(shown))
    for incident in (before, between, after):
        crew.order(incident)


def test_a_queue_that_is_away_is_said_and_nothing_is_lost_when_it_is_back(
    night: Station, crew: Crew, open_as: Open
) -> None:
    li = open_as(LI)
    expect(li.locator("#health")).to_contain_text("队列正常")
    night.kill_queue()
    banner = li.locator("#banners .banner", has_text=re.compile("队列降级：.*条待发"))
    expect(banner).to_be_visible()
    expect(li.locator("#health")).to_contain_text("队列降级")
    night.sees_crowd("core-5")
    red = night.accepted("core-5")
    expect(card(li, red)).to_be_visible()  # it is stored, so that it is seen
    expect(banner).to_contain_text(re.compile("[1-9][0-9]* 条待发"))
    expect(card(li, red).locator(".chip")).to_have_text("尚未派警")  # dispatch hears of it by the queue
    night.start_queue()
    expect(banner).to_have_count(0)
    expect(li.locator("#health")).to_contain_text("队列正常")
    order = crew.order(red)
    expect(card(li, red).locator(".chip")).to_contain_text(order["unit_id"])


def test_an_alert_is_on_the_page_within_a_second_of_its_acceptance(night: Station, open_as: Open) -> None:
    """The middle one of nine, less what the machine stood still: one that fell on a busy moment proves nothing."""
    page = open_as(LI)
    page.evaluate(NOTE_CARDS)
    took_s = [seconds_to_the_page(night, page, f"core-{number}") for number in range(6, 15)]
    assert 0 < statistics.median(took_s) <= ON_THE_PAGE_WITHIN_S, took_s


def seconds_to_the_page(night: Station, page: Page, camera_id: str) -> float:
    """From the acceptance (t3) of what a camera sees to the frame that shows its card."""
    with stopwatch() as watch:
        night.sees_crowd(camera_id)
        incident = night.accepted(camera_id)
        expect(card(page, incident)).to_have_count(1)
        stalled_s = watch.stalled_s
    shown_at: float = page.evaluate(
        "async (id) => { while (!shownAt[id]) await new Promise(requestAnimationFrame); return shownAt[id]; }", incident
    )
    return shown_at - accepted_at(night.folder / "patrol.db")[incident] - stalled_s
