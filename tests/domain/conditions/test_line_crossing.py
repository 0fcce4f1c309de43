"""A line is passed once by whoever passes it, and never by who trembles there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.tracking import ByteTracker
from patrol.domain.conditions.line_crossing import CLEAR_OF_LINE, Direction, LineCrossing
from patrol.domain.events import Kind
from tests.domain.conditions.moving import (
    HEIGHT,
    WIDTH,
    Mover,
    Path,
    Played,
    area,
    goes,
    hidden,
    legs,
    line,
    play,
    seconds,
    stays,
    trembling,
)
from tests.examples import examples

TALL = 100.0
BAND = CLEAR_OF_LINE * TALL
# Upwards through the middle of the picture: its left is the picture's left.
MIDDLE = line((0.5, 0.9), (0.5, 0.1))
X = WIDTH / 2
ACROSS = goes((X - 200, 400), (100, 0))
"""From left to right, over the line after 2 s."""


def crossings(played: Played) -> int:
    """How many passed; each is told, since it is over before the next frame."""
    return sum(event.evidence.count for event in played.events)


def passed(*movers: Mover, until: float = 5.0, fps: float = 4.0, **settings_: object) -> Played:
    condition = LineCrossing(frozenset({"person", "car"}), **settings_)  # type: ignore[arg-type]
    return play(condition, MIDDLE, movers, seconds(until, fps), clear_after_s=0.01)


def test_who_passes_is_one_event_at_once_with_words() -> None:
    played = passed(Mover(ACROSS))
    (event,) = played.events
    assert event.kind is Kind.LINE_CROSSING
    assert 2.0 <= played.confirmed_s[0] <= 3.0
    assert event.evidence.words_zh == "边线：1 人由左向右越线"
    assert event.evidence.words_en == "edge: 1 person crossed the line from left to right"
    assert len(event.evidence.boxes) == 1


@pytest.mark.parametrize(
    ("direction", "velocity", "expected"),
    [
        (Direction.EITHER, 100, 1),
        (Direction.EITHER, -100, 1),
        (Direction.LEFT_TO_RIGHT, 100, 1),
        (Direction.LEFT_TO_RIGHT, -100, 0),
        (Direction.RIGHT_TO_LEFT, 100, 0),
        (Direction.RIGHT_TO_LEFT, -100, 1),
    ],
)
def test_the_direction_is_that_of_who_walks_along_the_line(direction: Direction, velocity: int, expected: int) -> None:
    mover = Mover(goes((X - 2 * velocity, 400), (velocity, 0)))
    assert crossings(passed(mover, direction=direction)) == expected


def test_who_walks_around_its_end_or_along_it_does_not_pass() -> None:
    around = Mover(legs((0, X - 60, 300), (2, X - 60, 50), (3, X + 60, 50), (6, X + 60, 300)), size=(20, 40))
    along = Mover(goes((X - 30, 650), (0, -100)), size=(40, TALL))
    assert crossings(passed(around, along, until=7)) == 0


def test_there_and_back_is_two_crossings() -> None:
    assert crossings(passed(Mover(legs((0, X - 100, 400), (2, X + 100, 400), (4, X - 100, 400))))) == 2


def test_who_is_not_wanted_may_pass() -> None:
    assert crossings(passed(Mover(ACROSS, label="truck"), Mover(ACROSS, confidence=0.3))) == 0


def test_two_side_by_side_are_two() -> None:
    assert crossings(passed(Mover(ACROSS), Mover(goes((X - 200, 520), (100, 0))))) == 2


offsets = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=8, max_size=60)


def shaken(path: Path, steps: Sequence[tuple[float, float]], pixels: float, fps: float = 4.0) -> Path:
    """The path, with steps of at most so many pixels beside it."""

    def found(t: float) -> tuple[float, float] | None:
        place = path(t)
        dx, dy = steps[round(t * fps) % len(steps)]
        return None if place is None else (place[0] + dx * pixels, place[1] + dy * pixels)

    return found


@examples(150)
@given(offsets, st.floats(-2 * BAND, 2 * BAND))
def test_who_stands_and_trembles_by_less_than_the_band_passes_nothing(
    steps: list[tuple[float, float]], beside: float
) -> None:
    mover = Mover(shaken(stays(X + beside, 400), steps, 0.99 * BAND), size=(40, TALL))
    assert crossings(passed(mover, until=15)) == 0


@examples(150)
@given(offsets, st.floats(60, 200), st.booleans())
def test_who_passes_does_so_once_however_much_the_box_trembles(
    steps: list[tuple[float, float]], speed: float, is_leftward: bool
) -> None:
    to = -1 if is_leftward else 1
    path = legs((0, X - to * 150, 400), (300 / speed, X + to * 150, 400), (300 / speed + 2, X + to * 150, 400))
    mover = Mover(shaken(path, steps, 0.99 * BAND), size=(40, TALL))
    assert crossings(passed(mover, until=8)) == 1


@examples(100)
@given(offsets, st.lists(st.floats(0.5, 4.0), max_size=3), st.floats(0.25, 1.0))
def test_other_numbers_on_the_way_never_count_twice(
    steps: list[tuple[float, float]], switches: list[float], lost_s: float
) -> None:
    """At each switch it is lost for a while, and found as somebody else."""
    path = shaken(legs((0, X - 150, 400), (4, X + 150, 400), (6, X + 150, 400)), steps, 0.5 * BAND)
    edges = [0.0, *sorted(switches), 99.0]
    movers = [
        Mover(lambda t, begins=begins + lost_s * (index > 0), ends=ends: path(t) if begins <= t < ends else None)
        for index, (begins, ends) in enumerate(pairwise(edges))
    ]
    assert crossings(passed(*movers, until=6)) <= 1


def test_who_is_lost_on_the_line_and_found_as_another_has_passed_once() -> None:
    slow = legs((0, X - 60, 400), (4, X + 60, 400), (6, X + 60, 400))
    before, after = Mover(hidden(slow, (2.0, 99))), Mover(hidden(slow, (0, 2.25)))
    assert crossings(passed(before, after, until=6)) == 1


def test_a_lost_track_that_was_carried_on_and_comes_back_does_not_pass_again() -> None:
    slow = legs((0, X - 60, 400), (4, X + 60, 400), (6, X + 60, 400))
    before = Mover(hidden(slow, (2.0, 3.25)))
    between = Mover(hidden(slow, (0, 2.25), (3.25, 99)))
    assert crossings(passed(before, between, until=6)) <= 1


def test_with_the_real_tracker_each_of_many_passes_once() -> None:
    movers = [
        Mover(trembling(goes((X - 200 - 40 * i, 250 + 90 * i), (90, 0)), 3, seed=i), size=(40, 100)) for i in range(4)
    ]
    back = Mover(trembling(legs((0, X + 300, 640), (11, X - 300, 640)), 3, seed=9))
    idle = Mover(trembling(stays(X + 4, 180), 4, seed=10))
    played = play(LineCrossing(), MIDDLE, [*movers, back, idle], seconds(9, 6), ByteTracker, clear_after_s=0.01)
    assert crossings(played) == 5


def test_only_somebody_near_the_line_makes_a_visit_worth_a_focus() -> None:
    visits = [0.0, 5.0, 10.0]
    near = play(LineCrossing(), MIDDLE, [Mover(stays(X + 200, 400))], visits)
    far = play(LineCrossing(), MIDDLE, [Mover(stays(X + 400, 400)), Mover(stays(X, 500), label="car")], visits)
    assert (near.asked_s, far.asked_s) == (visits, [])


def test_numbers_that_are_given_anew_in_the_next_focus_carry_nothing_over() -> None:
    left, right = legs((0, X - 100, 400), (2, X - 100, 400)), legs((20, X + 100, 400), (22, X + 100, 400))
    mover = Mover(lambda t: left(t) or right(t))
    assert crossings(play(LineCrossing(), MIDDLE, [mover], [*seconds(2), *seconds(22, since=20)])) == 0


def test_a_polygon_has_no_sides() -> None:
    assert play(LineCrossing(), area(), [Mover(ACROSS)], seconds(5)).events == []
    assert HEIGHT * 0.1 < 400 < HEIGHT * 0.9
