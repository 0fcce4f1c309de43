"""A busy night before the page: whether its memory stays as it is, and whether anything holds it up.

Alerts come at a steady rate into a room in memory behind the console's real server, which shows what the real room
would; they are confirmed, some are reached by a unit, all are closed and forgotten. An operator goes through the feed
by keys, begins a note and drops it, and looks at the tour wall now and then. The heap is read after a forced
collection. *The first* are the samples right after the warm-up: no later one may differ from their middle by more than
the target says; long tasks count from then on, too. How long these take depends on what else the machine does: for them
it needs quiet. The heap does not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from playwright.sync_api import CDPSession, Page

from benchmarks.console_browser import Heap, Plan, a_browser, heap_of, inspector, long_tasks, opened, progress
from benchmarks.console_room import busy_room
from benchmarks.figures import Report, Spread, Table, Target, median
from tests.web.page_files import build_page

ALERTS_PER_MINUTE = 200.0
MOST_DEPARTURE = 0.10
MOST_LONG_TASK_MS = 100.0
WARM_UP_S, WARM_UP_SHARE = 300.0, 0.25  # V8 compiles for some minutes what it has learned is used
SAMPLE_EVERY_S, SAMPLES = 60.0, 20
FIRST = 5
LOOKS, LOOK_AGAIN_MS = 4, 700
STEP_EVERY_S = 10.0  # whoever touches the feed keeps it as it is for 4 s
WALL_EVERY, WALL_S = 12, 6.0  # steps; seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. ``minute``: since the page was opened."""

    minute: float
    heap: Heap
    open: int
    made: int


def measure(plan: Plan) -> Report:
    """Live through such a night for so many minutes."""
    build_page()
    seconds = 60.0 * plan.minutes
    with busy_room(ALERTS_PER_MINUTE) as (served, night), a_browser() as browser:
        page = opened(browser, served.address)
        session = inspector(page)
        warm_up_s, every_s = min(WARM_UP_S, WARM_UP_SHARE * seconds), min(SAMPLE_EVERY_S, seconds / SAMPLES)
        began, samples, tasks, steps = time.monotonic(), list[Sample](), list[float](), 0
        _look_at_the_wall(page)  # once made, its tiles stay
        while (passed := time.monotonic() - began) < seconds:
            until = min(seconds, (len(samples) + 1) * every_s)
            steps += _go_on(page, until - passed, steps)
            tasks += long_tasks(page)
            if time.monotonic() - began <= warm_up_s:
                tasks.clear()
            opened_now = sum(one.is_open for one in list(night.room.incidents.values()))
            minute = (time.monotonic() - began) / 60
            samples.append(Sample(minute, _kept(page, session), opened_now, night.made))
            long_tasks(page)  # those of the collections are not the page's
            progress(_told(samples[-1], tasks))
        shown = page.locator(".card").count()
    return _report(samples, tasks, shown, plan.minutes, warm_up_s / 60)


def _go_on(page: Page, seconds: float, before: int) -> int:
    """Work at the feed for so long. Returns how many steps that were."""
    ends, steps = time.monotonic() + seconds, 0
    while (left := ends - time.monotonic()) > 0:
        page.wait_for_timeout(1000 * min(left, STEP_EVERY_S))
        steps += 1
        page.keyboard.press("j")
        if (before + steps) % 5 == 0:
            page.keyboard.press("n")
            page.keyboard.type("看过")
            page.keyboard.press("Escape")
        if (before + steps) % WALL_EVERY == 0:
            _look_at_the_wall(page)
    return steps


def _kept(page: Page, session: CDPSession) -> Heap:
    """The least of some looks: in between a state may be on its way, and is forgotten when it is shown."""
    looks = [heap_of(session)]
    for _ in range(LOOKS - 1):
        page.wait_for_timeout(LOOK_AGAIN_MS)
        looks.append(heap_of(session))
    return min(looks, key=lambda heap: heap.megabytes)


def _look_at_the_wall(page: Page) -> None:
    page.keyboard.press("w")
    page.wait_for_timeout(1000 * WALL_S)
    page.keyboard.press("w")


def _told(sample: Sample, tasks: Sequence[float]) -> str:
    heap = sample.heap
    return (
        f"minute {sample.minute:.1f}: heap {heap.megabytes:.2f} MB, {heap.nodes} nodes, {heap.listeners} listeners,"
        f" {sample.open} open of {sample.made}, {len(tasks)} long tasks so far"
    )


def departure(megabytes: Sequence[float]) -> float:
    """By how much of it the farthest departs from the middle of the first ones; nan for none."""
    middle = median(megabytes[:FIRST])
    return max((abs(each / middle - 1.0) for each in megabytes), default=float("nan"))


def _report(
    samples: Sequence[Sample], tasks: Sequence[float], shown: int, minutes: float, warm_up_minutes: float
) -> Report:
    warm = [sample for sample in samples if sample.minute > warm_up_minutes]
    megabytes = [sample.heap.megabytes for sample in warm]
    spread, departs = Spread.of(tasks), departure(megabytes)
    targets = [
        Target("heap, farthest from its first samples, %", 100 * departs, 100 * MOST_DEPARTURE),
        Target("long tasks, p99, ms", spread.p99 if tasks else 0.0, MOST_LONG_TASK_MS),
    ]
    rows: list[tuple[object, ...]] = [
        ("minutes; alerts; cards in the end", f"{minutes:g}; {samples[-1].made}; {shown}"),
        ("heap after the warm-up, first / last, MB", f"{megabytes[0]:.2f} / {megabytes[-1]:.2f}"),
        ("heap, least / most, MB", f"{min(megabytes):.2f} / {max(megabytes):.2f}"),
        ("nodes, first / last", f"{warm[0].heap.nodes} / {warm[-1].heap.nodes}"),
        ("listeners, first / last", f"{warm[0].heap.listeners} / {warm[-1].heap.listeners}"),
        ("long tasks (50 ms and more) since: number, p50 / p99 / max, ms", _spread_told(spread)),
    ]
    title = f"{ALERTS_PER_MINUTE:g} alerts a minute before the page"
    figures = {
        "minutes": minutes,
        "samples": [asdict(sample) for sample in samples],
        "warm_up_minutes": warm_up_minutes,
        "heap_departure": departs,
        "long_tasks_ms": asdict(spread),
    }
    summary = f"heap {megabytes[-1]:.1f} MB after {minutes:g} min, at most {100 * departs:.0f}% off"
    return Report("console-heap", figures, [Table(title, ("what", "figure"), rows)], targets, summary)


def _spread_told(spread: Spread) -> str:
    if spread.count == 0:
        return "none"
    return f"{spread.count}, {spread.p50:.0f} / {spread.p99:.0f} / {spread.max:.0f}"
