"""Opening the store: one that is away at the start may be back later, and nobody waits for it to tour.

A Patrol that starts without its database is one whose database went away while it ran: alerts go to the spool, all else
waits and says so. Only what no waiting mends keeps it from starting.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from patrol.domain.errors import StoreError, StoreFailure
from patrol.metrics import Metrics
from patrol.pipeline.stopping import pause
from patrol.ports import Clock

_log = logging.getLogger(__name__)

MAY_COME_BACK = frozenset({StoreFailure.AWAY, StoreFailure.BUSY, StoreFailure.DISK_FULL, StoreFailure.READ_ONLY})
RETRY_S = (0.5, 1.0, 2.0, 5.0)
TOLD_EVERY_S = 60.0


class Openable(Protocol):
    """A store."""

    async def open(self) -> None:
        """Raises StoreError."""


class Opening:
    """Opens the store at the start, or as soon as that can be done."""

    def __init__(self, store: Openable, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._away = metrics.store.away
        self._away_since: float | None = None

    async def begin(self) -> None:
        """Open it, or see that it is away. Raises StoreError where it will be no better later."""
        try:
            await self._store.open()
        except StoreError as error:
            if error.failure not in MAY_COME_BACK:
                raise
            _log.error(
                "started without the database; alerts are kept on the local disk, and all else waits, until it is"
                " back: %s",
                error,
            )
            self._away.set(1)
            self._away_since = self._clock.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Where it is away, try until it is open, or until ``stopping``."""
        if self._away_since is None:
            return
        tries, told_at = 0, self._away_since
        while not await pause(self._clock, stopping, RETRY_S[min(tries, len(RETRY_S) - 1)]):
            tries += 1
            try:
                await self._store.open()
            except StoreError as error:
                if self._clock.monotonic() - told_at >= TOLD_EVERY_S:
                    told_at = self._clock.monotonic()
                    _log.error("still without the database, for %.0f s: %s", told_at - self._away_since, error)
                continue
            self._away.set(0)
            _log.warning("the database is there now, after %.0f s", self._clock.monotonic() - self._away_since)
            return
