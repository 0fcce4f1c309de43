"""Who trembles at a zone's edge is in it or not, but not by turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.conditions import Intrusion
from patrol.domain.conditions.intrusion import CLEAR_OF_EDGE
from patrol.domain.detections import Detections
from patrol.domain.scene import Scene
from patrol.domain.zones import inside
from tests.builders import at, people
from tests.domain.conditions.moving import WIDTH, Mover, area, goes, legs, picture, play, seconds, stays
from tests.examples import examples

RIGHT_HALF = area(((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
EDGE = WIDTH / 2
TALL = 100.0
BAND = CLEAR_OF_EDGE * TALL
ALWAYS = seconds(12)

trembles = st.lists(st.floats(-0.99 * BAND, 0.99 * BAND), min_size=5, max_size=60)


def at_the_edge(beside: float, steps: list[float]) -> Mover:
    """Stands beside the edge for a frame, then trembles about it."""
    return Mover(lambda t: (EDGE + (steps[round(t * 4) % len(steps)] if t > 0 else beside), 400), size=(40, TALL))


@examples(100)
@given(trembles)
def test_who_came_from_outside_and_trembles_at_the_edge_is_not_in(steps: list[float]) -> None:
    assert play(Intrusion(), RIGHT_HALF, [at_the_edge(-3 * BAND, steps)], ALWAYS).events == []


@examples(100)
@given(trembles)
def test_who_was_in_and_trembles_at_the_edge_stays_in(steps: list[float]) -> None:
    played = play(Intrusion(), RIGHT_HALF, [at_the_edge(3 * BAND, steps)], ALWAYS, for_s=10, clear_after_s=0.01)
    assert len(played.events) == 1


def test_who_walks_in_is_in_and_who_walks_out_is_out() -> None:
    mover = Mover(legs((0, EDGE - 100, 400), (2, EDGE + 100, 400), (4, EDGE - 100, 400), (8, EDGE - 100, 400)))
    played = play(Intrusion(), RIGHT_HALF, [mover], seconds(8), for_s=0, clear_after_s=0.5)
    (event,) = played.events
    ended = [one for _, findings in played.frames for one in findings.ended]
    assert event.began_at <= at(1.25)
    assert [one.ended_at for one in ended] <= [at(3.25)]


def test_who_is_lost_at_the_edge_and_found_is_where_they_were() -> None:
    mover = Mover(lambda t: None if 2 <= t < 3 else (EDGE + (-40 if t < 1 else 0.5 * BAND), 400), size=(40, TALL))
    assert play(Intrusion(), RIGHT_HALF, [mover], seconds(6)).events == []


def test_a_zone_no_wider_than_the_band_can_still_be_entered() -> None:
    narrow = area(((0.5, 0.0), (0.51, 0.0), (0.51, 1.0), (0.5, 1.0)))
    mover = Mover(goes((EDGE - 40, 500), (8, 0)), size=(120, 400))
    assert len(play(Intrusion(), narrow, [mover], seconds(10)).events) == 1


@examples(100)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.05, 1)), max_size=8))
def test_in_single_pictures_the_feet_decide(feet: list[tuple[float, float]]) -> None:
    found: Detections = people(*feet)
    seen = Intrusion().see(RIGHT_HALF, Scene.of(at(0), found), None)
    assert (seen.holding.count if seen.holding else 0) == int(inside(RIGHT_HALF, found).sum())


def test_numbers_given_anew_in_the_next_focus_carry_nothing_over() -> None:
    mover = Mover(lambda t: (EDGE - 40, 400) if t < 5 else (EDGE + 0.5 * BAND, 400), size=(40, TALL))
    played = play(Intrusion(), RIGHT_HALF, [mover], [*seconds(2), *seconds(12, since=10)])
    assert played.confirmed_s == [10.25]
    assert len(picture([Mover(stays(10, 10))], 0)[0]) == 1


def test_it_says_how_many_of_what_are_in_the_zone() -> None:
    def words(*movers: Mover) -> tuple[str, str]:
        (event,) = play(Intrusion(frozenset({"person", "car", "bicycle"})), RIGHT_HALF, movers, ALWAYS).events
        return event.evidence.words_zh, event.evidence.words_en

    def one(x: float, label: str = "person") -> Mover:
        return Mover(stays(x, 400), label=label)

    alone, several = words(one(900)), words(one(700), one(900), one(800, "car"))
    assert "区域内出现 1 人（阈值 1）" in alone[0]
    assert "1 person in the zone (threshold 1)" in alone[1]
    assert "区域内出现 2 人、1 辆汽车（阈值 1）" in several[0]
    assert "2 people, 1 car in the zone (threshold 1)" in several[1]
