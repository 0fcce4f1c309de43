"""Nothing of an incident moves under a pointer, a finger or the focus, whatever happens. In a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from patrol.domain.incidents import EscalationStep, IncidentId
from patrol.domain.orders import Candidate, OrderId
from patrol.domain.units import UnitId, UnitState

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]
A_WHILE_MS = 600  # within which the page is told what happened


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def incident(served: ServedRoom) -> IncidentId:
    incident = served.room.alert(1, "C-005", accepted_s_ago=60)
    served.room.send(incident, "U-JP1", eta_s=75, sent_s_ago=50)
    return incident


@pytest.fixture
def open_page(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    contexts = []

    def open_page(width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        context.add_init_script("localStorage.setItem('patrol.operator', '李明')")
        contexts.append(context)
        page = context.new_page()
        page.clock.install()
        page.goto(served.address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_page
    for context in contexts:
        context.close()


def middle(node: Locator) -> tuple[float, float]:
    box = node.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def point_at(page: Page, node: Locator) -> tuple[float, float]:
    """Where it is: in sight, once the page has come to rest, with the mouse over it."""
    node.hover()
    return middle(node)


def stop_its_clock(page: Page) -> None:
    """However slow the machine is, a press lasts no second."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)


def escalate(served: ServedRoom, incident: IncidentId) -> None:
    """A box comes in above all else that stands in the panel."""
    served.do(lambda: served.room.escalate(incident, EscalationStep.NEXT_UNIT, "没有派警", "nobody was sent"))


def accept(served: ServedRoom, incident: IncidentId, page: Page) -> None:
    """The unit accepts, and the page has its time."""
    row = page.locator("#incident .timeline tr:not(.next)", has_text="警力签收")
    expect(row).to_have_count(0)
    served.do(lambda: served.room.accept(incident))
    expect(row).to_have_count(1)


def record(page: Page) -> Locator:
    return page.locator("#incident .record")


def test_what_comes_between_the_press_and_the_letting_go_does_not_lose_the_click(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    page = open_page()
    record(page).locator("summary").hover()
    stop_its_clock(page)
    page.mouse.down()
    escalate(served, incident)
    page.wait_for_timeout(A_WHILE_MS)
    assert page.locator(".escalation").is_hidden()
    page.mouse.up()
    page.clock.resume()
    expect(record(page)).to_have_attribute("open", "")
    expect(page.locator(".escalation")).to_be_visible()


def test_who_holds_on_drags_and_the_page_goes_on(served: ServedRoom, incident: IncidentId, open_page: Open) -> None:
    page = open_page()
    page.locator("#map").hover()
    page.mouse.down()
    escalate(served, incident)
    expect(page.locator(".escalation")).to_be_visible()
    page.mouse.up()


def test_a_press_of_the_space_bar_is_a_press(served: ServedRoom, incident: IncidentId, open_page: Open) -> None:
    page = open_page()
    page.locator(".candidates > summary").click()
    send = page.get_by_role("button", name="派 巡3车 去")
    send.focus()
    stop_its_clock(page)
    page.keyboard.down(" ")
    # Its button would say something else now, and be another one.
    other = served.room.alert(2, "C-007")
    served.do(lambda: served.room.send(other, "U-P3", eta_s=60))
    page.wait_for_timeout(A_WHILE_MS)
    page.keyboard.up(" ")
    page.clock.resume()
    expect(page.locator(".message")).to_have_text("派警指令已下达")
    assert ("order-unit", incident, "U-P3", "李明") in served.room.calls


@pytest.mark.parametrize("width", [1440, 390])
def test_what_the_mouse_is_on_stays_under_it(
    served: ServedRoom, incident: IncidentId, open_page: Open, width: int
) -> None:
    page = open_page(width)
    page.locator(".candidates > summary").click()
    send = page.get_by_role("button", name="派 巡3车 去")
    before = point_at(page, send)
    escalate(served, incident)
    expect(page.locator(".escalation")).not_to_have_attribute("hidden", "")
    accept(served, incident, page)
    assert middle(send) == pytest.approx(before, abs=1)


def test_the_mouse_away_what_was_in_sight_at_the_top_comes_back(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    page = open_page(height=1100)
    page.locator("#incident .timeline tbody tr").first.hover()
    scrolls = page.locator("#incident .scroll")
    assert scrolls.evaluate("node => node.scrollTop") == 0
    escalate(served, incident)
    expect(page.locator(".escalation")).not_to_have_attribute("hidden", "")
    assert scrolls.evaluate("node => node.scrollTop") > 0
    page.mouse.move(20, 600)
    expect(page.locator("#incident h2")).to_be_in_viewport(ratio=1)
    expect(page.locator(".escalation")).to_be_in_viewport(ratio=1)


def test_no_other_units_button_comes_under_the_mouse_by_a_newer_choice(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    page = open_page()
    page.locator(".candidates > summary").click()
    weighed = page.locator(".candidates > div tr")
    send = page.get_by_role("button", name="派 巡3车 去")
    before = point_at(page, send)
    order = served.room.orders[incident]
    choice = tuple(Candidate(UnitId(unit), 40.0, None) for unit in ("U-P2", "U-SQ2", "U-P3"))
    newer = replace(order, id=OrderId("O-newer"), unit_id=UnitId("U-SQ2"), sent_at=served.room.now(), candidates=choice)
    served.do(lambda: served.room.more_orders.update({incident: (newer,)}))
    expect(page.locator("#incident .why")).to_contain_text("社区2")
    assert middle(send) == pytest.approx(before, abs=1)
    page.mouse.move(20, 600)
    expect(weighed).to_have_count(3)
    expect(weighed.first).to_contain_text("巡2车")


def test_the_focus_stays_on_a_units_button_whatever_the_unit_does(
    served: ServedRoom, incident: IncidentId, open_page: Open
) -> None:
    page = open_page()
    page.locator(".candidates > summary").click()
    page.get_by_role("button", name="派 巡3车 去").focus()
    served.do(lambda: served.room.unit_states.update({UnitId("U-P3"): UnitState.RETURNING}))
    expect(page.locator(".candidates tr", has_text="巡3车").locator(".now")).to_have_text("返回中")
    expect(page.get_by_role("button", name="派 巡3车 去")).to_be_focused()


def test_the_focus_stays_on_what_is_written_anew(served: ServedRoom, incident: IncidentId, open_page: Open) -> None:
    page = open_page()
    back = page.get_by_role("button", name="收回 联勤1组 的指令")
    back.focus()
    accept(served, incident, page)
    expect(back).to_be_focused()
