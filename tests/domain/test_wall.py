"""The tour wall: what is in sight, and what was found as it is told."""

from __future__ import annotations

import pytest

from patrol.domain.camera import CameraId
from patrol.domain.wall import MOST_BOXES, MOST_WISHED, WISHED_FOR_S, StillBox, Wishes, still_boxes
from tests.builders import people

ONE, TWO = CameraId("C-1"), CameraId("C-2")


def test_a_wish_holds_for_a_while_and_telling_it_again_makes_it_longer() -> None:
    wishes = Wishes()
    assert not wishes.holds(ONE, 0.0)
    wishes.hear([ONE, TWO], 10.0)
    wishes.hear([ONE], 10.0 + WISHED_FOR_S - 1)
    assert wishes.holds(ONE, 10.0 + WISHED_FOR_S)
    assert not wishes.holds(TWO, 10.0 + WISHED_FOR_S)
    assert wishes.count(10.0 + WISHED_FOR_S) == 1
    assert not wishes.holds(ONE, 9.0 + 2 * WISHED_FOR_S)


def test_what_one_console_does_not_wish_for_another_still_may() -> None:
    wishes = Wishes()
    wishes.hear([ONE], 0.0)
    wishes.hear([TWO], 1.0)
    assert wishes.holds(ONE, 2.0)
    assert wishes.holds(TWO, 2.0)


def test_beyond_what_fits_those_told_longest_ago_go() -> None:
    wishes = Wishes()
    wishes.hear([ONE], 0.0)
    wishes.hear([CameraId(f"F-{number}") for number in range(MOST_WISHED)], 1.0)
    assert wishes.count(1.0) == MOST_WISHED
    assert not wishes.holds(ONE, 1.0)


def test_boxes_are_shares_of_the_picture_with_what_they_are() -> None:
    found = people((0.5, 0.5), confidence=0.876)
    (box,) = still_boxes(found)
    assert (box.label, box.score) == ("person", 0.88)
    x1, y1, x2, y2 = found.xyxy[0] / [found.width, found.height, found.width, found.height]
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((x1, y1, x2, y2), abs=1e-4)


def test_of_more_than_a_small_picture_can_show_the_surest_are_told() -> None:
    found = people(*[(0.5, 0.5)] * (MOST_BOXES + 20), confidence=0.5)
    found.confidence[7] = 0.9
    boxes = still_boxes(found)
    assert len(boxes) == MOST_BOXES
    assert isinstance(boxes[0], StillBox)
    assert boxes[0].score == pytest.approx(0.9)
