"""What a fire does over some seconds and a lamp does not: its edge flickers, its seat stays; smoke drifts.

Flames flicker at 1 to 10 Hz, mostly at their edge, without a period (Toreyin, Dedeoglu, Gudukbay and Cetin, Computer
vision based method for real-time fire and flame detection, Pattern Recognition Letters 27, 2006). A focus brings four
pictures a second: too few to tell a frequency, enough to see that a flame has another outline in each, here more and
there less, so that changes cancel out, while its seat burns on. A lamp keeps its outline; one that blinks changes as a
whole; what moves takes its seat along. Smoke changes the grey of a wide, soft place nearly everywhere, all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.burning import Box, Burning
from patrol.domain.fire_features import warm_mask
from patrol.domain.scene import Pixels

SMALL = (160, 90)
MOST_GLANCES = 16
LEAST_GLANCES, LEAST_S = 6, 1.2
# People who move about stir a place for a second or two; smoke goes on.
SMOKE_LEAST_S = 2.5

Shares = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """What is kept of one frame of a focus: 30 kB, of MOST_GLANCES frames at most.

    ``warm``: (90, 160) uint8, how much of each small pixel has a flame's colours, of 255. ``grey``: (90, 160) uint8.
    ``hidden``: boxes of people and vehicles, shares of the picture. ``found``: what a single picture says.
    """

    at: datetime
    warm: Shares
    grey: Shares
    hidden: tuple[Box, ...]
    found: tuple[Burning, ...]


def glance(at: datetime, pixels: Pixels, hidden: Sequence[Box], found: Sequence[Burning]) -> Glance:
    """Keep what matters of a frame. ``pixels``: (height, width, 3) uint8 BGR."""
    warm = warm_mask(pixels).astype(np.uint8) * np.uint8(255)
    grey = cv2.cvtColor(cv2.resize(pixels, SMALL, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return Glance(
        at,
        np.asarray(cv2.resize(warm, SMALL, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(grey, np.uint8),
        tuple(hidden),
        tuple(found),
    )


def is_enough(glances: Sequence[Glance], least_s: float = LEAST_S) -> bool:
    """Whether there are frames enough, over long enough, to say anything."""
    return len(glances) >= LEAST_GLANCES and (glances[-1].at - glances[0].at).total_seconds() >= least_s


@dataclass(frozen=True, slots=True)
class Flicker:
    """How a warm place changes from frame to frame.

    ``change``: what appears and what goes, over what is there. ``net``: how much the whole grows or shrinks, likewise.
    ``core``: what is there in nearly all frames, over what is there.
    """

    change: float
    net: float
    core: float

    @property
    def is_flame(self) -> bool:
        """Whether it flickers at its edge, and its seat stays."""
        return self.change >= FLAME_CHANGE and self.net <= FLAME_NET * self.change and self.core >= FLAME_CORE


# A lamp's outline trembles by some hundredths, by noise and coding; an open flame's changes by a fifth to a half.
FLAME_CHANGE = 0.12
# All at once is a blinking lamp, or a door that opens: net is then as large as change.
FLAME_NET = 0.75
# What moves on leaves its seat: then nothing of it is there all the time.
FLAME_CORE = 0.2


def flicker(glances: Sequence[Glance], box: Box) -> Flicker:
    """Of one place; all zero where nothing is warm."""
    cut = _cut(box, by=0.3)
    warm = np.stack([one.warm[cut] for one in glances]).astype(np.float32) / 255
    there = float(warm.sum(axis=(1, 2)).mean())
    if there <= 0.05:
        return Flicker(0.0, 0.0, 0.0)
    steps = np.diff(warm, axis=0)
    return Flicker(
        change=float(np.abs(steps).sum(axis=(1, 2)).mean()) / there,
        net=float(np.abs(steps.sum(axis=(1, 2))).mean()) / there,
        core=float(np.percentile(warm, 20, axis=0).sum()) / there,
    )


@dataclass(frozen=True, slots=True)
class Drift:
    """How a hazy place changes. ``spread``: the share of it that changes most of the time. ``strength``: grey levels
    that it changes by, in half a second; ``around``: the same, of the middle of all other places."""

    spread: float
    strength: float
    around: float

    @property
    def is_smoke(self) -> bool:
        """Whether nearly all of it changes nearly all of the time, softly."""
        return self.spread >= SMOKE_SPREAD and self.strength <= SMOKE_STRONGEST


SMOKE_SPREAD = 0.3
# Grey levels: sharper changes are things that move.
SMOKE_STRONGEST = 24.0
# Above the picture's own restlessness, of noise and coding, by such a factor, and by so many grey levels at least.
RESTLESS, LEAST_STEP = 3.0, 0.8
APART = 2  # frames


def drift(glances: Sequence[Glance], box: Box) -> Drift:
    """Of one place; people and vehicles in front of it count for nothing."""
    greys = np.stack([cv2.GaussianBlur(one.grey.astype(np.float32), (5, 5), 0) for one in glances])
    # The whole picture may become brighter or darker, by the camera's own doing.
    levels = np.median((greys - greys[0])[:, ::3, ::3], axis=(1, 2))
    greys -= levels[:, np.newaxis, np.newaxis].astype(np.float32)
    steps = np.abs(greys[APART:] - greys[:-APART])
    cut = _cut(box)
    around = float(np.median(steps[:, ::2, ::2]))
    seen = _seen(glances)[APART:] & _seen(glances)[:-APART]
    here, is_seen = steps[:, cut[0], cut[1]], seen[:, cut[0], cut[1]]
    often = is_seen.sum(axis=0)
    moves = ((here >= max(LEAST_STEP, RESTLESS * around)) & is_seen).sum(axis=0)
    counts = often * 2 >= len(steps)
    if not counts.any():
        return Drift(0.0, 0.0, around)
    spread = float((moves[counts] * 2 >= often[counts]).mean())
    return Drift(spread, float(here[is_seen].mean()) if is_seen.any() else 0.0, around)


def _seen(glances: Sequence[Glance]) -> npt.NDArray[np.bool_]:
    seen = np.ones((len(glances), SMALL[1], SMALL[0]), np.bool_)
    for index, one in enumerate(glances):
        for box in one.hidden:
            cut = _cut(box, by=0.1)
            seen[index, cut[0], cut[1]] = False
    return seen


def _cut(box: Box, by: float = 0.0) -> tuple[slice, slice]:
    """Rows and columns of a box, made larger on every side by a share of itself, 3 x 3 pixels at least."""
    wider, higher = by * (box[2] - box[0]) + 1 / SMALL[0], by * (box[3] - box[1]) + 1 / SMALL[1]
    left, right = _from_to(box[0] - wider, box[2] + wider, SMALL[0])
    top, bottom = _from_to(box[1] - higher, box[3] + higher, SMALL[1])
    return slice(top, bottom), slice(left, right)


def _from_to(first: float, last: float, size: int) -> tuple[int, int]:
    begin = min(max(0, int(np.floor(first * size))), size - 3)
    return begin, max(begin + 3, min(size, int(np.ceil(last * size))))
