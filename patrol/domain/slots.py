"""Slots: how long a camera that is due may have to wait for one, in the very worst case.

A camera comes due ``lead`` before its bound, so that it can wait for a slot and still be seen in time. ``worst_wait_s``
says for how long it may have to wait whatever the cameras do: it is the classic response-time analysis (M. Joseph and
P. Pandya, "Finding Response Times in a Real-Time System", The Computer Journal 29(5), 1986) for visits that are never
interrupted, on several slots, with nothing known of who comes due when.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Demand:
    """What one camera asks for: a visit of up to ``visit_s`` seconds, so that no gap is longer than ``bound_s``."""

    visit_s: float
    bound_s: float


def worst_wait_s(demands: Sequence[Demand], slots: int, blocked_by_s: float = 0.0) -> float | None:
    """The longest any of ``demands`` may have to wait for one of ``slots``; None if no wait would do.

    While one waits, every slot is busy with others. In a wait of w each other camera has at most one visit under way
    or pending, and comes due again at the earliest ``bound - visit - w`` after the capture that ended its last gap;
    that capture may lie a visit's length before the wait began. ``blocked_by_s``: a visit of lower rank that may be
    under way in a slot. With a slot for each nobody ever waits.
    """
    if len(demands) <= slots and blocked_by_s == 0.0:
        return 0.0
    wait_s, alike = 0.0, Counter(demands)
    for _ in range(MOST_ROUNDS):
        work_s = _work_ahead_s(alike, wait_s)
        if work_s is None:
            return None
        longer = (work_s + blocked_by_s) / slots
        if longer <= wait_s + 1e-9:
            return wait_s
        wait_s = longer
    return None


def _work_ahead_s(alike: Mapping[Demand, int], wait_s: float) -> float | None:
    """The work of all cameras but the one with least of it, in a wait of ``wait_s``; None where a bound is hopeless."""
    work, least = 0.0, math.inf
    for demand, cameras in alike.items():
        between_s = demand.bound_s - demand.visit_s - wait_s
        if between_s <= 0:
            return None
        own = demand.visit_s * (1 + math.floor((wait_s + demand.visit_s) / between_s))
        work, least = work + cameras * own, min(least, own)
    return work - least if alike else 0.0
