"""``patrol run``: what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
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


@pytest.fixture
def not_served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All is done but the service itself."""
    served: list[str] = []

    def leave(code: int) -> None:
        served.append(f"left with {code}")

    monkeypatch.setattr(module, "run_until_stopped", lambda service: 0)
    monkeypatch.setattr(module, "leave", leave)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    return served


def test_what_can_be_kept_is_told_at_the_start(
    app: typer.Typer, tmp_path: Path, not_served: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    result = invoke(app, tmp_path, sound())
    assert "the bounds ask for 0.5 visits per second" in result.stderr
    assert "capacity: 2 cores, 36 ms a visit (assumed" in result.stderr
    assert "every bound can be kept" in result.stderr
    assert "no camera has to wait too long for a session" in result.stderr
    assert caplog.records == []
    assert not_served == ["left with 0"]


def test_bounds_that_ask_for_too_much_are_a_loud_warning_that_names_the_ring_and_nothing_is_refused(
    app: typer.Typer, tmp_path: Path, not_served: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = changed("rings", "core", "revisit_bound_s", to=0.03)
    invoke(app, tmp_path, data)
    (warning,) = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert (
        "and 46.3 can be promised at 36 ms a visit (assumed): cannot be kept: core (0.0 s could be), periphery (nothing"
        in warning
    )
    assert "all bounds would be stretched by 1.44" in warning
    assert not_served == ["left with 0"]


def test_the_worst_hour_and_a_host_that_cannot_bear_its_cameras_are_warned_of(
    app: typer.Typer, tmp_path: Path, not_served: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = sound() | {"tour": {"sessions_per_host": 1}}
    data["templates"]["square"]["stream"] = data["cameras"][0]["stream"] = "rtsp://10.9.9.9/{id}"
    data["schedules"] = {
        "rush": {
            "name": "高峰", "name_en": "Rush", "revisit_bound_s": 0.03, "sites": ["大楼"],
            "windows": [{"days": "every_day", "begins": "07:10", "ends": "08:20"}],
        }
    }  # fmt: skip
    invoke(app, tmp_path, data)
    by_ring, by_host = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert "at the worst time (" in by_ring
    assert "07:10-08:20), and 46.3 can be promised" in by_ring
    assert by_host == "too few sessions at once, so bounds cannot be kept: 10.9.9.9"
    assert not_served == ["left with 0"]


@pytest.mark.parametrize("role", ["relay", "dispatch", "console"])
def test_a_role_that_opens_no_camera_says_nothing_of_bounds(
    app: typer.Typer, tmp_path: Path, not_served: list[str], role: str
) -> None:
    assert "the bounds ask for" not in invoke(app, tmp_path, sound(), "--role", role).stderr
    assert not_served == ["left with 0"]


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
        async with asyncio.timeout(30):
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


def test_a_signal_stops_it_also_where_nobody_reads_what_it_says() -> None:
    """As with `patrol run 2>&1 | head`, or a terminal that was closed: its pipe is broken."""
    service = (
        "import asyncio, logging\n"
        "from patrol.cli.run import leave, log_to_stderr, run_until_stopped, tell\n"
        "async def service(stopping):\n"
        "    tell('up')\n"
        "    await stopping.wait()\n"
        "    logging.getLogger('patrol').error('a last word')\n"
        "    tell('stopped')\n"
        "    return 7\n"
        "log_to_stderr(logging.INFO)\n"
        "leave(run_until_stopped(service))\n"
    )
    with subprocess.Popen([sys.executable, "-c", service], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"up\n"
        process.stderr.close()
        process.terminate()
        try:
            assert process.wait(30) == 7
        finally:
            process.kill()


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
