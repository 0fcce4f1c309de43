"""The conformance bench: two consoles that keep the contract pass it, and one that breaks it in one way fails there."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from patrol.cli import make_cli
from patrol.conformance import CHECKS
from patrol.pipeline.dispatching import GROUP

ROOT = Path(__file__).parents[2]
PLAIN = Path(__file__).with_name("plain_console.py")
FAULTS = {check.name: check.name for check in CHECKS} | {"restart_renamed": "restart"}
TERMINAL = """
import asyncio, os
from patrol.client import OrderData, connect

async def drive():
    url, prefix = os.environ["REDIS_URL"], os.environ["PATROL_PREFIX"]
    async with connect(url, group="terminal", seat="U-01", prefix=prefix, lease_s=2) as terminal:
        async for order in terminal.orders():
            if isinstance(order.data, OrderData):
                await order.accepted()
            else:
                await order.acknowledge()

asyncio.run(drive())
"""


def conformance(url: str, group: str, start: str | None, *arguments: str) -> Result:
    command = ["conformance", "--redis", url, "--group", group, "--within", "6", "--lease", "12"]
    return CliRunner().invoke(make_cli(), [*command, *(["--start", start] if start is not None else []), *arguments])


def started(file: Path, *arguments: str) -> str:
    return " ".join((sys.executable, str(file), *arguments))


def passed(result: Result) -> set[str]:
    return set(re.findall(r"^PASS  (\w+)", result.output, flags=re.MULTILINE))


def test_the_console_in_the_readme_passes(tmp_path: Path, url: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)
    # Its lease is a minute's half as everywhere; here nobody waits that long.
    file = tmp_path / "console.py"
    file.write_text(code.replace('seat="seat-1"', 'seat="seat-1", lease_s=2'), "utf-8")
    result = conformance(url, "my-console", started(file))
    assert result.exit_code == 0, result.output
    assert passed(result) == {check.name for check in CHECKS}
    assert f"{len(CHECKS)} passed, 0 failed, 0 left out" in result.output


def test_a_terminal_passes_as_one_under_a_prefix(tmp_path: Path, url: str, valkey: Redis) -> None:
    file = tmp_path / "terminal.py"
    file.write_text(TERMINAL, "utf-8")
    result = conformance(url, "terminal", started(file), "--terminal", "--prefix", "trial:")
    assert result.exit_code == 0, result.output
    assert passed(result) == {check.name for check in CHECKS}
    assert all(str(key).startswith("trial:") for key in valkey.keys("*"))


def test_a_console_in_plain_redis_that_keeps_the_contract_passes(url: str) -> None:
    result = conformance(url, "plain", started(PLAIN))
    assert result.exit_code == 0, result.output
    assert passed(result) == {check.name for check in CHECKS}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_breaks_it_in_one_way_fails_that_check_with_the_reason(fault: str, url: str) -> None:
    check = FAULTS[fault]
    arguments = ["--only", check, "--within", "3", "--lease", "4", "--json"]
    result = conformance(url, "plain", started(PLAIN, fault), *arguments)
    assert result.exit_code == 1, result.output
    (told,) = (json.loads(line) for line in result.output.splitlines())
    assert (told["check"], told["verdict"]) == (check, "failed")
    assert len(told["reason"]) > 10


@pytest.mark.long
def test_a_console_that_is_not_there_fails_and_what_needs_a_restart_is_left_out(url: str) -> None:
    result = conformance(url, "nobody", None, "--within", "0.3", "--lease", "0.3")
    assert result.exit_code == 1
    assert passed(result) == set()
    assert "no group 'nobody' on patrol:alert:red" in result.output
    assert re.search(r"^----  restart .*\n.*only with --start", result.output, flags=re.MULTILINE)


def test_without_a_redis_one_is_started_for_it() -> None:
    arguments = ["--group", "plain", "--start", started(PLAIN), "--only", "receipts", "--within", "6"]
    result = CliRunner().invoke(make_cli(), ["conformance", *arguments])
    assert result.exit_code == 0, result.output


class TestRefusals:
    def test_never_on_a_redis_that_a_patrol_uses(self, url: str, valkey: Redis) -> None:
        valkey.xgroup_create("patrol:alert:red", GROUP, id="0", mkstream=True)
        result = conformance(url, "desk", None, "--within", "0.2")
        assert (result.exit_code, "a Patrol dispatches from this Redis" in result.output) == (1, True)
        valkey.flushall()
        valkey.set("patrol:status:tour", "{}")
        result = conformance(url, "desk", None, "--within", "0.2")
        assert (result.exit_code, "a Patrol is touring on this Redis" in result.output) == (1, True)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--only", "weather"], "--only weather: expected group_at_zero"),
            (["--start", "no-such-command-7"], "--start: no-such-command-7: No such file"),
            (["--start", ""], "--start: expected a command"),
        ],
    )
    def test_what_cannot_be_tried_is_said(self, url: str, arguments: list[str], said: str) -> None:
        result = conformance(url, "desk", None, *arguments)
        assert result.exit_code == 1
        assert said in result.output

    def test_without_a_redis_and_a_command_there_is_nothing_to_try(self) -> None:
        result = CliRunner().invoke(make_cli(), ["conformance", "--group", "desk"])
        assert (result.exit_code, "say --redis, or --start" in result.output) == (1, True)


def test_the_checks_are_those_in_the_docs() -> None:
    text = (ROOT / "docs" / "queue.md").read_text("utf-8")
    for check in CHECKS:
        assert f"| `{check.name}` | {check.expected} |" in text
