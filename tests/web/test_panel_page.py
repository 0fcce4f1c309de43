"""What an operator has before them is theirs: no other incident, answer or hand takes its place. In a real browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from patrol.domain.events import Level
from patrol.domain.incidents import Disposition, EscalationStep, IncidentId, IncidentState
from patrol.domain.orders import Candidate, OrderState
from patrol.domain.units import Unit, UnitId, UnitKind, UnitState

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import ALL_RINGS, FakeRoom, at_metres

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]
LI, WANG = "李明", "王芳"


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def open_as(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the page for an operator of this name, in a browser of their own."""
    contexts = []

    def open_as(name: str = LI, address: str = "", width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
        contexts.append(context)
        context.add_init_script(f"localStorage.setItem('patrol.operator', '{name}')")
        page = context.new_page()
        page.goto(served.address + address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_as
    for context in contexts:
        context.close()


def card(page: Page, incident: IncidentId) -> Locator:
    return page.locator(f'.card[data-id="{incident}"]')


def shown(page: Page) -> Locator:
    """The line that says which incident the panel shows."""
    return page.locator("#incident .about")


def forget(served: ServedRoom, incident: IncidentId) -> None:
    """The room tells of it no more, and nobody finds it among the closed ones."""
    served.do(lambda: served.room.incidents.pop(incident))


def close(served: ServedRoom, incident: IncidentId, by: str = WANG, reason: str = "x") -> None:
    closing = served.room.close(incident, Disposition.HANDLED, by, reason)
    asyncio.run_coroutine_threadsafe(closing, served.loop).result(5)


def begin_closing(page: Page, words: str) -> None:
    page.get_by_role("button", name="结案…").click()
    page.locator("#closing").get_by_text("已处置").click()
    page.locator("#reason").click()
    page.keyboard.type(words)


def said(served: ServedRoom, *actions: str) -> list[tuple[str, ...]]:
    return [call for call in served.room.calls if call[0] in actions]


def crew(n: int) -> Unit:
    """A unit so many hundred metres north of the centre."""
    place = at_metres(0.0, 100.0 * n)
    return Unit(UnitId(f"U-{n}"), f"第{n}组", f"Crew {n}", UnitKind.POST, ALL_RINGS, place, 4.0, 3.0, True)


# Any unit


def test_after_a_dispatchers_own_choice_every_other_unit_can_still_be_sent(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1, "C-005")
    served.room.send(incident, "U-P2", eta_s=50)
    alone = (Candidate(UnitId("U-P2"), 50.0, None),)
    served.room.orders[incident] = replace(served.room.orders[incident], candidates=alone, ordered_by=LI)
    page = open_as()
    page.locator(".candidates > summary").click()
    expect(page.locator(".candidates > div tr")).to_have_count(1)
    page.locator(".other-units > summary").click()
    others = page.locator(".other-units tr")
    expect(others).to_have_count(6)
    expect(others.filter(has_text="巡3车")).to_contain_text(re.compile(r"待命直线 \d+ 米"))
    others.filter(has_text="巡3车").get_by_role("button", name="派 巡3车 去").click()
    expect(page.locator(".message")).to_have_text("派警指令已下达")
    # Not for this ring by the rules, which do not bind a dispatcher.
    others.filter(has_text="无人机组").get_by_role("button").click()
    expect(page.locator(".message")).to_have_text("派警指令已下达")
    assert said(served, "order-unit") == [("order-unit", incident, unit, LI) for unit in ("U-P3", "U-DRONE")]


def test_a_unit_that_was_taken_back_can_be_sent_again_and_says_that_it_was(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1, "C-005")
    served.room.send(incident, "U-P2", eta_s=50)
    back = replace(served.room.orders[incident], state=OrderState.RECALLED, recalled_by=LI)
    served.room.orders[incident] = back
    served.room.unit_states[UnitId("U-P2")] = UnitState.AVAILABLE
    page = open_as()
    page.locator(".candidates > summary").click()
    row = page.locator(".candidates > div tr").filter(has_text="巡2车")
    expect(row).to_contain_text("已召回")
    expect(row.get_by_role("button")).to_be_visible()
    served.do(lambda: served.room.orders.update({incident: replace(back, state=OrderState.SENT)}))
    expect(row).to_contain_text("已选")
    expect(row.get_by_role("button")).to_have_count(0)


def test_who_cannot_be_sent_says_why_and_who_goes_farther_off_does_not_move_the_list(
    served: ServedRoom, open_as: Open
) -> None:
    served.room.units = tuple(crew(n) for n in range(1, 10))
    served.room.unit_states = {UnitId("U-1"): UnitState.OUT_OF_SERVICE, UnitId("U-2"): UnitState.OFF_DUTY}
    incident = served.room.alert(1, "C-005")
    served.room.incidents[incident] = replace(served.room.incidents[incident], place=at_metres(0.0, 0.0))
    page = open_as()
    rows = page.locator(".other-units tr")

    def order() -> list[str]:
        return [str(row.get_attribute("data-unit")) for row in rows.all()]

    expect(page.locator(".other-units > summary")).to_have_text("全部警力 9 组")
    expect(rows.last).to_contain_text("该警力停勤")
    assert order() == [*(f"U-{n}" for n in range(2, 10)), "U-1"], "the nearest that can go first"
    expect(rows.first).to_contain_text("未当班直线 200 米")
    moved = replace(served.room.units[1], home=at_metres(0.0, 2500.0))
    served.do(lambda: setattr(served.room, "units", (served.room.units[0], moved, *served.room.units[2:])))
    expect(rows.first).to_contain_text("直线 2.5 公里")
    assert order()[0] == "U-2", "what somebody looks at stands still"
    begin_closing(page, "已疏散")
    page.get_by_label("按名称或编号找警力").fill("没有")
    expect(page.locator(".other-units")).to_contain_text("没有这样的警力")
    page.keyboard.press("Escape")  # the search, and not the form
    expect(rows).to_have_count(9)
    expect(page.locator("#reason")).to_have_value("已疏散")
    page.get_by_label("按名称或编号找警力").fill("第7")
    expect(rows).to_have_count(1)
    rows.get_by_role("button").click()
    expect(page.locator(".message")).to_have_text("派警指令已下达")
    page.get_by_label("按名称或编号找警力").fill("")
    expect(rows).to_have_count(9)
    expect(rows.nth(7)).to_contain_text("第2组")
    assert said(served, "order-unit") == [("order-unit", incident, "U-7", LI)]


# What is selected


def test_what_somebody_chose_stays_with_its_words_when_the_room_does_not_tell_of_it_any_more(
    served: ServedRoom, open_as: Open
) -> None:
    mine, other = served.room.alert(1, "C-005", level=Level.BLUE), served.room.alert(2, "C-007")
    page = open_as()
    card(page, mine).click()
    begin_closing(page, "店主已")
    forget(served, mine)
    expect(page.locator(".untold")).to_contain_text("这起警情不在列表里")
    page.keyboard.type("回电")
    expect(shown(page)).to_contain_text(mine)
    expect(page.locator("#reason")).to_have_value("店主已回电")
    expect(page.locator("#closing")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator(".message")).not_to_be_empty()
    assert said(served, "confirm", "close") == [("confirm", mine, LI)], "of what is shown, and of nothing else"
    expect(shown(page)).to_contain_text(mine)
    page.keyboard.press("j")
    expect(shown(page)).to_contain_text(other)
    expect(page.locator(".untold")).to_be_hidden()


def test_its_clock_stands_still_while_nobody_tells_of_it(served: ServedRoom, open_as: Open) -> None:
    mine = served.room.alert(1, "C-005", level=Level.BLUE)
    served.room.alert(2, "C-007")
    page = open_as()
    card(page, mine).click()
    countdown = page.locator("#incident .countdown")
    expect(countdown).to_have_attribute("data-mode", "running")
    forget(served, mine)
    expect(page.locator(".untold")).to_be_visible()
    before, clock = countdown.inner_text(), page.locator("#clock").inner_text()
    expect(page.locator("#clock")).not_to_have_text(clock)
    assert countdown.inner_text() == before


def test_what_was_closed_and_is_listed_no_more_says_how_it_ended(served: ServedRoom, open_as: Open) -> None:
    mine = served.room.alert(1, "C-005")
    served.room.alert(2, "C-007")
    page = open_as()
    card(page, mine).click()
    begin_closing(page, "我的话")
    served.do(lambda: setattr(served.room, "closed_shown", 0))
    close(served, mine, reason="已疏散")
    expect(page.locator(".outcome")).to_contain_text("王芳")
    expect(page.locator(".outcome")).to_contain_text("已疏散")
    expect(page.locator(".message")).to_contain_text("我的话")
    expect(shown(page)).to_contain_text(mine)
    expect(page.locator(".untold")).to_be_hidden()


def test_what_the_page_itself_had_chosen_gives_way(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.BLUE)
    page = open_as()
    expect(shown(page)).to_contain_text(first)
    assert page.evaluate("location.hash") == ""
    forget(served, first)
    expect(shown(page)).to_contain_text(second)


def test_whoever_has_begun_to_write_has_chosen(served: ServedRoom, open_as: Open) -> None:
    first = served.room.alert(1, "C-005")
    served.room.alert(2, "C-007", level=Level.BLUE)
    page = open_as()
    page.keyboard.press("n")
    page.keyboard.type("店主")
    forget(served, first)
    expect(page.locator(".untold")).to_be_visible()
    page.keyboard.type("来电")
    expect(page.locator("#note input")).to_have_value("店主来电")
    expect(shown(page)).to_contain_text(first)


# Who writes


@pytest.mark.long
def test_who_types_on_after_somebody_else_has_closed_it_gives_no_commands(served: ServedRoom, open_as: Open) -> None:
    mine, other = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.BLUE)
    page = open_as()
    card(page, mine).click()
    begin_closing(page, "now at the ")
    theme = page.evaluate("document.documentElement.dataset.theme")
    asyncio.run_coroutine_threadsafe(served.room.close(mine, Disposition.HANDLED, WANG, "x"), served.loop)
    page.keyboard.type("mwtvpjcnsmall " * 10, delay=40)  # the form goes away meanwhile
    expect(page.locator("#closing")).to_be_hidden()
    expect(page.locator(".message")).to_contain_text("你写的没有记下：“now at the")
    expect(shown(page)).to_contain_text(mine)
    expect(page.locator("body")).to_have_attribute("data-view", "room")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    expect(page.locator("#sound")).not_to_have_attribute("data-state", "muted")
    assert said(served, "pin", "confirm") == []
    expect(page.locator("dialog[open], #note:visible")).to_have_count(0)
    expect(page.locator("#incident .scroll")).to_be_focused()
    # After a pause, or a click, keys are keys again.
    page.wait_for_timeout(1700)
    page.keyboard.press("j")
    expect(shown(page)).not_to_contain_text(mine)
    card(page, other).click()
    expect(shown(page)).to_contain_text(other)


def test_a_click_gives_the_keys_back_at_once(served: ServedRoom, open_as: Open) -> None:
    mine, other = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.BLUE)
    page = open_as()
    card(page, mine).click()
    begin_closing(page, "now")
    close(served, mine)
    expect(page.locator("#closing")).to_be_hidden()
    page.keyboard.press("m")
    card(page, other).click()
    page.keyboard.press("c")
    expect(page.locator(".timeline")).to_contain_text("人工确认")
    assert said(served, "confirm") == [("confirm", other, LI)]


