"""This machine's disks: how much room there is, asked of the system itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from patrol.adapters.local_storage import LocalDisks, LocalStorage
from patrol.domain.storage import DiskPlace, FreeFloor
from tests.adapters.small_disk import fill, small_disk

EVERYWHERE = FreeFloor(0.1, 2 * 10**6)


def test_each_place_has_the_disk_on_which_it_lies_even_before_it_is_there(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        disks = LocalDisks(
            {
                DiskPlace.VAR: tmp_path,
                DiskPlace.EVIDENCE: disk / "evidence" / "to be made",
                DiskPlace.DATABASE: disk,
            }
        )
        var, evidence, database = asyncio.run(disks.spaces())
        assert (var.place, evidence.place) == (DiskPlace.VAR, DiskPlace.EVIDENCE)
        assert evidence.size == 8 * 2**20
        assert (evidence.disk, evidence.free) == (database.disk, database.free)
        assert var.disk != evidence.disk
        storage = LocalStorage(tmp_path / "spool", disks, FreeFloor(0.0, 2 * 10**6))
        assert asyncio.run(storage.status()).short == ()
        fill(disk)
        assert asyncio.run(disks.spaces())[1].free == 0
        (short,) = asyncio.run(storage.status()).short  # told once, though two lie on it
        assert (short.place, short.free, short.size) == (DiskPlace.EVIDENCE, 0, 8 * 2**20)
