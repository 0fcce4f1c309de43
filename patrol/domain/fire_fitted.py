"""What fire and smoke look like in numbers; written by ``make fit-fire`` (benchmarks/fit_fire.py).

Fitted on 663 pictures of 122 recordings of train/. ``mean`` and ``spread``: of what is
measured, in the order of the names before them; ``weights``: of these values, made comparable.
"""

# fmt: off
from __future__ import annotations

from typing import TypedDict


class Numbers(TypedDict):
    """See burning.Fitted."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float


# area, red over blue, brightness, unevenness, glowing, saturation, yellowness, its unevenness, brighter than around,
# warmth around, how full its box, roundness, height to width, detail, share of all that is warm,
# the picture's brightness, how much is warm,
FIRE: Numbers = {
    "mean": (
        -3.114, 0.4994, 0.5894, 0.2386, 0.3215, 0.5963, 0.331, 0.05644, 0.2233, 0.6627, 0.6099, 0.6999, 0.2152,
        0.7297, 0.3992, 0.407, 0.04563,
    ),
    "spread": (
        0.871, 0.1188, 0.1322, 0.1729, 0.3544, 0.1476, 0.2181, 0.05123, 0.2964, 0.3084, 0.1822, 0.4677, 1.405, 0.5991,
        0.412, 0.1185, 0.0648,
    ),
    "weights": (
        0.05971, -0.1005, 0.2559, -0.1411, 0.05429, -0.2045, -0.4642, 0.6545, 0.2746, -0.02861, -0.2396, 0.6068,
        0.2386, -0.02382, -0.01521, -0.5075, 1.073,
    ),
    "bias": -1.007,
}


# brightness, saturation, blueness, redness, fine detail, coarse detail, darkest around, one direction,
# height in the picture, brighter than the picture, less colour than the picture, less detail than the picture,
SMOKE: Numbers = {
    "mean": (
        0.4637, 0.1731, -0.0311, 0.07283, 1.272, 2.715, 0.3625, 0.4127, 0.4852, 0.08579, -0.06335, -0.006916,
    ),
    "spread": (
        0.217, 0.1634, 0.2656, 0.2618, 0.7439, 0.8259, 0.2157, 0.2601, 0.2964, 0.7032, 0.4332, 0.5929,
    ),
    "weights": (
        0.3063, -0.1448, -0.2254, -0.09722, -0.9512, 0.1356, 0.5553, -0.3203, -0.16, -0.3546, -0.1783, -0.6054,
    ),
    "bias": -1.106,
}
