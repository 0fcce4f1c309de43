"""ByteTrack behind the port: the same person keeps a track, and boxes keep their order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.tracking import ByteTracker
from patrol.domain.scene import NO_TRACK
from tests.builders import people
from tests.examples import examples


def test_two_people_who_walk_past_each_other_keep_their_tracks() -> None:
    tracker = ByteTracker()
    rows = []
    for number in range(12):
        x = 0.1 + 0.004 * number
        rows.append(list(tracker.update(0.25 * number, people((x, 0.4), (0.9 - x, 0.8)))))
    assert rows[1] == rows[-1]
    assert len(set(rows[1])) == 2
    assert NO_TRACK not in rows[1]


def test_an_empty_frame_is_no_trouble() -> None:
    tracker = ByteTracker()
    assert list(tracker.update(0.0, people())) == []
    assert len(tracker.update(0.25, people((0.5, 0.5)))) == 1
    assert list(tracker.update(0.5, people())) == []


@examples(30)
@given(st.lists(st.lists(st.tuples(st.floats(0.02, 0.98), st.floats(0.1, 1.0)), max_size=8), min_size=1, max_size=8))
def test_every_box_has_one_track_at_most_and_no_track_two_boxes(frames: list[list[tuple[float, float]]]) -> None:
    tracker = ByteTracker()
    for number, feet in enumerate(frames):
        ids = tracker.update(0.25 * number, people(*feet))
        assert ids.dtype == np.int64
        assert len(ids) == len(feet)
        named = [track for track in ids if track != NO_TRACK]
        assert len(named) == len(set(named))


def test_who_comes_running_is_followed_although_no_two_boxes_overlap() -> None:
    tracker = ByteTracker()
    # Who runs is some 0.7 m wide, and at 4.5 m/s 1.6 times as far on after a quarter of a second; boxes are 10 wide.
    step = 1.6 * 10 / 1000
    rows = [list(tracker.update(0.25 * number, people((0.1 + step * number, 0.5)))) for number in range(8)]
    assert len({row[0] for row in rows[1:]}) == 1
    assert rows[1][0] != NO_TRACK
