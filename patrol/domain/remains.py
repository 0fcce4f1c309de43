"""What remains where somebody stood, told by the pixels alone: detectors often lose who lies.

A picture is held against the one in which they were upright last. Where their upper half was, it must look different
now: they are not there any more. And beside their feet something must have come that is low and large enough to be a
person; who walked away, behind a door or out of the picture, leaves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from patrol.domain.falling import Box, Figure, Stood
from patrol.domain.motion import DIFFERS_BY, LARGEST, SMALL, Grey, Mask

# Smaller than this, in heights of the picture, a person is a few pixels here, and nothing can be told.
LEAST_TALL = 0.25
# So much of where their upper half was must look different: a body fills half of its box, and half of the body may
# look like what is behind it.
LEFT_BY = 0.25
# From above the feet to below, and to both sides, in their own height: there somebody who fell lies, not higher.
ABOVE, BELOW, BESIDE = 0.55, 0.5, 1.3
# In their own height squared: a person who lies measures 1.7 m by 0.35 m, which is 0.2, and half of it seen from the
# feet; a third of that may lie where they stood or look like the ground.
LEAST_AREA = 0.06
# A box that reaches the picture's edge is cut off there: they may have left.
EDGE = 0.02


def is_at_the_edge(figure: Figure, aspect: float) -> bool:
    """Whether somebody may just have left the picture there."""
    x1, y1, x2, y2 = figure.box(aspect)
    return x1 <= EDGE or y1 <= 0 or x2 >= 1 - EDGE or y2 >= 1 - EDGE


def what_remains(before: Grey, now: Grey, stood: Stood, people: Sequence[Box], aspect: float) -> Figure | None:
    """Something low that came to where somebody stood, while they went; None if there is nothing.

    ``before``: (90, 160) uint8, when they were upright last; ``now``: the same place. ``people``: boxes in which
    nothing counts, of others, then and now.
    """
    if stood.tall < LEAST_TALL:
        return None
    changed = np.asarray(cv2.absdiff(before, now) > DIFFERS_BY, np.bool_)
    if changed.mean() > LARGEST:
        return None
    x1, y1, x2, y2 = stood.figure.box(aspect)
    upper = changed[_rows(y1, y1 + stood.figure.height / 2), _columns(x1, x2)]
    if upper.size == 0 or upper.mean() < LEFT_BY:
        return None
    for left, top, right, bottom in (*people, (x1, y1, x2, y2)):
        changed[_rows(top, bottom), _columns(left, right)] = False
    return _low_thing(changed, stood, aspect)


def _low_thing(changed: Mask, stood: Stood, aspect: float) -> Figure | None:
    tall, x, foot = stood.tall, stood.figure.x, stood.figure.bottom
    rows = _rows(foot - ABOVE * tall, foot + BELOW * tall)
    columns = _columns((x - BESIDE * tall) / aspect, (x + BESIDE * tall) / aspect)
    band = changed[rows, columns].astype(np.uint8)
    if band.size == 0:
        return None
    _, _, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(band, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    )
    least = LEAST_AREA * (tall * SMALL[1]) * (tall / aspect * SMALL[0])
    # What reaches the upper edge of the band is the lower end of something high: a door, or somebody who bends.
    low = [row for row in stats[1:] if row[cv2.CC_STAT_AREA] >= least and row[cv2.CC_STAT_TOP] > 0]
    if not low:
        return None
    left, top, width, height = (int(value) for value in max(low, key=lambda row: int(row[cv2.CC_STAT_AREA]))[:4])
    x1, y1 = (columns.start + left) / SMALL[0], (rows.start + top) / SMALL[1]
    return Figure.of_box((x1, y1, x1 + width / SMALL[0], y1 + height / SMALL[1]), aspect)


def _rows(top: float, bottom: float) -> slice:
    return _within(top, bottom, SMALL[1])


def _columns(left: float, right: float) -> slice:
    return _within(left, right, SMALL[0])


def _within(low: float, high: float, size: int) -> slice:
    return slice(min(size, max(0, round(low * size))), min(size, max(0, round(high * size))))
