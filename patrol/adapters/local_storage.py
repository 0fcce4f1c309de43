"""This machine's disks, and what lies on them for the room to know: looked at there, whichever process writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from patrol.adapters.disk_spool import kept_in
from patrol.domain.storage import DiskPlace, DiskSpace, FreeFloor, StorageStatus

# A room in which only some bytes were written has not changed.
ROUND_BYTES = 10**8


class LocalDisks:
    """DiskWatch of the disks on which these folders lie; of one that is not there yet, its parent's."""

    def __init__(self, folders: Mapping[DiskPlace, Path]) -> None:
        self._folders = folders

    async def spaces(self) -> Sequence[DiskSpace]:
        """See DiskWatch."""
        return await asyncio.to_thread(self.look)

    def look(self) -> tuple[DiskSpace, ...]:
        """The same, at once. What cannot be asked for is left out: whoever writes there says so."""
        spaces = ((place, _space(folder)) for place, folder in self._folders.items())
        return tuple(DiskSpace(place, *space) for place, space in spaces if space is not None)


def _space(folder: Path) -> tuple[int, int, int] | None:
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        facts = os.statvfs(folder)
        return folder.stat().st_dev, facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize
    except OSError:
        return None


class LocalStorage:
    """StorageWatch of one machine. ``spool``: the folder in which alerts wait for the store."""

    def __init__(self, spool: Path, disks: LocalDisks, floor: FreeFloor) -> None:
        self._spool = spool
        self._disks = disks
        self._floor = floor

    async def status(self) -> StorageStatus:
        """See StorageWatch."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> StorageStatus:
        short = (
            DiskSpace(space.place, space.disk, space.free // ROUND_BYTES * ROUND_BYTES, space.size)
            for space in self._floor.short(self._disks.look())
        )
        return StorageStatus(kept_in(self._spool), tuple(short))
