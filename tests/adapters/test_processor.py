"""What this process uses of the machine the test runs on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from patrol.adapters.processor import MachineProcessor
from patrol.ports import ProcessorUse


def spin(seconds: float) -> None:
    """Keep a core busy for so long, by the clock of the thread's own work."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        sum(range(1000))


def test_work_is_counted_and_waiting_is_not() -> None:
    processor: ProcessorUse = MachineProcessor()
    before = processor.used_s()
    spin(0.2)
    after_work = processor.used_s()
    time.sleep(0.2)
    after_sleep = processor.used_s()
    assert after_work - before == pytest.approx(0.2, abs=0.1)
    assert after_sleep - after_work <= 0.1


def test_the_work_of_every_thread_counts() -> None:
    processor = MachineProcessor()
    before, threads = processor.used_s(), [threading.Thread(target=spin, args=(0.1,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert processor.used_s() - before >= 0.3


def test_only_cores_it_may_use_are_counted() -> None:
    usable = os.sched_getaffinity(0)
    assert MachineProcessor().cores == len(usable)
    try:
        os.sched_setaffinity(0, {min(usable)})
        assert MachineProcessor().cores == 1
    finally:
        os.sched_setaffinity(0, usable)


def measured(script: str) -> float:
    """The number that a script prints, in a process of its own: what the C library has done stays done."""
    return float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)


MANY_THREADS = """
import ctypes, tempfile, threading
from patrol.adapters.processor import few_arenas
{first}
libc, at_once = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
def take():
    at_once.wait()
    libc.malloc(1000)
    at_once.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with tempfile.NamedTemporaryFile("r") as file:
    told = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, told)
    libc.fclose(told)
    print(file.read().count("<heap nr="))
"""


def test_all_threads_share_two_pools() -> None:
    assert measured(MANY_THREADS.format(first="")) > 2, "as it is without"
    assert measured(MANY_THREADS.format(first="few_arenas()")) <= 2


def test_memory_that_is_free_between_what_is_used_is_given_back() -> None:
    freed_mb = measured("""
from patrol.adapters.processor import give_memory_back
def resident_mb(): return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
taken = [bytes(4000) for _ in range(25_000)]
last = taken[-1]
del taken
before = resident_mb()
give_memory_back()
print(before - resident_mb())
""")
    assert freed_mb > 50
