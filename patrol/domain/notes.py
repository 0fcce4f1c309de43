"""Notes: what people write down about an incident, beside what they do with it (备注)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote, and when (aware UTC)."""

    at: datetime
    operator: str
    text: str


# An incident with more is one that is written about elsewhere; the deeds keep all of them.
NOTES_KEPT = 50


def kept_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Those that an incident keeps, oldest first: the last ones."""
    return tuple(sorted(notes, key=lambda note: note.at)[-NOTES_KEPT:])
