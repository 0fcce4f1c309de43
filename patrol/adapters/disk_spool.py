"""The spool: alerts that the store does not take lie here, one file each, until it is back.

A file is named by its number and its alert, so that their order needs no index, and written as evidence is: whole under
its name, or not there. A reserve of disk space is held for the day on which the disk is full: it is given up bit by
bit for records, and taken again when the spool is empty. Camera addresses are left out: they may hold passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import re
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from patrol.adapters import refusals
from patrol.adapters.durable_files import UNFINISHED, sync_folder, write_durably
from patrol.domain.alerts import Candidate
from patrol.domain.camera import Camera, StreamAddress
from patrol.domain.errors import StoreError, StoreFailure
from patrol.domain.storage import KeptAlerts
from patrol.ports import Spooled

_log = logging.getLogger(__name__)

RECORD, ASIDE, BROKEN = ".alert", ".aside", ".broken"
RESERVE = "reserve"
_NAME = re.compile(r"([0-9]{12})-[A-Za-z0-9_.:-]+\.(?:alert|aside)")
_HEAD = re.compile(rb"patrol-spool 1 ([0-9a-f]{8}) ([0-9]{1,9})\n")
# A record's file and its name take whole blocks, and others may be quicker to take what is given up.
SPARE_BYTES = 64 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_Result = TypeVar("_Result")


class DiskSpool:
    """Spool in a folder of its own. ``most_bytes``: of all records; ``reserve_bytes``: held for a full disk."""

    def __init__(self, folder: Path, most_bytes: int, reserve_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._reserve_bytes = reserve_bytes
        self._records: dict[int, tuple[Path, int]] = {}  # in the order of their numbers: file, size
        self._next = 1
        self._size = 0
        self._door = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")

    @property
    def waiting(self) -> int:
        """See Spool."""
        return len(self._records)

    @property
    def size(self) -> int:
        """See Spool."""
        return self._size

    async def open(self) -> None:
        """Find what an earlier process left, and take the reserve. Raises StoreError."""
        await self._on_disk(self._open)

    async def aclose(self) -> None:
        """Finish what was begun."""
        await asyncio.to_thread(self._door.shutdown, wait=True)

    async def keep(self, candidate: Candidate, jpeg: bytes) -> None:
        """See Spool."""
        record = encoded(candidate, jpeg)
        if self._size + len(record) > self._most_bytes:
            why = (
                f"spool {self._folder}: {len(self._records)} alerts wait already, {self._most_bytes} bytes are its most"
            )
            raise StoreError(why, StoreFailure.DISK_FULL)
        number, self._next = self._next, self._next + 1
        path = self._folder / f"{number:012d}-{candidate.alert_id}{RECORD}"
        await self._on_disk(lambda: self._write(path, record))
        self._records[number] = (path, len(record))
        self._size += len(record)

    async def oldest(self) -> Spooled | None:
        """See Spool."""
        while self._records:
            number = next(iter(self._records))
            path, _ = self._records[number]
            spooled = await self._on_disk(lambda number=number, path=path: _read(number, path))  # type: ignore[misc]
            if spooled is not None:
                return spooled
            self._forget(number)
        return None

    async def done(self, spooled: Spooled) -> None:
        """See Spool."""
        path, _ = self._records[spooled.number]
        await self._on_disk(lambda: _unlink(path))
        self._forget(spooled.number)
        if not self._records:
            await self._on_disk(self._take_reserve)

    async def set_aside(self, spooled: Spooled) -> None:
        """See Spool."""
        path, _ = self._records[spooled.number]
        await self._on_disk(lambda: path.rename(path.with_suffix(ASIDE)))
        self._forget(spooled.number)

    def _forget(self, number: int) -> None:
        _, size = self._records.pop(number)
        self._size -= size

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob(f"*{UNFINISHED}"):
            _log.warning("spool: %s was never finished, as after a kill; it is skipped", path.name)
            path.unlink()
        for path in self._folder.glob(f"*{ASIDE}"):  # a newer version may be able to
            path.rename(path.with_suffix(RECORD))
        found = sorted(self._folder.glob(f"*{RECORD}"))
        numbered = ((int(match.group(1)), path) for path in found if (match := _NAME.fullmatch(path.name)))
        self._records = {number: (path, path.stat().st_size) for number, path in numbered}
        self._size = sum(size for _, size in self._records.values())
        self._next = max(self._records, default=0) + 1
        if not self._records:
            self._take_reserve()

    def _write(self, path: Path, record: bytes) -> None:
        while True:
            try:
                write_durably(path, record)
            except OSError as error:
                if error.errno not in _FULL or not self._give_up(len(record) + SPARE_BYTES):
                    raise
            else:
                return

    def _take_reserve(self) -> None:
        # Where there is no room for it, it is tried again when the spool is empty the next time.
        with contextlib.suppress(OSError), (self._folder / RESERVE).open("ab") as file:
            if self._reserve_bytes > 0:
                os.posix_fallocate(file.fileno(), 0, self._reserve_bytes)

    def _give_up(self, size: int) -> bool:
        """Give some of the reserve back to the disk. Returns whether there was any."""
        try:
            left = (self._folder / RESERVE).stat().st_size
        except FileNotFoundError:
            return False
        if left > 0:
            os.truncate(self._folder / RESERVE, max(0, left - size))
        return left > 0

    async def _on_disk(self, work: Callable[[], _Result]) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.shield(loop.run_in_executor(self._door, work))
        except OSError as error:
            raise StoreError(f"spool {self._folder}: {error.strerror}", refusals.of_os(error)) from None


def kept_in(folder: Path) -> KeptAlerts:
    """What lies in a spool, for those who only look; also from another process."""
    waiting, aside = [], 0
    try:
        for path in folder.iterdir():
            if path.suffix == RECORD:
                waiting.append(path.stat().st_mtime)
            aside += path.suffix == ASIDE
    except FileNotFoundError:  # no spool yet, or a record was just taken: the next look tells
        pass
    since = datetime.fromtimestamp(min(waiting), UTC) if waiting else None
    return KeptAlerts(len(waiting), since, aside)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read(number: int, path: Path) -> Spooled | None:
    """The record; None where it is not there, or not whole: then it is put out of the way, with a word."""
    try:
        candidate, jpeg = decoded(path.read_bytes())
    except FileNotFoundError:
        _log.error("spool: %s was deleted by hand; its alert is gone", path.name)
        return None
    except ValueError as error:
        _log.error("spool: %s cannot be read and is skipped, it stays as %s: %s", path.name, BROKEN, error)
        path.rename(path.with_suffix(BROKEN))
        sync_folder(path.parent)
        return None
    return Spooled(number, candidate, jpeg)


def encoded(candidate: Candidate, jpeg: bytes) -> bytes:
    """A record: a line with checksum and length, the candidate as JSON, the picture."""
    facts = json.dumps(_plain(candidate), ensure_ascii=False, separators=(",", ":")).encode()
    return b"patrol-spool 1 %08x %d\n" % (zlib.crc32(jpeg, zlib.crc32(facts)), len(facts)) + facts + jpeg


def decoded(record: bytes) -> tuple[Candidate, bytes]:
    """What ``encoded`` made a record of. Raises ValueError where it is torn, or of a stranger."""
    head = _HEAD.match(record)
    if head is None:
        raise ValueError("it is no record of the spool")
    body = record[head.end() :]
    facts, jpeg = body[: int(head.group(2))], body[int(head.group(2)) :]
    if zlib.crc32(jpeg, zlib.crc32(facts)) != int(head.group(1), 16):
        raise ValueError("it is torn: its checksum does not fit")
    try:
        return _candidate(json.loads(facts)), jpeg
    except (KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"it is of another version: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the fields of a dataclass go to JSON and back; those it does not name keep their defaults."""

    adapters: dict[str, TypeAdapter[Any]]

    @classmethod
    def of(cls, kind: type[Any], without: frozenset[str]) -> _Shape:
        hints = get_type_hints(kind)
        return cls({each.name: TypeAdapter(hints[each.name]) for each in fields(kind) if each.name not in without})

    def plain(self, value: Any) -> dict[str, Any]:
        return {name: adapter.dump_python(getattr(value, name), mode="json") for name, adapter in self.adapters.items()}

    def values(self, plain: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, adapter in self.adapters.items():
            if name in plain:
                yield name, adapter.validate_python(plain[name])


# What nobody needs who only accepts: above all addresses, with their passwords.
_CAMERA = _Shape.of(Camera, frozenset({"stream", "snapshot", "zones", "masks", "bounds", "ground"}))
_CANDIDATE = _Shape.of(Candidate, frozenset({"camera"}))
_WITHHELD = StreamAddress("withheld:")


def _plain(candidate: Candidate) -> dict[str, Any]:
    return {**_CANDIDATE.plain(candidate), "camera": _CAMERA.plain(candidate.camera)}


def _candidate(plain: dict[str, Any]) -> Candidate:
    camera = Camera(stream=_WITHHELD, **dict(_CAMERA.values(plain["camera"])))
    return Candidate(camera=camera, **dict(_CANDIDATE.values(plain)))
