"""Who is followed, from when on, and for how long."""

from __future__ import annotations

import numpy as np

from patrol.domain.detections import Detections
from patrol.domain.scene import NO_TRACK, TrackId
from patrol.domain.tracking import LONGEST_GAP_S, LOST_AFTER_S, MOST_POINTS, Following, TrackIds
from tests.builders import at, people


class InOrder:
    """A Tracker for boxes that keep their order: the first is track 0, and so on."""

    made = 0

    def __init__(self) -> None:
        InOrder.made += 1

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        return np.arange(len(detections), dtype=np.int64)


def test_frames_far_apart_follow_nobody_and_make_no_tracker() -> None:
    following, InOrder.made = Following(InOrder), 0
    for second in range(0, 50, 5):
        seen = following.see(at(second), people((0.5, 0.5)))
        assert (list(seen.track_id), dict(seen.tracks), seen.in_focus) == ([NO_TRACK], {}, False)
    assert InOrder.made == 0


def test_a_second_frame_that_comes_soon_knows_where_everybody_was_in_the_first() -> None:
    following = Following(InOrder)
    following.see(at(0), people((0.5, 0.5), (0.2, 0.9)))
    seen = following.see(at(0.5), people((0.6, 0.5), (0.2, 0.9)))
    assert seen.in_focus
    assert [point.foot for point in seen.tracks[TrackId(0)].points] == [(0.5, 0.5), (0.6, 0.5)]
    assert seen.tracks[TrackId(1)].seconds == 0.5


def test_after_a_gap_everybody_is_new() -> None:
    following, InOrder.made = Following(InOrder), 0
    for moment in (0.0, 0.5, 0.5 + LONGEST_GAP_S + 0.1, 2.0):
        seen = following.see(at(moment), people((0.5, 0.5)))
    assert InOrder.made == 2
    assert len(seen.tracks[TrackId(0)].points) == 2


def test_a_frame_that_is_older_than_the_last_follows_nobody() -> None:
    following = Following(InOrder)
    following.see(at(1), people((0.5, 0.5)))
    assert not following.see(at(0.5), people((0.5, 0.5))).in_focus


def test_whoever_is_lost_for_long_is_forgotten() -> None:
    following = Following(InOrder)
    following.see(at(0), people((0.5, 0.5)))
    following.see(at(0.5), people((0.5, 0.5)))
    moment = 0.5
    while moment < 0.5 + LOST_AFTER_S:
        assert TrackId(0) in following.see(at(moment + 0.25), people()).tracks or moment + 0.25 > 0.5 + LOST_AFTER_S
        moment += 0.25
    assert following.see(at(moment + 0.25), people()).tracks == {}


def test_what_is_remembered_of_a_track_is_bounded() -> None:
    following = Following(InOrder)
    for number in range(1000):
        seen = following.see(at(0.05 * number), people((0.5, 0.5)))
    assert len(seen.tracks[TrackId(0)].points) <= MOST_POINTS
