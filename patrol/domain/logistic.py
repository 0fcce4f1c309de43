"""Logistic regression, learned elsewhere: a few numbers that a person can read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weight:
    """Of one measure: its ``mean`` and ``scale`` (standard deviation) where it was learned, and how much it counts."""

    mean: float
    scale: float
    weight: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """``weights``: by the name of the measure, in the order in which measures come."""

    weights: Mapping[str, Weight]
    bias: float

    def sure(self, values: Iterable[float]) -> float:
        """0..1, how sure it is, by the measures in the order of the weights."""
        pairs = zip(self.weights.values(), values, strict=True)
        total = self.bias + sum(one.weight * (value - one.mean) / one.scale for one, value in pairs)
        return 1 / (1 + math.exp(-min(50.0, max(-50.0, total))))
