"""Free space: below a share or below so many bytes a disk is short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.storage import DiskPlace, DiskSpace, FreeFloor

GB = 10**9


def space(free: int, size: int, place: DiskPlace = DiskPlace.VAR, disk: int = 1) -> DiskSpace:
    return DiskSpace(place, disk, free, size)


@pytest.mark.parametrize(
    ("free_gb", "size_gb", "missing_gb"),
    [(50, 100, 0), (10, 100, 0), (9, 100, 1), (2, 12, 0), (1, 12, 1), (1, 1, 0), (0, 1, 1), (0, 0, 0)],
)
def test_the_usual_floor(free_gb: int, size_gb: int, missing_gb: int) -> None:
    assert FreeFloor().missing(space(free_gb * GB, size_gb * GB)) == missing_gb * GB


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.floats(0, 0.9), st.integers(0, 10**10))
def test_what_is_missing_is_enough_and_can_be_had(free: int, size: int, share: float, least: int) -> None:
    free = min(free, size)
    floor = FreeFloor(share, least)
    missing = floor.missing(space(free, size))
    assert 0 <= missing <= size - free
    assert floor.missing(space(free + missing, size)) == 0


def test_a_disk_is_told_once() -> None:
    found = FreeFloor().short(
        [space(0, GB, DiskPlace.DATABASE, 1), space(0, GB, DiskPlace.VAR, 1), space(0, GB, DiskPlace.EVIDENCE, 2)]
    )
    assert [one.place for one in found] == [DiskPlace.DATABASE, DiskPlace.EVIDENCE]
