"""Evidence on disk: one JPEG per picture's id and one WebM per clip's, in a folder a day."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from patrol.adapters import refusals
from patrol.adapters.durable_files import UNFINISHED, write_durably
from patrol.domain.errors import StoreError
from patrol.domain.incidents import EvidenceId
from patrol.domain.retention import Medium, StoredFile

_ID = re.compile(r"V-([0-9]{8})-[0-9]{6}-[0-9a-f]{12}")
_DAY = re.compile(r"[0-9]{8}")
PICTURE, CLIP = ".jpg", ".webm"
_SUFFIXES: dict[Medium | None, str] = {Medium.PICTURE: PICTURE, Medium.CLIP: CLIP, None: UNFINISHED}
_MEDIA = {suffix: medium for medium, suffix in _SUFFIXES.items()}
# An empty folder younger than that may be about to get its first file.
FOLDERS_KEPT = timedelta(days=2)

_Result = TypeVar("_Result")


class DiskEvidence:
    """EvidenceStore and EvidenceFiles in a folder.

    An id is part of the file's name, so only ids that Patrol made are looked up, and nothing else is ever deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

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
            raise StoreError(f"evidence {path.parent}: {error.strerror}", refusals.of_os(error)) from None

    async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
        """See EvidenceStore."""
        await self._write(clip_id, CLIP, webm)

    async def get_clip(self, clip_id: EvidenceId) -> bytes | None:
        """See EvidenceStore."""
        return await self._read(clip_id, CLIP)

    async def stored(self, after: EvidenceId | None, limit: int) -> Sequence[StoredFile]:
        """See EvidenceFiles."""
        return await self._on_disk(lambda: list(self._listed(after, limit)))

    async def sizes(self, wanted: Sequence[tuple[EvidenceId, Medium]]) -> dict[EvidenceId, int]:
        """See EvidenceFiles."""
        return await self._on_disk(lambda: dict(self._measured(wanted)))

    async def delete(self, files: Sequence[tuple[EvidenceId, Medium | None]]) -> None:
        """See EvidenceFiles."""
        await self._on_disk(lambda: self._unlink(files))

    def _listed(self, after: EvidenceId | None, limit: int) -> Iterator[StoredFile]:
        known = _ID.fullmatch(after or "")
        first_day = known.group(1) if known else ""
        taken = 0
        for day in sorted(name for name in _names(self._folder) if _DAY.fullmatch(name) and name >= first_day):
            names = sorted(name for name in _names(self._folder / day) if _is_evidence(name, day))
            for evidence_id, same in groupby(names, key=lambda name: name.partition(".")[0]):
                if evidence_id <= (after or ""):
                    continue
                if taken >= limit:
                    return
                found = [file for name in same if (file := self._file(EvidenceId(evidence_id), name, day)) is not None]
                taken += len(found)
                yield from found

    def _file(self, evidence_id: EvidenceId, name: str, day: str) -> StoredFile | None:
        try:
            facts = (self._folder / day / name).stat()
        except FileNotFoundError:  # deleted since it was listed
            return None
        modified_at = datetime.fromtimestamp(facts.st_mtime, UTC)
        return StoredFile(evidence_id, _MEDIA[Path(name).suffix], facts.st_size, modified_at)

    def _measured(self, wanted: Sequence[tuple[EvidenceId, Medium]]) -> Iterator[tuple[EvidenceId, int]]:
        for evidence_id, medium in wanted:
            path = self._path(evidence_id, _SUFFIXES[medium])
            with contextlib.suppress(FileNotFoundError):
                if path is not None:
                    yield evidence_id, path.stat().st_size

    def _unlink(self, files: Sequence[tuple[EvidenceId, Medium | None]]) -> None:
        paths = [path for evidence_id, medium in files if (path := self._path(evidence_id, _SUFFIXES[medium]))]
        for path in paths:
            path.unlink(missing_ok=True)
        long_past = f"{datetime.now(UTC) - FOLDERS_KEPT:%Y%m%d}"
        for folder in {path.parent for path in paths}:
            if folder.name < long_past:
                with contextlib.suppress(OSError):  # not empty, most often
                    folder.rmdir()

    async def _on_disk(self, work: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise StoreError(f"evidence {self._folder}: {error.strerror}", refusals.of_os(error)) from None

    async def _write(self, evidence_id: EvidenceId, suffix: str, content: bytes) -> None:
        path = self._path(evidence_id, suffix)
        if path is None:
            raise StoreError(f"evidence id {evidence_id!r}: expected V-<date>-<time>-<12 hex digits>")
        try:
            await asyncio.to_thread(write_durably, path, content)
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}", refusals.of_os(error)) from None

    async def _read(self, evidence_id: EvidenceId, suffix: str) -> bytes | None:
        path = self._path(evidence_id, suffix)
        if path is None:
            return None
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"evidence {path.parent}: {error.strerror}", refusals.of_os(error)) from None

    def _path(self, evidence_id: EvidenceId, suffix: str) -> Path | None:
        match = _ID.fullmatch(evidence_id)
        return self._folder / match.group(1) / f"{evidence_id}{suffix}" if match else None


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_evidence(name: str, day: str) -> bool:
    match = _ID.fullmatch(Path(name).stem)
    return match is not None and match.group(1) == day and Path(name).suffix in _MEDIA
