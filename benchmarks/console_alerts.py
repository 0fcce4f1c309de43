"""How soon an alert is on the page after it was accepted, through the whole of Patrol.

The cameras of a whole Patrol are told one after another, at uneven moments, that they see a crowd. From its acceptance
(t3, by the service's clock) to the first frame that the browser draws after its card is there (by the browser's, on the
same machine). It needs quiet.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.console_browser import Plan, a_browser, opened, progress
from benchmarks.console_service import RunningService, whole_service
from benchmarks.figures import Report, Spread, Table, Target
from tests.web.page_files import build_page

ALERTS = 60
EVERY_S = 0.5  # to twice that: no step with anything that Patrol does once a second
MOST_S = 1.0
LAST_COMES_S = 30.0
NOTE_CARDS = """() => {
  window.shownAt = {};
  new MutationObserver((changes) => {
    const ids = changes.flatMap((change) => [...change.addedNodes]).map((node) => node.dataset?.id).filter(Boolean);
    requestAnimationFrame(() => setTimeout(() => {
      for (const id of ids) window.shownAt[id] ??= (performance.timeOrigin + performance.now()) / 1000;
    }));
  }).observe(document.querySelector("#cards"), { childList: true });
}"""


def measure(plan: Plan) -> Report:
    """Watch some dozens of alerts arrive."""
    build_page()
    with whole_service() as service, a_browser() as browser:
        page = opened(browser, service.address)
        page.evaluate(NOTE_CARDS)
        shown = _alarm(service, page)
        accepted = accepted_at(service.folder / "patrol.db")
    return report([shown[each] - accepted[each] for each in shown if each in accepted], len(accepted))


def _alarm(service: RunningService, page: Page) -> dict[str, float]:
    dice = random.Random(5)
    for number in range(1, ALERTS + 1):
        service.sees_crowd(f"core-{number}")
        page.wait_for_timeout(1000 * dice.uniform(EVERY_S, 2 * EVERY_S))
        if number % 20 == 0:
            progress(f"{number} of {ALERTS} cameras see somebody")
    deadline = time.monotonic() + LAST_COMES_S
    while len(shown := page.evaluate("window.shownAt")) < ALERTS and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    return {incident: float(at) for incident, at in shown.items()}


def accepted_at(database: Path) -> dict[str, float]:
    """When each incident was accepted, seconds since 1970."""
    seen = "json_extract(body, '$.kind') = 'crowd'"  # and nothing about the drawn cameras themselves
    statement = f"select id, json_extract(body, '$.clocks.t3.at') from incidents where {seen}"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {incident: datetime.fromisoformat(at).timestamp() for incident, at in connection.execute(statement)}


def report(took_s: list[float], accepted: int) -> Report:
    """What came of them. ``accepted``: how many there were, also of those that were never shown."""
    spread = Spread.of(took_s)
    rows = [("alerts", spread.count), ("p50 s", spread.p50), ("p99 s", spread.p99), ("max s", spread.max)]
    targets = [
        Target("an alert on the page after its acceptance, p99, s", spread.p99, MOST_S),
        Target("alerts accepted and not on the page", float(accepted - spread.count), 0.0),
    ]
    tables = [Table("from an alert's acceptance to its card on the page", ("what", "figure"), rows)]
    summary = f"an alert on the page p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s"
    return Report("console-alerts", {"took_s": took_s, "spread_s": asdict(spread)}, tables, targets, summary)
