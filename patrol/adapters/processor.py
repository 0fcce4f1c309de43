"""What this process used of the processor."""

from __future__ import annotations

import os
import time


class MachineProcessor:
    """ProcessorUse of this process on this machine. A container's quota is not known to it."""

    @property
    def cores(self) -> int:
        """See ProcessorUse."""
        return len(os.sched_getaffinity(0))

    def used_s(self) -> float:
        """See ProcessorUse."""
        return time.process_time()
