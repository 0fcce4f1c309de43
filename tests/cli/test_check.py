"""``patrol check``: what people and programs read, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

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
    rows = {line.split()[1]: line.split()[3] for line in result.stdout.splitlines() if line.startswith("│")}

    assert result.exit_code == 0
    assert rows == {"core": "64", "periphery": "200", "far": "212"}
    assert "476 cameras" in result.stdout
    assert "the bounds ask for 33.2 visits per second" in result.stdout
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
        ("34", ["every bound can be kept (68% used)"]),
        ("60", ["not every bound can be kept", "far: cannot be kept; 128.9 s could be", "stretched by 1.20"]),
        ("200", ["core: cannot be kept; 7.7 s could be", "periphery: cannot be kept; nothing is left for it"]),
    ],
)
def test_it_says_whether_a_machine_can_keep_the_bounds(app: typer.Typer, cost_ms: str, expected: list[str]) -> None:
    result = CliRunner().invoke(app, ["check", str(SAMPLE), "--visit-cost-ms", cost_ms, "--cores", "2"])

    assert result.exit_code == 0
    assert [line for line in expected if line not in result.stdout] == []


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


@pytest.mark.parametrize(
    ("place", "name", "told"),
    [
        (("rules", "crowd", "label"), "unicorn", "rules.crowd.label: yolov8n cannot tell 'unicorn'"),
        (("detector",), {"model": "nonesuch"}, "detector.model: there is no model 'nonesuch'"),
    ],
)
def test_what_run_would_refuse_is_refused_here(
    app: typer.Typer, tmp_path: Path, place: tuple[str, ...], name: object, told: str
) -> None:
    result = CliRunner().invoke(app, ["check", str(written_to(tmp_path, changed(*place, to=name)))])

    assert result.exit_code == 1
    assert told in result.stderr
