"""What this process used of the processor, on the machine the test runs on."""

from __future__ import annotations

import os
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
