"""The page in a real browser: what an operator sees and does."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from patrol.adapters.clip_video import as_webm, compressed
from patrol.domain.auditing import Finding, FindingKind
from patrol.domain.camera import CameraId, RingName
from patrol.domain.clips import Still
from patrol.domain.errors import Apart
from patrol.domain.events import Kind, Level
from patrol.domain.frame import Frame
from patrol.domain.incidents import (
    ClockName,
    ClosingRequest,
    Disposition,
    EscalationStep,
    EvidenceId,
    IncidentId,
    IncidentState,
    LoopStage,
    OrderId,
    StageTimes,
)
from patrol.domain.orders import OrderState
from patrol.domain.precision import Precision
from patrol.domain.retention import Gone
from patrol.domain.room import CoverStatus, QueueStatus, WatchStatus
from patrol.domain.shortfalls import ShortfallReason, Soonest, shortfall
from patrol.domain.storage import DiskPlace, DiskSpace, KeptAlerts, StorageStatus
from patrol.domain.troubles import Trouble
from patrol.domain.units import Unit, UnitId, UnitKind
from patrol.domain.zones import RuleId
from tests.waiting import wait_for

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom, at_metres

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the page; whatever the browser complains about (errors, the policy's violations) fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(query: str = "", width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served.address + query)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def card(page: Page, incident: IncidentId) -> Locator:
    return page.locator(f'.card[data-id="{incident}"]')


def ring(page: Page, incident: IncidentId) -> Locator:
    return card(page, incident).locator(".countdown")


def test_an_empty_room_teaches_and_then_an_alert_appears_with_all_it_knows(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#feed-empty")).to_contain_text("还没有预警")
    expect(page.locator("#feed-empty")).to_contain_text("476")
    served.do(lambda: served.room.alert(1, alerts=2))
    incident = IncidentId("I-20261123-000001")
    expect(card(page, incident)).to_have_attribute("data-level", "red")
    expect(card(page, incident)).to_contain_text("人员聚集")
    expect(card(page, incident)).to_contain_text("9 人，门限 6 人")
    expect(card(page, incident)).to_contain_text("2 条预警合并")
    expect(card(page, incident)).to_contain_text("尚未派警")
    expect(card(page, incident).locator("svg.mark")).to_have_attribute("aria-label", "红色")
    thumbnail = card(page, incident).locator(".thumb img")
    wait_for(lambda: bool(thumbnail.evaluate("image => image.complete && image.naturalWidth === 640")))
    expect(page.locator("#announcer")).to_contain_text("新预警：红色，人员聚集")
    expect(page.locator("#incident h2")).to_contain_text("人员聚集")


# Each of them is short: whoever asks now and then could miss one.
NOTES_TONES = """id => {
  window.tones = [];
  new MutationObserver(() => {
    const tone = document.querySelector(`.card[data-id="${id}"] .countdown`)?.dataset.tone;
    if (tone !== undefined && tone !== tones.at(-1)) tones.push(tone);
  }).observe(document.getElementById("cards"), { subtree: true, childList: true, attributes: true });
}"""


def test_the_countdown_runs_turns_and_counts_up_and_arrival_freezes_it(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    quick, slow = IncidentId("I-20261123-000001"), IncidentId("I-20261123-000002")
    page.evaluate(NOTES_TONES, quick)
    served.do(lambda: served.room.alert(1, target_s=5.0))
    served.do(lambda: served.room.alert(2, target_s=600.0))
    expect(ring(page, quick)).to_have_attribute("data-mode", "over", timeout=10_000)
    assert page.evaluate("tones") == ["green", "amber", "red"]
    expect(ring(page, quick).locator(".dial b")).to_have_text(re.compile(r"\+0:0[1-9]"))
    expect(ring(page, slow)).to_have_attribute("data-mode", "running")
    served.do(lambda: served.room.send(slow, "U-JP1", eta_s=20))
    served.do(lambda: served.room.accept(slow))
    expect(card(page, slow).locator(".chip")).to_contain_text("联勤1组")
    expect(card(page, slow).locator(".chip")).to_contain_text("途中 0:")
    served.do(lambda: served.room.arrive(slow))
    expect(ring(page, slow)).to_have_attribute("data-mode", "arrived")
    expect(ring(page, slow)).to_contain_text("✓ 目标 10 分钟")
    frozen = ring(page, slow).inner_text()
    running = ring(page, quick).inner_text()
    ago = re.compile(r"距发生\s\d+:\d\d")
    expect(card(page, slow)).to_contain_text(ago)  # how old it is goes on: only how long it took stands still
    was = ago.findall(card(page, slow).inner_text())
    page.wait_for_timeout(1300)
    assert ring(page, slow).inner_text() == frozen
    assert ago.findall(card(page, slow).inner_text()) != was
    assert ring(page, quick).inner_text() != running


def test_an_arrival_past_the_target_is_shown_as_missed(served: ServedRoom, open_page: Open) -> None:
    late = served.room.alert(1, accepted_s_ago=90)
    served.room.send(late, "U-JP1", eta_s=40, sent_s_ago=85)
    served.room.arrive(late, s_ago=10)
    page = open_page("?lang=en")
    expect(ring(page, late)).to_have_attribute("data-tone", "red")
    expect(ring(page, late)).to_contain_text("✗ 1 min target")
    expect(ring(page, late).locator(".dial b")).to_have_text("1:20")
    expect(ring(page, late).locator(".since")).to_have_text("1:32")


def test_nothing_jumps_under_the_pointer(served: ServedRoom, open_page: Open) -> None:
    first = served.room.alert(1, level=Level.YELLOW)
    page = open_page()
    card(page, first).hover()
    served.do(lambda: served.room.alert(2, level=Level.RED))
    pill = page.locator("#news")
    expect(pill).to_have_text("↑ 1 条新预警")
    expect(pill).to_have_attribute("data-level", "red")
    expect(page.locator(".card")).to_have_count(1)
    served.do(lambda: served.room.alert(3, level=Level.BLUE))
    expect(pill).to_have_text("↑ 2 条新预警")
    page.mouse.move(720, 400)
    expect(page.locator(".card")).to_have_count(3)
    expect(pill).to_be_hidden()
    levels = page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.level)")
    assert levels == ["red", "yellow", "blue"]
    card(page, first).hover()
    served.do(lambda: served.room.alert(4, level=Level.RED))
    pill.click()
    expect(page.locator(".card")).to_have_count(4)


def test_the_language_changes_with_one_click_and_stays(served: ServedRoom, open_page: Open) -> None:
    served.room.fill()
    page = open_page()
    expect(page.locator("#feed-title")).to_have_text("预警")
    page.locator("#language").click()
    expect(page.locator("#feed-title")).to_have_text("Alerts")
    expect(page.locator("#loop")).to_contain_text("Follow up")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert re.findall(r"[\u4e00-\u9fff]+", page.locator("body").inner_text()) == ["巡", "中"]
    page.reload()
    expect(page.locator("#feed-title")).to_have_text("Alerts")


def test_confirming_by_key_asks_who_and_then_says_so_once(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    page = open_page()
    page.keyboard.press("c")
    expect(page.locator(".message")).to_have_text("请先填值班员")
    expect(page.locator("#operator")).to_be_focused()
    page.keyboard.type("李明")
    card(page, incident).click()
    page.keyboard.press("c")
    expect(page.locator(".timeline")).to_contain_text("人工确认")
    assert ("confirm", incident, "李明") in served.room.calls
    expect(page.locator(".actions .row .confirm")).to_be_disabled()
    expect(page.locator(".actions .row .confirm")).to_have_text("已确认C")
    page.reload()
    expect(page.locator("#operator")).to_have_value("李明")


def test_closing_needs_an_outcome_and_a_reason_and_is_shown_with_both(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    page = open_page()
    page.get_by_role("button", name="结案…").click()
    send = page.get_by_role("button", name="结案", exact=True)
    send.click()
    expect(page.locator(".message")).to_have_text("请选择结果")
    page.get_by_text("误报").click()
    send.click()
    expect(page.locator(".message")).to_have_text("请写明说明")
    page.locator("#reason").fill("散场人流")
    send.click()
    expect(page.locator(".message")).to_have_text("请先填值班员")
    page.locator("#operator").fill("李明")
    assert not [call for call in served.room.calls if call[0] == "close"]
    send.click()
    expect(page.locator("#filters [data-filter=closed] b")).to_have_text("1")
    assert ("close", incident, "false_alarm", "李明", "散场人流") in served.room.calls
    page.locator("#filters [data-filter=closed]").click()
    card(page, incident).click()
    expect(page.locator(".outcome")).to_contain_text("误报 · 李明")
    expect(page.locator(".outcome")).to_contain_text(re.compile("散场人流重新打开…备注$"))
    words, again, note = page.locator(".outcome").evaluate("""outcome => {
      const range = document.createRange();
      range.selectNode(outcome.firstChild);
      return [range, ...outcome.querySelectorAll("button")].map((one) => one.getBoundingClientRect().toJSON());
    }""")
    assert again["top"] >= words["bottom"]  # the buttons stand below the words, side by side
    assert again["top"] == note["top"]
    expect(page.get_by_role("button", name="结案…")).to_be_hidden()


def test_a_false_alarm_may_be_told_by_its_reason_alone(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    page = open_page()
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="结案…").click()
    expect(page.locator("#false-reason")).to_be_hidden()
    page.get_by_text("误报").click()
    page.locator("#false-reason").select_option("poster")
    page.get_by_role("button", name="结案", exact=True).click()
    wait_for(lambda: served.room.incidents[incident].disposition is Disposition.FALSE_ALARM)
    assert ("close", incident, "false_alarm", "李明", "", "poster") in served.room.calls
    page.locator("#filters [data-filter=closed]").click()
    card(page, incident).click()
    expect(page.locator(".outcome")).to_contain_text("误报（海报、屏幕上的人） · 李明")
    expect(page.locator(".outcome")).not_to_contain_text("null")


def test_a_duplicate_names_the_incident_that_is_the_same_thing_and_leads_there(
    served: ServedRoom, open_page: Open
) -> None:
    other = served.room.alert(2, "C-018", accepted_s_ago=30)
    incident = served.room.alert(1)
    page = open_page()
    card(page, incident).click()
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="结案…").click()
    expect(page.locator("#duplicate-of")).to_be_hidden()
    page.locator("#closing").get_by_text("重复").click()
    send = page.get_by_role("button", name="结案", exact=True)
    send.click()
    expect(page.locator(".message")).to_have_text("请选择与哪起警情重复")
    expect(page.locator("#duplicate-of option")).to_have_count(len(served.room.incidents))
    page.locator("#duplicate-of").select_option(other)
    send.click()
    wait_for(lambda: served.room.incidents[incident].duplicate_of == other)
    assert ("close", incident, "duplicate", "李明", "", other) in served.room.calls
    page.locator("#filters [data-filter=closed]").click()
    card(page, incident).click()
    expect(page.locator(".outcome")).to_contain_text(f"重复（{other}） · 李明")
    page.locator(".outcome").get_by_role("button", name=f"看 {other}").click()
    expect(page.locator("#incident .about")).to_contain_text(other)


def test_each_stage_of_the_loop_says_how_long_it_took_and_the_present_one_goes_on(
    served: ServedRoom, open_page: Open
) -> None:
    incident = served.room.alert(1, accepted_s_ago=3700)
    times = StageTimes(LoopStage.ORDER, served.room.now() - timedelta(seconds=75), {LoopStage.COLLECT: 3605.4})
    served.room.incidents[incident] = replace(
        served.room.incidents[incident], state=IncidentState.ORDERED, stages=times
    )
    page = open_page()
    card(page, incident).click()
    stages = page.locator("#incident .stages li")
    expect(stages).to_have_text([re.compile(r"^汇聚1:00:05$"), "流转", re.compile(r"^指令1:[1-5]\d$"), "盯办", "反馈"])
    shown = stages.nth(2).text_content() or ""
    expect(stages.nth(2)).not_to_have_text(shown)
    page.locator("#language").click()
    expect(stages.first).to_have_text("Collect1:00:05")


def test_a_red_one_waits_for_a_second_person_who_agrees(served: ServedRoom, open_page: Open) -> None:
    served.do(lambda: setattr(served.room, "second_person", frozenset({Level.RED})))
    incident = served.room.alert(1)
    page = open_page()
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="结案…").click()
    page.locator("#closing").get_by_text("已处置").click()
    page.locator("#reason").fill("已疏散")
    page.get_by_role("button", name="结案", exact=True).click()
    expect(page.locator(".message")).to_contain_text("等第二人同意后结案")
    expect(page.locator(".second")).to_contain_text("李明")
    expect(page.locator(".second")).to_contain_text("已处置 · 已疏散")
    expect(card(page, incident)).to_contain_text("待第二人结案")
    expect(page.get_by_role("button", name="同意结案")).to_be_disabled()
    page.locator("#operator").fill("王芳")
    assert page.get_by_role("button", name="同意结案").is_enabled()  # at once, not with the next state
    page.get_by_role("button", name="同意结案").click()
    wait_for(lambda: not served.room.incidents[incident].is_open)
    assert served.room.incidents[incident].closed_by == "王芳"
    page.locator("#filters [data-filter=closed]").click()
    card(page, incident).click()
    expect(page.locator(".outcome")).to_contain_text("李明 提出")


def test_the_second_person_may_leave_it_open(served: ServedRoom, open_page: Open) -> None:
    served.do(lambda: setattr(served.room, "second_person", frozenset({Level.RED})))
    incident = served.room.alert(1)
    page = open_page()
    page.locator("#operator").fill("王芳")
    served.do(lambda: asyncio.ensure_future(served.room.close(incident, Disposition.HANDLED, "李明", "已疏散")))
    page.get_by_role("button", name="不结案").click()
    expect(page.locator(".second")).to_be_hidden()
    assert ("withdraw-closing", incident, "王芳") in served.room.calls


def test_an_operator_changes_the_level_with_a_reason(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    page = open_page()
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="改等级…").click()
    send = page.get_by_role("button", name="改等级", exact=True)
    send.click()
    expect(page.locator(".message")).to_have_text("请选择等级")
    page.locator("#level").get_by_text("蓝色").click()
    send.click()
    expect(page.locator(".message")).to_have_text("请写明说明")
    page.locator("#level input[type=text]").fill("一场婚礼")
    send.click()
    wait_for(lambda: served.room.incidents[incident].level is Level.BLUE)
    assert ("level", incident, "blue", "李明", "一场婚礼") in served.room.calls
    expect(page.locator(".why")).to_contain_text("由 李明 认定（原为红色）：一场婚礼")
    expect(page.locator("#level")).to_be_hidden()
    expect(card(page, incident)).to_have_attribute("data-level", "blue")


def test_what_is_closed_is_opened_again_and_says_how_it_had_ended(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1, accepted_s_ago=90)
    arrived = served.room.now() - timedelta(seconds=80)
    served.room.incidents[incident] = served.room.incidents[incident].stamped(ClockName.ON_SCENE, arrived, "unit U-JP1")
    page = open_page()
    page.locator("#operator").fill("李明")
    served.do(lambda: asyncio.ensure_future(served.room.close(incident, Disposition.HANDLED, "王芳", "已疏散")))
    page.locator("#filters [data-filter=closed]").click()
    card(page, incident).click()
    page.get_by_role("button", name="重新打开…").click()
    page.locator("#reopen input[type=text]").fill("人又回来了")
    page.get_by_role("button", name="重新打开", exact=True).click()
    wait_for(lambda: served.room.incidents[incident].is_open)
    assert ("reopen", incident, "李明", "人又回来了") in served.room.calls
    expect(page.locator(".why .earlier")).to_contain_text("此前由 王芳 结案：已处置")
    expect(page.locator(".why .earlier")).to_contain_text("首个警力 0:10 到场")
    page.locator("#filters [data-filter=open]").click()
    expect(ring(page, incident)).to_have_attribute("data-mode", "running")
    expect(card(page, incident)).to_contain_text("重新打开")


def test_what_is_held_counts_down_to_when_the_rule_decides(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1, level=Level.BLUE)
    until = served.room.now() + timedelta(seconds=90)
    served.room.incidents[incident] = replace(served.room.incidents[incident], held_until=until)
    page = open_page()
    expect(card(page, incident).locator(".chip")).to_contain_text("待人工确认 1:")
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="确认属实").click()
    expect(card(page, incident).locator(".chip")).not_to_contain_text("待人工确认")


def test_why_it_has_its_level_is_told_in_words(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    served.room.incidents[incident] = replace(
        served.room.incidents[incident],
        level_why_zh="核心圈层的人员聚集，62 人（黄色）；上学放学，提为红色",
        level_why_en="crowd of 62 in the core ring (yellow); School hours: raised to red",
    )
    page = open_page()
    expect(page.locator(".why")).to_contain_text("红色，因为：核心圈层的人员聚集，62 人（黄色）；上学放学")
    expect(page.locator(".why")).to_contain_text("提为红色。9 人")
    page.locator("#language").click()
    expect(page.locator(".why")).to_contain_text("School hours: raised to red. 9 people")


def test_an_action_that_fails_says_why_and_keeps_what_was_written(browser: Browser, served: ServedRoom) -> None:
    incident = served.room.alert(1)
    with browser.new_context(locale="zh-CN") as context:  # the browser reports the 409 as an error, rightly
        page = context.new_page()
        page.goto(served.address)
        page.locator("#operator").fill("李明")
        page.get_by_role("button", name="结案…").click()
        page.get_by_text("误报").click()
        page.locator("#reason").fill("散场人流")
        served.do(lambda: setattr(served.room, "away", "disk is full"))
        page.get_by_role("button", name="结案", exact=True).click()
        expect(page.locator(".message")).to_contain_text("什么都没有改变")
        expect(page.locator("#reason")).to_have_value("散场人流")
        expect(page.locator("#banners")).to_contain_text("数据库没有应答（disk is full）")
        served.do(lambda: setattr(served.room, "away", None))
        expect(page.locator("#banners")).to_be_empty()
        page.get_by_role("button", name="结案", exact=True).click()
        wait_for(lambda: served.room.incidents[incident].disposition is Disposition.FALSE_ALARM)


def test_a_seat_tells_once_what_it_has_shown(served: ServedRoom, open_page: Open) -> None:
    seen = served.room.alert(1)
    page = open_page()
    # Remembered once it was heard. (Asked from here: what the page itself asks again is blocked by its policy.)
    wait_for(lambda: page.evaluate("sessionStorage.getItem('patrol.displayed')") is not None)
    page.reload()
    expect(card(page, seen)).to_be_visible()
    page.wait_for_timeout(1200)
    assert [call[:2] for call in served.room.calls] == [("displayed", seen)]
    assert re.fullmatch(r"seat-[0-9a-f]{12}", served.room.calls[0][2])


def test_a_card_below_the_fold_is_not_told_as_shown_until_it_is(served: ServedRoom, open_page: Open) -> None:
    for number in range(12):
        served.room.alert(number, accepted_s_ago=100 - number)
    page = open_page()
    wait_for(lambda: len(served.room.calls) >= 4)
    page.wait_for_timeout(500)
    last = IncidentId("I-20261123-000011")
    assert ("displayed", last) not in [call[:2] for call in served.room.calls]
    page.locator(".card").last.scroll_into_view_if_needed()
    wait_for(lambda: ("displayed", last) in [call[:2] for call in served.room.calls])


def test_the_help_sheet_tells_every_key_and_changes_its_language_with_the_page(open_page: Open) -> None:
    page = open_page()
    sheet = page.locator("#help")
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_role("heading")).to_have_text("帮助")
    keys = ["J", "K", "Enter", *"CXEUGA", "L", "Z D", *"NPRMTSW", "1 2 3 4", "H", "F"]
    keys += ["← → ↑ ↓", "P H S A D", "V", "/", "Esc", "?"]
    assert sheet.locator("kbd").all_inner_texts() == keys
    expect(sheet.locator(".levels li")).to_have_text(["红色", "黄色", "蓝色", "绿色"])
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.locator("#language").click()
    page.get_by_role("button", name="Help").click()
    expect(sheet.get_by_role("heading")).to_have_text("Help")
    expect(sheet).to_contain_text("the next alert")
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()


def test_keys_move_the_selection_and_open_it(served: ServedRoom, open_page: Open) -> None:
    served.room.fill()
    page = open_page()
    selected = page.locator('.card[aria-selected="true"]')
    first = selected.get_attribute("data-id")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    third = selected.get_attribute("data-id")
    assert page.locator(".card").nth(2).get_attribute("data-id") == third
    expect(page.locator(".about")).to_contain_text(str(third))
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert selected.get_attribute("data-id") == first
    page.keyboard.press("Enter")
    expect(page.locator("#incident")).to_be_focused()


def test_after_a_click_on_a_button_the_keys_go_on_and_only_what_presses_it_is_its_own(
    served: ServedRoom, open_page: Open
) -> None:
    first, second = served.room.alert(1, "C-005"), served.room.alert(2, "C-007")
    page = open_page()
    page.get_by_role("button", name="周边", exact=True).click()
    page.keyboard.press("j")
    expect(card(page, second)).to_have_attribute("aria-selected", "true")
    page.locator("#language").click()
    page.keyboard.press("k")
    expect(card(page, first)).to_have_attribute("aria-selected", "true")
    page.locator("#language").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#feed-title")).to_have_text("预警")
    expect(page.locator("#incident")).not_to_be_focused()
    page.locator("#operator").focus()
    page.keyboard.press("c")
    expect(page.locator("#operator")).to_have_value("c")


def test_the_incident_explains_itself(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1, accepted_s_ago=29)
    served.room.send(incident, "U-JP1", eta_s=75, sent_s_ago=25)
    page = open_page("?lang=en")
    panel = page.locator("#incident")
    expect(panel.locator(".why")).to_contain_text("Red, because: Crowd in the Core ring. 9 people, threshold 6")
    expect(panel.locator(".why")).to_contain_text("Joint 1, because: soonest of 2 free units")
    expect(panel.locator(".why .warning")).to_have_count(0)  # its shortfall alone says that nobody is there in time
    expect(panel.locator(".candidates tr").first).to_contain_text("chosen")
    expect(panel.locator(".candidates")).to_contain_text("on another scene")
    panel.locator(".candidates > summary").click()
    panel.locator(".other-units > summary").click()
    expect(panel.locator(".other-units tr", has_text="Drones")).to_contain_text("not for this ring")
    expect(panel.locator(".candidates")).to_contain_text("no position for 734 s: nobody knows where it is")
    expect(panel.locator(".candidates")).to_contain_text("taken back by a dispatcher")
    expect(panel.locator(".candidates")).to_contain_text("too few: a crew of 2")
    rows = panel.locator(".timeline tbody tr")
    expect(rows.first).to_contain_text("Began")
    expect(rows.first).to_contain_text("−12.0 s")
    expect(rows.first).to_contain_text("rule")
    expect(rows.last).to_contain_text("Unit accepted")
    expect(rows.last).to_contain_text("waiting")


def test_who_may_be_sent_stands_with_what_it_does_now_and_from_what_it_would_be_taken(
    served: ServedRoom, open_page: Open
) -> None:
    here, there = served.room.alert(1, "C-005"), served.room.alert(2, "C-007")
    served.room.send(here, "U-JP1", eta_s=75)
    page = open_page("?lang=en")
    card(page, here).click()
    list_of = page.locator("#incident .candidates")
    expect(list_of).not_to_have_attribute("open", "")
    list_of.locator("> summary").click()
    row = list_of.locator("tr", has_text="Car 3")
    expect(row.locator(".now")).to_have_text("available")
    expect(row.locator(".takes")).to_have_count(0)
    expect(list_of.locator("tr", has_text="U-P4")).to_contain_text("there is no such unit")
    served.do(lambda: served.room.send(there, "U-P3", eta_s=60))
    expect(row.locator(".now")).to_have_text("assigned → Red C-007")
    expect(row.locator(".takes")).to_have_text("takes it from Red C-007")
    expect(row.get_by_role("button")).to_have_attribute("aria-label", "Send Car 3 · takes it from Red C-007")
    served.do(lambda: served.room.accept(there))
    served.do(lambda: served.room.arrive(there))
    expect(row).to_contain_text("that unit is on scene")
    expect(row.get_by_role("button")).to_have_count(0)
    card(page, served.room.alert(3, "C-009")).click()
    expect(list_of).to_have_attribute("open", "")


def test_an_arrival_by_position_says_when_the_button_was_pressed(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1, accepted_s_ago=60)
    served.room.send(incident, "U-JP1", eta_s=40, sent_s_ago=55)
    served.room.accept(incident, 50)
    served.room.arrive(incident, 20)
    row = open_page("?lang=en").locator(".timeline tr", has_text="On scene")
    expect(row).to_contain_text("Joint 1, by its position")
    expect(row.locator(".pressed")).to_have_count(0)
    served.do(lambda: served.room.press(incident, s_ago=10))
    expect(row.locator(".pressed")).to_have_text(re.compile(r"^button \d\d:\d\d:\d\d$"))


def test_what_an_incident_does_not_get_is_said_with_the_reason_in_both_languages(
    served: ServedRoom, open_page: Open
) -> None:
    incident = served.room.alert(1, accepted_s_ago=5)
    soonest = Soonest("U-JP1", "联勤1组", "Joint 1", 250.0, 180.0)
    found = shortfall(ShortfallReason.KEPT_FOR_RED, 1, served.room.now(), soonest)
    served.room.incidents[incident] = replace(served.room.incidents[incident], shortfall=found)
    said = open_page().locator("#incident .why .shortfall")
    expect(said).to_have_text(re.compile("缺 1 组警力：余下警力为红色警情预留；最快 联勤1组 4:10 到，超时 1:10$"))
    expect(open_page("?lang=en").locator("#incident .why .shortfall")).to_contain_text(
        "1 crew short: those that are left are kept for red; Joint 1 is soonest, in 4:10, 1:10 late"
    )


def test_the_map_shows_every_camera_and_the_tour_moves(served: ServedRoom, open_page: Open) -> None:
    served.room.fill()
    page = open_page()
    expect(page.locator("#map .cameras path")).to_have_count(476)
    expect(page.locator('#map .cameras path[data-tone="late"]')).to_have_count(6)
    expect(page.locator("#map .units > g")).to_have_count(7)
    expect(page.locator("#map .orders line")).to_have_count(3)
    for unit in ("联勤1组", "巡2车"):  # those that have an order say, beside themselves, how long they still take
        expect(page.locator("#map .unit-names text", has_text=unit)).to_have_text(
            re.compile(rf"{unit} · [+-]?\d+:\d\d")
        )
    expect(page.locator("#map .incidents > g")).to_have_count(6)
    tile = page.locator("#tiles li").first
    before = tile.inner_text()
    wait_for(lambda: tile.inner_text() != before)  # its age
    unit = page.locator("#map .units > g").first
    where = unit.get_attribute("style")
    wait_for(lambda: unit.get_attribute("style") != where)
    page.get_by_role("button", name="周边").click()
    assert page.locator("#map .cameras path").first.get_attribute("transform")


def test_the_cover_of_each_ring_stands_with_it_and_says_when_it_is_low(served: ServedRoom, open_page: Open) -> None:
    core, periphery, far = RingName
    served.room.cover = CoverStatus({core: 0.999, periphery: 0.89, far: 0.4})
    page = open_page()
    rows = page.locator("#rings .cover")
    assert rows.evaluate_all(
        "rows => rows.map(row => [row.dataset.tone, row.innerText.replace(/\\s+/g, ' ').trim()])"
    ) == [
        ["plain", "覆盖 99%"],
        ["yellow", "覆盖 89%"],
        ["red", "覆盖 40%"],
    ]
    expect(rows.nth(1)).to_have_attribute(
        "title", re.compile("^周边覆盖率 89%：200 路点位中.*3 分钟内.*直线距离.*不足九成")
    )
    expect(rows.nth(2).locator(".bar")).to_have_attribute("aria-valuenow", "40")
    served.do(lambda: setattr(served.room, "cover", CoverStatus({core: 1.0, far: 0.9})))
    expect(rows.first).to_have_text("覆盖100%")
    expect(rows.nth(1)).to_be_hidden()
    expect(rows.nth(2)).to_have_attribute("data-tone", "plain")
    page.locator("#language").click()
    expect(rows.first).to_have_text("cover100%")
    expect(rows.first).to_have_attribute("title", re.compile("^Core, cover 100%: the share of its 64 cameras"))
    served.do(lambda: setattr(served.room, "cover", None))
    expect(rows.first).to_be_hidden()


def test_the_unit_to_be_moved_and_its_post_are_named_and_drawn_until_it_is_not_worth_it(
    served: ServedRoom, open_page: Open
) -> None:
    served.room.fill()
    served.room.dead = frozenset()
    page = open_page()
    line, drawn = page.locator("#move-up"), page.locator("#map .move-up")
    expect(line).to_contain_text("建议 巡3车 移至联勤1组驻点：核心圈覆盖 0% → 43%，周边圈覆盖 74% → 100%")
    expect(line).to_contain_text("约 2:17 到位")
    expect(line).to_have_attribute("title", re.compile("不会自动调动"))

    def centre(of: str) -> list[float]:
        return list(drawn.locator(of).evaluate("one => [one.cx.baseVal.value, one.cy.baseVal.value]"))

    places = dict(zip([unit.id for unit in served.room.units], page.locator("#map .units > g").all(), strict=True))
    x, y = centre(".mover")
    assert places["U-P3"].get_attribute("style") == f"transform: translate({x:.1f}px, {y:.1f}px);"
    assert math.dist(centre(".post"), (x, y)) > 50
    for part, drawn_as in (("way", "^M.+L"), ("head", "^M.+L.+L")):
        expect(drawn.locator(f".{part}")).to_have_attribute("d", re.compile(drawn_as))
    map_at = page.locator("#map").bounding_box()
    served.do(lambda: setattr(served.room, "stretch", 1.3))  # a banner comes: the line goes under it
    expect(page.locator("#banners .banner")).to_have_count(1)
    wait_for(lambda: abs(top_of(page, "#move-up") - bottom_of(page, "#banners")) < 1)
    page.locator("#language").click()
    expect(line).to_contain_text("move Car 3 to the post of Joint 1: core covered 0% → 43%")
    assert served.room.cover is not None
    nobody = replace(served.room.cover, move_up=None)
    served.do(lambda: setattr(served.room, "cover", nobody))
    expect(line).to_be_hidden()
    expect(drawn).to_have_attribute("visibility", "hidden")
    assert page.locator("#map").bounding_box() == map_at


def top_of(page: Page, what: str) -> float:
    return float(page.locator(what).evaluate("node => node.getBoundingClientRect().top"))


def bottom_of(page: Page, what: str) -> float:
    return float(page.locator(what).evaluate("node => node.getBoundingClientRect().bottom"))


def test_what_is_wrong_is_said_in_banners(served: ServedRoom, open_page: Open) -> None:
    served.room.stretch = 1.3
    served.room.queue = QueueStatus("connection refused", 4, 12.0, 2)
    page = open_page()
    for words in ("放宽 1.30 倍", "connection refused", "4 条待发", "2 条消息处理不了"):
        expect(page.locator("#banners")).to_contain_text(words)
    served.do(lambda: setattr(served.room, "toured", False))
    expect(page.locator("#banners")).to_contain_text("没有轮巡报告")
    expect(page.locator("#banners")).to_contain_text("先恢复队列")


def test_when_nothing_gets_through_it_is_said_in_both_languages_and_goes_by_itself(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    expect(page.locator("#banners")).to_be_empty()
    served.do(lambda: setattr(served.room, "watch", WatchStatus(served.room.now() - timedelta(seconds=20))))
    banner = page.locator('.banner[data-level="red"]')
    expect(banner.locator("strong")).to_contain_text("队列降级：消息通不过")
    expect(page.locator("#health")).to_contain_text("队列降级")
    page.locator("#language").click()
    expect(banner).to_contain_text(re.compile(r"nothing gets through.* since \d\d:\d\d:\d\d \(\d:\d\d\)"))
    served.do(lambda: setattr(served.room, "watch", WatchStatus()))
    expect(page.locator("#banners")).to_be_empty()


def test_sentences_from_the_server_begin_and_end(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    served.room.incidents[incident] = replace(
        served.room.incidents[incident], words_en="someone in a closed area for 3 s"
    )
    served.room.escalate(incident, EscalationStep.SUPERVISOR, "首个警力超时", "the first unit is late")
    served.room.trouble(7, cameras=200, returned=30)
    page = open_page("?lang=en")
    expect(page.locator("#incident .why")).to_contain_text("Core ring. Someone in a closed area for 3 s.")
    box = page.locator("#incident .escalation")
    expect(box.locator("b")).to_have_text("Escalated to the supervisor")
    expect(box).to_contain_text("The first unit is late.")
    expect(page.locator("#banners")).to_contain_text(re.compile(r"\)\. Network .* cannot be seen\. Maybe nothing is"))
    expect(page.locator("#precision-open")).to_have_text("Precision")  # rules are what the settings show
    page.locator("#language").click()
    expect(box.locator("b")).to_have_text("已上报：值班领导")
    expect(page.locator("#precision-open")).to_have_text("属实率")


def test_what_the_auditor_found_is_said_with_its_incident_and_not_twice(served: ServedRoom, open_page: Open) -> None:
    def finding(kind: FindingKind, level: Level | None, number: int) -> Finding:
        incident_id = IncidentId(f"I-{number}")
        words = f"警情 {incident_id}：没有派警", f"incident {incident_id}: nobody was sent"
        return Finding(kind, incident_id, incident_id, level, served.room.now() - timedelta(seconds=8), *words)

    page = open_page()
    found = [finding(FindingKind.UNDISPATCHED, Level.RED, 1), finding(FindingKind.UNPUBLISHED, Level.BLUE, 2)]
    found += [finding(FindingKind.UNHANDLED, Level.BLUE, number) for number in range(3, 9)]
    found += [finding(FindingKind.DEAD_LETTERS, None, 9)]
    served.do(lambda: setattr(served.room, "watch", WatchStatus(None, None, tuple(found), 30)))
    banners = page.locator(".banner")
    expect(banners).to_have_count(6)
    expect(banners.first).to_have_attribute("data-level", "red")
    expect(banners.first).to_contain_text(re.compile(r"没有派警。 警情 I-1：没有派警 （\d\d:\d\d:\d\d 起，\d:\d\d）"))
    expect(banners.last).to_contain_text("另有 24 项没有推进")
    served.do(lambda: setattr(served.room, "queue", QueueStatus("connection refused", 4, 12.0, 2)))
    expect(page.locator("#banners")).not_to_contain_text("I-2：")
    expect(page.locator("#banners")).to_contain_text("2 条消息处理不了")
    page.locator("#language").click()
    expect(page.locator("#banners")).to_contain_text(re.compile(r"Incident I-1: nobody was sent \(since [^)]*\)\."))


def test_what_asks_for_the_whole_room_cannot_be_overlooked_until_somebody_takes_it_on(
    served: ServedRoom, open_page: Open
) -> None:
    incident = served.room.alert(1, "C-005")
    served.do(lambda: served.room.escalate(incident, EscalationStep.ROOM, "没有空闲警力", "no unit is free"))
    page = open_page()
    banner = page.locator(".banner[data-urgent]")
    expect(banner).to_have_attribute("role", "alert")
    expect(banner).to_contain_text(re.compile(r"全室盯办。.*没有空闲警力"))
    expect(page).to_have_title(re.compile("⚠ 1 起全室盯办"))
    expect(card(page, incident).locator(".escalated")).to_have_text("全室盯办没有空闲警力")
    page.locator("#language").click()
    expect(banner).to_contain_text(
        re.compile(r"Escalated to the whole room\. Since \d\d:\d\d:\d\d: .*\. No unit is free\.")
    )
    banner.get_by_role("button").click()
    box = page.locator("#incident .escalation")
    expect(box).to_contain_text("Escalated to the whole room")
    expect(box).to_contain_text("No unit is free.")
    expect(page.locator(".message")).to_contain_text("Fill in the operator first")
    expect(page.locator("#operator")).to_be_focused()
    page.locator("#operator").fill("李明")
    expect(page.locator(".message")).to_be_empty()
    banner.get_by_role("button").click()
    expect(box).to_contain_text(re.compile(r"acknowledged by 李明 at \d\d:\d\d:\d\d"))
    expect(box.get_by_role("button")).to_have_count(0)
    expect(page.locator(".banner[data-urgent]")).to_have_count(0)
    expect(card(page, incident).locator(".escalated")).to_have_attribute("data-taken", "")
    assert ("acknowledge", incident, "李明") in served.room.calls


def test_a_drill_asks_the_whole_room_as_a_drill_and_is_read_aloud_as_one(served: ServedRoom, open_page: Open) -> None:
    served.room.simulated = False
    page = open_page()
    told = served.room.alert(1, "C-005")
    served.room.incidents[told] = replace(served.room.incidents[told], drill=True)
    expect(page.locator("#announcer")).to_have_text(re.compile("^演练 · 新预警：红色"))
    served.do(lambda: served.room.escalate(told, EscalationStep.ROOM, "没有空闲警力", "no unit is free"))
    expect(page.locator(".banner[data-urgent] strong")).to_have_text("演练 · 全室盯办。 ")
    expect(page).to_have_title("演练 · ⚠ 1 起全室盯办 · 巡 Patrol")
    made_up = served.room.alert(2, "C-007")
    served.do(lambda: served.room.escalate(made_up, EscalationStep.ROOM, "没有空闲警力", "no unit is free"))
    expect(page.locator(".banner[data-urgent] strong").last).to_have_text("模拟 · 全室盯办。 ")
    real = served.room.alert(3, "C-009")
    served.room.incidents[real] = replace(served.room.incidents[real], simulated=False)
    served.do(lambda: served.room.escalate(real, EscalationStep.ROOM, "没有空闲警力", "no unit is free"))
    expect(page).to_have_title("⚠ 3 起全室盯办 · 巡 Patrol")
    expect(page.locator(".banner[data-urgent] strong").last).to_have_text("全室盯办。 ")


def test_a_lower_step_stands_with_its_incident_and_feedback_that_was_asked_for_is_counted(
    served: ServedRoom, open_page: Open
) -> None:
    incident = served.room.alert(1, "C-005")
    served.do(lambda: served.room.escalate(incident, EscalationStep.SUPERVISOR, "没有派出警力", "nobody has been sent"))
    page = open_page("?lang=en")
    expect(page.locator("#banners")).to_be_empty()
    expect(card(page, incident).locator(".escalated")).to_have_text("Supervisornobody has been sent")
    card(page, incident).click()
    expect(page.locator("#incident .escalation")).to_have_attribute("data-step", "supervisor")

    def handled() -> None:
        served.room.incidents[incident] = replace(
            served.room.incidents[incident], state=IncidentState.HANDLED, escalation=None, reminders=2
        )

    served.do(handled)
    expect(page.locator("#incident .escalation")).to_have_text("Feedback was asked for 2 times")
    once = replace(served.room.incidents[incident], reminders=1)
    served.do(lambda: served.room.incidents.update({incident: once}))
    expect(page.locator("#incident .escalation")).to_have_text("Feedback was asked for 1 time")
    expect(card(page, incident).locator(".escalated")).to_be_hidden()
    asked = ClosingRequest(Disposition.HANDLED, None, "", "wang", served.room.now())
    second = replace(once, state=IncidentState.ON_SCENE, closing=asked)
    served.do(lambda: served.room.incidents.update({incident: second}))
    expect(page.locator("#incident .escalation")).to_have_text("Asked for 1 time: a second person is awaited")


def test_of_many_that_ask_for_the_whole_room_the_first_are_named_and_the_others_counted(
    served: ServedRoom, open_page: Open
) -> None:
    for number in range(1, 8):
        incident = served.room.alert(number, f"C-{number:03d}")
        served.room.escalate(incident, EscalationStep.ROOM, "没有空闲警力", "no unit is free")
    page = open_page("?lang=en")
    expect(page.locator(".banner[data-urgent]")).to_have_count(5)
    expect(page.locator(".banner[data-urgent]").last).to_contain_text("3 more ask for the whole room")


@pytest.mark.parametrize("view", ["#", "#wall", "#cameras"])
def test_on_a_phone_the_button_is_in_sight_with_what_asks_for_the_whole_room(
    served: ServedRoom, open_page: Open, view: str
) -> None:
    incident = served.room.alert(1, "C-005")
    served.room.escalate(incident, EscalationStep.ROOM, "预计晚 29 秒到场，没有空闲警力", "no unit is free")
    page = open_page(width=390, height=844)
    page.evaluate(f"location.hash = '{view}'")
    button = page.locator(".banner[data-urgent] button")
    expect(button).to_be_in_viewport(ratio=1)
    within, around = button.bounding_box(), page.locator("#banners").bounding_box()
    assert within is not None
    assert around is not None
    assert within["y"] + within["height"] <= around["y"] + around["height"]


def test_a_clock_that_jumped_is_said_until_it_is_right_again(served: ServedRoom, open_page: Open) -> None:
    served.room.watch = WatchStatus(clock_off_s=-3600)
    page = open_page()
    banner = page.locator('.banner[data-level="yellow"]')
    expect(banner).to_contain_text("机器时钟跳变。 它比这里的时间慢 1:00:00")
    page.locator("#language").click()
    expect(banner).to_contain_text("It is 1:00:00 behind the time shown here")
    served.do(lambda: setattr(served.room, "watch", WatchStatus(clock_off_s=3600)))
    expect(banner).to_contain_text("It is 1:00:00 ahead of the time shown here")


def test_an_auditor_that_is_silent_is_said(served: ServedRoom, open_page: Open) -> None:
    served.room.watch = WatchStatus(None, served.room.now() - timedelta(seconds=62))
    page = open_page("?lang=en")
    banner = page.locator('.banner[data-level="red"]')
    expect(banner).to_contain_text(re.compile(r"Nobody audits.*since \d\d:\d\d:\d\d \(1:\d\d\)"))


@pytest.mark.long
def test_a_stretched_tour_says_for_every_ring_what_still_holds(served: ServedRoom, open_page: Open) -> None:
    served.room.stretch = 1.2
    page = open_page()
    banner = page.locator('.banner[data-level="yellow"]')
    expect(banner.locator("strong")).to_contain_text("轮巡已放宽 1.20 倍")
    for words in ("核心改为 6.0 s 看一次（原 5 s）", "周边改为 18.0 s", "远端改为 36.0 s", "没有点位被跳过"):
        expect(banner).to_contain_text(words)
    expect(page.locator("#rings li").first).to_contain_text("5→6.0 s")
    page.locator("#language").click()
    expect(banner).to_contain_text("Core is seen every 6.0 s instead of 5")
    served.do(lambda: setattr(served.room, "stretch", 1.0))
    expect(page.locator("#rings li").first).to_contain_text("≤5 s")
    expect(banner.locator("strong")).to_contain_text("Over just now · The tour is stretched by 1.20.")
    expect(page.locator("#banners")).to_be_empty(timeout=20_000)  # it stays for 10 s: nothing flickers


def test_cameras_past_their_bound_are_counted_by_ring_and_the_worst_is_named(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    expect(page.locator("#banners")).to_be_empty()
    lost = [camera for camera in served.room.cameras if camera.id in {"P-001", "P-002", "F-003"}]
    served.do(lambda: setattr(served.room, "dead", frozenset(camera.id for camera in lost)))
    banner = page.locator(".banner")
    expect(banner).to_have_attribute("data-level", "yellow")
    expect(banner.locator("strong")).to_contain_text("3 路点位超过轮巡周期上限：周边 2，远端 1")
    expect(banner).to_contain_text("3 路上次巡视失败：周边 2，远端 1")
    expect(banner).to_contain_text(re.compile(r"最久的是 .*(P-00[12]|F-003)，失视 .*（上限 (15|30) s）：超时"))
    served.do(lambda: setattr(served.room, "dead", frozenset({CameraId("C-001")})))
    expect(banner).to_have_attribute("data-level", "red")
    expect(banner).to_contain_text("最久的是")
    expect(banner).to_contain_text("C-001")


def test_a_tour_that_has_stopped_reporting_is_said_with_since_when(served: ServedRoom, open_page: Open) -> None:
    served.room.tour_reported_at = served.room.now() - timedelta(seconds=62)
    served.room.toured = False
    served.room.alert(1)
    page = open_page("?lang=en")
    banner = page.locator('.banner[data-level="red"]')
    expect(banner).to_contain_text("The tour has stopped reporting")
    expect(banner).to_contain_text(re.compile(r"It last did at \d\d:\d\d:\d\d \(1:\d\d ago\)"))
    expect(page.locator("#incident .pin")).to_have_attribute("aria-disabled", "true")
    page.locator("#operator").fill("Li")
    page.locator("#incident .pin").click(force=True)
    assert not [call for call in served.room.calls if call[0] == "pin"]


@pytest.mark.long
def test_the_capacity_stands_beside_what_is_needed_and_warns_when_they_are_close(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    capacity = page.locator("#capacity")
    expect(capacity).to_be_hidden()
    served.do(lambda: setattr(served.room, "capacity", (48.2, 33.1)))
    expect(capacity).to_have_text("能力 48 路/秒，需要 33")
    expect(capacity).to_have_attribute("data-tone", "plain")
    served.do(lambda: setattr(served.room, "capacity", (48.0, 41.0)))
    expect(capacity).to_have_text("能力 48 路/秒，需要 41：余量不足")
    expect(capacity).to_have_attribute("data-tone", "amber")

    def stretch() -> None:
        served.room.stretch, served.room.capacity, served.room.visits_per_s = 2.0, (82.0, 33.0), 11.9

    served.do(stretch)
    expect(capacity).to_have_text("实际 12 路/秒，需要 33：看不过来")
    served.do(lambda: setattr(served.room, "visits_per_s", 40.0))
    expect(capacity).to_be_hidden()


def test_an_incidents_camera_is_pinned_by_key_and_let_go_by_the_next_press(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1, "C-017")
    page = open_page()
    pin = page.locator("#incident .pin")
    expect(pin).to_have_text("盯控P")
    page.keyboard.press("p")
    expect(page.locator(".message")).to_have_text("请先填值班员")
    page.keyboard.type("李明")
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "true")
    expect(pin).to_contain_text(re.compile(r"盯控中 (1:00|0:5\d)"))
    expect(page.locator("#map .cameras path[data-pinned]")).to_have_count(1)
    first = pin.inner_text()
    wait_for(lambda: pin.inner_text() != first)
    page.reload()  # the tour says so, whoever looks
    expect(pin).to_contain_text("盯控中 0:5")
    expect(pin).to_have_attribute("title", re.compile("李明"))
    page.keyboard.press("p")
    expect(pin).to_have_text("盯控P")
    expect(pin).to_have_attribute("aria-pressed", "false")
    calls = [call for call in served.room.calls if call[0] == "pin"]
    assert calls == [("pin", "C-017", "60", "1", "李明"), ("pin", "C-017", "0", "1", "李明")]


def test_a_pin_that_another_seat_ended_is_over_here_too(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1, "C-017")
    page = open_page("?lang=en")
    pin = page.locator("#incident .pin")
    page.locator("#operator").fill("Li")
    pin.click()
    expect(pin).to_contain_text("Pinned")
    served.do(lambda: served.room.pins.clear())
    expect(pin).to_have_attribute("aria-pressed", "false", timeout=10000)  # a wish of one's own is believed for 3.5 s
    expect(pin).to_contain_text("Pin")


@pytest.mark.long
def test_a_tour_that_does_not_tell_its_pins_is_believed_to_have_heard(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1, "C-017")
    served.room.tells_pins = False
    page = open_page()
    page.locator("#operator").fill("李明")
    pin = page.locator("#incident .pin")
    pin.click()
    expect(pin).to_contain_text("盯控中 0:5")
    expect(pin).to_contain_text(re.compile(r"盯控中 0:(5[0-4]|[1-4]\d)"), timeout=10000)


def test_a_pin_without_capacity_to_spare_says_that_it_waits(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1, "C-017")
    served.room.stretch = 1.2
    page = open_page()
    page.locator("#operator").fill("李明")
    pin = page.locator("#incident .pin")
    pin.click()
    expect(pin).to_contain_text("待盯")
    served.do(lambda: setattr(served.room, "stretch", 1.0))
    expect(pin).to_contain_text("盯控中")
    served.do(lambda: setattr(served.room, "dead", frozenset({CameraId("C-017")})))
    expect(pin).to_contain_text("待盯")


def test_a_pin_that_did_not_reach_the_tour_says_so(browser: Browser, served: ServedRoom) -> None:
    served.room.alert(1, "C-017")
    served.room.queue_away = "redis does not answer"
    with browser.new_context(locale="zh-CN") as context:  # the browser reports the 503 as an error, rightly
        page = context.new_page()
        page.goto(served.address)
        page.locator("#operator").fill("李明")
        page.locator("#incident .pin").click()
        expect(page.locator(".message")).to_contain_text("队列没有应答，什么都没有改变")
        expect(page.locator("#incident .pin")).to_have_attribute("aria-pressed", "false")
        page.locator("#tiles .pin").first.click()
        expect(page.locator("#visited-message")).to_contain_text("队列没有应答，什么都没有改变")


@pytest.mark.long
def test_tiles_hold_still_under_the_pointer_and_a_pinned_one_stays_in_front(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    tiles = page.locator("#tiles li")

    def ids() -> list[str]:
        return tiles.locator(".caption small").all_inner_texts()

    first = ids()
    wait_for(lambda: ids() != first, 20)
    tiles.nth(1).hover()
    held = ids()
    page.wait_for_timeout(2200)
    assert ids() == held
    tiles.nth(1).locator(".pin").click()
    expect(page.locator("#ask-operator input")).to_be_focused()
    page.keyboard.type("李明")
    page.keyboard.press("Enter")
    expect(tiles.nth(1).locator(".pin")).to_have_attribute("aria-pressed", "true")
    assert ids() == held
    assert [call[1] for call in served.room.calls] == [held[1]]
    page.locator("#language").focus()
    page.mouse.move(5, 5)
    wait_for(lambda: ids()[0] == held[1] and ids() != held)
    expect(tiles.first).to_have_attribute("data-pinned", "")
    expect(tiles.first.locator(".pin")).to_have_text(re.compile(r"0:[345]\d"))


def test_every_tile_that_the_tab_key_reaches_can_be_seen_and_held(served: ServedRoom, open_page: Open) -> None:
    page = open_page("?lang=en")
    page.evaluate("localStorage.setItem('patrol.operator', 'Li')")
    tiles = page.locator("#tiles li")
    page.locator("#map button").last.focus()
    for place in range(tiles.count()):
        page.keyboard.press("Tab")
        expect(tiles.nth(place).locator(".pin")).to_be_focused()
        expect(tiles.nth(place)).to_be_in_viewport(ratio=0.9)
    held = tiles.last.get_attribute("title")
    page.wait_for_timeout(1300)
    assert tiles.last.get_attribute("title") == held
    page.keyboard.press("Space")
    expect(tiles.last.locator(".pin")).to_have_attribute("aria-pressed", "true")
    expect(tiles.last.locator(".pin")).to_be_focused()


TEXT_UNDER_BUTTON = """tile => {
    const words = document.createRange();
    words.selectNodeContents(tile.querySelector(".waiting"));
    const [text, button] = [words.getBoundingClientRect(), tile.querySelector(".pin").getBoundingClientRect()];
    const view = tile.querySelector(".view").getBoundingClientRect();
    return text.top >= button.bottom && text.bottom <= view.bottom;
}"""


@pytest.mark.parametrize("query", ["?lang=zh", "?lang=en"])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_tile_without_a_picture_says_so_and_its_button_lies_over_no_word(
    open_page: Open, query: str, width: int
) -> None:
    page = open_page(query, width=width)
    first = page.locator("#tiles li").first
    first.scroll_into_view_if_needed()
    expect(first.locator(".waiting")).to_have_text(re.compile("^(暂无画面，.*巡视|no picture yet, .*visit)"))
    expect(first.locator(".count")).to_be_hidden()  # of people whom nobody sees, at a time that nobody knows
    shown = page.locator("#tiles li").evaluate_all(
        f"tiles => tiles.filter((tile) => tile.offsetHeight > 0).map({TEXT_UNDER_BUTTON})"
    )
    assert shown
    assert all(shown)


def test_no_units_is_said_where_it_matters(served: ServedRoom, open_page: Open) -> None:
    served.room.units = ()
    expect(open_page().locator("#feed-empty")).to_contain_text("没有警力上报")


def test_a_lost_connection_is_said_with_its_age_and_mends_itself(browser: Browser) -> None:
    room = FakeRoom()
    room.fill()
    room.escalate(next(iter(room.incidents)), EscalationStep.ROOM, "没有空闲警力", "no unit is free")
    with browser.new_context(locale="zh-CN") as context:  # a refused connection is an error to the browser, rightly
        page = context.new_page()
        with served_in_thread(room) as served:
            page.goto(served.address)
            expect(page.locator("body")).to_have_attribute("data-ready", "true")
            port = int(served.address.rstrip("/").rpartition(":")[2])
        expect(page.locator("#banners")).to_contain_text(re.compile(r"连接中断.*（0:\d\d 前）"), timeout=10000)
        expect(page.locator(".banner[data-urgent]")).to_be_visible()
        expect(page.locator(".banner").first).to_contain_text("连接中断")  # nothing below it is as of now
        expect(page.locator("body")).to_have_attribute("data-stale", "")
        expect(page).to_have_title("⚠ 所示已旧 · 巡 Patrol")
        expect(page.locator("#health")).to_contain_text("队列情况不明")
        expect(page.locator('#health [data-tone="green"]')).to_have_count(0)
        with served_in_thread(room, port):
            expect(page.locator("#banners")).not_to_contain_text("连接中断", timeout=15000)
            expect(page.locator("body")).not_to_have_attribute("data-stale", "")
            expect(page.locator("#health")).to_contain_text("队列正常")
            page.close()


def test_where_all_cameras_fail_nothing_is_green(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    cameras = page.locator("#health li").last
    expect(cameras).to_have_attribute("data-tone", "green")
    served.do(lambda: setattr(served.room, "dead", frozenset(camera.id for camera in served.room.cameras)))
    expect(cameras).to_contain_text("0 路在线")
    expect(cameras).to_have_attribute("data-tone", "red")


def test_until_the_layout_is_there_nothing_of_the_room_is_shown_by_halves(browser: Browser, served: ServedRoom) -> None:
    served.room.stretch = 2.0
    incident = served.room.alert(1)
    served.room.escalate(incident, EscalationStep.ROOM, "没有空闲警力", "no unit is free")
    with browser.new_context(locale="zh-CN") as context:
        page, waiting = context.new_page(), []
        page.route("**/api/v1/layout", lambda route: waiting.append(route))
        with page.expect_request("**/api/v1/layout"):
            page.goto(served.address)
        page.wait_for_timeout(700)
        expect(page.locator("#banners")).to_be_empty()
        expect(page.locator("#incident .scroll")).to_be_hidden()
        expect(page.locator("#incident .actions")).to_be_hidden()
        waiting[0].continue_()
        expect(page.locator(".banner")).to_have_count(2)
        expect(page.locator("#incident .scroll")).to_be_visible()


def test_text_from_the_server_stays_text(served: ServedRoom, open_page: Open) -> None:
    nasty = '<img src="/x" onerror="document.title=1"><b>bold</b>'
    incident = served.room.alert(1, words=(nasty, nasty))
    served.room.incidents[incident] = replace(served.room.incidents[incident], camera_name=nasty, camera_name_en=nasty)
    page = open_page()
    expect(card(page, incident).locator(".words")).to_have_text(nasty)
    expect(page.locator("#incident h2")).to_contain_text(nasty)
    expect(page.locator(".card b b, .why img, #incident h2 img")).to_have_count(0)


@pytest.mark.parametrize("query", ["?lang=zh", "?lang=en"])
def test_no_width_scrolls_sideways(served: ServedRoom, open_page: Open, query: str) -> None:
    served.room.fill()
    served.room.stretch = 1.2
    page = open_page(query, width=390, height=844)
    expect(page.locator("#move-up")).to_be_visible()
    for asking in (False, True):
        if asking:
            page.get_by_role("button", name=re.compile("结案…|Close…")).click()
        for width in (390, 768, 1024, 1150, 1280, 1440):
            page.set_viewport_size({"width": width, "height": 844})
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.body.scrollWidth") <= width


def test_on_a_phone_an_alert_opens_below_the_feed(served: ServedRoom, open_page: Open) -> None:
    served.room.fill()
    page = open_page(width=390, height=844)
    order = [
        page.locator(name).evaluate("node => node.getBoundingClientRect().top")
        for name in ("#feed", "#incident", "#place")
    ]
    assert order == sorted(order)
    page.locator(".card").nth(1).click()
    expect(page.locator("#incident h2")).to_be_in_viewport()


def test_cameras_to_be_mended_stand_apart_and_have_no_countdown_and_no_unit(
    served: ServedRoom, open_page: Open
) -> None:
    served.room.fill()
    page = open_page()
    lost = IncidentId("I-20261123-000139")
    expect(page.locator("#filters [data-filter=open] b")).to_have_text("5")
    expect(page.locator("#filters [data-filter=maintenance] b")).to_have_text("1")
    expect(page.locator('.card[data-class="maintenance"]')).to_have_count(0)
    expect(page).to_have_title("5 起处置中 · 巡 Patrol")
    page.locator("#filters [data-filter=maintenance]").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(card(page, lost).locator(".badge")).to_have_text("维护")
    expect(card(page, lost)).to_contain_text("10.0.3.0/24 · 6 路")
    expect(card(page, lost)).to_contain_text("网段 10.0.3.0/24：6 路看不到画面")
    expect(card(page, lost).locator(".chip")).to_have_text("已通知技术人员")
    expect(ring(page, lost)).to_have_attribute("data-mode", "none")
    expect(ring(page, lost).locator(".dial")).to_be_hidden()
    card(page, lost).click()
    expect(page.locator("#incident h2")).to_contain_text("6 路")
    expect(page.locator("#incident .pin")).to_be_hidden()  # none of the six stands for all
    wait_for(lambda: ("displayed", lost) in [call[:2] for call in served.room.calls])


def test_the_cameras_are_listed_with_why_and_since_when_and_can_be_taken_on_and_closed(
    served: ServedRoom, open_page: Open
) -> None:
    lost = served.room.trouble(1, cameras=100, returned=1)
    page = open_page()
    page.locator("#filters [data-filter=maintenance]").click()
    card(page, lost).click()
    panel = page.locator("#incident")
    expect(panel.locator(".cameras tr")).to_have_count(60)
    expect(panel.locator(".cameras tr").first).to_contain_text("看不到画面 · 超时")
    expect(panel.locator(".cameras .others")).to_have_text("另有 40 路，未列出")
    expect(panel.locator(".unit-now")).to_contain_text("已恢复 1/100 路")
    expect(panel.locator("figure")).to_be_hidden()
    expect(panel.locator(".timeline tr.next")).to_contain_text("处置完毕")
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="接手").click()
    expect(panel.get_by_role("button", name="已接手")).to_be_disabled()
    expect(panel.locator('.stages [data-progress="now"]')).to_contain_text("盯办")
    page.get_by_role("button", name="结案…").click()
    page.get_by_text("移交").click()
    page.locator("#reason").fill("已报修")
    page.get_by_role("button", name="结案", exact=True).click()
    expect(page.locator("#filters [data-filter=closed] b")).to_have_text("1")
    expect(page.locator("#filters [data-filter=maintenance] b")).to_have_text("0")
    expect(page.locator("#feed-empty")).to_contain_text("没有维护警情")


@pytest.mark.parametrize("what", [Trouble.WRONG_PICTURE, Trouble.MOVED])
def test_a_strange_view_is_accepted_camera_by_camera_with_who_says_so(
    served: ServedRoom, open_page: Open, what: Trouble
) -> None:
    strange = served.room.trouble(1, cameras=3, returned=1, what=what)
    page = open_page()
    page.locator("#filters [data-filter=maintenance]").click()
    card(page, strange).click()
    buttons = page.locator("#incident .cameras .accept")
    expect(buttons).to_have_count(2)  # the third camera is back
    expect(buttons.first).to_have_text("接受当前画面")
    name = next(camera.name for camera in served.room.cameras if camera.id == "F-001")
    expect(buttons.first).to_have_attribute("aria-label", f"接受 {name} 的当前画面")
    buttons.first.click()
    expect(page.locator(".message")).to_have_text("请先填值班员")
    expect(page.locator("#operator")).to_be_focused()
    page.keyboard.type("李明")
    buttons.first.click()
    expect(page.locator(".message")).to_contain_text(f"已请轮巡接受 {name} 的当前画面")
    assert [call for call in served.room.calls if call[0] != "displayed"] == [("accept-view", "F-001", "李明")]
    page.locator("#language").click()
    expect(buttons.first).to_have_text("Accept this view")


def test_a_view_can_be_accepted_only_where_one_is_strange_and_a_tour_would_hear_of_it(
    served: ServedRoom, open_page: Open
) -> None:
    covered = served.room.trouble(1, cameras=2, what=Trouble.COVERED)
    page = open_page("?lang=en")
    page.locator("#filters [data-filter=maintenance]").click()
    card(page, covered).click()
    expect(page.locator("#incident .cameras tr")).to_have_count(2)
    buttons = page.locator("#incident .cameras .accept")
    expect(buttons).to_have_count(0)
    # It was covered first, and shows something else by now.
    served.do(lambda: setattr(served.room, "wrong", frozenset({CameraId("F-002")})))
    expect(buttons).to_have_count(1)
    served.do(lambda: setattr(served.room, "toured", False))
    expect(buttons).to_have_count(0)
    served.do(lambda: served.room.trouble(2, cameras=1, what=Trouble.MOVED))
    page.locator("#operator").fill("Li")
    page.locator("#news").click()
    card(page, IncidentId("I-20261123-000002")).click()
    buttons.click()
    expect(page.locator(".message")).to_contain_text("no view can be accepted now")
    assert not [call for call in served.room.calls if call[0] == "accept-view"]


def test_where_the_tour_was_not_reached_no_view_is_said_to_be_accepted(browser: Browser, served: ServedRoom) -> None:
    strange = served.room.trouble(1, cameras=1, what=Trouble.WRONG_PICTURE)
    served.room.queue_away = "redis does not answer"
    with browser.new_context(locale="zh-CN") as context:  # the browser reports the 503 as an error, rightly
        page = context.new_page()
        page.goto(served.address)
        page.locator("#filters [data-filter=maintenance]").click()
        card(page, strange).click()
        page.locator("#operator").fill("李明")
        page.locator("#incident .accept").click()
        expect(page.locator(".message")).to_contain_text("队列没有应答，什么都没有改变")
        expect(page.locator("#incident .accept")).to_be_enabled()


def test_many_cameras_down_are_said_in_a_banner_in_the_words_of_the_largest(
    served: ServedRoom, open_page: Open
) -> None:
    served.room.trouble(1, cameras=3)
    page = open_page("?lang=en")
    expect(page.locator("#filters [data-filter=maintenance] b")).to_have_text("1")
    expect(page.locator("#banners")).to_be_empty()
    served.do(lambda: served.room.trouble(2, cameras=120, returned=20))
    expect(page.locator("#banners")).to_contain_text("103 cameras are in trouble (2 maintenance incidents)")
    expect(page.locator("#banners")).to_contain_text("Network 10.0.3.0/24: 120 cameras cannot be seen")


def test_where_nothing_is_to_be_mended_there_is_no_such_tab(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1)
    page = open_page()
    expect(page.locator("#filters [data-filter=open] b")).to_have_text("1")
    expect(page.locator("#filters [data-filter=maintenance]")).to_be_hidden()


def moving_clip() -> bytes:
    """Three seconds in which a white block crosses."""
    stills = []
    for n in range(13):
        pixels = np.full((360, 640, 3), 90, np.uint8)
        pixels[100:260, 40 * n : 40 * n + 80] = 230
        at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=0.25 * n)
        stills.append(Still(at, compressed(Frame(CameraId("C-017"), at, pixels))))
    return as_webm(stills)


def test_a_clip_comes_a_moment_after_its_alert_and_plays(served: ServedRoom, open_page: Open) -> None:
    served.room.clips[EvidenceId("E-clip")] = moving_clip()
    fresh = served.room.alert(1, accepted_s_ago=-60, clip_id="E-clip")
    page = open_page()
    clip, video = page.locator("#incident .clip"), page.locator("#incident .clip video")
    expect(card(page, fresh).locator(".thumb[data-clip]")).to_have_count(1)
    expect(clip).to_have_text("短片稍后就到")
    expect(video).to_have_count(0)
    served.do(lambda: served.room.alert(2, "C-018", accepted_s_ago=60, clip_id="E-clip"))
    card(page, IncidentId("I-20261123-000002")).click()
    expect(clip).to_have_text("盯控短片")
    wait_for(lambda: bool(video.evaluate("video => video.readyState >= 3 && video.currentTime > 0.2")))
    assert video.evaluate("video => [video.videoWidth, video.videoHeight, video.controls, video.muted]") == [
        640,
        360,
        True,
        True,
    ]
    assert 2.9 <= video.evaluate("video => video.duration") <= 3.6
    page.locator("#language").click()
    expect(clip).to_have_text("Clip of the focus")
    expect(video).to_have_attribute("aria-label", re.compile("Clip of the focus on"))


def test_a_clip_is_played_stopped_and_moved_through_by_keyboard(served: ServedRoom, browser: Browser) -> None:
    served.room.clips[EvidenceId("E-clip")] = moving_clip()
    served.room.alert(1, accepted_s_ago=30, clip_id="E-clip")
    served.room.alert(2, "C-018", accepted_s_ago=20, clip_id="E-clip")
    with browser.new_context(locale="en-GB", reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(served.address + "?lang=en")
        video = page.locator("#incident .clip video")
        wait_for(lambda: bool(video.evaluate("video => video.readyState >= 3")))
        chosen = page.locator(".card[aria-selected=true]").get_attribute("data-id")
        page.wait_for_timeout(500)
        assert video.evaluate("video => video.paused && video.currentTime === 0"), "less motion was asked for"
        video.focus()
        page.keyboard.press("Space")
        wait_for(lambda: bool(video.evaluate("video => video.currentTime > 0.2")))
        page.keyboard.press("Space")
        wait_for(lambda: bool(video.evaluate("video => video.paused")))
        video.evaluate("video => { video.currentTime = 2.5; }")
        wait_for(lambda: bool(video.evaluate("video => !video.seeking && Math.abs(video.currentTime - 2.5) < 0.05")))
        page.keyboard.press("ArrowDown")
        assert page.locator(".card[aria-selected=true]").get_attribute("data-id") == chosen, "the player's own key"


def test_where_no_focus_saw_it_there_is_no_clip_and_the_page_says_so(served: ServedRoom, open_page: Open) -> None:
    plain = served.room.alert(1, accepted_s_ago=60)
    page = open_page("?lang=en")
    expect(page.locator("#incident .clip")).to_have_text(
        re.compile("^No clip: one takes a focus.*single visits.*what it leaves")
    )
    expect(card(page, plain).locator(".thumb[data-clip]")).to_have_count(0)
    served.do(lambda: served.room.trouble(2, cameras=1))
    page.locator("#filters [data-filter=maintenance]").click()
    card(page, IncidentId("I-20261123-000002")).click()
    expect(page.locator("#incident .clip")).to_be_hidden()


@pytest.mark.long
def test_a_clip_that_never_comes_is_said_to_be_lost(browser: Browser, served: ServedRoom) -> None:
    served.room.alert(1, accepted_s_ago=60, clip_id="E-never")
    with browser.new_context(locale="en-GB") as context:  # the browser reports each 404 as an error, rightly
        page = context.new_page()
        page.goto(served.address + "?lang=en")
        expect(page.locator("#incident .clip")).to_have_text("The clip cannot be had", timeout=15_000)
        expect(page.locator("#incident .clip video")).to_have_count(0)


def test_dead_letters_are_shown_with_their_reason_and_put_back_by_name(served: ServedRoom, open_page: Open) -> None:
    served.do(lambda: (served.room.bury(1), served.room.bury(2, body=b"poison", reason="expected JSON", replays=1)))
    page = open_page()
    page.locator(".banner button", has_text="查看").click()
    letters = page.locator("#letters-list li")
    expect(letters).to_have_count(2)
    expect(letters.first).to_contain_text("expected JSON")
    expect(letters.first).to_contain_text("内容无法读取")
    expect(letters.first).to_contain_text("已放回 1 次")
    expect(letters.last).to_contain_text("A-1")
    letters.last.locator("button").click()
    expect(page.locator("#letters-message")).to_have_text("请先填写是谁放回的")
    assert served.room.calls == []
    page.locator("#letters-operator").fill("李明")
    letters.last.locator("button").click()
    expect(page.locator("#letters-message")).to_have_text("已放回 patrol:alert:red")
    expect(letters).to_have_count(1)
    assert served.room.calls == [("replay", "1777999900001-0", "李明")]
    page.keyboard.press("Escape")
    expect(page.locator("#letters")).to_be_hidden()


def test_a_dead_letter_that_cannot_go_back_says_why_in_the_other_language_too(
    browser: Browser, served: ServedRoom
) -> None:
    served.do(lambda: served.room.bury(1, stream="somewhere"))
    with browser.new_context(locale="zh-CN") as context:  # the browser reports the 409 as an error, rightly
        page = context.new_page()
        page.goto(served.address)
        page.locator("#language").click()
        page.locator(".banner button", has_text="Show").click()
        page.locator("#letters-operator").fill("li")
        page.locator("#letters-list button", has_text="Put back").click()
        expect(page.locator("#letters-message")).to_contain_text("it does not say which stream it came from")
        expect(page.locator("#letters-list li")).to_have_count(1)


def test_a_drill_is_marked_in_the_feed_and_beside_the_incident(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    served.room.incidents[incident] = replace(served.room.incidents[incident], drill=True)
    page = open_page()
    expect(card(page, incident)).to_contain_text("演练")
    expect(page.locator("#incident")).to_contain_text("演练")


def test_a_picture_and_a_clip_that_were_deleted_say_so_and_are_not_asked_for(
    served: ServedRoom, open_page: Open
) -> None:
    room = served.room
    old = room.alert(1, accepted_s_ago=60, clip_id="E-clip")
    picture = room.incidents[old].evidence_id
    assert picture is not None
    del room.pictures[picture]
    room.gone = {picture: Gone.EXPIRED, EvidenceId("E-clip"): Gone.BY_HAND}
    page = open_page()  # whose console stays empty: nothing that is gone was asked for
    expect(page.locator("#incident figure .no-picture")).to_have_text("画面已不在：保存期已满，自动删除")
    expect(page.locator("#incident .clip")).to_have_text("短片已不在：文件被人删除")
    expect(card(page, old).locator(".thumb[data-clip]")).to_have_count(0)
    expect(page.locator(".thumb img, #incident img")).to_have_count(0)


def test_refused_alerts_and_a_short_disk_are_on_top_of_the_page(served: ServedRoom, open_page: Open) -> None:
    page = open_page("?lang=en")
    kept = KeptAlerts(3, datetime.now(UTC) - timedelta(seconds=75), aside=2)
    short = DiskSpace(DiskPlace.EVIDENCE, 1, 4 * 10**9, 100 * 10**9)
    served.do(lambda: setattr(served.room, "storage", StorageStatus(kept, (short,))))
    banners = page.locator("#banners .banner")
    expect(banners.filter(has_text="The database refuses new alerts.")).to_contain_text("3 are kept on the local disk")
    expect(banners.filter(has_text="The database refuses new alerts.")).to_have_attribute("data-level", "red")
    expect(banners.filter(has_text="A disk is short of room (evidence).")).to_contain_text(
        "4.0 GB are left of 100.0 GB (4%)"
    )
    expect(banners.filter(has_text="2 alerts the database never took")).to_have_count(1)
    served.do(lambda: setattr(served.room, "storage", StorageStatus()))
    expect(banners.filter(has_text="refuses")).to_have_count(0)


def test_two_incidents_become_one_and_come_apart_again_with_who_did_it(served: ServedRoom, open_page: Open) -> None:
    served.do(lambda: served.room.alert(1, "C-017", accepted_s_ago=20))
    served.do(lambda: served.room.alert(2, "C-018", level=Level.YELLOW, accepted_s_ago=5))
    first, other = IncidentId("I-20261123-000001"), IncidentId("I-20261123-000002")
    page = open_page()
    card(page, other).click()
    panel = page.locator("#incident")
    expect(panel.locator(".witnesses li")).to_have_count(0)
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="合并…").click()
    expect(page.locator("#merge-with option")).to_have_count(1)
    expect(page.locator("#merge-with option")).to_contain_text(re.compile(r"红色 · 人员聚集 .* 米"))
    page.get_by_role("button", name="合并", exact=True).click()
    expect(panel.locator(".message")).to_contain_text(f"已合并为 {first}")
    expect(card(page, other)).to_have_count(0)
    expect(card(page, first)).to_contain_text("2 路点位")
    expect(panel.locator(".witnesses li")).to_have_count(2)
    expect(panel.locator(".witnesses li").nth(1)).to_contain_text(f"由 李明 并入，原属 {other}")
    large = panel.locator("figure img")
    expect(large).to_have_attribute("src", "/evidence/E-000001.jpg")
    panel.locator(".witnesses .look").nth(1).click()
    expect(large).to_have_attribute("src", "/evidence/E-000002.jpg")
    expect(panel.get_by_role("button", name=re.compile("拆成单独一起警情"))).to_have_count(1)
    panel.locator(".witnesses .split").click()
    expect(panel.locator(".message")).to_contain_text("已拆成 I-20261123-000001-split")
    expect(panel.locator(".witnesses li")).to_have_count(0)
    card(page, IncidentId("I-20261123-000001-split")).click()
    expect(panel.locator(".about")).to_contain_text("由 李明 从 I-20261123-000001 拆出")
    page.get_by_role("button", name=re.compile("^已结")).click()
    card(page, other).click()
    expect(panel.locator(".outcome")).to_contain_text("重复")
    panel.get_by_role("button", name=f"看 {first}").click()
    expect(panel.locator(".about")).to_contain_text(first)


def test_a_merge_that_is_refused_says_why_in_both_languages(browser: Browser, served: ServedRoom) -> None:
    served.do(lambda: served.room.alert(1, "C-017"))
    served.do(lambda: served.room.alert(2, "C-018"))
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(served.address)
    card(page, IncidentId("I-20261123-000002")).click()
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="合并…").click()
    expect(page.locator("#merge-with option")).to_have_count(1)
    served.room.apart = Apart.BOTH_OUT
    page.get_by_role("button", name="合并", exact=True).click()
    expect(page.locator("#incident .message")).to_contain_text("两起都有警力在途或在现场")
    page.locator("#language").click()
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator("#incident .message")).to_contain_text("both have a unit on its way")
    page.context.close()


def flood(served: ServedRoom, count: int = 16) -> list[IncidentId]:
    numbers = range(1, count + 1)
    served.do(
        lambda: [
            served.room.alert(number, f"P-{number:03d}", level=Level.YELLOW, accepted_s_ago=30) for number in numbers
        ]
    )
    return [IncidentId(f"I-20261123-{number:06d}") for number in numbers]


def test_a_flood_is_one_line_that_counts_and_opens_and_red_stands_by_itself(
    served: ServedRoom, open_page: Open
) -> None:
    yellow = flood(served)
    red = IncidentId("I-20261123-000100")
    served.do(lambda: served.room.alert(100, "C-017", accepted_s_ago=20))
    page = open_page()
    digest = page.locator("#digest")
    expect(digest).to_contain_text("短时间内 16 起")
    expect(digest.locator("li")).to_contain_text(re.compile("周边 · 人员聚集 16"))
    expect(page.locator(".card")).to_have_count(1)
    expect(card(page, red)).to_have_count(1)
    digest.get_by_role("button", name="展开").click()
    expect(page.locator(".card")).to_have_count(17)
    card(page, yellow[3]).click()
    page.locator("#operator").fill("李明")
    page.get_by_role("button", name="确认属实").click()
    expect(digest).to_contain_text("短时间内 15 起")
    page.locator("#language").click()
    expect(digest).to_contain_text("15 incidents at once")
    digest.get_by_role("button", name="Hide").click()
    expect(page.locator(".card")).to_have_count(2)
    expect(card(page, yellow[3])).to_have_count(1)


def test_what_stands_in_the_feed_does_not_jump_into_the_digest(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    early = flood(served, 12)
    expect(page.locator(".card")).to_have_count(12)
    late = IncidentId("I-20261123-000050")
    served.do(lambda: served.room.alert(50, "P-050", level=Level.YELLOW, accepted_s_ago=20))
    expect(page.locator("#digest")).to_contain_text("短时间内 13 起")
    expect(card(page, early[0])).to_have_count(1)
    expect(card(page, late)).to_have_count(0)


def told_of(camera: str, right: int, wrong: int, rule_id: str = "crowd") -> Precision:
    return Precision(CameraId(camera), RuleId(rule_id), Kind.CROWD, right, wrong)


def test_before_anybody_has_judged_the_panel_teaches_where_its_figures_will_come_from(open_page: Open) -> None:
    page = open_page()
    opens = page.locator("#precision-open")
    expect(opens).to_have_accessible_name("规则属实率")
    expect(opens.locator("b")).to_have_text("")
    opens.click()
    expect(page.locator("#precision .teach")).to_contain_text("还没有反馈")
    expect(page.locator("#precision-means")).to_contain_text("规则不会自动改变")
    expect(page.locator("#precision table")).to_have_count(0)


def test_a_rule_that_keeps_being_wrong_is_counted_on_the_button_and_shown_with_the_change_to_make(
    served: ServedRoom, open_page: Open
) -> None:
    served.room.told = [told_of("C-018", 19, 1), told_of("C-017", 1, 11), told_of("P-001", 2, 1, "old")]
    page = open_page()
    opens = page.locator("#precision-open")
    expect(opens.locator("b")).to_have_text("1")
    expect(opens).to_have_accessible_name("规则属实率：1 项修改建议")
    page.keyboard.press("r")
    panel = page.get_by_role("dialog", name="规则属实率")
    rows = panel.locator("tbody tr")
    assert [text.split(" ·")[0] for text in rows.locator("th small").all_inner_texts()] == ["C-017", "P-001", "C-018"]
    expect(rows.nth(0)).to_contain_text("12 起中 1 起")
    expect(rows.nth(0)).to_have_attribute("data-tone", "red")
    expect(rows.nth(1)).to_contain_text("old，已不在配置里")
    expect(rows.nth(1)).to_have_attribute("data-tone", "plain")
    expect(rows.nth(2).get_by_role("img", name="属实率 95%，95% 区间 76% 到 99%")).to_be_visible()
    proposal = panel.locator(".proposals li")
    expect(proposal).to_contain_text("由 3 改为 4")
    expect(proposal.locator("pre").first).to_be_hidden()
    proposal.locator("summary").click()
    expect(proposal.locator("pre").first).to_contain_text("crowd-C-017: {kind: crowd")
    expect(proposal.locator("pre").last).to_contain_text("rules: [crowd-C-017]")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert not [call for call in served.room.calls if call[0] != "displayed"], "it only proposes"


def test_the_change_is_copied_as_it_is_to_be_written(served: ServedRoom, open_page: Open) -> None:
    served.room.told = [told_of("C-017", 1, 11)]
    page = open_page("?lang=en")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#precision-open").click()
    page.locator("#precision summary").click()
    page.get_by_role("button", name="Copy: Add under rules in the configuration").click()
    expect(page.get_by_role("button", name="Copy: Add under rules in the configuration")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#precision pre").first.inner_text()
    assert copied.startswith("rules:\n  crowd-C-017: {")


def test_beside_an_incidents_evidence_stands_how_often_its_rule_was_right_on_its_camera(
    served: ServedRoom, open_page: Open
) -> None:
    known, unknown = served.room.alert(1, "C-017"), served.room.alert(2, "C-018")
    served.room.told = [told_of("C-017", 9, 3), told_of("C-017", 0, 8, "other")]
    page = open_page()
    card(page, known).click()
    line = page.locator("#incident .precision-line")
    expect(line).to_contain_text("在本点位：90 天 12 起中 9 起属实（75%）")
    expect(line.get_by_role("img", name="属实率 75%，95% 区间 47% 到 91%")).to_be_visible()
    card(page, unknown).click()
    expect(line).to_be_hidden()
    card(page, known).click()
    line.click()
    expect(page.locator("#precision")).to_be_visible()


@pytest.mark.parametrize("query", ["", "?lang=en"])
def test_on_a_phone_the_panel_fits_and_nothing_stands_outside_it(
    served: ServedRoom, open_page: Open, query: str
) -> None:
    served.room.told = [told_of("C-018", 19, 1), told_of("C-017", 1, 11)]
    page = open_page(query, width=390, height=844)
    page.locator("#precision-open").click()
    page.locator("#precision summary").click()
    box = page.locator("#precision").evaluate("node => [node.scrollWidth, node.clientWidth]")
    assert box[0] <= box[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#precision .yaml button").last).to_be_visible()
    brand = page.locator(".brand h1").bounding_box()
    badge = page.locator("#simulated").bounding_box()
    assert brand is not None
    assert badge is not None
    beside = brand["x"] + page.locator(".brand h1").evaluate("node => node.scrollWidth") <= badge["x"] + 1
    assert beside or brand["y"] + brand["height"] <= badge["y"]


def test_when_no_answer_comes_the_panel_says_so_and_keeps_what_it_knew(served: ServedRoom, open_page: Open) -> None:
    served.room.told = [told_of("C-017", 1, 11)]
    page = open_page()
    expect(page.locator("#precision-open b")).to_have_text("1")
    page.route("**/api/v1/precision", lambda route: route.fulfill(body=""))  # cut off; the browser says nothing
    page.locator("#precision-open").click()
    expect(page.locator("#precision-message")).to_contain_text("连不上服务器")
    expect(page.locator("#precision tbody tr")).to_have_count(1)


def test_what_the_server_would_refuse_to_merge_is_not_to_be_chosen_and_says_why(
    served: ServedRoom, open_page: Open
) -> None:
    first, other = served.room.alert(1, "C-017"), served.room.alert(2, "C-018")
    for incident, unit in ((first, "U-JP1"), (other, "U-P2")):
        served.room.send(incident, unit, eta_s=40)
        served.room.accept(incident)
    page = open_page()
    card(page, first).click()
    page.get_by_role("button", name="合并…").click()
    option = page.locator("#merge-with option")
    expect(option).to_be_disabled()
    expect(option).to_contain_text("两起都有警力在途或在现场")
    expect(page.get_by_role("button", name="合并", exact=True)).to_be_disabled()
    third = served.room.alert(3, "C-019")
    expect(page.locator("#merge-with")).to_have_value(third)
    expect(page.get_by_role("button", name="合并", exact=True)).to_be_enabled()
    served.do(lambda: served.room.send(third, "U-P3", eta_s=40))
    served.do(lambda: served.room.arrive(third))
    for said in (served.room.close(third, Disposition.HANDLED, "li", ""), served.room.reopen(third, "li", "again")):
        asyncio.run_coroutine_threadsafe(said, served.loop).result(30)
    expect(page.locator(f'#merge-with option[value="{third}"]')).to_contain_text("到场后又重新打开")
    expect(page.locator(f'#merge-with option[value="{third}"]')).to_be_disabled()


def test_what_was_said_goes_once_it_is_about_what_is_over(served: ServedRoom, open_page: Open) -> None:
    incident, other = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.BLUE)
    page = open_page()
    card(page, incident).click()
    message = page.locator("#incident .message")
    page.locator("#incident .actions .row .main").first.click()
    expect(message).to_have_text("请先填值班员")
    page.locator("#operator").press_sequentially("李")
    expect(message).to_be_empty()
    page.locator("#operator").fill("")
    page.locator("#incident .actions .row .main").first.click()
    expect(message).to_have_text("请先填值班员")
    served.do(lambda: served.room.send(incident, "U-JP1", eta_s=40))
    expect(message).to_be_empty()
    page.get_by_role("button", name="合并…").click()
    expect(page.locator("#merging")).to_be_visible()
    served.do(
        lambda: served.room.incidents.update(
            {other: replace(served.room.incidents[other], state=IncidentState.HANDLED)}
        )
    )
    expect(page.locator("#merging")).to_be_hidden()
    expect(page.get_by_role("button", name="结案…")).to_be_visible()


BOXES = (
    "nodes => nodes.filter(node => node.getClientRects().length > 0)"
    ".map(node => [node.textContent, ...Object.values(node.getBoundingClientRect().toJSON()).slice(0, 4)])"
)


def crew(number: int, east: float, north: float) -> Unit:
    home = at_metres(east, north)
    names = f"最小作战单元第{number}组", f"Combat unit {number}"
    rings, kind = frozenset(RingName), UnitKind.COMBAT_UNIT
    return Unit(UnitId(f"U-{number:02d}"), *names, kind, rings, home, 3.0, 8.0, simulated=True)


def test_in_a_crowd_of_units_no_name_stands_on_another_and_who_is_under_way_keeps_its_name(
    served: ServedRoom, open_page: Open
) -> None:
    served.room.units = tuple(crew(n, 30.0 * (n % 6) - 75, 30.0 * (n // 6) - 60) for n in range(30))
    incident = served.room.alert(1)
    served.room.send(incident, "U-14", eta_s=40)
    page = open_page()
    expect(page.locator("#map .units > g")).to_have_count(30)
    page.wait_for_timeout(1500)
    assert page.locator("#map .unit-names text:not([visibility])").count() > 3  # the core is looked at first
    page.get_by_role("button", name="全域", exact=True).click()
    expect(page.locator("#map .unit-names text:not([visibility])")).to_have_count(1)  # who is under way
    page.get_by_role("button", name="核心", exact=True).click()
    names = page.locator("#map .unit-names text").evaluate_all(
        "nodes => nodes.filter(node => node.getAttribute('visibility') !== 'hidden')"
        ".map(node => [node.textContent, ...Object.values(node.getBoundingClientRect().toJSON()).slice(0, 4)])"
    )
    assert any("第14组 ·" in name for name, *_ in names)
    assert 3 < len(names) < 30
    for place, (name, x, y, width, height) in enumerate(names):
        for other, left, top, wide, high in names[place + 1 :]:
            apart = x + width <= left + 2 or left + wide <= x + 2 or y + height <= top + 2 or top + high <= y + 2
            assert apart, f"{name} stands on {other}"


@pytest.mark.parametrize(("query", "width"), [("", 390), ("?lang=en", 390), ("", 1440), ("?lang=en", 1440)])
def test_names_on_the_map_keep_clear_of_each_other_and_of_what_lies_over_it(
    served: ServedRoom, open_page: Open, query: str, width: int
) -> None:
    served.room.fill()
    page = open_page(query, width=width)
    shown = page.locator("#map .map-buttons, #map .legend, #map .scale, #banners, #move-up")
    buttons = page.locator("#map .map-buttons button")
    for button in range(3):  # the core, the periphery, all of it
        buttons.nth(button).evaluate("node => node.click()")
        page.wait_for_timeout(300)
        names = page.locator("#map text:not([visibility])").evaluate_all(BOXES)
        assert len(names) >= 4
        fixed = shown.evaluate_all(BOXES)
        for place, (name, x, y, wide, high) in enumerate(names):
            for other, left, top, width_, height in [*names[place + 1 :], *fixed]:
                apart = x + wide <= left + 3 or left + width_ <= x + 3 or y + high <= top + 3 or top + height <= y + 3
                assert apart, f"{name} stands on {other}"


def test_the_map_begins_in_the_core_and_shows_what_is_selected_outside_of_it(
    served: ServedRoom, open_page: Open
) -> None:
    near = served.room.alert(1, "C-005")
    page = open_page()
    scale = page.locator("#map .scale span")
    expect(scale).to_have_text("100 m")
    far = served.room.alert(2, "F-020", level=Level.BLUE)
    card(page, far).click()
    expect(scale).to_have_text("200 m")
    inside = "node => { const [a, b] = [node, node.closest('svg')].map((one) => one.getBoundingClientRect());"
    inside += " return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom; }"
    assert page.locator("#map .incidents [data-selected] .shape").evaluate(inside)
    card(page, near).click()
    expect(scale).to_have_text("200 m")  # it is in the picture: nothing moves


def test_an_order_that_nobody_has_answered_says_whether_another_unit_was_sent(
    served: ServedRoom, open_page: Open
) -> None:
    incident = served.room.alert(1, accepted_s_ago=30)
    served.room.send(incident, "U-JP1", eta_s=40, sent_s_ago=25)
    first = replace(served.room.orders[incident], state=OrderState.DOUBTED)
    served.room.orders[incident] = first
    page = open_page()
    chip = card(page, incident).locator(".chip")
    expect(chip).to_contain_text(re.compile(r"超时未签收 0:\d\d，待另派"))
    another = replace(
        first, id=OrderId("O-2"), unit_id=UnitId("U-P3"), state=OrderState.SENT, sent_at=served.room.now()
    )
    served.room.more_orders[incident] = (another,)
    expect(chip).to_contain_text(re.compile(r"超时未签收 0:\d\d，已另派"))


def test_a_unit_whose_name_has_no_room_says_it_under_the_pointer(served: ServedRoom, open_page: Open) -> None:
    served.room.units = tuple(crew(n, 0.5 * n, 0.0) for n in range(12))
    page = open_page()
    expect(page.locator("#map .units > g")).to_have_count(12)
    page.locator('#map [data-unit="U-11"]').hover()
    expect(page.locator("#map .tip")).to_have_text("最小作战单元第11组 · 待命")


def test_units_stand_where_they_are_from_the_first_moment(served: ServedRoom, open_page: Open) -> None:
    served.room.units = (crew(1, 0.0, 0.0),)
    page = open_page()
    mark = page.locator('#map [data-unit="U-01"]')
    first = mark.bounding_box()
    page.wait_for_timeout(1200)
    assert first == mark.bounding_box(), "it glided in"


def test_a_camera_that_was_not_looked_at_yet_is_not_drawn_as_one_that_failed(
    served: ServedRoom, open_page: Open
) -> None:
    waiting, failed = CameraId("C-001"), CameraId("C-002")
    served.room.never, served.room.dead = frozenset({waiting, failed}), frozenset({failed})
    page = open_page()
    wedges = page.locator("#map .cameras path")
    expect(wedges.nth(0)).to_have_attribute("data-tone", "never")
    drawn = [wedges.nth(n).evaluate("node => getComputedStyle(node).fill") for n in (0, 1)]
    assert "none" not in drawn[0]
    assert drawn[1] == "none"
    expect(page.locator("#map .legend [data-tone=never]")).to_have_text("尚未看到")


def test_what_is_handled_says_that_its_feedback_is_due_and_names_no_unit(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    served.room.send(incident, "U-JP1", eta_s=20)
    served.room.incidents[incident] = replace(served.room.incidents[incident], state=IncidentState.HANDLED)
    page = open_page()
    expect(card(page, incident).locator(".chip")).to_have_text("已处置，待反馈")


def test_a_map_too_small_to_show_anything_does_not_hang_the_page(served: ServedRoom, open_page: Open) -> None:
    served.room.fill()
    page = open_page()
    page.evaluate("document.getElementById('map').style.cssText = 'flex: none; width: 40px; height: 40px'")
    page.wait_for_timeout(500)
    page.locator("#language").click()
    expect(page.locator("#feed-title")).to_have_text("Alerts")
