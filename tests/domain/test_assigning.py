"""One assignment by several aims, against all assignments there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain import assigning
from patrol.domain.assigning import Aim, BoolMatrix, FloatMatrix, assign
from tests.examples import examples

ALL = np.ones((2, 3), np.bool_)


def whole(costs: list[list[float]]) -> Aim:
    return Aim(np.arange(len(costs)), np.array(costs, np.float64))


def test_one_aim_is_the_least_sum() -> None:
    assert assign([whole([[1, 2, 9], [1, 9, 9]])], ALL).tolist() == [1, 0]


def test_the_first_aim_comes_before_any_amount_of_the_second() -> None:
    few = whole([[0, 1, 0], [0, 0, 1]])
    dear = whole([[1e8, 0, 1e8], [1e8, 1e8, 0]])
    assert assign([few, dear], ALL).tolist() == [2, 0] or assign([few, dear], ALL).tolist() == [0, 1]
    assert assign([dear, few], ALL).tolist() == [1, 2]


def test_an_aim_concerns_only_its_rows() -> None:
    second_only = Aim(np.array([1]), np.array([[5.0, 5.0, 0.0]]))
    assert assign([second_only, whole([[2, 1, 0], [0, 0, 0]])], ALL).tolist() == [1, 2]


def test_nobody_gets_what_it_may_not_have() -> None:
    allowed = np.array([[False, True, True], [True, False, False]])
    assert assign([whole([[0, 5, 6], [0, 0, 0]])], allowed).tolist() == [1, 0]


def test_rows_that_cannot_all_have_a_column_are_refused() -> None:
    with pytest.raises(ValueError, match="infeasible"):
        assign([], np.array([[True, False], [True, False]]))
    with pytest.raises(ValueError, match="2 rows for 1 columns"):
        assign([], np.ones((2, 1), np.bool_))


def test_an_aim_too_large_to_be_exact_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 2\^50"):
        assign([whole([[2.0**51, 0, 1], [0, 0, 0]])], ALL)


def test_no_rows_need_nothing() -> None:
    assert assign([], np.zeros((0, 3), np.bool_)).tolist() == []


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[FloatMatrix], BoolMatrix]:
    rows = draw(st.integers(1, 4))
    columns = draw(st.integers(rows, 5))
    cell = st.integers(0, draw(st.sampled_from([1, 3, 10**8])))
    costs = st.lists(st.lists(cell, min_size=columns, max_size=columns), min_size=rows, max_size=rows)
    aims = [np.array(draw(costs), np.float64) for _ in range(draw(st.integers(1, 6)))]
    may = draw(st.lists(st.lists(st.booleans(), min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    allowed = np.array(may, np.bool_)
    allowed[np.arange(rows), draw(st.permutations(range(columns)))[:rows]] = True
    return aims, allowed


def sums(aims: list[FloatMatrix], columns: tuple[int, ...]) -> list[float]:
    return [float(sum(aim[row, column] for row, column in enumerate(columns))) for aim in aims]


@pytest.mark.parametrize("room", [2.0**50, 2.0**36])
@examples(300)
@given(tables())
def test_it_is_the_best_of_all_assignments_whether_aims_are_solved_together_or_apart(
    room: float, table: tuple[list[FloatMatrix], BoolMatrix]
) -> None:
    aims, allowed = table
    rows, columns = allowed.shape
    every = [
        chosen
        for chosen in permutations(range(columns), rows)
        if all(allowed[row, column] for row, column in enumerate(chosen))
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(assigning, "ROOM", room)  # so little that most aims are solved one after the other
        found = tuple(assign([Aim(np.arange(rows), aim) for aim in aims], allowed).tolist())
    assert found in every
    assert sums(aims, found) == min(sums(aims, chosen) for chosen in every)
