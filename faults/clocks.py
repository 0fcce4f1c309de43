"""The wall clock of Patrol's processes, moved from outside while they run; the clocks that nobody sets go on.

A few lines of C before the C library do it, so that whatever asks for the time gets the moved one: nobody can change
the machine's clock for one process, and libfaketime costs twenty times what Patrol itself does.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("moved_clock.c")


def compiler() -> str | None:
    """A C compiler; None where there is none, and then no clock can be moved."""
    return shutil.which("cc")


class MovedClock:
    """So many seconds, in a file that processes started with ``environment`` have in their memory. Raises OSError."""

    def __init__(self, folder: Path, compiled_by: str) -> None:
        self._file, self._library = folder / "clock.moved", folder / "moved_clock.so"
        subprocess.run(
            [compiled_by, "-O2", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl"], check=True
        )
        self._file.write_bytes(bytes(8))
        with self._file.open("r+b") as file:
            self._seconds = mmap.mmap(file.fileno(), 8)

    @property
    def environment(self) -> dict[str, str]:
        """For the processes whose clock is moved."""
        return {"LD_PRELOAD": str(self._library), "MOVED_CLOCK": str(self._file)}

    def move(self, seconds: int) -> None:
        """So far ahead of the machine's clock from now on, or behind it."""
        self._seconds[:] = struct.pack("q", seconds)

    def close(self) -> None:
        """Let go of the file."""
        self._seconds.close()
