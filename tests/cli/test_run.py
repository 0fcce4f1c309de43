"""``patrol run``: what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from patrol.cli import run as module
from patrol.cli.failing import errors_told
from patrol.cli.run import run_until_stopped
from patrol.domain.errors import StoreError
from tests.config.files import CREDENTIALS, changed, sound, written_to


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)  # with a single command typer would leave the word "run" out
    module.register(made)
    return made


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "log_to_stderr", lambda level: None)  # the logs of the tests stay as they are
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def invoke(app: typer.Typer, tmp_path: Path, content: object, *arguments: str) -> Result:
    config = written_to(tmp_path, content)
    return CliRunner().invoke(app, ["run", "--config", str(config), "--var", str(tmp_path / "var"), *arguments])


def test_an_unknown_role_is_said_with_those_there_are(app: typer.Typer, tmp_path: Path) -> None:
    result = invoke(app, tmp_path, sound(), "--role", "tour", "--role", "dance")
    assert result.exit_code == 2
    assert "dance: expected all, tour, relay, dispatch, console" in " ".join(result.output.replace("│", " ").split())


def test_an_unknown_device_is_said_with_those_there_are(app: typer.Typer, tmp_path: Path) -> None:
    result = invoke(app, tmp_path, sound(), "--device", "abacus")
    assert result.exit_code == 2
    assert "abacus: expected auto, cpu, cuda" in " ".join(result.output.replace("│", " ").split())


def test_every_problem_of_the_configuration_is_told_and_nothing_is_started(app: typer.Typer, tmp_path: Path) -> None:
    data = changed("rings", "core", "revisit_bound_s", to=-5)
    data["cameras"][0]["ring"] = "middle"
    data["surprise"] = True
    result = invoke(app, tmp_path, data)
    assert result.exit_code == 1
    for path in ("rings.core.revisit_bound_s", "cameras[0].ring", "surprise"):
        assert path in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "var").exists()


def test_a_missing_configuration_and_missing_credentials_are_told(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "none.yaml")])
    assert result.exit_code == 1
    assert "none.yaml" in result.stderr
    monkeypatch.delenv("CAMERA_PASSWORD")
    result = invoke(app, tmp_path, sound())
    assert result.exit_code == 1
    assert "CAMERA_PASSWORD" in result.stderr


@pytest.mark.parametrize("redis", [None, ""])
@pytest.mark.parametrize("role", ["tour", "relay", "dispatch", "console"])
def test_a_role_of_its_own_needs_to_be_told_where_queue_and_store_are(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, redis: str | None
) -> None:
    if redis is not None:  # set and empty, as an unfilled place in a compose file
        monkeypatch.setenv("REDIS_URL", redis)
        monkeypatch.setenv("DATABASE_URL", redis)
    result = invoke(app, tmp_path, sound(), "--role", role)
    assert result.exit_code == 1
    assert "set REDIS_URL and DATABASE_URL" in result.stderr


def test_another_database_is_refused_without_showing_its_password(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:canary-77@127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://patrol:canary-88@db/patrol")
    result = invoke(app, tmp_path, sound(), "--role", "dispatch")
    assert result.exit_code == 1
    assert "PostgreSQL comes in a later version" in result.stderr
    assert "canary" not in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_the_service_to_stop(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    async def service(stopping: asyncio.Event) -> int:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stopping.wait()
        return 7

    assert run_until_stopped(service) == 7
    assert "stopping ..." in capsys.readouterr().err


def test_a_second_signal_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left_with: list[int] = []
    monkeypatch.setattr(module.os, "_exit", left_with.append)

    async def service(stopping: asyncio.Event) -> int:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.05)
        return 0

    run_until_stopped(service)
    assert left_with == [130]


async def _nested_failure(*errors: Exception) -> None:
    async def fail(error: Exception) -> None:
        await asyncio.sleep(0)
        raise error

    async with asyncio.TaskGroup() as outer:

        async def inner() -> None:
            async with asyncio.TaskGroup() as tasks:
                for error in errors:
                    tasks.create_task(fail(error))

        outer.create_task(inner())


def test_an_error_out_of_nested_tasks_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    async def service(stopping: asyncio.Event) -> int:
        await _nested_failure(StoreError("database: disk full"))
        return 0

    with pytest.raises(typer.Exit) as caught, errors_told():
        run_until_stopped(service)
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err == "patrol: database: disk full\n"


def test_a_bug_is_never_hidden_behind_an_error_that_came_with_it() -> None:
    async def service(stopping: asyncio.Event) -> int:
        await _nested_failure(StoreError("database: disk full"), ZeroDivisionError("a bug"))
        return 0

    with pytest.raises(BaseExceptionGroup) as caught, errors_told():
        run_until_stopped(service)
    assert caught.group_contains(ZeroDivisionError)
