"""What a place looks like when nobody is there, and what has been standing in it for a while that did not before.

Two backgrounds, as Porikli, Ivanov and Haga (Robust abandoned-object detection using dual foregrounds, EURASIP Journal
on Advances in Signal Processing, 2008): a slow one, and what has been seen lately. Where these differ and the latter
has been steady, something has come to stay, or has gone. Both hold the directions of edges, not brightness: gradients
over their own strength, in which light that grows or fails cancels out. Whether something came or went is told by
whose edges its outline is: those of the present picture, or those of the background (Spagnolo, Caroppo, Leo,
Martiriggiano and D'Orazio, An abandoned/removed objects detection algorithm and its evaluation on PETS datasets, AVSS
2006). A shadow or a pool of light makes a place evenly darker or brighter and leaves its texture as it was (Cucchiara,
Grana, Piccardi and Prati, Detecting moving objects, ghosts, and shadows in video streams, IEEE PAMI 25, 2003).

Where people and vehicles stand nothing is learned: they belong to no background, and nothing is seen through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.scene import Pixels

Box = tuple[float, float, float, float]
Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.int8]
"""(144, 256, 2): each pixel's edge direction (x, y), as 127ths; its length says how strong the edge is."""
Grey = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Tint = npt.NDArray[np.uint8]
"""(72, 128, 2): red and blue over brightness, which light that grows or fails leaves as they are; 128 is grey."""

SMALL = (256, 144)
# Grey levels a pixel: an edge of this strength has a length of a half. A sensor's noise, blurred, stays well below.
EDGE = 3.0
# Two directions differ if they lie so far apart; edges of one thing, under another light, lie nearer.
DIFFERS, SAME = 0.4, 0.35
# What comes differs at least so much at its first look.
AT_ONCE = 0.25
# Seen alike so often and for so long, a place is known, or something stands in it.
LEAST_LOOKS, LEAST_S = 3, 2.5
# How fast the slow background follows what is alike: one part in so many, every look.
FOLLOWS = 16
# So far around what is other nothing follows: the slow background would eat it up from its rim.
RIM_PX = 3
# Grey levels by which light drifts from look to look, and no shadow falls.
DRIFTS_BY = 12
# What has stood for so long belongs to the place.
ABSORBED_S = 3600.0
# If in so much of the picture so many of its edges differ at once, the camera moved, or the light is another: nothing
# is told of that picture. Blocks, (columns, rows), with fewer edges say nothing.
UPSET, UPSET_EDGES, BLOCKS, LEAST_EDGES = 0.5, 0.35, (8, 6), 0.02
# After so many of such pictures, over so long, the place is learned anew.
UPSET_LOOKS, UPSET_S = 3, 8.0
# Grey levels by which the middle of the picture jumps from look to look when light is switched.
SWITCHED = 8.0
DARK = 24.0
MOST_UNSEEN_S = 127  # in half seconds, it fits a byte
MOST_PLACES = 32
# Pixels of 256 x 144, each way, an outline included; and shares of the picture, each way.
SMALLEST_PX, LARGEST = 5, 0.6
FEWEST_EDGE_PX = 10
# So much of the steepness of a blurred hull is its outline. By so much the edges along it must be the stronger ones in
# one of both backgrounds.
AROUND_PX, OUTLINE, CLEARLY = 4, 0.35, 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What is remembered of one place: 0.6 MB, whatever happens. Times are seconds since any fixed moment.

    ``field``, ``grey``, ``tint``: the slow background, where ``known``. ``lately`` and so on: what was seen last,
    ``looks`` times alike (255 at most), ``since`` when; (144, 256) each, the tint half of it each way. ``unseen``: for
    how long nothing was seen of a pixel until this look; ``gap``: and before ``since``; both in half seconds, 127 s at
    most. ``came``: it was other at once, as things are; what became so little by little is the place itself.
    ``upset_s``, ``upset_looks``: since when, and how often, pictures were wholly other; ``switched_s``: when light was
    switched last.
    """

    at_s: float
    known: Mask
    field: Field
    grey: Grey
    tint: Tint
    lately: Field
    lately_grey: Grey
    lately_tint: Tint
    looks: npt.NDArray[np.uint8]
    since: Plane
    unseen: Grey
    gap: Grey
    came: Mask
    upset_s: float | None = None
    upset_looks: int = 0
    switched_s: float | None = None

    @property
    def is_upset(self) -> bool:
        """Whether the last picture was wholly other, so that nothing can be said of it."""
        return self.upset_s is not None


def looked(before: Background | None, at_s: float, pixels: Pixels, hidden: Sequence[Box]) -> Background:
    """Take the next picture, (height, width, 3) uint8 BGR. ``hidden``: where people and vehicles stand, in shares."""
    now = view_of(pixels)
    seen = ~mask_of(hidden)
    if before is None:
        return _begun(at_s, now, seen)
    differs = apart(now.field, before.field)
    if _is_upset(before, now.field, differs >= DIFFERS, seen):
        return _upset(before, at_s, now, seen)
    return _learned(before, at_s, now, seen, differs)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture, as far as it matters."""

    field: Field
    grey: Grey
    tint: Tint


