"""The tour: which camera is visited next, and how long each has been unseen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TourSettings:
    """How the tour works; times in seconds.

    ``workers``: visits at the same time. ``visit_deadline_s``: the longest one visit may hold a worker.
    ``lead_s``: how long before its bound a camera becomes due. ``backoff_base_s``, ``backoff_cap_s``: a failing
    camera is tried again after a random wait of up to base x 2^failures, at most the cap (full jitter).
    """

    workers: int = 32
    visit_deadline_s: float = 10.0
    lead_s: float = 1.5
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 60.0
