"""Assigning: to each row a column of its own, by several aims, each of which comes before all that follow it.

``scipy.optimize.linear_sum_assignment`` finds the least sum of one matrix. Aims that rank one above another become one
matrix by giving each as much weight as all that follow it could come to together: exact as long as that stays a whole
number that a double holds. Where it would not, the aims so far are solved first, and the rest only among *all* that
solve them equally well; these are known from the solution's dual (complementary slackness: Schrijver 2003,
"Combinatorial Optimization", section 17.2): pairs whose reduced cost is zero, with no column free whose price is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatMatrix = npt.NDArray[np.float64]
BoolMatrix = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

# Whole numbers up to 2^53 are exact in a double; the solver adds a few of these.
ROOM = 2.0**50


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be least in sum. ``costs`` (k, m): whole numbers, of the k ``rows`` whom it concerns; others: none."""

    rows: Indices
    costs: FloatMatrix


def load_solver() -> None:
    """Load the solver, which takes a second, before somebody waits for the first assignment."""
    _solver()


def assign(aims: Iterable[Aim], allowed: BoolMatrix) -> Indices:
    """The column of each row, (n,), of an assignment that is best by the first aim, then by the second, and so on.

    ``allowed`` (n, m): who may have what. The same matrices give the same answer, also where several are equally good.
    Raises ValueError where not every row can have a column, or where one aim alone spans more than 2^50.
    """
    left, cost, used = allowed, np.zeros(allowed.shape), 1.0
    for aim in aims:
        costs, span = _from_zero(aim, left)
        if span and used * (span + 1) > ROOM:
            left, cost, used = _all_best(cost, left)
            costs, span = _from_zero(aim, left)
        if not span:
            continue
        if used * (span + 1) > ROOM:
            raise ValueError(f"an aim that spans {span:.3g} for {len(allowed)} rows: expected 2^50 at most, all in all")
        cost *= span + 1
        cost[aim.rows] += costs
        used *= span + 1
    return _least(cost, left)


def _from_zero(aim: Aim, allowed: BoolMatrix) -> tuple[FloatMatrix, float]:
    """Its costs with the least of each row at zero, which changes nothing, and what they could come to together."""
    among = allowed[aim.rows]
    least = np.where(among, aim.costs, np.inf).min(axis=1, initial=np.inf)
    least[np.isinf(least)] = 0.0
    costs = np.where(among, aim.costs - least[:, None], 0.0)
    return costs, float(costs.max(axis=1, initial=0.0).sum())


def _least(cost: FloatMatrix, allowed: BoolMatrix) -> Indices:
    _, columns = _solver()(np.where(allowed, cost, np.inf))
    if len(columns) < len(cost):
        raise ValueError(f"{len(cost)} rows for {cost.shape[1]} columns: expected as many columns at least")
    return np.asarray(columns, np.intp)


def _all_best(cost: FloatMatrix, allowed: BoolMatrix) -> tuple[BoolMatrix, FloatMatrix, float]:
    """Who may have what in any of the best assignments; and the cost to go on from, with what it spans."""
    columns = _least(cost, allowed)
    rows = np.arange(len(cost))
    own = cost[rows, columns]
    more = np.where(allowed, cost - own[:, None], np.inf)
    # What each column is worth (its price, never above zero): shortest paths of exchanges, at most n steps long.
    price = np.zeros(cost.shape[1])
    while True:
        lower = np.minimum(price, (price[columns][:, None] + more).min(axis=0, initial=0.0))
        if np.array_equal(lower, price):
            break
        price = lower
    tight = allowed & (price[columns][:, None] + more == price[None, :])
    needed = price < 0
    if not needed.any():
        return tight, np.zeros(cost.shape), 1.0
    return tight, np.broadcast_to(~needed, cost.shape).astype(np.float64), float(len(cost) + 1)


def _solver() -> Any:
    # Imported here: it takes a second, and every role reads what dispatch decides.
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment
