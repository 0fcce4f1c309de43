"""What the metrics of several stages have in common. A part of ``metrics``; see there."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

FAST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 180, 300, 600, 1800)


def start_at_zero(metric: Counter | Gauge | Histogram, *label_values: Iterable[str]) -> None:
    """Every label set is there from the start."""
    for values in product(*label_values):
        metric.labels(*values)
