"""The browser in which the console's page is measured, and what it says of itself: heap, long tasks, frames."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.web.conftest import CHROMIUM, QUIET

OPERATOR = "李明"
READY = "body[data-ready=true]"
# Noted from the first moment on; the browser tells a task that took 50 ms or more.
NOTE_LONG_TASKS = """
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: "longtask", buffered: true });
"""
TAKE_LONG_TASKS = "() => window.longTasks.splice(0)"
# How many frames there were in each whole second.
FRAMES = """(seconds) => new Promise((done) => {
  const counts = [];
  let began = null;
  const next = (now) => {
    began ??= now;
    const second = Math.floor((now - began) / 1000);
    if (second >= seconds) return done(Array.from({ length: seconds }, (_, at) => counts[at] ?? 0));
    counts[second] = (counts[second] ?? 0) + 1;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for. ``minutes``: of the long part; ``seconds``: of each short one.

    ``address``: of a Patrol that runs already and whose page is looked at, too; None: one is started for that.
    """

    minutes: float = 30.0
    seconds: float = 20.0
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Heap:
    """What a page keeps, when all that nobody needs any more is gone. ``megabytes``: of 10^6 bytes, of JavaScript."""

    megabytes: float
    nodes: int
    listeners: int


def progress(line: str) -> None:
    """What goes on, for whoever waits; beside the figures."""
    print(f"  {line}", file=sys.stderr, flush=True)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield browser
        browser.close()


def opened(browser: Browser, address: str, width: int = 1440, height: int = 900, before: str = "") -> Page:
    """The page in a context of its own, for an operator with a name, once it shows the room.

    ``before``: a script that runs before those of the page.
    """
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    context.add_init_script(f"localStorage.setItem('patrol.operator', '{OPERATOR}')")
    context.add_init_script(NOTE_LONG_TASKS + before)
    page = context.new_page()
    page.goto(address)
    page.locator(READY).wait_for()
    return page


def inspector(page: Page) -> CDPSession:
    """The browser's own way to look into this page."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    return session


def heap_of(session: CDPSession) -> Heap:
    """Twice: what the first collection finalizes, the second one frees."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    counted = session.send("Memory.getDOMCounters")
    return Heap(used / 1e6, counted["nodes"], counted["jsEventListeners"])


def long_tasks(page: Page) -> list[float]:
    """Those since the last call, ms."""
    return _floats(page.evaluate(TAKE_LONG_TASKS))


def frames(page: Page, seconds: int) -> list[int]:
    """How many frames the page could draw in each of so many seconds."""
    return [int(count) for count in _floats(page.evaluate(FRAMES, seconds))]


def _floats(found: Any) -> list[float]:
    return [float(one) for one in found]
