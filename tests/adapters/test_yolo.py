"""Fitting pictures and reading boxes, against a plain reference written for this test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.yolo import (
    PADDING,
    Canvas,
    Placement,
    Reading,
    checked_input_size,
    fitting_input_size,
    letterbox,
    overlaps,
    read_output,
    reading_of,
)
from patrol.domain.errors import ModelError
from tests.examples import examples

NAMES = ("person", "car", "dog")
AS_IT_IS = Placement(1.0, 0, 0)
sides = st.integers(1, 700)


def raw(*boxes: tuple[float, float, float, float, dict[int, float]]) -> npt.NDArray[np.float32]:
    """A network's output with these (centre x, centre y, width, height, {class: confidence}) candidates."""
    output = np.zeros((4 + len(NAMES), max(1, len(boxes))), np.float32)
    for column, (*box, confidences) in enumerate(boxes):
        output[:4, column] = box
        for class_id, confidence in confidences.items():
            output[4 + class_id, column] = confidence
    return output


def reference(output: npt.NDArray[np.float32], reading: Reading) -> list[tuple[int, float, tuple[float, ...]]]:
    """The same decision box by box, in plain Python: (class, confidence, xyxy), surest first."""
    candidates = []
    for cx, cy, w, h, *confidences in output.T.astype(float).tolist():
        best = max(range(len(confidences)), key=confidences.__getitem__)
        if confidences[best] > np.float32(reading.min_confidence) and (
            reading.wanted is None or best in reading.wanted
        ):
            candidates.append((best, confidences[best], (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)))
    kept: list[tuple[int, float, tuple[float, ...]]] = []
    for candidate in sorted(candidates, key=lambda one: -one[1]):
        if all(other[0] != candidate[0] or overlap(other[2], candidate[2]) <= reading.max_overlap for other in kept):
            kept.append(candidate)
    return kept


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


# Fitting


def test_a_picture_of_the_right_size_is_not_copied() -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    fitted, placement = letterbox(pixels, (96, 64))
    assert fitted is pixels
    assert placement == AS_IT_IS


def test_a_turned_view_is_handed_over_contiguous() -> None:
    fitted, _ = letterbox(np.zeros((64, 96, 3), np.uint8)[::-1], (96, 64))
    assert fitted.flags.c_contiguous


def test_an_upright_picture_stands_in_the_middle_of_grey() -> None:
    fitted, placement = letterbox(np.full((200, 100, 3), 255, np.uint8), (128, 96))
    assert placement == Placement(0.48, 40, 0)
    assert (fitted[:, 40:88] == 255).all()
    assert (fitted[:, :40] == PADDING).all()
    assert (fitted[:, 88:] == PADDING).all()


@examples(60)
@given(sides, sides)
def test_any_picture_fits_and_keeps_its_shape(width: int, height: int) -> None:
    fitted, placement = letterbox(np.zeros((height, width, 3), np.uint8), (128, 96))
    assert fitted.shape == (96, 128, 3)
    inside = np.argwhere((fitted != PADDING).any(axis=2))
    size = inside.max(axis=0) - inside.min(axis=0) + 1
    assert inside.min(axis=0).tolist() == [placement.top_px, placement.left_px]
    assert size == pytest.approx(np.maximum(1, np.array([height, width]) * placement.scale), abs=0.51)
    assert max(size[0] / 96, size[1] / 128) == 1


@examples(100)
@given(sides, sides)
def test_a_box_comes_back_where_the_thing_was(width: int, height: int) -> None:
    _, placement = letterbox(np.zeros((height, width, 3), np.uint8), (128, 96))
    x, y = width * 0.25 * placement.scale + placement.left_px, height * 0.5 * placement.scale + placement.top_px
    size = (width * 0.2 * placement.scale, height * 0.4 * placement.scale)
    found = read_output(raw((x, y, *size, {0: 0.9})), placement, (width, height), Reading(NAMES))
    expected = [width * 0.15, height * 0.3, width * 0.35, height * 0.7]
    assert found.xyxy[0] == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert (found.width, found.height) == (width, height)


@pytest.mark.parametrize(
    ("frame", "longest", "expected"),
    [
        ((1920, 1080), 640, (640, 384)),
        ((810, 1080), 640, (480, 640)),
        ((640, 640), 640, (640, 640)),
        ((3000, 10), 640, (640, 32)),
        ((1280, 720), 1280, (1280, 736)),
    ],
)
def test_the_input_takes_the_shape_of_the_picture(
    frame: tuple[int, int], longest: int, expected: tuple[int, int]
) -> None:
    assert fitting_input_size(frame, longest) == checked_input_size(expected)


@pytest.mark.parametrize("size", [(640, 360), (0, 64), (64, -32), (16, 64)])
def test_an_input_size_the_network_cannot_take_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match="multiples of 32"):
        checked_input_size(size)


@examples(50)
@given(st.lists(st.tuples(st.integers(1, 120), st.integers(1, 120)), min_size=1, max_size=6))
def test_a_canvas_shows_each_picture_as_if_it_were_the_first(shapes: list[tuple[int, int]]) -> None:
    canvas = Canvas((96, 64))
    for shade, (width, height) in enumerate(shapes):
        picture = np.full((height, width, 3), 10 * shade, np.uint8)
        placement = canvas.show(picture)
        fresh, expected = letterbox(picture, (96, 64))
        assert placement == expected
        np.testing.assert_array_equal(canvas.pixels, fresh)


