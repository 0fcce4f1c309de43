"""The tour's side of the wall, in memory: stills of whatever somebody has in sight, each as often as its ring asks."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime

import cv2
import numpy as np

from patrol.adapters.clock import SystemClock
from patrol.domain.camera import Camera, CameraId
from patrol.domain.wall import StillBox, WallStill, Wishes

from .fake_room import FakeRoom, draw_scene

WIDTH, HEIGHT = 320, 180
SCENES = 24
BOX = StillBox(0.25, 0.3, 0.4, 0.8, "person", 0.9)


def jpeg_of(seed: int, people: int = 3) -> bytes:
    """A street at night, as small as the tour sends it."""
    scene = cv2.imdecode(np.frombuffer(draw_scene(seed, people), np.uint8), cv2.IMREAD_COLOR)
    assert scene is not None
    done, jpeg = cv2.imencode(".jpg", cv2.resize(scene, (WIDTH, HEIGHT)), [cv2.IMWRITE_JPEG_QUALITY, 75])
    assert done
    return bytes(jpeg.tobytes())


def still_of(camera_id: str, at: datetime, jpeg: bytes, boxes: tuple[StillBox, ...] = (BOX,)) -> WallStill:
    """What a visit at that time brought."""
    return WallStill(CameraId(camera_id), at, WIDTH, HEIGHT, boxes, jpeg)


async def tour_the_wall(room: FakeRoom, stopping: asyncio.Event, seed: int = 476) -> None:
    """Show stills of what is wished for until ``stopping``: each camera somewhat sooner than its bound ends."""
    dice, clock, wishes = random.Random(seed), SystemClock(), Wishes()
    pictures = [jpeg_of(number, number % 6) for number in range(SCENES)]
    next_at = {camera.id: clock.monotonic() + dice.random() * camera.revisit_bound_s for camera in room.cameras}
    async with room.wall.wishes() as heard:
        while not stopping.is_set():
            told = await heard.next(0.02)
            if told is not None:
                wishes.hear(told, clock.monotonic())
            for camera in room.cameras:
                if next_at[camera.id] > clock.monotonic() or camera.id in room.skips or camera.id in room.dead:
                    continue
                next_at[camera.id] += 0.8 * camera.revisit_bound_s
                if wishes.holds(camera.id, clock.monotonic()):
                    await room.wall.show(_visit(camera, room.now(), pictures, dice))


def _visit(camera: Camera, at: datetime, pictures: list[bytes], dice: random.Random) -> WallStill:
    number = dice.randrange(SCENES)
    boxes = tuple(
        StillBox(x := dice.uniform(0.05, 0.8), y := dice.uniform(0.3, 0.6), x + 0.06, y + 0.3, "person", 0.8)
        for _ in range(number % 6)
    )
    return still_of(camera.id, at, pictures[number], boxes)
