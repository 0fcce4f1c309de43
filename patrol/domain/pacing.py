"""Pacing: how often something may be begun, and how long to wait before trying again."""

from __future__ import annotations

import math
from collections.abc import Callable


class TokenBucket:
    """Lets ``per_s`` things a second begin, and up to ``burst`` at once after a pause. Times in monotonic seconds."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, burst)
        self._level = self._burst
        self._at = now

    def wait_s(self, now: float) -> float:
        """Seconds until the next may begin; 0 if it may now."""
        self._refill(now)
        if self._level >= 1.0:
            return 0.0
        return (1.0 - self._level) / self._per_s if self._per_s > 0 else math.inf

    def take(self, now: float) -> None:
        """One begins. What begins without asking first is owed."""
        self._refill(now)
        self._level -= 1.0

    def set_pace(self, per_s: float, burst: float, now: float) -> None:
        """From now on another pace; what has gathered, or is owed, stays. 0: nothing more may begin."""
        self._refill(now)
        self._per_s, self._burst = per_s, max(1.0, burst)
        self._level = min(self._level, self._burst)

    def _refill(self, now: float) -> None:
        # A rounding error must not leave a bucket a hair below one token for ever.
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._per_s + 1e-9)
        self._at = max(self._at, now)


def full_jitter(failures: int, base_s: float, cap_s: float, jitter: Callable[[], float]) -> float:
    """A random wait of up to base x 2^failures seconds, at most the cap.

    "Full jitter" after M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the variants
    compared there it ends a stampede with the fewest calls. ``jitter``: a number in [0, 1) at each call.
    """
    return min(cap_s, base_s * 2.0 ** min(failures, 32)) * jitter()
