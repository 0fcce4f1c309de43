"""What each camera's scene looks like, in one file."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from patrol.adapters.durable_files import write_durably
from patrol.domain.camera import CameraId
from patrol.domain.errors import StoreError
from patrol.domain.health_memory import HealthMemory, from_plain, to_plain

_log = logging.getLogger(__name__)


class SceneFile:
    """SceneStore in a JSON file. What cannot be read is learned anew: it only takes some visits."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> Mapping[CameraId, HealthMemory]:
        """See SceneStore."""
        return await asyncio.to_thread(self._read)

    async def save(self, memories: Mapping[CameraId, HealthMemory]) -> None:
        """See SceneStore."""
        try:
            await asyncio.to_thread(self._write, memories)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from None

    def _read(self) -> Mapping[CameraId, HealthMemory]:
        try:
            plain = json.loads(self._path.read_bytes())
            return {CameraId(camera_id): from_plain(memory) for camera_id, memory in plain.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            _log.warning("%s cannot be read, all scenes are learned anew: %s", self._path, error)
            return {}

    def _write(self, memories: Mapping[CameraId, HealthMemory]) -> None:
        plain = {camera_id: to_plain(memory) for camera_id, memory in memories.items()}
        write_durably(self._path, json.dumps(plain).encode())
