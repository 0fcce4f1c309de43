"""How much of each ring is reached in time, and whom to move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.covering import Cover, MoveUp, Point, Post, cover, move_up, one_by_one, straight_line, vacant_posts
from patrol.domain.dispatch import Duty, travel_time_s
from patrol.domain.units import UnitKind, UnitState
from patrol.domain.vocabulary import RingName
from tests.builders import duty, north, unit
from tests.examples import examples

TARGETS = {RingName.CORE: 60.0, RingName.PERIPHERY: 180.0, RingName.FAR: 300.0}
CORE, FAR = RingName.CORE, RingName.FAR


def core(metres: float, weight: float = 1.0) -> Point:
    return Point(north(metres), CORE, weight)


def post(metres: float) -> Post:
    return Post(f"{metres:.0f} 米", f"{metres:.0f} m", north(metres))


def covered(points: Sequence[Point], duties: Sequence[Duty], busy_share: float = 0.0) -> Cover:
    return cover(points, duties, straight_line, TARGETS, busy_share)[CORE]


def test_a_point_is_covered_where_a_free_crew_is_there_within_the_rings_target() -> None:
    # 5 s, then 110 m x 1.3 at 2.6 m/s are 60 s.
    assert covered([core(109), core(111)], [duty(metres=0)]) == Cover(0.5, 0.5, 2)


def test_points_count_by_their_weight() -> None:
    assert covered([core(0, 3.0), core(900, 1.0)], [duty(metres=0)]).share == 0.75
    assert covered([core(0, 0.0)], [duty(metres=0)]).share == 0.0


@pytest.mark.parametrize(
    "other",
    [
        duty(state=UnitState.EN_ROUTE),
        Duty(unit(kind=UnitKind.DRONE_GROUP)),
        Duty(unit(rings=frozenset({FAR}))),
    ],
    ids=["busy", "drone", "of another ring"],
)
def test_who_covers_nothing(other: Duty) -> None:
    assert covered([core(100)], [other]) == Cover(0.0, 0.0, 1)


def test_a_unit_covers_from_where_it_is() -> None:
    assert covered([core(1000)], [duty(metres=0, place=north(1000))]).share == 1.0


def test_more_crews_in_reach_cover_more_where_each_may_be_busy() -> None:
    twice = [duty("U-1", 0), duty("U-2", 10)]
    assert covered([core(0)], twice, busy_share=0.3).expected == pytest.approx(1 - 0.3**2)
    assert covered([core(0)], twice, busy_share=0.3).share == 1.0


def test_each_ring_that_has_points_is_told_also_where_nobody_is() -> None:
    found = cover([core(0), Point(north(50), FAR)], [], straight_line, TARGETS)
    assert found == {CORE: Cover(0.0, 0.0, 1), FAR: Cover(0.0, 0.0, 1)}
    assert cover([], [duty()], straight_line, TARGETS) == {}


def test_a_ring_without_a_target_is_covered_by_nobody() -> None:
    assert cover([Point(north(0), FAR)], [duty(metres=0)], straight_line, {CORE: 60.0})[FAR].share == 0.0


@examples(100)
@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=5), st.lists(st.integers(-3000, 3000), max_size=5))
def test_all_at_once_is_as_long_as_one_by_one(homes: list[int], places: list[int]) -> None:
    duties = [replace(duty(f"U-{n}", metres), place=None) for n, metres in enumerate(homes)]
    there = [north(metres) for metres in places]
    np.testing.assert_allclose(straight_line(duties, there), one_by_one(travel_time_s)(duties, there), rtol=1e-6)


def test_who_is_away_leaves_a_post() -> None:
    away = duty("U-2", 300, state=UnitState.ON_SCENE)
    flying = Duty(unit("U-3", kind=UnitKind.DRONE_GROUP), state=UnitState.ON_SCENE)
    assert vacant_posts([duty("U-1"), away, flying]) == (Post("联勤1组驻点", "the post of Joint 1", north(300)),)


def test_the_unit_that_is_needed_least_moves_where_it_is_needed_most() -> None:
    points = [core(0), core(50), core(1000), core(1050)]
    twins = [duty("U-1", 0), duty("U-2", 20)]
    found = move_up(points, twins, [post(500), post(1000)], straight_line, TARGETS)
    assert found is not None
    assert (found.unit_id, found.post.name_en) == ("U-1", "1000 m")
    assert found.gain == pytest.approx(0.5)
    assert (found.before, found.after) == ({CORE: 0.5}, {CORE: 1.0})
    assert found.words_en == "move Joint 1 to 1000 m: core covered 50% → 100%"
    assert found.words_zh == "建议 联勤1组 移至1000 米：核心圈覆盖 50% → 100%"


def test_what_another_ring_loses_is_taken_off_and_told() -> None:
    points = [core(0), *[Point(north(20_000), FAR)] * 4, Point(north(21_500), FAR)]
    found = move_up(points, [duty("U-1", 21_500)], [post(0)], straight_line, TARGETS)
    assert found is not None
    assert found.gain == pytest.approx(0.8)
    assert found.words_en == "move Joint 1 to 0 m: core covered 0% → 100%, far ring covered 20% → 0%"


def test_for_less_than_five_points_nobody_moves() -> None:
    far_off = core(5000)
    for others, moves in ((20, False), (18, True)):
        points = [*[core(0)] * others, far_off]
        found = move_up(points, [duty("U-1", 0), duty("U-2", 0)], [post(5000)], straight_line, TARGETS)
        assert (found is not None) is moves


def test_who_is_off_duty_leaves_no_post() -> None:
    away = [duty(state=UnitState.OFF_DUTY), duty("U-2", 300, state=UnitState.OUT_OF_SERVICE)]
    assert [found.place for found in vacant_posts(away)] == [north(300)]


def test_who_is_told_to_move_is_not_told_otherwise_while_it_is_worth_it() -> None:
    points = [core(0), core(1000), core(1050), core(2000), core(2100)]
    spare = [duty("U-1", 0), duty("U-2", 10)]
    told = move_up(points, spare, [post(2050)], straight_line, TARGETS)
    assert told is not None
    assert told.gain == pytest.approx(0.4)

    def next_told(*posts: Post, standing: MoveUp | None = told) -> str | None:
        found = move_up(points, spare, posts, straight_line, TARGETS, standing=standing)
        return found and found.post.name_en

    both = post(1030), post(2050)  # equally good
    assert (next_told(*both, standing=None), next_told(*both)) == ("1030 m", "2050 m")
    assert next_told(post(1030)) == "1030 m"
    points.append(core(1020))
    assert next_told(*both) == "1030 m", "better by a sixth"
    points[3:5] = []
    assert next_told(post(2050)) is None, "not worth it any more"


def test_what_is_nearly_covered_is_not_told_as_covered() -> None:
    points = [*[core(0)] * 199, core(5000)]
    found = move_up(points, [duty("U-1", 700)], [post(0)], straight_line, TARGETS)
    assert found is not None
    assert found.words_en.endswith("core covered 0% → 99%")
    assert found.eta_s == pytest.approx(5 + 700 * 1.3 / 2.6, rel=1e-3)


def test_who_holds_a_post_stays_there() -> None:
    guard = Duty(unit("U-1", kind=UnitKind.POST, home=north(5000)))
    assert move_up([core(0)], [guard], [post(0)], straight_line, TARGETS) is None


@pytest.mark.parametrize("busy_share", [0.0, 0.25])
def test_without_crews_posts_or_points_nothing_is_proposed(busy_share: float) -> None:
    for points, duties, posts in (([], [duty()], [post(0)]), ([core(0)], [], [post(0)]), ([core(0)], [duty()], [])):
        assert move_up(points, duties, posts, straight_line, TARGETS, busy_share) is None


@examples(100)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from([CORE, FAR]), st.integers(1, 3)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.floats(2.0, 3.0)), min_size=1, max_size=4),
    st.lists(st.integers(0, 8), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.3]),
)
def test_the_proposal_is_the_best_of_all_moves(
    spots: list[tuple[int, RingName, int]],
    crews: list[tuple[int, bool, float]],
    stands: list[int],
    busy_share: float,
) -> None:
    points = [Point(north(100 * place), ring, weight) for place, ring, weight in spots]
    duties = [
        Duty(unit(f"U-{n}", home=north(100 * at), speed_m_s=speed, rings=frozenset(RingName if wide else {CORE})))
        for n, (at, wide, speed) in enumerate(crews)
    ]
    posts = [post(100 * place) for place in stands]

    def total(of: Sequence[Duty]) -> float:
        return sum(ring.expected for ring in cover(points, of, straight_line, TARGETS, busy_share).values())

    moves = [
        total([replace(one, place=to.place) if one is mover else one for one in duties])
        for mover in duties
        for to in posts
    ]
    best = max(moves) - total(duties)
    found = move_up(points, duties, posts, straight_line, TARGETS, busy_share)
    assert (0.0 if found is None else found.gain) == pytest.approx(best if best >= 0.05 - 1e-9 else 0.0, abs=1e-6)
    if found is not None:
        assert sum(found.after.values()) - sum(found.before.values()) == pytest.approx(found.gain, abs=1e-6)
