"""Writing: a configuration file that is changed while Patrol runs. Blocking; call it in a thread.

Nothing is written that could not be read again: the whole file is checked as at the start, then written beside the old
one and put in its place. Who reads meanwhile, and a power cut, find the old file or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from patrol.config.document import Document, read_text, text_of, whole_bytes
from patrol.config.editing import Change, changed_data, edited
from patrol.config.loading import loaded
from patrol.config.parts import Parts, parts_of
from patrol.config.settings import Configuration
from patrol.domain.errors import ConfigError, ConfigProblem, FileChanged, FileUnusable, NotWritten

LOCKED_WITHIN_S = 2.0
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # some editors put it in front of UTF-8


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was read: sound as a whole. ``version``: of its bytes. ``document``, ``parts``: its own words,
    in which ``${NAME}`` stands as it is written."""

    text: str
    version: str
    document: Document
    parts: Parts = field(repr=False)
    configuration: Configuration = field(repr=False)


class ConfigurationFile:
    """The file at ``path``; a link is followed. ``known_models``: see ``load``. Variables may be missing: who writes
    a configuration needs no camera's password."""

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        known_models: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._path = path
        self._environ = environ
        self._known_models = known_models
        self._read: tuple[tuple[int, int, int], Opened] | None = None
        self._reading = threading.Lock()  # who asks meanwhile waits, and reads nothing again

    @property
    def name(self) -> str:
        """What the file is called, without its folder."""
        return self._path.name

    def stamp(self) -> tuple[int, int, int] | None:
        """What changes whenever the file does; None where there is none now. Cheap."""
        try:
            now = self._path.stat()
        except OSError:
            return None
        return now.st_mtime_ns, now.st_size, now.st_ino

    def read(self) -> Opened:
        """The file as it is now. Raises FileUnusable. What was not touched since is not read again."""
        with self._reading:
            stamp, kept = self.stamp(), self._read
            if kept is not None and kept[0] == stamp:
                return kept[1]
            try:
                raw = whole_bytes(self._path)
            except ConfigError as error:
                raise FileUnusable(error, may_pass=True) from None
            try:
                opened = self._opened(text_of(self._path, raw), version_of(raw))
            except ConfigError as error:
                raise FileUnusable(error, may_pass=False) from None
            self._read = (stamp, opened) if stamp is not None and stamp == self.stamp() else None
            return opened

    def configured(self, opened: Opened, changes: Iterable[Change]) -> Configuration:
        """What the file would say; faster than writing it down. Raises ConfigError."""
        document = Document(changed_data(opened.document, changes), opened.document.root)
        return self._loaded(document, [])

    def with_changes(self, opened: Opened, changes: Iterable[Change]) -> Opened:
        """The file as it would be, checked as a whole. Raises ConfigError; its problems are those of the new text."""
        try:
            text = edited(opened.text, changes)
        except ConfigError as error:
            raise ConfigError(str(self._path), error.problems) from None
        return self._opened(text, opened.version)

    @contextlib.contextmanager
    def replacing(self, opened: Opened, text: str) -> Iterator[Replacement]:
        """The new text is on the disk, beside the old file, which it replaces only when it is told to.

        Nobody else who writes through here comes in between. Raises NotWritten, FileChanged.
        """
        target = self._path.resolve()
        try:
            with _alone_in(target.parent):
                raw = target.read_bytes()
                if version_of(raw) != opened.version:
                    raise FileChanged(f"{self.name} was changed meanwhile")
                _tidy(target)
                replacement = Replacement(target, _marked(raw, text))
                try:
                    yield replacement
                finally:
                    replacement.discard()
        except OSError as error:
            raise NotWritten(f"{self.name} cannot be written: {error.strerror}") from None

    def _opened(self, text: str, version: str) -> Opened:
        document, problems = read_text(text, self._path)
        return Opened(text, version, document, parts_of(document.data), self._loaded(document, problems))

    def _loaded(self, document: Document, problems: list[ConfigProblem]) -> Configuration:
        return loaded(
            document,
            problems,
            self._path,
            self._environ,
            variables_required=False,
            known_models=self._known_models,
        )


class Watch:
    """Tells a file that is another one than was taken last, once it is at rest: of what others write in pieces, a half
    may be sound, and say less. What is put in its place from here comes in one step, and counts at once."""

    def __init__(self, file: ConfigurationFile) -> None:
        self._file = file
        self._taken: object = None
        self._seen: object = None
        self._own: object = None

    def changed(self) -> Opened | None:
        """The file, where there is one to take; it is taken then. What others wrote: at the second call that sees it.

        Raises FileUnusable: once for each such file, or every time for one that the system does not give.
        """
        stamp = self._file.stamp()
        if stamp is None or stamp == self._taken:
            return None
        if self._taken is not None and stamp not in (self._seen, self._own):
            self._seen = stamp
            return None
        try:
            opened = self._file.read()
        except FileUnusable as error:
            if not error.may_pass:
                self._taken = stamp
            raise
        self._taken = stamp
        return opened

    def put(self, replacement: Replacement) -> None:
        """It takes the file's place. Raises OSError."""
        replacement.take_its_place()
        self._own = self._file.stamp()


class Replacement:
    """A new file that waits beside the old one. Raises OSError where it cannot be written."""

    def __init__(self, target: Path, content: bytes) -> None:
        self._target = target
        self._waiting = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        self.version = version_of(content)
        before = target.stat()
        try:
            with self._waiting.open("xb") as file:
                with contextlib.suppress(OSError):  # another's file stays theirs where we may give it away
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), before.st_mode & 0o7777)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.discard()
            raise

    def take_its_place(self) -> None:
        """From now on it is the file. Raises OSError."""
        self._waiting.replace(self._target)
        descriptor = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        """Nothing is left of it, unless it took its place."""
        with contextlib.suppress(OSError):
            self._waiting.unlink()


def version_of(raw: bytes) -> str:
    """Another one for every other content."""
    return hashlib.sha256(raw).hexdigest()[:16]


def _marked(before: bytes, text: str) -> bytes:
    return (_MARK + text if before.startswith(_MARK.encode()) else text).encode()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Only one at a time writes in a folder; of those who ask here, also in other processes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    ends_at = time.monotonic() + LOCKED_WITHIN_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends_at:
                raise
            time.sleep(0.02)
        except OSError:
            return  # a network folder may know no locks: the version is compared all the same
        else:
            return


def _tidy(target: Path) -> None:
    """What a process left that was killed while it wrote."""
    for left in target.parent.glob(f".{target.name}.*.part"):
        with contextlib.suppress(OSError):
            left.unlink()
