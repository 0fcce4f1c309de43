"""Live views in a real browser, of a real RTSP server: pictures that move, one session for all, freed when they go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from prometheus_client import CollectorRegistry

from benchmarks.clips import GOP_FRAMES, HEIGHT, WIDTH, encoded
from benchmarks.packs import write_pack
from benchmarks.serving import Server, missing_parts, rtsp_server
from patrol.adapters.clock import SystemClock
from patrol.adapters.memory import MemoryTourRequests
from patrol.app.live import live_parts
from patrol.config import Configuration
from patrol.domain.camera import CameraId, StreamAddress
from patrol.domain.live import LiveSettings
from patrol.domain.visits import TourSettings
from patrol.domain.zones import Zone, ZoneId
from patrol.metrics import Metrics
from patrol.web.app import serve
from tests.acceptance.clips import counting_pictures

from .conftest import IN_A_BROWSER, Site
from .fake_room import FakeRoom
from .test_accessible import violations

MISSING = missing_parts()
pytestmark = [
    *IN_A_BROWSER,
    pytest.mark.skipif(MISSING is not None, reason=f"GStreamer's RTSP server cannot run here: {MISSING}"),
]

PASSWORD = "Canary-Pa55word"
SEEN_WITHIN_MS = 15_000
FREED_WITHIN_MS = 12_000
AS_SENT, MASKED, OLD, AWAY, SNAPSHOTS = (CameraId(f"C-{number:03d}") for number in (1, 2, 3, 4, 5))
ZONE = Zone(ZoneId("square"), "东广场", "East square", ((0.1, 0.2), (0.9, 0.2), (0.9, 0.8)), ())
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))

# The middle row of what is shown, 64 levels of grey.
ROW = """() => {
  const video = document.querySelector("#live video");
  if (video.videoWidth === 0) return null;
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
  const on = canvas.getContext("2d");
  on.drawImage(video, 0, 0, 64, 36);
  return [...on.getImageData(0, 18, 64, 1).data].filter((_, at) => at % 4 === 0);
}"""

# Where a click reaches a camera on the map: nothing else lies over it.
WEDGE = """() => {
  for (const wedge of document.querySelectorAll(".cameras path[data-index]")) {
    const { left, top, width, height } = wedge.getBoundingClientRect();
    const spot = [left + width / 2, top + height / 2];
    if (document.elementFromPoint(...spot) === wedge) return spot;
  }
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live")
    pictures = list(counting_pictures(10 * GOP_FRAMES, WIDTH, HEIGHT))
    write_pack(encoded(pictures), folder / "h264.clip")
    write_pack(encoded(pictures, "h265"), folder / "h265.clip")
    mounts = {"/sent": {"clip": "h264.clip"}, "/masked": {"clip": "h264.clip"}, "/old": {"clip": "h265.clip"}}
    with rtsp_server(mounts, folder, f"admin:{PASSWORD}") as running:
        yield running


@dataclass(frozen=True, slots=True)
class LiveRoom:
    """A served room. ``metrics``: what it counts."""

    address: str
    metrics: Metrics
    server: Server

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"patrol_live_{name}", labels) or 0.0

    def playing(self) -> int:
        """Sessions that the camera's side has now."""
        counts = self.server.counted()
        return int(counts["played"] - counts["torn_down"])


