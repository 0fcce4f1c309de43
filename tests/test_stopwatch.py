"""That the tests' stopwatch counts what the code took, and not what the machine did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.stopwatch import stopwatch

SLEEPS = """
import sys, time
from tests.stopwatch import stopwatch
with stopwatch() as watch:
    print("begun", flush=True)
    time.sleep(0.5)
    sys.stdin.readline()
    print(watch.took_s)
"""


def test_time_in_which_the_process_did_not_run_is_not_counted() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPS], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2.0)
        process.stdin.write("\n")
        os.kill(process.pid, signal.SIGCONT)
        took_s, _ = process.communicate(timeout=30)
    assert float(took_s) < 1.5


def test_what_is_waited_and_what_is_worked_for_is_counted() -> None:
    with stopwatch() as watch:
        time.sleep(0.2)
        assert watch.took_s > 0.1
        works_until = time.thread_time() + 0.2
        while time.thread_time() < works_until:
            pass
        assert watch.took_s > 0.2
