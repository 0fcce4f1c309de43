"""A named step ends the process where that was asked for, and nothing anywhere else."""

from __future__ import annotations

import signal
import subprocess
import sys

from patrol.pipeline.steps import VARIABLE, Step, passing

PASSES = "from patrol.pipeline.steps import *; [passing(step) or print(step) for step in [*Step, *Step]]"


def run(asked: str | None) -> tuple[int, list[str]]:
    environment = {} if asked is None else {VARIABLE: asked}
    done = subprocess.run(
        [sys.executable, "-u", "-c", PASSES], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout.split()


def test_without_the_variable_every_step_is_passed() -> None:
    for step in Step:
        passing(step)
    assert run(None) == (0, [*Step, *Step])


def test_the_process_dies_at_the_step_the_time_it_was_told() -> None:
    code, passed = run("relay-published")
    steps = list(Step)
    assert (code, passed) == (-signal.SIGKILL, steps[: steps.index(Step.RELAY_PUBLISHED)])
    code, passed = run("relay-read:2")
    assert (code, passed) == (-signal.SIGKILL, [*steps, *steps[: steps.index(Step.RELAY_READ)]])
