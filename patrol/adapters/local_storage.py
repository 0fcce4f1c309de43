"""What the room is told of this machine's disk: looked at where the room is shown, whichever process writes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from patrol.adapters.disk_spool import kept_in
from patrol.domain.storage import StorageStatus


class LocalStorage:
    """StorageWatch of one machine. ``spool``: the folder in which alerts wait for the store."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool

    async def status(self) -> StorageStatus:
        """See StorageWatch."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> StorageStatus:
        return StorageStatus(kept=kept_in(self._spool))
