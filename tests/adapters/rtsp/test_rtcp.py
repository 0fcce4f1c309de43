"""When a picture was taken."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.rtsp.rtcp import SenderReport, capture_time, sender_report_in, ticks_between
from patrol.domain.frame import CaptureClock
from tests.adapters.rtsp.packets import CLOCK_RATE, sender_report

NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("wall", [NOON, datetime(2001, 2, 3, 4, 5, 6, 789_000, UTC), datetime(2040, 1, 1, tzinfo=UTC)])
def test_a_report_is_read_also_behind_others_and_after_2036(wall: datetime) -> None:
    receiver_report = struct.pack(">BBHI", 0x80, 201, 1, 7)
    for packet in (sender_report(wall, 1234), receiver_report + sender_report(wall, 1234)):
        report = sender_report_in(packet)
        assert report is not None
        assert abs(report.wall - wall) < timedelta(milliseconds=1)
        assert report.rtp_time == 1234


@given(st.binary(max_size=80))
def test_what_is_no_report_is_none(packet: bytes) -> None:
    report = sender_report_in(packet)
    assert report is None or len(packet) >= 20


@pytest.mark.parametrize("cut", [0, 4, 8, 19])
def test_a_report_that_breaks_off_is_none(cut: int) -> None:
    assert sender_report_in(sender_report(NOON, 1)[:cut]) is None


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_stream_time_runs_on_past_its_wrap(start: int, ticks: int) -> None:
    assert ticks_between(start, (start + ticks) % 2**32) == ticks


@pytest.mark.parametrize("ticks", [-CLOCK_RATE, 0, 3 * CLOCK_RATE])
def test_a_picture_is_as_old_as_the_stream_says(ticks: int) -> None:
    report = SenderReport(NOON, 2**32 - 1000)
    taken_at = NOON + timedelta(seconds=ticks / CLOCK_RATE)
    arrived_at = taken_at + timedelta(seconds=1.5)
    assert capture_time(report, 2**32 - 1000 + ticks, CLOCK_RATE, arrived_at) == (taken_at, CaptureClock.STREAM)


@pytest.mark.parametrize("lies_by_s", [-3600.0, -10.5, -1.6, 0.6, 8 * 3600.0])
def test_a_clock_that_is_set_wrong_is_not_believed(lies_by_s: float) -> None:
    report = SenderReport(NOON + timedelta(seconds=lies_by_s), 0)
    assert capture_time(report, 0, CLOCK_RATE, NOON) == (NOON, CaptureClock.ARRIVAL)


def test_without_a_report_a_picture_was_taken_when_it_arrived() -> None:
    assert capture_time(None, 0, CLOCK_RATE, NOON) == (NOON, CaptureClock.ARRIVAL)


def test_a_clock_a_little_fast_makes_no_picture_from_the_future() -> None:
    report = SenderReport(NOON + timedelta(seconds=0.3), 0)
    assert capture_time(report, 0, CLOCK_RATE, NOON) == (NOON, CaptureClock.STREAM)