def test_words_for_opening_again_what_somebody_else_has_opened_are_not_lost(served: ServedRoom, open_as: Open) -> None:
    mine = served.room.alert(1, "C-005")
    close(served, mine)
    page = open_as()
    page.locator("#filters [data-filter=closed]").click()
    card(page, mine).click()
    page.get_by_role("button", name="重新打开…").click()
    page.keyboard.type("人又来了")
    reopening = served.room.reopen(mine, WANG, "again")
    asyncio.run_coroutine_threadsafe(reopening, served.loop).result(5)
    expect(page.locator(".message")).to_have_text("你写的没有记下：“人又来了”")


def test_escape_closes_the_sheet_alone_and_the_form_stays(served: ServedRoom, open_as: Open) -> None:
    served.room.alert(1, "C-005")
    page = open_as()
    begin_closing(page, "已疏散")
    page.locator("#incident h2").click()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    expect(page.locator("#reason")).to_be_visible()
    expect(page.locator("#reason")).to_have_value("已疏散")
    page.keyboard.press("Escape")
    expect(page.locator("#closing")).to_be_hidden()


# Answers


class Slow:
    """A line on which requests to one kind of action wait until they are let go."""

    def __init__(self, page: Page, action: str) -> None:
        self._held: list[Route] = []
        page.route(f"**/{action}", lambda route: self._held.append(route))

    def let_go(self, page: Page) -> None:
        expect_until(page, lambda: bool(self._held))
        self._held.pop(0).continue_()

    def lose(self, page: Page) -> None:
        expect_until(page, lambda: bool(self._held))
        self._held.pop(0).abort()


