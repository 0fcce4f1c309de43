"""Scoring counts: how many people were told, against how many there are. Pure."""

from __future__ import annotations

import statistics as averages
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patrol.domain.shares import Range, wilson
from patrol.evaluation.statistics import bootstrapped, share_of

BAND_BEGINS = (0, 1, 10, 30, 100, 300, 1000)
"""The bands of a count: 0, 1-9, 10-29, 30-99, 100-299, 300-999, 1,000 and more."""
FEW = 60
"""Below it people stand apart in most pictures, and are counted one by one."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One picture: how many there are, and how many were told."""

    true: int
    told: int


@dataclass(frozen=True, slots=True)
class CountScore:
    """All pictures together. ``relative_error``: the mean of each picture's, of those with anybody in them.

    ``band_right``, ``band_near``: shares whose band is right, and right or next to right. Ranges at 95%.
    """

    n: int
    mae: float | None
    relative_error: float | None
    relative_error_range: Range | None
    band_right: float | None
    band_near: float | None
    band_near_range: Range | None


def band_of(count: int) -> int:
    """The number of a count's band, from 0."""
    return bisect_right(BAND_BEGINS, count) - 1


def band_name(band: int) -> str:
    """As people read it."""
    begin = BAND_BEGINS[band]
    if band + 1 == len(BAND_BEGINS):
        return f"≥ {begin:,}"
    end = BAND_BEGINS[band + 1] - 1
    return f"{begin}" if begin == end else f"{begin}-{end}"


def score_counts(pictures: Sequence[Counted]) -> CountScore:
    """The figures of some pictures."""
    errors = [abs(one.told - one.true) for one in pictures]
    relative = [abs(one.told - one.true) / one.true for one in pictures if one.true > 0]
    off = [abs(band_of(one.told) - band_of(one.true)) for one in pictures]
    near = sum(each <= 1 for each in off)
    return CountScore(
        n=len(pictures),
        mae=averages.fmean(errors) if errors else None,
        relative_error=averages.fmean(relative) if relative else None,
        relative_error_range=bootstrapped([np.array([each, 1.0]) for each in relative], _mean),
        band_right=share_of(sum(each == 0 for each in off), len(off)),
        band_near=share_of(near, len(off)),
        band_near_range=wilson(near, len(off)),
    )


def _mean(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(sums[:, 0] / sums[:, 1], np.float64)


def where(pictures: Sequence[Counted], holds: Callable[[int], bool]) -> list[Counted]:
    """Those whose true count is of a sort."""
    return [one for one in pictures if holds(one.true)]
