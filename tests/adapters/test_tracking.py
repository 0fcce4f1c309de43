"""ByteTrack behind the port: the same person keeps a track, and boxes keep their order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol.adapters.tracking import ByteTracker
from patrol.domain.scene import NO_TRACK
from tests.builders import people


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


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.tuples(st.floats(0.02, 0.98), st.floats(0.1, 1.0)), max_size=8), min_size=1, max_size=8))
def test_every_box_has_one_track_at_most_and_no_track_two_boxes(frames: list[list[tuple[float, float]]]) -> None:
    tracker = ByteTracker()
    for number, feet in enumerate(frames):
        ids = tracker.update(0.25 * number, people(*feet))
        assert ids.dtype == np.int64
        assert len(ids) == len(feet)
        named = [track for track in ids if track != NO_TRACK]
        assert len(named) == len(set(named))