def expect_until(page: Page, what: Callable[[], bool]) -> None:
    for _ in range(200):
        if what():
            return
        page.wait_for_timeout(40)
    raise AssertionError("it did not come")


def test_an_answer_that_comes_late_touches_no_form_of_another_incident(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.YELLOW)
    page = open_as()
    slow = Slow(page, "close")
    card(page, first).click()
    begin_closing(page, "甲")
    page.locator("button.main[form=closing]").click()
    expect(page.locator(".message")).to_have_text("正在发送…")
    page.keyboard.press("j")
    expect(shown(page)).to_contain_text(second)
    begin_closing(page, "乙的说明")
    slow.let_go(page)
    expect(page.locator(".elsewhere")).to_contain_text(f"{first}：结案已记录")
    expect(page.locator(".message")).to_be_empty()
    expect(page.locator("#reason")).to_have_value("乙的说明")
    expect(page.locator("button.main[form=closing]")).to_be_enabled()
    page.locator("button.main[form=closing]").click()
    slow.let_go(page)
    expect(page.locator("#closing")).to_be_hidden()
    assert [call[1] for call in said(served, "close")] == [first, second]


def test_what_failed_elsewhere_says_of_which_with_the_words_and_leads_back(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.YELLOW)
    page = open_as()
    slow = Slow(page, "note")
    card(page, first).click()
    page.keyboard.press("n")
    page.keyboard.type("店主来电")
    page.keyboard.press("Enter")
    card(page, second).click()
    slow.lose(page)
    slow.lose(page)  # it is asked once more
    elsewhere = page.locator(".elsewhere")
    expect(elsewhere).to_contain_text(first)
    expect(elsewhere).to_contain_text("你写的没有记下：“店主来电”")
    page.keyboard.press("k")
    expect(shown(page)).to_contain_text(first)
    expect(elsewhere).to_be_hidden()


