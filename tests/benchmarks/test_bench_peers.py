"""What is made of the peers' figures."""

from __future__ import annotations

from benchmarks.bench_peers import Held, best_rate_round_s, best_round_s, growing, in_turn, report


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
    assert told.summary == "Patrol's round 10.0 s; slower, in groups/by rate: (a) 100x/5x, (b) -/-"


def test_both_ratios_are_told_everywhere() -> None:
    found = {"(a) in turn": [held(1, 5.0)], "(b) streams": [held(8, 10.0, results_per_s=40.0), held(16, 50.0)]}
    told = report(found, [10.0], "int8", "key-frame", "clips")
    assert "(b) 60x/1x" in told.summary
    assert told.figures["ratios"]["(b) streams"] == {"in_groups": 60.0, "by_rate": 1.19}
    assert told.tables[1].rows[1] == ("(b) streams", 60.0, 1.19)


def test_by_rate_only_counts_what_came_up() -> None:
    assert best_rate_round_s([held(8, None, results_per_s=100.0), held(16, 3.0, results_per_s=20.0)]) == 23.8
    assert best_rate_round_s([held(8, None)]) is None


def test_reads_that_failed_are_counted_and_cost_their_time() -> None:
    found = in_turn(8, 2, 50.0)
    assert (found.start_s, found.failed) == (6.25, 2)
    assert in_turn(0, 3, 50.0).start_s is None
    told = report({"(a) in turn": [found]}, [10.0], "int8", "key-frame", "clips")
    assert told.summary.endswith("; failed reads: (a) 2")
    assert told.figures["failed_reads"] == {"(a) in turn": 2}
    assert told.tables[0].rows[0][-2] == 2


def test_slower_patrol_misses_it() -> None:
    assert not report({"(a) in turn": [held(1, 2.0)]}, [10.0], "int8", "key-frame", "clips").targets[0].kept
