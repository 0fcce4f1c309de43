"""Live view's decisions: who may look, what a slow viewer gets, and where one begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import StreamAddress
from patrol.domain.errors import LiveRefusal
from patrol.domain.live import (
    SQUEEZED_TICKS,
    TICKS_PER_S,
    LastPictures,
    LiveLoad,
    LivePicture,
    LiveSettings,
    LiveWay,
    TimeLine,
    ViewerQueue,
    live_sessions_of,
    refusal_of,
    way_of,
)
from tests.builders import camera

STEP = TICKS_PER_S // 25
SETTINGS = LiveSettings(peers=3, peers_of_one=2, encodings=1)
NOBODY = LiveLoad(
    viewers=0, own=0, has_stream=False, host_streams=0, host_sessions=16, encodings=0, needs_encoding=False
)


def picture(number: int, is_key: bool = False, size: int = 10) -> LivePicture:
    return LivePicture(number.to_bytes(4, "big") + bytes(size), number * STEP, is_key)


def stream(count: int, gop: int = 10, first: int = 0) -> list[LivePicture]:
    return [picture(number, number % gop == 0) for number in range(first, first + count)]


def numbers(pictures: Sequence[LivePicture]) -> list[int]:
    return [int.from_bytes(each.data[:4], "big") for each in pictures]


def taken(queue: ViewerQueue) -> list[LivePicture]:
    found = []
    while (each := queue.take()) is not None:
        found.append(each)
    return found


@pytest.mark.parametrize(
    ("load", "refusal"),
    [
        (NOBODY, None),
        (replace(NOBODY, viewers=2, own=1), None),
        (replace(NOBODY, viewers=3), LiveRefusal.VIEWERS),
        (replace(NOBODY, viewers=2, own=2), LiveRefusal.OWN_VIEWERS),
        (replace(NOBODY, host_streams=4), LiveRefusal.HOST),
        (replace(NOBODY, host_streams=4, has_stream=True), None),
        (replace(NOBODY, host_streams=99, host_sessions=None), None),
        (replace(NOBODY, host_sessions=1), None),
        (replace(NOBODY, host_sessions=1, host_streams=1), LiveRefusal.HOST),
        (replace(NOBODY, needs_encoding=True), None),
        (replace(NOBODY, needs_encoding=True, encodings=1), LiveRefusal.ENCODINGS),
        (replace(NOBODY, needs_encoding=True, encodings=1, has_stream=True), None),
        (replace(NOBODY, encodings=1), None),
    ],
)
def test_who_may_look(load: LiveLoad, refusal: LiveRefusal | None) -> None:
    assert refusal_of(load, SETTINGS) is refusal


def test_zero_peers_means_nobody() -> None:
    assert refusal_of(NOBODY, replace(SETTINGS, peers=0)) is LiveRefusal.VIEWERS


def test_the_tour_keeps_most_of_a_host() -> None:
    assert [live_sessions_of(each) for each in (1, 2, 4, 8, 16)] == [1, 1, 1, 2, 4]


@pytest.mark.parametrize(
    ("address", "way"),
    [
        ("rtsp://10.0.0.1/1", LiveWay.PASSED),
        ("rtsps://10.0.0.1/1", LiveWay.PASSED),
        ("synthetic:1", LiveWay.ENCODED),
        ("file:///clip.mp4", LiveWay.ENCODED),
        ("http://10.0.0.1/still.jpg", None),
    ],
)
def test_how_pictures_get_to_browsers(address: str, way: LiveWay | None) -> None:
    assert way_of(camera(stream=StreamAddress(address))) is way


def test_what_is_masked_is_never_passed_on_as_it_comes() -> None:
    masked = camera(stream=StreamAddress("rtsp://10.0.0.1/1"), masks=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),))
    assert way_of(masked) is LiveWay.ENCODED


def test_who_comes_later_begins_with_the_last_key_picture_and_is_not_behind() -> None:
    last = LastPictures()
    for each in stream(17):
        last.take(each)
    begun = last.squeezed()
    assert numbers(begun) == list(range(10, 17))
    assert begun[0].is_key
    assert begun[-1].ticks == 16 * STEP
    assert {after.ticks - before.ticks for before, after in pairwise(begun)} == {SQUEEZED_TICKS}


def test_before_the_first_key_picture_there_is_nothing_to_begin_with() -> None:
    last = LastPictures()
    for each in stream(5, first=3):
        last.take(each)
    assert last.squeezed() == ()


@pytest.mark.parametrize("bounds", [{"most": 5}, {"most_bytes": 60}])
def test_where_key_pictures_lie_far_apart_nothing_is_kept_up_to_the_next(bounds: dict[str, int]) -> None:
    last = LastPictures(**bounds)
    for each in stream(10):
        last.take(each)
    assert last.squeezed() == ()
    last.take(picture(10, is_key=True))
    assert numbers(last.squeezed()) == [10]


def test_who_takes_them_gets_all() -> None:
    queue = ViewerQueue()
    queue.begin(stream(3))
    for each in stream(30, first=3):
        queue.offer(each)
        assert len(taken(queue)) <= 4
    assert queue.dropped == 0


def test_who_is_slow_loses_what_waits_up_to_the_next_key_picture() -> None:
    queue = ViewerQueue(most=5, far_behind=99)
    for each in stream(20):
        queue.offer(each)
    assert queue.dropped == 6 + 4 + 6 + 4
    queue.offer(picture(20, is_key=True))
    queue.offer(picture(21))
    assert numbers(taken(queue)) == [20, 21]


def test_a_new_key_picture_passes_what_is_far_behind() -> None:
    queue = ViewerQueue(far_behind=8)
    for each in stream(11):
        queue.offer(each)
    assert numbers(taken(queue)) == [10]
    assert queue.dropped == 10


def test_a_new_key_picture_passes_nothing_that_is_only_a_little_behind() -> None:
    queue = ViewerQueue(far_behind=11)
    for each in stream(11):
        queue.offer(each)
    assert numbers(taken(queue)) == list(range(11))


def test_what_waits_is_bounded_in_bytes_and_the_largest_key_picture_still_passes() -> None:
    queue = ViewerQueue(most_bytes=1000)
    queue.offer(picture(0, is_key=True, size=5000))
    assert numbers(taken(queue)) == [0]
    queue.offer(picture(1, size=700))
    queue.offer(picture(2, size=700))
    assert taken(queue) == []
    assert queue.dropped == 2


def test_waiting_for_the_first_key_picture_is_no_loss() -> None:
    queue = ViewerQueue()
    for each in stream(9, first=1):
        queue.offer(each)
    assert taken(queue) == []
    assert queue.dropped == 0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=120),
    st.integers(2, 9),
    st.integers(1, 12),
)
def test_what_a_viewer_gets_can_always_be_decoded(steps: list[tuple[bool, int]], most: int, far_behind: int) -> None:
    """Each picture follows on the one before it, or is a key picture; and none is lost without being counted."""
    queue, given_out, offered = ViewerQueue(most=most, far_behind=far_behind), list[LivePicture](), 0
    for number, (is_key, takes) in enumerate(steps):
        queue.offer(picture(number, is_key))
        offered += is_key or offered > 0
        given_out += [each for _ in range(takes) if (each := queue.take()) is not None]
    given_out += taken(queue)
    for before, after in pairwise(given_out):
        assert after.is_key or numbers([after])[0] == numbers([before])[0] + 1
    assert not given_out or given_out[0].is_key
    assert len(given_out) + queue.dropped == offered


def test_times_go_on_over_the_end_of_their_32_bits() -> None:
    line = TimeLine(90_000)
    times = [2**32 - 7200, 2**32 - 3600, 0, 3600]
    assert [line.take(each, is_key=False) for each in times] == [0, 3600, 7200, 10800]
    assert not line.is_reordered


def test_times_of_another_clock_rate_become_ticks() -> None:
    line = TimeLine(1000)
    assert [line.take(each, is_key=False) for each in (0, 40, 80)] == [0, 3600, 7200]


def test_a_camera_whose_clock_is_set_goes_on() -> None:
    line = TimeLine(90_000)
    ticks = [line.take(each, is_key=False) for each in (0, 3600, 90_000 * 3600, 90_000 * 3600 + 3600, 1000, 4600)]
    assert ticks == sorted(set(ticks))
    assert not line.is_reordered


def test_b_frames_are_seen_by_their_times() -> None:
    line = TimeLine(90_000)
    for time in (0, 10800, 3600, 7200, 21600, 14400, 18000, 32400, 25200):
        line.take(time, is_key=time == 0)
    assert line.is_reordered


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_ticks_never_go_back(times: list[int]) -> None:
    line = TimeLine(90_000)
    ticks = [line.take(each, is_key=False) for each in times]
    assert ticks == sorted(ticks)
