"""Signing in and out in a real browser."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from patrol.adapters.clock import SystemClock
from patrol.domain.events import Level
from patrol.domain.incidents import EscalationStep, IncidentId
from patrol.web.app import serve

from .conftest import IN_A_BROWSER, Site
from .fake_room import FakeRoom
from .signed_in import PASSWORD, guarded

pytestmark = IN_A_BROWSER
RED = IncidentId("I-20261123-000001")


@contextmanager
def served_with_accounts(folder: Path, room: FakeRoom, *, accounts: bool = True) -> Iterator[str]:
    """The real server with accounts, in a thread of its own; gives its address."""
    ready, parts = threading.Event(), []

    async def run() -> None:
        site, loop = Site(room=room), asyncio.get_running_loop()
        async with guarded(folder, site, SystemClock(), accounts=accounts):

            def on_ready(address: str) -> None:
                parts.append((address, loop, site.stopping))
                ready.set()

            await serve(site.app(), "127.0.0.1", 0, site.stopping, on_ready)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="guarded-room")
    thread.start()
    try:
        assert ready.wait(20)
        yield parts[0][0]
    finally:
        if parts:
            parts[0][1].call_soon_threadsafe(parts[0][2].set)
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def room() -> FakeRoom:
    room = FakeRoom(second_person=frozenset({Level.RED}))
    room.alert(1)
    return room


@pytest.fixture
def address(tmp_path: Path, room: FakeRoom) -> Iterator[str]:
    with served_with_accounts(tmp_path, room) as address:
        yield address


def opened(browser: Browser, address: str, width: int = 1440, height: int = 900) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    page = context.new_page()
    page.goto(address)
    return context, page


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    expect(page.locator("#sign-in button")).not_to_be_empty()  # the page speaks, so that it listens, too
    page.locator("#name").fill(name)
    page.locator("#password").fill(password)
    page.locator("#password").press("Enter")


def offered(page: Page) -> list[str]:
    """What is needed for the buttons that are shown."""
    shown = page.locator("[data-needs]:visible").evaluate_all("nodes => nodes.map((node) => node.dataset.needs)")
    return sorted(set(shown))


def close_red(page: Page) -> None:
    page.get_by_role("button", name="结案…").click()
    page.locator("#closing").get_by_text("已处置").click()
    page.locator("#reason").fill("已疏散")
    page.get_by_role("button", name="结案", exact=True).click()


def test_somebody_signs_in_is_shown_by_name_and_signs_out(browser: Browser, address: str) -> None:
    context, page = opened(browser, address)
    expect(page).to_have_url(re.compile("/sign-in$"))
    expect(page.locator("button[type=submit]")).to_have_text("登录")
    page.locator("#language").click()
    expect(page.locator("button[type=submit]")).to_have_text("Sign in")
    sign_in(page, "operator", "not that one at all")
    expect(page.locator("#message")).to_have_text("Wrong account or password.")
    expect(page.locator("#password")).to_have_value("")
    sign_in(page, "operator")
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    expect(page.locator("#me")).to_have_text("operator · operator")
    expect(page.locator("#open-room")).to_be_hidden()
    expect(page.locator("#operator")).to_be_hidden()
    page.locator("#sign-out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto(address)
    expect(page).to_have_url(re.compile("/sign-in$"))
    context.close()


def test_what_is_done_is_done_by_whoever_is_signed_in_and_red_takes_two(
    browser: Browser,
    address: str,
    room: FakeRoom,
) -> None:
    (one, first), (other, second) = opened(browser, address), opened(browser, address)
    sign_in(first, "operator")
    sign_in(second, "supervisor")
    first.get_by_role("button", name="确认属实").click()
    expect(first.locator(".timeline")).to_contain_text("人工确认")
    close_red(first)
    expect(first.locator(".second")).to_contain_text("operator")
    expect(first.get_by_role("button", name="同意结案")).to_be_disabled()
    second.get_by_role("button", name="同意结案").click()
    expect(second.locator("#filters [data-filter=closed] b")).to_have_text("1")
    assert ("confirm", RED, "operator") in room.calls
    assert room.incidents[RED].closed_by == "supervisor"
    one.close()
    other.close()


def test_a_viewer_is_offered_nothing_to_do_and_shows_nobody_anything(
    browser: Browser,
    address: str,
    room: FakeRoom,
) -> None:
    room.escalate(RED, EscalationStep.ROOM, "没有派警", "nobody was sent")
    context, page = opened(browser, address)
    sign_in(page, "viewer")
    expect(page.locator("#me")).to_have_text("viewer · 观看")
    expect(page.locator("#incident h2")).to_contain_text("人员聚集")
    expect(page.locator("#incident .actions")).to_be_hidden()
    expect(page.locator("#banners")).to_contain_text("全室盯办")
    expect(page.locator(".candidates tbody tr").first).to_be_visible()
    assert offered(page) == []
    page.keyboard.press("c")
    page.wait_for_timeout(1500)
    assert room.calls == []  # a screen on the wall is no receipt that a person has seen it
    context.close()


def test_keys_that_a_role_does_not_allow_are_not_offered_and_why_is_said(browser: Browser, address: str) -> None:
    (one, viewer), (other, dispatcher) = opened(browser, address), opened(browser, address)
    for page, name in ((viewer, "viewer"), (dispatcher, "dispatcher")):
        sign_in(page, name)
        expect(page.locator("#me")).to_contain_text(name)
    expect(viewer.locator("#keys-text")).to_have_text("J / K 上下 · U 警力 · L 实时 · M 静音")
    expect(dispatcher.locator("#keys-text")).to_contain_text("C 确认")
    for page in (viewer, dispatcher):
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
    only_for_others = set("CXEGANP") & set(viewer.locator("#help kbd").all_inner_texts())
    assert only_for_others == set()
    expect(viewer.locator("#help")).to_contain_text("要值班员及以上角色")
    expect(viewer.locator("#help dl")).not_to_contain_text("派警")
    assert set("CXEGANP") <= set(dispatcher.locator("#help kbd").all_inner_texts())
    expect(dispatcher.locator("#help")).not_to_contain_text("要值班员及以上角色")
    expect(dispatcher.locator("#help dl")).to_contain_text("派警")
    one.close()
    other.close()


def test_an_operator_is_offered_no_unit_to_send_and_a_dispatcher_is(
    browser: Browser,
    address: str,
    room: FakeRoom,
) -> None:
    room.escalate(RED, EscalationStep.ROOM, "没有派警", "nobody was sent")
    (one, operator), (other, dispatcher) = opened(browser, address), opened(browser, address)
    for page, name in ((operator, "operator"), (dispatcher, "dispatcher")):
        sign_in(page, name)
        expect(page.locator("#me")).to_contain_text(name)
        expect(page.locator(".candidates tbody tr").first).to_be_visible()
    assert offered(operator) == ["act", "look"]
    assert offered(dispatcher) == ["act", "dispatch", "look"]
    one.close()
    other.close()


def test_a_link_to_an_incident_leads_there_also_through_the_door(
    browser: Browser, address: str, room: FakeRoom
) -> None:
    other = room.alert(2, "C-005", level=Level.BLUE)
    context, page = opened(browser, f"{address}#room/{other}")
    sign_in(page, "operator")
    expect(page.locator("#incident .about")).to_contain_text(other)
    context.close()


OVERLAPS = """() => {
  const parts = ['#me', '#sign-out', '#sound', '#clock', '#precision-open', '#language', '#theme', '.brand img',
    '.brand h1', '#simulated', '#station'].map(name => [name, document.querySelector(name).getBoundingClientRect()]);
  const lie = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return parts.flatMap(([name, a], at) => parts.slice(at + 1).filter(([, b]) => b.width > 0 && lie(a, b))
    .map(([other]) => `${name} ${other}`));
}"""


@pytest.mark.parametrize("width", [390, 430, 768, 1440])
def test_nothing_in_the_top_bar_lies_on_another_whoever_is_signed_in(
    browser: Browser, address: str, width: int
) -> None:
    context, page = opened(browser, address, width)
    sign_in(page, "supervisor")
    expect(page.locator("#me")).to_contain_text("supervisor")
    expect(page.locator("#station")).not_to_be_empty()
    assert page.evaluate(OVERLAPS) == []
    page.locator("#language").click()
    expect(page.locator("#me")).to_contain_text("· supervisor")
    assert page.evaluate(OVERLAPS) == []
    context.close()


def test_on_a_usual_screen_the_top_bar_is_one_row_also_for_who_is_signed_in(
    browser: Browser, address: str, room: FakeRoom
) -> None:
    room.stretch = 2.56  # its figures are wide
    context, page = opened(browser, address)
    sign_in(page, "supervisor")
    for name, whole in (
        ("值班长", "supervisor · 值班长 — 修改密码"),
        ("supervisor", "supervisor · supervisor — Change password"),
    ):
        expect(page.locator("#me")).to_contain_text(f"· {name}")
        expect(page.locator("#me")).to_have_attribute("title", whole)
        expect(page.locator("#rings")).to_contain_text("15→38.4 s")
        assert page.locator("#top").evaluate("bar => bar.getBoundingClientRect().height") < 90
        assert page.locator("#me").evaluate("button => button.scrollWidth <= button.clientWidth")
        page.locator("#language").click()
    context.close()


def test_people_change_their_own_password(browser: Browser, address: str) -> None:
    new = "another horse battery staple"
    context, page = opened(browser, address)
    sign_in(page, "operator")
    page.locator("#me").click()
    for old, once, again, says in (
        (PASSWORD, new, new + "x", "两遍新密码不一样"),
        (PASSWORD, "short", "short", "新密码不够好"),
        ("not that one at all", new, new, "账号或密码不对"),
        (PASSWORD, new, new, "密码已修改"),
    ):
        for name, typed in (("old", old), ("new", once), ("again", again)):
            page.locator(f"#password-{name}").fill(typed)
        page.locator("#password-form button").click()
        expect(page.locator("#password-message")).to_contain_text(says)
    expect(page.locator("#password-old")).to_have_value("")
    page.locator("#password-close").click()
    page.locator("#sign-out").click()
    sign_in(page, "operator", new)
    expect(page.locator("#me")).to_be_visible()
    context.close()


def test_a_page_whose_sign_in_ends_goes_to_the_door(browser: Browser, address: str) -> None:
    context, page = opened(browser, address)
    sign_in(page, "operator")
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    other = context.new_page()
    other.goto(address)
    other.locator("#sign-out").click()
    expect(page).to_have_url(re.compile("/sign-in$"), timeout=20_000)
    context.close()


def test_a_room_without_accounts_says_so(browser: Browser, tmp_path: Path, room: FakeRoom) -> None:
    with served_with_accounts(tmp_path, room, accounts=False) as address:
        context, page = opened(browser, address)
        expect(page.locator("#open-room")).to_have_text("未设账号 · 仅限本机")
        name, badge = (page.locator(one).bounding_box() for one in ("#station", "#open-room"))
        assert name is not None
        assert badge is not None  # it stands on nothing
        assert badge["y"] >= name["y"] + name["height"] or badge["x"] >= name["x"] + name["width"]
        expect(page.locator("#me")).to_be_hidden()
        expect(page.locator("#operator")).to_be_visible()
        page.goto(f"{address}sign-in", wait_until="commit")  # before it goes on to the room by itself
        expect(page.locator("#open-room")).to_be_visible()  # there is nobody to sign in as
        context.close()
