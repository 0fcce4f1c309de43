"""What a process and its children use, from /proc: processor time, memory, descriptors, threads."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Use:
    """One look at a tree of processes. ``at``: monotonic seconds. ``processor_s``: with that of ended children.

    ``resident_mb``: the sum over the processes (1 MB = 10^6 bytes), so that shared pages count more than once.
    """

    at: float
    processor_s: float
    resident_mb: float
    descriptors: int
    threads: int
    processes: int


def use_of(pid: int) -> Use:
    """What ``pid`` and all below it use now; those that end while it looks count for nothing."""
    spent = resident = descriptors = threads = processes = 0
    for each in tree(pid):
        with suppress(OSError):
            stat = stat_of(PROC / str(each) / "stat")
            children = int(stat[13]) + int(stat[14])
            spent += int(stat[11]) + int(stat[12]) + children
            threads += int(stat[17])
            resident += int((PROC / str(each) / "statm").read_text().split()[1])
            descriptors += len(list((PROC / str(each) / "fd").iterdir()))
            processes += 1
    return Use(time.monotonic(), spent / TICKS_PER_S, resident * PAGE_BYTES / 1e6, descriptors, threads, processes)


def stat_of(file: Path) -> list[str]:
    """The fields of a stat file after the name, which may hold anything: the first is the state."""
    return file.read_text().rpartition(")")[2].split()


def tree(pid: int) -> Iterator[int]:
    """``pid`` and everything below it."""
    yield pid
    for task in _listed(PROC / str(pid) / "task"):
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def thread_seconds() -> dict[int, float]:
    """Processor seconds of every thread of this process, by its number in the operating system."""
    spent = {}
    for task in _listed(PROC / "self" / "task"):
        with suppress(OSError):
            stat = stat_of(task / "stat")
            spent[int(task.name)] = (int(stat[11]) + int(stat[12])) / TICKS_PER_S
    return spent


@dataclass(slots=True)
class Watch:
    """Looks at a tree of processes again and again."""

    pid: int
    looks: list[Use] = field(default_factory=list)

    def between(self, begin: float, end: float) -> list[Use]:
        """The looks from ``begin`` to ``end``, monotonic seconds."""
        return [look for look in self.looks if begin <= look.at <= end]


@contextmanager
def watched(pid: int, every_s: float = 1.0) -> Iterator[Watch]:
    """Look every ``every_s`` until the end of the block."""
    watch, ended = Watch(pid), threading.Event()

    def look() -> None:
        while not ended.wait(every_s):
            watch.looks.append(use_of(pid))

    thread = threading.Thread(target=look, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
