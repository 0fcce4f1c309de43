"""What is measured of a picture to tell fire and smoke in it.

Flames: places that are red before green before blue, as Chen, Wu and Chiou (An early fire-detection method based on
image processing, ICIP 2004) have it, and whose Cr stands above Cb, as Celik and Demirel (Fire detection in video
sequences using a generic color model, Fire Safety Journal 44, 2009). Clothes, lamps and signs are so, too: how bright
and how uneven a place is, how yellow its core, how ragged its edge and how it lights what is around it tells more.

Smoke: it takes colour and fine detail from what lies behind it, and is grey (Celik, Ozkaramanli and Demirel, Fire and
smoke detection without sensors, EUSIPCO 2007; Toreyin, Dedeoglu and Cetin, Wavelet based real-time smoke detection in
video, EUSIPCO 2005). It lifts the darkest of its surroundings, as haze does (He, Sun and Tang, Single image haze
removal using dark channel prior, CVPR 2009). So do walls, roads and skies: a single picture is a weak witness.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.scene import Pixels

Floats = npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]

# Flames are measured at so many pixels: of a picture of the tour, two thirds its width and height.
FLAME_PX = 110_000
# Smoke is measured on a grid: (columns, rows), each cell so many pixels wide and high, whatever the picture's shape.
CELLS, CELL_PX = (24, 16), 16

# Higher than in these papers: what glows by itself is bright, where wood, skin and lamplit walls are only warm.
RED_AT_LEAST, CR_ABOVE_CB = 190, 60
SMALLEST_PX, MOST_PLACES = 5, 24
AROUND_PX = 7


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A picture, made ready. ``flame``: scaled for flames, BGR; ``coarse``: (256, 384, 3) BGR for smoke."""

    flame: Pixels
    coarse: Pixels


def measured(pixels: Pixels) -> Measured:
    """Scale a picture, (height, width, 3) uint8 BGR, to the sizes that it is measured at."""
    height, width = pixels.shape[:2]
    scale = min(1.0, (FLAME_PX / (height * width)) ** 0.5)
    flame = pixels
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        flame = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    size = (CELLS[0] * CELL_PX, CELLS[1] * CELL_PX)
    is_smaller = width >= size[0] and height >= size[1]
    way = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return Measured(flame, np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8))


# Flames


@dataclass(frozen=True, slots=True, eq=False)
class WarmPlace:
    """A place with a flame's colours. ``box``: shares of the picture. ``values``: (k,) float64; see FLAME_VALUES."""

    box: Box
    values: Floats


FLAME_VALUES = (
    "area",
    "red over blue",
    "brightness",
    "unevenness",
    "glowing",
    "saturation",
    "yellowness",
    "its unevenness",
    "brighter than around",
    "warmth around",
    "how full its box",
    "roundness",
    "height to width",
    "detail",
    "share of all that is warm",
    "the picture's brightness",
    "how much is warm",
)


def warm_mask(pixels: Pixels) -> Mask:
    """(height, width) bool: the pixels that have a flame's colours."""
    blue, green, red = cv2.split(pixels)
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb)
    above = cv2.subtract(luma[..., 1], luma[..., 2])
    return np.asarray((red >= RED_AT_LEAST) & (red >= green) & (green >= blue) & (above >= CR_ABOVE_CB), np.bool_)


