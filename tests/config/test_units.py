"""Units in a file: crew, shift, capabilities, how they travel; and how old their positions may be."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from patrol.domain.events import Kind
from patrol.domain.fixes import FixSettings
from patrol.domain.schedules import TimeWindow
from patrol.domain.units import Shift, TravelMode, Unit
from patrol.domain.wants import Needs
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


def needing(units: list[dict[str, Any]], **needs: Any) -> dict[str, Any]:
    return with_units(*units) | {"dispatch": {"needs": needs}}


def test_what_a_crew_must_have_by_kind(tmp_path: Path) -> None:
    data = needing(
        [{"capabilities": ["first_aid", "armed"], "crew": 3}],
        fall={"capabilities": ["first_aid"]},
        fight={"capabilities": ["armed"], "crew_at_least": 3},
    )
    configuration = loaded(tmp_path, data)
    assert configuration.sending.needs == {
        Kind.FALL: Needs(frozenset({"first_aid"})),
        Kind.FIGHT: Needs(frozenset({"armed"}), 3),
    }
    assert [one for one in configuration.warnings if one.path.startswith("dispatch")] == []


def test_what_no_unit_has_is_refused_and_nothing_is_needed_for_maintenance(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, needing([{"capabilities": ["first_aid"]}], fall={"capabilities": ["first_aids"]}))
    message = problems["dispatch.needs.fall.capabilities[0]"].message
    assert message.startswith("no unit has 'first_aids'")
    assert "did you mean 'first_aid'?" in message.replace("`", "'")
    problems = problems_of(tmp_path, needing([{}], camera_health={"crew_at_least": 2}))
    assert "no unit is sent" in problems["dispatch.needs.camera_health"].message


def test_a_ring_in_which_no_crew_has_all_that_is_needed_is_warned_about_real_and_simulated_apart(
    tmp_path: Path,
) -> None:
    able = {"capabilities": ["armed"], "crew": 4, "rings": ["core"]}
    units = [able, {"rings": ["core", "far"]}, {"rings": ["core"], "simulated": True}]
    needs = {"capabilities": ["armed"], "crew_at_least": 3}
    data = needing(units, fight=needs)
    for unit, simulated in zip(data["units"], (False, False, True), strict=True):
        unit["simulated"] = simulated
    told = [one.message for one in loaded(tmp_path, data).warnings if one.path == "dispatch.needs.fight"]
    assert told == [
        "no simulated crew that may be sent to the core ring has all of it: nobody is sent there",
        "no crew that may be sent to the far ring has all of it: nobody is sent there",
    ]


@pytest.mark.parametrize(
    ("level", "taken", "expected"),
    [
        ("red", "red", "expected yellow or blue or green"),
        ("blue", "yellow", "expected green"),
        ("green", "green", "expected nothing"),
    ],
)
def test_a_unit_is_taken_from_what_is_less_urgent_alone(tmp_path: Path, level: str, taken: str, expected: str) -> None:
    data = sound() | {"dispatch": {"preempts": {level: [taken]}}}
    message = problems_of(tmp_path, data)[f"dispatch.preempts.{level}[0]"].message
    assert f"{level} takes from {taken}, which is not below it; {expected}" in message
