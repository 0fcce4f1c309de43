"""Who is bad, who is healthy, and what is made of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.bench_bad_cameras import (
    SHARES,
    Connections,
    Run,
    Way,
    held_bounds,
    is_healthy,
    shared_out,
    targets,
)
from benchmarks.patrol_under_test import Story
from benchmarks.processes import Use
from benchmarks.serving import spots


def test_every_ring_has_its_share_of_every_way() -> None:
    cameras = spots()
    ways = shared_out(cameras, SHARES)
    by_ring = Counter((camera.ring, ways[camera.camera_id]) for camera in cameras)
    assert len(ways) == 476
    assert by_ring["core", Way.DEAD] == 6
    assert by_ring["far", Way.DEAD] == 21
    assert all(by_ring[ring, way] >= 1 for ring in ("core", "periphery", "far") for way in SHARES)
    assert by_ring["periphery", Way.GOOD] > 0.7 * 200


def test_bad_cameras_are_spread_over_their_ring() -> None:
    ways = shared_out(spots({"far": 100}), {Way.DEAD: 0.1})
    dead = [number for number, way in enumerate(ways.values()) if way is Way.DEAD]
    assert dead == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]


def test_nobody_is_bad_where_nobody_shall_be() -> None:
    assert set(shared_out(spots({"far": 10}), {}).values()) == {Way.GOOD}


@pytest.mark.parametrize(
    ("way", "bound_s", "healthy"),
    [
        (Way.GOOD, 5, True),
        (Way.H265, 5, True),
        (Way.STOPS, 5, True),
        (Way.STOPS_WARM, 5, True),
        (Way.FALLS_SILENT, 30, False),
        (Way.BREAKS_OFF, 30, False),
        (Way.SELDOM, 15, False),
        (Way.SELDOM, 30, True),
        (Way.CORRUPT, 30, False),
        (Way.DEAD, 30, False),
        (Way.LOCKED, 30, False),
        (Way.BLACK_HOLE, 30, False),
    ],
)
def test_healthy_is_who_answers_and_sends_key_frames_more_often_than_its_bound(
    way: Way, bound_s: float, healthy: bool
) -> None:
    assert is_healthy(way, bound_s) is healthy


def a_run(
    story: Story,
    mb: list[float] | None = None,
    failures: list[int] | None = None,
    connections: Sequence[Connections] = (),
) -> Run:
    mb, failures = mb or [100.0] * 10, failures or [0] * 10
    looks = [Use(float(n), 0.0, each, 30, 10, 2) for n, each in enumerate(mb)]
    samples = [
        {"at": float(n), "now": float(n), "stretch": 1.0, "counts": {"failures": each}}
        for n, each in enumerate(failures)
    ]
    return Run(story, 0.0, 60.0, looks, samples, connections)


def test_a_camera_is_late_whose_worst_gap_passes_its_bound() -> None:
    cameras = spots({"core": 2})
    seen = [("core-001", float(at), at + 0.1) for at in range(0, 61, 4)]
    seen += [("core-002", float(at), at + 0.1) for at in (0, 4, 10, 14)]
    held = held_bounds(a_run(Story(seen=seen)), cameras, {"core-001": Way.GOOD, "core-002": Way.DEAD})
    assert [(each.way, each.healthy, each.late) for each in held] == [(Way.GOOD, True, 0), (Way.DEAD, False, 1)]
    assert held[1].spread.max == 46.0  # still open at the end


def test_failed_visits_are_counted_by_way_and_only_while_it_was_measured() -> None:
    story = Story(failed=[("core-001", "refused", -1.0), ("core-001", "refused", 3.0), ("core-001", "timed_out", 61.0)])
    assert held_bounds(a_run(story), spots({"core": 1}), {"core-001": Way.DEAD})[0].failures == 1


def test_the_worst_ten_seconds_count_wherever_they_begin() -> None:
    times = [1.0, 8.0, 12.0, 12.5, 13.0, 17.9, 25.0]
    assert a_run(Story(failed=[("a", "refused", at) for at in times])).worst.failed == 0.5


def test_connections_are_what_the_servers_counted_and_the_warm_up_is_told_apart() -> None:
    counted = [Connections(at, 0, bad) for at, bad in ((-20.0, 5), (-10.0, 305), (0.0, 310), (10.0, 340), (20.0, 350))]
    run = a_run(Story(failed=[("a", "refused", -5.0)] * 4), connections=counted)
    assert (run.worst.to_bad, run.worst.failed) == (3.0, 0.0)
    assert (run.worst_of_warm_up.to_bad, run.worst_of_warm_up.failed) == (30.0, 0.4)


def test_what_a_failed_visit_leaves_behind_is_told_by_the_later_half_of_the_visits() -> None:
    failures = [2000 * n for n in range(20)]
    warming_up = [100.0 + 10 * n for n in range(9)] + [200.0 + 0.2 * n for n in range(11)]
    run = a_run(Story(), warming_up, failures)
    assert run.mb_per_1000_failed == pytest.approx(0.1)
    quick_at_first = a_run(Story(), [100.0] * 5, [0, 30_000, 36_000, 38_000, 40_000])
    assert quick_at_first.failed_later == 40_000, "a reading too many rather than half of one"


def test_what_was_left_to_ffmpeg_counts_in_the_later_half_only() -> None:
    fell_back = [("a", 1.0), ("a", 16.0), ("b", 18.5), ("b", 30.0)]
    assert a_run(Story(fell_back=fell_back), [100.0] * 20, [2000 * n for n in range(20)]).left_to_ffmpeg_later == 2


def test_a_run_in_which_ffmpeg_was_never_asked_again_says_nothing_of_it() -> None:
    run = a_run(Story(), failures=[5000 * n for n in range(10)])
    missed = [target.name for target in targets(run, [], run, 40_000) if not target.kept]
    assert missed == ["all failing: of them left to FFmpeg, later half"]


def test_growth_is_from_the_first_fifth_to_the_last() -> None:
    assert a_run(Story(), [100.0, 102.0, *[500.0] * 6, 110.0, 112.0]).grown("resident_mb") == 10.0
