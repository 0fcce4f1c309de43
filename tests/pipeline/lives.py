"""What the stateful tests share: the real store, as quick as it can be, in a thread and on a disk that cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck

from patrol.adapters.sql import SqlStore

# What takes long here is what is tried, not how it is made up.
SLOW = [HealthCheck.too_slow]
_MEMORY = Path("/dev/shm")


def folder() -> TemporaryDirectory[str]:
    """In memory, where there is such a disk: nothing here is about fsync."""
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, ignore_cleanup_errors=True)


def without_thread(store: SqlStore) -> None:
    """Its calls are made at once: to wait for a thread costs more than they do."""
    store._door._thread.shutdown()
    store._door._thread = _AtOnce()  # type: ignore[assignment]


class _AtOnce(Executor):
    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(call(*arguments, **named))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is the caller's)
            done.set_exception(error)
        return done
