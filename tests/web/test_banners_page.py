"""The banners in a real browser: none moves under a hand, each is read aloud once, and says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from patrol.domain.camera import CameraId, RingName
from patrol.domain.events import Level
from patrol.domain.incidents import EscalationStep, IncidentId
from patrol.domain.room import QueueStatus, WatchStatus
from patrol.domain.troubles import Trouble
from patrol.domain.units import UnitState
from tests.waiting import wait_for

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom()) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the page; ``clock``: with one that can be stopped."""
    contexts = []

    def open_page(query: str = "", width: int = 1440, height: int = 900, clock: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.goto(served.address + query)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        expect(page.locator("#open-room")).to_be_visible()  # it comes last, and makes the top bar higher
        return page

    yield open_page
    for context in contexts:
        context.close()


def ask_the_room(served: ServedRoom, number: int, camera: str) -> IncidentId:
    incident = served.room.alert(number, camera)
    served.room.escalate(incident, EscalationStep.ROOM, "没有空闲警力", "no unit is free")
    return incident


def top_of(page: Page, what: str) -> float:
    return float(page.locator(what).first.evaluate("node => node.getBoundingClientRect().top"))


def test_what_comes_while_somebody_aims_at_a_button_moves_no_button(served: ServedRoom, open_page: Open) -> None:
    served.room.bury(1)
    page = open_page()
    button = page.locator(".banner[data-level=blue] button")
    button.hover()
    stood = button.bounding_box()
    served.do(lambda: ask_the_room(served, 1, "C-005"))
    expect(page.locator(".banner[data-urgent]")).to_be_visible()
    assert button.bounding_box() == stood
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#letters")).to_be_visible()
    assert not [call for call in served.room.calls if call[0] == "acknowledge"]
    page.keyboard.press("Escape")
    page.mouse.move(1300, 600)
    expect(page.locator(".banner").first).to_have_attribute("data-urgent", "")


def test_a_line_that_ends_above_the_button_somebody_aims_at_holds_its_place(
    served: ServedRoom, open_page: Open
) -> None:
    served.room.bury(1)
    asked = ask_the_room(served, 1, "C-005")
    page = open_page()
    button = page.locator(".banner[data-level=blue] button")
    button.hover()
    stood = button.bounding_box()
    room = served.room
    served.do(lambda: room.incidents.pop(asked))
    expect(page.locator(".banner[data-over]")).to_have_count(1)
    expect(page.locator(".banner[data-urgent]")).to_have_count(0)
    expect(page.locator(".banner[data-over] button")).to_be_hidden()
    assert button.bounding_box() == stood
    page.mouse.move(1300, 600)
    expect(page.locator(".banner")).to_have_count(1)


def test_a_press_that_was_aimed_before_the_button_came_there_does_nothing(served: ServedRoom, open_page: Open) -> None:
    asked = ask_the_room(served, 1, "C-005")
    page = open_page("?lang=en", clock=True)
    page.locator("#operator").fill("Li")
    button = page.locator(".banner[data-urgent] button")
    at = button.bounding_box()
    assert at is not None
    room = served.room
    kept = room.incidents[asked]
    served.do(lambda: room.incidents.pop(asked))
    expect(button).to_have_count(0)
    page.mouse.move(at["x"] + 20, at["y"] + 10)
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=3))
    served.do(lambda: room.incidents.update({asked: kept}))
    expect(button).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    page.clock.fast_forward(1500)
    assert not [call for call in room.calls if call[0] == "acknowledge"]
    with page.expect_request("**/acknowledge"):
        page.mouse.down()
        page.mouse.up()


