"""How soon the page answers an operator's hand with 500 open incidents in it.

All 500 are cards, as many as a page is ever told of (patrol/pipeline/viewing.py), and the digest, which folds a flood
into one line, is unfolded. What has changed is sent each second meanwhile. An operator steps
through the feed by keys, clicks cards, and switches its filters; the browser itself says how long each took from the
input to the next paint (Event Timing: in steps of 8 ms, and nothing of what took under 16 ms, which counts as 16). It
needs quiet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

from playwright.sync_api import Page

from benchmarks.console_browser import Plan, a_browser, long_tasks, opened, progress
from benchmarks.console_room import crowded_room
from benchmarks.figures import Report, Spread, Table, Target, nearest_rank
from tests.web.conftest import served_in_thread
from tests.web.page_files import build_page

INCIDENTS = 500
MOST_MS = 100.0
LEAST_TOLD_MS = 16.0
PAUSE_MS = 120
ROUNDS = 40
FILTERS = ("unconfirmed", "closed", "open")
NOTE_INTERACTIONS = """() => {
  window.interactions = new Map();
  new PerformanceObserver((list) => {
    for (const { interactionId: id, duration } of list.getEntries()) {
      if (id) window.interactions.set(id, Math.max(duration, window.interactions.get(id) ?? 0));
    }
  }).observe({ type: "event", durationThreshold: 16 });
}"""
TAKE_INTERACTIONS = "() => { const all = [...window.interactions.values()]; window.interactions.clear(); return all; }"

Act = Callable[[], None]


def measure(plan: Plan) -> Report:
    """Act for some rounds, each in every way."""
    build_page()
    with served_in_thread(crowded_room(INCIDENTS)) as served, a_browser() as browser:
        page = opened(browser, served.address)
        page.locator("#digest button").click()  # which would count most of them in one line
        page.wait_for_function(f"() => document.querySelectorAll('.card').length === {INCIDENTS}")
        page.wait_for_timeout(3000)
        page.evaluate(NOTE_INTERACTIONS)
        long_tasks(page)
        found = {name: _timed(page, name, act) for name, act in _ways(page)}
        tasks = long_tasks(page)
    return _report(found, tasks)


def _ways(page: Page) -> Iterator[tuple[str, Act]]:
    dice = random.Random(3)
    yield "step by key", lambda: page.keyboard.press("j")
    yield "click a card", lambda: _click_in_sight(page, dice)
    for name in FILTERS:
        yield f"filter {name}", partial(_choose_filter, page, name)


def _choose_filter(page: Page, name: str) -> None:
    page.locator(f"#filters [data-filter={name}]").click(delay=20)


def _click_in_sight(page: Page, dice: random.Random) -> None:
    box = page.locator("#cards").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + dice.uniform(20, min(box["height"], 700) - 20), delay=20)


def _timed(page: Page, name: str, act: Act) -> list[float]:
    rounds = ROUNDS if not name.startswith("filter") else ROUNDS // 4
    for _ in range(rounds):
        act()
        page.wait_for_timeout(PAUSE_MS)
    page.wait_for_timeout(500)  # the last ones are told a moment later
    told = [float(one) for one in page.evaluate(TAKE_INTERACTIONS)]
    quick = max(0, rounds - len(told))
    progress(f"{name}: {rounds} times, slowest {max(told, default=LEAST_TOLD_MS):.0f} ms")
    return told + [LEAST_TOLD_MS] * quick


def _report(found: dict[str, list[float]], tasks: list[float]) -> Report:
    everything = [one for each in found.values() for one in each]
    p95 = nearest_rank(everything, 0.95)
    rows = [
        (name, len(each), nearest_rank(each, 0.5), nearest_rank(each, 0.95), max(each))
        for name, each in (*found.items(), ("all", everything))
    ]
    title = f"{INCIDENTS} open incidents in the feed: from an input to the next paint"
    tables = [Table(title, ("input", "times", "p50 ms", "p95 ms", "max ms"), rows)]
    targets = [Target(f"an input with {INCIDENTS} open incidents, p95, ms", p95, MOST_MS)]
    figures = {"incidents": INCIDENTS, "inputs_ms": found, "long_tasks_ms": asdict(Spread.of(tasks))}
    return Report("console-feed", figures, tables, targets, f"an input p95 {p95:.0f} ms")
