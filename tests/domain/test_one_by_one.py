"""Counting people one by one in two looks at the same frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from patrol.domain.detections import Detections
from patrol.domain.one_by_one import AGREED, SAME, SEEN_FROM, SEEN_WELL_FROM, in_both

SURE = 0.4
WIDTH, HEIGHT = 1280, 720
Box = tuple[float, float, float, float]
NEAR_BOX: Box = (100, 100, 300, 100 + (SEEN_WELL_FROM + 0.1) * HEIGHT)
FAR_BOX: Box = (100, 100, 120, 100 + (SEEN_FROM - 0.02) * HEIGHT)


def look(*people: tuple[Box, float]) -> Detections:
    """What one look finds: boxes (x1, y1, x2, y2) in pixels, each with how sure it is."""
    boxes = np.array([box for box, _ in people], np.float32).reshape(-1, 4)
    sure = np.array([confidence for _, confidence in people], np.float32)
    return Detections(WIDTH, HEIGHT, boxes, np.zeros(len(people), np.int64), sure, ("person",))


@st.composite
def looks(draw: st.DrawFn) -> Detections:
    """Boxes of all sizes from a pixel on, anywhere in the picture, some over others."""
    count = draw(st.integers(0, 12))
    ends = draw(arrays.arrays(np.float32, (count, 2, 2), elements=st.floats(0, 1, width=32)))
    inner = np.array([WIDTH - 1, HEIGHT - 1] * 2, np.float32)
    boxes = np.concatenate([ends.min(axis=1), ends.max(axis=1)], axis=1) * inner + np.array([0, 0, 1, 1], np.float32)
    sure = draw(arrays.arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    return Detections(WIDTH, HEIGHT, boxes, np.zeros(count, np.int64), sure, ("person",))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.clip(sides, 0, None).prod())
    together = float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()) - shared
    return shared / together if together > 0 else 0.0


def test_whom_both_looks_find_counts_once_with_the_surer_box() -> None:
    shifted = (NEAR_BOX[0] + 10, *NEAR_BOX[1:])
    found = in_both(look((NEAR_BOX, 0.5)), look((shifted, 0.9)), SURE)
    assert found.confidence.tolist() == [np.float32(0.9)]
    assert found.xyxy.tolist() == [list(shifted)]


def test_far_people_are_left_to_the_finer_look() -> None:
    nobody = look()
    assert len(in_both(look((FAR_BOX, 0.9)), nobody, SURE)) == 0, "too small for the own pass to be believed"
    assert len(in_both(nobody, look((FAR_BOX, AGREED * SURE + 0.01)), SURE)) == 1
    assert len(in_both(nobody, look((FAR_BOX, AGREED * SURE - 0.01)), SURE)) == 0


def test_near_people_count_by_what_both_looks_say() -> None:
    nobody, alone = look(), 2 * AGREED * SURE
    for one, other in ((look((NEAR_BOX, alone - 0.01)), nobody), (nobody, look((NEAR_BOX, alone - 0.01)))):
        assert len(in_both(one, other, SURE)) == 0, "the other look says nobody"
    assert len(in_both(look((NEAR_BOX, alone + 0.01)), nobody, SURE)) == 1
    assert len(in_both(look((NEAR_BOX, 0.3)), look((NEAR_BOX, 0.2)), SURE)) == 1, "unsure, but both"


def test_two_people_who_partly_hide_each_other_are_two() -> None:
    beside = (NEAR_BOX[0] + 100, NEAR_BOX[1], NEAR_BOX[2] + 100, NEAR_BOX[3])
    both = look((NEAR_BOX, 0.9), (beside, 0.8))
    assert len(in_both(both, both, SURE)) == 2


def test_looks_at_different_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="two looks at one frame"):
        in_both(look(), replace(look(), width=640), SURE)


@given(looks(), looks())
def test_nobody_counts_twice(usual: Detections, finer: Detections) -> None:
    found = in_both(usual, finer, SURE).xyxy.astype(np.float64)
    assert all(overlap(one, other) <= SAME + 1e-6 for n, one in enumerate(found) for other in found[:n])


@given(looks(), looks())
def test_everybody_who_counts_was_found_by_a_look_that_was_sure_enough(usual: Detections, finer: Detections) -> None:
    there = {(*box, sure) for each in (usual, finer) for box, _, sure in each}
    for box, _, sure in in_both(usual, finer, SURE):
        assert (*box, sure) in there
        assert sure >= AGREED * SURE - 1e-6


@given(looks(), looks())
def test_who_asks_for_less_is_told_of_no_fewer(usual: Detections, finer: Detections) -> None:
    assert len(in_both(usual, finer, SURE / 2)) >= len(in_both(usual, finer, SURE))


@given(looks())
def test_the_same_look_twice_adds_nobody(usual: Detections) -> None:
    found = in_both(usual, usual, SURE)
    assert len(in_both(found, found, SURE)) == len(found)


@given(looks(), looks())
def test_a_picture_that_is_twice_as_large_shows_as_many(usual: Detections, finer: Detections) -> None:
    twice = [replace(each, width=2 * WIDTH, height=2 * HEIGHT, xyxy=2 * each.xyxy) for each in (usual, finer)]
    assert len(in_both(*twice, SURE)) == len(in_both(usual, finer, SURE))
