"""What is stored on this machine, and whether there is room: what the room is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeptAlerts:
    """Alerts on the local disk that the store has not taken. ``since``: the oldest's, aware UTC.

    ``aside``: of them, those that the store never took while others passed; they are tried at the next start.
    """

    waiting: int = 0
    since: datetime | None = None
    aside: int = 0


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """What people are told of the disk."""

    kept: KeptAlerts = KeptAlerts()
