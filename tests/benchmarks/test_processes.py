"""What a tree of processes uses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from benchmarks.processes import thread_seconds, tree, use_of, watched

BUSY = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
WAIT = "import sys; sys.stdin.read()\n"


def child(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)


def test_children_and_what_they_spent_belong_to_it_alive_and_after_their_end() -> None:
    before = use_of(os.getpid())
    with child(WAIT) as process:
        assert process.pid in set(tree(os.getpid()))
        assert use_of(os.getpid()).processes == before.processes + 1
    with child(BUSY) as process:
        process.wait(20)
    after = use_of(os.getpid())
    assert after.processes == before.processes
    assert after.processor_s - before.processor_s >= 0.3


def test_descriptors_and_threads_are_counted() -> None:
    before, leave = use_of(os.getpid()), threading.Event()
    thread = threading.Thread(target=leave.wait)
    thread.start()
    pipe = os.pipe()
    during = use_of(os.getpid())
    leave.set()
    thread.join()
    for end in pipe:
        os.close(end)
    assert during.descriptors >= before.descriptors + 2
    assert during.threads >= before.threads + 1


def test_memory_is_that_of_the_process() -> None:
    # Of processes of their own: this one may give memory back at any moment.
    with child(WAIT) as plain, child(f"held = b'x' * 50_000_000\n{WAIT}") as holding:
        ends_at = time.monotonic() + 20
        while use_of(holding.pid).resident_mb - use_of(plain.pid).resident_mb <= 40:
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        assert 40 < use_of(holding.pid).resident_mb < 100


def test_a_process_that_is_gone_uses_nothing() -> None:
    with child("") as process:
        process.wait(20)
    use = use_of(process.pid)
    assert (use.processor_s, use.resident_mb, use.processes) == (0, 0, 0)


def test_it_is_watched_until_the_end() -> None:
    with watched(os.getpid(), every_s=0.02) as watch:
        time.sleep(0.3)
    looks = len(watch.looks)
    time.sleep(0.1)
    assert looks >= 3
    assert len(watch.looks) == looks
    assert watch.between(watch.looks[1].at, watch.looks[2].at) == watch.looks[1:3]


def test_the_processor_time_of_this_very_thread_is_told() -> None:
    end = time.thread_time() + 0.15
    while time.thread_time() < end:
        pass
    assert thread_seconds()[threading.get_native_id()] >= 0.1
