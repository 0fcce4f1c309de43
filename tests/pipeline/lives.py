"""What the stateful tests share."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck

# What takes long here is what is tried, not how it is made up.
SLOW = [HealthCheck.too_slow]
_MEMORY = Path("/dev/shm")


def folder() -> TemporaryDirectory[str]:
    """In memory, where there is such a disk: nothing here is about fsync."""
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
