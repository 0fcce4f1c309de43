"""Schedules (重点时段) and the station's time: what may be written, what becomes of it, and what is told."""

from __future__ import annotations

import zoneinfo
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from patrol.domain.schedules import EVERY_DAY, ScheduledBound, TimeWindow, bound_at
from tests.config.files import as_yaml, loaded, problems_of, sound

MORNING = {"days": "workdays", "begins": "07:10", "ends": "08:20"}


def scheduled(**changes: Any) -> dict[str, Any]:
    """The sound file with one schedule, for the site, with these keys changed; None leaves one out."""
    schedule: dict[str, Any] = {
        "name": "上学", "name_en": "School hours", "revisit_bound_s": 3, "sites": ["大楼"], "windows": [MORNING],
    }  # fmt: skip
    schedule = {key: value for key, value in (schedule | changes).items() if value is not None}
    return sound() | {"schedules": {"school": schedule}}


def windowed(**window: Any) -> dict[str, Any]:
    """The same with this one window."""
    return scheduled(windows=[window])


def concerned(tmp_path: Path, **changes: Any) -> list[str]:
    """The cameras that a schedule with these keys is for."""
    found = loaded(tmp_path, scheduled(**{"sites": None} | changes))
    return [camera.id for camera in found.cameras if camera.bounds]


def window_of(tmp_path: Path, **window: Any) -> TimeWindow:
    return loaded(tmp_path, windowed(**window)).cameras[0].bounds[0].windows[0]


def test_a_schedule_becomes_a_bound_of_the_cameras_it_concerns(tmp_path: Path) -> None:
    east, west, street = loaded(tmp_path, scheduled()).cameras
    morning = TimeWindow(time(7, 10), time(8, 20), frozenset(range(5)))

    assert east.bounds == west.bounds == (ScheduledBound("上学", "School hours", (morning,), 3.0),)
    assert street.bounds == ()
    assert east.revisit_bound_s == 5.0, "the usual bound stays what it was"


@pytest.mark.parametrize(
    ("whom", "expected"),
    [
        ({"sites": ["大楼"]}, ["C-1", "C-2"]),
        ({"sites": ["Hall"]}, ["C-1", "C-2"]),
        ({"site_kinds": ["key_site"]}, ["C-1", "C-2"]),
        ({"rings": ["periphery"]}, ["P-1"]),
        ({"rings": ["core", "periphery"]}, ["C-1", "C-2", "P-1"]),
        ({"cameras": ["C-2"]}, ["C-2"]),
        ({"cameras": ["C-2"], "rings": ["periphery"]}, ["C-2", "P-1"]),
    ],
    ids=str,
)
def test_whom_it_concerns_is_told_by_ring_site_kind_or_id_and_each_adds_to_the_others(
    tmp_path: Path, whom: dict[str, Any], expected: list[str]
) -> None:
    assert concerned(tmp_path, **whom) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("workdays", {0, 1, 2, 3, 4}),
        ("weekend", {5, 6}),
        ("every_day", set(range(7))),
        ("sun", {6}),
        (["mon", "sat"], {0, 5}),
        ([1, 7], {0, 6}),
        (3, {2}),
        (["weekend", 1], {0, 5, 6}),
    ],
    ids=str,
)
def test_days_may_be_written_as_words_or_numbers_from_monday(
    tmp_path: Path, written: object, expected: set[int]
) -> None:
    assert window_of(tmp_path, days=written).days == expected


def test_a_window_without_days_is_for_every_day_and_without_times_for_all_of_it(tmp_path: Path) -> None:
    assert window_of(tmp_path) == TimeWindow(time(0), time(0), EVERY_DAY)
    assert window_of(tmp_path, begins="22:00") == TimeWindow(time(22), time(0), EVERY_DAY)
    noon, midnight = datetime.fromisoformat("2026-11-23T12:00"), datetime.fromisoformat("2026-11-23T00:00")
    assert window_of(tmp_path).holds(noon)
    assert window_of(tmp_path).holds(midnight)


def test_dates_are_days_of_their_own(tmp_path: Path) -> None:
    window = window_of(tmp_path, dates=["2026-12-31", "2027-01-01"], begins="18:00", ends="02:00")

    assert window.dates == {date(2026, 12, 31), date(2027, 1, 1)}
    assert window.holds(datetime.fromisoformat("2027-01-02T01:59"))


def test_times_and_dates_need_no_quotes_though_yaml_would_read_16_00_as_960(tmp_path: Path) -> None:
    text = as_yaml(windowed(begins="BEGINS", ends="ENDS", dates=["DATE"]))
    text = text.replace("BEGINS", "16:00").replace("ENDS", "7:05").replace("DATE", "2026-10-01")
    window = loaded(tmp_path, text).cameras[0].bounds[0].windows[0]

    assert (window.begins, window.ends, window.dates) == (time(16), time(7, 5), {date(2026, 10, 1)})


