"""placeholder"""

from __future__ import annotations

from typing import TypedDict


class Numbers(TypedDict):
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float


def _none(k: int) -> Numbers:
    return {"mean": (0.0,) * k, "spread": (1.0,) * k, "weights": (0.0,) * k, "bias": 0.0}


FIRE = _none(17)
SMOKE = _none(12)
