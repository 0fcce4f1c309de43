"""``patrol check``: what people and programs read, and the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from patrol.cli.check import register
from patrol.config import schema_text
from tests.config.files import CREDENTIALS, ROOT, SAMPLE, changed, sound, written_to


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)  # with a single command typer would leave the word "check" out
    register(made)
    return made


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("no_credentials")
def test_the_sample_passes_in_a_fresh_clone_and_says_what_is_missing(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, ["check"])

    assert result.exit_code == 0, result.output
    assert "configs/cameras.yaml: right, 2 warnings" in result.stdout
    assert "CAMERA_USER, which is not set" in result.stderr
    assert "CAMERA_PASSWORD, which is not set" in result.stderr


@pytest.mark.usefixtures("credentials")
def test_the_summary_counts_what_the_file_asks_for(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["check", str(SAMPLE)])
    rows = [line.replace("│", " ").split() for line in result.stdout.splitlines() if line.startswith("│")]

    assert result.exit_code == 0
    assert [row[:2] for row in rows[:3]] == [["core", "64"], ["periphery", "200"], ["far", "212"]]
    assert "476 cameras" in result.stdout
    assert "School hours: 42 cameras every 10 s" in result.stdout
    assert "the bounds ask for 33.2 visits per second" in result.stdout
    assert "no camera has to wait too long for a session" in " ".join(result.stdout.split())
    assert "canary-3f9a" not in result.output
    assert result.stderr == ""


def test_problems_go_to_stderr_with_lines_and_fail(app: typer.Typer, tmp_path: Path) -> None:
    data = changed("rings", "core", "revisit_bound_s", to=-5)
    data["unit"] = []
    path = written_to(tmp_path, data)
    result = CliRunner().invoke(app, ["check", str(path)])

    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{path}: 2 problems" in result.stderr
    assert "line 9: rings.core.revisit_bound_s: expected more than 0, got -5" in result.stderr
    assert "did you mean `units`?" in result.stderr


def test_a_missing_file_fails_in_one_line(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(tmp_path / "none.yaml")])

    assert result.exit_code == 1
    assert "cannot be read: No such file or directory" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("credentials")
def test_json_for_programs(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["check", str(SAMPLE), "--json", "--visit-cost-ms", "60", "--cores", "2"])
    found = json.loads(result.stdout)

    assert result.exit_code == 0
    assert found["valid"] is True
    assert found["cameras"] == {"core": 64, "periphery": 200, "far": 212}
    assert (found["sites"]["key_site"], found["sites"]["school"], found["sites"]["police_room"]) == (32, 7, 4)
    assert found["rules"] == ["crowd", "crowd-large", "intrusion"]
    assert found["visits_per_s"] == 33.2
    assert found["feasibility"]["kept"] is False
    assert found["feasibility"]["origin"] == "given"
    assert found["feasibility"]["rings"]["far"] == {"kept": False, "visits_per_s": 7.07, "possible_bound_s": 128.9}
    assert (found["problems"], found["warnings"]) == ([], [])


def test_json_of_a_wrong_file(app: typer.Typer, tmp_path: Path) -> None:
    path = written_to(tmp_path, changed("units", 0, "speed_m_s", to=0))
    result = CliRunner().invoke(app, ["check", str(path), "--json"])
    (problem,) = json.loads(result.stdout)["problems"]

    assert result.exit_code == 1
    assert problem["path"] == "units[0].speed_m_s"
    assert problem["message"] == "expected more than 0, got 0"
    assert "speed_m_s: 0" in path.read_text(encoding="utf-8").splitlines()[problem["line"] - 1]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("cost_ms", "expected"),
    [
        ("34", ["every bound can be kept (68% used, "]),
        ("60", ["not every bound can be kept", "far: cannot be kept; 128.9 s could be", "stretched by 1.20"]),
        ("200", ["core: cannot be kept; 7.7 s could be", "periphery: cannot be kept; nothing is left for it"]),
    ],
)
def test_it_says_whether_a_machine_can_keep_the_bounds(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch, cost_ms: str, expected: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["check", str(SAMPLE), "--visit-cost-ms", cost_ms, "--cores", "2"])

    assert result.exit_code == 0
    assert [line for line in expected if line not in result.stdout] == []


def school_hours(bound_s: float) -> dict[str, Any]:
    """The sound file (0.47 visits a second) whose two core cameras are seen more often on weekday mornings."""
    return sound() | {
        "schedules": {
            "school": {
                "name": "上学", "name_en": "School hours", "revisit_bound_s": bound_s, "sites": ["大楼"],
                "windows": [{"days": "workdays", "begins": "07:10", "ends": "08:20"}],
            }
        }
    }  # fmt: skip


@pytest.mark.usefixtures("credentials")
def test_an_overload_of_school_hours_is_told_on_whatever_day_it_is_asked(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = written_to(tmp_path, school_hours(2))
    result = CliRunner().invoke(app, ["check", str(path), "--visit-cost-ms", "1000", "--cores", "1"])
    words = result.stdout

    assert "the bounds ask for 0.5 visits per second, 1.1 at the worst time (" in words
    assert "0.8 visits per second can be promised: not every bound can be kept at all times" in words
    assert re.search(r"School hours \((\w{3} 07:10-08:20, ){2}\w{3} 07:10-08:20 and 2 more\):", words)
    assert "core: cannot be kept; 6.0 s could be" in words, "1 visit a second instead of 0.83"
    assert "or all bounds stretched by 1.28, which is what the tour does" in words
    assert "because of School hours (every 2 s, 2.6 s could be)" in words, "2 / (0.83 - 1/15)"


@pytest.mark.usefixtures("credentials")
def test_the_worst_hour_is_told_also_where_not_even_the_usual_bounds_can_be_kept(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    night = {
        "name": "夜",
        "name_en": "Night",
        "revisit_bound_s": 60,
        "sites": ["大楼"],
        "windows": [{"days": "weekend"}],
    }
    data = school_hours(2)
    data["schedules"]["night"] = night
    path = written_to(tmp_path, data)
    words = CliRunner().invoke(app, ["check", str(path), "--visit-cost-ms", "2000", "--cores", "1"]).stdout

    usual, _, school = words.partition("School hours (")
    assert "  or all bounds stretched by 1.12, which is what the tour does" in usual
    assert "  or all bounds stretched by 2.56, which is what the tour does" in school
    assert "Night (" not in words, "it asks for less than usual"


@pytest.mark.usefixtures("credentials")
def test_an_overload_of_school_hours_for_programs(app: typer.Typer, tmp_path: Path) -> None:
    path = written_to(tmp_path, school_hours(2))
    arguments = ["check", str(path), "--json", "--visit-cost-ms", "1000", "--cores", "1"]
    found = json.loads(CliRunner().invoke(app, arguments).stdout)["feasibility"]

    assert (found["kept"], found["stretch"], found["worst"]["stretch"]) == (False, 1.0, 1.28)
    assert len(found["overloads"]) == 5
    assert {entry["begins"][11:] for entry in found["overloads"]} == {"07:10:00"}
    assert found["overloads"][0]["because_of"] == [{"schedule": "School hours", "possible_bound_s": 2.6}]
    assert found["overloads"][0]["rings"]["core"]["kept"] is False
    assert found["overloads"][0]["rings"]["periphery"]["kept"] is False


def recorder(channels: int, bound_s: float = 5, **tour: Any) -> dict[str, Any]:
    """The sound file with a site of so many cameras on one recorder."""
    data = sound() | {"tour": tour}
    first = data["sites"][0]["cameras"][0] | {"revisit_bound_s": bound_s}
    data["templates"]["square"]["stream"] = "rtsp://{host}/c{channel}"
    data["sites"][0]["cameras"] = [first | {"id": f"C-{n}", "host": "10.9.9.9", "channel": n} for n in range(channels)]
    return data


ALL_SIXTEEN = {"10.9.9.9": {"sessions": 16}}


@pytest.mark.parametrize(
    ("data", "visit_s", "expected"),
    [
        (recorder(4), 2.0, None),
        (
            recorder(16, bound_s=30),
            0.4,
            "10.9.9.9: 16 cameras, the strictest every 30 s: kept with 4 sessions at once as long as a visit takes"
            " no more than 0.5 s; with 16 sessions however long it takes",
        ),
        (
            recorder(16, bound_s=30),
            0.6,
            "10.9.9.9: 16 cameras, the strictest every 30 s: not sure to be kept with 4 sessions at once if a visit"
            " takes 0.6 s; surely kept if none takes more than 0.5 s, with 38.9 s instead of 30 s, or with 16 sessions"
            " however long visits take",
        ),
        (
            recorder(12),
            2.0,
            "10.9.9.9: 12 cameras, the strictest every 5 s: cannot be kept with 4 sessions at once if a visit takes"
            " 2.0 s; surely kept with ",
        ),
        (recorder(16, bound_s=30, hosts=ALL_SIXTEEN), 2.0, None),
        (
            recorder(16, bound_s=30, hosts=ALL_SIXTEEN, workers=2),
            0.4,
            "tour.workers: 17 cameras, the strictest every 15 s: not sure to be kept with 2 visits at once if a visit"
            " takes 0.4 s; ",
        ),
    ],
    ids=["enough", "for quick visits", "for visits as they are", "never", "a better recorder", "too few workers"],
)
def test_a_recorder_with_too_few_sessions_is_named_with_the_number_that_would_do(
    app: typer.Typer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: dict[str, Any],
    visit_s: float,
    expected: str | None,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    bench = tmp_path / "bench-tour.json"
    bench.write_text(json.dumps({"figures": {"visit_cost_ms": 30.0, "visit_s": visit_s}}), "utf-8")
    path = written_to(tmp_path, data)
    words = CliRunner().invoke(app, ["check", str(path), "--cores", "2", "--measured", str(bench)]).stdout

    assert "right" in words
    if expected is None:
        assert "no camera has to wait too long for a session, however long visits take" in words
    assert (expected or "right") in words
    assert ("at once" in words) is (expected is not None)


@pytest.mark.usefixtures("credentials")
def test_a_cost_nobody_measured_is_called_assumed_and_fails_no_strict_check(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = written_to(tmp_path, school_hours(1) | {"tour": {"workers": 1}})
    result = CliRunner().invoke(app, ["check", str(path), "--strict", "--cores", "1"])

    assert result.exit_code == 0
    assert "36 ms a visit (assumed" in result.stdout
    assert "tour.workers: 3 cameras" in result.stdout, "else this test tests nothing"
    assert CliRunner().invoke(app, ["check", str(path), "--strict", "--visit-cost-ms", "900"]).exit_code == 1


def test_a_measured_cost_is_used_and_said(app: typer.Typer, tmp_path: Path) -> None:
    bench = tmp_path / "bench-tour.json"
    bench.write_text(json.dumps({"figures": {"visit_cost_ms": 21.5, "visit_s": 0.4}}), "utf-8")
    arguments = ["check", str(written_to(tmp_path, sound())), "--measured", str(bench), "--cores", "2"]

    assert "capacity: 2 cores, 21.5 ms a visit (as measured)" in CliRunner().invoke(app, arguments).stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["feasibility"]
    assert (found["visit_cost_ms"], found["visit_s"], found["origin"]) == (21.5, 0.4, "measured")
    assert found["usable_per_s"] == pytest.approx(2000 / 21.5 * 5 / 6, abs=0.01)


@pytest.mark.usefixtures("credentials")
def test_cameras_that_look_twice_as_finely_are_counted_as_what_they_cost(app: typer.Typer, tmp_path: Path) -> None:
    whole = sound()
    whole["templates"]["square"]["fine"] = True  # two cameras every 5 s, one every 15 s: each as much as four visits
    file = written_to(tmp_path, whole)
    arguments = ["check", str(file), "--visit-cost-ms", "100", "--cores", "1"]
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["feasibility"]
    assert found["fine"] == {"cameras": 3, "visits_per_s": 1.4}
    assert found["usable_per_s"] == pytest.approx((10 - 1.4) * 5 / 6, abs=0.01)
    told = CliRunner().invoke(app, arguments).stdout
    assert "3 cameras to be looked at twice as finely: 1.4 visits per second go into that" in told


def test_a_measurement_that_cannot_be_had_fails_in_one_line(app: typer.Typer, tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    result = CliRunner().invoke(app, ["check", str(path), "--measured", str(tmp_path / "none.json")])

    assert result.exit_code == 1
    assert "none.json cannot be read" in result.stderr
    assert "Traceback" not in result.output


def test_a_cost_is_given_or_measured_not_both(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["check", str(SAMPLE), "--measured", "x.json", "--visit-cost-ms", "3"])

    assert result.exit_code == 2


@pytest.mark.usefixtures("credentials")
def test_strict_turns_bounds_that_cannot_be_kept_into_a_failure(app: typer.Typer) -> None:
    enough = ["check", str(SAMPLE), "--strict", "--visit-cost-ms", "34", "--cores", "2"]
    too_little = [*enough[:-3], "60", "--cores", "2"]

    assert CliRunner().invoke(app, enough).exit_code == 0
    assert CliRunner().invoke(app, too_little).exit_code == 1


@pytest.mark.usefixtures("no_credentials")
def test_strict_turns_warnings_into_a_failure(app: typer.Typer, tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())

    assert CliRunner().invoke(app, ["check", str(path)]).exit_code == 0
    assert CliRunner().invoke(app, ["check", str(path), "--strict"]).exit_code == 1


def test_names_with_brackets_are_printed_as_they_are(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    path = written_to(tmp_path, changed("station", "name", to="广场[red]所"))

    assert "广场[red]所" in CliRunner().invoke(app, ["check", str(path)]).stdout


def test_the_schema_is_printed_as_it_is_shipped(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["check", "--schema"])

    assert result.exit_code == 0
    assert result.stdout == schema_text()


def test_the_help_says_how_missing_variables_are_treated(app: typer.Typer) -> None:
    text = " ".join(CliRunner().invoke(app, ["check", "--help"]).stdout.split())

    assert "CAMERA_PASSWORD" in text
    assert "`patrol run` refuses to start" in text


UNICORNS = {"kind": "intrusion", "name": "闯入", "forbid": ["unicorn"]}


@pytest.mark.parametrize(
    ("place", "name", "told"),
    [
        (("rules", "yard"), UNICORNS, "rules.yard.forbid[0]: yolov8n cannot tell 'unicorn'"),
        (("detector",), {"model": "nonesuch"}, "detector.model: there is no model 'nonesuch'"),
    ],
)
def test_what_run_would_refuse_is_refused_here(
    app: typer.Typer, tmp_path: Path, place: tuple[str, ...], name: object, told: str
) -> None:
    result = CliRunner().invoke(app, ["check", str(written_to(tmp_path, changed(*place, to=name)))])

    assert result.exit_code == 1
    assert told in result.stderr


@pytest.mark.usefixtures("credentials")
def test_a_file_under_the_map_that_cannot_be_used_is_a_problem_with_its_line(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "town.geojson").write_text(
        '{"features": [{"geometry": {"type": "Circle"}, "properties": {}}]}', "utf-8"
    )
    path = written_to(tmp_path, sound() | {"map": {"base": [{"file": "town.geojson", "kind": "roads"}]}})
    line = next(n for n, text in enumerate(path.read_text("utf-8").splitlines(), 1) if "town.geojson" in text)
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert f"line {line}: map.base[0].file: {tmp_path / 'town.geojson'}: features[0].geometry.type" in result.stderr
