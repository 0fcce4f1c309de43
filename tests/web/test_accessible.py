"""The page for everybody: every view looked at by axe, in both themes, both languages and at both widths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from patrol.domain.camera import CameraId
from patrol.domain.events import Kind
from patrol.domain.incidents import EscalationStep, IncidentId
from patrol.domain.precision import Precision
from patrol.domain.room import QueueStatus
from patrol.domain.zones import RuleId

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import FakeRoom
from .fake_wall import tour_the_wall
from .signed_in import PASSWORD
from .test_sign_in_page import served_with_accounts

pytestmark = IN_A_BROWSER

# WCAG 2.2 AA, and what axe calls good practice.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
PICTURE_MS = 30_000  # a picture on the wall comes through the server and the page's decoder
RED, LATE = IncidentId("I-20261123-000147"), IncidentId("I-20261123-000149")


@dataclass(frozen=True, slots=True)
class Seen:
    """How somebody looks at the page. ``width``: pixels."""

    theme: str
    language: str
    width: int


# Both of each with both of the others.
SEEN = [
    Seen("dark", "zh", 1440),
    Seen("light", "en", 1440),
    Seen("dark", "en", 390),
    Seen("light", "zh", 390),
]
FIRST_SEEN = [SEEN[0], *(pytest.param(seen, marks=pytest.mark.long) for seen in SEEN[1:])]


def busy_room() -> FakeRoom:
    """A room with something in every corner: banners, an escalation, what is over, dead letters."""
    room = FakeRoom()
    room.fill()
    room.escalate(LATE, EscalationStep.ROOM, "66 秒无人接警", "nobody accepted it for 66 s")
    room.escalate(RED, EscalationStep.SUPERVISOR, "首个警力超时", "the first unit is late")
    room.queue = QueueStatus("redis: connection refused", 3, 41.0, 0)
    room.bury(1)
    room.told = [
        Precision(CameraId("C-017"), RuleId("crowd"), Kind.CROWD, 3, 9),
        Precision(CameraId("C-018"), RuleId("crowd"), Kind.CROWD, 9, 1),
    ]
    return room


@pytest.fixture(scope="module")
def served() -> Iterator[ServedRoom]:
    """Such a room, toured, so that the wall has pictures."""
    with served_in_thread(busy_room()) as served:
        stopping = asyncio.Event()
        touring = asyncio.run_coroutine_threadsafe(tour_the_wall(served.room, stopping), served.loop)
        yield served
        served.do(stopping.set)
        touring.result(5)


def opened(browser: Browser, address: str, seen: Seen) -> Page:
    context = browser.new_context(viewport={"width": seen.width, "height": 900}, reduced_motion="reduce")
    context.add_init_script(f"localStorage.setItem('patrol.theme', '{seen.theme}')")
    page = context.new_page()
    page.goto(f"{address}?lang={seen.language}")
    return page


def violations(page: Page, view: str, where: str = "body") -> list[str]:
    """What axe finds in what is shown of ``where``, of any weight."""
    found = Axe().run(page, context=where, options={"runOnly": {"type": "tag", "values": list(RULES)}})
    return [
        f"{view}: {one['impact']} {one['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else ''}"
        for one in found.response["violations"]
        for node in one["nodes"]
        if one["id"] != "target-size" or not is_large_once_scrolled_to(page, node["target"][0])
    ]


def is_large_once_scrolled_to(page: Page, target: str) -> bool:
    """Whether what a bar at the edge covers in part can be hit once it is scrolled to the middle."""
    page.locator(target).evaluate("(node) => node.scrollIntoView({ block: 'center', behavior: 'instant' })")
    again = Axe().run(page, context=target, options={"runOnly": {"type": "rule", "values": ["target-size"]}})
    return not again.response["violations"]


@pytest.mark.long
@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.theme}-{seen.language}-{seen.width}")
def test_no_view_of_the_room_shuts_anybody_out(browser: Browser, served: ServedRoom, seen: Seen) -> None:
    page = opened(browser, served.address, seen)
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    page.locator(f'.card[data-id="{RED}"]').click()
    found = violations(page, "room")
    for view, (come, where) in VIEWS.items():
        come(page)
        expect(page.locator(where)).to_be_visible()
        found += violations(page, view, where)
        page.keyboard.press("Escape")
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.theme}-{seen.language}-{seen.width}")
def test_neither_does_the_wall(browser: Browser, served: ServedRoom, seen: Seen) -> None:
    page = opened(browser, served.address, seen)
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    page.keyboard.press("w")
    tiles = page.locator("#wall .tile")
    expect(tiles).to_have_count(476)
    page.locator("#wall .tile img").first.wait_for(state="attached", timeout=PICTURE_MS)
    found = violations(page, "wall", "#wall")
    tiles.nth(1).click()
    found += violations(page, "a tile", "#wall")
    page.keyboard.press("s")
    expect(page.locator("#skip")).to_be_visible()
    page.locator("#skip [type=submit]").click()
    expect(page.locator("#skip .skip-said")).not_to_be_empty()
    found += violations(page, "skip", "#skip")
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seen", FIRST_SEEN, ids=lambda seen: f"{seen.theme}-{seen.language}-{seen.width}")
def test_neither_does_the_door_nor_an_empty_room(browser: Browser, tmp_path: Path, seen: Seen) -> None:
    with served_with_accounts(tmp_path, FakeRoom()) as address:
        page = opened(browser, f"{address}sign-in", seen)
        expect(page.locator("#sign-in button")).not_to_be_empty()
        page.locator("#name").fill("operator")
        page.locator("#password").fill("not that one at all")
        page.locator("#password").press("Enter")
        expect(page.locator("#message")).not_to_be_empty()
        found = violations(page, "sign-in")
        page.locator("#password").fill(PASSWORD)
        page.locator("#password").press("Enter")
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        found += violations(page, "empty room")
        page.locator("#me").click()
        found += violations(page, "password")
        page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seen", FIRST_SEEN, ids=lambda seen: f"{seen.theme}-{seen.language}-{seen.width}")
def test_neither_does_a_room_of_which_nothing_is_known_now(browser: Browser, seen: Seen) -> None:
    room = busy_room()
    with served_in_thread(room) as served:
        page = opened(browser, served.address, seen)
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        room.away = "connection refused"
        expect(page.locator("body")).to_have_attribute("data-stale", "")
        expect(page.locator(".banner[data-old]").first).to_be_visible()
        found = violations(page, "banners", "#banners") + violations(page, "the top bar", "#top")
        page.context.close()
    assert not found, "\n".join(found)


def _press(key: str) -> Callable[[Page], None]:
    return lambda page: page.keyboard.press(key)


def _click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.click()


def _closed(page: Page) -> None:
    page.locator("#filters [data-filter=closed]").click()
    page.locator(".card").first.click()


def _false_alarm(page: Page) -> None:
    page.locator(".close-open").click()
    page.locator("#closing [data-t=disposition_false_alarm]").click()


def _card(*ways: str) -> Callable[[Page], None]:
    """A card of the map, by these of its buttons one after another."""

    def come(page: Page) -> None:
        page.keyboard.press("f")
        for way in ways:
            page.locator(f".map-card {way} button").first.click()

    return come


def _camera(page: Page) -> None:
    page.evaluate("location.hash = '#cameras/F-001'")
    page.locator("#camera .cam-day summary").click()
    page.locator("#camera .cam-visits").wait_for()


def _live(page: Page) -> None:
    page.keyboard.press("l")
    expect(page.locator("#live .live-state")).not_to_be_empty()


def _units(page: Page) -> None:
    page.keyboard.press("s")
    page.locator("#tab-units").click()
    page.locator('.roster [data-unit="U-CU2"] button').first.click()


def _rules(page: Page) -> None:
    page.keyboard.press("s")
    page.locator("#tab-rules").click()
    expect(page.locator(".rules > li").first).to_be_visible()


# How one comes there, and the part of the page that is new then.
VIEWS: dict[str, tuple[Callable[[Page], object], str]] = {
    "help": (_press("?"), "#help"),
    "figures": (_click("#figures-open"), "#figures"),
    "map list": (_press("f"), ".map-card"),
    "a ring's card": (_card("h4:first-of-type + ul"), ".map-card[data-kind=ring]"),
    "a place's card": (_card("h4:first-of-type + ul", "h4 + ul"), ".map-card[data-kind=site]"),
    "a camera's card": (_card("h4:first-of-type + ul", "h4 + ul", "ul"), ".map-card[data-kind=camera]"),
    "a unit's card": (_card("h4:last-of-type + ul"), ".map-card[data-kind=unit]"),
    "live": (_live, "#live"),
    "heat": (_press("h"), "#map"),
    "settings": (_press("s"), "#settings"),
    "units": (_units, "#settings"),
    "rules": (_rules, "#settings"),
    "guide": (_click("#guide-offer button"), "#guide"),
    "precision": (_press("r"), "#precision"),
    "letters": (_click(".banner[data-level=blue] button"), "#letters"),
    "note": (_press("n"), "#incident"),
    "level": (_click(".level-change"), "#incident"),
    "merging": (_click(".merge"), ".actions"),
    "closing": (_false_alarm, ".actions"),
    "maintenance": (_click("#filters [data-filter=maintenance]"), "#feed"),
    "closed": (_closed, "main"),
    "reopening": (_click(".outcome .lead"), ".actions"),
    "cameras": (_press("v"), "#cameras"),
    "camera": (_camera, "#cameras"),
}
