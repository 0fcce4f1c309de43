"""Files that are there, whole, once they were written; also after a power cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from patrol.pipeline.steps import Step, passing

UNFINISHED = ".part"


def write_durably(path: Path, content: bytes) -> None:
    """Write a file, in a folder made for it if need be. Half a file is never seen under its name. Raises OSError."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    unfinished = path.with_suffix(UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        passing(Step.FILE_WRITTEN)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # on a full disk, what was not finished takes the last room there is
            unfinished.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the folder itself on the disk: else a file's name may be gone after a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
