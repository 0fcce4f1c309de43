"""Glancing: a picture for whoever asks, and never more of a camera than it bears."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.pipeline.glancing import GOOD_FOR_S, MOST_AT_ONCE, MOST_KEPT, Glancing
from tests.builders import NOON, camera
from tests.pipeline.parts import frame_of

CAMERAS = {CameraId(f"C-{number}"): camera(f"C-{number}") for number in range(MOST_KEPT + 8)}


@dataclass
class Source:
    clock: FakeClock
    fails: bool = False
    asked: list[CameraId] = field(default_factory=list)
    now: int = 0
    most: int = 0

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        self.asked.append(camera.id)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.fails:
            raise CaptureError(CaptureFailure.TIMED_OUT)
        return frame_of(camera.id, self.clock.now())


def glancing() -> tuple[Glancing, Source]:
    clock = FakeClock(NOON)
    source = Source(clock)
    return Glancing(CAMERAS, source, lambda frame: frame.camera_id.encode(), clock), source


def test_who_asks_together_or_soon_after_gets_the_same_picture() -> None:
    async def check() -> None:
        desk, source = glancing()
        stills = await asyncio.gather(*(desk.still(CameraId("C-1")) for _ in range(9)))
        source.clock.advance(GOOD_FOR_S - 0.5)
        stills.append(await desk.still(CameraId("C-1")))
        assert {still.jpeg for still in stills} == {b"C-1"}
        assert source.asked == ["C-1"]
        source.clock.advance(1)
        assert (await desk.still(CameraId("C-1"))).captured_at > NOON
        assert source.asked == ["C-1", "C-1"]

    asyncio.run(check())


def test_only_so_many_are_taken_at_once_and_kept() -> None:
    async def check() -> None:
        desk, source = glancing()
        await asyncio.gather(*(desk.still(each) for each in CAMERAS))
        assert source.most == MOST_AT_ONCE
        assert len(desk._kept) == MOST_KEPT

    asyncio.run(check())


def test_a_camera_that_fails_says_so_and_is_asked_again() -> None:
    async def check() -> None:
        desk, source = glancing()
        source.fails = True
        with pytest.raises(CaptureError):
            await desk.still(CameraId("C-1"))
        source.fails = False
        assert (await desk.still(CameraId("C-1"))).jpeg == b"C-1"
        with pytest.raises(KeyError):
            await desk.still(CameraId("nobody"))

    asyncio.run(check())


def test_a_picture_that_other_masks_hid_is_shown_to_nobody() -> None:
    async def check() -> None:
        clock, cameras = FakeClock(NOON), dict(CAMERAS)
        source = Source(clock)
        desk = Glancing(cameras, source, lambda frame: frame.camera_id.encode(), clock)
        before = cameras[CameraId("C-1")]
        after = replace(before, masks=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0)),))
        await desk.still(before.id)
        being_taken = asyncio.ensure_future(desk.still(CameraId("C-2")))
        await asyncio.sleep(0)
        cameras[before.id] = after
        desk.redrawn(before, after)
        cameras[CameraId("C-2")] = replace(cameras[CameraId("C-2")], masks=after.masks)
        await desk.still(before.id)
        assert source.asked == ["C-1", "C-2", "C-1"]
        with pytest.raises(CaptureError):
            await being_taken

    asyncio.run(check())
