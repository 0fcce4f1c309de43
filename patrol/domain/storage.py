"""What is stored on this machine, and whether there is room: what the room is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class KeptAlerts:
    """Alerts on the local disk that the store has not taken. ``since``: the oldest's, aware UTC.

    ``aside``: of them, those that the store never took while others passed; they are tried at the next start.
    """

    waiting: int = 0
    since: datetime | None = None
    aside: int = 0


class DiskPlace(StrEnum):
    """What lies on a disk. Closed set: also the metric's label."""

    DATABASE = "database"
    EVIDENCE = "evidence"
    VAR = "var"  # all else: the queue, the spool


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The disk on which something lies: bytes that Patrol may still use, and all of it. ``disk``: which one it is."""

    place: DiskPlace
    disk: int
    free: int
    size: int


@dataclass(frozen=True, slots=True)
class FreeFloor:
    """How much of a disk is to stay free: a share of it, and so many bytes. Below either it is short."""

    share: float = 0.10
    size: int = 2 * 10**9

    def missing(self, space: DiskSpace) -> int:
        """Bytes that have to be freed; 0 where there is enough."""
        return max(0, max(round(self.share * space.size), min(self.size, space.size)) - space.free)

    def short(self, spaces: Sequence[DiskSpace]) -> tuple[DiskSpace, ...]:
        """Of each disk that is short, the first that lies on it."""
        by_disk: dict[int, DiskSpace] = {}
        for space in spaces:
            if self.missing(space) > 0:
                by_disk.setdefault(space.disk, space)
        return tuple(by_disk.values())


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """What people are told of the disk. ``short``: the disks that have too little room left."""

    kept: KeptAlerts = KeptAlerts()
    short: tuple[DiskSpace, ...] = ()
