"""What the drill does to a clock, a replica and a version is done: else it would show nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from faults.altered import FIELD
from faults.clocks import MovedClock, compiler
from faults.proxy import Link
from faults.queues import Standby, free_port, queue_command
from faults.reader import NEWER
from faults.world import World
from patrol.pipeline.steps import Step
from tests.waiting import wait_for

WITHIN_S = 20.0
HOUR_S = 3600
LOOKS = """
import sys, time
from pathlib import Path
from patrol.adapters.clock import SteadyClock
clock = SteadyClock(Path(sys.argv[1]))
for _ in sys.stdin:
    kept = clock.kept()
    print(time.time(), time.monotonic(), kept.time_s, kept.offset_s, flush=True)
"""
NEWER_STORE = """
import asyncio, sys
from datetime import UTC, datetime
from patrol.adapters.memory import FakeClock
from patrol.adapters.sql import SqlStore
from tests.builders import NOON, at, candidate

async def accept():
    store = SqlStore(f"sqlite:///{sys.argv[1]}", (), FakeClock(NOON))
    await store.open()
    await store.accept(candidate(int(sys.argv[2])), at(float(sys.argv[2]) * 400))
    for incident in (await store.open_ledger()).incidents:
        print(len(incident.alert_ids))
    for row in await store.unpublished(100):
        print(row.message.body)
    await store.aclose()

asyncio.run(accept())
"""


@pytest.mark.skipif(compiler() is None, reason="a C compiler makes what moves the clock, and there is none")
def test_the_clock_moves_while_a_process_runs_and_the_time_that_is_kept_does_not_follow(tmp_path: Path) -> None:
    compiled_by = compiler()
    assert compiled_by is not None
    moved = MovedClock(tmp_path, compiled_by)
    process = subprocess.Popen(
        [sys.executable, "-c", LOOKS, str(tmp_path / "kept.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | moved.environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def look() -> tuple[float, ...]:
        print(file=process.stdin, flush=True)
        return tuple(float(text) for text in process.stdout.readline().split())

    try:
        for seconds in (0, HOUR_S, -HOUR_S, 0):
            moved.move(seconds)
            wall, monotonic, kept, offset = look()
            assert wall - time.time() == pytest.approx(seconds, abs=2)
            assert monotonic == pytest.approx(time.monotonic(), abs=2)
            assert kept == pytest.approx(time.time(), abs=3)
            assert offset == pytest.approx(seconds, abs=3)
    finally:
        process.kill()
        process.communicate()
        moved.close()


DIES = """
import time
from patrol.pipeline.steps import Step, passing
while True:
    passing(Step.DISPATCH_ESCALATED)
    time.sleep(0.1)
"""


def test_who_dies_at_a_step_is_told_from_who_is_killed_otherwise(tmp_path: Path) -> None:
    world = World(tmp_path, 1.0, "always")
    (tmp_path / "dies.py").write_text(DIES)
    world._commands["dispatch"] = ["dies"]
    try:
        world._start("dispatch")
        world.die_at("dispatch", Step.DISPATCH_ESCALATED, 3)
        assert world.is_to_die("dispatch")
        assert world.let_pass(WITHIN_S, lambda: not world.is_to_die("dispatch"))
        assert world.died_at == {Step.DISPATCH_ESCALATED: 1}
        assert world.kills["dispatch"] == len(world.died["dispatch"]) == 2
        dead = world._processes["dispatch"]
        assert world.let_pass(WITHIN_S, lambda: world._processes["dispatch"] is not dead)
        world.kill("dispatch")
        assert world.let_pass(WITHIN_S, lambda: world.kills["dispatch"] == 3)
        assert world.died_at == {Step.DISPATCH_ESCALATED: 1}
        assert world.killed_on_the_way == []
    finally:
        world.end()


def test_a_follow_up_that_stands_still_does_nothing_until_the_end(tmp_path: Path) -> None:
    (tmp_path / "stands.py").write_text(
        "import asyncio\nfrom patrol.pipeline.following_up import FollowingUp\nstopping = asyncio.Event()\n"
        "stopping.set()\nasyncio.run(FollowingUp.run(None, stopping))\nprint('ended')\n"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
    for command, ends in ((["faults.altered", "unfollowed", "stands"], True), (["stands"], False)):
        command = [sys.executable, "-m", *command]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert ("ended" in done.stdout) is ends


def test_a_replica_whose_link_is_cut_takes_over_without_what_its_master_took_meanwhile(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "master").mkdir()
    processes = [subprocess.Popen(queue_command(port, tmp_path / "master", "always"), stdout=subprocess.DEVNULL)]
    standby = Standby(tmp_path, port)
    try:
        with Redis(port=port, decode_responses=True) as master:
            wait_for(lambda: _answers(master))
            master.xadd("patrol:alert:red", {"ce": "1"})
            command = queue_command(standby.port, standby.folder, "always", replica_of=standby.link.port)
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            wait_for(standby.follows)
            wait_for(lambda: standby.misses(master) == 0)
            standby.link.link = Link.CUT
            for body in ("2", "3"):
                master.xadd("patrol:alert:red", {"ce": body})
            master.xadd("patrol:receipt", {"ce": "4"})
            assert standby.misses(master) == 3
            processes[0].kill()
            standby.promote()
        with Redis(port=standby.port, decode_responses=True) as promoted:
            assert promoted.role()[0] == "master"
            assert promoted.xlen("patrol:alert:red") == 1
            promoted.xadd("patrol:alert:red", {"ce": "5"})
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _answers(redis: Redis) -> bool:
    with suppress(RedisError, OSError):
        return bool(redis.ping())
    return False


@pytest.mark.long
def test_the_newer_version_writes_more_into_messages_and_the_store_and_both_go_on_with_both(tmp_path: Path) -> None:
    assert FIELD == NEWER
    (tmp_path / "writes.py").write_text(NEWER_STORE)
    alone = [sys.executable, "-m", "writes"]
    newer = [sys.executable, "-m", "faults.altered", "newer", "writes"]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}

    def run(command: list[str], number: int) -> list[dict[str, object]]:
        arguments = [*command, str(tmp_path / "patrol.db"), str(number)]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=True)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert told[0] == number  # every alert of before, whoever wrote it, is in the incident
        return told[1:]

    def newer_ones(messages: list[dict[str, object]]) -> list[bool]:
        return sorted(FIELD in message for message in messages)

    assert newer_ones(run(alone, 1)) == [False, False]
    assert newer_ones(run(newer, 2)) == [False, False, True, True]
    assert newer_ones(run(alone, 3)) == [False, False, False, False, True, True]
