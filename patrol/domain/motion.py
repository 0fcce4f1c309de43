"""Motion: what moves in a picture, told by its pixels alone, for what no detector knows by sight.

A picture is held against the two before it: where it differs from both, something has come to that place, or has just
left it: of something large both ends are seen to move. Small, dark and odd things move too, but so do shadows and
branches; whoever asks looks at how they move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.scene import Pixels, TrackPoint

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SMALL = (160, 90)
# Grey levels by which a pixel must differ: above what a sensor's noise leaves after blurring and shrinking.
DIFFERS_BY = 18
# Of the picture: less is a bird, a leaf, or somebody far away; more than half of it is light that was switched.
SMALLEST, LARGEST = 0.004, 0.5
MOST_BLOBS, MOST_TRAILS, MOST_POINTS = 16, 16, 24
# From one frame of a focus to the next nothing moves farther than this share of the picture.
LONGEST_STEP = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """What is remembered from frame to frame. ``greys``: the last pictures, newest last, two at most.

    ``trails``: where each moving thing was, oldest first; only of those seen in the last frame.
    """

    greys: tuple[Grey, ...] = ()
    trails: tuple[tuple[TrackPoint, ...], ...] = ()


NOTHING_MOVES = Moving()


def small_grey(pixels: Pixels) -> Grey:
    """(90, 160) uint8, blurred by being shrunk."""
    shrunk = cv2.resize(pixels, SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(shrunk, cv2.COLOR_BGR2GRAY), (3, 3), 0), np.uint8)


def looked(
    before: Moving, at: datetime, pixels: Pixels, apart_from: Sequence[tuple[float, float, float, float]]
) -> Moving:
    """Take the next frame of a focus. ``apart_from``: boxes, shares of the picture, in which nothing counts."""
    grey = small_grey(pixels)
    greys = (*before.greys[-1:], grey)
    if len(before.greys) < 2:
        return Moving(greys if len(before.greys) < 1 else (before.greys[-1], grey), ())
    mask = _differs(grey, before.greys[-1]) & _differs(grey, before.greys[-2])
    for x1, y1, x2, y2 in apart_from:
        left, right = round(x1 * SMALL[0]), round(x2 * SMALL[0])
        top, bottom = round(y1 * SMALL[1]), round(y2 * SMALL[1])
        mask[top:bottom, left:right] = False
    return Moving(greys, _trails(before.trails, blobs_in(mask, at)))


def has_changed(before: Grey, now: Grey, within: Mask) -> bool:
    """Whether something has come, or gone, since another picture of the same place. ``within``: (90, 160) bool."""
    changed = _differs(now, before)
    if changed.mean() > LARGEST:
        return False
    return bool((changed & within).mean() >= SMALLEST)


def mask_of(polygon: Sequence[tuple[float, float]]) -> Mask:
    """(90, 160) bool: the pixels of a small picture that lie in a polygon of shares of it."""
    mask = np.zeros(SMALL[::-1], np.uint8)
    corners = (np.array(polygon) * SMALL).round().astype(np.int32)
    cv2.fillPoly(mask, [corners], 1)
    return np.asarray(mask, np.bool_)


def blobs_in(mask: Mask, at: datetime) -> list[TrackPoint]:
    """The moving things, largest first: where each is, by the middle of its lower edge, and how large."""
    if mask.mean() > LARGEST:
        return []
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(closed)
    smallest = SMALLEST * mask.size
    found = [row for row in stats[1:] if row[cv2.CC_STAT_AREA] >= smallest]
    found.sort(key=lambda row: -int(row[cv2.CC_STAT_AREA]))
    return [_point(row, at) for row in found[:MOST_BLOBS]]


def _point(row: npt.NDArray[np.int32], at: datetime) -> TrackPoint:
    left, top, width, height = (int(row[index]) for index in range(4))
    foot = ((left + width / 2) / SMALL[0], (top + height) / SMALL[1])
    return TrackPoint(at, foot, width / SMALL[0], height / SMALL[1])


def _differs(one: Grey, other: Grey) -> Mask:
    return np.asarray(cv2.absdiff(one, other) > DIFFERS_BY, np.bool_)


def _trails(
    before: Sequence[tuple[TrackPoint, ...]], blobs: Sequence[TrackPoint]
) -> tuple[tuple[TrackPoint, ...], ...]:
    """Each thing carries on the trail that it is nearest to, of its own size by a half to double; or begins one."""
    free = list(before)
    trails = []
    for blob in blobs:
        fitting = [trail for trail in free if _fits(trail[-1], blob)]
        if fitting:
            nearest = min(fitting, key=lambda trail: _step(trail, blob))
            free.remove(nearest)
            trails.append((*nearest, blob)[-MOST_POINTS:])
        else:
            trails.append((blob,))
    return tuple(trails[:MOST_TRAILS])


def _fits(last: TrackPoint, blob: TrackPoint) -> bool:
    larger = max(last.width * last.height, blob.width * blob.height)
    smaller = min(last.width * last.height, blob.width * blob.height)
    return smaller * 3 >= larger and float(np.hypot(*np.subtract(last.foot, blob.foot))) <= LONGEST_STEP


def _step(trail: tuple[TrackPoint, ...], blob: TrackPoint) -> float:
    """How far it is from where it would be if it went on as before."""
    last = np.array(trail[-1].foot)
    expected = last + (last - np.array(trail[-2].foot)) if len(trail) > 1 else last
    return float(np.hypot(*(expected - np.array(blob.foot))))
