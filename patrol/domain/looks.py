"""Looks: a small measurement of one picture, from which a camera's health and its identity are judged.

A look takes the picture as the detector gets it, costs a third of a millisecond, and holds no more of it than a
32 x 18 thumbnail and the direction of its edges on a 48 x 27 grid: enough to tell a place, too little to tell a face.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.masks import touched
from patrol.domain.zones import Polygon

WIDTH, HEIGHT = 320, 180  # where sharpness is measured: a blur of 2 pixels of a 640 x 360 picture still shows
COARSE = (160, 90)  # where edges are measured: sensor noise and codec blocks have gone, walls and kerbs have not
THUMBNAIL = (32, 18)
GRID = (48, 27)
BLOCKS = (16, 9)

DARK = 24  # grey levels; limited-range black, coding noise and a gained-up sensor's noise stay below
WHITE = 250
EDGE = 2.0  # grey levels a coarse pixel, mean over a grid cell: below, a cell holds no structure
EDGE_NOISE = 1.0  # grey levels a coarse pixel that noise alone makes: an edge of this strength counts half
FIELD_SCALE = 127

Grey = npt.NDArray[np.uint8]
Strength = npt.NDArray[np.float32]
Field = npt.NDArray[np.int8]
"""(27, 48, 2): each cell's mean edge direction (x, y), as 127ths; its length says how much the cell is one edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one picture measures; grey levels are 0..255, shares 0..1, masked parts count for nothing.

    ``low`` and ``high``: the grey levels that 5% of the picture are below and above. ``flat``: the share whose
    neighbours are of exactly its grey, without being black or white: drawn, not seen. ``colour``: mean of the largest
    less the smallest of red, green and blue; 0 in infrared. ``detail``: the share of the grid's cells that hold
    structure. ``sharpness``: the power of the finest edges over that of the coarse ones, the median over the parts
    that have any; not-a-number where too few do. ``digest``: equal for pictures that look equal, pixel by pixel.
    ``thumbnail``: (18, 32) uint8. ``visible``: (27, 48) bool, the cells without a mask.
    """

    brightness: float
    contrast: float
    low: int
    high: int
    dark: float
    white: float
    flat: float
    colour: float
    detail: float
    sharpness: float
    digest: int
    thumbnail: Grey
    field: Field
    visible: npt.NDArray[np.bool_]


def look_at(pixels: npt.NDArray[np.uint8], masks: Sequence[Polygon] = ()) -> Look:
    """Measure a picture: (height, width, 3) uint8, BGR, of any size. ``masks``: what counts for nothing."""
    seen = _seen(tuple(masks))
    half = _area(pixels, (WIDTH, HEIGHT))
    grey: Grey = np.asarray(cv2.cvtColor(half, cv2.COLOR_BGR2GRAY), np.uint8)
    coarse = _area(grey, COARSE)
    across, down = _gradient(coarse)
    strength: Strength = np.asarray(cv2.magnitude(across, down), np.float32)
    cells = _area(strength, GRID)
    if masks:
        coarse = np.where(seen.coarse, coarse, 0).astype(np.uint8)
    levels = np.bincount(coarse[seen.coarse] if masks else coarse.ravel(), minlength=256)
    share = np.cumsum(levels) / max(1, levels.sum())
    brightness, contrast = _mean_and_deviation(levels)
    return Look(
        brightness=brightness,
        contrast=contrast,
        low=min(255, int(np.searchsorted(share, 0.05))),
        high=min(255, int(np.searchsorted(share, 0.95))),
        dark=float(share[DARK - 1]),
        white=float(1.0 - share[WHITE - 1]),
        flat=_flat(coarse, seen),
        colour=_colour(half, seen),
        detail=_share(cells >= EDGE, seen.cells),
        sharpness=_sharpness(grey, strength, seen),
        digest=zlib.crc32(coarse.tobytes()),
        thumbnail=_area(coarse, THUMBNAIL),
        field=_field(across, down, cells, seen),
        visible=seen.cells,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the masks leave, on each of the working sizes; bool."""

    coarse: npt.NDArray[np.bool_]
    thumbnail: npt.NDArray[np.bool_]
    cells: npt.NDArray[np.bool_]
    blocks: npt.NDArray[np.bool_]


