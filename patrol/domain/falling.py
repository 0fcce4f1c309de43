"""Going down: what a person's box tells of a fall. Pure geometry, in heights of the picture.

A fall takes about 0.7 s from losing balance to the ground (Hsiao & Robinovitch 1998), and about twice that for who
sinks to their knees first. The trunk comes down faster than 1.3 m/s, and in no sitting, bending or lying down that is
meant it does (Bourke et al. 2008). At four pictures a second that is a few pictures: what can be told is that somebody
stood, perhaps that they came down that fast, and that a moment later their box is low.

How low: of the height of somebody who stands, somebody who sits on the ground keeps 0.52, squats or bends over more
than 0.55, kneels 0.7. Who lies keeps less than half wherever the camera looks down by less than 25 degrees; from
steeper above who lies along the line of sight looks as tall as who stands, and only who lies across it looks wide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from patrol.domain.scene import Track, TrackId, TrackPoint
from patrol.domain.tracking import LOST_AFTER_S

# A box so much higher than wide stands or walks, as a stride is half as long as they are high; who bends or sits is
# wider. The tallest of the last seconds say how tall they are, and lower than that is not upright.
UPRIGHT, TALL_OVER_S, STANDS = 1.8, 4.0, 0.8
# From the last picture of somebody upright to the first in which they are low.
FALL_S = 1.5
# Coming down, in their own height a second: 1.3 m/s of 1.7 m; and by more than boxes tremble. Seen so, they may be lost
# for as long as a track is kept before they are seen low.
FAST, FAST_BY, LANDS_WITHIN_S = 0.76, 0.2, LOST_AFTER_S
# By so much of how tall they are the top of their box must have come down: 0.7 m in the time of a fall.
DROPS_BY = 0.4
# Low: a box of half their height, or one wider than that of who bends over, or sits with their legs stretched out. Cut
# off by the picture's edge even somebody who leaves looks low; but neither a foot nor head and shoulders are as wide.
LOW, WIDE, LOWER, CUT_AT = 0.5, 1.5, 0.8, 0.985
# Who falls lands within their own height, and hardly higher up in the picture: there, they are hidden from below.
FALLS_WITHIN, UP_BY, DOWN_BY = 1.2, 0.35, 0.7
# Who is down stays within their own height, and rises beside where they lie.
STAYS_WITHIN, RISES_WITHIN = 0.8, 0.4
# Who stands within so much of where somebody stood, and is as tall, is the same person under another number.
SAME_PLACE, AS_TALL = 0.35, 0.25

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A person's box, in heights of the picture: ``x`` its middle, from the left; ``top``, ``bottom`` from above.

    ``is_cut_aside``: it reaches the left or the right edge of the picture, and may go on behind it.
    """

    x: float
    top: float
    bottom: float
    width: float
    is_cut_aside: bool = False

    @classmethod
    def of_box(cls, box: Box, aspect: float) -> Figure:
        """``box``: shares of the picture; ``aspect``: the picture's width over its height."""
        x1, y1, x2, y2 = box
        return cls((x1 + x2) / 2 * aspect, y1, y2, (x2 - x1) * aspect, x1 <= 1 - CUT_AT or x2 >= CUT_AT)

    @classmethod
    def of_point(cls, point: TrackPoint, aspect: float) -> Figure:
        """Where a track was."""
        x, y = point.foot
        return cls.of_box((x - point.width / 2, y - point.height, x + point.width / 2, y), aspect)

    def box(self, aspect: float) -> Box:
        """As shares of the picture."""
        return (self.x - self.width / 2) / aspect, self.top, (self.x + self.width / 2) / aspect, self.bottom

    @property
    def height(self) -> float:
        """Heights of the picture."""
        return self.bottom - self.top

    @property
    def is_upright(self) -> bool:
        """Whether it is as high as who stands or walks."""
        return self.height >= UPRIGHT * self.width

    @property
    def is_wide(self) -> bool:
        """Whether it is as wide as who lies across the line of sight."""
        return self.width >= WIDE * self.height

    @property
    def is_whole(self) -> bool:
        """Whether no edge of the picture cuts it off."""
        return self.bottom < CUT_AT and self.top > 1 - CUT_AT and not self.is_cut_aside

    @property
    def area(self) -> float:
        """Heights of the picture, squared."""
        return self.width * self.height

    def common(self, other: Figure) -> float:
        """The area that both boxes cover."""
        right = min(self.x + self.width / 2, other.x + other.width / 2)
        left = max(self.x - self.width / 2, other.x - other.width / 2)
        down, up = min(self.bottom, other.bottom), max(self.top, other.top)
        return max(0.0, right - left) * max(0.0, down - up)

    def overlap(self, other: Figure) -> float:
        """Intersection over union, 0..1."""
        both = self.common(other)
        return both / (self.area + other.area - both) if both > 0 else 0.0

    def share_on(self, other: Figure) -> float:
        """How much of this box the other covers, 0..1."""
        return self.common(other) / self.area if self.area > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Stood:
    """Somebody, when they were upright last. ``tall``: how tall they are when they stand, heights of the picture.

    ``came_down_at``: when they were seen to come down fast since. ``latest``: their last box, upright or not.
    """

    track_id: TrackId
    at: datetime
    figure: Figure
    tall: float
    came_down_at: datetime | None = None
    latest: Figure | None = None

    def may_fall(self, at: datetime) -> bool:
        """Whether somebody low may be they, or it is too late for that."""
        came_down_at = self.came_down_at or self.at
        return 0 < (at - self.at).total_seconds() <= FALL_S or (
            self.came_down_at is not None and 0 < (at - came_down_at).total_seconds() <= LANDS_WITHIN_S
        )

    def is_still_there(self, figures: Iterable[Figure]) -> bool:
        """Whether one of these is they, as high as before, by whatever number they are followed now."""
        return any(
            abs(one.x - self.figure.x) <= SAME_PLACE * self.tall
            and abs(one.bottom - self.figure.bottom) <= SAME_PLACE * self.tall
            and abs(one.height - self.tall) <= AS_TALL * self.tall
            for one in figures
        )