def view_of(pixels: Pixels) -> View:
    """Of (height, width, 3) uint8 BGR."""
    shrunk = np.asarray(cv2.resize(pixels, SMALL, interpolation=cv2.INTER_AREA), np.uint8)
    grey = np.asarray(cv2.GaussianBlur(cv2.cvtColor(shrunk, cv2.COLOR_BGR2GRAY), (0, 0), 1.0), np.uint8)
    return View(field_of(grey), grey, tint_of(shrunk))


def tint_of(shrunk: Pixels) -> Tint:
    """Of (144, 256, 3) uint8 BGR; what is darker than DARK has less and less of it."""
    halved = cv2.resize(shrunk, (SMALL[0] // 2, SMALL[1] // 2), interpolation=cv2.INTER_AREA)
    bright, red, blue = cv2.split(cv2.cvtColor(halved, cv2.COLOR_BGR2YCrCb).astype(np.float32))
    both = cv2.merge([red - 128, blue - 128]) / (bright + DARK)[..., np.newaxis]
    return np.asarray(np.clip(np.rint(both * 255 + 128), 0, 255), np.uint8)


def field_of(grey: Grey) -> Field:
    """Directions of edges over their strength."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    both = cv2.merge([across, down]) / (cv2.magnitude(across, down) + EDGE)[..., np.newaxis]
    return np.asarray(np.rint(both * 127), np.int8)


def apart(one: Field, other: Field) -> Plane:
    """How far two directions lie apart, 0..2, each the mean of 3 x 3 pixels; (144, 256) float32."""
    difference = (one.astype(np.float32) - other) / 127
    return np.asarray(cv2.blur(cv2.magnitude(difference[..., 0], difference[..., 1]), (3, 3)), np.float32)


def length_of(field: Field) -> Plane:
    """How strong edges are, 0..1; (144, 256) float32."""
    both = field.astype(np.float32) / 127
    return np.asarray(cv2.magnitude(both[..., 0], both[..., 1]), np.float32)


def mask_of(boxes: Sequence[Box], by: float = 0.12) -> Mask:
    """(144, 256) bool: where boxes lie, made larger by a share of themselves: feet and shadows reach out of them."""
    mask = np.zeros(SMALL[::-1], np.bool_)
    for x1, y1, x2, y2 in boxes:
        wider, higher = by * (x2 - x1), by * (y2 - y1)
        left, right = int((x1 - wider) * SMALL[0]), int(np.ceil((x2 + wider) * SMALL[0]))
        top, bottom = int((y1 - higher) * SMALL[1]), int(np.ceil((y2 + higher) * SMALL[1]))
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return mask


def _begun(at_s: float, now: View, seen: Mask) -> Background:
    shape = SMALL[::-1]
    return Background(
        at_s=at_s,
        known=np.zeros(shape, np.bool_),
        field=np.zeros((*shape, 2), np.int8),
        grey=np.zeros(shape, np.uint8),
        tint=np.full_like(now.tint, 128),
        lately=now.field,
        lately_grey=now.grey,
        lately_tint=now.tint,
        looks=seen.astype(np.uint8),
        since=np.full(shape, at_s, np.float32),
        unseen=np.zeros(shape, np.uint8),
        gap=np.zeros(shape, np.uint8),
        came=np.zeros(shape, np.bool_),
    )


def _is_upset(before: Background, now: Field, other: Mask, seen: Mask) -> bool:
    edges = before.known & seen & ((length_of(now) >= 0.4) | (length_of(before.field) >= 0.4))
    there, changed = _in_blocks(edges), _in_blocks(edges & other)
    judged = there >= LEAST_EDGES
    if np.count_nonzero(judged) < UPSET * judged.size / 2:
        return False
    return float((changed[judged] >= UPSET_EDGES * there[judged]).mean()) >= UPSET


def _in_blocks(mask: Mask) -> Plane:
    return np.asarray(cv2.resize(mask.astype(np.float32), BLOCKS, interpolation=cv2.INTER_AREA), np.float32)


def _upset(before: Background, at_s: float, now: View, seen: Mask) -> Background:
    upset_s = before.upset_s if before.upset_s is not None else at_s
    upset_looks = before.upset_looks + 1
    if upset_looks >= UPSET_LOOKS and at_s - upset_s >= UPSET_S:
        return _begun(at_s, now, seen)
    return replace(before, at_s=at_s, unseen=_unseen(before, at_s), upset_s=upset_s, upset_looks=upset_looks)


def _unseen(before: Background, at_s: float) -> Grey:
    """For how long nothing was seen of each pixel just before this look, half seconds."""
    passed = round(2 * min(max(at_s - before.at_s, 0.0), MOST_UNSEEN_S))
    return np.asarray(np.minimum(before.unseen, 2 * MOST_UNSEEN_S - passed) + passed, np.uint8)


def _learned(before: Background, at_s: float, now: View, seen: Mask, differs: Plane) -> Background:
    jump = now.grey.astype(np.int16) - before.lately_grey
    is_switched = bool(seen.any()) and abs(float(np.median(jump[seen]))) >= SWITCHED
    # A place that was never seen before has nothing to be like.
    alike = (apart(now.field, before.lately) <= SAME) & (before.looks > 0)
    goes_on, anew = seen & alike, seen & ~alike
    unseen = _unseen(before, at_s)
    looks = np.where(goes_on, np.minimum(before.looks, 254) + np.uint8(1), np.where(anew, np.uint8(1), before.looks))
    since = np.where(anew, np.float32(at_s), before.since)
    lately = _blended(before.lately, now.field, goes_on, anew)
    lately_grey = np.where(goes_on, cv2.addWeighted(before.lately_grey, 0.75, now.grey, 0.25, 0.0), before.lately_grey)
    lately_grey = np.where(anew, now.grey, lately_grey)
    lately_tint = np.where(_halved(seen), now.tint, before.lately_tint)
    stood = (looks >= LEAST_LOOKS) & (at_s - since >= LEAST_S)
    came = np.where(anew, differs >= AT_ONCE, before.came)
    is_usual = before.known & seen & ~_widened(before.known & came & (differs >= DIFFERS))
    taken = stood & (~before.known | (at_s - since >= ABSORBED_S))
    return replace(
        before,
        at_s=at_s,
        known=before.known | taken,
        field=_followed(before.field, now.field, lately, is_usual, taken),
        grey=np.where(taken, lately_grey, np.where(is_usual, _followed_grey(before.grey, now.grey), before.grey)),
        tint=np.where(
            _halved(taken), lately_tint, np.where(_halved(is_usual), _a_step(before.tint, now.tint), before.tint)
        ),
        lately=lately,
        lately_grey=lately_grey,
        lately_tint=lately_tint,
        looks=looks,
        since=since,
        unseen=np.where(seen, np.uint8(0), unseen),
        gap=np.where(anew, unseen, before.gap),
        came=came,
        upset_s=None,
        upset_looks=0,
        switched_s=at_s if is_switched else before.switched_s,
    )


def _widened(mask: Mask) -> Mask:
    side = 2 * RIM_PX + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)), np.bool_)


def _halved(mask: Mask) -> Mask:
    return mask[::2, ::2, np.newaxis]


def _blended(before: Field, now: Field, goes_on: Mask, anew: Mask) -> Field:
    mixed = np.rint(before * np.float32(0.75) + now * np.float32(0.25)).astype(np.int8)
    return np.where(goes_on[..., np.newaxis], mixed, np.where(anew[..., np.newaxis], now, before))


def _followed(before: Field, now: Field, lately: Field, is_usual: Mask, taken: Mask) -> Field:
    followed = np.where(is_usual[..., np.newaxis], _toward(before, now), before)
    return np.where(taken[..., np.newaxis], lately, followed)


def _toward(before: Field, now: Field) -> Field:
    """A step towards what is seen now; by one at least, so that it gets there."""
    difference = now.astype(np.int16) - before
    step = np.sign(difference) * np.maximum(np.abs(difference) // FOLLOWS, np.abs(difference) > 0)
    return np.asarray(before + step, np.int8)


def _followed_grey(before: Grey, now: Grey) -> Grey:
    """As far as light drifts: a shadow, or a thing, that has come since is no part of it."""
    is_near = np.abs(now.astype(np.int16) - before) <= DRIFTS_BY
    return np.where(is_near, _a_step(before, now), before)


def _a_step(before: Grey, now: Grey) -> Grey:
    """One level towards what is seen now (approximated median: McFarlane and Schofield, Segmentation and tracking of
    piglets in images, Machine Vision and Applications 8, 1995)."""
    return np.asarray(before + np.sign(now.astype(np.int16) - before), np.uint8)


# What stands there


@dataclass(frozen=True, slots=True)
class ChangedPlace:
    """A place that has been steadily other than its background. ``box``: shares of the picture. ``since_s``: the first
    look at which it was so; ``before_s``: the last at which it was not; ``seen_s``: the last at which nobody stood
    before it. ``is_new``: something came, or something went; None where that cannot be told. ``is_light``: only shadow,
    or light."""

    box: Box
    since_s: float
    before_s: float
    seen_s: float
    is_new: bool | None
    is_light: bool


def changed_places(model: Background) -> list[ChangedPlace]:
    """The largest of them; none in a picture that is wholly other."""
    if model.is_upset:
        return []
    stood = (model.looks >= LEAST_LOOKS) & (model.at_s - model.since >= LEAST_S)
    steady = model.known & stood & model.came & (apart(model.lately, model.field) >= DIFFERS)
    joined = cv2.morphologyEx(steady.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    _, found, stats, _ = cv2.connectedComponentsWithStats(joined)
    labels = np.asarray(found, np.int32)
    largest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST_PLACES]
    ratio = _ratio(model, _gain(model))
    places = (_place(model, ratio, steady, labels, int(number), stats[number]) for number in largest)
    return [place for place in places if place is not None]


def _gain(model: Background) -> float:
    """By how much the whole picture is brighter than its background."""
    known = model.known[::3, ::3]
    if not known.any():
        return 1.0
    return float(np.median((model.lately_grey[::3, ::3][known] + 2.0) / (model.grey[::3, ::3][known] + 2.0)))


def _place(
    model: Background,
    ratio: Ratio,
    steady: Mask,
    labels: npt.NDArray[np.int32],
    number: int,
    row: npt.NDArray[np.int32],
) -> ChangedPlace | None:
    left, top, width, height = (int(value) for value in row[:4])
    if min(width, height) < SMALLEST_PX or width > LARGEST * SMALL[0] or height > LARGEST * SMALL[1]:
        return None
    cut = (slice(top, top + height), slice(left, left + width))
    edges = steady[cut] & (labels[cut] == number)
    if int(np.count_nonzero(edges)) < FEWEST_EDGE_PX:
        return None
    hull = _hull(labels[cut] == number)
    present, past = _outlined(model.lately, cut, hull), _outlined(model.field, cut, hull)
    is_clear = abs(present - past) >= CLEARLY * (present + past)
    since_s = float(np.median(model.since[cut][edges]))
    return ChangedPlace(
        box=(left / SMALL[0], top / SMALL[1], (left + width) / SMALL[0], (top + height) / SMALL[1]),
        since_s=since_s,
        before_s=since_s - float(np.median(model.gap[cut][edges])) / 2,
        seen_s=model.at_s - float(np.median(model.unseen[cut][edges])) / 2,
        is_new=present > past if is_clear else None,
        is_light=_is_light(model, ratio, cut, hull > 0) or _came_with_light(model, since_s),
    )


def _outlined(field: Field, cut: tuple[slice, slice], hull: npt.NDArray[np.uint8]) -> float:
    """How strong the edges along the outline of a hull are, 0..1: those across it, which clutter has by chance only."""
    around = cv2.GaussianBlur(np.pad(hull, AROUND_PX).astype(np.float32), (0, 0), 1.5)
    normal = cv2.merge([cv2.Sobel(around, cv2.CV_32F, 1, 0), cv2.Sobel(around, cv2.CV_32F, 0, 1)])
    length = np.asarray(cv2.magnitude(normal[..., 0], normal[..., 1]))
    rows, columns = (np.arange(each.start - AROUND_PX, each.stop + AROUND_PX) for each in cut)
    part = field[np.clip(rows, 0, SMALL[1] - 1)][:, np.clip(columns, 0, SMALL[0] - 1)]
    across = np.abs((part.astype(np.float32) / 127 * normal).sum(axis=2)) / (length + 1e-6)
    return float(across[length >= OUTLINE * length.max()].mean())


def _hull(mask: Mask) -> npt.NDArray[np.uint8]:
    """The convex hull of what is set: the outline of a thing of one colour is all that is seen of it."""
    rows, columns = np.nonzero(mask)
    points = cv2.convexHull(np.stack([columns, rows], axis=1).astype(np.int32))
    return np.asarray(cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), points, 1), np.uint8)


# By so much shadow darkens and light brightens, and so evenly; whatever is darker still is a thing.
SHADOW, LIGHT, EVENLY = (0.45, 0.96), (1.04, 2.5), 0.07
FEWEST_INNER_PX = 16
# So far into it a shadow's edge reaches, with the blur and the means over pixels taken here.
SOFT_PX = 6.0
# Shadow and light keep a place's colour, in levels of a tint.
SAME_TINT = 10.0
# Of what the outline encloses, so much is as dark as the shadow, or as bright as without it, or in between.
BETWEEN, BETWEEN_BY = 0.85, 0.1

Ratio = npt.NDArray[np.float32]


def _ratio(model: Background, gain: float) -> Ratio:
    """By how much each pixel is brighter than its background, beside the picture as a whole; (144, 256) float32."""
    ratio = (model.lately_grey + np.float32(2)) / (model.grey + np.float32(2)) / np.float32(gain)
    return np.asarray(cv2.blur(ratio, (3, 3)), np.float32)


def _is_light(model: Background, ratio: Ratio, cut: tuple[slice, slice], hull: Mask) -> bool:
    """Whether it is an edge, or all, of a place that is evenly darker or brighter, with the same texture."""
    for least, most in (SHADOW, LIGHT):
        changed = (ratio >= least) & (ratio <= most)
        _, labels = cv2.connectedComponents(changed.astype(np.uint8), connectivity=4)
        numbers = labels[cut][hull & changed[cut]]
        if len(numbers) < 0.1 * np.count_nonzero(hull):
            continue
        region = labels == np.bincount(numbers).argmax()
        inner = _inner(region)
        if np.count_nonzero(inner) < FEWEST_INNER_PX:
            continue
        middle = float(np.median(ratio[inner]))
        uneven = float(np.median(np.abs(ratio[inner] - middle))) / middle
        texture = float(np.median(apart(model.lately, model.field)[inner]))
        tint = float(np.median(_tint_apart(model)[inner[::2, ::2]])) if inner[::2, ::2].any() else 0.0
        enclosed = ratio[cut][hull]
        low, high = min(middle, 1.0) - BETWEEN_BY, max(middle, 1.0) + BETWEEN_BY
        between = float(((enclosed >= low) & (enclosed <= high)).mean())
        if uneven <= EVENLY and texture <= SAME and between >= BETWEEN and tint <= SAME_TINT:
            return True
    return False


def _inner(region: Mask) -> Mask:
    """Where the edges of a region, which are soft, reach no more: its middle, if it is large enough to have one."""
    depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_C, 3)
    return np.asarray(depth > max(2.0, min(SOFT_PX, 0.6 * float(depth.max()))), np.bool_)


def _tint_apart(model: Background) -> Plane:
    """How far the tint of each place is from its background's, beside the picture as a whole; (72, 128) float32."""
    difference = model.lately_tint.astype(np.float32) - model.tint
    difference -= np.median(difference[::2, ::2], axis=(0, 1))
    return np.asarray(cv2.magnitude(difference[..., 0], difference[..., 1]), np.float32)


def _came_with_light(model: Background, since_s: float) -> bool:
    return model.switched_s is not None and abs(since_s - model.switched_s) <= 2.0
