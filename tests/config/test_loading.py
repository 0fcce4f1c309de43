"""What a sound file becomes, and that everything wrong with another is told at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from patrol.config import DetectorSettings, Precision, SiteKind, WebSettings, load
from patrol.domain.camera import CameraId, Place, RingName
from patrol.domain.conditions import Crowd
from patrol.domain.errors import ConfigError
from patrol.domain.events import Kind, Level
from patrol.domain.retention import EvidenceClass, Retention
from patrol.domain.rules import Rule
from patrol.domain.storage import FreeFloor
from patrol.domain.units import Unit, UnitId, UnitKind
from patrol.domain.visits import TourSettings
from patrol.domain.zones import RuleId
from tests.config.files import CREDENTIALS, GROUND, as_yaml, changed, loaded, problems_of, sound, without, written_to


def test_a_camera_takes_name_ring_and_template_from_its_site(tmp_path: Path) -> None:
    east, west, _ = loaded(tmp_path, sound()).cameras

    assert (east.id, east.name, east.name_en, east.site) == ("C-1", "大楼东门", "Hall east gate", "大楼")
    assert east.site_en == "Hall"
    assert (east.ring, east.revisit_bound_s) == (RingName.CORE, 5.0)
    assert (east.place, east.heading_deg, east.view_deg) == (Place(35.49, 112.85), 90.0, 95.0)
    assert east.stream.reveal() == "rtsp://patrol:canary-3f9a@10.1.1.1:554/live"
    assert east.zones[0].polygon == tuple((x, y) for x, y in GROUND)
    assert east.zones[0].rules == ("crowd",)
    assert west.heading_deg == 0.0, "360 degrees is north"


def test_a_camera_alone_says_everything_itself(tmp_path: Path) -> None:
    camera = loaded(tmp_path, sound()).cameras[2]

    assert (camera.name, camera.name_en, camera.site, camera.ring) == ("街口", "街口", "街口", RingName.PERIPHERY)
    assert camera.stream.reveal() == "http://10.1.2.1/snapshot.jpg", "its own address, not the template's"
    assert not camera.simulated


def test_a_camera_s_own_words_come_before_site_and_template(tmp_path: Path) -> None:
    data = sound()
    own_zone = {"id": "steps", "name": "台阶", "rules": ["crowd"], "polygon": [[0, 0.5], [1, 0.5], [1, 1]]}
    data["sites"][0]["cameras"][0] |= {"ring": "far", "view_deg": 40, "revisit_bound_s": 7.5, "zones": [own_zone]}
    camera = loaded(tmp_path, data).cameras[0]

    assert (camera.ring, camera.view_deg, camera.revisit_bound_s) == (RingName.FAR, 40.0, 7.5)
    assert [zone.id for zone in camera.zones] == ["steps"]


def test_a_template_s_bound_comes_before_the_ring_s(tmp_path: Path) -> None:
    cameras = loaded(tmp_path, changed("templates", "square", "revisit_bound_s", to=4)).cameras

    assert {camera.revisit_bound_s for camera in cameras} == {4.0}


def test_rules_levels_units_and_rings(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, sound())

    assert configuration.rules[RuleId("crowd")] == Rule(
        RuleId("crowd"), "人群聚集", "Crowd", Crowd(5, 0.35), 3.0, 12.0, 120.0
    )
    assert configuration.levels.level_of(Kind.CROWD, RingName.CORE) is Level.RED
    assert configuration.levels.level_of(Kind.CROWD, RingName.PERIPHERY) is Level.GREEN, "otherwise"
    assert configuration.units == (
        Unit(
            UnitId("U-1"), "巡逻组", "巡逻组", UnitKind.JOINT_PATROL, frozenset(RingName), Place(35.49, 112.85), 2.8, 5
        ),
    )
    assert configuration.rings[RingName.FAR].response_target_s == 300.0
    assert (configuration.station_en, configuration.centre) == ("Square Station", Place(35.49, 112.85))


def test_sites_and_templates_stay_known(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, sound())

    (site,) = configuration.sites
    assert (site.name_en, site.kind, site.cameras) == ("Hall", SiteKind.KEY_SITE, ("C-1", "C-2"))
    assert configuration.template_of == {"C-1": "square", "C-2": "square", "P-1": "square"}


def test_what_is_left_out_has_the_documented_defaults(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, sound())

    assert configuration.tour == TourSettings()
    assert configuration.detector == DetectorSettings()
    assert configuration.web == WebSettings()
    assert (configuration.retention, configuration.free_floor) == (Retention(), FreeFloor())
    assert configuration.spool_bytes == 10**9
    assert configuration.detector.input_px == (640, 384)


def test_what_is_given_is_taken(tmp_path: Path) -> None:
    data = sound() | {
        "tour": {"workers": 4, "visit_deadline_s": 2, "lead_s": 0, "backoff_base_s": 2, "backoff_cap_s": 20,
                 "sessions_per_host": 3, "opens_per_s": 50, "retries_per_s": 5, "retries_per_host_per_s": 0.5,
                 "warm_sessions": 0},
        "detector": {"model": "yolov8s", "input_px": [512, 288], "precision": "int8", "batch": 2, "close_after_s": 0,
                     "look_every": 5},
        "web": {"host": "0.0.0.0", "port": 80, "hosts": ["room.example"], "certificate": "chain.pem",
                "key": "/etc/key.pem", "plain_http": True},
        "storage": {"evidence_quota_gb": 0.5, "keep_days": {"red": 1000, "simulated": 0.5}, "spool_gb": 2,
                    "free_floor_percent": 5, "free_floor_gb": 10},
    }  # fmt: skip
    configuration = loaded(tmp_path, data)

    assert configuration.tour == TourSettings(
        workers=4,
        visit_deadline_s=2.0,
        lead_s=0.0,
        sessions_per_host=3,
        opens_per_s=50.0,
        retries_per_s=5.0,
        retries_per_host_per_s=0.5,
        warm_sessions=0,
        backoff_base_s=2.0,
        backoff_cap_s=20.0,
    )
    assert configuration.detector == DetectorSettings("yolov8s", (512, 288), 0.35, Precision.INT8, 2, 0.0, 5)
    files = tmp_path / "chain.pem", Path("/etc/key.pem")
    assert configuration.web == WebSettings("0.0.0.0", 80, ("room.example",), *files, plain_http=True)
    assert configuration.retention.quota_bytes == 500_000_000
    assert configuration.retention.keep == {
        **Retention().keep,
        EvidenceClass.RED: timedelta(days=1000),
        EvidenceClass.SIMULATED: timedelta(hours=12),
    }
    assert (configuration.spool_bytes, configuration.free_floor) == (2 * 10**9, FreeFloor(0.05, 10**10))


def test_pictures_of_a_synthetic_camera_are_marked_as_made_up(tmp_path: Path) -> None:
    assert loaded(tmp_path, changed("cameras", 0, "stream", to="synthetic:7")).cameras[2].simulated


WRONG: list[tuple[tuple[str | int, ...], object, str]] = [
    (("station", "at"), [112.85, 35.49], "latitude comes first, are they swapped?"),
    (("station", "at"), [135.0, 200.0], "expected [latitude -90..90, longitude -180..180], got [135, 200]"),
    (("station", "at"), [35.49], "expected a list of at least 2, got a list of 1"),
    (("station", "name"), "", "expected at least 1 character, got ''"),
    (("station", "name"), 12, "expected text, got 12; put it in quotes"),
    (("rings", "core", "revisit_bound_s"), -5, "expected more than 0, got -5"),
    (("rings", "core", "revisit_bound_s"), float("nan"), "expected a finite number, got nan"),
    (("rings", "core", "revisit_bound_s"), True, "expected a number, got true"),
    (("rings", "core", "revisit_bound_s"), "5", "expected a number, got '5'"),
    (("rings", "core", "response_target_s"), float("inf"), "expected a finite number, got inf"),
    (("rings", "periphery", "revisit_bound_s"), 4, "expected 5 or more, as the core ring has, got 4"),
    (("rings", "far", "response_target_s"), 100, "expected 180 or more, as the periphery ring has, got 100"),
    (("rings", "far", "out_to_m"), 100, "expected 500 or more, as the periphery ring has, got 100"),
    (("rings", "core", "accept_within_s"), 60, "expected less than response_target_s (60), got 60"),
    (("rings", "core"), None, "expected keys with values, got nothing"),
    (("rules",), {}, "expected at least one entry, got no entry"),
    (("rules", "crowd", "kind"), "fright", "expected one of abandoned_object, crowd, "),
    (("rules", "crowd", "at_least"), 0, "expected 1 or more, got 0"),
    (("rules", "crowd", "at_least"), 5.5, "expected a whole number, got 5.5"),
    (("rules", "crowd", "min_confidence"), 1.5, "expected 1 or less, got 1.5"),
    (("levels", "otherwise"), "gren", "got 'gren'; did you mean `green`?"),
    (("levels", "by_kind"), {"crowd": {"core": "rd"}}, "did you mean `red`?"),
    (
        ("templates", "square", "zones", 0, "polygon"),
        [[0, 0], [1, 1]],
        "expected a list of at least 3, got a list of 2",
    ),
    (("templates", "square", "zones", 0, "polygon"), [[0, 0], [1, 1], [1, 0], [0, 1]], "edges that do not cross"),
    (("templates", "square", "zones", 0, "polygon"), [[0, 0], [2, 0], [1, 1]], "every x and y between 0 and 1"),
    (("templates", "square", "zones", 0, "polygon"), [[0, 0], [1, 1], [0.5, 0.5]], "expected an area above zero"),
    (("templates", "square", "zones", 0, "rules"), [], "expected a list of at least 1, got a list of 0"),
    (("templates", "square", "zones", 0, "rules", 0), "crwd", "there is no rule 'crwd'; did you mean `crowd`?"),
    (("templates", "square", "view_deg"), 0, "expected more than 0, got 0"),
    (("sites", 0, "kind"), "scool", "did you mean `school`?"),
    (("sites", 0, "use"), "sqare", "there is no template 'sqare'; did you mean `square`?"),
    (("sites", 0, "use"), "zzz", "there is no template 'zzz'; expected one of square"),
    (("sites", 0, "ring"), "outer", "expected one of 'core', 'periphery' or 'far', got 'outer'"),
    (("sites", 0, "cameras"), [], "expected a list of at least 1, got a list of 0"),
    (("sites", 0, "cameras"), "C-1", "expected a list, got 'C-1'"),
    (
        ("sites", 0, "cameras", 1, "id"),
        "C-1",
        "the id 'C-1' is taken by sites[0].cameras[0]; expected an id of its own",
    ),
    (("sites", 0, "cameras", 1, "id"), "东门", "expected an id of up to 64 letters, digits"),
    (("sites", 0, "cameras", 1, "heading_deg"), 361, "expected 360 or less, got 361"),
    (("sites", 0, "cameras", 1, "host"), "10.1.1.1/x", "expected a host name or IPv4 address"),
    (("sites", 0, "cameras", 1, "channel"), -1, "expected 0 or more, got -1"),
    (("cameras", 0, "id"), "C-2", "the id 'C-2' is taken by sites[0].cameras[1]"),
    (("cameras", 0, "use"), "street", "there is no template 'street'"),
    (("units",), [], "expected a list of at least 1, got a list of 0"),
    (("units", 0, "kind"), "tank", "expected one of 'joint_patrol'"),
    (("units", 0, "rings"), [], "expected a list of at least 1"),
    (("units", 0, "speed_m_s"), 0, "expected more than 0, got 0"),
    (("units", 0, "mobilise_s"), -1, "expected 0 or more, got -1"),
    (("units", 0, "home"), [112.85, 35.49], "are they swapped?"),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[f"{p[-2:]}={v}"[:60] for p, v, _ in WRONG])
def test_a_wrong_value_is_told_with_its_path_and_what_was_expected(
    tmp_path: Path, path: tuple[str | int, ...], value: object, expected: str
) -> None:
    problems = problems_of(tmp_path, changed(*path, to=value))

    assert len(problems) == 1, list(map(str, problems.values()))
    ((at, problem),) = problems.items()
    assert at.startswith("".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip("."))
    assert expected in problem.message
    assert problem.line is not None


MISSPELT: list[tuple[tuple[str | int, ...], str]] = [
    (("colours",), "is not a key that is known here; expected one of cameras, detector,"),
    (("unit",), "did you mean `units`?"),
    (("rings", "inner"), "expected one of core, far, periphery"),
    (("rings", "core", "revisit_bound"), "did you mean `revisit_bound_s`?"),
    (("rules", "crowd", "at_leest"), "did you mean `at_least`?"),
    (("templates", "square", "veiw_deg"), "did you mean `view_deg`?"),
    (("templates", "square", "zones", 0, "poligon"), "did you mean `polygon`?"),
    (("sites", 0, "rings"), "did you mean `ring`?"),
    (("sites", 0, "cameras", 1, "heading"), "did you mean `heading_deg`?"),
    (("units", 0, "speed_ms"), "did you mean `speed_m_s`?"),
]


@pytest.mark.parametrize(("path", "expected"), MISSPELT, ids=[str(path[-1]) for path, _ in MISSPELT])
def test_an_unknown_key_is_an_error_that_names_the_nearest(
    tmp_path: Path, path: tuple[str | int, ...], expected: str
) -> None:
    (problem,) = problems_of(tmp_path, changed(*path, to=1)).values()

    assert problem.path.endswith(str(path[-1]))
    assert expected in problem.message


MISSING: list[tuple[tuple[str | int, ...], str]] = [
    (("station",), "is missing; expected the police station: name, name_en, at"),
    (("units",), "is missing; expected who can be sent"),
    (("rings", "far"), "is missing; expected the outer ring"),
    (("rules", "crowd", "kind"), "is missing; expected one of abandoned_object, crowd, "),
    (("templates", "square", "zones", 0, "polygon"), "has no polygon; expected [[x, y], ...] as shares of the picture"),
    (("sites", 0, "cameras", 0, "at"), "is missing; expected [latitude, longitude] in degrees"),
    (("sites", 0, "kind"), "is missing; expected one of controlled_place"),
]


@pytest.mark.parametrize(("path", "expected"), MISSING, ids=[str(path[-1]) for path, _ in MISSING])
def test_a_missing_key_is_told_with_what_belongs_there(
    tmp_path: Path, path: tuple[str | int, ...], expected: str
) -> None:
    (problem,) = problems_of(tmp_path, without(*path)).values()

    assert expected in problem.message


INCOMPLETE: list[tuple[Callable[[], dict[str, Any]], str, str]] = [
    (lambda: without("sites", 0, "ring"), "sites[0].cameras[0]", "has no ring; expected ring: core, periphery or far"),
    (lambda: without("cameras", 0, "ring"), "cameras[0]", "has no ring"),
    (lambda: without("templates", "square", "stream"), "sites[0].cameras[1]", "has no address; expected stream"),
    (lambda: without("sites", 0, "use"), "sites[0].cameras[0]", "has no address"),
    (lambda: without("sites", 0, "cameras", 1, "host"), "sites[0].cameras[1]", "templates.square.stream needs it"),
]


@pytest.mark.parametrize(("data", "path", "expected"), INCOMPLETE, ids=[f"{p}: {e}"[:50] for _, p, e in INCOMPLETE])
def test_a_camera_that_is_not_whole_is_told(
    tmp_path: Path, data: Callable[[], dict[str, Any]], path: str, expected: str
) -> None:
    assert expected in problems_of(tmp_path, data())[path].message


def test_a_file_without_cameras_is_refused(tmp_path: Path) -> None:
    data = sound() | {"sites": [], "cameras": []}

    assert "there is no camera" in problems_of(tmp_path, data)["cameras"].message


def test_all_problems_are_told_at_once_of_every_sort_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    data = sound()
    data["rings"]["core"]["revisit_bound_s"] = -1
    data["rings"]["far"]["response_target_s"] = 100
    data["rules"]["crowd"]["at_leest"] = 3
    data["sites"][0]["cameras"][0]["heading_deg"] = "east"
    data["sites"][0]["cameras"][1]["id"] = "P-1"
    data["cameras"][0]["use"] = "street"
    data["units"].append(dict(data["units"][0]))
    del data["levels"]
    with pytest.raises(ConfigError) as caught:
        load(written_to(tmp_path, data), CREDENTIALS)

    assert [problem.path for problem in caught.value.problems if problem.path != "levels"] == [
        "rings.core.revisit_bound_s",
        "rings.far.response_target_s",
        "rules.crowd.at_leest",
        "sites[0].cameras[0].heading_deg",
        "cameras[0].id",
        "cameras[0].use",
        "units[1].id",
    ]
    assert str(caught.value).startswith(f"{caught.value.file}: 8 problems\n")


def test_one_broken_rule_does_not_make_every_zone_that_names_it_wrong(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, changed("rules", "crowd", "for_s", to=-1))

    assert list(problems) == ["rules.crowd.for_s"]


def test_one_broken_template_or_site_does_not_blame_its_cameras(tmp_path: Path) -> None:
    data = changed("templates", "square", "view_deg", to=-1)
    data["sites"][0]["kind"] = "shed"

    assert set(problems_of(tmp_path, data)) == {"templates.square.view_deg", "sites[0].kind"}


def test_the_line_is_that_of_the_wrong_thing(tmp_path: Path) -> None:
    text = as_yaml(sound())
    lines = text.replace("heading_deg: 360", "heading_deg: 361").splitlines()
    (problem,) = problems_of(tmp_path, "\n".join(lines)).values()

    assert "heading_deg: 361" in lines[(problem.line or 0) - 1]


def test_what_was_loaded_cannot_be_changed(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, sound())

    with pytest.raises(AttributeError):
        configuration.station = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        configuration.cameras[0].name = CameraId("other")  # type: ignore[misc]


WARNED: list[tuple[Callable[[], dict[str, Any]], str, str]] = [
    (lambda: changed("cameras", 0, "at", to=[35.5, 112.85]), "cameras[0].at", "P-1 stand more than 500 m from"),
    (lambda: changed("cameras", 0, "ring", to="far"), "cameras[0].at", "P-1 stand less than 500 m from the station"),
    (
        lambda: changed("sites", 0, "cameras", 1, "host", to="10.1.1.1"),
        "sites[0].cameras[1]",
        "C-1, C-2 have the same address",
    ),
    (lambda: changed("cameras", 0, "zones", to=[]), "cameras[0]", "P-1 have no zone"),
    (lambda: changed("units", 0, "rings", to=["core", "far"]), "units", "no unit may be sent to the periphery ring"),
    (
        lambda: changed("rules", "spare", to=sound()["rules"]["crowd"]),
        "rules.spare",
        "watches no zone of any camera",
    ),
    (
        lambda: changed("detector", to={"min_confidence": 0.5}),
        "rules.crowd.min_confidence",
        "is 0.35, but the detector drops everything below 0.5",
    ),
]


@pytest.mark.parametrize(("data", "path", "expected"), WARNED, ids=[expected[:40] for *_, expected in WARNED])
def test_what_looks_like_a_mistake_is_a_warning_and_no_error(
    tmp_path: Path, data: Callable[[], dict[str, Any]], path: str, expected: str
) -> None:
    warnings = loaded(tmp_path, data()).warnings

    assert [warning.path for warning in warnings] == [path]
    assert expected in warnings[0].message
    assert warnings[0].line is not None


def test_a_sound_file_has_no_warnings(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).warnings == ()


def test_clips_may_be_shared_by_cameras(tmp_path: Path) -> None:
    data = changed("templates", "square", "stream", to="file:///clips/square.mp4")

    assert loaded(tmp_path, data).warnings == ()
