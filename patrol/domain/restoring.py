"""Restoring: people put a backup back, which is seen by two numbers that only grow: the queue has seen higher ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

SHOWN_FOR = timedelta(hours=24)
"""For so long people are told that a backup was put back."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """That a backup was put back, and what came of it. Times are aware UTC.

    ``back_to``: when the store was last written to, about; ``complete``: whether the queue still had all since then.
    ``refused``: alerts that could not be made again, and lie in the dead letters.
    """

    at: datetime
    back_to: datetime | None
    complete: bool
    incidents: int
    alerts: int
    orders: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a store has come: the ``position`` in its outbox of the newest message, and its newest ``heartbeat``.

    The heartbeat is on its stream, too, and so in whatever is left of the queue; but it comes only every few seconds.
    """

    position: int = 0
    heartbeat: int = 0


def went_back(stored: Reached, seen: Reached) -> bool:
    """Whether the store is an older one than the one whose messages the queue has seen."""
    return seen.position > stored.position or seen.heartbeat > stored.heartbeat
