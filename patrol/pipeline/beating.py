"""Beating: a heartbeat begins every few seconds, and the age of the newest that made the whole way is watched."""

from __future__ import annotations

import asyncio
import logging
import secrets

from patrol.domain.errors import StoreError
from patrol.domain.heartbeats import EVERY_S, Arrival, stalled_since, through_since
from patrol.domain.ids import make_id
from patrol.metrics import Metrics
from patrol.pipeline import dispatching
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Heartbeats

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


class Beating:
    """Begins heartbeats, and looks where they end: in dispatch, like alerts."""

    def __init__(self, heartbeats: Heartbeats, clock: Clock, metrics: Metrics) -> None:
        self._heartbeats = heartbeats
        self._clock = clock
        self._metrics = metrics
        self._due_at = clock.monotonic()
        self._began_at = clock.now()
        self._arrival: Arrival | None = None
        self._stalled = False
        self._failing = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Beat and look until ``stopping``."""
        await self.tick()
        while not await pause(self._clock, stopping, LOOK_EVERY_S):
            await self.tick()

    async def tick(self) -> None:
        """Begin a heartbeat if one is due, and see how old the newest is that arrived."""
        try:
            await self._beat()
            self._see(await self._heartbeats.newest(dispatching.GROUP))
            self._failing = False
        except StoreError as error:
            self._metrics.stages.errors.labels("relay").inc()
            if not self._failing:
                _log.error("heartbeats wait for the store: %s", error)
            self._failing = True
        self._show()

    async def _beat(self) -> None:
        if self._clock.monotonic() < self._due_at:
            return
        now = self._clock.now()
        await self._heartbeats.beat(make_id("H", now, secrets.randbits(48)), now)
        self._due_at = self._clock.monotonic() + EVERY_S

    def _see(self, arrival: Arrival | None) -> None:
        if arrival is not None and arrival != self._arrival:
            if self._arrival is not None:  # the first one found may be of another life
                self._metrics.watch.heartbeat_round.observe(arrival.round_s)
            self._arrival = arrival

    def _show(self) -> None:
        now, newest = self._clock.now(), through_since(self._arrival, self._began_at)
        self._metrics.watch.heartbeat_age.set(max(0.0, (now - newest).total_seconds()))
        stalled = stalled_since(newest, self._began_at, now) is not None
        if stalled is not self._stalled:
            _log.log(
                logging.ERROR if stalled else logging.INFO,
                "queue degraded: nothing gets through to dispatch" if stalled else "messages get through to dispatch",
            )
        self._stalled = stalled