def configured(room: FakeRoom, server: Server, live: LiveSettings) -> Configuration:
    """The room's cameras; some of them have streams that play, the others none."""
    at = f"admin:{PASSWORD}@127.0.0.1:{server.port}"
    changes: Mapping[CameraId, Mapping[str, Any]] = {
        AS_SENT: {"stream": StreamAddress(f"rtsp://{at}/sent"), "zones": (ZONE,)},
        MASKED: {"stream": StreamAddress(f"rtsp://{at}/masked"), "masks": (LEFT_HALF,)},
        OLD: {"stream": StreamAddress(f"rtsp://{at}/old")},
        AWAY: {"stream": StreamAddress(f"rtsp://{at}/nothing-here")},
    }
    none: Mapping[str, Any] = {"stream": StreamAddress(f"http://{at}/still.jpg")}
    cameras = tuple(replace(camera, **changes.get(camera.id, none)) for camera in room.cameras)
    return Configuration(
        station="",
        station_en="",
        centre=cameras[0].place,
        rings={},
        rules={},
        levels=None,  # type: ignore[arg-type]
        cameras=cameras,
        units=(),
        tour=TourSettings(),
        detector=None,
        web=None,
        live=live,  # type: ignore[arg-type]
    )


@contextmanager
def served(server: Server, live: LiveSettings | None = None) -> Iterator[LiveRoom]:
    """A room with live views, in a thread of its own."""
    ready, rooms, halts = threading.Event(), list[LiveRoom](), list[Callable[[], None]]()

    async def run() -> None:
        room, metrics, clock = FakeRoom(), Metrics(CollectorRegistry()), SystemClock()
        room.fill()
        async with AsyncExitStack() as stack:
            configuration = configured(room, server, live or LiveSettings())
            cameras = {camera.id: camera for camera in configuration.cameras}
            parts = live_parts(stack, configuration, cameras, MemoryTourRequests(), clock, metrics)
            site = Site(room=room, live=parts.streaming, stills=parts.glancing)
            loop = asyncio.get_running_loop()
            halts.append(lambda: loop.call_soon_threadsafe(site.stopping.set))

            def on_ready(address: str) -> None:
                rooms.append(LiveRoom(address, metrics, server))
                ready.set()

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(parts.streaming.run(site.stopping))
                tasks.create_task(serve(site.app(), "127.0.0.1", 0, site.stopping, on_ready))

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="live-room")
    thread.start()
    try:
        assert ready.wait(10)
        yield rooms[0]
    finally:
        for halt in halts:
            halt()
        thread.join(15)
        assert not thread.is_alive()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens the page; what breaks the policy, and every script's error, fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(room: LiveRoom, width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(room.address)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def look(page: Page, camera_id: str = AS_SENT) -> None:
    """Open the sheet by its key, and choose a camera in it."""
    page.keyboard.press("l")
    expect(page.locator("#live")).to_be_visible()
    page.locator("#live select").select_option(camera_id)


def expect_kind(page: Page, kind: str) -> None:
    expect(page.locator("#live .live-state")).to_have_attribute("data-kind", kind, timeout=SEEN_WITHIN_MS)