def test_a_merge_does_not_pull_back_who_has_gone_on(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1, "C-017"), served.room.alert(2, "C-018", level=Level.YELLOW)
    third = served.room.alert(3, "C-019", level=Level.BLUE)
    page = open_as()
    slow = Slow(page, "merge")
    card(page, second).click()
    page.locator(".merge").click()
    page.locator("#merge-with").select_option(first)
    page.locator("button[form=merging]").click()
    card(page, third).click()
    slow.let_go(page)
    expect(page.locator(".elsewhere")).to_contain_text(f"{second}：合并已记录")
    expect(shown(page)).to_contain_text(third)


def test_a_form_that_was_left_and_opened_again_is_not_the_one_that_was_sent(served: ServedRoom, open_as: Open) -> None:
    served.room.alert(1, "C-005")
    page = open_as()
    slow = Slow(page, "note")
    page.keyboard.press("n")
    page.keyboard.type("一")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("二")
    slow.let_go(page)
    expect(page.locator(".message")).to_have_text("备注已记录")
    expect(page.locator("#note input")).to_have_value("二")


# Cameras, keys, addresses


def test_what_is_pinned_is_the_camera_whose_picture_is_shown_and_the_button_says_which(
    served: ServedRoom, open_as: Open
) -> None:
    first, second = served.room.alert(1, "C-017"), served.room.alert(2, "C-018")
    merging = served.room.merge(first, second, LI)
    asyncio.run_coroutine_threadsafe(merging, served.loop).result(5)
    names = {camera.id: camera.name for camera in served.room.cameras}
    page = open_as()
    pin = page.locator("#incident .pin")
    expect(pin).to_have_attribute("aria-label", f"盯控 {names['C-017']}")  # type: ignore[index]
    page.locator(".witnesses .look").nth(1).click()
    expect(pin).to_have_attribute("aria-label", f"盯控 {names['C-018']}")  # type: ignore[index]
    page.keyboard.press("p")
    expect(pin).to_have_attribute("aria-label", re.compile(f"盯控 {names['C-018']} 盯控中"))  # type: ignore[index]
    assert [call[1] for call in said(served, "pin")] == ["C-018"]


