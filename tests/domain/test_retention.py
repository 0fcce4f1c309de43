"""Retention: expired first, then the oldest of the least important; never an open incident's, never what is fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.events import Kind, Level
from patrol.domain.incidents import EvidenceId
from patrol.domain.retention import (
    DELETED,
    MOST_ORPHANS,
    ORPHANS_KEPT,
    SEASONED,
    YOUNG,
    EvidenceClass,
    Gone,
    IndexRow,
    KeptEvidence,
    Medium,
    Retention,
    StoredFile,
    absence,
    compare,
    evidence_class,
    to_delete,
)
from tests.builders import NOON

DAY = timedelta(days=1)
SMALL = Retention(100, dict.fromkeys(EvidenceClass, 10 * DAY))
IMPORTANCE = list(EvidenceClass)


def item(number: int, age: timedelta, **changes: object) -> KeptEvidence:
    plain = KeptEvidence(EvidenceId(f"V-{number}"), Medium.PICTURE, EvidenceClass.GREEN, 10, NOON - age, is_open=False)
    return replace(plain, **changes)  # type: ignore[arg-type]


def importance(each: KeptEvidence) -> tuple[int, datetime, str]:
    return -IMPORTANCE.index(each.evidence_class), each.accepted_at, each.id


@st.composite
def stores(draw: st.DrawFn) -> list[KeptEvidence]:
    ages = st.floats(-DAY.total_seconds(), 20 * DAY.total_seconds())
    return [
        KeptEvidence(
            EvidenceId(f"V-{number}"),
            draw(st.sampled_from(Medium)),
            draw(st.sampled_from(EvidenceClass)),
            draw(st.integers(0, 60)),
            NOON - timedelta(seconds=draw(ages)),
            draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@given(stores(), st.integers(0, 200), st.sampled_from([0, 1, 40, 500]))
def test_whatever_lies_there_only_what_may_go_goes_and_in_the_right_order(
    found: list[KeptEvidence], elsewhere: int, missing: int
) -> None:
    used = sum(each.size for each in found) + elsewhere
    plan = {deletion.id: deletion.reason for deletion in to_delete(found, used, SMALL, NOON, missing)}
    gone = [each for each in found if each.id in plan]
    left = [each for each in found if each.id not in plan and not each.is_open and each.accepted_at <= NOON - YOUNG]
    # Never an open incident's, never what was accepted within the hour, or in the future.
    assert all(not each.is_open and each.accepted_at <= NOON - YOUNG for each in gone)
    # All that expired, whatever room there is; nothing else says so.
    assert {each.id for each in gone if plan[each.id] is Gone.EXPIRED} == {
        each.id for each in (*gone, *left) if each.accepted_at + 10 * DAY <= NOON
    }
    for_room = [each for each in gone if plan[each.id] is Gone.QUOTA]
    for went in for_room:
        for stayed in left:
            if stayed.size:
                assert (-IMPORTANCE.index(went.evidence_class), went.accepted_at) <= (
                    -IMPORTANCE.index(stayed.evidence_class),
                    stayed.accepted_at,
                )
    for_disk = [each for each in gone if plan[each.id] is Gone.PRESSURE]
    assert all(each.accepted_at + SEASONED * 10 * DAY <= NOON for each in for_disk)
    freed = sum(each.size for each in gone)
    seasoned_left = [each for each in left if each.accepted_at + SEASONED * 10 * DAY <= NOON and each.size]
    assert freed >= missing or not seasoned_left
    if for_disk:
        assert freed - max(for_disk, key=importance).size < missing
    after = used - freed + sum(each.size for each in for_disk)
    # Enough, or all there is; and not one more than needed.
    assert after <= SMALL.quota_bytes or not any(each.size for each in left)
    if for_room:
        assert after + max(for_room, key=importance).size > SMALL.quota_bytes


@given(stores(), st.integers(0, 200), st.sampled_from([0, 1, 40, 500]))
def test_what_need_not_be_looked_at_would_not_have_gone(
    found: list[KeptEvidence], elsewhere: int, missing: int
) -> None:
    used = sum(each.size for each in found) + elsewhere
    is_short = used > SMALL.quota_bytes or missing > 0
    looked_at = [
        each for each in found if each.accepted_at <= SMALL.goes_until(each.evidence_class, NOON, is_short=is_short)
    ]
    assert to_delete(looked_at, used, SMALL, NOON, missing) == to_delete(found, used, SMALL, NOON, missing)


def test_the_order_told_as_a_story() -> None:
    found = [
        item(1, 9 * DAY, evidence_class=EvidenceClass.RED),
        item(2, 2 * DAY, evidence_class=EvidenceClass.SIMULATED),
        item(3, 3 * DAY, evidence_class=EvidenceClass.SIMULATED),
        item(4, 9 * DAY, evidence_class=EvidenceClass.GREEN),
        item(5, 11 * DAY, evidence_class=EvidenceClass.RED),
        item(6, 11 * DAY, evidence_class=EvidenceClass.GREEN, is_open=True),
    ]
    plan = to_delete(found, 135, SMALL, NOON)
    assert [(deletion.id, deletion.reason) for deletion in plan] == [
        ("V-5", Gone.EXPIRED),
        ("V-3", Gone.QUOTA),
        ("V-2", Gone.QUOTA),
        ("V-4", Gone.QUOTA),
    ]


def test_a_class_that_is_to_be_kept_shorter_expires_sooner() -> None:
    retention = Retention(10**9, {**SMALL.keep, EvidenceClass.SIMULATED: DAY})
    found = [item(1, 2 * DAY, evidence_class=EvidenceClass.SIMULATED), item(2, 2 * DAY)]
    assert [deletion.id for deletion in to_delete(found, 20, retention, NOON)] == ["V-1"]


@pytest.mark.parametrize("each", EvidenceClass)
def test_usually_the_more_important_is_kept_no_shorter(each: EvidenceClass) -> None:
    keep = Retention().keep
    assert all(keep[each] >= keep[other] for other in IMPORTANCE[IMPORTANCE.index(each) :])


def test_evidence_has_the_class_of_its_alert() -> None:
    assert evidence_class(Level.RED, Kind.CROWD, simulated=False) is EvidenceClass.RED
    assert evidence_class(Level.RED, Kind.CROWD, simulated=True) is EvidenceClass.SIMULATED
    assert evidence_class(Level.BLUE, Kind.CAMERA_HEALTH, simulated=False) is EvidenceClass.MAINTENANCE


def row(number: int, age: timedelta = 2 * DAY, **changes: object) -> IndexRow:
    plain = IndexRow(EvidenceId(f"V-{number}"), Medium.PICTURE, 10, NOON - age, None)
    return replace(plain, **changes)  # type: ignore[arg-type]


def file(number: int, age: timedelta = 2 * DAY, medium: Medium | None = Medium.PICTURE, size: int = 10) -> StoredFile:
    return StoredFile(EvidenceId(f"V-{number}"), medium, size, NOON - age)


def test_files_and_rows_side_by_side() -> None:
    found = compare(
        [
            file(1),
            file(2, size=12),
            file(3),  # of no alert
            file(4, timedelta(hours=3)),  # of an alert that may still wait for the store
            file(5, medium=None),  # never finished
            file(6),  # of what was deleted
            file(7),  # of what was missing once
        ],
        [
            row(1),
            row(2),
            row(6, gone=Gone.QUOTA),
            row(7, gone=Gone.BY_HAND),
            row(8),
            row(9, medium=Medium.CLIP, size=None),
            row(10, timedelta(seconds=5), medium=Medium.CLIP, size=None),
            row(11, gone=Gone.EXPIRED),
        ],
        NOON,
    )
    assert [each.id for each in found.orphans] == ["V-3", "V-5"]
    assert found.strangers == ()
    assert [each.id for each in found.leftovers] == ["V-6"]
    assert found.returned == ("V-7",)
    assert [(each.id, each.reason) for each in found.absent] == [("V-8", Gone.BY_HAND), ("V-9", Gone.NEVER_KEPT)]
    assert found.sizes == {"V-2": 12}


def test_a_folder_full_of_files_that_nobody_knows_is_not_emptied() -> None:
    found = compare([file(number) for number in range(MOST_ORPHANS + 1)], [row(1)], NOON)
    assert (len(found.orphans), found.strangers) == (MOST_ORPHANS, ())
    found = compare([file(number) for number in range(MOST_ORPHANS + 2)], [row(1)], NOON)
    assert (found.orphans, len(found.strangers)) == ((), MOST_ORPHANS + 1)


@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from([*Medium, None]), st.integers(0, 3)), max_size=12),
    st.lists(
        st.tuples(
            st.integers(0, 8), st.sampled_from(Medium), st.sampled_from([None, 10]), st.sampled_from([*Gone, None])
        ),
        max_size=9,
        unique_by=lambda values: values[0],
    ),
)
def test_what_belongs_to_an_alert_that_stands_is_never_deleted(
    files: list[tuple[int, Medium | None, int]], rows: list[tuple[int, Medium, int | None, Gone | None]]
) -> None:
    stored = {(number, medium): file(number, days * DAY, medium) for number, medium, days in files}.values()
    known = [row(number, medium=medium, size=size, gone=gone) for number, medium, size, gone in rows]
    found = compare(stored, known, NOON)
    kept = {(each.id, each.medium) for each in known if each.gone not in DELETED}
    deleted = [*found.orphans, *found.leftovers]
    assert not kept & {(each.id, each.medium) for each in deleted}
    assert all(each.modified_at <= NOON - ORPHANS_KEPT for each in found.orphans)
    assert not {each.id for each in found.absent} & {each.id for each in known if each.gone is not None}


def test_a_clip_may_come_for_an_hour_and_a_picture_was_there_before_its_alert() -> None:
    def why(age: timedelta, medium: Medium, size: int | None) -> Gone | None:
        return absence(row(1, age, medium=medium, size=size), NOON)

    assert why(timedelta(minutes=59), Medium.CLIP, None) is None
    assert why(timedelta(minutes=60), Medium.CLIP, None) is Gone.NEVER_KEPT
    assert why(timedelta(minutes=1), Medium.CLIP, 10) is Gone.BY_HAND
    assert why(timedelta(minutes=1), Medium.PICTURE, None) is Gone.BY_HAND


def test_the_clock_set_back_deletes_nothing_new() -> None:
    now = NOON - timedelta(hours=1)
    found = [item(1, timedelta(minutes=30)), item(2, 11 * DAY)]
    assert [deletion.id for deletion in to_delete(found, 500, SMALL, now)] == ["V-2"]
