"""Pictures that are drawn: a room, things and people in it, flames; and what a detector says of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.detections import Detections
from patrol.domain.scene import NO_TRACK, Scene
from tests.builders import at

Picture = npt.NDArray[np.uint8]
CLASSES = ("person", "car", "backpack")
WIDTH, HEIGHT = 640, 360


def room(seed: int = 0) -> Picture:
    """A place with structure: tiles, furniture, a wall."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    picture[:110] = (150, 140, 135)
    for x in range(0, WIDTH, 64):
        cv2.line(picture, (x, 110), (x - 60, HEIGHT), (96, 96, 100), 2)
    for y in (150, 200, 270):
        cv2.line(picture, (0, y), (WIDTH, y), (96, 96, 100), 2)
    for _ in range(5):
        x, y = int(rng.integers(0, 560)), int(rng.integers(10, 90))
        colour = tuple(sorted((int(value) for value in rng.integers(40, 200, 3)), reverse=True))  # bluish: nothing warm
        cv2.rectangle(picture, (x, y), (x + 60, y + 50), colour, -1)
    return picture


def noisy(picture: Picture, rng: np.random.Generator, by: float = 2.0) -> Picture:
    """As a sensor shows it."""
    return np.asarray(np.clip(picture + rng.normal(0, by, picture.shape), 0, 255), np.uint8)


def with_bag(picture: Picture, x: int, y: int, size: int = 36) -> Picture:
    """A bag whose foot stands at (x, y)."""
    drawn = picture.copy()
    cv2.rectangle(drawn, (x - size // 2, y - size), (x + size // 2, y), (40, 50, 150), -1)
    cv2.rectangle(drawn, (x - size // 2 + 4, y - size // 2), (x + size // 2 - 4, y - 4), (25, 30, 70), -1)
    cv2.ellipse(drawn, (x, y - size), (size // 4, size // 5), 0, 180, 360, (20, 20, 20), 3)
    return drawn


def with_person(picture: Picture, x: int, y: int, height: int = 120) -> Picture:
    """Somebody whose feet stand at (x, y)."""
    drawn = picture.copy()
    width = height // 3
    cv2.rectangle(drawn, (x - width // 2, y - height), (x + width // 2, y), (90, 60, 40), -1)
    cv2.circle(drawn, (x, y - height + width // 3), width // 3, (120, 150, 190), -1)
    return drawn


def box_of_person(x: int, y: int, height: int = 120) -> tuple[float, float, float, float]:
    """What a detector says of them."""
    return x - height / 6, y - height, x + height / 6, y


def scene(
    t: float,
    picture: Picture,
    boxes: Sequence[tuple[tuple[float, float, float, float], str]] = (),
    in_focus: bool = False,
) -> Scene:
    """A frame with what a detector found in it, in pixels."""
    xyxy = np.clip(np.array([box for box, _ in boxes], np.float32).reshape(-1, 4), 0, (WIDTH, HEIGHT, WIDTH, HEIGHT))
    found = Detections(
        WIDTH,
        HEIGHT,
        xyxy.astype(np.float32),
        np.array([CLASSES.index(label) for _, label in boxes], np.int64),
        np.full(len(boxes), 0.8, np.float32),
        CLASSES,
    )
    return Scene(at(t), found, np.full(len(found), NO_TRACK, np.int64), {}, pixels=picture, in_focus=in_focus)


def with_flame(picture: Picture, x: int, y: int, height: int, rng: np.random.Generator) -> Picture:
    """A flame whose seat is at (x, y): tongues of another height in every picture, a brighter core."""
    drawn = picture.copy()
    for colour, share in (((20, 70, 210), 1.0), ((40, 140, 245), 0.7), ((120, 220, 255), 0.4)):
        for offset in np.linspace(-0.35, 0.35, 5):
            tongue = height * share * rng.uniform(0.55, 1.0)
            middle = x + round(offset * height + rng.normal(0, 0.05 * height))
            points = np.array(
                [(middle - 0.16 * height, y), (middle + 0.16 * height, y), (middle + rng.normal(0, 2), y - tongue)]
            )
            cv2.fillPoly(drawn, [points.astype(np.int32)], colour)
    return drawn


def with_lamp(picture: Picture, x: int, y: int, size: int, colour: tuple[int, int, int] = (40, 140, 245)) -> Picture:
    """A lamp of a flame's colours."""
    drawn = picture.copy()
    cv2.circle(drawn, (x, y), size, colour, -1)
    return drawn


def with_smoke(picture: Picture, t: float, x: int, y: int, seed: int = 3) -> Picture:
    """Grey smoke over a part of the picture, that drifts upwards and is thicker here than there."""
    rng = np.random.default_rng(seed)
    cloud = cv2.GaussianBlur(rng.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 14)
    cloud = np.clip((cloud - cloud.min()) / (cloud.max() - cloud.min()), 0, 1)
    cloud = np.roll(cloud, -round(45 * t), axis=0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = np.exp(-(((columns - x) / 110) ** 2 + ((rows - y) / 90) ** 2))
    share = (0.3 + 0.7 * cloud) * inside
    return np.asarray(picture * (1 - share[..., np.newaxis]) + 175 * share[..., np.newaxis], np.uint8)
