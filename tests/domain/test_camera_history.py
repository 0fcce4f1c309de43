"""What is remembered of a camera: its visits with what became of each, and spans that add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from patrol.domain.camera import Camera, CameraId, Strategy, StreamAddress
from patrol.domain.camera_history import (
    LATEST,
    LATEST_ERRORS,
    SPAN,
    CameraSpan,
    How,
    Unseen,
    VisitEnd,
    VisitMemory,
    how,
    span_at,
    together,
)
from patrol.domain.errors import CaptureFailure
from patrol.domain.visits import Turn, Visit
from tests.builders import NOON, at, camera

ONE = CameraId("C-1")
NOW = Unseen(ONE, 2.0, 5.0)


def visit(of: Camera | None = None, *, turn: Turn = Turn.DUE, in_new_session: bool = True) -> Visit:
    return Visit(of or camera("C-1"), turn, 1.5, in_new_session)


def test_a_visit_is_told_with_what_became_of_it() -> None:
    memory = VisitMemory()
    memory.captured(visit(), at(1), 0.2)
    memory.failed(visit(turn=Turn.RETRY), CaptureFailure.BUSY, at(2), 1.5)
    memory.captured(visit(), at(3), 0.2)
    memory.captured(visit(), at(4), 0.2)
    memory.captured(visit(), at(5), 0.3)
    memory.seen(ONE, at(1), 4, 4.0)
    memory.dropped(ONE, at(3))
    memory.refused(ONE, at(4), CaptureFailure.WRONG_PICTURE)
    found = memory.record(NOW, at(6)).visits
    assert [(each.number, each.at, each.end, each.failure, each.people) for each in found] == [
        (5, at(5), VisitEnd.DETECTING, None, None),
        (4, at(4), VisitEnd.FAILED, CaptureFailure.WRONG_PICTURE, None),
        (3, at(3), VisitEnd.DROPPED, None, None),
        (2, at(2), VisitEnd.FAILED, CaptureFailure.BUSY, None),
        (1, at(1), VisitEnd.SEEN, None, 4),
    ]
    assert found[3].turn is Turn.RETRY
    assert found[3].seconds == 1.5


def test_the_latest_failures_are_kept_in_their_sources_words_without_an_address() -> None:
    memory, of = VisitMemory(), camera("C-1", stream=StreamAddress("rtsp://admin:S3cret@10.0.0.7/live"))
    memory.failed(visit(of), CaptureFailure.UNAUTHORIZED, at(1), 0.2, "RTSP 401")
    for second in (2, 3, 4):
        memory.failed(visit(of), CaptureFailure.TIMED_OUT, at(second), 1.5, "no picture within 1.5 s")
    memory.failed(visit(of), CaptureFailure.BROKEN, at(5), 0.2, "cannot read rtsp://admin:S3cret@10.0.0.7/live")
    memory.captured(visit(of), at(6), 0.2)
    memory.refused(ONE, at(6), CaptureFailure.WRONG_PICTURE)
    memory.end_span(span_at(NOON), [NOW])
    assert [
        (each.failure, each.detail, each.since, each.at, each.count) for each in memory.record(NOW, at(7)).errors
    ] == [
        (CaptureFailure.WRONG_PICTURE, "", at(6), at(6), 1),
        (CaptureFailure.BROKEN, "cannot read …", at(5), at(5), 1),
        (CaptureFailure.TIMED_OUT, "no picture within 1.5 s", at(2), at(4), 3),
        (CaptureFailure.UNAUTHORIZED, "RTSP 401", at(1), at(1), 1),
    ]


def test_no_more_than_the_latest_failures_are_kept() -> None:
    memory = VisitMemory()
    for number in range(LATEST_ERRORS + 7):
        memory.failed(visit(), CaptureFailure.BROKEN, at(number), 0.1, f"HTTP {500 + number}")
    found = memory.record(NOW, at(60)).errors
    assert [each.detail for each in found] == [f"HTTP {number}" for number in range(516, 506, -1)]


def test_no_more_than_the_latest_visits_are_kept() -> None:
    memory = VisitMemory()
    for number in range(LATEST + 7):
        memory.captured(visit(), at(number), 0.1)
    found = memory.record(NOW, at(100)).visits
    assert [each.number for each in found] == list(range(LATEST + 7, 7, -1))
    memory.seen(ONE, at(0), 1, 1.0)  # of one that is forgotten
    assert memory.record(NOW, at(100)).visits == found


def test_a_span_holds_the_longest_gap_that_ended_in_it_or_the_one_that_is_open() -> None:
    memory = VisitMemory()
    for gap_s in (4.0, 7.5, 3.0):
        memory.seen(ONE, at(0), 0, gap_s)
    assert memory.record(NOW, at(1)).span.blind_age_s == 7.5
    assert memory.record(replace(NOW, blind_age_s=31.0), at(1)).span.blind_age_s == 31.0
    (ended,) = memory.end_span(NOON, [NOW])
    assert (ended.began_at, ended.blind_age_s, ended.bound_s) == (NOON, 7.5, 5.0)
    (following,) = memory.end_span(NOON + SPAN, [NOW])
    assert following.blind_age_s == 2.0


def test_a_span_counts_visits_and_failures_and_the_largest_stretch_and_begins_anew() -> None:
    memory = VisitMemory()
    memory.captured(visit(), at(1), 0.1)
    memory.captured(visit(), at(2), 0.1)
    memory.refused(ONE, at(2), CaptureFailure.NO_SIGNAL)
    memory.failed(visit(), CaptureFailure.TIMED_OUT, at(3), 1.5)
    memory.failed(visit(), CaptureFailure.TIMED_OUT, at(4), 1.5)
    memory.stretched(1.4)
    memory.stretched(1.1)
    (span,) = memory.end_span(NOON, [NOW])
    assert (span.visits, span.failures, span.stretch) == (
        2,
        {CaptureFailure.NO_SIGNAL: 1, CaptureFailure.TIMED_OUT: 2},
        1.4,
    )
    (empty,) = memory.end_span(NOON + SPAN, [NOW])
    assert (empty.visits, empty.failures, empty.stretch) == (0, {}, 1.0)


def test_a_camera_that_nothing_happened_to_has_a_span_too() -> None:
    assert VisitMemory().end_span(NOON, [Unseen(CameraId("C-9"), 600.0, 5.0)]) == (
        CameraSpan(CameraId("C-9"), NOON, 600.0, 5.0, 1.0, 0),
    )


def test_spans_begin_at_whole_ten_minutes() -> None:
    assert span_at(NOON) == NOON
    assert span_at(NOON + timedelta(minutes=9, seconds=59)) == NOON
    assert span_at(NOON - timedelta(microseconds=1)) == NOON - SPAN


def test_two_parts_of_a_span_are_one() -> None:
    one = CameraSpan(ONE, NOON, 9.0, 5.0, 1.0, 3, {CaptureFailure.BUSY: 1})
    other = CameraSpan(ONE, NOON, 4.0, 15.0, 1.3, 2, {CaptureFailure.BUSY: 2, CaptureFailure.BROKEN: 1})
    assert together(one, other) == CameraSpan(
        ONE, NOON, 9.0, 15.0, 1.3, 5, {CaptureFailure.BUSY: 3, CaptureFailure.BROKEN: 1}
    )


@pytest.mark.parametrize(
    ("stream", "strategy", "in_new_session", "told"),
    [
        ("rtsp://10.0.0.1/1", Strategy.AUTO, True, How.OPENED),
        ("rtsp://10.0.0.1/1", Strategy.WARM, False, How.KEPT_OPEN),
        ("http://10.0.0.1/1.jpg", Strategy.AUTO, True, How.STILL),
        ("rtsp://10.0.0.1/1", Strategy.SNAPSHOT, True, How.STILL),
    ],
)
def test_how_a_camera_is_looked_at(stream: str, strategy: Strategy, in_new_session: bool, told: How) -> None:
    snapshot = StreamAddress("http://10.0.0.1/still.jpg") if strategy is Strategy.SNAPSHOT else None
    of = camera(stream=StreamAddress(stream), strategy=strategy, snapshot=snapshot)
    assert how(visit(of, in_new_session=in_new_session)) is told
