"""What lies where somebody stood, by the pixels alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.falling import Figure, Stood
from patrol.domain.motion import SMALL, Grey
from patrol.domain.remains import is_at_the_edge, what_remains
from patrol.domain.scene import TrackId
from tests.builders import at

ASPECT = 16 / 9
TALL = 0.5
STANDING = Figure(x=0.8, top=0.25, bottom=0.75, width=0.18)
STOOD = Stood(TrackId(1), at(0), STANDING, TALL)
LYING = Figure(x=1.1, top=0.66, bottom=0.8, width=0.5)
GROUND = np.random.default_rng(3).integers(80, 90, SMALL[::-1], np.uint8)


def picture(*figures: Figure, shade: int = 200) -> Grey:
    grey = GROUND.copy()
    for figure in figures:
        x1, y1, x2, y2 = figure.box(ASPECT)
        rows = slice(max(0, round(y1 * SMALL[1])), round(y2 * SMALL[1]))
        grey[rows, max(0, round(x1 * SMALL[0])) : round(x2 * SMALL[0])] = shade
    return grey


def remains(now: Grey, *people: Figure) -> Figure | None:
    return what_remains(picture(STANDING), now, STOOD, [one.box(ASPECT) for one in people], ASPECT)


def test_who_lies_there_is_found_where_they_lie() -> None:
    found = remains(picture(LYING))
    assert found is not None
    assert found.overlap(LYING) > 0.7


@pytest.mark.parametrize(
    "now",
    [
        picture(),
        picture(STANDING),
        picture(STANDING, LYING),
        picture(Figure(1.05, 0.2, 0.78, 0.2)),
        picture(Figure(1.05, 0.7, 0.75, 0.05)),
        picture(Figure(1.6, 0.66, 0.8, 0.3)),
        np.full(SMALL[::-1], 230, np.uint8),
    ],
    ids=["gone", "still stands", "stands, and something came", "somebody else", "a bag", "too far away", "light"],
)
def test_nothing_else_is(now: Grey) -> None:
    assert remains(now) is None


def test_what_the_detector_knows_is_not_looked_at() -> None:
    assert remains(picture(LYING), LYING) is None


def test_people_far_away_are_too_few_pixels() -> None:
    small = Stood(TrackId(1), at(0), Figure(0.8, 0.55, 0.75, 0.07), 0.2)
    assert what_remains(picture(small.figure), picture(Figure(0.92, 0.7, 0.76, 0.2)), small, (), ASPECT) is None


@given(dx=st.floats(-0.55, 0.55), shade=st.integers(115, 255))
def test_either_side_and_any_clothes_will_do(dx: float, shade: int) -> None:
    lying = Figure(0.8 + dx, 0.66, 0.8, 0.5)
    found = what_remains(picture(STANDING, shade=shade), picture(lying, shade=shade), STOOD, (), ASPECT)
    beside = lying.area - lying.common(STANDING)
    if abs(dx) <= 0.4 and beside > 0.04:
        assert found is not None


def test_who_touches_the_edge_may_have_left() -> None:
    assert not is_at_the_edge(STANDING, ASPECT)
    assert is_at_the_edge(Figure(0.05, 0.3, 0.7, 0.14), ASPECT)
    assert is_at_the_edge(Figure(0.8, 0.5, 1.0, 0.14), ASPECT)
