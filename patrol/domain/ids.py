"""Ids: made in one place, sortable by time, unique without asking anyone."""

from __future__ import annotations

from datetime import datetime


def make_id(prefix: str, at: datetime, randomness: int) -> str:
    """An id such as ``A-20261123-204029-7f3a9c2e41b0``: what it is, the UTC second, 48 random bits."""
    return f"{prefix}-{at:%Y%m%d-%H%M%S}-{randomness & (2**48 - 1):012x}"
