"""The tour wall in a real browser: pictures that change, only what is in sight, and what is done there by key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from patrol.adapters.memory_wall import MemoryWall
from patrol.domain.camera import CameraId
from patrol.domain.wall import StillBox
from tests.waiting import wait_for

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom
from .fake_wall import BOX, jpeg_of, still_of

pytestmark = IN_A_BROWSER
Open = Callable[..., Page]
COMES_MS = 15_000  # a picture's way leads through the tour's side, the server and the page's decoder
CAR = StillBox(0.6, 0.5, 0.8, 0.7, "car", 0.7)


class HeardWall(MemoryWall):
    """Remembers what was wished for last."""

    def __init__(self) -> None:
        super().__init__()
        self.wished: tuple[CameraId, ...] = ()

    async def wish(self, cameras: object) -> None:
        self.wished = tuple(cameras)  # type: ignore[arg-type]


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom(wall=HeardWall())) as served:
        yield served


@pytest.fixture
def open_wall(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the wall; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_wall(query: str = "", width: int = 1440, height: int = 900, operator: str = "李明") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if operator:
            page.add_init_script(f"localStorage.setItem('patrol.operator', '{operator}')")
        page.goto(f"{served.address}{query}#wall")
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        expect(page.locator("#wall .tile")).to_have_count(476)
        return page

    yield open_wall
    for context in contexts:
        context.close()
    assert complaints == []


def tile(page: Page, camera_id: str) -> Locator:
    return page.locator(f'#wall .tile[data-id="{camera_id}"]')


def wished(served: ServedRoom) -> tuple[CameraId, ...]:
    wall = served.room.wall
    assert isinstance(wall, HeardWall)
    return wall.wished


def visit(served: ServedRoom, camera_id: str, seed: int, *boxes: StillBox) -> None:
    """The tour was there just now."""
    wait_for(lambda: camera_id in wished(served))
    still = still_of(camera_id, served.room.now(), jpeg_of(seed), boxes)
    asyncio.run_coroutine_threadsafe(served.room.wall.show(still), served.loop).result(5)


DRAWN = """node => {
  const picture = node.querySelector(".view img");
  if (picture === null) return "";
  const [width, height] = [picture.naturalWidth, picture.naturalHeight];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL();
}"""


def picture(page: Page, camera_id: str) -> str:
    """What it shows; empty where it has no picture."""
    shown: str = tile(page, camera_id).evaluate(DRAWN)
    return shown


def test_a_tile_shows_what_the_tour_saw_and_changes_when_it_was_there_again(
    served: ServedRoom, open_wall: Open
) -> None:
    page = open_wall()
    expect(tile(page, "C-001").locator(".waiting")).to_contain_text(re.compile("内巡视到|等下一次巡视"))
    visit(served, "C-001", 1, BOX, BOX, CAR)
    expect(tile(page, "C-001").locator(".view img")).to_be_visible(timeout=COMES_MS)
    expect(tile(page, "C-001").locator(".count")).to_have_text("2 人")
    expect(tile(page, "C-001").locator(".waiting")).to_be_hidden()
    first = picture(page, "C-001")
    boxes = tile(page, "C-001").locator(".boxes path")
    assert [(path.get_attribute("d") or "").count("M") for path in boxes.all()] == [2, 1]
    visit(served, "C-001", 2)
    expect(tile(page, "C-001").locator(".count")).to_have_text("0 人")
    assert picture(page, "C-001") not in {"", first}
    assert tile(page, "C-001").locator(".boxes .people").get_attribute("d") == ""


def test_a_tiles_age_goes_on_and_a_camera_past_its_bound_is_told_by_shape_and_colour(
    served: ServedRoom, open_wall: Open
) -> None:
    served.room.dead = frozenset({CameraId("C-002")})
    page = open_wall()
    visit(served, "C-001", 1)
    age = tile(page, "C-001").locator(".age")
    expect(age).to_have_text(re.compile(r"^0\.\d s$"))
    expect(age).to_have_text(re.compile(r"^1\.\d s$"))
    late = tile(page, "C-002")
    expect(late).to_have_attribute("data-tone", "late")
    expect(late.locator(".mark")).to_have_attribute("data-level", "red")
    expect(late.locator(".mark")).to_have_attribute("aria-label", "超时")


def test_only_what_is_in_sight_is_asked_for_and_scrolling_asks_for_the_rest(
    served: ServedRoom, open_wall: Open
) -> None:
    page = open_wall()
    wait_for(lambda: "C-001" in wished(served))
    assert len(wished(served)) <= 128
    assert "F-212" not in wished(served)
    visit(served, "C-001", 1)
    expect(tile(page, "C-001").locator(".view img")).to_have_count(1)
    page.locator("#wall-tiles").evaluate("node => node.scrollTo(0, node.scrollHeight)")
    wait_for(lambda: "F-212" in wished(served) and "C-001" not in wished(served))
    expect(tile(page, "C-001").locator(".view img")).to_have_count(0)  # nobody sees it: it takes no memory
    visit(served, "F-212", 2)
    expect(tile(page, "F-212").locator(".view img")).to_be_visible(timeout=COMES_MS)
    page.locator("#wall-tiles").evaluate("node => node.scrollTo(0, 0)")
    expect(tile(page, "C-001").locator(".view img")).to_be_visible(timeout=COMES_MS)  # the last one, at once


def test_in_the_room_the_few_just_visited_are_asked_for_alone_and_the_key_leads_back(
    served: ServedRoom, open_wall: Open
) -> None:
    page = open_wall()
    wait_for(lambda: "C-001" in wished(served))
    page.keyboard.press("w")
    expect(page.locator("#wall")).to_be_hidden()
    expect(page.locator("#incident")).to_be_visible()
    wait_for(lambda: 0 < len(wished(served)) <= 20)
    strip = page.locator("#tiles .caption small")
    wait_for(lambda: set(strip.all_inner_texts()) <= set(wished(served)))
    page.locator("#tiles li").first.hover()  # it stays
    hanging = strip.first.inner_text()
    visit(served, hanging, 3)
    expect(page.locator(f'#tiles .tile[data-id="{hanging}"] .view img')).to_be_visible(timeout=COMES_MS)
    page.locator("#views a", has_text="轮巡").click()
    expect(page.locator("#wall")).to_be_visible()
    wait_for(lambda: "C-001" in wished(served))


def test_by_keyboard_a_camera_is_pinned_held_and_let_go(served: ServedRoom, open_wall: Open) -> None:
    page = open_wall()
    page.keyboard.press("ArrowRight")
    expect(tile(page, "C-001")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tile(page, "C-002")).to_be_focused()
    page.keyboard.press("p")
    expect(tile(page, "C-002")).to_have_attribute("data-state", "pinned")
    expect(tile(page, "C-002").locator(".state")).to_have_text(re.compile(r"盯控中 (1:00|0:5\d)"))
    page.keyboard.press("h")
    expect(tile(page, "C-002")).to_have_attribute("data-state", "held")
    expect(tile(page, "C-002").locator(".state")).to_have_text(re.compile(r"驻留中 (10:00|9:5\d)"))
    expect(page.locator("#wall-acts [data-deed=hold]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("h")
    expect(tile(page, "C-002").locator(".state")).to_be_hidden()
    calls = [call for call in served.room.calls if call[0] == "pin"]
    assert calls == [("pin", "C-002", seconds, "1", "李明") for seconds in ("60", "600", "0")]


def test_by_keyboard_a_camera_is_skipped_with_a_reason_and_visited_again(served: ServedRoom, open_wall: Open) -> None:
    page = open_wall()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog", name=re.compile("跳过"))
    expect(dialog).to_contain_text("失视时长照常累计")
    page.keyboard.press("Enter")
    expect(dialog.locator(".skip-said")).to_have_text("请写明原因")
    page.keyboard.type("正在检修")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(tile(page, "C-001")).to_be_focused()
    expect(tile(page, "C-001")).to_have_attribute("data-state", "skipped")
    expect(tile(page, "C-001").locator(".state")).to_have_text(re.compile(r"跳过中 (5:00|4:5\d)"))
    expect(page.locator("#banners")).to_contain_text(re.compile("1 路点位被人跳过.*李明，正在检修，到"))
    page.keyboard.press("s")
    expect(tile(page, "C-001").locator(".state")).to_be_hidden()
    assert [call for call in served.room.calls if call[0] == "skip"] == [
        ("skip", "C-001", "300", "李明", "正在检修"),
        ("skip", "C-001", "0", "李明", ""),
    ]


def test_who_has_not_said_who_he_is_is_asked_once(served: ServedRoom, open_wall: Open) -> None:
    page = open_wall(operator="")
    tile(page, "C-003").click()
    page.locator("#wall-acts [data-deed=pin]").click()
    assert not served.room.calls
    page.locator(".wall-who input").fill("王芳")
    page.keyboard.press("Enter")
    expect(tile(page, "C-003")).to_have_attribute("data-state", "pinned")
    page.keyboard.press("h")
    expect(tile(page, "C-003")).to_have_attribute("data-state", "held")
    assert {call[-1] for call in served.room.calls} == {"王芳"}


def test_what_is_not_done_says_why(browser: Browser, served: ServedRoom) -> None:
    page = browser.new_page()
    page.add_init_script("localStorage.setItem('patrol.operator', '李明')")
    page.goto(f"{served.address}?lang=en#wall")
    tile(page, "C-001").click()
    served.room.queue_away = "redis does not answer"
    page.keyboard.press("p")
    expect(page.locator("#wall-said")).to_contain_text("the queue did not answer")
    expect(tile(page, "C-001").locator(".state")).to_be_hidden()
    page.close()


def test_the_wall_is_grouped_filtered_and_searched_and_the_choice_is_kept(served: ServedRoom, open_wall: Open) -> None:
    page = open_wall()
    expect(page.locator("#wall-tiles h3")).to_have_text(["核心", "周边", "远端"])
    page.get_by_role("button", name="组", exact=True).click()
    headings = page.locator("#wall-tiles h3").all_inner_texts
    expect(page.locator("#wall-tiles h3")).to_have_count(3)
    assert headings()[2] == "未分组"
    assert set(headings()[:2]) == {"会堂", "学校"}
    page.get_by_role("button", name="地点").click()
    expect(page.locator("#wall-tiles h3")).to_have_count(10)
    page.get_by_role("button", name="周边", exact=True).click()
    expect(page.locator("#wall .tile")).to_have_count(200)
    page.locator(".wall-search input").fill("文昌 p-0")
    shown = page.locator("#wall .tile")
    expect(shown.first).to_contain_text("文昌路口")
    assert all(re.match("P-0", each.get_attribute("data-id") or "") for each in shown.all())
    page.locator(".wall-search input").fill("没有这个地方")
    expect(page.locator("#wall-empty")).to_contain_text("没有名称、编号或地点与之相符")
    page.get_by_role("button", name="显示全部").click()
    expect(page.locator("#wall .tile")).to_have_count(476)
    page.reload()
    expect(page.locator("#wall-tiles h3")).to_have_count(10)  # still by place


def test_an_own_selection_is_made_by_key_and_found_again(served: ServedRoom, open_wall: Open) -> None:
    page = open_wall()
    page.locator("[data-name=own]").click()
    expect(page.locator("#wall-empty")).to_contain_text("按 A 加入")
    page.locator("[data-name=all]").click()
    for camera_id in ("C-002", "C-005"):
        tile(page, camera_id).click()
        page.keyboard.press("a")
    expect(page.locator("[data-name=own]")).to_have_text("自选 2")
    page.locator("[data-name=own]").click()
    expect(page.locator("#wall .tile")).to_have_count(2)
    tile(page, "C-002").click()
    page.keyboard.press("a")
    expect(page.locator("#wall .tile")).to_have_count(2)  # nothing goes by itself
    page.get_by_role("button", name="名单有变化").click()
    expect(page.locator("#wall .tile")).to_have_count(1)
    page.reload()
    expect(page.locator("#wall .tile")).to_have_count(1)


def test_the_wall_speaks_english_and_larger_tiles_are_fewer(served: ServedRoom, open_wall: Open) -> None:
    page = open_wall("?lang=en")
    expect(page.locator("#wall-title")).to_have_text("Tour wall")
    wide = tile(page, "C-001").bounding_box()
    page.locator(".wall-size input").fill("3")
    wider = tile(page, "C-001").bounding_box()
    assert wide is not None
    assert wider is not None
    assert wider["width"] > 1.3 * wide["width"]
    expect(tile(page, "C-001")).to_have_attribute("aria-label", re.compile("C-001, Core, "))


@pytest.mark.parametrize("query", ["", pytest.param("?lang=en", marks=pytest.mark.long)])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_wall_fits_every_width(served: ServedRoom, open_wall: Open, width: int, query: str) -> None:
    served.room.fill()
    page = open_wall(query, width=width, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#wall-tiles").evaluate("node => node.scrollWidth <= node.clientWidth")
    box = page.locator("#wall-tiles").bounding_box()
    acts = page.locator("#wall-acts").bounding_box()
    assert box is not None
    assert acts is not None
    assert box["height"] > 400
    assert acts["y"] + acts["height"] <= 844 + 1
    if width < 1120:
        page.locator(".to-room").click()
        expect(page.locator("#feed")).to_be_visible()


def test_an_alert_that_is_chosen_beside_the_wall_leads_to_the_room(served: ServedRoom, open_wall: Open) -> None:
    incident = served.room.alert(1)
    page = open_wall()
    page.locator(f'.card[data-id="{incident}"]').click()
    expect(page.locator("#incident h2")).to_contain_text("人员聚集")
    expect(page.locator("#wall")).to_be_hidden()