def test_what_operators_do_often_has_keys(served: ServedRoom, open_as: Open) -> None:
    first, second = served.room.alert(1, "C-017"), served.room.alert(2, "C-018", level=Level.YELLOW)
    served.room.escalate(first, EscalationStep.NEXT_UNIT, "没有派警", "nobody was sent")
    page = open_as()
    for name, key in (("结案…", "X"), ("合并…", "G"), ("改等级…", "E"), ("知悉", "A")):
        expect(page.get_by_role("button", name=name).locator("kbd")).to_have_text(key)
    page.keyboard.press("x")
    expect(page.locator("#closing input").first).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.locator("#merge-with")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator("#level input").first).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.locator(".candidates button:visible").first).to_be_focused()
    page.keyboard.press("a")
    expect(page.locator(".escalation .taken")).to_be_visible()
    assert said(served, "acknowledge") == [("acknowledge", first, LI)]
    for key, name in (("2", "unconfirmed"), ("3", "maintenance"), ("4", "closed"), ("1", "open")):
        page.keyboard.press(key)
        expect(page.locator(f"#filters [data-filter={name}]")).to_have_attribute("aria-pressed", "true")
    served.do(lambda: served.room.escalate(second, EscalationStep.ROOM, "没有派警", "nobody was sent"))
    expect(page.locator("#banners")).to_contain_text("全室盯办")
    page.keyboard.press("a")  # first it is shown, then taken on
    expect(shown(page)).to_contain_text(second)
    assert len(said(served, "acknowledge")) == 1
    page.keyboard.press("a")
    expect(page.locator(".escalation .taken")).to_be_visible()
    assert said(served, "acknowledge")[1:] == [("acknowledge", second, LI)]


def test_no_key_throws_away_what_was_written(served: ServedRoom, open_as: Open) -> None:
    served.room.alert(1, "C-017")
    served.room.alert(2, "C-018")
    page = open_as()
    begin_closing(page, "已疏散")
    page.locator("#incident h2").click()
    for key in "negx":
        page.keyboard.press(key)
        if key == "x":
            page.locator("#incident h2").click()
    expect(page.locator("#reason")).to_have_value("已疏散")
    expect(page.locator("#closing")).to_be_visible()
    expect(page.locator("#note, #level, #merging").filter(visible=True)).to_have_count(0)


def test_what_was_begun_is_found_again_after_another_incident(served: ServedRoom, open_as: Open) -> None:
    mine, other = served.room.alert(1, "C-017"), served.room.alert(2, "C-018")
    page = open_as()
    closing, note = page.locator("#closing"), page.locator("#note input")
    card(page, mine).click()
    begin_closing(page, "店主说")
    page.locator("#closing").get_by_text("误报").click()
    page.locator("#false-reason").select_option("animal")
    card(page, other).click()
    expect(closing).to_be_hidden()
    page.keyboard.press("n")
    page.keyboard.type("已致电店主")
    card(page, mine).click()
    expect(note).to_be_hidden()
    expect(closing.locator("input[value=false_alarm]")).to_be_checked()
    expect(page.locator("#false-reason")).to_have_value("animal")
    expect(page.locator("#reason")).to_have_value("店主说")
    page.keyboard.press("j")  # nobody is in a field
    expect(shown(page)).to_contain_text(other)
    expect(note).to_have_value("已致电店主")
    note.press("Enter")
    expect(page.locator(".message")).to_have_text("备注已记录")
    card(page, mine).click()
    expect(page.locator("#reason")).to_have_value("店主说")
    page.keyboard.press("Escape")  # dropped, as what was sent is over
    for each in (other, mine, other):
        card(page, each).click()
        expect(shown(page)).to_contain_text(each)
        expect(page.locator("#incident form").filter(visible=True)).to_have_count(0)


