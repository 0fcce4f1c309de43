"""How people move who fight: five measures of the last seconds, and what was learned of them.

A fight stays at one place, where the picture keeps changing (``churn``); limbs move so fast and hide each other so
much that no displacement explains the change (``torn``), and they start and stop at once (``jerk``: the change of the
flow's speed, after Hassner et al. 2012, Violent flows). People in a clinch overlap (``overlap``), and the detector
loses and finds them again (``flicker``). Who walks, however many, passes on.

Four pictures a second are enough: at 8 and at 12.5 the same measures, left out clip by clip, tell no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.clip_scorers import Box, Glimpse
from patrol.domain.fight_fitted import FITTED
from patrol.domain.logistic import Fitted

NAMES = ("churn", "torn", "jerk", "overlap", "flicker")
SIZE = (160, 90)
LEAST_FRAMES = 6
# Frames farther apart show two different moments, and none moves into the other.
LONGEST_GAP_S = 1.0
# Of a place in the picture: about as large as a person in the middle distance, pixels of SIZE.
PLACE_PX = 17
# Added to a picture's contrast (grey levels), so that one without any does not make noise large.
LEAST_CONTRAST = 5.0
LEAST = 1e-3

Floats = npt.NDArray[np.float64]
Map = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MotionScorer:
    """A ClipScorer by these measures."""

    fitted: Fitted = FITTED
    seconds: float = 4.0
    size: tuple[int, int] = SIZE

    def score(self, clip: Sequence[Glimpse]) -> float | None:
        """See ClipScorer."""
        values = measures(clip)
        return None if values is None else self.fitted.sure(float(value) for value in values)


BY_MOTION = MotionScorer()


def measures(clip: Sequence[Glimpse]) -> Floats | None:
    """(5,), in the order of NAMES; None of too few frames. ``clip``: pictures of SIZE, oldest first."""
    steps = [_step(one, other) for one, other in pairwise(clip) if 0 < _apart_s(one, other) <= LONGEST_GAP_S]
    if len(clip) < LEAST_FRAMES or len(steps) < LEAST_FRAMES - 1:
        return None
    numbers = [len(one.people) for one in clip]
    return np.array(
        [
            _log(_churn([step.change for step in steps])),
            _log(float(np.median([np.percentile(step.torn, 95) for step in steps]))),
            _log(float(np.median([_jerk(one, other) for one, other in pairwise(steps)]))),
            float(np.mean([_overlap(one.people) for one in clip])),
            float(np.std(numbers)),
        ],
        np.float64,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """From one frame to the next. ``change``, ``torn``: (90, 160), in contrasts of the picture: how much each pixel
    differs, and how much it still does once everything was moved along the flow. ``speed``: (90, 160), heights of the
    picture a second, beyond what the whole picture does. ``seconds``: between the two.
    """

    change: Map
    torn: Map
    speed: Map
    seconds: float


def _step(one: Glimpse, other: Glimpse) -> _Step:
    before, now = _grey(one), _grey(other)
    seconds = _apart_s(one, other)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(
        before, now, np.zeros((*SIZE[::-1], 2), np.float32)
    )
    to = flow + _GRID
    moved = cv2.remap(now, to[..., 0], to[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    contrast = np.float32(before.std() + LEAST_CONTRAST)
    own = flow - np.median(flow.reshape(-1, 2), axis=0)
    across, along = own[..., 0] * (one.aspect / SIZE[0]), own[..., 1] / SIZE[1]
    return _Step(
        change=np.asarray(cv2.absdiff(now, before) / contrast, np.float32),
        torn=np.asarray(cv2.absdiff(moved, before) / contrast, np.float32),
        speed=np.asarray(np.hypot(across, along) / seconds, np.float32),
        seconds=seconds,
    )


_GRID = np.stack(np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1])), axis=-1).astype(np.float32)


def _churn(changes: Sequence[Map]) -> float:
    """How much the place changes that keeps changing most."""
    usual = np.median(np.stack(changes), axis=0).astype(np.float32)
    return float(cv2.blur(usual, (PLACE_PX, PLACE_PX)).max())


def _jerk(one: _Step, other: _Step) -> float:
    return float(np.abs(other.speed - one.speed).mean()) / other.seconds


def _overlap(people: Sequence[Box]) -> float:
    """The largest intersection over union of two of them, 0..1."""
    if len(people) < 2:
        return 0.0
    boxes = np.array(people, np.float64)
    low = np.maximum(boxes[:, np.newaxis, :2], boxes[np.newaxis, :, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], boxes[np.newaxis, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    either = np.maximum(np.add.outer(areas, areas) - both, 1e-12)
    shares = both / either
    np.fill_diagonal(shares, 0.0)
    return float(shares.max())


def _grey(one: Glimpse) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(one.pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _apart_s(one: Glimpse, other: Glimpse) -> float:
    return (other.at - one.at).total_seconds()


def _log(value: float) -> float:
    return float(np.log(max(value, LEAST)))
