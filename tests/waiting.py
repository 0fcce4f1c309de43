"""Waiting until something is so. How soon is not asked here: a machine that others keep busy takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable

COMES_S = 60.0


def wait_for(holds: Callable[[], object], within_s: float = COMES_S, told: Callable[[], str] = lambda: "") -> None:
    """Look again and again until it holds. ``told``: what to say where it never does."""
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, told()
        time.sleep(0.05)
