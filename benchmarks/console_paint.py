"""How soon an operator sees the room, and what a browser has to fetch for it.

A whole Patrol with 476 cameras and some open incidents serves the page to a browser that has nothing of it: a new
context, its cache emptied, each time. *First useful paint*: the first frame drawn after the feed's cards, the cameras
on the map and the rings' figures in the top bar are there, from the beginning of the navigation. The browser itself was
started before. It needs quiet.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks.console_browser import READY, Plan, a_browser, progress
from benchmarks.console_service import whole_service
from benchmarks.figures import Report, Table, Target, median
from tests.web.page_files import CONSOLE, build_page

LOADS = 9
MOST_MS = 1000.0
CAMERAS = [f"core-{number}" for number in range(1, 13)]
# Noted by the page itself, before anything of it runs.
NOTE_USEFUL = """
  const look = () => {
    const isThere = (selector) => document.querySelector(selector) !== null;
    const isFed = isThere("#cards .card, #feed-empty:not([hidden])");
    const isMapped = document.querySelectorAll("#map .cameras path").length > 0;
    const isTold = /\\d/.test(document.querySelector("#rings > li b")?.textContent ?? "");
    const isUseful = isThere("body[data-ready=true]") && isFed && isMapped && isTold;
    if (!isUseful) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => (window.usefulAt = performance.now())));
  };
  requestAnimationFrame(look);
"""
FOUND = """() => {
  const first = performance.getEntriesByType("paint").find((one) => one.name === "first-contentful-paint");
  const fetched = performance.getEntriesByType("resource");
  return {
    useful_ms: window.usefulAt,
    contentful_ms: first?.startTime ?? null,
    server_ms: performance.getEntriesByType("navigation")[0].responseEnd,
    bytes: fetched.reduce((sum, one) => sum + one.transferSize, 0),
    cards: document.querySelectorAll(".card").length,
  };
}"""


def measure(plan: Plan) -> Report:
    """Open the page some times, of a service of its own or of the one that was given."""
    build_page()
    with a_browser() as browser:
        if plan.address is not None:
            loads = _loads(browser, plan.address)
        else:
            with whole_service() as service:
                service.sees_crowd(*CAMERAS)
                _wait_for_cards(browser, service.address, len(CAMERAS))
                loads = _loads(browser, service.address)
    return report(loads, *script_size())


def script_size() -> tuple[float, float]:
    """What the build says (console/size.mjs): kB of script, compressed, without the map's library; and the most."""
    told = subprocess.run([node(), "size.mjs"], cwd=CONSOLE, capture_output=True, text=True, check=False).stdout
    found = re.search(r"scripts ([\d.]+) kB of ([\d.]+) kB", told)
    if found is None:
        raise ValueError(f"console/size.mjs says nothing of scripts: {told!r}")
    return float(found[1]), float(found[2])


def node() -> str:
    """The machine's, or the one from a wheel that built the page (see the Makefile)."""
    own = Path(sys.executable).parent / "node"
    return str(own) if own.exists() else "node"


def _wait_for_cards(browser: Browser, address: str, count: int) -> None:
    page = browser.new_page()
    page.goto(address)
    page.wait_for_function(f"() => document.querySelectorAll('.card').length >= {count}", timeout=60_000)
    page.close()


def _loads(browser: Browser, address: str) -> list[dict[str, Any]]:
    found = []
    for number in range(LOADS + 1):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        context.add_init_script(NOTE_USEFUL)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.clearBrowserCache")
        page.goto(address, wait_until="commit")
        page.locator(READY).wait_for()
        page.wait_for_function("() => window.usefulAt !== undefined")
        if number > 0:  # the first one starts the browser's own processes
            found.append(page.evaluate(FOUND))
            progress(f"load {number} of {LOADS}: useful after {found[-1]['useful_ms']:.0f} ms")
        context.close()
    return found


def report(loads: list[dict[str, Any]], script: float, most: float) -> Report:
    """What came of the loads. ``script``, ``most``: kB."""
    useful = [load["useful_ms"] for load in loads]
    rows: list[tuple[object, ...]] = [
        (name, median([load[key] for load in loads]), max(load[key] for load in loads))
        for name, key in (
            ("the page's own text is there", "server_ms"),
            ("first contentful paint", "contentful_ms"),
            ("first useful paint", "useful_ms"),
        )
    ]
    fetched = max(load["bytes"] for load in loads) / 1000
    tables = [
        Table(f"a cold cache, {len(loads)} loads, {loads[-1]['cards']} cards: ms", ("what", "middle", "slowest"), rows),
        Table(
            "what is fetched, compressed",
            ("what", "kB"),
            [("scripts, without the map's library", script), ("all that one load fetches", fetched)],
        ),
    ]
    targets = [
        Target("first useful paint, the slowest load, ms", max(useful), MOST_MS),
        Target("script, compressed, without the map's library, kB", script, most),
    ]
    summary = f"useful paint {median(useful):.0f} ms, script {script:.0f} kB"
    return Report("console-paint", {"loads": loads, "script_kb": script}, tables, targets, summary)