def until(page: Page, condition: Callable[[], bool], longest_ms: int = FREED_WITHIN_MS) -> None:
    for _ in range(longest_ms // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within {longest_ms} ms")


def rows(page: Page, wanted: int) -> list[tuple[int, ...]]:
    """That many different rows that were shown one after another."""
    found: list[tuple[int, ...]] = []

    def enough() -> bool:
        row = page.evaluate(ROW)
        bright = tuple(int(each > 120) for each in row) if row else None
        if bright is not None and (not found or found[-1] != bright):
            found.append(bright)
        return len(found) >= wanted

    until(page, enough)
    return found


def test_the_picture_moves_and_is_passed_on_as_the_camera_sends_it(server: Server, open_page: Open) -> None:
    with served(server) as room:
        page = open_page(room)
        look(page)
        expect_kind(page, "live")
        assert len(set(rows(page, 5))) >= 3
        assert room.counted("streams", way="passed") == 1
        assert room.counted("streams", way="encoded") == 0
        expect(page.locator("#live .live-state")).to_contain_text("实时")
        expect(page.locator("#live .live-state")).to_contain_text("毫秒")


def test_two_who_look_share_a_session_which_is_given_back_when_they_have_gone(server: Server, open_page: Open) -> None:
    with served(server) as room:
        before = room.playing()
        one, other = open_page(room), open_page(room)
        for page in (one, other):
            look(page)
            expect_kind(page, "live")
        assert room.counted("viewers") == 2
        assert room.playing() - before == 1
        one.keyboard.press("Escape")
        expect(one.locator("#live")).to_be_hidden()
        until(other, lambda: room.counted("viewers") == 1)
        assert len(rows(other, 3)) == 3
        other.close()  # the tab, and nobody says anything more
        until(one, lambda: room.counted("viewers") == 0)
        until(one, lambda: room.playing() == before)


def test_what_is_masked_is_encoded_anew_with_its_mask(server: Server, open_page: Open) -> None:
    with served(server) as room:
        page = open_page(room)
        look(page, MASKED)
        expect_kind(page, "live")
        seen = rows(page, 5)
        assert all(not any(row[:30]) for row in seen)
        assert any(any(row[34:]) for row in seen)
        assert room.counted("streams", way="encoded") == 1
        expect(page.locator("#live .live-state")).to_contain_text("转码")


def test_h265_is_encoded_anew(server: Server, open_page: Open) -> None:
    with served(server) as room:
        page = open_page(room)
        look(page, OLD)
        expect_kind(page, "live")
        assert len(set(rows(page, 4))) >= 3
        assert room.counted("streams", way="encoded") == 1


def test_what_is_watched_is_drawn_over_the_picture_until_it_is_switched_off(server: Server, open_page: Open) -> None:
    with served(server) as room:
        page = open_page(room)
        look(page)
        expect_kind(page, "live")
        expect(page.locator("#live .outlines polygon")).to_have_count(1)
        assert violations(page, "live", "#live") == []
        page.get_by_label("区域：东广场").uncheck()
        expect(page.locator("#live .outlines > polygon")).to_have_count(0)


@pytest.mark.parametrize(
    ("camera_id", "says"), [(AWAY, "没有这个流|不存在|找不到|摄像机接不通"), (SNAPSHOTS, "只有静态图")]
)
def test_where_live_does_not_go_the_reason_is_said(
    server: Server, open_page: Open, camera_id: CameraId, says: str
) -> None:
    with served(server) as room:
        page = open_page(room)
        look(page, camera_id)
        expect_kind(page, "stills")
        assert any(word in page.locator("#live .live-state").inner_text() for word in says.split("|"))
        assert PASSWORD not in page.content()


def test_over_the_cap_stills_are_shown_with_their_age_and_the_reason(server: Server, open_page: Open) -> None:
    with served(server, LiveSettings(peers=1)) as room:
        one, other = open_page(room), open_page(room)
        look(one)
        expect_kind(one, "live")
        look(other)
        expect_kind(other, "stills")
        state = other.locator("#live .live-state")
        expect(state).to_contain_text("已满")
        expect(state).to_contain_text("静态图", timeout=SEEN_WITHIN_MS)
        expect(state).to_contain_text("前", timeout=SEEN_WITHIN_MS)
        assert other.evaluate("document.querySelector('#live canvas').width") > 300
        one.keyboard.press("Escape")
        other.get_by_role("button", name="再接一次").click()
        expect_kind(other, "live")


def test_a_click_on_the_map_opens_a_camera_and_it_fits_a_phone(server: Server, open_page: Open) -> None:
    with served(server) as room:
        page = open_page(room, width=390, height=844)
        look(page)
        expect_kind(page, "live")
        box = page.locator("#live").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("Escape")
        wide = open_page(room)
        spot = wide.evaluate(WEDGE)
        wide.mouse.click(*spot)
        wide.locator(".map-card .main").click()
        expect(wide.locator("#live")).to_be_visible()


def test_the_help_sheet_names_the_key(server: Server, open_page: Open) -> None:
    with served(server) as room:
        page = open_page(room)
        page.keyboard.press("?")
        expect(page.locator("#help dl")).to_contain_text("实时")
