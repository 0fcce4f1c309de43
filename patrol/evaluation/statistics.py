"""How sure a figure is, and quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from patrol.domain.shares import Range

RESAMPLES = 2000


def bootstrapped(
    groups: Sequence[npt.NDArray[np.float64]],
    figure: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> Range | None:
    """The 95% interval of a figure of sums, by drawing whole groups again; None where it is never defined.

    ``groups``: what each adds to the sums, (k,). ``figure``: sums (draws, k) -> (draws,), nan where undefined. Drawing
    groups, not items, keeps pictures of one scene from passing for independent ones. The draws are the same each time.
    """
    if not groups:
        return None
    amounts = np.stack(groups)
    drawn = np.random.default_rng(0).integers(0, len(amounts), (RESAMPLES, len(amounts)))
    sums = np.stack([amounts[draw].sum(axis=0) for draw in drawn])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = figure(sums)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def nearest_rank(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least ``share`` (0..1] of all do not exceed; None for none."""
    ordered = sorted(values)
    # Rounded first: a product such as 0.9 x 10 may come out a hair too large, and one rank too many.
    return ordered[max(1, math.ceil(round(share * len(ordered), 9))) - 1] if ordered else None


def share_of(part: float, whole: float) -> float | None:
    """A quotient; None of nothing."""
    return part / whole if whole else None


def grouped(amounts: Iterable[tuple[str, Sequence[float]]]) -> list[npt.NDArray[np.float64]]:
    """The sums of what each member adds, a group at a time."""
    sums: dict[str, npt.NDArray[np.float64]] = {}
    for name, amount in amounts:
        added = np.asarray(amount, np.float64)
        sums[name] = sums[name] + added if name in sums else added
    return list(sums.values())


def finite(value: object) -> object:
    """JSON knows no nan and no infinity: None in their place."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return value
