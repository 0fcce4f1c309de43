"""The detector rests over idle scenes, and over nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from patrol.domain.burning_map import BurningMap
from patrol.domain.camera import CameraId
from patrol.domain.change import ChangeMemory, ChangeSettings
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.pipeline.resting import RestingDetector
from tests.builders import NOON, crowd
from tests.pipeline.parts import counted, fresh_metrics

YARD, GATE = CameraId("yard"), CameraId("gate")


class Eye:
    """Finds one person wherever a picture is bright in its middle; notes what it was shown."""

    class_names = ("person",)

    def __init__(self) -> None:
        self.shown: list[list[str]] = []
        self.burning: BurningMap | None = None

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        self.shown.append([frame.camera_id for frame in frames])
        found = (crowd(1 if frame.pixels[90, 160, 0] > 200 else 0) for frame in frames)
        return [replace(each, burning=self.burning) for each in found]


def frame(camera_id: CameraId, second: int, *, person: bool = False) -> Frame:
    pixels = np.full((180, 320, 3), 90, np.uint8)
    if person:
        pixels[70:110, 150:170] = 255
    return Frame(camera_id, NOON + timedelta(seconds=second), pixels)


class Post:
    """A resting detector over an eye; ``watched``: cameras that are to be looked at in any case."""

    def __init__(self, look_every: int = 4) -> None:
        self.eye, self.watched, self.metrics = Eye(), set[CameraId](), fresh_metrics()
        memory = ChangeMemory(ChangeSettings(look_every=look_every))
        self.detector = RestingDetector(self.eye, memory, self.watched.__contains__, self.metrics)

    def see(self, *frames: Frame) -> list[int]:
        return [len(found) for found in asyncio.run(self.detector.detect(frames))]


def test_an_idle_scene_is_looked_at_once_in_so_many_visits() -> None:
    post = Post(look_every=4)
    assert [post.see(frame(YARD, second)) for second in range(9)] == [[0]] * 9
    assert post.eye.shown == [["yard"]] * 3, "the first, the fifth and the ninth"
    assert counted(post.metrics, "patrol_idle_test_total", verdict="skipped") == 6
    assert counted(post.metrics, "patrol_idle_test_total", verdict="forced") == 2


def test_who_appears_is_found_in_that_very_picture() -> None:
    post = Post()
    assert [post.see(frame(YARD, second, person=second == 2))[0] for second in range(4)] == [0, 0, 1, 0]


def test_while_somebody_is_there_every_picture_is_looked_at() -> None:
    post = Post()
    for second in range(5):
        assert post.see(frame(YARD, second, person=True)) == [1]
    assert len(post.eye.shown) == 5


def test_a_camera_that_is_watched_is_looked_at_in_any_case() -> None:
    post = Post()
    post.watched.add(YARD)
    for second in range(3):
        post.see(frame(YARD, second), frame(GATE, second))
    assert post.eye.shown == [["yard", "gate"], ["yard"], ["yard"]]


def test_results_stay_with_their_frames_in_a_batch_of_both_kinds() -> None:
    post = Post()
    post.see(frame(YARD, 0), frame(GATE, 0))
    found = asyncio.run(post.detector.detect([frame(YARD, 1), frame(GATE, 1, person=True), frame(YARD, 2)]))
    assert [len(each) for each in found] == [0, 1, 0]
    assert (found[0].width, found[0].height) == (320, 180)
    assert post.eye.shown[-1] == ["gate"]


def test_a_look_that_failed_is_no_look() -> None:
    class Broken(Eye):
        async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
            await super().detect(frames)
            raise RuntimeError("no memory left")

    post = Post()
    broken, whole = Broken(), post.eye
    post.detector._detector = broken
    with pytest.raises(RuntimeError):
        post.see(frame(YARD, 0))
    post.detector._detector = whole
    post.see(frame(YARD, 1))
    assert whole.shown == [["yard"]], "still its first look"


def test_what_was_told_of_fire_stays_until_the_next_look() -> None:
    post = Post(look_every=4)
    maps = BurningMap(np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32))
    post.eye.burning = maps
    seen = [asyncio.run(post.detector.detect([frame(YARD, second)]))[0].burning for second in range(4)]
    assert seen == [maps] * 4
    assert len(post.eye.shown) == 1
    assert asyncio.run(post.detector.detect([frame(GATE, 0)]))[0].burning is maps
