"""Crowds: counted one by one, more finely, or by their density; how dense, whereto, how sure, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.closer import NO_LOOKS, AsksForMore, Look
from patrol.domain.conditions import Crowd, Holding
from patrol.domain.conditions.crowd import CLOSER_EVERY_S, DENSE_FOR_S, UNASKED_EVERY_S
from patrol.domain.crowds import ALONE_FROM, DENSE_FROM, DENSE_UNTIL
from patrol.domain.density import DensityMap
from patrol.domain.detections import Detections
from patrol.domain.ground import GroundPlane
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone
from tests.builders import at, people, zone

LEFT = zone(polygon=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
TEN_BY_TEN = GroundPlane.with_error((10, 0, 0, 0, 10, 0, 0, 0, 1), 0.05)  # the picture shows 10 m x 10 m
FROM_THE_SIDE = GroundPlane((1, 0, 0, 0, 1, 0, 0, 2, -1))  # its horizon lies in the middle of the picture
BOTH, DENSITY = frozenset(Look), frozenset({Look.DENSITY})


def standing(count: int, left: float = 0.1) -> Detections:
    """So many people in rows, from ``left`` on, nobody hidden."""
    return people(*[(left + 0.012 * (n % 30), 0.2 + 0.05 * (n // 30)) for n in range(count)])


def evenly(count: float, share: float = 1.0) -> DensityMap:
    """So many people over that share of the picture, from its left edge."""
    cells = np.zeros((10, 20), np.float32)
    cells[:, : round(20 * share)] = count / (10 * round(20 * share))
    return DensityMap(cells)


def scene(
    seconds: float,
    boxes: int,
    finer: int | None = None,
    dense: float | None = None,
    ground: GroundPlane | None = None,
) -> Scene:
    return replace(
        Scene.of(at(seconds), standing(boxes)),
        finer=standing(finer) if finer is not None else None,
        density=evenly(dense) if dense is not None else None,
        ground=ground,
    )


def seen(rule: Crowd, scenes: Sequence[Scene], where: Zone | None = None) -> list[Holding | None]:
    memory: object = None
    found = []
    for each in scenes:
        result = rule.see(where or zone(), each, memory)
        memory = result.memory
        found.append(result.holding)
    return found


def last(rule: Crowd, *scenes: Scene, where: Zone | None = None) -> Holding:
    holding = seen(rule, scenes, where)[-1]
    assert holding is not None
    return holding


def asked(rule: Crowd, scenes: Sequence[Scene], seconds: float, boxes: int) -> frozenset[Look]:
    """What it asks for of the next frame, after these."""
    memory: object = None
    for each in scenes:
        memory = rule.see(zone(), each, memory).memory
    return rule.asks_for(zone(), at(seconds), standing(boxes), memory)


# How many


def test_few_people_are_told_in_as_few_words() -> None:
    holding = last(Crowd(3), scene(0, 4))
    assert (holding.words_zh, holding.words_en) == ("4 人（阈值 3）", "4 people (threshold 3)")
    assert (holding.count, len(holding.boxes)) == (4, 4)


def test_only_who_stands_in_the_zone_counts_in_any_way() -> None:
    both = Scene.of(
        at(0), people(*[(0.1, 0.1 + 0.02 * n) for n in range(6)], *[(0.9, 0.1 + 0.02 * n) for n in range(9)])
    )
    assert last(Crowd(3), both, where=LEFT).count == 6
    finer = replace(both, finer=people(*[(0.1, 0.1 + 0.02 * n) for n in range(8)], (0.9, 0.5)))
    assert last(Crowd(3), finer, where=LEFT).count == 8
    dense = replace(both, density=evenly(400))
    assert last(Crowd(3), dense, where=LEFT).count == 200


def test_a_finer_look_corrects_the_count_both_ways() -> None:
    assert last(Crowd(5), scene(0, 6, finer=9)).count == 9
    assert seen(Crowd(5), [scene(0, 6, finer=3)]) == [None]


def test_near_people_whom_the_finer_look_loses_are_still_counted() -> None:
    tall = Detections(
        1000,
        1000,
        np.array([(150.0 * n, 200, 150.0 * n + 140, 900) for n in range(6)], np.float32),
        np.zeros(6, np.int64),
        np.full(6, 0.9, np.float32),
        ("person", "car"),
    )
    assert last(Crowd(5), replace(Scene.of(at(0), tall), finer=standing(3))).count == 9


def test_a_finer_look_holds_for_a_while_and_no_longer() -> None:
    counts = [each.count if each else 0 for each in seen(Crowd(5), [scene(0, 6, finer=9), scene(5, 6), scene(11, 6)])]
    assert counts == [9, 9, 6]


def test_between_two_looks_people_come_and_go_as_the_boxes_do() -> None:
    scenes = [scene(0, 6, finer=9), scene(2, 8), scene(4, 5), scene(6, 1)]
    assert [each.count if each else 0 for each in seen(Crowd(5), scenes)] == [9, 11, 8, 0]


def test_a_look_at_an_empty_zone_holds_nobody_back() -> None:
    scenes = [scene(0, 0, finer=0, dense=0), scene(4, 7)]
    assert [each.count if each else 0 for each in seen(Crowd(5), scenes)] == [0, 7]


def test_where_people_hide_each_other_their_density_counts() -> None:
    holding = last(Crowd(30), scene(0, 4, finer=12, dense=460))
    assert holding.count == 460
    assert "约 460±184 人" in holding.words_zh
    assert "about 460±184 people" in holding.words_en


def test_where_they_stand_apart_boxes_count_whatever_the_network_says() -> None:
    assert last(Crowd(5), scene(0, 12, finer=14, dense=DENSE_FROM - 1)).count == 14, "too few for the network"
    assert last(Crowd(5), scene(0, 90, finer=120, dense=200)).count == 120, "the detector finds them"


def test_a_dense_crowd_shows_somebody_if_unsurely() -> None:
    empty = scene(0, 0, finer=0, dense=250)
    assert seen(Crowd(5), [empty]) == [None], "leaves, not heads"
    hinted = replace(empty, finer=people((0.5, 0.5), confidence=0.16))
    assert last(Crowd(5), hinted).count == 250
    assert last(Crowd(5), scene(0, 0, finer=0, dense=ALONE_FROM + 50)).count == ALONE_FROM + 50


def test_people_who_fill_the_picture_leave_no_room_for_a_crowd() -> None:
    tall = Detections(
        1000,
        1000,
        np.array([(150.0 * n, 200, 150.0 * n + 140, 900) for n in range(6)], np.float32),
        np.zeros(6, np.int64),
        np.full(6, 0.9, np.float32),
        ("person", "car"),
    )
    group = replace(Scene.of(at(0), tall), finer=tall, density=evenly(290))
    assert last(Crowd(5), group).count == 6
    front_row = replace(group, density=evenly(2000))
    assert last(Crowd(5), front_row).count > 500, "more than any picture without a crowd"


def test_patterns_on_the_clothes_of_people_seen_whole_are_nobody() -> None:
    tall = Detections(
        1000,
        1000,
        np.array([(250.0 * n, 0, 250.0 * n + 250, 1000) for n in range(3)], np.float32),
        np.zeros(3, np.int64),
        np.full(3, 0.9, np.float32),
        ("person", "car"),
    )
    small = standing(8)
    both = Detections(
        1000,
        1000,
        np.vstack([tall.xyxy, small.xyxy]),
        np.zeros(11, np.int64),
        np.full(11, 0.9, np.float32),
        ("person", "car"),
    )
    patterns = replace(Scene.of(at(0), both), finer=both, density=evenly(400, share=0.75))
    assert last(Crowd(5), patterns).count == 11
    crowd_behind = replace(patterns, density=evenly(800))  # a quarter of it is beside the three
    assert last(Crowd(5), crowd_behind).count == 203


def test_on_ground_where_each_has_room_nobody_hides_another() -> None:
    dense_picture = scene(0, 8, finer=9, dense=400, ground=GroundPlane((40, 0, 0, 0, 40, 0, 0, 0, 1)))
    assert last(Crowd(5), dense_picture).count == 9


def test_the_way_of_counting_does_not_flap() -> None:
    low, high = round(DENSE_UNTIL), round(DENSE_FROM)
    told = [low - 9, high - 1, high + 1, high - 1, low + 9, low + 1, low - 1, low + 9, high - 1]
    rising = [scene(10.0 * n, 5, finer=5, dense=dense) for n, dense in enumerate(told)]
    counts = [holding.count if holding else 0 for holding in seen(Crowd(5), rising)]
    assert counts == [5, 5, *told[2:6], 5, 5, 5]


def test_a_dense_crowd_stays_one_for_a_while_where_no_look_is_made() -> None:
    scenes = [scene(0, 3, finer=3, dense=300), scene(5, 0), scene(DENSE_FOR_S - 1, 3), scene(DENSE_FOR_S + 1, 3)]
    assert [each is not None for each in seen(Crowd(50), scenes)] == [True, True, True, False]


# What is asked for


def test_it_may_ask_for_more() -> None:
    assert isinstance(Crowd(), AsksForMore)


def test_who_would_hold_asks_for_everything_and_then_for_nothing_for_a_while() -> None:
    assert asked(Crowd(5), [], 0, 5) == BOTH
    first = [scene(0, 5, finer=6, dense=8)]
    assert asked(Crowd(5), first, CLOSER_EVERY_S - 1, 7) == NO_LOOKS
    assert asked(Crowd(5), first, CLOSER_EVERY_S, 5) == BOTH


def test_a_crowd_that_comes_soon_after_a_look_is_looked_at_at_once() -> None:
    assert asked(Crowd(5), [scene(0, 4, finer=4, dense=5)], 0.25, 5) == BOTH


def test_without_anybody_it_asks_at_first_and_then_seldom() -> None:
    assert asked(Crowd(5), [], 0, 0) == DENSITY
    first = [scene(0, 0, dense=3)]
    assert asked(Crowd(5), first, UNASKED_EVERY_S - 1, 1) == NO_LOOKS
    assert asked(Crowd(5), first, UNASKED_EVERY_S, 1) == DENSITY


def test_a_dense_crowd_without_a_box_is_suspected_and_looked_at_more_finely_at_once() -> None:
    suspected = [scene(0, 0, dense=250)]
    assert asked(Crowd(50), suspected, 0.25, 0) == BOTH
    crowd, leaves, hurry = scene(4, 0, finer=2, dense=250), scene(4, 0, finer=0, dense=250), scene(4, 0)
    assert [bool(each) for each in seen(Crowd(50), [*suspected, crowd])] == [True, True]
    assert [bool(each) for each in seen(Crowd(50), [*suspected, leaves])] == [True, False]
    assert [bool(each) for each in seen(Crowd(50), [*suspected, hurry])] == [True, False], "no time to look again"


def test_a_dense_crowd_is_looked_at_again_and_again_however_few_the_boxes() -> None:
    first = [scene(0, 1, finer=2, dense=300)]
    assert asked(Crowd(5), first, CLOSER_EVERY_S - 1, 0) == NO_LOOKS
    assert asked(Crowd(5), first, CLOSER_EVERY_S, 0) == BOTH


# How dense


def test_on_calibrated_ground_density_and_grade_are_told_with_how_sure_they_are() -> None:
    holding = last(Crowd(30), scene(0, 10, dense=320, ground=TEN_BY_TEN))  # 100 m²
    assert "3.2±1.3 people/m², grade F" in holding.words_en
    assert "3.2±1.3 人/平方米，密度等级 F" in holding.words_zh


@pytest.mark.parametrize(
    ("ground", "told", "said"),
    [
        (None, "density unknown (not calibrated)", "密度未知（未标定）"),
        (FROM_THE_SIDE, "density unknown (the zone reaches the horizon)", "密度未知（区域延伸到地平线）"),
    ],
)
def test_what_is_not_known_is_not_made_up(ground: GroundPlane | None, told: str, said: str) -> None:
    holding = last(Crowd(5), scene(0, 20, ground=ground))
    assert told in holding.words_en
    assert said in holding.words_zh
    assert "m²" not in holding.words_en


def test_a_rule_may_ask_for_people_per_square_metre() -> None:
    rule = Crowd(5, at_least_per_m2=1.0)
    assert seen(rule, [scene(0, 60, ground=TEN_BY_TEN)]) == [None]
    holding = last(rule, scene(0, 110, ground=TEN_BY_TEN))
    assert "people/m² (threshold 1), grade E" in holding.words_en


def test_where_the_density_is_not_known_the_number_alone_decides_and_that_is_said() -> None:
    assert "not calibrated" in last(Crowd(5, at_least_per_m2=1.0), scene(0, 6)).words_en


# Whereto


def test_a_crowd_that_grows_from_visit_to_visit_says_by_how_much() -> None:
    growing = [scene(5.0 * n, 20 + n, finer=20 + n) for n in range(12)]
    assert "growing 12 a minute" in last(Crowd(5), *growing).words_en
    assert "每分钟增 12 人" in last(Crowd(5), *growing).words_zh
    shrinking = [scene(5.0 * n, 40 - 2 * n, finer=40 - 2 * n) for n in range(12)]
    assert "shrinking 24 a minute" in last(Crowd(5), *shrinking).words_en
    still = [scene(5.0 * n, 20, finer=20) for n in range(12)]
    assert "steady" in last(Crowd(5), *still).words_en
    assert [last(Crowd(5), *each).rising for each in (growing, shrinking, still)] == [True, False, False]
    assert last(Crowd(5), scene(0, 20)).rising is None, "one look shows no trend"


def test_people_who_were_not_enough_yet_are_remembered_for_the_trend() -> None:
    coming = [scene(5.0 * n, n) for n in range(13)]
    assert "growing 12 a minute" in last(Crowd(12), *coming).words_en


def test_one_look_says_nothing_of_whereto() -> None:
    words = last(Crowd(5), scene(0, 20, finer=20)).words_en
    assert not any(word in words for word in ("growing", "shrinking", "steady"))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60)), st.one_of(st.none(), st.integers(0, 900))
        ),
        min_size=1,
        max_size=20,
    ),
    st.floats(0.25, 40),
    st.integers(1, 50),
)
def test_whatever_is_seen_the_count_is_no_more_than_somebody_counted(
    steps: list[tuple[int, int | None, float | None]], every_s: float, at_least: int
) -> None:
    scenes = [scene(every_s * n, boxes, finer, dense) for n, (boxes, finer, dense) in enumerate(steps)]
    most = max(len(each.finer or ()) + len(each.detections) for each in scenes)
    dense = max(round(each.density.total) if each.density else 0 for each in scenes)
    for holding in seen(Crowd(at_least), scenes):
        if holding is not None:
            assert at_least <= holding.count <= max(most, dense) + 60, "a look, and who came since"
            assert 0 <= holding.score <= 1
            assert holding.words_en.startswith(("about ", str(holding.count)))
