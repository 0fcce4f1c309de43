"""What counts as an event: held for long enough, over at least two frames, told once."""

from __future__ import annotations

import itertools
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.events import Event
from patrol.domain.rules import RuleState, Watch, last_words, step
from patrol.domain.scene import Scene
from tests.builders import at, crowd, people, rule, zone

CAMERA = CameraId("C-1")


def play(frames: list[tuple[float, Detections]], **changes: object) -> tuple[list[Event], list[Event], Watch]:
    """Run frames at given seconds through the rule; returns what was confirmed, what ended, and the last watch."""
    watch, confirmed, ended = Watch(), [], []
    for seconds, detections in frames:
        result = step(rule(**changes), zone(), CAMERA, watch, Scene.of(at(seconds), detections))
        watch = result.watch
        confirmed += [result.confirmed] if result.confirmed else []
        ended += [result.ended] if result.ended else []
    return confirmed, ended, watch


def test_a_crowd_that_stays_is_one_event_back_dated_to_its_first_frame() -> None:
    confirmed, ended, _ = play([(t, crowd(4)) for t in range(10)])
    assert [(e.began_at, e.confirmed_at) for e in confirmed] == [(at(0), at(3))]
    assert ended == []


def test_one_picture_alone_never_makes_an_event() -> None:
    confirmed, _, watch = play([(0, crowd(9))], for_s=0.0)
    assert confirmed == []
    assert watch.state is RuleState.SUSPECTED


def test_too_few_people_are_no_event() -> None:
    assert play([(t, crowd(2)) for t in range(10)])[0] == []


def test_people_below_the_confidence_do_not_count() -> None:
    faint = people(*[(0.5, 0.5)] * 5, confidence=0.2)
    assert play([(t, faint) for t in range(10)])[0] == []


def test_another_class_does_not_count() -> None:
    cars = people(*[(0.5, 0.5)] * 5, label="car")
    assert play([(t, cars) for t in range(10)])[0] == []


def test_a_missed_detection_does_not_break_an_event() -> None:
    frames = [(0.0, crowd(3)), (1.0, crowd(0)), (2.0, crowd(3)), (3.0, crowd(3)), (4.0, crowd(0)), (5.0, crowd(3))]
    confirmed, ended, _ = play(frames)
    assert len(confirmed) == 1
    assert ended == []


def test_a_suspicion_that_stops_holding_is_forgotten() -> None:
    confirmed, _, watch = play([(0.0, crowd(3)), (6.0, crowd(0)), (7.0, crowd(3))])
    assert confirmed == []
    assert watch.began_at == at(7)


def test_an_event_ends_where_it_held_last_and_may_come_again() -> None:
    frames = [(float(t), crowd(3)) for t in range(5)] + [(float(t), crowd(0)) for t in range(5, 12)]
    frames += [(float(t), crowd(3)) for t in range(12, 17)]
    confirmed, ended, _ = play(frames)
    assert [e.ended_at for e in ended] == [at(4)]
    assert [e.began_at for e in confirmed] == [at(0), at(12)]


def test_the_event_carries_the_numbers_that_crossed_the_threshold_in_words() -> None:
    (found,), _, _ = play([(t, crowd(4)) for t in range(10)])
    assert (found.evidence.count, found.evidence.threshold, found.evidence.held_s) == (4, 3, 3.0)
    assert found.evidence.words_en == "square: 4 people (threshold 3), for 3 s"
    assert found.evidence.words_zh == "广场：4 人（阈值 3），已持续 3 秒"
    assert len(found.evidence.boxes) == 4
    assert all(0 <= side <= 1 for box in found.evidence.boxes for side in box)


def test_a_frame_that_is_not_newer_changes_nothing() -> None:
    _, _, watch = play([(5.0, crowd(3))])
    result = step(rule(), zone(), CAMERA, watch, Scene.of(at(5), crowd(0)))
    assert result.watch is watch


def test_two_far_visits_that_both_hold_confirm_without_frames_between() -> None:
    # A far camera is visited every 30 s: nothing says it stopped holding between two visits.
    confirmed, _, _ = play([(0.0, crowd(3)), (30.0, crowd(3))])
    assert [e.confirmed_at for e in confirmed] == [at(30)]


def test_what_is_still_on_at_the_end_of_a_recording_ends_there() -> None:
    _, _, watch = play([(float(t), crowd(3)) for t in range(6)])
    closing = last_words(watch)
    assert closing is not None
    assert closing.ended_at == at(5)
    assert last_words(Watch()) is None


@given(st.lists(st.tuples(st.floats(0.1, 20), st.integers(0, 6)), max_size=60))
def test_events_are_told_once_in_order_and_never_overlap(steps: list[tuple[float, int]]) -> None:
    seconds, frames = 0.0, []
    for gap, count in steps:
        seconds += gap
        frames.append((seconds, crowd(count)))
    confirmed, ended, watch = play(frames)
    closed = [*ended, *([last] if (last := last_words(watch)) else [])]
    assert [e.began_at for e in closed] == [e.began_at for e in confirmed]
    for found in closed:
        assert found.ended_at is not None
        assert found.began_at + timedelta(seconds=3) <= found.confirmed_at <= found.ended_at
    for earlier, later in itertools.pairwise(closed):
        assert earlier.ended_at is not None
        assert earlier.ended_at < later.began_at


def test_what_nobody_saw_for_long_has_not_gone_on() -> None:
    first = step(rule(), zone(), CAMERA, Watch(), Scene.of(at(0), crowd(3)), unseen_s=30).watch
    hour_later = step(rule(), zone(), CAMERA, first, Scene.of(at(3600), crowd(3)), unseen_s=30)
    assert hour_later.confirmed is None
    assert hour_later.watch.began_at == at(3600)


def test_an_event_from_before_a_long_gap_ends_and_a_new_one_may_come() -> None:
    _, _, watch = play([(float(t), crowd(3)) for t in range(5)])
    back = step(rule(), zone(), CAMERA, watch, Scene.of(at(7200), crowd(3)), unseen_s=30)
    assert back.ended is not None
    assert back.ended.ended_at == at(4)
    again = step(rule(), zone(), CAMERA, back.watch, Scene.of(at(7204), crowd(3)), unseen_s=30)
    assert again.confirmed is not None
    assert again.confirmed.began_at == at(7200)


def test_a_clock_set_back_does_not_blind_a_zone() -> None:
    _, _, watch = play([(7200.0, crowd(0))])
    frames = [step(rule(), zone(), CAMERA, watch, Scene.of(at(3600), crowd(3)), unseen_s=30)]
    frames += [step(rule(), zone(), CAMERA, frames[-1].watch, Scene.of(at(3604), crowd(3)), unseen_s=30)]
    assert frames[-1].confirmed is not None
