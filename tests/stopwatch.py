"""How long something took, for tests of deadlines on a real clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 0.005


class Stopwatch:
    """Counts real seconds less those in which the machine gave this process no processor.

    A deadline is kept or missed by the code; how long a machine that does other things stands still says nothing of it.
    A thread that sleeps in short pieces notes by how much each of them was too long.
    """

    def __init__(self) -> None:
        self._began = self._looked_at = time.monotonic()
        self._stalled_s = 0.0
        self._noting = threading.Lock()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stopwatch", daemon=True)

    def start(self) -> None:
        """Begin to count, from zero."""
        self._began = self._looked_at = time.monotonic()
        self._watcher.start()

    def stop(self) -> None:
        """Count no longer."""
        self._stopped.set()
        self._watcher.join()

    @property
    def took_s(self) -> float:
        """Seconds since the start, less those that were not to be had."""
        return self._note() - self._began - self._stalled_s

    @property
    def stalled_s(self) -> float:
        """Those that were not to be had, so far."""
        self._note()
        return self._stalled_s

    def _watch(self) -> None:
        while not self._stopped.wait(EVERY_S):
            self._note()

    def _note(self) -> float:
        with self._noting:
            now = time.monotonic()
            self._stalled_s += max(0.0, now - self._looked_at - 2 * EVERY_S)
            self._looked_at = now
            return now


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """One that runs inside the block."""
    watch = Stopwatch()
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
