"""What is made of the peers' figures."""

from __future__ import annotations

from benchmarks.bench_peers import Held, best_round_s, growing, report


def held(cameras: int, start_s: float | None, holds: bool = True, results_per_s: float = 10.0) -> Held:
    return Held(cameras, start_s, results_per_s, holds)


def test_a_round_in_groups_opens_and_sees_one_group_after_the_other() -> None:
    assert held(32, 6.0).round_s == 15 * 6.0  # 476 are 14 groups of 32 and 28 more
    assert held(1, 2.0).round_s == 952.0
    assert held(8, None).round_s is None


def test_a_round_by_rate_needs_results() -> None:
    assert held(32, 6.0, results_per_s=34.0).rate_round_s == 14.0
    assert held(32, None, results_per_s=0.0).rate_round_s is None


def test_the_quickest_number_counts() -> None:
    assert best_round_s([held(8, 4.0), held(16, 5.0), held(32, 30.0, holds=False)]) == 150.0


def test_a_way_that_never_came_up_has_no_round() -> None:
    assert best_round_s([held(8, None, holds=False)]) is None


def test_numbers_grow_until_one_is_not_held() -> None:
    asked: list[int] = []

    def measure(place: int, count: int) -> Held:
        asked.append(count)
        return held(count, 10.0, holds=place < 1)

    assert [each.cameras for each in growing((8, 16, 32, 64), measure)] == [8, 16]
    assert asked == [8, 16]


def test_the_ratio_to_the_first_way_is_the_target() -> None:
    found = {"(a) in turn": [held(1, 1000.0 / 476)], "(b) streams": [held(8, None, holds=False)]}
    told = report(found, [9.0, 10.0, 11.0], "int8", "key-frame", "clips")
    assert [round(target.value or 0, 6) for target in told.targets] == [100.0]
    assert told.summary == "Patrol's round 10.0 s; slower by (a) 100x, (b) -"


def test_slower_patrol_misses_it() -> None:
    assert not report({"(a) in turn": [held(1, 2.0)]}, [10.0], "int8", "key-frame", "clips").targets[0].kept