def test_what_was_begun_about_what_is_over_by_then_is_told(served: ServedRoom, open_as: Open) -> None:
    mine, other = served.room.alert(1, "C-017"), served.room.alert(2, "C-018")
    page = open_as()
    card(page, mine).click()
    begin_closing(page, "店主说没事")
    card(page, other).click()
    close(served, mine)
    expect(card(page, mine)).to_have_attribute("data-state", "closed")
    card(page, mine).click()
    expect(page.locator(".outcome")).to_be_visible()
    expect(page.locator(".message")).to_contain_text("店主说没事")
    expect(page.locator("#closing")).to_be_hidden()


def test_an_incident_has_an_address_that_adds_no_step_back_and_outlives_a_reload(
    served: ServedRoom, open_as: Open
) -> None:
    first, second = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.BLUE)
    page = open_as()
    steps = page.evaluate("history.length")
    for incident in (second, first, second):
        card(page, incident).click()
        expect(page).to_have_url(re.compile(f"#room/{incident}$"))
    assert page.evaluate("history.length") == steps
    page.evaluate("location.hash = '#feed'")  # past what stands above, by the link at the top
    card(page, first).click()
    card(page, second).click()
    expect(page).to_have_url(re.compile(f"#room/{second}$"))
    page.reload()
    expect(shown(page)).to_contain_text(second)
    for key, view in (("w", "wall"), ("v", "cameras")):
        page.keyboard.press(key)
        expect(page.locator("body")).to_have_attribute("data-view", view)
        page.locator("#views a[href='#room']").click()
        expect(page).to_have_url(re.compile(f"#room/{second}$"))
        expect(shown(page)).to_contain_text(second)
    page.evaluate(f"location.hash = '#room/{first}'")
    expect(shown(page)).to_contain_text(first)


def test_a_colleagues_link_opens_it_also_when_it_is_over_and_says_when_nobody_knows_it(
    served: ServedRoom, open_as: Open
) -> None:
    old, other = served.room.alert(1, "C-005"), served.room.alert(2, "C-007")
    close(served, old, reason="已疏散")
    served.room.closed_shown = 0
    page = open_as(address=f"#room/{old}")
    expect(page.locator(".outcome")).to_contain_text("已疏散")
    expect(shown(page)).to_contain_text(old)
    page.evaluate("location.hash = '#room/I-nothing'")
    expect(page.locator("#incident .teach")).to_contain_text("没有 I-nothing")
    page.keyboard.press("c")
    page.keyboard.press("j")
    expect(shown(page)).to_contain_text(other)
    assert said(served, "confirm") == []


