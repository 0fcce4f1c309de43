"""``patrol`` itself: help that is quick, a version, and words for what it does not know."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import patrol
from patrol.cli import COMMANDS, make_cli

HEAVY = ("openvino", "cv2", "torch", "ultralytics", "sqlalchemy", "redis", "av", "uvicorn", "shapely", "pydantic")


def test_help_loads_nothing_that_only_the_commands_need() -> None:
    code = (
        "import sys\n"
        "from patrol.__main__ import main\n"
        "from patrol.cli import make_cli\n"
        "make_cli()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_help_names_every_command_and_where_to_start() -> None:
    result = CliRunner().invoke(make_cli(), ["--help"])
    assert result.exit_code == 0
    for name in (*COMMANDS, "model", "version"):
        assert f" {name} " in result.stdout
    assert "Start with: patrol demo" in result.stdout


@pytest.mark.parametrize("command", [*COMMANDS, "model"])
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(make_cli(), [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(make_cli(), ["version"])
    assert (result.exit_code, result.stdout) == (0, f"{patrol.__version__}\n")


def test_a_command_that_does_not_exist_is_said_to_be_none() -> None:
    result = CliRunner().invoke(make_cli(), ["patroll"])
    assert result.exit_code == 2
    assert "No such command 'patroll'" in result.output


def test_it_runs_as_a_module() -> None:
    found = subprocess.run([sys.executable, "-m", "patrol", "version"], capture_output=True, text=True, check=True)
    assert found.stdout == f"{patrol.__version__}\n"
