"""Several operators at once, and one without a mouse, in a real browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from patrol.domain.events import Level
from patrol.domain.incidents import Disposition, IncidentId

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def open_as(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the page for an operator of this name, in a browser of their own."""
    contexts = []

    def open_as(name: str = "", query: str = "", width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
        contexts.append(context)
        if name:
            context.add_init_script(f"localStorage.setItem('patrol.operator', '{name}')")
        page = context.new_page()
        page.goto(served.address + query)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_as
    for context in contexts:
        context.close()


def choose(page: Page, incident: IncidentId) -> None:
    page.locator(f'.card[data-id="{incident}"]').click()


def test_a_note_stands_with_who_and_when_for_everybody_also_of_what_is_over(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1)
    li, wang = open_as("李明"), open_as("王芳", "?lang=en")
    li.keyboard.press("n")
    li.get_by_role("button", name="记下", exact=True).click()
    expect(li.locator(".message")).to_have_text("请先写点什么")
    li.locator("#note input").fill("店主来电：<b>两人</b>")
    li.keyboard.press("Enter")
    expect(li.locator("#note")).to_be_hidden()
    for page in (li, wang):
        expect(page.locator(".notes li")).to_contain_text("店主来电：<b>两人</b>")
        expect(page.locator(".notes small")).to_contain_text(re.compile(r"李明 · \d\d:\d\d:\d\d"))
    closing = served.room.close(incident, Disposition.HANDLED, "王芳", "x")
    asyncio.run_coroutine_threadsafe(closing, served.loop).result(5)
    wang.locator("#filters [data-filter=closed]").click()
    choose(wang, incident)
    wang.get_by_role("button", name="Note").click()
    wang.locator("#note input").fill("called back")
    wang.keyboard.press("Enter")
    expect(wang.locator(".notes li")).to_have_count(2)
    assert [call for call in served.room.calls if call[0] == "note"][-1] == ("note", incident, "王芳", "called back")


def test_who_else_looks_at_an_incident_is_said_until_they_look_elsewhere(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1), served.room.alert(2, "C-005")
    li, wang, nobody = open_as("李明"), open_as("王芳"), open_as()
    expect(nobody.locator(".card")).to_have_count(2)
    choose(li, first)
    choose(wang, first)
    expect(li.locator(".lookers")).to_have_text("王芳 也在看")
    expect(wang.locator(".lookers")).to_have_text("李明 也在看")
    facts = nobody.locator(f'.card[data-id="{first}"] .facts')
    expect(facts).to_contain_text("2 人在看")
    choose(wang, second)
    expect(li.locator(".lookers")).to_be_hidden()
    expect(facts).to_contain_text("李明 也在看")
    choose(nobody, first)
    expect(li.locator(".lookers")).to_have_text(re.compile("席位 [0-9a-f]{4} 也在看"))


def test_of_two_who_confirm_at_once_one_is_first_and_the_other_sees_who(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1)
    li = open_as("李明")
    hold = []
    li.route("**/confirm", lambda route: hold.append(route))
    li.keyboard.press("c")
    main = li.locator(".actions .row .main").first
    expect(main).to_have_text(re.compile("已确认"))  # at once, before the server has said so
    wang = open_as("王芳")
    choose(wang, incident)
    wang.keyboard.press("c")
    expect(wang.locator(".timeline")).to_contain_text("人工确认")
    expect(li.locator(".timeline")).to_contain_text("王芳")
    hold[0].continue_()
    expect(li.locator(".message")).to_have_text("王芳 已先确认。")


def test_what_was_shown_as_confirmed_and_failed_is_not_any_more(served: ServedRoom, open_as: Open) -> None:
    served.room.alert(1)
    li = open_as("李明")
    li.route("**/confirm", lambda route: route.abort())
    li.keyboard.press("c")
    expect(li.locator(".message")).to_contain_text("没有成功")
    expect(li.locator(".actions .row .main").first).to_be_enabled()


def test_who_writes_while_somebody_else_closes_is_told_and_keeps_the_words(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1)
    li = open_as("李明")
    li.get_by_role("button", name="结案…").click()
    li.locator("#reason").fill("已疏散")
    wang = open_as("王芳", "?lang=en")
    wang.get_by_role("button", name="Close…").click()
    wang.get_by_text("False alarm").click()
    wang.locator("#reason").fill("reflection")
    wang.locator("button[form=closing]").click()
    expect(li.locator(".message")).to_have_text("王芳 已先结案：误报。 你写的没有记下：“已疏散”")
    assert served.room.incidents[incident].reason == "reflection"


def test_whose_level_is_overtaken_sees_by_whom(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1)
    li = open_as("李明")
    li.get_by_role("button", name="改等级…").click()
    changed = replace(served.room.incidents[incident], level=Level.BLUE, level_by="王芳")
    served.do(lambda: served.room.incidents.update({incident: changed}))
    expect(li.locator(".message")).to_have_text("王芳 刚把等级改为蓝色。")


def test_what_did_not_arrive_is_sent_once_more_by_the_same_key(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1)
    li = open_as("李明")
    keys: list[str] = []

    def lose_the_first(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.abort()
        else:
            route.continue_()

    li.route("**/note", lose_the_first)
    li.keyboard.press("n")
    li.locator("#note input").fill("店主来电")
    li.keyboard.press("Enter")
    expect(li.locator(".notes li")).to_contain_text("店主来电")
    assert (len(keys), len(set(keys))) == (2, 1)
    assert [call for call in served.room.calls if call[0] == "note"] == [("note", incident, "李明", "店主来电")]


def test_what_is_over_for_long_is_there_when_somebody_asks_for_it(served: ServedRoom, open_as: Open) -> None:
    closed = [served.room.alert(number, f"C-{number:03d}") for number in range(1, 8)]
    served.room.closed_shown = 2
    for incident in closed:
        closing = served.room.close(incident, Disposition.HANDLED, "王芳", "x")
        asyncio.run_coroutine_threadsafe(closing, served.loop).result(5)
    page = open_as("李明")
    older = page.get_by_role("button", name="更早的", exact=True)
    expect(older).to_be_hidden()
    page.locator("#filters [data-filter=closed]").click()
    expect(page.locator(".card")).to_have_count(2)
    older.click()
    expect(page.locator(".card")).to_have_count(7)
    expect(older).to_be_hidden()
    shown = page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.id)")
    assert shown[2:] == closed[4::-1], "below what the room tells of, the one closed last first"
    choose(page, closed[0])
    expect(page.locator(".outcome")).to_contain_text("王芳")


@pytest.mark.long
def test_of_hundreds_of_cards_only_those_in_sight_are_painted_and_the_keys_go_on(
    served: ServedRoom, open_as: Open
) -> None:
    for number in range(500):
        served.room.alert(number, level=list(Level)[number % 4], people=0, accepted_s_ago=60.0 * number)
    page = open_as("李明")
    expect(page.locator(".card")).to_have_count(500)
    seen = "cards => cards.filter(card => card.firstChild.checkVisibility({contentVisibilityAuto: true})).length"
    painted = page.locator(".card").evaluate_all(seen)
    assert 3 < painted < 100
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".card").nth(2)).to_be_focused()
    page.locator(".card").last.click()
    expect(page.locator(".card").last).to_have_attribute("aria-selected", "true")
    expect(page.locator("#incident")).to_have_attribute("data-level", "green")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.className"))


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """By the Tab key alone; each stop on the way must show that it is one."""
    for _ in range(most):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            "(() => { const node = document.activeElement; const style = getComputedStyle(node);"
            " const drawn = node.matches('input[type=radio]') ? getComputedStyle(node.nextElementSibling) : style;"
            " return node === document.body || drawn.outlineStyle !== 'none'; })()"
        )
        assert shown, f"nothing shows that {focused(page)} is where the keys go"
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} was not reached in {most} steps")


