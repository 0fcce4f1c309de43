"""Evidence on disk: one JPEG per picture's id and one WebM per clip's, in a folder a day."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from patrol.adapters.durable_files import write_durably
from patrol.domain.errors import StoreError
from patrol.domain.incidents import EvidenceId

_ID = re.compile(r"V-([0-9]{8})-[0-9]{6}-[0-9a-f]{12}")
PICTURE, CLIP = ".jpg", ".webm"


class DiskEvidence:
    """EvidenceStore in a folder. An id is part of the file's name, so only ids that Patrol made are looked up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        """See EvidenceStore."""
        await self._write(evidence_id, PICTURE, jpeg)

    async def get(self, evidence_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        return await self._read(evidence_id, PICTURE)

    async def remove(self, evidence_id: EvidenceId) -> None:
        """See EvidenceStore."""
        path = self._path(evidence_id, PICTURE)
        if path is None:
            return
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}") from None

    async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
        """See EvidenceStore."""
        await self._write(clip_id, CLIP, webm)

    async def get_clip(self, clip_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        return await self._read(clip_id, CLIP)

    async def _write(self, evidence_id: EvidenceId, suffix: str, content: bytes) -> None:
        path = self._path(evidence_id, suffix)
        if path is None:
            raise StoreError(f"evidence id {evidence_id!r}: expected V-<date>-<time>-<12 hex digits>")
        try:
            await asyncio.to_thread(write_durably, path, content)
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}") from None

    async def _read(self, evidence_id: EvidenceId, suffix: str) -> bytes | None:
        path = self._path(evidence_id, suffix)
        if path is None:
            return None
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}") from None

    def _path(self, evidence_id: EvidenceId, suffix: str) -> Path | None:
        match = _ID.fullmatch(evidence_id)
        return self._folder / match.group(1) / f"{evidence_id}{suffix}" if match else None
