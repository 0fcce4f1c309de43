"""Hosts: which cameras share one, whose turn its sessions are, and what becomes of it when it is down."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import Camera, CameraId, Strategy, StreamAddress
from patrol.domain.hosts import (
    BREAKER_FAILURES,
    UNLIMITED,
    Host,
    host_of,
    lower_rank_of,
    most_kept_open,
    sessions_on,
    worst_wait_on_host_s,
)
from patrol.domain.pacing import TokenBucket
from patrol.domain.slots import Demand
from tests.builders import camera


def a_host(sessions: int = 4, per_s: float = 1000.0) -> Host[CameraId]:
    return Host(sessions, TokenBucket(per_s, per_s, 0.0))


def fail(host: Host[CameraId], times: int, now: float = 0.0, jitter: Callable[[], float] = lambda: 0.5) -> None:
    for _ in range(times):
        host.failed(now, base_s=1.0, cap_s=30.0, jitter=jitter)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("rtsp://operator:secret@10.0.3.7:554/channel/1", "10.0.3.7"),
        ("rtsp://10.0.3.7:8554/channel/2", "10.0.3.7"),
        ("HTTP://Recorder.Example/1.jpg", "recorder.example"),
        ("rtsps://[fd00::7]/1", "fd00::7"),
        ("file:///clips/square.mp4", None),
        ("synthetic:1", None),
    ],
)
def test_channels_of_one_recorder_share_a_host_and_files_have_none(address: str, name: str | None) -> None:
    assert host_of(camera(stream=StreamAddress(address))) == name


def test_a_host_that_is_named_bears_what_was_said_of_it() -> None:
    assert sessions_on("10.0.3.7", 4, {"10.0.3.7": 32}) == 32
    assert sessions_on("10.0.3.8", 4, {"10.0.3.7": 32}) == 4
    assert sessions_on(None, 4, {"10.0.3.7": 32}) == UNLIMITED


def test_with_a_session_for_each_camera_nobody_waits_however_many_of_them_retries_may_use() -> None:
    demands = [Demand(5.0, 9.75)] * 6
    assert worst_wait_on_host_s(demands, 6, longest_visit_s=10.0) == 0.0
    assert worst_wait_on_host_s(demands, 5, longest_visit_s=10.0) is None
    assert worst_wait_on_host_s(demands[:1], 1, longest_visit_s=10.0) == 0.0


def test_a_single_session_may_be_with_a_retry_that_takes_as_long_as_it_may() -> None:
    assert worst_wait_on_host_s([Demand(1.0, 60.0)] * 2, 1, longest_visit_s=10.0) == 11.0


def on_recorder(warm: int, others: int) -> list[Camera]:
    strategies = [Strategy.WARM] * warm + [Strategy.AUTO] * others
    stream = StreamAddress("rtsp://recorder/1")
    return [camera(f"C-{n}", stream=stream, strategy=strategy) for n, strategy in enumerate(strategies)]


@given(sessions=st.integers(1, 12), warm=st.integers(0, 12), others=st.integers(0, 12), data=st.data())
def test_however_sessions_come_to_be_kept_open_one_is_left_and_the_configured_ones_find_theirs(
    sessions: int, warm: int, others: int, data: st.DataObject
) -> None:
    if warm + (others > 0) > sessions:
        return  # such a configuration is refused
    found = on_recorder(warm, others)
    most = most_kept_open(found, sessions, {})
    kept: list[Camera] = []
    for each in data.draw(st.permutations(found)):
        if len(kept) < most[each.id]:
            kept.append(each)
    assert len(kept) <= sessions - (others > 0)
    assert sum(each.strategy is Strategy.WARM for each in kept) == warm


def test_where_it_is_our_choice_half_of_a_hosts_sessions_stay() -> None:
    assert set(most_kept_open(on_recorder(0, 8), 4, {}).values()) == {2}
    assert set(most_kept_open(on_recorder(0, 8), 4, {"recorder": 1}).values()) == {0}
    assert most_kept_open([camera()], 4, {}) == {CameraId("C-1"): UNLIMITED // 2}


@given(st.integers(2, 64))
def test_retries_and_focus_always_leave_sessions_for_cameras_that_are_due(sessions: int) -> None:
    host = a_host(sessions)
    while host.has_room_for_lower_rank():
        host.under_way += 1
        host.of_lower_rank += 1
    assert host.of_lower_rank >= 1
    assert sessions - host.under_way == sessions - lower_rank_of(sessions) >= 1
    assert host.has_room()


def test_a_single_session_is_for_whoever_comes_first() -> None:
    host = a_host(sessions=1)
    assert host.has_room_for_lower_rank()
    host.under_way = 1
    assert not host.has_room()
    assert not host.has_room_for_lower_rank()


def test_sessions_that_are_kept_open_are_not_there_for_others_but_one_always_is() -> None:
    host = a_host(sessions=4)
    host.kept_open, host.under_way = 3, 0
    assert host.has_room()
    host.under_way = 1
    assert not host.has_room()
    host.kept_open, host.under_way = 9, 0
    assert host.has_room()


def test_sessions_that_the_host_may_still_hold_are_left_to_it_but_for_one() -> None:
    host = a_host(sessions=4)
    host.unconfirmed = 2
    assert host.free == 2
    host.under_way = 2
    assert not host.has_room()
    host.unconfirmed, host.under_way = 9, 0
    assert host.free == 1
    assert host.has_room()
    assert host.for_visits == 4, "what is promised counts on a host that answers"


def test_while_a_due_camera_waits_nothing_of_lower_rank_begins() -> None:
    host = a_host()
    host.parked.append(CameraId("C-1"))
    assert host.has_room()
    assert not host.has_room_for_lower_rank()


def test_retries_of_a_host_are_paced_before_it_counts_as_down() -> None:
    host = a_host(per_s=2.0)
    fail(host, BREAKER_FAILURES - 1)
    for _ in range(2):
        assert host.retry_wait_s(0.0) == 0.0
        host.retries.take(0.0)
    assert host.retry_wait_s(0.0) == pytest.approx(0.5)


def test_five_failures_in_a_row_and_it_is_left_alone_for_a_while() -> None:
    host = a_host()
    fail(host, BREAKER_FAILURES - 1, now=10.0)
    assert host.retry_wait_s(10.0) == 0.0
    fail(host, 1, now=10.0)
    assert host.retry_wait_s(10.0) == pytest.approx(0.5)
    assert host.retry_wait_s(10.5) == 0.0


def test_a_host_that_is_down_is_tried_once_at_a_time_farther_and_farther_apart() -> None:
    host = a_host()
    fail(host, BREAKER_FAILURES)
    host.of_lower_rank = 1
    assert host.retry_wait_s(60.0) > 0
    host.of_lower_rank = 0
    pauses = []
    for _ in range(8):
        fail(host, 1, now=100.0)
        pauses.append(host.retry_wait_s(100.0))
    assert pauses == pytest.approx([1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0])  # half of a ceiling that doubles to 30


def test_one_answer_and_it_is_up_again() -> None:
    host = a_host()
    fail(host, 50)
    host.answered()
    host.of_lower_rank = 1
    assert host.retry_wait_s(0.0) == 0.0
    fail(host, BREAKER_FAILURES - 1)
    assert host.retry_wait_s(0.0) == 0.0
