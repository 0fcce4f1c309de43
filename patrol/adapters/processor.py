"""The processor: what this process used of it, and in how many threads."""

from __future__ import annotations

import os
import time

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


def one_thread_a_picture() -> None:
    """Keep OpenCV from sharing one picture out among threads, in the whole process.

    Pictures here are small and many, and other cores have others to work at: waking threads for a part of one took as
    much processor time as the work itself (0.99 ms a look instead of 0.49, two cores).
    """
    cv2.setNumThreads(1)
