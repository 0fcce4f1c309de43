"""A whole Patrol with the station's 476 cameras in a process of its own, for what only the real server can tell."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.serving import RING_SIZES
from tests.cued_service import cue

STARTS_S = 60.0
BOUNDS_S = (5.0, 15.0, 30.0)


@dataclass(slots=True)
class RunningService:
    """Where it is, and what it is told to see. ``folder``: its own."""

    address: str
    folder: Path
    pid: int
    crowds: list[str] = field(default_factory=list)

    def sees_crowd(self, *camera_ids: str) -> None:
        """From now on, besides those before."""
        self.crowds += camera_ids
        cue(self.folder, self.crowds)


@contextmanager
def whole_service() -> Iterator[RunningService]:
    """Its queue and store are real; its cameras are drawn, and what they see is told to it.

    So the machine is not busy with decoding and inference, which take what processor there is: those who want the page
    measured beside them start ``make demo`` and give its address.
    """
    sizes = [str(size) for size in RING_SIZES.values()]
    with TemporaryDirectory(prefix="patrol-console-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.cued_service", str(folder), "--cameras", *sizes, "--bounds"]
        command += [str(seconds) for seconds in BOUNDS_S]
        environ = {key: value for key, value in os.environ.items() if key not in {"REDIS_URL", "DATABASE_URL"}}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
            try:
                yield RunningService(_address_told_by(process), folder, process.pid)
            finally:
                process.terminate()
                process.wait(30)


def _address_told_by(process: subprocess.Popen[str]) -> str:
    lines: list[str] = []
    up = threading.Event()

    def read() -> None:
        for line in process.stderr or ():
            if not up.is_set():
                lines.append(line.rstrip())
            if line.startswith("up http"):
                up.set()

    threading.Thread(target=read, name="service-log", daemon=True).start()
    deadline = time.monotonic() + STARTS_S
    while not up.wait(0.05):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ChildProcessError("the service did not come up:\n" + "\n".join(lines))
    return lines[-1].split()[1]
