"""What lies over a live picture, in a real browser: where it is drawn, how old it is, and that it can be put away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import TypeAdapter

from patrol.domain.camera import CameraId
from patrol.domain.drawing import DrawnMask, DrawnScene, DrawnZone, SceneState, WrittenScene
from patrol.domain.wall import StillBox
from patrol.web.zone_routes import SceneShown

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom
from .fake_wall import BOX, jpeg_of, still_of
from .test_wall_page import HeardWall, wait_for, wished

pytestmark = IN_A_BROWSER
CAMERA = "C-007"
CAR = StillBox(0.6, 0.5, 0.8, 0.7, "car", 0.7)

# The sheet's picture has the shape of 16 to 9; in a square place it lies between two bars.
BOX_IN_A_SQUARE = """() => {
  const screen = document.querySelector("#live .screen");
  Object.assign(screen.style, { width: "400px", height: "400px", maxWidth: "none", aspectRatio: "auto", margin: "0" });
  const [at, box] = [screen, document.querySelector("#live .people")].map((node) => node.getBoundingClientRect());
  return [box.left - at.left, box.top - at.top, box.width, box.height];
}"""


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    with served_in_thread(FakeRoom(wall=HeardWall())) as served:
        yield served


def found(served: ServedRoom, age_s: float, *boxes: StillBox) -> None:
    """The tour was there so long ago, and found these."""
    wait_for(lambda: CAMERA in wished(served))
    still = still_of(CAMERA, served.room.now() - timedelta(seconds=age_s), jpeg_of(1), boxes)
    asyncio.run_coroutine_threadsafe(served.room.wall.show(still), served.loop).result(5)


def look(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    page.keyboard.press("l")
    page.locator("#live select").select_option(CAMERA)


def test_zones_and_masks_are_drawn_also_where_no_live_picture_can_be_had(browser: Browser, served: ServedRoom) -> None:
    zone = DrawnZone("square", "广场", ("crowd",), polygon=((0.1, 0.2), (0.9, 0.2), (0.9, 0.8)))
    line = DrawnZone("gate", "大门", ("line",), line=((0.2, 0.9), (0.8, 0.9)))
    scene = DrawnScene((zone, line), (DrawnMask(((0.0, 0.0), (0.2, 0.0), (0.2, 0.2))),), None)
    written = WrittenScene(CameraId(CAMERA), "七号", "Seven", "cameras.yaml", "1", "1", scene, None, None, (), 90.0)
    shown = TypeAdapter(SceneShown).dump_json(SceneShown(written, SceneState.APPLIED, None, None))
    page = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    page.route(f"**/cameras/{CAMERA}/scene", lambda route: route.fulfill(body=shown, content_type="application/json"))
    page.goto(served.address)
    look(page)
    expect(page.locator("#live .live-state")).to_have_attribute("data-kind", "stills")
    expect(page.locator("#live .outlines > polygon")).to_have_count(3)
    expect(page.locator("#live .outlines > .mask")).to_have_count(1)
    page.locator("#live .panel-head").click()
    page.keyboard.press("z")
    expect(page.locator("#live .outlines > polygon")).to_have_count(0)
    page.get_by_label("区域：广场 · 大门 · 隐私遮挡 1 处").check()
    expect(page.locator("#live .outlines > polygon")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def test_what_the_tour_found_is_drawn_with_its_age_fades_and_can_be_put_away(
    browser: Browser, served: ServedRoom
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.goto(served.address)
    look(page)
    drawn, said = page.locator("#live .found"), page.locator("#live .last-visit")
    found(served, 0.5, BOX, BOX, CAR)
    expect(drawn).to_have_attribute("opacity", "1.00")
    assert [(path.get_attribute("d") or "").count("M") for path in drawn.locator("path").all()] == [2, 1]
    expect(said).to_have_text(re.compile(r"^[0-3]\.\d s前的检测：2 人，与画面不同步$"))
    left, top, width, height = page.evaluate(BOX_IN_A_SQUARE)
    assert [left, top, width, height] == pytest.approx([100, 155, 60, 112.5], abs=0.5)
    found(served, 30, BOX)
    expect(drawn).to_have_attribute("opacity", "0.25")
    found(served, 120, BOX)
    expect(drawn).to_have_count(0)
    expect(said).to_contain_text("太旧")
    found(served, 0, BOX)
    expect(drawn).to_have_count(1)
    page.keyboard.press("d")
    expect(drawn).to_have_count(0)
    expect(page.get_by_label("检测框")).not_to_be_checked()
    page.reload()
    look(page)
    expect(page.get_by_label("检测框")).not_to_be_checked()  # this browser keeps it
    wall = served.room.wall
    assert isinstance(wall, HeardWall)
    served.do(lambda: setattr(wall, "wished", ()))
    page.get_by_label("检测框").check()
    found(served, 0, BOX)  # only from now on somebody wants to see it
    expect(drawn).to_have_count(1)
    context.close()