def test_a_canvas_keeps_a_copy() -> None:
    canvas, picture = Canvas((64, 32)), np.full((32, 64, 3), 7, np.uint8)
    canvas.show(picture)
    picture[:] = 9
    assert set(canvas.pixels.ravel().tolist()) == {7}


# Reading


def test_nothing_sure_enough_is_nothing() -> None:
    found = read_output(raw((50, 50, 10, 10, {0: 0.2})), AS_IT_IS, (100, 100), Reading(NAMES))
    assert len(found) == 0
    assert found.class_names == NAMES


def test_a_thing_is_found_once_and_at_its_surest() -> None:
    output = raw((50, 50, 20, 40, {0: 0.6}), (51, 50, 20, 40, {0: 0.8}), (50, 51, 20, 40, {0: 0.7}))
    found = read_output(output, AS_IT_IS, (100, 100), Reading(NAMES))
    assert found.confidence.tolist() == pytest.approx([0.8])


def test_two_kinds_in_one_place_are_two_things() -> None:
    output = raw((50, 50, 20, 40, {0: 0.6}), (50, 50, 20, 40, {2: 0.5}))
    found = read_output(output, AS_IT_IS, (100, 100), Reading(NAMES))
    assert [label for _, label, _ in found] == ["person", "dog"]


def test_people_in_a_dense_crowd_who_overlap_are_still_several() -> None:
    output = raw((50, 50, 20, 40, {0: 0.8}), (55, 50, 20, 40, {0: 0.7}))  # they share 60%
    assert len(read_output(output, AS_IT_IS, (100, 100), Reading(NAMES))) == 2
    assert len(read_output(output, AS_IT_IS, (100, 100), Reading(NAMES, max_overlap=0.5))) == 1


def test_a_dog_that_looks_a_little_like_a_person_is_no_person() -> None:
    output = raw((50, 50, 20, 20, {0: 0.4, 2: 0.6}), (20, 20, 10, 20, {0: 0.7}))
    found = read_output(output, AS_IT_IS, (100, 100), Reading(NAMES, wanted=(0,)))
    assert found.confidence.tolist() == pytest.approx([0.7])


def test_boxes_end_at_the_edge_of_the_picture() -> None:
    found = read_output(raw((0, 95, 40, 40, {0: 0.9})), AS_IT_IS, (100, 100), Reading(NAMES))
    assert found.xyxy.tolist() == [[0, 75, 20, 100]]


def test_a_box_wholly_in_the_grey_is_nothing() -> None:
    output = raw((64, 5, 20, 8, {0: 0.9}), (64, 48, 20, 20, {0: 0.8}))
    found = read_output(output, Placement(1.0, 0, 16), (128, 64), Reading(NAMES))
    assert found.xyxy.tolist() == [[54, 22, 74, 42]]


def test_rounding_above_one_is_one() -> None:
    found = read_output(raw((50, 50, 20, 20, {0: 1.004})), AS_IT_IS, (100, 100), Reading(NAMES))
    assert found.confidence.tolist() == [1.0]


def test_no_more_boxes_than_asked_for_and_the_surest_of_them() -> None:
    boxes = [(x, 50.0, 4.0, 4.0, {0: 0.3 + x / 1000}) for x in range(5, 95, 9)]
    found = read_output(raw(*boxes), AS_IT_IS, (100, 100), Reading(NAMES, max_boxes=3))
    assert found.confidence.tolist() == pytest.approx([0.386, 0.377, 0.368])


@examples(150)
@given(
    st.lists(
        st.tuples(
            st.integers(20, 80),
            st.integers(20, 80),
            st.integers(2, 40),
            st.integers(2, 40),
            # One step per candidate keeps confidences apart: among equals either may stay.
            st.integers(0, 2),
        ),
        max_size=40,
    ),
    st.sampled_from([None, (0,), (1, 2)]),
    st.sampled_from([0.3, 0.7]),
)
def test_agrees_with_the_plain_reference(
    boxes: list[tuple[int, int, int, int, int]], wanted: tuple[int, ...] | None, max_overlap: float
) -> None:
    spread = [(x, y, w, h, {kind: 0.1 + 0.02 * place}) for place, (x, y, w, h, kind) in enumerate(boxes)]
    reading = Reading(NAMES, 0.25, max_overlap + 1e-5, wanted=wanted)
    output = raw(*spread)
    found = read_output(output, AS_IT_IS, (100, 100), reading)
    expected = reference(output, reading)
    assert found.class_id.tolist() == [one[0] for one in expected]
    assert found.confidence.tolist() == pytest.approx([one[1] for one in expected])
    assert found.xyxy.reshape(-1) == pytest.approx(np.clip([side for one in expected for side in one[2]], 0, 100))


def test_labels_become_class_ids() -> None:
    assert reading_of(NAMES, 0.3, 0.7, frozenset({"dog", "person"})).wanted == (0, 2)
    assert reading_of(NAMES, 0.3, 0.7, None).wanted is None


def test_a_label_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(ModelError, match="does not know 'persom'; it knows: person, car, dog"):
        reading_of(NAMES, 0.3, 0.7, frozenset({"persom", "dog"}))


def test_overlap_of_every_pair() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    others = np.array([[5, 0, 15, 10], [0, 0, 10, 10], [50, 50, 50, 50]], np.float32)
    assert overlaps(boxes, others).tolist() == [pytest.approx([1 / 3, 1, 0]), [0, 0, 0]]