def warm_places(of: Measured) -> list[WarmPlace]:
    """The largest places with a flame's colours, and what is measured of each."""
    mask = cv2.morphologyEx(warm_mask(of.flame).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, found, stats, _ = cv2.connectedComponentsWithStats(mask)
    labels = np.asarray(found, np.int32)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return []
    planes = _planes(of.flame)
    largest = np.argsort(-areas, kind="stable")[:MOST_PLACES]
    return [
        _warm_place(labels, stats[1 + index], 1 + int(index), planes)
        for index in largest
        if areas[index] >= SMALLEST_PX
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Planes:
    bgr: Plane
    grey: Plane
    warmth: Plane  # Cr less Cb
    detail: Plane
    warm_px: int


def _planes(pixels: Pixels) -> _Planes:
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb).astype(np.float32)
    grey = luma[..., 0]
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    return _Planes(
        bgr=pixels.astype(np.float32),
        grey=grey,
        warmth=luma[..., 1] - luma[..., 2],
        detail=np.asarray(cv2.magnitude(across, down), np.float32),
        warm_px=int(np.count_nonzero(warm_mask(pixels))),
    )


def _warm_place(labels: npt.NDArray[np.int32], row: npt.NDArray[np.int32], number: int, planes: _Planes) -> WarmPlace:
    left, top, width, height, area = (int(value) for value in row)
    rows, columns = labels.shape
    cut = (
        slice(max(0, top - AROUND_PX), min(rows, top + height + AROUND_PX)),
        slice(max(0, left - AROUND_PX), min(columns, left + width + AROUND_PX)),
    )
    here = labels[cut] == number
    around = cv2.dilate(here.astype(np.uint8), np.ones((2 * AROUND_PX + 1,) * 2, np.uint8)).astype(np.bool_) & ~here
    blue, green, red = (planes.bgr[cut][..., channel][here] for channel in range(3))
    grey = planes.grey[cut][here]
    ratio = np.clip((green - blue) / np.maximum(red - blue, 8.0), 0.0, 1.0)
    most = np.maximum(red, 1.0)
    ring_grey = float(planes.grey[cut][around].mean()) if around.any() else float(grey.mean())
    ring_warmth = float(planes.warmth[cut][around].mean()) if around.any() else 0.0
    outlines, _ = cv2.findContours(here.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    round_about = sum(cv2.arcLength(one, True) for one in outlines)
    values = np.array(
        [
            np.log10(area / labels.size),
            float((red - blue).mean()) / 255,
            float(grey.mean()) / 255,
            float(grey.std()) / 64,
            float(((red > 220) & (green > 140)).mean()),
            float(((most - blue) / most).mean()),
            float(ratio.mean()),
            float(ratio.std()),
            (float(grey.mean()) - ring_grey) / 128,
            ring_warmth / 64,
            area / (width * height),
            4 * np.pi * area / max(round_about, 1.0) ** 2,
            np.log2(height / width),
            float(planes.detail[cut][here].mean()) / 16,
            min(1.0, area / max(1, planes.warm_px)),
            float(planes.grey.mean()) / 255,
            planes.warm_px / labels.size,
        ],
        np.float64,
    )
    return WarmPlace((left / columns, top / rows, (left + width) / columns, (top + height) / rows), values)


# Smoke

CELL_VALUES = (
    "brightness",
    "saturation",
    "blueness",
    "redness",
    "fine detail",
    "coarse detail",
    "darkest around",
    "one direction",
    "height in the picture",
    "brighter than the picture",
    "less colour than the picture",
    "less detail than the picture",
)


def smoke_cells(of: Measured) -> Floats:
    """(rows * columns, k) float64 of every cell; see CELL_VALUES."""
    hsv = cv2.cvtColor(of.coarse, cv2.COLOR_BGR2HSV).astype(np.float32)
    luma = cv2.cvtColor(of.coarse, cv2.COLOR_BGR2YCrCb).astype(np.float32)
    grey = np.ascontiguousarray(luma[..., 0])
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    xx, yy, xy = (_wide(_cells(one)) for one in (across * across, down * down, across * down))
    bright = _cells(grey)
    coarse = np.sqrt(np.maximum(_wide(bright * bright) - _wide(bright) ** 2, 0.0))
    colour, detail = _cells(hsv[..., 1]), np.log1p(_wide(_cells(fine)))
    darkest = _cells(cv2.erode(of.coarse.min(axis=2), np.ones((7, 7), np.uint8)).astype(np.float32))
    height = np.repeat(np.linspace(0.0, 1.0, CELLS[1])[:, np.newaxis], CELLS[0], axis=1)
    values = (
        _wide(bright) / 255,
        _wide(colour) / 255,
        (_wide(_cells(luma[..., 2])) - 128) / 32,
        (_wide(_cells(luma[..., 1])) - 128) / 32,
        detail,
        np.log1p(coarse),
        _wide(darkest) / 255,
        np.hypot(xx - yy, 2 * xy) / (xx + yy + 1.0),
        height,
        (_wide(bright) - float(np.median(bright))) / 64,
        (float(np.median(colour)) - _wide(colour)) / 64,
        float(np.median(detail)) - detail,
    )
    return np.stack([np.asarray(one, np.float64).ravel() for one in values], axis=1)


def _cells(plane: Plane) -> Plane:
    return np.asarray(cv2.resize(plane, CELLS, interpolation=cv2.INTER_AREA), np.float32)


def _wide(cells: Plane) -> Plane:
    return np.asarray(cv2.blur(cells, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)
