"""How soon the page answers an operator's hand with 500 open incidents in it.

All 500 are cards, as many as a page is ever told of (patrol/pipeline/viewing.py), and the digest, which folds a flood
into one line, is unfolded. What has changed is sent each second meanwhile. An operator steps
through the feed by keys, clicks cards, switches its filters, confirms incidents and writes notes; the browser itself
says how long each input took to the next paint (Event Timing: in steps of 8 ms, and nothing of what took under 16 ms,
which counts as 16). An input that does not do what it is for ends the measurement: it would count as a quick one. It
needs quiet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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
ACTS_WITHIN_MS = 5_000
ROUNDS, FEW_ROUNDS = 40, 10
FILTERS = ("unconfirmed", "closed", "open")
NOTE = "seen"
# Pressed by the page itself: no input of anybody's, so that nothing of it is timed.
CHOOSE = """(nth) => {
  const cards = [...document.querySelectorAll("#cards .card")];
  const card = cards[nth % cards.length];
  card.click();
  return card.dataset.id;
}"""
SELECTED = "() => document.querySelector('#cards .card[aria-selected=true]')?.dataset.id ?? null"
# The middle of each card of which that is in sight, and whose it is.
SPOTS = """() => [...document.querySelectorAll("#cards .card")].flatMap((card) => {
  const { left, top, width, height } = card.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  return document.elementFromPoint(x, y)?.closest(".card") === card ? [[x, y, card.dataset.id]] : [];
})"""
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


@dataclass(frozen=True, slots=True)
class Way:
    """Something that an operator does, so many times.

    ``prepare``: what comes before it, not timed, given the round's number; ``inputs``: how many presses it takes;
    ``shows``: the page's function that says whether it has had its effect, given what ``before`` said.
    """

    name: str
    act: Act
    shows: str
    before: str = "() => null"
    prepare: Callable[[int], None] = lambda _: None
    inputs: int = 1
    rounds: int = ROUNDS


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
        found = {way.name: _timed(page, way) for way in _ways(page)}
        tasks = long_tasks(page)
    return report(found, tasks)


def _ways(page: Page) -> Sequence[Way]:
    dice = random.Random(3)
    choose = partial(_choose, page)
    moved = f"(before) => ({SELECTED})() !== before"
    return (
        Way("step by key", lambda: page.keyboard.press("j"), moved, SELECTED),
        Way("click a card", lambda: _click_in_sight(page, dice), "() => window.clicked === (" + SELECTED + ")()"),
        *(
            Way(
                f"filter {name}",
                partial(_choose_filter, page, name),
                f"() => document.querySelector('#filters [data-filter={name}]').ariaPressed === 'true'",
                prepare=partial(_leave_filter, page, name),
                rounds=FEW_ROUNDS,
            )
            for name in FILTERS
        ),
        Way(
            "confirm",
            lambda: page.keyboard.press("c"),
            "() => document.querySelector('#incident .confirm').dataset.done !== undefined",
            prepare=choose,
            rounds=FEW_ROUNDS,
        ),
        Way(
            "write a note",
            partial(_write, page),
            f"() => document.querySelector('#incident .notes')?.textContent.includes('{NOTE}')",
            prepare=lambda number: choose(FEW_ROUNDS + number),
            inputs=2 + len(NOTE),
            rounds=FEW_ROUNDS,
        ),
    )


def _choose(page: Page, nth: int) -> None:
    chosen = page.evaluate(CHOOSE, nth)
    page.wait_for_function("(id) => document.querySelector('#incident .about').textContent.includes(id)", arg=chosen)


def _write(page: Page) -> None:
    for key in ("n", *NOTE, "Enter"):
        page.keyboard.press(key, delay=20)


def _leave_filter(page: Page, name: str, _: int) -> None:
    """Another one, so that choosing it does something."""
    other = next(one for one in FILTERS if one != name)
    page.evaluate("(name) => document.querySelector(`#filters [data-filter=${name}]`).click()", other)
    page.wait_for_timeout(PAUSE_MS)


def _choose_filter(page: Page, name: str) -> None:
    page.locator(f"#filters [data-filter={name}]").click(delay=20)


def _click_in_sight(page: Page, dice: random.Random) -> None:
    spots = page.evaluate(SPOTS)
    x, y, card = dice.choice(spots)
    page.evaluate("(id) => { window.clicked = id; }", card)
    page.mouse.click(x, y, delay=20)


def _timed(page: Page, way: Way) -> list[float]:
    """Milliseconds of each input. Raises TimeoutError for one that has no effect."""
    for number in range(way.rounds):
        way.prepare(number)
        before = page.evaluate(way.before)
        way.act()
        page.wait_for_function(way.shows, arg=before, timeout=ACTS_WITHIN_MS)
        page.wait_for_timeout(PAUSE_MS)
    page.wait_for_timeout(500)  # the last ones are told a moment later
    told = [float(one) for one in page.evaluate(TAKE_INTERACTIONS)]
    progress(f"{way.name}: {way.rounds} times, slowest {max(told, default=LEAST_TOLD_MS):.0f} ms")
    return all_of(told, way.rounds * way.inputs)


def all_of(told: Sequence[float], inputs: int) -> list[float]:
    """With those that the browser did not tell, because they took less than it tells."""
    return [*told, *[LEAST_TOLD_MS] * max(0, inputs - len(told))]


def report(found: dict[str, list[float]], tasks: list[float]) -> Report:
    """What came of all inputs. ``found``: by what was done; ``tasks``: the long ones meanwhile. All ms."""
    everything = [one for each in found.values() for one in each]
    p95 = nearest_rank(everything, 0.95)
    rows = [
        (name, len(each), nearest_rank(each, 0.5), nearest_rank(each, 0.95), nearest_rank(each, 1.0))
        for name, each in (*found.items(), ("all", everything))
    ]
    title = f"{INCIDENTS} open incidents in the feed: from an input to the next paint"
    tables = [Table(title, ("input", "times", "p50 ms", "p95 ms", "max ms"), rows)]
    targets = [Target(f"an input with {INCIDENTS} open incidents, p95, ms", p95, MOST_MS)]
    figures = {"incidents": INCIDENTS, "inputs_ms": found, "long_tasks_ms": asdict(Spread.of(tasks))}
    return Report("console-feed", figures, tables, targets, f"an input p95 {p95:.0f} ms")
