"""This process on its machine: what it used of the processor, in how many threads, and how it keeps memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from functools import cache
from pathlib import Path

import cv2


class MachineProcessor:
    """ProcessorUse of this process on this machine. A container's quota is not known to it."""

    @property
    def cores(self) -> int:
        """See ProcessorUse."""
        return len(os.sched_getaffinity(0))

    def used_s(self) -> float:
        """See ProcessorUse."""
        return time.process_time()


@cache
def has_flag(name: str) -> bool:
    """Whether the processor has a feature, by Linux' name for it, as ``amx_bf16``; elsewhere that is not known: no."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and name in line.split() for line in lines)


ARENAS = 2
_M_ARENA_MAX = -8  # malloc.h of the GNU C library


def few_arenas() -> None:
    """Have all threads take their memory from the same few pools. To be called before there are threads.

    The GNU C library gives each thread a pool of its own, up to eight for each core, and what one thread has freed no
    other uses: where many threads decode by turns, a process grows to many times what it needs. Other C libraries know
    no such limit, and are left alone.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def give_memory_back() -> None:
    """Give the system the memory that is free in the middle of a pool, too. Takes about 5 ms; for a thread.

    The GNU C library does so only at a pool's end. Cameras whose streams only FFmpeg reads, failing, grew the process
    by 11 MB in 1,000 visits without, and by nothing with it.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def one_thread_a_picture() -> None:
    """Keep OpenCV from sharing one picture out among threads, in the whole process.

    Pictures here are small and many, and other cores have others to work at: waking threads for a part of one took as
    much processor time as the work itself (0.99 ms a look instead of 0.49, two cores).
    """
    cv2.setNumThreads(1)
