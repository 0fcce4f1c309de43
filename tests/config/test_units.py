"""Units in a file: crew, shift, capabilities, how they travel; and how old their positions may be."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from patrol.domain.fixes import FixSettings
from patrol.domain.schedules import TimeWindow
from patrol.domain.units import Shift, TravelMode, Unit
from tests.config.files import loaded, problems_of, sound

DAY = {"begins": "08:00", "ends": "20:00"}
NIGHT = {"begins": "20:00", "ends": "08:00"}


def with_units(*changes: dict[str, Any]) -> dict[str, Any]:
    """The sound file with one unit for each of these, changed so."""
    data = sound()
    plain = data["units"][0]
    return data | {"units": [plain | {"id": f"U-{number}"} | change for number, change in enumerate(changes, 1)]}


def unit_of(tmp_path: Path, **changes: Any) -> Unit:
    return loaded(tmp_path, with_units(changes)).units[0]


def said(tmp_path: Path, *changes: dict[str, Any]) -> list[str]:
    return [f"{one.path}: {one.message}" for one in loaded(tmp_path, with_units(*changes)).warnings]


def test_what_a_unit_leaves_out_is_two_officers_on_foot_and_always_on_duty(tmp_path: Path) -> None:
    unit = unit_of(tmp_path)
    assert (unit.crew, unit.shift, unit.capabilities, unit.mode) == (2, None, frozenset(), TravelMode.FOOT)


def test_what_it_says_is_taken_and_its_shift_is_meant_in_the_stations_time(tmp_path: Path) -> None:
    unit = unit_of(
        tmp_path, crew=4, mode="car", capabilities=["armed", "first_aid"], shift=[{"days": "workdays", **DAY}, NIGHT]
    )
    assert (unit.crew, unit.mode, unit.capabilities) == (4, TravelMode.CAR, {"armed", "first_aid"})
    assert unit.shift == Shift(
        (TimeWindow(time(8), time(20), frozenset(range(5))), TimeWindow(time(20), time(8))), ZoneInfo("Asia/Shanghai")
    )


def test_a_drone_group_flies_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert unit_of(tmp_path, kind="drone_group").mode is TravelMode.DRONE
    assert unit_of(tmp_path, kind="drone_group", mode="car").mode is TravelMode.CAR


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"crew": 0}, "units[0].crew", "expected 1 or more"),
        ({"crew": 2.5}, "units[0].crew", "expected a whole number"),
        ({"mode": "bicycle"}, "units[0].mode", "foot"),
        ({"capabilities": ["first aid"]}, "units[0].capabilities[0]", "first aid"),
        ({"shift": [{"begins": "8", "ends": "20:00"}]}, "units[0].shift[0].begins", "00:00 to 24:00"),
        ({"shift": [{"begins": "08:00", "ends": "08:00"}]}, "units[0].shift[0]", "expected a later end"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_with_what_was_expected(
    tmp_path: Path, changes: dict[str, Any], path: str, says: str
) -> None:
    problems = problems_of(tmp_path, with_units(changes))
    assert says in problems[path].message


def test_an_hour_at_which_nobody_of_a_ring_is_on_duty_is_warned_about(tmp_path: Path) -> None:
    assert said(tmp_path, {"shift": [DAY]}, {"shift": [NIGHT]}) == []
    assert said(tmp_path, {"shift": [DAY]}, {}) == []
    workdays = {"shift": [{"days": "workdays", **DAY}, NIGHT]}
    warned = said(tmp_path, workdays)
    assert len(warned) == 3, "once for each ring"
    assert warned[0] == (
        "units: nobody who may be sent to the core ring is on duty on Saturday at 08:00, by their shifts"
    )
    assert said(tmp_path, {"shift": [{"dates": ["2026-10-01"]}]})[0].endswith("on Monday at 00:00, by their shifts")


def test_who_walks_at_a_scooters_speed_is_warned_about_where_the_file_says_foot(tmp_path: Path) -> None:
    assert said(tmp_path, {"speed_m_s": 8}) == []
    (warned,) = said(tmp_path, {"speed_m_s": 8, "mode": "foot"})
    assert warned == "units[0].mode: is foot, at 8 m/s: is it a scooter, or a car?"


def test_how_old_positions_may_be(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).positions == FixSettings()
    data = sound() | {"positions": {"stale_after_s": 10, "missing_after_s": 120}}
    assert loaded(tmp_path, data).positions == FixSettings(stale_after_s=10.0, missing_after_s=120.0)
    data["positions"]["stale_after_s"] = 120
    problems = problems_of(tmp_path, data)
    assert "missing_after_s is 120; expected more than stale_after_s (120)" in problems["positions"].message
