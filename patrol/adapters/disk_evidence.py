"""Evidence pictures on disk: one JPEG per id, in a folder a day."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from patrol.domain.errors import StoreError
from patrol.domain.incidents import EvidenceId

_ID = re.compile(r"V-([0-9]{8})-[0-9]{6}-[0-9a-f]{12}")


class DiskEvidence:
    """EvidenceStore in a folder. An id is part of the file's name, so only ids that Patrol made are looked up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        """See EvidenceStore."""
        path = self._path(evidence_id)
        if path is None:
            raise StoreError(f"evidence id {evidence_id!r}: expected V-<date>-<time>-<12 hex digits>")
        try:
            await asyncio.to_thread(_write_durably, path, jpeg)
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}") from None

    async def get(self, evidence_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        path = self._path(evidence_id)
        if path is None:
            return None
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}") from None

    async def remove(self, evidence_id: EvidenceId) -> None:
        """See EvidenceStore."""
        path = self._path(evidence_id)
        if path is None:
            return
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}") from None

    def _path(self, evidence_id: EvidenceId) -> Path | None:
        match = _ID.fullmatch(evidence_id)
        return self._folder / match.group(1) / f"{evidence_id}.jpg" if match else None


def _write_durably(path: Path, content: bytes) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(path.parent.parent)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # A file whose name is not on the disk yet is gone after a power cut, however well its content was synced.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
