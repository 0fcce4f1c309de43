"""Scenes on disk: the same after a restart, and no reason not to start."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from patrol.adapters.scene_file import SceneFile
from patrol.domain.camera import CameraId
from patrol.domain.camera_health import step
from patrol.domain.errors import StoreError
from patrol.domain.health_memory import HealthMemory, Identity
from patrol.domain.looks import look_at
from tests.builders import NOON
from tests.photographs import photograph

BUS = photograph("bus.jpg")


def learned() -> HealthMemory:
    memory = HealthMemory()
    for number in range(8):
        memory = step(memory, look_at(np.roll(BUS, number % 2)), NOON + timedelta(seconds=10 * number)).memory
    return memory


def test_a_scene_is_recognised_after_a_restart(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "var" / "scenes.json"
        await SceneFile(path).save({CameraId("C-1"): learned(), CameraId("C-2"): HealthMemory()})
        loaded = await SceneFile(path).load()
        assert set(loaded) == {"C-1", "C-2"}
        again = step(loaded[CameraId("C-1")], look_at(BUS), NOON)
        assert (again.identity, again.trusted) == (Identity.SAME, True)
        strange = step(loaded[CameraId("C-1")], look_at(np.asarray(BUS[::-1], np.uint8)), NOON)
        assert (strange.identity, strange.trusted) == (Identity.OTHER, False)

    asyncio.run(check())


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"C-1": {"form": "older"}}', b'{"C-1": 3}'])
def test_what_cannot_be_read_is_learned_anew(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "scenes.json"
    path.write_bytes(content)
    assert asyncio.run(SceneFile(path).load()) == {}
    assert "learned anew" in caplog.text


def test_nothing_saved_yet_is_nothing_to_be_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert asyncio.run(SceneFile(tmp_path / "scenes.json").load()) == {}
    assert caplog.text == ""


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file, not a folder")
    with pytest.raises(StoreError, match=r"scenes\.json"):
        asyncio.run(SceneFile(tmp_path / "var" / "scenes.json").save({CameraId("C-1"): replace(HealthMemory())}))
