"""What a box tells of a fall: the same for everybody, however large and wherever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.falling import FALL_S, Figure, Stood, has_gone_down, is_low, is_on_their_feet, last_stood, stays_down
from patrol.domain.scene import Track, TrackId, TrackPoint
from tests.builders import at

ASPECT = 16 / 9
STANDING = Figure(x=0.8, top=0.3, bottom=0.7, width=0.14)
LYING = Figure(x=0.95, top=0.6, bottom=0.72, width=0.4)
STOOD = Stood(TrackId(1), at(0), STANDING, tall=0.4)

figures = st.builds(
    lambda x, top, height, width: Figure(x, top, top + height, width),
    st.floats(0, 2),
    st.floats(0, 0.8),
    st.floats(0.01, 0.6),
    st.floats(0.01, 0.8),
)


def moved(figure: Figure, scale: float, x: float, y: float) -> Figure:
    return Figure(figure.x * scale + x, figure.top * scale + y, figure.bottom * scale + y, figure.width * scale)


@given(one=figures, other=figures)
def test_what_boxes_share_is_the_same_from_both_sides(one: Figure, other: Figure) -> None:
    assert one.overlap(other) == pytest.approx(other.overlap(one))
    assert 0 <= one.overlap(other) <= 1 + 1e-9
    assert one.overlap(one) == pytest.approx(1.0)
    assert one.share_on(other) <= 1 + 1e-9


@given(figure=figures)
def test_a_figure_is_its_box(figure: Figure) -> None:
    again = Figure.of_box(figure.box(ASPECT), ASPECT)
    assert (again.x, again.top, again.bottom, again.width) == pytest.approx(
        (figure.x, figure.top, figure.bottom, figure.width)
    )


@given(scale=st.floats(0.2, 1.2), x=st.floats(-0.1, 0.5), y=st.floats(-0.05, 0.1), seconds=st.floats(0.1, FALL_S))
def test_size_and_place_do_not_matter(scale: float, x: float, y: float, seconds: float) -> None:
    stood = Stood(TrackId(1), at(0), moved(STANDING, scale, x, y), 0.4 * scale)
    lay = moved(LYING, scale, x, y)
    if lay.bottom < 0.98:
        assert has_gone_down(stood, lay, at(seconds))
        assert stays_down(stood, lay, lay)
        assert not is_on_their_feet(stood, lay)
    assert not has_gone_down(stood, stood.figure, at(seconds))


@given(lower=st.floats(0.01, 1.0), higher=st.floats(0.01, 1.0))
def test_who_is_low_is_low_when_lower_still(lower: float, higher: float) -> None:
    lower, higher = sorted((lower, higher))
    if is_low(Figure(0.5, 0.9 - higher, 0.9, 0.1), tall=0.6):
        assert is_low(Figure(0.5, 0.9 - lower, 0.9, 0.1), tall=0.6)


def test_a_fall_takes_no_longer_than_a_fall() -> None:
    assert has_gone_down(STOOD, LYING, at(FALL_S))
    assert not has_gone_down(STOOD, LYING, at(FALL_S + 0.1))
    assert not has_gone_down(STOOD, LYING, at(0))


@pytest.mark.parametrize(
    "figure",
    [
        moved(LYING, 1.0, 0.6, 0.0),
        moved(LYING, 1.0, 0.0, -0.3),
        Figure(0.8, 0.3, 0.48, 0.14),
        Figure(0.8, 0.48, 0.7, 0.2),
        Figure(0.8, 0.9, 1.0, 0.13),
    ],
    ids=["too far away", "higher up", "hidden from below", "bent over", "half out of the picture"],
)
def test_what_else_looks_low_has_not_gone_down(figure: Figure) -> None:
    assert not has_gone_down(STOOD, figure, at(1.0))


def test_who_lies_at_the_lower_edge_is_low_if_clearly_wide() -> None:
    assert is_low(Figure(0.8, 0.85, 1.0, 0.3), tall=0.4)
    assert not is_low(Figure(0.8, 0.85, 1.0, 0.2), tall=0.4)


def track(*heights: float, width: float = 0.1) -> Track:
    points = [TrackPoint(at(index * 0.25), (0.5, 0.7), width / ASPECT, height) for index, height in enumerate(heights)]
    return Track(TrackId(1), "person", tuple(points))


def test_somebody_stood_when_they_were_last_as_tall_as_they_are() -> None:
    stood = last_stood(track(0.4, 0.4, 0.41, 0.39, 0.2, 0.12), ASPECT, at(1.25))
    assert stood is not None
    assert stood.at == at(0.75)
    assert stood.tall == pytest.approx(0.4, abs=0.01)


def test_of_who_never_stood_nothing_is_known() -> None:
    assert last_stood(track(0.1, 0.1, 0.1), ASPECT, at(0.5)) is None
    assert last_stood(track(0.4, 0.4), ASPECT, at(20)) is None


def test_one_box_that_is_too_tall_changes_nothing() -> None:
    stood = last_stood(track(0.4, 0.4, 0.4, 0.8, 0.4, 0.4, 0.4, 0.4), ASPECT, at(1.75))
    assert stood is not None
    assert (stood.at, stood.tall) == (at(1.75), pytest.approx(0.4))


@given(x=st.floats(-0.13, 0.13), y=st.floats(-0.13, 0.13), taller=st.floats(-0.09, 0.09))
def test_who_stands_there_is_still_there(x: float, y: float, taller: float) -> None:
    one = Figure(STANDING.x + x, STANDING.top + y - taller, STANDING.bottom + y, 0.14)
    assert STOOD.is_still_there([LYING, one])
    assert not STOOD.is_still_there([LYING, moved(one, 1.0, 0.4, 0.0)])