def test_the_whole_job_is_done_without_a_mouse(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1), served.room.alert(2, "C-005")
    page = open_as("李明")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(f'.card[data-id="{second}"]')).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("c")
    expect(page.locator(".timeline")).to_contain_text("人工确认")
    page.keyboard.press("n")
    expect(page.locator("#note input")).to_be_focused()
    page.keyboard.type("c 不是快捷键")
    page.keyboard.press("Enter")
    expect(page.locator(".notes")).to_contain_text("c 不是快捷键")
    tab_to(page, ".level-change")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("看起来不急")
    page.keyboard.press("Enter")
    expect(page.locator("#incident")).to_have_attribute("data-level", "yellow")
    page.locator(".candidates > summary").focus()
    tab_to(page, ".candidates button")
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_text("派警指令已下达")
    tab_to(page, ".close-open")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    tab_to(page, "#reason")
    page.keyboard.type("已处置完毕")
    tab_to(page, "button.main[form=closing]")
    page.keyboard.press("Enter")
    expect(page.locator("#filters [data-filter=closed] b")).to_have_text("1")
    said = [call[0] for call in served.room.calls if call[0] != "displayed"]
    assert said == ["confirm", "note", "level", "order-unit", "close"]
    assert served.room.incidents[first].is_open


@pytest.mark.parametrize("key", ["?", "s", "r"])
def test_a_sheet_holds_the_keys_and_gives_them_back(served: ServedRoom, open_as: Open, key: str) -> None:
    incident = served.room.alert(1)
    page = open_as("李明")
    card = page.locator(f'.card[data-id="{incident}"]')
    card.focus()
    page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(card).to_be_focused()


def test_after_a_button_opened_a_sheet_it_has_the_focus_again(served: ServedRoom, open_as: Open) -> None:
    page = open_as("李明")
    page.locator("#sound").click()
    page.get_by_role("button", name="关闭").click()
    expect(page.locator("#sound")).to_be_focused()
