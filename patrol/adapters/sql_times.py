"""Times in the database: text in one fixed form in UTC, which sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime


def text_of(at: datetime) -> str:
    """An aware time as text."""
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")


def time_of(text: str) -> datetime:
    """The time in such a text, aware."""
    return datetime.fromisoformat(text)