def test_a_link_opens_also_an_incident_that_is_not_among_those_that_are_listed(
    served: ServedRoom, open_as: Open
) -> None:
    one = served.room.alert(1, "C-005")
    served.room.alert(2, "C-007")
    served.room.untold, served.room.open_not_shown = {one}, 1
    page = open_as(address=f"#room/{one}")
    expect(shown(page)).to_contain_text(one)
    expect(page.locator("#incident .untold")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("c")
    expect(page.locator(".message")).to_contain_text("确认已记录")
    assert [call[1] for call in said(served, "confirm")] == [one]
    body = page.locator("#incident .scroll")
    body.evaluate("(node) => { node.scrollTop = 60; }")
    expect(page.locator("#incident .timeline")).to_contain_text("人工确认")  # it is asked for again
    assert body.evaluate("(node) => node.scrollTop") == 60


def likeliest(page: Page) -> Locator:
    return page.locator("#incident .row .main:visible")


def test_the_biggest_button_is_what_is_done_next_and_never_what_is_done(served: ServedRoom, open_as: Open) -> None:
    incident = served.room.alert(1, "C-005")
    page = open_as()
    expect(likeliest(page)).to_have_text("确认属实C")
    page.keyboard.press("c")
    expect(likeliest(page)).to_have_text("派警U")
    slow = Slow(page, "note")  # while something is under way the row stays as it is
    page.keyboard.press("n")
    page.keyboard.type("店主说没事")
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_text("正在发送…")
    expect(likeliest(page)).to_have_text("派警U")
    slow.let_go(page)
    expect(page.locator(".message")).to_have_text("备注已记录")
    likeliest(page).click()
    expect(page.locator(".candidates button:visible").first).to_be_focused()
    expect(page.locator(".candidates > summary")).to_be_in_viewport()
    served.do(lambda: served.room.send(incident, "U-JP1", eta_s=40))
    expect(likeliest(page)).to_have_count(0)  # it is with the crew; one more may go all the same
    expect(page.locator("#incident .send-units")).to_have_text("增派U")
    short = replace(served.room.incidents[incident], crews_missing=1)
    served.do(lambda: served.room.incidents.update({incident: short}))
    expect(likeliest(page)).to_have_text("增派U")
    handled = replace(short, state=IncidentState.HANDLED, crews_missing=0)
    served.do(lambda: served.room.incidents.update({incident: handled}))
    expect(likeliest(page)).to_have_text("结案…X")
    expect(page.locator("#incident .send-units")).to_be_hidden()


def test_what_stands_of_an_incident_is_its_own_from_the_first_frame_on(served: ServedRoom, open_as: Open) -> None:
    waits, reached = served.room.alert(1, "C-005", accepted_s_ago=70), served.room.alert(2, "C-007", accepted_s_ago=50)
    served.room.send(reached, "U-JP1", eta_s=10)
    served.room.accept(reached, 40)
    served.room.arrive(reached, 20)
    page = open_as()
    for one, other in ((waits, "尚未派警"), (reached, "已到场")):
        card(page, one).click()
        expect(page.locator("#incident .unit-now")).to_contain_text(other)
        # Read in the same turn as the press, before any clock has ticked.
        said = card(page, reached if one == waits else waits).evaluate(
            "card => { card.click(); return [...document.querySelectorAll('#incident header, #incident .unit-now')]"
            ".map(part => part.textContent).join('|'); }"
        )
        assert ("已到场" in said, "尚未派警" in said) == (one == waits, one == reached)


def test_after_it_was_done_the_focus_is_on_the_incident_and_the_next_form_says_nothing_of_it(
    served: ServedRoom, open_as: Open
) -> None:
    served.room.alert(1, "C-005")
    page = open_as()
    page.keyboard.press("n")
    page.keyboard.type("店主说没事")
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_text("备注已记录")
    expect(page.locator("#incident .scroll")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator(".message")).to_be_empty()
    # All that goes with the form goes at once: nothing comes under the pointer a moment later.
    assert page.locator("#incident .row button:visible").all_inner_texts() == ["结案", "取消"]


def test_whose_unit_is_there_is_not_awaited_and_the_others_are_as_of_a_moment(
    served: ServedRoom, open_as: Open
) -> None:
    incident = served.room.alert(1, "C-005", accepted_s_ago=50)
    served.room.send(incident, "U-JP1", eta_s=40)
    served.room.accept(incident, 30)
    page = open_as()
    page.locator(".candidates > summary").click()
    chosen = page.locator(".candidates tr", has_text="联勤1组")
    expect(chosen).to_contain_text("0:40 到场")
    expect(page.locator(".candidates .as-of")).to_contain_text(re.compile(r"按 \d\d:\d\d:\d\d 派警时的位置"))
    served.do(lambda: served.room.arrive(incident))
    expect(chosen).not_to_contain_text("到场 ")
    expect(chosen).not_to_contain_text("0:40")
