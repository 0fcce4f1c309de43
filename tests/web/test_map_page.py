"""What lies under the map, its heat, and the card of whatever is clicked, in a real browser."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from patrol.adapters.base_map import read_base_map
from patrol.domain.camera import StreamAddress
from patrol.domain.coordinates import from_wgs84
from patrol.domain.incidents import EscalationStep, IncidentId
from patrol.domain.map_settings import BaseFile, MapSettings, MapTile, TileFile, TileService
from patrol.domain.room import WatchStatus
from patrol.domain.units import UnitId
from patrol.domain.vocabulary import CoordinateSystem, Place
from patrol.web.map_routes import MapParts
from tests.waiting import wait_for

from .conftest import IN_A_BROWSER, ServedRoom, served_in_thread
from .fake_room import CENTRE, FakeRoom

pytestmark = IN_A_BROWSER

DISTRICT = Path(__file__).parents[2] / "configs" / "district.geojson"
Open = Callable[..., Page]

# How many pixels of the ground have this colour, more or less; and where the middle of them is, in the page's pixels.
LIKE = """([red, green, blue]) => {
  let [count, x, y] = [0, 0, 0];
  for (const canvas of document.querySelectorAll("#map .ground canvas")) {
    if (canvas.width === 0) continue;
    const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const box = canvas.getBoundingClientRect();
    for (let at = 0; at < data.length; at += 4) {
      const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
      if (data[at + 3] < 200 || off > 60) continue;
      count += 1;
      x += box.left + ((at / 4) % width) * (box.width / width);
      y += box.top + Math.floor(at / 4 / width) * (box.height / canvas.height);
    }
  }
  return { count, x: x / count, y: y / count };
}"""

# A colour of the theme, written in full.
COLOUR = """(name) => {
  const on = document.createElement("canvas").getContext("2d");
  on.fillStyle = getComputedStyle(document.body).getPropertyValue(name).trim();
  return on.fillStyle;
}"""

# Where a pointer is on a camera, and which it is.
WEDGE = """() => {
  for (const wedge of document.querySelectorAll("#map .cameras path")) {
    const { left, top, width, height } = wedge.getBoundingClientRect();
    const spot = [left + width / 2, top + height / 2];
    if (document.elementFromPoint(...spot) === wedge) return [...spot, wedge.dataset.index];
  }
}"""

# A spot on an order's way, or beside a camera, at which no mark is meant; null where there is none.
FREE_SPOT = """(camera) => {
  const middle = (node) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const marks = all("#map .cameras path, #map .units > g, #map .incidents > g").map(middle);
  const isFree = ([x, y]) => {
    const hit = document.elementFromPoint(x, y);
    if (hit?.closest("#map svg") == null || hit.closest("#map :is(.cameras, .units, .incidents, text)")) return false;
    return marks.every(([right, down]) => Math.hypot(x - right, y - down) > 14);
  };
  const { left, top } = document.querySelector("#map .orders").ownerSVGElement.getBoundingClientRect();
  const along = (line) => {
    const [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map((end) => line[end].baseVal.value);
    const at = (share) => [left + x1 + (x2 - x1) * share, top + y1 + (y2 - y1) * share];
    return Array.from({ length: 60 }, (_, n) => at((n + 1) / 61));
  };
  const around = ([x, y]) => {
    const at = (turn, away) => [x + away * Math.cos(turn), y + away * Math.sin(turn)];
    return Array.from({ length: 90 }, (_, n) => at(n, 15 + n / 5));
  };
  const spots = camera ? around(middle(document.querySelector(camera)))
    : all("#map .orders line:not([visibility])").flatMap(along);
  return spots.find(isFree) ?? null;
}"""


@pytest.fixture
def served() -> Iterator[ServedRoom]:
    room = FakeRoom()
    room.fill()
    room.stretch = 1.0
    with served_in_thread(room) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: ServedRoom) -> Iterator[Open]:
    """Opens the page; whatever it or the policy complains about fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_page(theme: str = "dark", language: str = "zh") -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        contexts.append(context)
        context.add_init_script(f"localStorage.setItem('patrol.theme', '{theme}')")
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{served.address}?lang={language}")
        expect(page.locator("body")).to_have_attribute("data-ready", "true")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def like(page: Page, colour: tuple[int, int, int]) -> dict[str, float]:
    found: dict[str, float] = page.evaluate(LIKE, colour)
    return found


def shows(page: Page, colour: tuple[int, int, int], least: int) -> None:
    page.wait_for_function(f"([colour, least]) => ({LIKE})(colour).count >= least", arg=[colour, least])


def colour_of(page: Page, name: str) -> tuple[int, int, int]:
    text = page.evaluate(COLOUR, name)
    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_streets_water_and_houses_lie_under_the_marks_in_the_themes_colours(
    served: ServedRoom, open_page: Open, theme: str
) -> None:
    files = [BaseFile(DISTRICT)]
    base, _ = read_base_map(files)
    served.room.map_parts = MapParts(MapSettings(tuple(files)), base)
    with served_in_thread(served.room) as again:
        page = open_page(theme)
        page.goto(again.address)
        expect(page.locator("#map")).to_have_attribute("data-ground", "")
        for part in ("road", "water", "building"):
            shows(page, colour_of(page, f"--map-{part}"), 400)
        before = page.locator("#map .cameras path").first.bounding_box()
        page.locator("#map .ground").focus()
        page.keyboard.press("ArrowLeft")  # the map's own key: the feed stays as it is
        page.wait_for_function(
            "x => document.querySelector('#map .cameras path').getBoundingClientRect().left > x + 20",
            arg=before["x"] if before else 0,
        )
        page.get_by_role("button", name="核心", exact=True).click()
        page.get_by_role("button", name="热力").click()
        expect(page.locator("#map .heat")).to_contain_text("起警情，50 米见方之内最多")
        assert page.locator("#map .heat-counts text").count() == 0  # none where there was more than one
        page.locator("body").press("h")
        expect(page.locator("#map .heat")).to_be_hidden()
        page.close()  # before its server does


class Dotted:
    """Tiles that are blue, with a red dot where a map in GCJ-02 shows a place."""

    def __init__(self, place: Place) -> None:
        self._latitude, self._longitude = from_wgs84(place, CoordinateSystem.GCJ02)

    async def tile(self, zoom: int, column: int, row: int) -> MapTile | None:
        around = 256 * 2**zoom
        east = (self._longitude + 180) / 360 * around
        angle = math.radians(self._latitude)
        south = (1 - math.asinh(math.tan(angle)) / math.pi) / 2 * around
        picture = np.full((256, 256, 3), (160, 60, 20), np.uint8)  # blue, green, red
        centre = (round(east - column * 256), round(south - row * 256))
        cv2.circle(picture, centre, 3, (0, 0, 255), -1)
        return MapTile(png(picture), "image/png", f'"{zoom}-{column}-{row}"')


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def test_marks_stand_where_a_map_in_gcj02_shows_their_places(served: ServedRoom, open_page: Open) -> None:
    """The dot is in the tiles, half a kilometre from where the place would be without converting it."""
    served.room.units = (replace(served.room.units[0], id=UnitId("U-99"), home=CENTRE),)
    address = StreamAddress("https://tiles.example/{z}/{x}/{y}")
    service = TileService(address, "© somebody", datum=CoordinateSystem.GCJ02)
    served.room.map_parts = MapParts(MapSettings(tiles=service), tiles=Dotted(CENTRE))
    with served_in_thread(served.room) as again:
        page = open_page()
        page.goto(again.address)
        expect(page.locator("#map .credit")).to_have_text("© somebody")
        page.get_by_role("button", name="核心", exact=True).click()
        shows(page, (255, 0, 0), 9)
        dot = like(page, (255, 0, 0))
        unit = page.locator('#map [data-unit="U-99"]').bounding_box()
        assert unit is not None
        middle = unit["x"] + unit["width"] / 2, unit["y"] + unit["height"] / 2
        assert math.dist(middle, (dot["x"], dot["y"])) < 4
        page.close()  # before its server does


def pmtiles(path: Path, tile: bytes, tile_type: int) -> TileFile:
    """A file of version 3 with one tile, that of the whole world."""
    directory = gzip.compress(bytes([1, 0, 1]) + varint(len(tile)) + bytes([1]))
    metadata = gzip.compress(b"{}")
    root, at_metadata = 127, 127 + len(directory)
    data = at_metadata + len(metadata)
    sections = (root, len(directory), at_metadata, len(metadata), data, 0, data, len(tile), 1, 1, 1)
    header = b"PMTiles\x03" + b"".join(each.to_bytes(8, "little") for each in sections)
    header += bytes([1, 2, 1, tile_type, 0, 0])
    header += b"".join(round(each * 10**7).to_bytes(4, "little", signed=True) for each in (-180, -85, 180, 85))
    header += bytes([0]) + bytes(8)
    path.write_bytes(header + directory + metadata + tile)
    return TileFile(path, "© the file")


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, content: bytes) -> bytes:
    """Of a protocol buffer: with a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def all_water() -> bytes:
    """A vector tile with one square over all of it, in a layer called water."""
    corners = b"".join(varint(each) for each in (9, 0, 0, 26, 8192, 0, 0, 8192, 8191, 0, 15))
    feature = varint(3 << 3) + varint(3) + field(4, corners)
    layer = varint(15 << 3) + varint(2) + field(1, b"water") + field(2, feature) + varint(5 << 3) + varint(4096)
    return field(3, layer)


@pytest.mark.parametrize("sort", ["pictures", "vectors"])
def test_a_pmtiles_file_is_drawn_by_parts_that_patrol_serves(
    served: ServedRoom, open_page: Open, tmp_path: Path, sort: str
) -> None:
    green = np.full((256, 256, 3), (40, 200, 40), np.uint8)
    tile, tile_type = (png(green), 2) if sort == "pictures" else (all_water(), 1)
    file = pmtiles(tmp_path / "city.pmtiles", tile, tile_type)
    served.room.map_parts = MapParts(MapSettings(pmtiles=file))
    with served_in_thread(served.room) as again:
        page = open_page()
        page.goto(again.address)
        expect(page.locator("#map .credit")).to_have_text("© the file")
        shows(page, (40, 200, 40) if sort == "pictures" else colour_of(page, "--map-water"), 50_000)
        page.close()  # before its server does


def click_at(page: Page, mark: str) -> None:
    """In the middle of a mark, whatever lies over it."""
    box = page.locator(mark).first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_whatever_is_clicked_says_what_it_is_and_leads_on(served: ServedRoom, open_page: Open) -> None:
    page = open_page(language="en")
    card = page.locator(".map-card")
    click_at(page, '#map [data-unit="U-P3"]')
    expect(card.locator("h3")).to_have_text("Car 3")
    expect(card).to_contain_text("station patrol")
    page.keyboard.press("Escape")
    x, y, index = page.evaluate(WEDGE)
    camera = served.room.cameras[int(index)]
    page.mouse.click(x, y)
    expect(card.locator("h3")).to_have_text(camera.name_en)
    expect(card).to_contain_text(camera.id)
    expect(card).to_contain_text(re.compile(rf"Blind age.*/ {camera.revisit_bound_s:.1f} s"))
    expect(card.get_by_role("link", name="Camera details")).to_have_attribute("href", f"#cameras/{camera.id}")
    card.locator(".pin").click()
    expect(card.locator("[role=alert]")).to_have_text("Fill in the operator first")
    page.keyboard.press("Escape")  # it may lie over the name
    click_at(page, '#map .ring-names [data-ring="periphery"]')
    expect(card.locator("h3")).to_have_text("Periphery")
    card.locator("li button").first.click()
    expect(card.locator(".means")).to_contain_text("camera")
    page.locator("#map .map-buttons button", has_text="Core").click()
    other = page.locator("#map .incidents > g:not([data-selected])").first
    box = other.locator(".shape").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#map .incidents [data-selected]")).to_have_count(1)
    expect(other).to_have_count(1)


def test_the_way_of_an_order_leads_to_its_unit_which_says_for_what_and_how_long(
    served: ServedRoom, open_page: Open
) -> None:
    page = open_page()
    expect(page.locator("#map .orders line")).to_have_count(3)
    for name in ("核心", "周边", "全域"):
        page.locator("#map .map-buttons button", has_text=name).click()
        if (spot := page.evaluate(FREE_SPOT, None)) is not None:
            break
    assert spot is not None
    page.mouse.click(*spot)
    card = page.locator(".map-card")
    expect(card).to_have_attribute("data-kind", "unit")
    expect(card).to_contain_text(re.compile(r"(待签收|已签收|途中).*\d:\d\d"))
    card.locator(".main").click()
    expect(page.locator("#incident .about")).to_be_visible()


def test_a_warm_place_says_how_many_began_there_and_which_are_known(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    page.locator("#map .map-buttons button", has_text="核心").click()
    page.get_by_role("button", name="热力").click()
    expect(page.locator("#map .heat")).to_contain_text("起警情，50 米见方之内最多")
    place = served.room.incidents[IncidentId("I-20261123-000146")].camera_id
    index = [camera.id for camera in served.room.cameras].index(place)
    spot = page.evaluate(FREE_SPOT, f'#map .cameras path[data-index="{index}"]')
    assert spot is not None
    page.mouse.click(*spot)
    card = page.locator(".map-card")
    expect(card).to_have_attribute("data-kind", "heat")
    expect(card).to_contain_text(re.compile(r"近 8 小时这里（50 米见方）有 \d+ 起警情"))
    card.locator("li button").first.click()
    expect(page.locator("#incident .about")).to_contain_text("I-20261123-000146")


def test_without_a_mouse_everything_on_the_map_is_in_its_list(served: ServedRoom, open_page: Open) -> None:
    page = open_page()
    opener = page.locator("#map .map-buttons button").last
    opener.focus()
    page.keyboard.press("Enter")
    card = page.locator(".map-card")
    expect(card).to_be_focused()
    expect(card.locator("h3")).to_have_text("地图清单")
    assert card.locator("li").count() == 3 + 6 + 7  # rings, open incidents, units
    for _ in range(2):  # past the button that closes it
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(card.locator("h3")).to_have_text(re.compile("核心|周边|远端"))
    for _ in range(3):  # the way back comes first
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(card).to_have_attribute("data-kind", "site")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    expect(opener).to_be_focused()


def test_whichever_incident_is_chosen_is_seen_below_what_lies_over_the_map(served: ServedRoom, open_page: Open) -> None:
    served.do(lambda: setattr(served.room, "watch", WatchStatus(clock_off_s=-3600)))
    for incident in list(served.room.incidents)[:3]:
        served.room.escalate(incident, EscalationStep.ROOM, "没有空闲警力", "no unit is free")
    page = open_page()
    expect(page.locator(".banner[data-urgent]")).to_have_count(3)
    banners = page.locator("#banners")
    for card in page.locator("#cards .card").all():
        card.click()
        chosen = page.locator("#map .incidents [data-selected]")
        expect(chosen).to_have_count(1)

        def free_px(chosen: Locator = chosen) -> float:
            return float(chosen.evaluate("node => node.querySelector('.shape').getBoundingClientRect().top")) - float(
                banners.evaluate("node => node.getBoundingClientRect().bottom")
            )

        wait_for(lambda: free_px() >= -12)