@lru_cache(maxsize=512)  # 16 kB for each camera with masks
def _seen(masks: tuple[Polygon, ...]) -> _Seen:
    # A mask's own edge is no edge of the scene: what an edge filter reads of it is left out, too.
    around = np.ones((2 * _MASK_MARGIN + 1,) * 2, np.uint8)
    seen = cv2.erode((~touched(masks, WIDTH, HEIGHT)).astype(np.uint8), around, borderValue=1).astype(np.float32)
    return _Seen(*(_area(seen, size) > 1.0 - 1e-6 for size in (COARSE, THUMBNAIL, GRID, BLOCKS)))


_MASK_MARGIN = 4  # pixels of 320 x 180


def _area(image: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Scaled to (width, height), each new pixel the mean of what it covers."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _gradient(grey: Grey) -> tuple[Strength, Strength]:
    """Sobel's operator, grey levels a pixel."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _mean_and_deviation(levels: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Of grey levels, from how often each occurs; 0 where all is masked."""
    count = max(1, int(levels.sum()))
    mean = float(levels @ _LEVELS) / count
    return mean, math.sqrt(max(0.0, float(levels @ (_LEVELS * _LEVELS)) / count - mean * mean))


_LEVELS = np.arange(256, dtype=np.int64)


def _flat(coarse: Grey, seen: _Seen) -> float:
    """Share of pixels that equal their right and their lower neighbour, neither clipped black nor clipped white."""
    here = coarse[:-1, :-1]
    same = (here == coarse[:-1, 1:]) & (here == coarse[1:, :-1]) & (here - np.uint8(_CLIPPED) < 256 - 2 * _CLIPPED)
    return _share(same, seen.coarse[1:, 1:])


_CLIPPED = 4  # grey levels from either end, where real pictures are even, too


def _colour(half: npt.NDArray[np.uint8], seen: _Seen) -> float:
    step = HEIGHT // THUMBNAIL[1]
    sample = half[step // 2 :: step, step // 2 :: step][seen.thumbnail]
    if not len(sample):
        return 0.0
    most, least = cv2.reduce(sample, 1, cv2.REDUCE_MAX), cv2.reduce(sample, 1, cv2.REDUCE_MIN)
    return float(cv2.mean(cv2.subtract(most, least))[0])


def _share(which: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(which & among)) / max(1, int(np.count_nonzero(among)))


_MIN_BLOCKS = 8  # of 144: fewer with edges, and one sign or one line of lettering would speak for the picture
_BLOCK_EDGES = 16.0  # squared grey levels: the power of coarse edges that a block must have; noise stays below 1


def _sharpness(grey: Grey, strength: Strength, seen: _Seen) -> float:
    """The median over blocks, so that lettering burnt in behind the lens, always sharp, does not speak for all."""
    second = cv2.Laplacian(grey, cv2.CV_16S)  # whole numbers, and in half the time
    fine = _area(np.asarray(cv2.multiply(second, second, dtype=cv2.CV_32F)), BLOCKS)
    coarse = _area(np.square(strength), BLOCKS)
    judged = (coarse > _BLOCK_EDGES) & seen.blocks
    if np.count_nonzero(judged) < _MIN_BLOCKS:
        return math.nan
    ratios = np.sort(fine[judged] / coarse[judged])
    return float(ratios[len(ratios) // 2])


def _field(across: Strength, down: Strength, cells: Strength, seen: _Seen) -> Field:
    """Each cell's gradient over its mean strength: brightness, contrast and exposure cancel out."""
    both = cv2.merge([_area(across, GRID), _area(down, GRID)])  # one by one: of both together it takes twice as long
    direction = np.asarray(both) / (cells + EDGE_NOISE)[..., None]
    direction[~seen.cells] = 0.0
    return np.asarray(np.rint(direction * FIELD_SCALE), np.int8)


def likeness(one: Field, other: Field, visible: npt.NDArray[np.bool_] | None = None) -> float:
    """How alike two scenes are: the cosine of their fields, -1..1; 0 where one has no edges.

    ``visible``: (27, 48) bool, the cells that count.
    """
    first, second = one.astype(np.float32), other.astype(np.float32)
    if visible is not None and not visible.all():
        first, second = first[visible], second[visible]
    power = float(np.vdot(first, first)) * float(np.vdot(second, second))
    return float(np.vdot(first, second)) / math.sqrt(power) if power > 0.0 else 0.0


_PARTS = (3, 4)  # rows and columns
_AGREEING = 3  # parts; a maker's lettering in two corners alone makes no two places one
_PART_POWER = 0.05 * FIELD_SCALE**2  # of a cell, on average: a part with less says nothing


def part_likeness(one: Field, other: Field, visible: npt.NDArray[np.bool_]) -> float:
    """How alike the third of twelve parts is that is most alike: high for one place even where half of it is hidden."""
    first, second = _parts(one, visible), _parts(other, visible)
    power, other_power = np.square(first).sum(axis=1), np.square(second).sum(axis=1)
    alike = (first * second).sum(axis=1) / np.sqrt(np.maximum(1.0, power * other_power))
    enough = _PART_POWER * first.shape[1] / 2
    alike[(power < enough) | (other_power < enough)] = 0.0
    return float(np.sort(alike)[-_AGREEING])


def _parts(field: Field, visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """(12, cells a part x 2)."""
    (rows, columns), (width, height) = _PARTS, GRID
    seen = (field * visible[..., None]).astype(np.float32)
    split = seen.reshape(rows, height // rows, columns, width // columns, 2)
    return split.transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)


def likenesses(known: Sequence[Field], other: Field, visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """``likeness`` of one field to each of many; (n,) float32."""
    alike = np.zeros(len(known), np.float32)
    sought = (other * visible[..., None]).astype(np.float32).ravel()
    sought /= max(1.0, float(np.linalg.norm(sought)))
    seen = None if visible.all() else np.repeat(visible.ravel(), 2).astype(np.float32)
    for start in range(0, len(known), _AT_ONCE):
        some = np.stack(known[start : start + _AT_ONCE]).reshape(-1, len(sought)).astype(np.float32)
        if seen is not None:
            some *= seen
        power = np.einsum("nc,nc->n", some, some)
        alike[start : start + len(some)] = some @ sought / np.sqrt(np.maximum(1.0, power))
    return alike


_AT_ONCE = 64  # fields: half a megabyte, which stays in the processor's cache


MAX_SHIFT = (16, 9)  # cells, a third of the picture each way; farther, too little of a scene is left to know it by
_PADDED = (54, 96)  # so that nothing wraps around within that shift; both are products of small primes
_MIN_OVERLAP = 0.4  # of the larger field's power: less of a scene is matched by chance


def shifted_likeness(one: Field, other: Field, visible: npt.NDArray[np.bool_]) -> float:
    """How alike two scenes are under the best shift of at most ``MAX_SHIFT``, the zero shift left out.

    The cosine of the parts that overlap, over all shifts at once (correlation theorem). Takes a millisecond or less.
    """
    first, second = _spectrum(_complex(one, visible)), _spectrum(_complex(other, visible))
    first_power, second_power = _power(one, visible), _power(other, visible)
    whole = _spectrum(np.ones(first_power.shape))
    common = _correlation(first, second)
    first_left = _correlation(_spectrum(first_power), whole)
    second_left = _correlation(whole, _spectrum(second_power))
    enough = np.minimum(first_left / max(1.0, first_power.sum()), second_left / max(1.0, second_power.sum()))
    alike = common / np.sqrt(np.maximum(1.0, first_left) * np.maximum(1.0, second_left))
    alike[enough < _MIN_OVERLAP] = 0.0
    return float(_within_reach(alike).max())


def _complex(field: Field, visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.complex128]:
    return np.asarray((field[..., 0] + 1j * field[..., 1].astype(np.float64)) * visible, np.complex128)


def _power(field: Field, visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.asarray(np.square(field.astype(np.float64)).sum(axis=2) * visible, np.float64)


def _spectrum(values: npt.NDArray[Any]) -> npt.NDArray[np.complex128]:
    return np.fft.fft2(values, s=_PADDED)


def _correlation(first: npt.NDArray[np.complex128], second: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """By shift: sum of one value times the other's conjugate, real part."""
    return np.asarray(np.fft.ifft2(first * np.conj(second)).real, np.float64)


def _within_reach(by_shift: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    columns, rows = MAX_SHIFT
    near = np.roll(by_shift, (rows, columns), axis=(0, 1))[: 2 * rows + 1, : 2 * columns + 1].copy()
    near[rows, columns] = -1.0
    return near
