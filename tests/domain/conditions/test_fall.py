"""Who goes down and stays down; not who sits, bends, lies down on purpose, gets up again, or leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.conditions import Fall
from patrol.domain.events import Kind
from tests.domain.conditions.bodies import Body, between, goes_down, lying, play_bodies, standing, stays
from tests.domain.conditions.moving import seconds
from tests.examples import examples

FOCUS = seconds(10.0)
X, FOOT, TALL = 500.0, 600.0, 300.0


def until(t: float, begins: float = 0.0) -> object:
    """Known to the detector from one second to another."""
    return lambda now: begins <= now < t


def test_a_fall_is_told_once_they_have_stayed_down_with_its_numbers() -> None:
    played = play_bodies([Body(goes_down(X, FOOT, 2.0, 0.7))], FOCUS)
    (event,) = played.events
    assert event.kind is Kind.FALL
    assert 4.0 <= played.confirmed_s[0] <= 5.0
    assert event.evidence.words_en.startswith("east: 1 fell within 0.")
    assert "1 人倒地" in event.evidence.words_zh
    assert event.evidence.held_s == pytest.approx(2.0, abs=0.3)
    (box,) = event.evidence.boxes
    assert box[2] - box[0] > box[3] - box[1]


SITTING = (X - 80, FOOT - 0.75 * TALL, X + 80, FOOT)
BENT = (X - 110, FOOT - 0.58 * TALL, X + 110, FOOT)


@pytest.mark.parametrize(
    "shape",
    [
        stays(standing(X, FOOT)),
        between([(0, standing(100, FOOT)), (10, standing(1200, FOOT))]),
        between([(2, standing(X, FOOT)), (3, SITTING)]),
        between([(2, standing(X, FOOT)), (2.7, BENT)]),
        between([(2, standing(X, FOOT)), (3.2, SITTING), (6.5, lying(X + 60, FOOT))]),
        goes_down(X, FOOT, 2.0, 0.7, rises=4.5),
        between([(0, standing(X, 520)), (4, standing(X, 1000))]),
        between([(2, standing(X, FOOT)), (2.8, (X - 54, FOOT - TALL, X + 54, FOOT - 0.6 * TALL))]),
    ],
    ids=["standing", "walking", "sits", "bends", "lies down", "gets up again", "leaves below", "hidden from below"],
)
def test_nobody_else_is_told(shape: object) -> None:
    assert play_bodies([Body(shape)], FOCUS).events == []  # type: ignore[arg-type]


def test_another_number_for_who_lies_is_the_same_person() -> None:
    falls = goes_down(X, FOOT, 2.0, 0.7)
    bodies = [Body(falls, until(2.4)), Body(falls, until(99.0, begins=2.9))]  # type: ignore[arg-type]
    (event,) = play_bodies(bodies, FOCUS).events
    assert event.evidence.count == 1


def test_another_number_for_who_stands_is_no_fall_beside_somebody_who_lies() -> None:
    bodies = [
        Body(stays(standing(X, FOOT)), until(3.0)),  # type: ignore[arg-type]
        Body(stays(standing(X, FOOT)), until(99.0, begins=3.0)),  # type: ignore[arg-type]
        Body(stays(lying(X + 150, FOOT + 20)), until(99.0, begins=2.5)),  # type: ignore[arg-type]
    ]
    assert play_bodies(bodies, seconds(8.0)).events == []


def test_who_was_low_before_has_not_fallen_when_another_goes() -> None:
    bodies = [
        Body(stays(standing(X, FOOT)), until(3.0)),  # type: ignore[arg-type]
        Body(stays((X + 60, FOOT - 130, X + 160, FOOT))),
    ]
    assert play_bodies(bodies, FOCUS).events == []


def test_who_comes_to_help_does_not_end_it() -> None:
    helper = between([(2.5, standing(1100, FOOT)), (3.5, standing(X + 60, FOOT))])
    bodies = [Body(goes_down(X, FOOT, 2.0, 0.7)), Body(helper)]
    played = play_bodies(bodies, FOCUS)
    assert len(played.events) == 1
    assert all(not findings.ended for _, findings in played.frames)


def test_it_is_over_once_they_have_risen() -> None:
    played = play_bodies([Body(goes_down(X, FOOT, 2.0, 0.7, rises=7.0))], seconds(16.0))
    (ended,) = [(t, event) for t, findings in played.frames for event in findings.ended]
    assert 11.5 <= ended[0] <= 12.5


def test_who_the_detector_loses_is_told_by_what_lies_there() -> None:
    falls = goes_down(X, FOOT, 2.0, 0.7)
    lost = [Body(falls, until(2.3))]  # type: ignore[arg-type]
    (event,) = play_bodies(lost, FOCUS, with_pictures=True).events
    assert "something low lies there" in event.evidence.words_en
    assert "原处有物体未离开" in event.evidence.words_zh
    assert play_bodies(lost, FOCUS, with_pictures=False).events == []


def test_who_is_lost_and_gone_has_not_fallen() -> None:
    def leaves(t: float) -> tuple[float, float, float, float] | None:
        return standing(X, FOOT) if t < 2.3 else None

    assert play_bodies([Body(leaves)], FOCUS, with_pictures=True).events == []


def test_who_leaves_at_the_side_with_a_foot_last_has_not_fallen_whatever_they_left_behind() -> None:
    walks = [(0.0, standing(900, FOOT)), (2.0, standing(1180, FOOT)), (2.5, (1190, FOOT - 200, 1280, FOOT))]
    leaves = between([*walks, (2.75, (1250, FOOT - 60, 1280, FOOT)), (9.9, (1250, FOOT - 60, 1280, FOOT))])
    bag = Body(lambda t: (960, FOOT - 60, 1140, FOOT) if t >= 2.75 else None, is_known=lambda t: False)
    walker = Body(leaves, until(3.1))  # type: ignore[arg-type]
    assert play_bodies([walker, bag], FOCUS, with_pictures=True).events == []


def test_who_is_lost_and_still_stands_has_not_fallen() -> None:
    lost = [Body(stays(standing(X, FOOT)), until(2.3))]  # type: ignore[arg-type]
    assert play_bodies(lost, FOCUS, with_pictures=True).events == []


def test_light_that_is_switched_lays_nobody_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.domain.conditions import bodies as drawing

    plain = drawing.painted

    def dark(bodies: object, t: float) -> object:
        picture = plain(bodies, t)  # type: ignore[arg-type]
        return picture if t < 2.3 else picture // 3

    monkeypatch.setattr(drawing, "painted", dark)
    lost = [Body(stays(standing(X, FOOT)), until(2.3))]  # type: ignore[arg-type]
    assert play_bodies(lost, FOCUS, with_pictures=True).events == []


def test_who_is_taken_for_a_dog_is_told_and_a_dog_that_was_there_is_not() -> None:
    falls = goes_down(X, FOOT, 2.0, 0.7)
    person = Body(falls, until(2.4))  # type: ignore[arg-type]
    heap = Body(falls, until(99.0, begins=2.6), label="dog")  # type: ignore[arg-type]
    assert len(play_bodies([person, heap], FOCUS).events) == 1
    dog = Body(stays((X + 60, FOOT - 90, X + 200, FOOT)), label="dog")
    leaves = Body(stays(standing(X, FOOT)), until(2.4))  # type: ignore[arg-type]
    assert play_bodies([leaves, dog], FOCUS).events == []


def test_twice_down_for_a_moment_is_not_down_for_long() -> None:
    def shape(t: float) -> tuple[float, float, float, float]:
        return lying(X + 100, FOOT) if 2.0 <= t < 3.0 or 5.0 <= t < 6.0 else standing(X, FOOT)

    played = play_bodies([Body(shape)], FOCUS)
    assert played.events == []
    assert played.asked_s


def test_by_visits_who_lies_is_worth_a_focus_once_and_told_after_a_while() -> None:
    played = play_bodies([Body(stays(lying(X, FOOT)))], [0.0, 5.0, 10.0, 15.0])
    assert played.asked_s == [0.0]
    assert played.confirmed_s == [10.0]
    assert "1 lying for 10 s (threshold 10 s)" in played.events[0].evidence.words_en
    assert "1 人躺卧 10 秒" in played.events[0].evidence.words_zh


def test_who_lies_on_a_bed_is_not_told_and_who_falls_onto_it_is() -> None:
    bed = Body(stays((X - 250, FOOT - 150, X + 350, FOOT + 60)), label="bed", confidence=0.5)
    assert play_bodies([Body(stays(lying(X, FOOT))), bed], seconds(20.0)).events == []
    assert len(play_bodies([Body(goes_down(X, FOOT, 2.0, 0.7)), bed], FOCUS).events) == 1


def test_how_long_somebody_may_lie_is_the_rules_to_say() -> None:
    played = play_bodies([Body(stays(lying(X, FOOT)))], seconds(9.0), condition=Fall(lying_s=4.0))
    assert played.confirmed_s == [4.0]


@examples(60)
@given(
    tall=st.floats(80, 400),
    x=st.floats(250, 700),
    foot=st.floats(420, 690),
    took=st.floats(0.5, 0.9),
    begins=st.floats(1.5, 2.5),
    fps=st.sampled_from([4.0, 5.0, 8.0, 12.0]),
)
def test_a_fall_is_a_fall_however_large_and_wherever_and_at_any_pace_of_a_focus(
    tall: float, x: float, foot: float, took: float, begins: float, fps: float
) -> None:
    played = play_bodies([Body(goes_down(x, foot, begins, took, tall))], seconds(7.0, fps))
    assert len(played.events) == 1
    assert played.confirmed_s[0] <= begins + took + 2.0 + 2.5 / fps


@examples(60)
@given(
    tall=st.floats(80, 400),
    took=st.floats(4.0, 6.0),
    keeps=st.floats(0.15, 0.5),
    fps=st.sampled_from([4.0, 8.0]),
)
def test_who_lies_down_slowly_has_not_fallen(tall: float, took: float, keeps: float, fps: float) -> None:
    down = (X - tall / 2, FOOT - keeps * tall, X + tall / 2, FOOT)
    sitting = (X - 0.3 * tall, FOOT - 0.75 * tall, X + 0.3 * tall, FOOT)
    shape = between([(1.0, standing(X, FOOT, tall)), (1.0 + took / 2, sitting), (1.0 + took, down)])
    assert play_bodies([Body(shape)], seconds(9.0, fps)).events == []


@examples(60)
@given(seed=st.integers(0, 10_000), shake=st.floats(0, 0.08))
def test_boxes_that_tremble_do_not_fall(seed: int, shake: float) -> None:
    import numpy as np

    noise = np.random.default_rng(seed).normal(0, shake * TALL, (4096, 4))

    def shape(t: float) -> tuple[float, float, float, float]:
        x1, y1, x2, y2 = np.array(standing(X, FOOT)) + noise[round(t * 100) % 4096]
        return float(min(x1, x2 - 1)), float(min(y1, y2 - 1)), float(x2), float(y2)

    assert play_bodies([Body(shape)], seconds(10.0)).events == []
