"""A terminal in place of stderr, to see what a person would see."""

from __future__ import annotations

import os
import pty
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest


@contextmanager
def terminal_as_stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Inside, stderr is a real terminal; afterwards the list holds what was written to it, as one text."""
    seen: list[str] = []
    parent, child = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # how the end of a terminal looks
            while chunk := os.read(parent, 65_536):
                chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with monkeypatch.context() as patched, os.fdopen(child, "w") as stderr:
            patched.setattr(sys, "stderr", stderr)
            patched.setenv("TERM", "xterm")
            patched.setenv("COLUMNS", "200")
            yield seen
    finally:
        reader.join(10)
        os.close(parent)
        seen.append(b"".join(chunks).decode("utf-8", "replace"))
