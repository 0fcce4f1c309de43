"""Gaps, rounds and rates out of what was seen when."""

from __future__ import annotations

import pytest

from benchmarks.gaps import Seen, gaps_by_ring, most_counted_within, most_within, rounds


def seen(camera_id: str, *captured: float, late_by: float = 0.1) -> list[Seen]:
    return [(camera_id, at, at + late_by) for at in captured]


RINGS = {"a": "core", "b": "core", "c": "far"}


def test_gaps_lie_between_capture_times_whatever_the_order_of_processing() -> None:
    looks = [("a", 14.0, 14.9), ("a", 10.0, 15.0), ("a", 19.0, 19.1)]
    assert gaps_by_ring(looks, {"a": "core"}, 10.0, 19.0) == {"core": [4.0, 5.0, 0.0]}


def test_the_gap_that_is_open_at_the_beginning_counts_whole() -> None:
    assert gaps_by_ring(seen("a", 7.0, 12.0), {"a": "core"}, 10.0, 13.0) == {"core": [5.0, 1.0]}


def test_what_ended_before_the_beginning_does_not_count() -> None:
    assert gaps_by_ring(seen("a", 0.0, 9.5, 12.0), {"a": "core"}, 10.0, 12.0) == {"core": [2.5, 0.0]}


def test_a_camera_that_is_never_seen_again_cannot_go_unnoticed() -> None:
    gaps = gaps_by_ring(seen("a", 11.0), {"a": "core", "b": "core"}, 10.0, 70.0)
    assert max(gaps["core"]) == 60.0  # b, all the time
    assert 59.0 in gaps["core"]  # a, since its only look


def test_open_gaps_may_be_left_out() -> None:
    assert gaps_by_ring(seen("a", 11.0, 15.0), RINGS, 10.0, 70.0, open_too=False) == {"core": [4.0], "far": []}


def test_gaps_come_by_ring() -> None:
    looks = seen("a", 10.0, 13.0) + seen("b", 10.0, 14.0) + seen("c", 10.0, 30.0)
    assert gaps_by_ring(looks, RINGS, 10.0, 30.0, open_too=False) == {"core": [3.0, 4.0], "far": [20.0]}


def test_a_round_ends_with_the_last_cameras_processing_and_the_next_begins_there() -> None:
    looks = seen("a", 1.0, 5.0) + seen("b", 2.0, 6.0) + seen("c", 4.0, 9.0)
    assert rounds(looks, RINGS, 0.0) == pytest.approx([4.1, 5.0])


def test_what_was_captured_before_a_round_began_is_not_part_of_it() -> None:
    looks = [("a", 0.9, 1.5), ("b", 1.1, 1.6), ("c", 1.2, 1.7), ("a", 3.0, 3.2)]
    assert rounds(looks, RINGS, 1.0) == pytest.approx([2.2])


def test_seeing_a_camera_twice_makes_no_round() -> None:
    assert rounds(seen("a", 1.0, 2.0, 3.0) + seen("b", 1.0), RINGS, 0.0) == []


def test_the_worst_window_begins_anywhere() -> None:
    assert most_within([8.0, 9.0, 11.0, 12.0, 30.0], 10.0) == 4
    assert most_within([0.0, 10.0], 10.0) == 1
    assert most_within([], 10.0) == 0


def test_of_a_counter_the_worst_rise_between_two_readings_counts() -> None:
    readings = [(0.0, 100), (4.0, 100), (8.0, 130), (12.0, 135), (16.0, 170), (20.0, 170)]
    assert most_counted_within(readings, 8.0) == 40
    assert most_counted_within(readings, 4.0) == 35
    assert most_counted_within(readings[:1], 8.0) == 0
