"""Timekeeping: a jump of the machine's clock is seen, counted and told; the time kept outlives the process."""

from __future__ import annotations

import asyncio
import logging

from patrol.domain.clocks import Jump
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, TimeKeeper

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LOOKS_A_SAVE = 60


class Timekeeping:
    """Looks at the time kept beside the machine's clock."""

    def __init__(self, keeper: TimeKeeper, clock: Clock, metrics: Metrics) -> None:
        self._keeper = keeper
        self._clock = clock
        self._metrics = metrics
        self._told = {Jump.FORWARDS: 0, Jump.BACKWARDS: 0}
        self._was_off = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Look and save until ``stopping``, and save once more."""
        looks = 0
        self.look()
        while not await pause(self._clock, stopping, LOOK_EVERY_S):
            self.look()
            looks += 1
            if looks % LOOKS_A_SAVE == 0:
                await asyncio.to_thread(self._keeper.save)
        await asyncio.to_thread(self._keeper.save)

    def look(self) -> None:
        """Show how far the machine's clock is off, and count its jumps."""
        kept = self._keeper.kept()
        self._metrics.watch.clock_offset.set(kept.offset_s)
        for jump, count in ((Jump.FORWARDS, kept.forwards), (Jump.BACKWARDS, kept.backwards)):
            if count > self._told[jump]:
                self._metrics.watch.clock_jumps.labels(jump.value).inc(count - self._told[jump])
                _log.error("the machine's clock jumped %s; it is off by %.1f s now", jump, kept.offset_s)
                self._told[jump] = count
        if self._was_off and not kept.is_off:
            _log.info("the machine's clock is followed again")
        self._was_off = kept.is_off