def test_a_banner_is_read_aloud_once_and_without_its_clock(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    page.evaluate("""() => {
      window.said = [];
      const announcer = document.getElementById("banner-announcer");
      const note = () => { if (announcer.textContent) window.said.push(announcer.textContent); };
      new MutationObserver(note).observe(announcer, { childList: true });
    }""")
    assert page.locator("#banners").evaluate("box => [box.role, box.ariaLive]") != ["status", None]
    served.do(lambda: setattr(served.room, "watch", WatchStatus(served.room.now() - timedelta(seconds=20))))
    words = page.locator(".banner .banner-words")
    expect(words).to_contain_text("消息通不过")
    for _ in range(3):
        expect(words).not_to_have_text(words.inner_text())  # it ticks
    [said] = page.evaluate("said")
    assert re.match("红色 队列降级：消息通不过。 .*用电台或电话", said)
    assert not re.search(r"\d:\d\d", said)
    expect(page.locator("#banner-announcer")).to_be_empty(timeout=10_000)


@pytest.mark.parametrize(
    ("view", "width", "below"),
    [
        ("#", 1000, "#feed-title"),
        ("#cameras", 1440, "#cameras-title"),
        pytest.param("#", 390, "#feed-title", marks=pytest.mark.long),
        pytest.param("#wall", 1440, "#wall-title", marks=pytest.mark.long),
    ],
)
def test_a_banner_pushes_nothing_while_somebody_is_there(
    served: ServedRoom, open_page: Open, view: str, width: int, below: str
) -> None:
    page = open_page(view, width=width)
    page.locator(below).hover()
    stood = top_of(page, below)
    served.do(lambda: setattr(served.room, "watch", WatchStatus(clock_off_s=-3600)))
    expect(page.locator(".banner")).to_be_visible()
    assert top_of(page, below) == stood
    page.mouse.move(30, 10)  # to the top bar: nobody is there any more
    moved = f"([at]) => document.querySelector('{below}').getBoundingClientRect().top > at + 20"
    page.wait_for_function(moved, arg=[stood])
    page.locator(below).hover()
    served.do(lambda: setattr(served.room, "watch", WatchStatus()))
    stood = top_of(page, below)
    expect(page.locator("#banners")).to_be_empty()
    assert top_of(page, below) == stood


def test_what_comes_and_goes_by_the_second_does_not_flicker(served: ServedRoom, open_page: Open) -> None:
    served.room.dead = frozenset({CameraId("C-001")})
    page = open_page(clock=True)
    # A clock that jumps tells the page for a moment that the connection is lost, too.
    banner = page.locator(".banner", has_text="点位")
    title = banner.locator("strong")
    expect(banner).to_have_attribute("data-level", "red")
    served.do(lambda: setattr(served.room, "dead", frozenset({CameraId("P-001")})))
    expect(title).to_contain_text("1 路点位超过轮巡周期上限：周边 1")
    expect(banner).to_have_attribute("data-level", "red")
    page.clock.fast_forward(10_500)
    expect(banner).to_have_attribute("data-level", "yellow")
    served.do(lambda: setattr(served.room, "dead", frozenset()))
    expect(title).to_contain_text("刚刚恢复 · 1 路点位超过轮巡周期上限")
    served.do(lambda: setattr(served.room, "dead", frozenset({CameraId("P-001")})))
    expect(title).not_to_contain_text("刚刚恢复")
    served.do(lambda: setattr(served.room, "dead", frozenset()))
    expect(title).to_contain_text("刚刚恢复")
    page.clock.fast_forward(3_500)
    expect(banner).to_have_attribute("data-level", "blue")
    expect(banner).to_have_text(re.compile(r"^.?刚刚恢复：所有点位都在轮巡周期上限内。\s*$"))  # it asks for nothing
    page.clock.fast_forward(10_500)
    expect(banner).to_have_count(0)


@pytest.mark.long
def test_a_tour_that_is_stretched_by_next_to_nothing_is_no_banner(served: ServedRoom, open_page: Open) -> None:
    served.room.stretch = 1.005
    page = open_page()
    core = page.locator("#rings li").first
    expect(core).to_contain_text("≤5 s")
    steps = ((1.04, False), (1.06, True), (1.03, True), (1.01, False), (1.03, False))
    for number, (stretch, is_told) in enumerate(steps, 50):

        def step(stretch: float = stretch, number: int = number) -> None:
            served.room.stretch, served.room.visits_per_s = stretch, number

        served.do(step)
        expect(page.locator("#pace")).to_contain_text(f"{number}.0 路")  # the page has heard of it
        told = page.locator(".banner", has_text=re.compile("轮巡已放宽|轮巡回到"))
        expect(told.filter(has_not_text="刚刚恢复")).to_have_count(int(is_told))
        expect(core).to_contain_text(f"5→{5 * stretch:.1f} s" if is_told else "≤5 s")  # and the top bar says the same


def test_one_blind_camera_is_a_banner_red_in_the_core_and_looks_blind_wherever_it_stands(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page("?lang=en")
    cameras = len(served.room.cameras)
    online, banner = page.locator("#health li").nth(1), page.locator(".banner", has_text="blind")
    expect(online).to_contain_text(f"{cameras} online")
    expect(banner).to_have_count(0)
    far = next(camera.id for camera in served.room.cameras if camera.ring is RingName.FAR)
    served.do(lambda: served.room.blinded.update({far: Trouble.FROZEN}))
    expect(banner).to_have_attribute("data-level", "yellow")
    expect(banner).to_contain_text("1 camera is blind: Far 1.")
    served.do(lambda: served.room.blinded.update({CameraId("C-017"): Trouble.COVERED}))
    expect(banner).to_have_attribute("data-level", "red")
    expect(banner).to_contain_text("2 cameras are blind: Core 1, Far 1.")
    expect(banner).to_contain_text("C-017: covered")
    expect(banner).to_contain_text("raises no alert")
    expect(online).to_contain_text(f"{cameras - 2} online")
    expect(online).to_contain_text("2 blind")
    expect(page.locator('#map .cameras path[data-tone="blinded"]')).to_have_count(2)
    page.keyboard.press("w")
    tile = page.locator('.tile[data-id="C-017"]')
    expect(tile).to_have_attribute("data-tone", "blinded")
    expect(tile.locator(".mark")).to_have_attribute("aria-label", "covered")
    page.keyboard.press("v")
    expect(page.locator('.cam-row[data-id="C-017"]')).to_contain_text("covered")
    served.do(lambda: served.room.blinded.clear())
    expect(banner).to_have_count(0)


def test_on_a_phone_a_new_banner_is_seen_wherever_the_page_was_scrolled_to(served: ServedRoom, open_page: Open) -> None:
    page = open_page(width=390, clock=True)
    page.evaluate("scrollTo(0, 700)")
    stood = top_of(page, "#map")
    served.do(lambda: setattr(served.room, "watch", WatchStatus(clock_off_s=-3600)))
    banner = page.locator(".banner", has_text="机器时钟")
    expect(banner).to_be_in_viewport(ratio=1)
    page.wait_for_timeout(500)  # and the page has not moved under it
    assert abs(top_of(page, "#map") - stood) < 2
    page.clock.fast_forward(10_500)
    expect(banner).not_to_be_in_viewport(timeout=20_000)
    assert abs(top_of(page, "#map") - stood) < 2


def test_on_a_phone_a_card_that_was_tapped_leads_to_its_incident_below_the_banners(
    served: ServedRoom, open_page: Open
) -> None:
    late, other = served.room.alert(1, "C-005"), served.room.alert(2, "C-007", level=Level.YELLOW)
    served.room.escalate(late, EscalationStep.ROOM, "没有空闲警力", "no unit is free")
    page = open_page(width=390)
    expect(page.locator(".banner[data-urgent]")).to_be_visible()
    page.locator(f'.card[data-id="{other}"]').click()
    expect(page.locator("#incident .about")).to_contain_text(other)
    banners = page.locator("#banners")

    def below_them() -> float:
        return top_of(page, "#incident header") - float(banners.evaluate("node => node.getBoundingClientRect().bottom"))

    wait_for(lambda: 0 <= below_them() < 100)


def test_a_degraded_queue_says_that_units_hear_nothing_and_what_to_do(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1)
    page = open_page()
    expect(page.locator("#incident .why")).to_contain_text("有可用警力时自动派最快到场的一组")
    served.do(lambda: setattr(served.room, "queue", QueueStatus("connection refused", 3, 41.0, 0)))
    expect(page.locator(".banner")).to_contain_text("请用电台或电话告诉所选的警力")
    expect(page.locator("#incident .why")).to_contain_text("指令送不到：请用电台或电话告诉它")
    page.locator("#language").click()
    expect(page.locator(".banner")).to_contain_text("tell the chosen units by radio or telephone")


def test_that_there_is_nobody_to_send_is_said_also_over_a_full_feed(served: ServedRoom, open_page: Open) -> None:
    served.room.alert(1)
    served.room.unit_states = {unit.id: UnitState.OFF_DUTY for unit in served.room.units}
    page = open_page()
    expect(page.locator(".banner")).to_contain_text("没有警力在岗。 预警照常受理，但系统派不出任何人")
    expect(page.locator("#incident .why")).to_contain_text("没有警力在岗")
    served.do(lambda: setattr(served.room, "units", ()))
    expect(page.locator(".banner")).to_contain_text("没有警力上报")


def crowd(served: ServedRoom) -> None:
    """Six banners: two that ask the room, a stretched tour, a queue that is away, a clock that jumped, dead letters."""
    for number, camera in enumerate(("C-005", "C-017"), 1):
        ask_the_room(served, number, camera)
    served.room.stretch = 1.3
    served.room.queue = QueueStatus("redis: connection refused", 3, 41.0, 2)
    served.room.watch = WatchStatus(clock_off_s=-3600)


@pytest.mark.parametrize("view", ["wall", "cameras"])
def test_what_stands_below_the_banners_stands_right_below_them_in_another_view(
    served: ServedRoom, open_page: Open, view: str
) -> None:
    crowd(served)
    page = open_page("?lang=en")
    expect(page.locator(".banner")).to_have_count(6)
    page.locator("#feed-title").hover()  # somebody is there, and the views have it in common
    room_height = page.locator("#banners").evaluate("box => box.getBoundingClientRect().height")
    page.keyboard.press({"wall": "w", "cameras": "v"}[view])
    expect(page.locator(f"#{view}-title")).to_be_visible()
    bottom, height = page.locator("#banners").evaluate(
        "async box => { await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); "
        "const at = box.getBoundingClientRect(); return [at.bottom, at.height]; }"
    )
    assert height < room_height - 50
    assert abs(top_of(page, f"#{view}") - bottom) < 1


HEIGHTS = "lines => lines.map((line) => Math.round(line.getBoundingClientRect().height))"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_after_the_first_two_a_banner_is_one_line_until_somebody_opens_it(
    served: ServedRoom, open_page: Open, width: int
) -> None:
    crowd(served)
    page = open_page("?lang=en", width=width)
    lines = page.locator(".banner")
    expect(lines).to_have_count(6)
    expect(page.locator(".banner[data-folded]")).to_have_count(4)
    whole, folded = lines.evaluate_all(HEIGHTS)[:2], lines.evaluate_all(HEIGHTS)[2:]
    assert max(folded) <= 44
    assert min(whole) > 60
    for place in range(2):  # no button squeezes their words
        assert lines.nth(place).locator(".banner-words").evaluate("words => words.clientWidth") >= min(330, width - 75)
    degraded = page.locator(".banner", has_text="Queue degraded")
    fold = degraded.get_by_role("button", name="In full: Queue degraded")
    expect(fold).to_have_attribute("aria-expanded", "false")
    degraded.scroll_into_view_if_needed()
    stood = top_of(page, ".banner:nth-child(4)")
    degraded.locator(".banner-words").click(force=True)  # wherever it is pressed
    expect(fold).to_have_attribute("aria-expanded", "true")
    assert degraded.evaluate_all(HEIGHTS)[0] > 60
    assert top_of(page, ".banner:nth-child(4)") == stood
    page.mouse.move(5, 5)
    served.do(lambda: setattr(served.room, "queue", QueueStatus("redis: timed out", 4, 50.0, 2)))
    expect(degraded).to_contain_text("timed out")  # several ticks later
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.press("Enter")
    expect(degraded).to_have_attribute("data-folded", "")
    expect(fold).to_be_focused()


def test_what_is_new_stands_whole_and_is_folded_once_nobody_is_there(served: ServedRoom, open_page: Open) -> None:
    crowd(served)
    served.room.watch = WatchStatus()
    page = open_page("?lang=en", clock=True)
    expect(page.locator(".banner[data-folded]")).to_have_count(3)
    served.do(lambda: setattr(served.room, "watch", WatchStatus(clock_off_s=-3600)))
    clock, words = page.locator(".banner", has_text="clock jumped"), page.locator(".banner-words").first
    expect(clock).not_to_have_attribute("data-folded", "")
    words.hover()
    page.clock.fast_forward(6_000)
    page.mouse.move(*[each + 2 for each in centre_of(page, ".banner-words")])
    page.clock.fast_forward(6_000)
    expect(page.locator("#banners")).not_to_have_attribute("data-new", "")
    expect(clock).not_to_have_attribute("data-folded", "")
    page.mouse.move(1300, 600)
    expect(clock).to_have_attribute("data-folded", "")


def centre_of(page: Page, what: str) -> tuple[float, float]:
    box = page.locator(what).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_one_that_asks_the_room_stays_loud_also_as_one_line(served: ServedRoom, open_page: Open) -> None:
    for number, camera in enumerate(("C-005", "C-017", "C-020"), 1):
        ask_the_room(served, number, camera)
    page = open_page("?lang=en")
    page.locator("#operator").fill("Li")
    third = page.locator(".banner").nth(2)
    expect(third).to_have_attribute("data-folded", "")
    assert third.evaluate(LOUD)
    with page.expect_request("**/acknowledge"):
        third.get_by_role("button", name="Show and acknowledge").click()


COLOURS = """() => {
  const read = ["#loop b", "#loop small", "#rings > li > b", "#rings > li > small", "#health small"];
  const coloursOf = (nodes) => [...new Set([...nodes].map((node) => getComputedStyle(node).color))];
  return Object.fromEntries(read.map((what) => [what, coloursOf(document.querySelectorAll(what))]));
}"""
LOUD = """(line) => {
  const style = getComputedStyle(line);
  const probe = document.createElement("i");
  probe.style.color = "var(--red)";
  document.body.append(probe);
  const red = getComputedStyle(probe).color;
  probe.remove();
  return style.backgroundColor === red;
}"""


def test_while_the_store_is_away_that_stands_out_and_what_is_older_asks_for_nothing(
    served: ServedRoom, open_page: Open
) -> None:
    ask_the_room(served, 1, "C-005")
    served.room.bury(1)
    page = open_page("?lang=en")
    page.locator("#operator").fill("Li")
    asked, letters = page.locator(".banner[data-urgent]"), page.locator(".banner", has_text="message")
    assert asked.evaluate(LOUD)
    assert len({colour for colours in page.evaluate(COLOURS).values() for colour in colours}) > 1
    stood = asked.evaluate("line => line.getBoundingClientRect().height")
    served.room.away = "connection refused"
    away = page.locator(".banner").first
    expect(away).to_contain_text("The database does not answer")
    assert away.evaluate(LOUD)
    assert not asked.evaluate(LOUD)
    assert asked.evaluate("line => line.getBoundingClientRect().height") == stood
    assert len({colour for colours in page.evaluate(COLOURS).values() for colour in colours}) == 1
    for line in (asked, letters):
        expect(line.locator("button[data-needs]")).to_have_attribute("aria-disabled", "true")
        line.locator("button[data-needs]").click(force=True)
    expect(page.locator("#letters")).to_be_hidden()
    assert "acknowledge" not in [call[0] for call in served.room.calls]
    served.room.away = None
    expect(away).to_have_attribute("data-urgent", "")
    assert asked.evaluate(LOUD)
    with page.expect_request("**/acknowledge"):
        asked.locator("button[data-needs]").click()


@pytest.mark.long
def test_on_a_phone_it_stays_in_sight_that_nothing_is_known_of_now(served: ServedRoom, open_page: Open) -> None:
    incident = served.room.alert(1)
    page = open_page(width=390, clock=True)
    served.room.away = "connection refused"
    away = page.locator(".banner[data-link]")
    expect(away).to_contain_text("数据库没有应答")
    page.clock.fast_forward(10_500)
    expect(page.locator("#banners")).not_to_have_attribute("data-new", "")
    page.evaluate("scrollTo(0, 700)")
    expect(away).to_be_in_viewport(ratio=1)
    page.locator(f'.card[data-id="{incident}"]').click()
    bottom = "document.getElementById('banners').getBoundingClientRect().bottom"
    page.wait_for_function(f"document.querySelector('#incident header').getBoundingClientRect().top >= {bottom}")
    expect(page.locator("#incident header")).to_be_in_viewport()
