"""``patrol drill`` on a Patrol that runs: a real store and Valkey, relay and dispatch in a process of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from patrol.cli import make_cli
from patrol.client.received import read_data
from patrol.domain.message_data import AlertData, OrderData
from patrol.domain.messages import read_message
from tests.config.files import CREDENTIALS, sound, written_to


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> Path:
    for name, value in {"REDIS_URL": url, "DATABASE_URL": f"sqlite:///{tmp_path / 'patrol.db'}", **CREDENTIALS}.items():
        monkeypatch.setenv(name, value)
    content = sound()
    for one in content["units"]:
        one["simulated"] = True
    return written_to(tmp_path, content)


@contextmanager
def patrol_running(config: Path, tmp_path: Path) -> Iterator[None]:
    command = ["run", "--config", str(config), "--var", str(tmp_path / "var"), "--role", "relay", "--role", "dispatch"]
    with subprocess.Popen(
        [sys.executable, "-m", "patrol", *command, "--port", "0"], stderr=subprocess.PIPE, text=True, env=os.environ
    ) as service:
        assert service.stderr is not None
        try:
            assert any("Patrol is up" in line for line in service.stderr)
            yield
        finally:
            service.terminate()
            service.stderr.read()  # it says how it ends, and must be able to


def drill(config: Path, tmp_path: Path, *arguments: str) -> Result:
    command = ["drill", "--kind", "crowd", "--camera", "C-1", "--config", str(config), "--var", str(tmp_path / "var")]
    return CliRunner().invoke(make_cli(), [*command, *arguments])


@pytest.mark.long
def test_a_drill_runs_the_whole_way_and_ends_as_one(config: Path, tmp_path: Path, valkey: Redis) -> None:
    with patrol_running(config, tmp_path):
        result = drill(config, tmp_path, "--act", "--within", "40", "--operator", "li")
    assert result.exit_code == 0, result.output
    steps = [re.sub(r" \(.*", "", line.partition(" s  ")[2]) for line in result.output.splitlines() if " s  " in line]
    for step in ("accepted", "order sent", "accepted by the unit", "en route", "on scene", "handled", "closed"):
        assert step in steps, result.output
    assert "on the queue: cn.patrol.alert.v1 on patrol:alert:red" in steps
    assert "on the queue: cn.patrol.order.v1 on patrol:order:core" in steps
    assert "closed, disposition drill" in result.output
    alert = read_data(read_message(valkey.xrange("patrol:alert:red")[0][1]["ce"]))
    order = read_data(read_message(valkey.xrange("patrol:order:core")[0][1]["ce"]))
    assert isinstance(alert, AlertData)
    assert isinstance(order, OrderData)
    assert alert.drill
    assert alert.simulated
    assert order.drill
    assert order.simulated
    assert (tmp_path / "var" / "evidence").exists()


def test_without_a_patrol_that_runs_it_says_what_is_missing_and_closes_all_the_same(
    config: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    result = drill(config, tmp_path, "--within", "1")
    assert result.exit_code == 1
    assert time.monotonic() - began < 20
    assert "closed, disposition drill" in result.output
    assert "the alert never came to the queue: is the relay running?" in result.output
    assert "no unit was ordered" in result.output


def test_kept_open_it_is_left_to_people(config: Path, tmp_path: Path) -> None:
    result = drill(config, tmp_path, "--within", "1", "--keep-open")
    assert ": new" in result.output
    assert "close it in the feed" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--camera", "C-99"], "C-99: no such camera in the configuration"),
        (["--kind", "camera_health"], "nobody is sent for that"),
    ],
)
def test_what_cannot_be_drilled_is_said(config: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    result = drill(config, tmp_path, *arguments)
    assert (result.exit_code, said in result.output) == (1, True)


def test_without_a_store_it_says_which_folder_is_meant(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    result = drill(config, tmp_path)
    assert result.exit_code == 1
    assert "patrol.db: there is no store" in result.output
