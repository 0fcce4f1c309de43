"""Why a disk or a database refused, in the closed words of the domain."""

from __future__ import annotations

import errno

from patrol.domain.errors import StoreFailure

_OF_ERRNO = {
    errno.ENOSPC: StoreFailure.DISK_FULL,
    errno.EDQUOT: StoreFailure.DISK_FULL,
    errno.EFBIG: StoreFailure.DISK_FULL,
    errno.EROFS: StoreFailure.READ_ONLY,
    errno.EACCES: StoreFailure.READ_ONLY,
    errno.EPERM: StoreFailure.READ_ONLY,
    errno.EIO: StoreFailure.AWAY,
    errno.ENOENT: StoreFailure.AWAY,
    errno.ESTALE: StoreFailure.AWAY,
    errno.ENODEV: StoreFailure.AWAY,
    errno.ENXIO: StoreFailure.AWAY,
    errno.ENOTCONN: StoreFailure.AWAY,
}
# By the beginning of SQLite's own name of an error: extended codes go on after it.
_OF_SQLITE = {
    "SQLITE_FULL": StoreFailure.DISK_FULL,
    "SQLITE_BUSY": StoreFailure.BUSY,
    "SQLITE_LOCKED": StoreFailure.BUSY,
    "SQLITE_READONLY": StoreFailure.READ_ONLY,
    "SQLITE_PERM": StoreFailure.READ_ONLY,
    "SQLITE_IOERR": StoreFailure.AWAY,
    "SQLITE_CANTOPEN": StoreFailure.AWAY,
    "SQLITE_CONSTRAINT": StoreFailure.CONFLICT,
    "SQLITE_CORRUPT": StoreFailure.DAMAGED,
    "SQLITE_NOTADB": StoreFailure.DAMAGED,
}


def of_os(error: OSError) -> StoreFailure:
    """Why the operating system refused."""
    return _OF_ERRNO.get(error.errno or 0, StoreFailure.OTHER)


def of_sqlite(error: BaseException | None) -> StoreFailure:
    """Why SQLite refused, by the error of Python's driver."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return next((why for begins, why in _OF_SQLITE.items() if name.startswith(begins)), StoreFailure.OTHER)
