"""The real clocks: the machine's, and the time that Patrol keeps by it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from patrol.domain.clocks import Anchor, KeptTime, Reading, begun, gone_on

_log = logging.getLogger(__name__)

_ANCHOR = TypeAdapter(Anchor)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Both clocks are read at one moment, or again: a process can be stopped between two reads.
AT_ONCE_S = 0.005
READS = 5


class SystemClock:
    """Clock of the machine."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """See Clock. Makes no task: the tour waits some fifty times a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        return event.is_set()


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a machine's clocks are read. ``boot_id`` tells one boot from another."""

    wall: Callable[[], float] = time.time
    since_boot: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    boot_id: str = field(default_factory=lambda: _BOOT_ID.read_text("ascii").strip())

    def read(self) -> Reading:
        """Both clocks at one moment."""
        for _ in range(READS):
            before, wall, after = self.since_boot(), self.wall(), self.since_boot()
            if after - before <= AT_ONCE_S:
                break
        return Reading(wall, after)


class SteadyClock(SystemClock):
    """Clock whose ``now`` no jump of the machine's clock moves: see domain.clocks.

    Kept in a file, so that all processes of one folder, also later ones, keep the same time. Safe from any thread.
    """

    def __init__(self, file: Path, machine: Machine | None = None) -> None:
        self._file = file
        self._machine = machine or Machine()
        self._lock = threading.Lock()
        self._kept = begun(_read(file), self._machine.boot_id, self._machine.read())
        self.save()

    def now(self) -> datetime:
        """See Clock."""
        return datetime.fromtimestamp(self.kept().time_s, UTC)

    def kept(self) -> KeptTime:
        """See TimeKeeper."""
        with self._lock:
            self._kept = gone_on(self._kept, self._machine.read())
            return self._kept

    def save(self) -> None:
        """See TimeKeeper. A disk that is full costs what was taken in since the last time, not the clock."""
        kept = self.kept()
        unfinished = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")  # each process writes its own
        try:
            unfinished.write_bytes(_ANCHOR.dump_json(Anchor(self._machine.boot_id, kept.time_s, kept.boot_s)))
            unfinished.replace(self._file)
        except OSError as error:
            _log.warning("%s: the time cannot be kept over a restart: %s", self._file.name, error.strerror)


def _read(file: Path) -> Anchor | None:
    try:
        return _ANCHOR.validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _log.warning("%s cannot be read, the machine's clock is believed: %s", file.name, type(error).__name__)
        return None
