"""How smoothly the tour wall scrolls: 476 tiles in a real browser, with stills coming for whatever is in sight.

The page is the real one on a room in memory; the tour's side shows a still of each camera in sight somewhat sooner than
its bound ends. The page is scrolled by a fixed step a frame, down and up again, and the time between frames is what the
browser says (``requestAnimationFrame``); a frame is late when it took longer than one and a half of 60 a second.
"""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.sync_api import Page

from benchmarks.console_browser import Plan, a_browser
from benchmarks.figures import Relation, Report, Table, Target, nearest_rank
from tests.web.conftest import ServedRoom, served_in_thread
from tests.web.fake_room import FakeRoom
from tests.web.fake_wall import tour_the_wall
from tests.web.page_files import build_page

FRAME_MS = 1000 / 60
LATE_MS = 1.5 * FRAME_MS
STEP_PX = 14  # a frame: 840 pixels a second, a hand in a hurry
SETTLE_S = 4.0
SIZES = {1: "small", 2: "medium", 3: "large"}
SCROLL = """([step, seconds]) => new Promise((done) => {
  const box = document.querySelector("#wall-tiles");
  const [frames, long] = [[], []];
  const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration)));
  observer.observe({entryTypes: ["longtask"]});
  let [last, way] = [null, 1];
  const ends = performance.now() + seconds * 1000;
  const next = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    const before = box.scrollTop;
    box.scrollTop += way * step;
    if (box.scrollTop === before) way = -way;
    if (now < ends) requestAnimationFrame(next);
    else done({frames, long, canvases: document.querySelectorAll("#wall .tile .view img").length});
  };
  requestAnimationFrame(next);
})"""


def measure(plan: Plan) -> Report:
    """Scroll the wall in each size for so long."""
    build_page()
    seconds = plan.seconds
    with served_in_thread(FakeRoom()) as served, a_browser() as browser:
        stopping = _tour(served)
        found = {name: _scroll(browser.new_page(), served.address, size, seconds) for size, name in SIZES.items()}
        served.do(stopping.set)
    return _report(found, seconds)


def _tour(served: ServedRoom) -> asyncio.Event:
    stopping = asyncio.Event()
    asyncio.run_coroutine_threadsafe(tour_the_wall(served.room, stopping), served.loop)
    return stopping


def _scroll(page: Page, address: str, size: int, seconds: float) -> dict[str, Any]:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.add_init_script(f"localStorage.setItem('patrol.wall', '{{\"size\": {size}}}')")
    page.goto(f"{address}#wall")
    page.locator("#wall .tile .view img").first.wait_for()
    page.wait_for_timeout(1000 * SETTLE_S)
    measured = page.evaluate(SCROLL, [STEP_PX, seconds])
    page.close()
    frames = measured["frames"]
    return {
        "frames": len(frames),
        "p50_ms": nearest_rank(frames, 0.5),
        "p99_ms": nearest_rank(frames, 0.99),
        "longest_ms": max(frames),
        "late_share": sum(frame > LATE_MS for frame in frames) / len(frames),
        "long_tasks": len(measured["long"]),
        "pictures_in_the_end": measured["canvases"],
    }


def _report(found: dict[str, dict[str, Any]], seconds: float) -> Report:
    headings = ("tiles", "frames", "p50 ms", "p99 ms", "longest ms", "late", "long tasks", "pictures")
    rows = [(name, *each.values()) for name, each in found.items()]
    worst = max(each["p99_ms"] for each in found.values())
    targets = [
        Target(f"{name} tiles: 99% of the frames, ms", each["p99_ms"], LATE_MS, Relation.AT_MOST)
        for name, each in found.items()
    ]
    title = f"476 tiles, scrolled for {seconds:g} s each: time between frames"
    summary = f"worst p99 of a frame {worst:.1f} ms"
    return Report(
        "console-wall", {"seconds": seconds, "sizes": found}, [Table(title, headings, rows)], targets, summary
    )
