"""Shares of a whole, and how sure they are."""

from __future__ import annotations

import math

Range = tuple[float, float]
Z_95 = 1.959964


def wilson(right: int, of: int) -> Range | None:
    """The 95% interval of a share by Wilson's score (1927); None for a share of nothing."""
    if of == 0:
        return None
    share, z2 = right / of, Z_95**2
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2)) / (1 + z2 / of)
    # At both ends the bound is the end itself, which the sum misses by a rounding.
    return max(0.0, centre - half) if right else 0.0, min(1.0, centre + half) if right < of else 1.0
