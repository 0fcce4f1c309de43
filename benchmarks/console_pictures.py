"""How many frames a second are left to the page while it shows many pictures: 100 stills, or 16 live views.

*Stills*: the tour wall on a screen that holds more than a hundred tiles, each of which gets a new picture somewhat
sooner than its ring's bound ends. *Live views*: sixteen of one H.264 camera of 12 pictures a second, 640x360, by the
product's own server (benchmarks/bench_live.py says how far behind they are). *The floor* is an empty page in the same
browser: where that draws fewer than 60 frames a second, the machine does not allow more. What counts is the worst whole
second. There is no graphics processor: Chromium draws and decodes on the cores, of which the page, its server and the
cameras have the same two. It needs quiet.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page

from benchmarks.bench_live import DECODED, FILM_GOPS, OPEN, WHOLE_RATE, service
from benchmarks.clips import FPS, GOP_FRAMES, HEIGHT, WIDTH, encoded
from benchmarks.console_browser import Plan, a_browser, frames, opened, progress
from benchmarks.console_room import busy_room
from benchmarks.figures import Relation, Report, Table, Target
from benchmarks.live_service import CAMERA_ID, STRIPES, numbered
from benchmarks.packs import write_pack
from benchmarks.processes import use_of
from benchmarks.serving import Spot, missing_parts, rtsp_server
from tests.web.page_files import build_page

LEAST_PER_S = 30.0
STILLS, VIEWS = 100, 16
WALL_SIZE = (2560, 1440)
QUIET_ALERTS_PER_MINUTE = 6.0
SETTLE_S = 12.0  # until each tile of the wall has had a picture
SMALL_TILES = "localStorage.setItem('patrol.wall', '{\"size\": 1}')"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was shown, how many frames there were in the worst and in the middle second, and what it cost.

    ``cores``: of the browser, the server, and all that shows pictures to them. ``decoded_per_s``: of live views, the
    pictures a second that the slowest of them got to show; None where there are none.
    """

    what: str
    pictures: int
    least_per_s: int
    middle_per_s: int
    cores: float
    decoded_per_s: float | None = None


def measure(plan: Plan) -> Report:
    """The empty page, the wall, and the live views where there is an RTSP server."""
    build_page()
    seconds = max(5, round(plan.seconds))
    with a_browser() as browser:
        floor = _drawn("an empty page", 0, browser.new_page(), seconds)
        stills = _stills(browser, seconds)
        missing = missing_parts()
        views = None if missing is not None else _views(browser, seconds)
    return report(floor, stills, views, missing)


def _drawn(what: str, pictures: int, page: Page, seconds: int) -> Drawn:
    before = use_of(os.getpid())
    counts = sorted(frames(page, seconds))
    after = use_of(os.getpid())
    cores = (after.processor_s - before.processor_s) / (after.at - before.at)
    found = Drawn(what, pictures, counts[0], counts[len(counts) // 2], cores)
    progress(f"{what}: {found.least_per_s} frames in the worst second, {cores:.2f} cores")
    return found


def _stills(browser: Browser, seconds: int) -> Drawn:
    with busy_room(QUIET_ALERTS_PER_MINUTE) as (served, _):
        width, height = WALL_SIZE
        page = opened(browser, f"{served.address}#wall", width, height, before=SMALL_TILES)
        hang = f"() => document.querySelectorAll('#wall .tile .view img').length >= {STILLS}"
        page.wait_for_function(hang, timeout=60_000)
        page.wait_for_timeout(1000 * SETTLE_S)
        shown = page.locator("#wall .tile .view img").count()
        found = _drawn(f"the wall with {shown} stills", shown, page, seconds)
        page.context.close()
    return found


def _views(browser: Browser, seconds: int) -> Drawn:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="live-")))
        film = [numbered(number, WIDTH, HEIGHT) for number in range(FILM_GOPS * GOP_FRAMES)]
        write_pack(encoded(film), folder / "film.clip")
        server = stack.enter_context(rtsp_server({"/film": {"clip": "film.clip"}}, folder))
        running = stack.enter_context(service(server.address(Spot("film", "core", 0))))
        page = browser.new_page()
        page.goto(running.address)
        page.evaluate(OPEN, {"camera": CAMERA_ID, "count": VIEWS, "stripes": STRIPES})
        page.wait_for_timeout(5000)
        before, began = page.evaluate(DECODED), time.monotonic()
        found = _drawn(f"{VIEWS} live views", VIEWS, page, seconds)
        after, took_s = page.evaluate(DECODED), time.monotonic() - began
        slowest = min(now["decoded"] - then["decoded"] for then, now in zip(before, after, strict=True))
        return replace(found, decoded_per_s=slowest / took_s)


def report(floor: Drawn, stills: Drawn, views: Drawn | None, missing: str | None) -> Report:
    """What came of them. ``missing``: why there are no live views, which is a target that is not kept."""
    everything = [each for each in (floor, stills, views) if each is not None]
    rows = [(each.what, each.least_per_s, each.middle_per_s, each.cores) for each in everything]
    tables = [Table("frames a second", ("shown", "worst second", "middle", "cores, all together"), rows)]
    targets = [
        Target(
            f"frames a second with {STILLS} stills and more, worst", stills.least_per_s, LEAST_PER_S, Relation.AT_LEAST
        )
    ]
    name = f"frames a second with {VIEWS} live views, worst"
    targets.append(Target(name, views.least_per_s if views else None, LEAST_PER_S, Relation.AT_LEAST))
    decoded = f"pictures a second that the slowest of {VIEWS} live views shows, of {FPS}"
    targets.append(Target(decoded, views.decoded_per_s if views else None, WHOLE_RATE * FPS, Relation.AT_LEAST))
    figures = {"drawn": [asdict(each) for each in everything], "live_views_missing": missing}
    summary = f"{stills.pictures} stills at {stills.least_per_s} frames/s or more (empty page {floor.least_per_s})"
    if views is None:
        progress(f"live views are not measured: {missing}")
    else:
        summary += f", {VIEWS} live views at {views.least_per_s}"
    return Report("console-pictures", figures, tables, targets, summary)
