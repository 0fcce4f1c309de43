"""Density maps: nobody is lost between zones, and nothing that is no map gets in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from patrol.domain.density import DensityMap

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))

maps = arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 50, width=32))


@given(maps)
def test_the_whole_picture_holds_everybody(cells: npt.NDArray[np.float32]) -> None:
    found = DensityMap(cells)
    assert found.inside(WHOLE) == pytest.approx(found.total)


@given(maps, st.floats(0.013, 0.987))
def test_two_zones_that_share_an_edge_hold_everybody_together(cells: npt.NDArray[np.float32], share: float) -> None:
    found = DensityMap(cells)
    left = ((0.0, 0.0), (share, 0.0), (share, 1.0), (0.0, 1.0))
    right = ((share, 0.0), (1.0, 0.0), (1.0, 1.0), (share, 1.0))
    middles = (np.arange(cells.shape[1]) + 0.5) / cells.shape[1]
    on_the_edge = float(cells[:, np.isclose(middles, share)].sum())
    assert found.inside(left) + found.inside(right) == pytest.approx(found.total - on_the_edge, abs=on_the_edge + 1e-3)


@given(maps, st.floats(0.05, 0.45))
def test_a_zone_within_another_holds_no_more(cells: npt.NDArray[np.float32], inset: float) -> None:
    inner = ((inset, inset), (1 - inset, inset), (1 - inset, 1 - inset), (inset, 1 - inset))
    found = DensityMap(cells)
    assert 0 <= found.inside(inner) <= found.inside(WHOLE) + 1e-6


def test_somebody_counts_where_the_head_is() -> None:
    cells = np.zeros((10, 20), np.float32)
    cells[2, 15] = 3.0
    found = DensityMap(cells)
    assert found.inside(((0.7, 0.1), (0.9, 0.1), (0.9, 0.4), (0.7, 0.4))) == 3.0
    assert found.inside(((0.0, 0.0), (0.7, 0.0), (0.7, 1.0), (0.0, 1.0))) == 0.0


@given(maps, st.floats(0, 0.9), st.floats(0.05, 1))
def test_nobody_is_left_within_boxes_that_are_left_out_and_everybody_else_is(
    cells: npt.NDArray[np.float32], left: float, wide: float
) -> None:
    found, right = DensityMap(cells), min(1.0, left + wide)
    rest = found.without([(left, 0.0, right, 1.0)])
    assert rest.inside(((left, 0.0), (right, 0.0), (right, 1.0), (left, 1.0))) == 0
    assert rest.total <= found.total
    assert found.without([]).total == found.total


def test_a_network_s_less_than_nobody_is_nobody() -> None:
    assert DensityMap.of(np.array([[-1.0, 2.0]], np.float64)).total == 2.0


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (np.zeros((3, 3, 1), np.float32), "expected (h, w) float32"),
        (np.zeros((3, 3), np.float64), "expected (h, w) float32"),
        (np.zeros((0, 3), np.float32), "expected (h, w) float32"),
        (np.full((2, 2), -1, np.float32), "none below 0"),
        (np.full((2, 2), np.nan, np.float32), "finite"),
    ],
)
def test_what_is_no_map_is_refused(cells: npt.NDArray[np.float32], told: str) -> None:
    with pytest.raises(ValueError, match="people") as raised:
        DensityMap(cells)
    assert told in str(raised.value)
