"""GCJ-02 and WGS-84: known pairs, there and back over China, and nothing anywhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.coordinates import from_wgs84, to_wgs84
from patrol.domain.vocabulary import CoordinateSystem, Place
from tests.builders import SQUARE

GCJ02, WGS84 = CoordinateSystem.GCJ02, CoordinateSystem.WGS84

# The reference points of github.com/googollee/eviltransform, WGS-84 and GCJ-02, which it compares to five decimals.
PAIRS = {
    "Shanghai": ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    "Shenzhen": ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    "Beijing": ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
}
each_pair = pytest.mark.parametrize(("wgs84", "gcj02"), PAIRS.values(), ids=PAIRS)

in_china = st.builds(Place, st.floats(18.2, 53.5), st.floats(73.7, 134.8))
anywhere = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@each_pair
def test_a_place_is_shown_where_chinese_maps_show_it(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert from_wgs84(Place(*wgs84), GCJ02) == pytest.approx(gcj02, abs=5e-6)


@each_pair
def test_a_point_of_a_chinese_map_is_the_place_it_shows(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert to_wgs84(*gcj02, GCJ02).distance_m(Place(*wgs84)) < 0.5


def test_taking_one_for_the_other_would_miss_by_hundreds_of_metres() -> None:
    assert 300 < Place(*from_wgs84(SQUARE, GCJ02)).distance_m(SQUARE) < 800


@given(place=in_china)
def test_there_and_back_is_the_same_place_all_over_china(place: Place) -> None:
    assert to_wgs84(*from_wgs84(place, GCJ02), GCJ02).distance_m(place) < 0.01


@given(place=in_china)
def test_back_and_there_is_the_same_point_of_the_map(place: Place) -> None:
    shown = Place(*from_wgs84(to_wgs84(place.latitude, place.longitude, GCJ02), GCJ02))
    assert shown.distance_m(place) < 0.01


@given(place=in_china)
def test_no_place_in_china_is_shown_where_it_is_nor_farther_off_than_a_kilometre(place: Place) -> None:
    assert 50 < Place(*from_wgs84(place, GCJ02)).distance_m(place) < 1_000


@given(point=anywhere)
def test_wgs84_stays_as_it_is(point: tuple[float, float]) -> None:
    assert to_wgs84(*point, WGS84) == Place(*point)
    assert from_wgs84(Place(*point), WGS84) == point


@given(latitude=st.floats(-90, 90), longitude=st.one_of(st.floats(-180, 72.0), st.floats(137.9, 180)))
def test_outside_china_nothing_changes(latitude: float, longitude: float) -> None:
    assert to_wgs84(latitude, longitude, GCJ02) == Place(latitude, longitude)
    assert from_wgs84(Place(latitude, longitude), GCJ02) == (latitude, longitude)


def test_the_meridian_on_which_the_formula_is_not_smooth_is_no_exception() -> None:
    for east_deg in (0.0, 1e-9, 1e-12, -1e-12):
        place = Place(35.0, 105.0 + east_deg)
        assert to_wgs84(*from_wgs84(place, GCJ02), GCJ02).distance_m(place) < 0.01
