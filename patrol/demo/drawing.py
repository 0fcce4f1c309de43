"""What the demo's scenes are drawn with: places, and people cut out of a photograph.

The model is a real one, so it needs real people to find. Two stand in a photograph that Ultralytics ships with its
package; ``cutouts.json`` holds their outlines in it. Recoloured, mirrored and scaled they become a crowd. Walls and
paving are taken from the same photograph where nobody stands.

Sizes are pixels of the finished picture (640 x 360), origin top left, unless said otherwise.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.errors import InputError

Pixels = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]

WIDTH, HEIGHT = 640, 360
HORIZON = 70  # where people would have no height
FLOOR = 150  # where walls end and the ground begins
TALLNESS = 0.52  # pixels of a person's height for each pixel that the feet stand below the horizon
FINE = 2  # places are drawn that much larger, then scaled down

OUTLINES = Path(__file__).with_name("cutouts.json")

# Cloth by factor on blue, green and red; the photograph's own colours first.
CLOTHES: tuple[Colour, ...] = (
    (1.0, 1.0, 1.0),
    (1.05, 0.72, 0.55),
    (0.58, 0.60, 0.88),
    (0.62, 0.74, 0.60),
    (0.42, 0.42, 0.45),
    (0.85, 0.62, 0.80),
)
LOOKS = 2 * len(CLOTHES)


@dataclass(frozen=True, slots=True)
class Light:
    """How a place is lit: factors on blue, green and red, saturation (1 as it is), and lamps in the windows."""

    gain: Colour
    saturation: float = 1.0
    lamps: bool = False


DAY = Light((1.0, 1.0, 1.0))
OVERCAST = Light((0.92, 0.88, 0.84), saturation=0.55)
EVENING = Light((0.74, 0.63, 0.58), saturation=0.8, lamps=True)


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """Something to lay over a picture: ``colour`` (h, w, 3) already multiplied by ``cover`` (h, w, 3), both uint8."""

    colour: Pixels
    cover: Pixels


def photograph_file() -> Path:
    """The photograph in the installed ``ultralytics`` package, found without importing it, which takes seconds.

    Raises InputError where it is not there, or not the one that the outlines were drawn on.
    """
    package = importlib.util.find_spec("ultralytics")
    for folder in (package.submodule_search_locations or []) if package else []:
        file = Path(folder) / "assets" / str(json.loads(OUTLINES.read_text())["picture"])
        if file.is_file():
            return file
    raise InputError("the demo's people come from a photograph in the package ultralytics, which is not installed")


@cache
def _photograph() -> Pixels:
    file = photograph_file()
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    drawn_on = json.loads(OUTLINES.read_text())
    if picture is None or picture.shape[:2] != (drawn_on["height"], drawn_on["width"]):
        raise InputError(f"{file}: expected the photograph of {drawn_on['width']}x{drawn_on['height']} pixels")
    return np.asarray(picture, np.uint8)


@dataclass(slots=True)
class Wardrobe:
    """People at every size that a scene needs, each cut out and lit once."""

    light: Light
    _sprites: dict[tuple[int, bool, int], Sprite] = field(default_factory=dict)
    _shadows: dict[int, Sprite] = field(default_factory=dict)

    def person(self, look: int, mirrored: bool, height: int) -> Sprite:
        """The person of ``look`` (any number; they repeat after ``LOOKS``), ``height`` pixels tall."""
        key = (look % LOOKS, mirrored, height)
        if key not in self._sprites:
            self._sprites[key] = self._cut_out(*key)
        return self._sprites[key]

    def shadow(self, height: int) -> Sprite:
        """The shadow at the feet of someone ``height`` pixels tall."""
        if height not in self._shadows:
            width, depth = max(8, int(height * 0.46)), max(4, int(height * 0.1))
            cover = np.zeros((depth * 2, width + depth, 3), np.uint8)
            cv2.ellipse(
                cover, ((width + depth) // 2, depth), (width // 2, depth // 2), 0, 0, 360, (110,) * 3, cv2.FILLED
            )
            self._shadows[height] = Sprite(np.zeros_like(cover), _blurred(cover, max(1.0, depth / 4)))
        return self._shadows[height]

    def _cut_out(self, look: int, mirrored: bool, height: int) -> Sprite:
        colours, cover = _dressed(look)
        width = max(2, round(height * cover.shape[1] / cover.shape[0] * (0.96 + 0.02 * (look % 5))))
        size = (width, height)
        small = cv2.resize(cover, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
        colour = cv2.resize(colours, size, interpolation=cv2.INTER_AREA) / np.maximum(small, 1e-3)
        lit = _lit(np.clip(colour, 0, 255).astype(np.uint8), self.light)
        premultiplied = (lit * small).astype(np.uint8)
        cover3 = np.repeat((small * 255).astype(np.uint8), 3, axis=2)
        if mirrored:
            premultiplied, cover3 = premultiplied[:, ::-1], cover3[:, ::-1]
        return Sprite(np.ascontiguousarray(premultiplied), np.ascontiguousarray(cover3))


def lay_over(picture: Pixels, sprite: Sprite, left: int, top: int) -> None:
    """Lay ``sprite`` over ``picture``, in place; what sticks out is cut off."""
    height, width = sprite.cover.shape[:2]
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
    below = picture[y1:y2, x1:x2]
    kept = cv2.multiply(below, cv2.bitwise_not(sprite.cover[part]), scale=1 / 255)
    picture[y1:y2, x1:x2] = cv2.add(kept, sprite.colour[part])


@cache
def _dressed(look: int) -> tuple[npt.NDArray[np.float32], Pixels]:
    """One of the two people in other clothes: colour (h, w, 3) float32 multiplied by cover/255, cover (h, w) uint8."""
    name, cloth = ("beige", "dark")[look % 2], CLOTHES[look // 2]
    outline = np.array(json.loads(OUTLINES.read_text())["outlines"][name], np.int32)
    x, y, width, height = cv2.boundingRect(outline)
    cover = np.zeros((height, width), np.uint8)
    cv2.fillPoly(cover, [outline - (x, y)], 255, cv2.LINE_AA)
    cover = _blurred(np.asarray(cv2.erode(cover, np.ones((3, 3), np.uint8)), np.uint8), 1.2)
    person = _mended(name)[y : y + height, x : x + width].astype(np.float32)
    share_down = (np.arange(height) / height)[:, None]
    blue, red = person[..., 0], person[..., 2]
    if name == "beige":  # the coat, warm and bright; not the face above it, not the jeans
        cloth_mask = (red > 70) & (red > blue) & (share_down > 0.17) & (share_down < 0.62)
        recoloured = person * np.array(cloth, np.float32)
    else:  # the coat, nearly black: a colour has to be added
        grey = person.max(axis=2)
        cloth_mask = (grey < 90) & (share_down > 0.17) & (share_down < 0.64)
        recoloured = person + (np.array(cloth, np.float32) - 0.42) * 75 * (cloth != CLOTHES[0])
    weight = cv2.GaussianBlur(cloth_mask.astype(np.float32), (0, 0), 1.0)[..., None]
    dressed = person * (1 - weight) + np.clip(recoloured, 0, 255) * weight
    return (dressed * (cover[..., None] / 255)).astype(np.float32), cover


def _blurred(picture: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def _mended(name: str) -> Pixels:
    """The photograph with what stands before that person (somebody's hand) painted over from beside it."""
    picture = _photograph().copy()
    for patch in json.loads(OUTLINES.read_text())["mended"].get(name, []):
        rows = slice(patch["top"], patch["top"] + patch["height"])
        left, right = patch["left"], patch["left"] + patch["width"]
        picture[rows, left:right] = picture[rows, left + patch["from_right"] : right + patch["from_right"]]
    return picture


def _lit(picture: Pixels, light: Light) -> Pixels:
    grey = picture.astype(np.float32).mean(axis=2, keepdims=True)
    mixed = grey + (picture - grey) * light.saturation
    return np.asarray(np.clip(mixed * np.array(light.gain, np.float32), 0, 255), np.uint8)


# --- places -------------------------------------------------------------------------------------------------------


def place(kind: str, light: Light, seed: int) -> Pixels:
    """An empty square, gate, street or school, (360, 640, 3) uint8 BGR. The same seed draws the same place."""
    chance = np.random.default_rng(seed)
    canvas = np.zeros((HEIGHT * FINE, WIDTH * FINE, 3), np.uint8)
    _ground(canvas, chance)
    _DRAW[kind](canvas, light, chance)
    softened = _blurred(canvas, 1.4)
    small = _lit(np.asarray(cv2.resize(softened, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8), light)
    if light.lamps:
        small = _lamps(small, kind)
    x, y = np.linspace(-1, 1, WIDTH)[None, :], np.linspace(-1, 1, HEIGHT)[:, None]
    vignette = (1.04 - 0.16 * (x**2 + y**2))[..., None]
    grain = chance.normal(0, 1.5, (HEIGHT, WIDTH, 1))
    return np.clip(small * vignette + grain, 0, 255).astype(np.uint8)


def _ground(canvas: Pixels, chance: np.random.Generator) -> None:
    """Paving out of the photograph, laid flat under the camera."""
    stone = np.asarray(cv2.convertScaleAbs(_photograph()[915:1075, 260:660], alpha=0.75, beta=38), np.uint8)
    row = np.hstack([stone, stone[:, ::-1]] * 5)
    flat = np.vstack([row, row[::-1]] * 5)
    flat = np.roll(flat, int(chance.integers(0, 400)), axis=1)
    height, width = flat.shape[:2]
    top, bottom = FLOOR * FINE, HEIGHT * FINE
    near, far = 1.9 * WIDTH * FINE, 0.55 * WIDTH * FINE
    middle = WIDTH * FINE / 2
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    target = np.array(
        [(middle - far, top), (middle + far, top), (middle + near, bottom), (middle - near, bottom)], np.float32
    )
    matrix = cv2.getPerspectiveTransform(source, target)
    laid = cv2.warpPerspective(flat, matrix, (WIDTH * FINE, HEIGHT * FINE), flags=cv2.INTER_AREA)
    canvas[top:] = laid[top:]


def _facade(canvas: Pixels, chance: np.random.Generator, tint: Colour, shops: bool) -> None:
    """A row of houses: upper floors from the photograph, a ground floor of shops or a plain base."""
    bottom, upper = FLOOR * FINE, 68 * FINE
    floors = _photograph()[0:215, 165:640]
    scale = 1.25 * upper / floors.shape[0]
    house = cv2.resize(np.hstack([floors, floors[:, ::-1]]), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    wall = house[-upper:]
    wall = np.roll(np.tile(wall, (1, 3, 1)), int(chance.integers(0, 800)), axis=1)[:, : WIDTH * FINE]
    canvas[:upper] = np.clip(wall * np.array(tint), 0, 255).astype(np.uint8)
    stone = np.array(tint) * (128, 150, 165)
    cv2.rectangle(canvas, (0, upper), (WIDTH * FINE, bottom), stone.tolist(), cv2.FILLED)
    cv2.rectangle(canvas, (0, upper), (WIDTH * FINE, upper + 10), (stone * 0.8).tolist(), cv2.FILLED)
    x = -int(chance.integers(0, 60))
    while shops and x < WIDTH * FINE:
        width = int(chance.integers(110, 190))
        _shop(canvas, chance, x + 8, x + width - 8, upper, bottom)
        x += width
    cv2.rectangle(canvas, (0, bottom - 10), (WIDTH * FINE, bottom + 4), (96, 100, 104), cv2.FILLED)


def _shop(canvas: Pixels, chance: np.random.Generator, left: int, right: int, upper: int, bottom: int) -> None:
    colours = ((60, 70, 120), (80, 100, 60), (120, 90, 60), (70, 70, 70), (60, 110, 140))
    awning = np.array(colours[int(chance.integers(len(colours)))])
    cv2.rectangle(canvas, (left, upper + 26), (right, bottom - 12), (52, 46, 42), cv2.FILLED)
    dark = int(chance.integers(66, 100))
    glass = (dark + 12, dark + 5, dark - 4)
    panes = max(2, (right - left) // 48)
    edges = np.linspace(left + 5, right - 5, panes + 1).astype(int)
    for x1, x2 in pairwise(edges):
        cv2.rectangle(canvas, (int(x1) + 2, upper + 46), (int(x2) - 2, bottom - 22), glass, cv2.FILLED)
        shine = np.array([(x1 + 6, bottom - 40), (x1 + 26, upper + 50), (x1 + 34, upper + 50), (x1 + 14, bottom - 40)])
        cv2.fillPoly(
            canvas, [np.minimum(shine, (x2 - 3, bottom)).astype(np.int32)], tuple(min(255, c + 24) for c in glass)
        )
    slope = np.array([(left - 4, upper + 48), (right + 4, upper + 48), (right - 4, upper + 22), (left + 4, upper + 22)])
    cv2.fillPoly(canvas, [slope.astype(np.int32)], awning.tolist())
    for x in range(left, right, 18):
        cv2.line(canvas, (x, upper + 46), (x + 2, upper + 24), (awning * 1.25).tolist(), 4, cv2.LINE_AA)


def _tree(canvas: Pixels, chance: np.random.Generator, x: int, foot: int, size: int) -> None:
    """Drawn with its foot at (x, foot), all in fine pixels."""
    cv2.ellipse(canvas, (x, foot), (size // 2, size // 9), 0, 0, 360, (88, 92, 96), cv2.FILLED, cv2.LINE_AA)
    cv2.line(canvas, (x, foot), (x, foot - size), (44, 58, 74), max(3, size // 16), cv2.LINE_AA)
    for dark in (0.55, 0.8, 1.0, 1.2):
        for _ in range(60):
            angle, far = chance.uniform(0, 2 * np.pi), chance.uniform(0, 0.52) * size * (1.15 - dark / 3)
            centre = (int(x + far * np.cos(angle)), int(foot - size * (1.25 + dark * 0.06) + 0.8 * far * np.sin(angle)))
            green = np.array((42, 96, 78)) * dark * chance.uniform(0.85, 1.15)
            cv2.circle(
                canvas, centre, max(2, int(size * chance.uniform(0.04, 0.09))), green.tolist(), cv2.FILLED, cv2.LINE_AA
            )


def _lamp_post(canvas: Pixels, x: int, foot: int, size: int) -> None:
    cv2.line(canvas, (x, foot), (x, foot - size), (50, 52, 54), max(3, size // 40), cv2.LINE_AA)
    cv2.ellipse(canvas, (x, foot), (size // 14, size // 40), 0, 0, 360, (60, 62, 64), cv2.FILLED, cv2.LINE_AA)
    head = np.array(
        [(x - 12, foot - size), (x + 12, foot - size), (x + 7, foot - size - 26), (x - 7, foot - size - 26)]
    )
    cv2.fillPoly(canvas, [head.astype(np.int32)], (196, 214, 220), cv2.LINE_AA)


def _across(canvas: Pixels, from_y: int, to_y: int, colour: Colour) -> None:
    cv2.rectangle(canvas, (0, from_y * FINE), (WIDTH * FINE, to_y * FINE), colour, cv2.FILLED)


def _road(canvas: Pixels, chance: np.random.Generator, top: int, bottom: int) -> None:
    _across(canvas, top - 4, bottom + 6, (132, 138, 140))
    _across(canvas, top, bottom, (84, 82, 80))
    part = canvas[top * FINE : bottom * FINE]
    part[:] = np.clip(part + chance.normal(0, 7, part.shape[:2])[..., None], 0, 255).astype(np.uint8)
    middle = (top * 0.55 + bottom * 0.45) * FINE
    for x in range(-40, WIDTH * FINE, 150):
        cv2.rectangle(canvas, (x, int(middle)), (x + 80, int(middle) + 6), (196, 200, 200), cv2.FILLED)


def _draw_square(canvas: Pixels, light: Light, chance: np.random.Generator) -> None:
    tints = ((1.0, 1.0, 1.0), (1.12, 1.0, 0.9), (0.98, 0.94, 1.06))
    _facade(canvas, chance, tints[int(chance.integers(3))], shops=True)
    for x in (90, 360, 940, 1190):
        _tree(canvas, chance, x + int(chance.integers(-30, 30)), 322, int(chance.integers(110, 150)))
    for x in (230, 1080):
        _lamp_post(canvas, x, 330, 250)
    for x in (500, 700):
        cv2.rectangle(canvas, (x, 318), (x + 90, 336), (70, 92, 116), cv2.FILLED)
        cv2.rectangle(canvas, (x, 338), (x + 90, 344), (60, 64, 68), cv2.FILLED)


def _draw_street(canvas: Pixels, light: Light, chance: np.random.Generator) -> None:
    tints = ((1.0, 1.0, 1.0), (1.1, 1.02, 0.94), (0.9, 0.96, 1.06))
    _facade(canvas, chance, tints[int(chance.integers(3))], shops=True)
    _road(canvas, chance, 166, 236)
    for x in (60, 620, 1180):
        _tree(canvas, chance, x + int(chance.integers(-40, 40)), 324, int(chance.integers(110, 140)))
    for x in range(70, WIDTH * FINE, 240):
        cv2.rectangle(canvas, (x, 452), (x + 14, 500), (62, 60, 58), cv2.FILLED)
        cv2.ellipse(canvas, (x + 7, 452), (7, 4), 0, 0, 360, (84, 84, 84), cv2.FILLED, cv2.LINE_AA)


def _draw_gate(canvas: Pixels, light: Light, chance: np.random.Generator) -> None:
    """On the right a yard that nobody may enter, behind a barrier; on the left the public way past it."""
    sky = np.linspace((206, 190, 172), (226, 220, 212), 60 * FINE)[:, None]
    canvas[: 60 * FINE] = sky.astype(np.uint8)
    for _ in range(10):
        _tree(canvas, chance, int(chance.integers(0, 1280)), 190, int(chance.integers(90, 130)))
    brick = (112, 132, 158) if chance.random() < 0.5 else (134, 136, 140)
    _across(canvas, 56, FLOOR, brick)
    for row, y in enumerate(range(56 * FINE, FLOOR * FINE, 16)):
        cv2.line(canvas, (0, y), (WIDTH * FINE, y), tuple(0.82 * c for c in brick), 1)
        for x in range(20 * (row % 2), WIDTH * FINE, 40):
            cv2.line(canvas, (x, y), (x, y + 16), tuple(0.86 * c for c in brick), 1)
    _across(canvas, 52, 58, (128, 132, 134))
    _across(canvas, FLOOR - 5, FLOOR + 2, (96, 100, 104))
    _yard(canvas)


def _yard(canvas: Pixels) -> None:
    left, right = int(0.60 * WIDTH * FINE), int(0.985 * WIDTH * FINE)
    cv2.rectangle(canvas, (left + 20, 30 * FINE), (right, FLOOR * FINE), (70, 74, 78), cv2.FILLED)
    for x in range(left + 36, right, 26):
        cv2.line(canvas, (x, 34 * FINE), (x, FLOOR * FINE), (38, 40, 44), 5, cv2.LINE_AA)
    for y in (40, 90, 140):
        cv2.line(canvas, (left + 20, y * FINE), (right, y * FINE), (38, 40, 44), 6, cv2.LINE_AA)
    for x in (left, right):
        cv2.rectangle(canvas, (x - 20, 24 * FINE), (x + 20, (FLOOR + 3) * FINE), (118, 124, 130), cv2.FILLED)
        cv2.rectangle(canvas, (x - 24, 20 * FINE), (x + 24, 27 * FINE), (140, 146, 150), cv2.FILLED)
    cv2.circle(canvas, (left - 56, 92 * FINE), 22, (40, 40, 200), cv2.FILLED, cv2.LINE_AA)
    cv2.rectangle(canvas, (left - 70, 92 * FINE - 5), (left - 42, 92 * FINE + 5), (245, 245, 245), cv2.FILLED)
    area = np.array(
        [(left + 30, 172 * FINE), (right - 6, 172 * FINE), (right + 6, 356 * FINE), (left + 12, 356 * FINE)]
    )
    hatched = canvas.copy()
    for x in range(left - 420, right + 60, 64):
        cv2.line(hatched, (x, 360 * FINE), (x + 380, 168 * FINE), (60, 178, 206), 9, cv2.LINE_AA)
    mask = cv2.fillPoly(np.zeros(canvas.shape[:2], np.uint8), [area.astype(np.int32)], 255)
    canvas[mask > 0] = (canvas[mask > 0] * 0.45 + hatched[mask > 0] * 0.55).astype(np.uint8)
    cv2.polylines(canvas, [area.astype(np.int32)], True, (64, 186, 214), 6, cv2.LINE_AA)


def _draw_school(canvas: Pixels, light: Light, chance: np.random.Generator) -> None:
    wall = ((172, 196, 214), (186, 200, 188), (190, 186, 204))[int(chance.integers(3))]
    _across(canvas, 0, FLOOR, wall)
    for top in (6, 54):
        for x in range(20, WIDTH * FINE, 104):
            cv2.rectangle(canvas, (x, top * FINE), (x + 72, (top + 32) * FINE), (92, 84, 74), cv2.FILLED)
            cv2.rectangle(canvas, (x + 4, top * FINE + 4), (x + 34, (top + 32) * FINE - 4), (128, 116, 98), cv2.FILLED)
            cv2.rectangle(
                canvas, (x + 38, top * FINE + 4), (x + 68, (top + 32) * FINE - 4), (140, 126, 106), cv2.FILLED
            )
        _across(canvas, top + 38, top + 42, (0.9 * wall[0], 0.9 * wall[1], 0.9 * wall[2]))
    _across(canvas, 96, FLOOR, (118, 140, 150))
    _across(canvas, 94, 98, (60, 120, 196))
    for x in range(0, WIDTH * FINE, 22):
        cv2.line(canvas, (x, 100 * FINE), (x, FLOOR * FINE), (70, 84, 62), 5, cv2.LINE_AA)
    for y in (103, 146):
        cv2.line(canvas, (0, y * FINE), (WIDTH * FINE, y * FINE), (70, 84, 62), 6, cv2.LINE_AA)
    _road(canvas, chance, 162, 212)
    for x in range(470, 830, 46):
        stripe = np.array([(x, 163 * FINE), (x + 24, 163 * FINE), (x + 28, 211 * FINE), (x, 211 * FINE)])
        cv2.fillPoly(canvas, [stripe.astype(np.int32)], (206, 210, 210), cv2.LINE_AA)
    for x in (110, 1160):
        _tree(canvas, chance, x, 322, int(chance.integers(120, 150)))


def _lamps(picture: Pixels, kind: str) -> Pixels:
    """Light on the ground, and in the evening's windows and lamps where there are any."""
    pools = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for x in (115, 540):
        cv2.ellipse(pools, (x, 255), (140, 48), 0, 0, 360, (16, 40, 52), cv2.FILLED)
    lamps = np.zeros_like(pools)
    if kind in ("square", "street"):
        lamps[92:138] = np.array((26, 60, 84)) * (np.sin(np.arange(WIDTH) / 17) > -0.4)[None, :, None]
    if kind == "square":
        for x in (115, 540):
            cv2.circle(lamps, (x, 34), 8, (120, 170, 190), cv2.FILLED)
    glow = cv2.GaussianBlur(pools, (0, 0), 26) + cv2.GaussianBlur(lamps, (0, 0), 7)
    return np.asarray(np.clip(picture + glow, 0, 255), np.uint8)


_DRAW: dict[str, Callable[[Pixels, Light, np.random.Generator], None]] = {
    "square": _draw_square,
    "gate": _draw_gate,
    "street": _draw_street,
    "school": _draw_school,
}
