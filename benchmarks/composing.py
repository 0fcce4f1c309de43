"""Putting recordings together from real pictures: people and vehicles cut out of one, moved along paths over another.

Nothing is drawn. A cut-out keeps its own light and sharpness, so it stands out from its place as no real person does;
detectors hardly mind. What a composite holds is known to the frame, which no recording with the same events could be
had for. Whoever shows a figure measured on composites says so.

Sizes are pixels of the finished picture, origin top left. Points are where feet, or wheels, stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Point = tuple[float, float]
Box = tuple[int, int, int, int]

SIZE = (640, 360)
NOISE = 2.0  # grey levels, standard deviation: a sensor's
ENCODER_OPTIONS = {"preset": "veryfast", "crf": "22", "x264-params": "log-level=0"}

Path_ = Callable[[float], Point | None]
"""Where something stands at a second; None while it is not there."""


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """Something out of a picture: ``colour`` (h, w, 3) uint8 and ``cover`` (h, w) float32, 0..1."""

    colour: Pixels
    cover: npt.NDArray[np.float32]

    def mirrored(self) -> CutOut:
        """Seen in a mirror."""
        return CutOut(np.ascontiguousarray(self.colour[:, ::-1]), np.ascontiguousarray(self.cover[:, ::-1]))

    def tinted(self, factors: tuple[float, float, float]) -> CutOut:
        """In another colour: factors on blue, green and red."""
        return CutOut(np.clip(self.colour * np.array(factors), 0, 255).astype(np.uint8), self.cover)

    def sized(self, height: int) -> CutOut:
        """So many pixels tall."""
        width = max(2, round(self.cover.shape[1] * height / self.cover.shape[0]))
        interpolation = cv2.INTER_AREA if height < self.cover.shape[0] else cv2.INTER_LINEAR
        colour = cv2.resize(self.colour, (width, height), interpolation=interpolation)
        cover = cv2.resize(self.cover, (width, height), interpolation=interpolation)
        return CutOut(np.asarray(colour, np.uint8), np.asarray(cover, np.float32))


def cut_by_outline(picture: Pixels, outline: Sequence[Sequence[int]]) -> CutOut:
    """What lies within an outline."""
    points = np.array(outline, np.int32)
    x, y, width, height = cv2.boundingRect(points)
    cover = np.zeros((height, width), np.uint8)
    cv2.fillPoly(cover, [points - (x, y)], 255, cv2.LINE_AA)
    eroded = np.asarray(cv2.erode(cover, np.ones((3, 3), np.uint8)), np.uint8)
    return _soft(picture[y : y + height, x : x + width], eroded)


def cut_by_colour(picture: Pixels, box: Box, rounds: int = 6) -> CutOut:
    """What stands out in a box (left, top, right, bottom) from what is around it (GrabCut, Rother et al. 2004)."""
    left, top, right, bottom = box
    margin_x, margin_y = (right - left) // 6, (bottom - top) // 10
    x1, y1 = max(0, left - margin_x), max(0, top - margin_y)
    part = np.ascontiguousarray(picture[y1 : bottom + margin_y, x1 : right + margin_x])
    mask = np.zeros(part.shape[:2], np.uint8)
    rectangle = (left - x1, top - y1, right - left, bottom - top)
    cv2.setRNGSeed(1)
    cv2.grabCut(part, mask, rectangle, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_RECT)
    stands_out = np.where(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)), 255, 0).astype(np.uint8)
    return _trimmed(part, _largest(stands_out))


def cut_by_motion(picture: Pixels, empty: Pixels, box: Box, differs_by: int = 22) -> CutOut:
    """What a camera that stands still sees in a box and not in the same place when it is ``empty``."""
    left, top, right, bottom = box
    part, before = picture[top:bottom, left:right], empty[top:bottom, left:right]
    differs = (cv2.absdiff(part, before).max(axis=2) > differs_by).astype(np.uint8) * 255
    closed = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    opened = np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    return _trimmed(part, _filled(_largest(opened)))


def _largest(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if len(stats) < 2:
        return mask
    return np.where(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), 255, 0).astype(np.uint8)


def _filled(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 255, cv2.FILLED), np.uint8)


def _trimmed(part: Pixels, mask: npt.NDArray[np.uint8]) -> CutOut:
    x, y, width, height = cv2.boundingRect(mask)
    return _soft(part[y : y + height, x : x + width], mask[y : y + height, x : x + width])


def _soft(colour: Pixels, mask: npt.NDArray[np.uint8]) -> CutOut:
    cover = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.0)
    return CutOut(np.ascontiguousarray(colour), np.asarray(cover, np.float32))


# --- places, and what moves in them -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A real place, (360, 640, 3) uint8, and how tall a person is in it.

    ``heights``: ((y, height), (y, height)): of a person whose feet are at y, in a straight line between and beyond.
    """

    name: str
    picture: Pixels
    heights: tuple[tuple[float, float], tuple[float, float]]

    def height_at(self, y: float) -> float:
        """Of a person whose feet are at ``y``."""
        (y1, h1), (y2, h2) = self.heights
        return max(8.0, h1 + (h2 - h1) * (y - y1) / (y2 - y1))

    def step(self, metres: float, y: float) -> float:
        """Metres across the view as pixels, at ``y``: a person is 1.7 m tall."""
        return metres * self.height_at(y) / 1.7