def test_the_strictest_of_several_schedules_counts(tmp_path: Path) -> None:
    data = scheduled()
    data["schedules"]["market"] = data["schedules"]["school"] | {"name": "赶集", "revisit_bound_s": 2}
    camera = loaded(tmp_path, data).cameras[0]

    assert bound_at(camera.revisit_bound_s, camera.bounds, datetime.fromisoformat("2026-11-23T07:30")) == 2.0
    assert bound_at(camera.revisit_bound_s, camera.bounds, datetime.fromisoformat("2026-11-22T07:30")) == 5.0, "Sunday"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (scheduled(sites=["大搂"]), "schedules.school.sites[0]", "there is no site '大搂'; expected one of Hall, 大楼"),
    (scheduled(sites=["Hal"]), "schedules.school.sites[0]", "did you mean `Hall`?"),
    (scheduled(cameras=["C-1", "C-11"]), "schedules.school.cameras[1]", "no camera 'C-11'; did you mean `C-1`?"),
    (scheduled(site_kinds=["scool"]), "schedules.school.site_kinds[0]", "did you mean `school`?"),
    (scheduled(rings=["inner"]), "schedules.school.rings[0]", "expected one of 'core', 'periphery' or 'far'"),
    (scheduled(sites=None), "schedules.school", "concerns nobody; expected one or more of rings, sites, site_kinds"),
    (
        scheduled(sites=None, site_kinds=["school"]),
        "schedules.school",
        "concerns no camera: there is none in what it names (sites are of the kind key_site)",
    ),
    (scheduled(sites=None, rings=["far"]), "schedules.school", "concerns no camera"),
    (scheduled(windows=[]), "schedules.school.windows", "expected a list of at least 1, got a list of 0"),
    (scheduled(revisit_bound_s=0), "schedules.school.revisit_bound_s", "expected more than 0, got 0"),
    (scheduled(revisit_bound_s=None), "schedules.school", "is missing; expected the longest a camera may go unseen"),
    (windowed(days="workday"), "schedules.school.windows[0].days", "got 'workday'; did you mean `workdays`?"),
    (windowed(days=[8]), "schedules.school.windows[0].days", "1 (Monday) to 7 (Sunday), got 8"),
    (windowed(days=[True]), "schedules.school.windows[0].days", "got true"),
    (windowed(days=[]), "schedules.school.windows[0].days", "expected 1 to 7 days, got a list of 0"),
    (windowed(begins="7.30"), "schedules.school.windows[0].begins", "a time of day, 00:00 to 24:00, got '7.30'"),
    (windowed(begins="24:30"), "schedules.school.windows[0].begins", "a time of day"),
    (windowed(ends=8), "schedules.school.windows[0].ends", "expected text, got 8; put it in quotes"),
    (windowed(begins="08:00", ends="08:00"), "schedules.school.windows[0]", "begins and ends at 08:00"),
    (windowed(dates=["2026-02-30"]), "schedules.school.windows[0].dates[0]", "expected a day that exists"),
    (windowed(dates=["1.10.2026"]), "schedules.school.windows[0].dates[0]", "a day, as in 2026-10-01"),
    (windowed(dates=["2026-10-01"], days="weekend"), "schedules.school.windows[0]", "has both days and dates"),
    (windowed(begin="08:00"), "schedules.school.windows[0].begin", "did you mean `begins`?"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "path", "expected"), WRONG, ids=[f"{p}: {e}"[:70] for _, p, e in WRONG])
def test_what_is_wrong_is_told_with_its_place_and_what_was_expected(
    tmp_path: Path, data: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, data)

    (at,) = problems
    assert at.startswith(path)
    assert expected in problems[at].message
    assert problems[at].line is not None


def test_an_address_among_the_days_is_not_shown(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, windowed(days="rtsp://u:canary-3f9a@10.0.0.1/"))

    assert "canary" not in "".join(map(str, problems.values()))


def test_a_site_that_cannot_be_used_is_not_told_as_unknown(tmp_path: Path) -> None:
    data = scheduled()
    data["sites"][0]["kind"] = "shed"

    assert list(problems_of(tmp_path, data)) == ["sites[0].kind"]


def test_the_time_zone_is_the_one_written_or_that_of_china(tmp_path: Path) -> None:
    data = sound()
    assert loaded(tmp_path, data).timezone == zoneinfo.ZoneInfo("Asia/Shanghai")
    data["station"]["timezone"] = "Europe/Berlin"
    assert loaded(tmp_path, data).timezone == zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Asia/Shangai", "there is no time zone 'Asia/Shangai'; did you mean `Asia/Shanghai`?"),
        ("Asia", "there is no time zone 'Asia'"),
        ("../etc/passwd", "expected a name as Asia/Shanghai"),
        ("", "expected at least 1 character"),
    ],
)
def test_a_time_zone_that_does_not_exist(tmp_path: Path, name: str, expected: str) -> None:
    data = sound()
    data["station"]["timezone"] = name

    assert expected in problems_of(tmp_path, data)["station.timezone"].message


def test_a_machine_without_time_zone_data_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_known(name: str) -> zoneinfo.ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", none_known)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)

    assert "install it (the Python package tzdata" in problems_of(tmp_path, sound())["station.timezone"].message


def test_a_schedule_looser_than_usual_is_allowed_and_worth_a_warning_in_the_core(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, scheduled(revisit_bound_s=60)).warnings
    assert warning.path == "schedules.school.revisit_bound_s"
    assert "is 60 s, which is longer than usual for C-1, C-2 of the core" in warning.message

    assert loaded(tmp_path, scheduled(revisit_bound_s=60, sites=None, rings=["periphery"])).warnings == ()


@pytest.mark.parametrize("path", ["schedules.school", "rings.core", "templates.square", "cameras[0]"])
def test_a_bound_under_a_second_is_worth_a_warning_wherever_it_stands(tmp_path: Path, path: str) -> None:
    data = scheduled()
    places = {
        "schedules.school": data["schedules"]["school"],
        "rings.core": data["rings"]["core"],
        "templates.square": data["templates"]["square"],
        "cameras[0]": data["cameras"][0],
    }
    places[path]["revisit_bound_s"] = 0.4
    warnings = {warning.path: warning.message for warning in loaded(tmp_path, data).warnings}

    assert "is 0.4 s: a visit takes about as long" in warnings[f"{path}.revisit_bound_s"]
