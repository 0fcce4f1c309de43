"""What every group has acknowledged, what the queue has lost, and what may be trimmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.messages import Message
from patrol.domain.streams import (
    FLEETING_KEPT_FOR,
    FLEETING_KEPT_UNREAD_FOR,
    KEPT_FOR,
    KEPT_UNREAD_FOR,
    Comparison,
    EntryId,
    GroupState,
    PublishedRow,
    QueueState,
    StreamState,
    Unsettled,
    compare,
    may_have_lost,
    trim_before,
    trim_fleeting_before,
)

RED = "patrol:alert:red"
HOUR_MS = int(KEPT_FOR.total_seconds() * 1000)
DAY_MS = int(KEPT_UNREAD_FOR.total_seconds() * 1000)
NOW_MS = 10 * DAY_MS
NOW = EntryId(NOW_MS)


def row(number: int, entry: EntryId | None = NOW) -> PublishedRow:
    return PublishedRow(number, Message(RED, f"A-{number}", str(number)), entry)


def queue(*groups: GroupState, length: int = 1) -> QueueState:
    return QueueState("one", NOW_MS, {RED: StreamState(length, groups)})


def compared(rows: Sequence[PublishedRow], found: Sequence[bytes | None], state: QueueState) -> Comparison:
    return compare(rows, found, state, state)


def test_an_entry_id_is_read_and_ordered_as_redis_orders_it() -> None:
    assert EntryId.read("1717200000000-3") == EntryId(1717200000000, 3)
    assert EntryId.read("0") == EntryId(0)
    assert EntryId(9, 5) < EntryId(10) < EntryId(10).next
    assert str(EntryId(10, 2)) == "10-2"
    with pytest.raises(ValueError, match="invalid literal"):
        EntryId.read("now")


def test_what_lies_elsewhere_or_reads_otherwise_is_lost_and_the_rest_waits_for_its_readers() -> None:
    unread = queue(GroupState(EntryId(5)))
    found = compared([row(1), row(2), row(3), row(4, None)], [b"1", None, b"another", b"4"], unread)
    assert found.lost == (2, 3, 4)
    assert found.settled == ()


def test_a_message_is_settled_once_every_group_has_acknowledged_it() -> None:
    done, slow = GroupState(NOW), GroupState(NOW, oldest_pending=NOW)
    assert compared([row(1)], [b"1"], queue(done)).settled == (1,)
    assert compared([row(1)], [b"1"], queue(done, slow)).settled == ()
    assert compared([row(1)], [b"1"], queue(done, GroupState(EntryId(NOW_MS - 1)))).settled == ()


def test_a_message_is_settled_only_where_it_is_acknowledged_before_and_after_it_was_found() -> None:
    done, unread = queue(GroupState(NOW)), queue(GroupState(EntryId(5)))
    assert compare([row(1)], [b"1"], done, done).settled == (1,)
    for before, after in ((done, unread), (unread, done), (unread, unread)):
        assert compare([row(1)], [b"1"], before, after) == Comparison(lost=(), settled=())


def test_what_nobody_reads_is_settled_after_a_day() -> None:
    old = EntryId(NOW_MS - DAY_MS - 1)
    assert compared([row(1, old), row(2)], [b"1", b"2"], queue()).settled == (1,)
    assert compared([row(1, old)], [b"1"], QueueState("one", NOW_MS, {})).settled == (1,)


def test_everything_is_compared_at_first_after_a_restart_and_where_entries_are_missing() -> None:
    state = queue(length=3)
    assert may_have_lost(state, {}, None)
    assert not may_have_lost(state, {RED: Unsettled(3, 1)}, state)
    assert may_have_lost(state, {RED: Unsettled(4, 1)}, state)
    assert may_have_lost(replace(state, incarnation="two"), {}, state)
    assert may_have_lost(QueueState("one", NOW_MS, {}), {RED: Unsettled(1, 1)}, state)


def test_what_may_be_trimmed_is_old_acknowledged_and_settled() -> None:
    reading = StreamState(9, (GroupState(NOW),))
    assert trim_before(reading, None, NOW_MS) == EntryId(NOW_MS - HOUR_MS)
    assert trim_before(reading, Unsettled(1, NOW_MS - 2 * HOUR_MS), NOW_MS) == EntryId(NOW_MS - 2 * HOUR_MS)
    assert trim_before(reading, Unsettled(1, None), NOW_MS) is None
    pending = EntryId(NOW_MS - 3 * HOUR_MS, 7)
    assert trim_before(StreamState(9, (GroupState(NOW, pending),)), None, NOW_MS) == pending
    assert trim_before(StreamState(9), None, NOW_MS) == EntryId(NOW_MS - DAY_MS)
    assert trim_before(StreamState(9, (GroupState(EntryId(0)),)), None, NOW_MS) is None


IDS = st.builds(EntryId, st.integers(0, 2 * NOW_MS), st.integers(0, 3))
GROUPS = st.lists(st.builds(GroupState, IDS, st.none() | IDS), max_size=3).map(tuple)


@given(groups=GROUPS, entry=IDS, oldest_ms=st.none() | st.integers(0, 2 * NOW_MS))
def test_nothing_that_a_group_needs_or_the_store_has_not_settled_is_ever_trimmed(
    groups: tuple[GroupState, ...], entry: EntryId, oldest_ms: int | None
) -> None:
    stream = StreamState(1, groups)
    bound = trim_before(stream, Unsettled(1, oldest_ms), NOW_MS)
    if bound is None or entry >= bound:
        return
    for group in groups:
        assert entry <= group.last_delivered
        assert group.oldest_pending is None or entry < group.oldest_pending
    assert oldest_ms is not None
    assert entry.ms < oldest_ms
    assert entry.ms < NOW_MS - HOUR_MS
    settled = compared([row(1, entry)], [b"1"], QueueState("one", NOW_MS, {RED: stream})).settled
    assert settled == (1,)


def test_of_positions_what_was_read_goes_after_a_minute_and_the_rest_after_ten_read_or_not() -> None:
    minute_ms = int(FLEETING_KEPT_FOR.total_seconds() * 1000)
    longest_ms = int(FLEETING_KEPT_UNREAD_FOR.total_seconds() * 1000)

    def bound(*groups: GroupState) -> EntryId | None:
        return trim_fleeting_before(StreamState(9, groups), NOW_MS)

    assert bound(GroupState(NOW)) == EntryId(NOW_MS - minute_ms)
    behind = EntryId(NOW_MS - 2 * minute_ms)
    assert bound(GroupState(behind)) == behind.next
    assert bound(GroupState(NOW, oldest_pending=behind)) == behind
    stopped = GroupState(EntryId(5))
    assert bound(stopped) == bound(GroupState(NOW), stopped) == bound() == EntryId(NOW_MS - longest_ms)
    assert trim_fleeting_before(StreamState(9, (GroupState(EntryId(0)),)), longest_ms) is None