@dataclass(slots=True, eq=False)
class Figure:
    """A cut-out that moves. ``tall``: in heights of a person where it stands."""

    cut_out: CutOut
    path: Path_
    tall: float = 1.0
    _sized: dict[int, CutOut] = field(default_factory=dict)

    def show(self, canvas: npt.NDArray[np.float32], setting: Setting, t: float) -> None:
        """Lay it over the picture of a second, in place, to the fraction of a pixel."""
        at = self.path(t)
        if at is None:
            return
        x, y = at
        height = max(4, round(self.tall * setting.height_at(y)))
        if height not in self._sized:
            self._sized[height] = self.cut_out.sized(height)
        sized = self._sized[height]
        _lay_over(canvas, sized, x - sized.cover.shape[1] / 2, y - height)

    def foot(self, t: float) -> Point | None:
        """Where it stands."""
        return self.path(t)


def _lay_over(canvas: npt.NDArray[np.float32], what: CutOut, left: float, top: float) -> None:
    column, row = math.floor(left), math.floor(top)
    shift = np.array([[1, 0, left - column], [0, 1, top - row]], np.float32)
    size = (what.cover.shape[1] + 1, what.cover.shape[0] + 1)
    cover = cv2.warpAffine(what.cover, shift, size)
    colour = cv2.warpAffine(what.colour, shift, size, borderMode=cv2.BORDER_REPLICATE)
    x1, y1 = max(column, 0), max(row, 0)
    x2, y2 = min(column + size[0], canvas.shape[1]), min(row + size[1], canvas.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    part = np.s_[y1 - row : y2 - row, x1 - column : x2 - column]
    opacity = cover[part][..., np.newaxis]
    canvas[y1:y2, x1:x2] = canvas[y1:y2, x1:x2] * (1 - opacity) + colour[part] * opacity


# --- paths --------------------------------------------------------------------------------------------------------


def stays(x: float, y: float, since: float = 0.0, until: float = math.inf) -> Path_:
    """It stands there, from one second to another."""
    return lambda t: (x, y) if since <= t < until else None


def legs(*points: tuple[float, float, float]) -> Path_:
    """It goes straight from (second, x, y) to the next; not there before the first and after the last."""
    seconds, xs, ys = zip(*points, strict=True)

    def path(t: float) -> Point | None:
        if not seconds[0] <= t <= seconds[-1]:
            return None
        return float(np.interp(t, seconds, xs)), float(np.interp(t, seconds, ys))

    return path


def swaying(path: Path_, pixels: float, seed: int, every_s: float = 1.0) -> Path_:
    """Nobody stands still: about so many pixels to and fro, smoothly."""
    steps = np.random.default_rng(seed).normal(0.0, pixels, (2048, 2))

    def swayed(t: float) -> Point | None:
        at = path(t)
        if at is None:
            return None
        place = t / every_s
        first, share = int(place), place - int(place)
        dx, dy = steps[first % 2048] * (1 - share) + steps[(first + 1) % 2048] * share
        return at[0] + float(dx), at[1] + float(dy) / 3

    return swayed


# --- films --------------------------------------------------------------------------------------------------------


def pictures(setting: Setting, figures: Sequence[Figure], times: Sequence[float], seed: int = 0) -> Iterator[Pixels]:
    """The picture of each second: who stands farther away is hidden by who stands nearer; with a sensor's noise."""
    chance = np.random.default_rng(seed)
    # One field of noise, and a window anywhere in it: drawing anew for each picture took most of the time.
    rows, columns = setting.picture.shape[:2]
    noise = chance.normal(0.0, NOISE, (2 * rows, 2 * columns, 1)).astype(np.float32)
    for t in times:
        canvas = setting.picture.astype(np.float32)
        there = [(at[1], n, figure) for n, figure in enumerate(figures) if (at := figure.foot(t)) is not None]
        for _, _, figure in sorted(there, key=lambda each: each[:2]):
            figure.show(canvas, setting, t)
        row, column = int(chance.integers(rows)), int(chance.integers(columns))
        canvas += noise[row : row + rows, column : column + columns]
        yield np.clip(canvas, 0, 255).astype(np.uint8)


def write_video(file: Path, frames: Iterator[Pixels], fps: int) -> int:
    """As H.264 in MP4; how many frames it has."""
    count = 0
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=dict(ENCODER_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
            count += 1
        container.mux(stream.encode(None))
    return count


def write_pictures(folder: Path, frames: Iterator[Pixels], quality: int = 92) -> int:
    """As JPEGs in a folder, in the order of their names; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for pixels in frames:
        cv2.imwrite(str(folder / f"{count:05d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        count += 1
    return count