def last_stood(track: Track, aspect: float, at: datetime) -> Stood | None:
    """When somebody was upright last; None if that is not known of the last seconds."""
    points = [point for point in track.points if (at - point.at).total_seconds() <= TALL_OVER_S]
    upright = [(point.at, one) for point in points if (one := Figure.of_point(point, aspect)).is_upright]
    if not upright:
        return None
    tall = float(np.percentile([one.height for _, one in upright], 75))
    stood = [each for each in upright if each[1].height >= STANDS * tall]
    return Stood(track.id, *stood[-1], tall)


def is_low(figure: Figure, tall: float) -> bool:
    """Whether somebody who is so tall when they stand is down."""
    is_wide = figure.is_wide and figure.height <= LOWER * tall
    is_cut = figure.bottom >= CUT_AT or figure.is_cut_aside
    return is_wide or (not is_cut and figure.height <= LOW * tall)


def has_gone_down(stood: Stood, figure: Figure, at: datetime) -> bool:
    """Whether this may be who stood there a moment ago, and is down now."""
    tall = stood.tall
    return (
        stood.may_fall(at)
        and is_low(figure, tall)
        and figure.top - stood.figure.top >= DROPS_BY * tall
        and abs(figure.x - stood.figure.x) <= FALLS_WITHIN * tall
        and -UP_BY * tall <= figure.bottom - stood.figure.bottom <= DOWN_BY * tall
    )


def comes_down(stood: Stood, figure: Figure, at: datetime) -> bool:
    """Whether this is somebody on their way down, faster than anybody sits down."""
    seconds = (at - stood.at).total_seconds()
    fell_by = (figure.top - stood.figure.top) / stood.tall
    is_on_the_ground = figure.bottom - stood.figure.bottom >= -UP_BY * stood.tall
    return 0 < seconds <= FALL_S and is_on_the_ground and fell_by >= max(FAST_BY, FAST * seconds)


def stays_down(stood: Stood, lay: Figure, figure: Figure) -> bool:
    """Whether this may be who stood there, was down at ``lay``, and still is."""
    is_near = abs(figure.x - lay.x) <= STAYS_WITHIN * stood.tall
    is_as_far = abs(figure.bottom - lay.bottom) <= STAYS_WITHIN * stood.tall
    return is_near and is_as_far and is_low(figure, stood.tall)


def is_on_their_feet(stood: Stood, figure: Figure) -> bool:
    """Whether somebody as tall as they are stands."""
    return figure.is_upright and figure.height >= STANDS * stood.tall


def rises_there(stood: Stood, lay: Figure, figure: Figure) -> bool:
    """Whether who stands there may have lain at ``lay``."""
    is_beside = abs(figure.x - lay.x) <= lay.width / 2 + RISES_WITHIN * stood.tall
    return is_beside and abs(figure.bottom - stood.figure.bottom) <= RISES_WITHIN * stood.tall
