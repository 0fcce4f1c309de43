"""Files of JSON lines in which each process of the drill writes down what it saw, and finds it again after a kill."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


class Journal:
    """Append-only; every line is on disk before ``write`` returns."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **said: Any) -> None:
        """One line, with the time: since boot, the same in all processes, and nobody sets it."""
        line = json.dumps({"at": time.monotonic(), **said}, ensure_ascii=False)
        os.write(self._descriptor, f"{line}\n".encode())
        os.fdatasync(self._descriptor)


def read(file: Path) -> list[dict[str, Any]]:
    """All whole lines; one that a kill cut off is left out."""
    if not file.exists():
        return []
    lines = []
    for line in file.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            try:
                lines.append(json.loads(line))
            except ValueError:  # a torn line, to which the next was appended
                continue
    return lines
