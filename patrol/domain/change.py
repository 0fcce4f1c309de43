"""Has anything come since the last look? The test that lets the detector rest over idle scenes; off unless asked for.

A camera's picture is held against the one that went through the detector last, never against one that was skipped:
what comes by small steps adds up. Nothing is skipped while something is seen or suspected, and every ``look_every``-th
visit goes through the detector whatever the test says, so that what the test cannot see waits no longer than that.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.camera import CameraId

Thumbnail = npt.NDArray[np.uint8]
"""(90, 160) uint8: how bright each place is. A person 12 pixels wide in a 640-pixel picture is three cells wide."""

WIDTH, HEIGHT = 160, 90
BLOCK = 3
GAIN_LIMIT = 1.5
MAD_TO_SIGMA = 1.4826  # of a normal distribution: its standard deviation over its median absolute deviation


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """When a scene has changed, and how long it may go without a full look.

    What each default missed and saved: `make evaluate-change` and docs/adr/012.

    ``look_every``: of that many visits in a row at least one is a full look. ``least_grey``, ``most_grey``: between
    these (of 255) lies the difference of a block of 3x3 cells that counts, ``noises`` times the picture's own noise.
    Raises ValueError for settings under which nothing would ever be looked at.
    """

    look_every: int = 5
    least_grey: float = 4.0
    most_grey: float = 12.0
    noises: float = 6.0

    def __post_init__(self) -> None:
        if self.look_every < 1:
            raise ValueError(f"look_every: expected at least 1, got {self.look_every}")
        if not 0 < self.least_grey <= self.most_grey:
            raise ValueError(f"expected 0 < least_grey <= most_grey, got {self.least_grey:g} and {self.most_grey:g}")


def thumbnail(pixels: npt.NDArray[np.uint8]) -> Thumbnail:
    """A picture (h, w, 3) uint8 BGR as small and grey: every pixel counts towards its cell."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # first: less than half the work
    return np.asarray(cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def changed(before: Thumbnail, now: Thumbnail, settings: ChangeSettings) -> bool:
    """Whether something may have come or gone between two pictures of one place."""
    return strength(before, now, settings) > 1


def strength(before: Thumbnail, now: Thumbnail, settings: ChangeSettings) -> float:
    """How strong the strongest difference is, over what counts as one: above 1 is a change.

    Light that grows or fades over the whole picture by less than half is no change. The noise is the picture's own,
    of this very pair; it is not believed beyond ``most_grey``: where most of the picture is new, that is no noise.
    """
    gain = _gain(before, now)
    if not 1 / GAIN_LIMIT < gain < GAIN_LIMIT:
        return math.inf
    difference = now.astype(np.float32) - np.float32(gain) * before
    blocks = np.abs(cv2.blur(difference, (BLOCK, BLOCK)))
    noise = MAD_TO_SIGMA * float(np.median(blocks[::2, ::2]))
    return float(blocks.max()) / min(max(settings.noises * noise, settings.least_grey), settings.most_grey)


def _gain(before: Thumbnail, now: Thumbnail) -> float:
    """How much brighter the picture as a whole has become; 1.0 for no change. Robust: the median cell tells."""
    light = now.astype(np.float32) + 1
    return float(np.median(light[::2, ::2] / (before[::2, ::2].astype(np.float32) + 1)))


class ChangeVerdict(StrEnum):
    """Why a visit's picture goes through the detector, or that it does not. Also the label of the metric."""

    FIRST = "first"  # nothing to hold it against
    SEEN = "seen"  # the last look found something, or something is suspected
    FORCED = "forced"  # the last ones were skipped
    CHANGED = "changed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class _LastLook:
    picture: Thumbnail
    seen: bool
    skipped_since: int


class ChangeMemory:
    """What each camera showed when it was last looked at: 14 kB a camera, as many as there are cameras.

    ``counts``: how often each answer was given.
    """

    def __init__(self, settings: ChangeSettings) -> None:
        self._settings = settings
        self._last: dict[CameraId, _LastLook] = {}
        self.counts: Counter[ChangeVerdict] = Counter()

    def decide(self, camera_id: CameraId, picture: Thumbnail, *, suspected: bool = False) -> ChangeVerdict:
        """What to do with this visit's picture. ``suspected``: a rule of this camera is not clear, or it is pinned.

        Anything but SKIPPED asks for a full look, to be followed by ``looked``.
        """
        verdict = self._answer(self._last.get(camera_id), picture, suspected)
        self.counts[verdict] += 1
        if verdict is ChangeVerdict.SKIPPED:
            last = self._last[camera_id]
            self._last[camera_id] = _LastLook(last.picture, last.seen, last.skipped_since + 1)
        return verdict

    def looked(self, camera_id: CameraId, picture: Thumbnail, *, seen: bool) -> None:
        """The picture went through the detector. ``seen``: anything at all was found in it."""
        self._last[camera_id] = _LastLook(picture, seen, 0)

    def _answer(self, last: _LastLook | None, picture: Thumbnail, suspected: bool) -> ChangeVerdict:
        if last is None:
            return ChangeVerdict.FIRST
        if last.seen or suspected:
            return ChangeVerdict.SEEN
        if last.skipped_since + 1 >= self._settings.look_every:
            return ChangeVerdict.FORCED
        return ChangeVerdict.CHANGED if changed(last.picture, picture, self._settings) else ChangeVerdict.SKIPPED
