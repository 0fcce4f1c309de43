"""Inspecting: a picture that is not its camera's goes no farther, and what ails a camera is told once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.errors import CaptureFailure, StoreError
from patrol.domain.frame import Frame
from patrol.domain.health_memory import HealthMemory, from_plain, to_plain
from patrol.domain.health_watching import HealthWatcher
from patrol.domain.requests import ViewAcceptance
from patrol.domain.troubles import Trouble
from patrol.pipeline.inspecting import SAVE_EVERY_S, Inspecting
from tests.builders import NOON, camera
from tests.photographs import photograph
from tests.pipeline.parts import counted, fresh_metrics, told_by

Pixels = npt.NDArray[np.uint8]


BUS, ZIDANE = photograph("bus.jpg", (512, 288)), photograph("zidane.jpg", (512, 288))


@dataclass
class Told:
    """Everybody whom inspecting tells something."""

    offered: list[Frame] = field(default_factory=list)
    uncounted: list[str] = field(default_factory=list)
    refused_frames: list[CaptureFailure] = field(default_factory=list)
    troubles: list[tuple[str, Trouble, str]] = field(default_factory=list)
    recovered_from: list[tuple[str, Trouble]] = field(default_factory=list)

    def offer(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        self.offered.append(frame)

    def refuse(self, reason: str) -> None:
        self.uncounted.append(reason)

    def refused(self, frame: Frame, failure: CaptureFailure) -> None:
        self.refused_frames.append(failure)

    def troubled(self, camera: Camera, trouble: Trouble, detail: str, since: datetime) -> None:
        self.troubles.append((camera.id, trouble, detail))

    def recovered(self, camera: Camera, trouble: Trouble, at: datetime) -> None:
        self.recovered_from.append((camera.id, trouble))


class Scenes:
    """A SceneStore in memory that can refuse."""

    def __init__(self, saved: Mapping[CameraId, HealthMemory] | None = None) -> None:
        self.saved = dict(saved or {})
        self.saves = 0
        self.refuses = False

    async def load(self) -> Mapping[CameraId, HealthMemory]:
        return self.saved

    async def save(self, memories: Mapping[CameraId, HealthMemory]) -> None:
        self.saves += 1
        if self.refuses:
            raise StoreError("disk full")
        self.saved = {camera_id: from_plain(to_plain(memory)) for camera_id, memory in memories.items()}


class Bench:
    """Inspecting, with a clock and everybody around it."""

    def __init__(self, *cameras: Camera, scenes: Scenes | None = None) -> None:
        self.told, self.clock, self.metrics = Told(), FakeClock(NOON), fresh_metrics()
        self.scenes = scenes or Scenes()
        self.noise = np.random.default_rng(1)
        self.inspecting = Inspecting(
            {each.id: each for each in cameras},
            HealthWatcher(),
            self.told,
            self.told,
            self.told,
            self.scenes,
            self.clock,
            self.metrics,
        )

    def sees(self, picture: Pixels, camera_id: str = "C-1", times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(10)
            noisy = np.clip(picture + self.noise.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
            self.inspecting.offer(Frame(CameraId(camera_id), self.clock.now(), noisy), RingName.CORE)


def test_pictures_of_the_cameras_own_scene_go_on() -> None:
    bench = Bench(camera("C-1"))
    bench.sees(BUS, times=6)
    assert len(bench.told.offered) == 6
    assert bench.told.troubles == []
    assert (
        counted(bench.metrics, "patrol_stage_duration_seconds_count", stage="inspect", ring="core", level="none") == 6
    )


def test_another_cameras_picture_goes_no_farther_from_the_first_on() -> None:
    bench = Bench(camera("C-1"), camera("C-2"))
    for _ in range(6):
        bench.sees(BUS, "C-1")
        bench.sees(ZIDANE, "C-2")
    known = len(bench.told.offered)
    bench.sees(ZIDANE, "C-1", times=3)
    assert len(bench.told.offered) == known
    assert bench.told.refused_frames == [CaptureFailure.WRONG_PICTURE] * 3
    assert bench.told.uncounted == ["wrong_picture"] * 3
    assert bench.told.troubles == [("C-1", Trouble.WRONG_PICTURE, "C-2")]
    bench.sees(BUS, "C-1", times=3)
    assert len(bench.told.offered) == known + 3
    assert bench.told.recovered_from == [("C-1", Trouble.WRONG_PICTURE)]


def test_an_accepted_view_is_the_cameras_own_from_the_next_picture_on(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(camera("C-1"))
    bench.sees(BUS, times=6)
    bench.sees(ZIDANE, times=12)
    assert bench.told.troubles == [("C-1", Trouble.WRONG_PICTURE, ""), ("C-1", Trouble.MOVED, "")]
    bench.told.offered.clear()
    bench.inspecting.accept_view(ViewAcceptance(CameraId("C-1"), "李明"))
    bench.sees(ZIDANE, times=3)
    assert len(bench.told.offered) == 3
    assert bench.told.recovered_from == [("C-1", Trouble.WRONG_PICTURE), ("C-1", Trouble.MOVED)]
    assert "camera C-1: its view is accepted by 李明" in told_by(caplog)
    bench.sees(BUS)
    assert len(bench.told.offered) == 3, "what it showed before is strange now"


def test_where_there_is_nothing_to_accept_nothing_changes(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(camera("C-1"))
    bench.sees(BUS, times=6)
    for camera_id in ("C-1", "nowhere"):
        bench.inspecting.accept_view(ViewAcceptance(CameraId(camera_id), "李明"))
    assert told_by(caplog) == ["camera C-1: 李明 accepts its view, but it shows no strange one"]
    bench.sees(ZIDANE)
    assert bench.told.refused_frames == [CaptureFailure.WRONG_PICTURE]


@pytest.mark.parametrize(
    ("changes", "trusted"), [({}, False), ({"shared_view": True}, True), ({"simulated": True}, True)]
)
def test_a_first_view_that_another_camera_is_known_by_is_believed_only_where_views_are_shared(
    changes: dict[str, bool], trusted: bool
) -> None:
    bench = Bench(camera("C-1"), camera("C-2", **changes))
    bench.sees(BUS, "C-1", times=6)
    bench.told.offered.clear()
    bench.sees(BUS, "C-2", times=6)
    assert len(bench.told.offered) == (6 if trusted else 0)
    assert bench.told.troubles == ([] if trusted else [("C-2", Trouble.WRONG_PICTURE, "C-1")])


def test_a_recorders_card_is_no_picture() -> None:
    bench = Bench(camera("C-1"))
    bench.sees(BUS, times=6)
    card = np.full_like(BUS, (160, 40, 0))
    for _ in range(3):
        bench.clock.advance(10)
        bench.inspecting.offer(Frame(CameraId("C-1"), bench.clock.now(), card), RingName.CORE)
    assert bench.told.refused_frames == [CaptureFailure.NO_SIGNAL] * 3
    assert ("C-1", Trouble.NO_SIGNAL, "") in bench.told.troubles


def test_a_camera_that_is_visited_in_time_and_sees_nothing_is_told_as_blind_until_it_sees_again() -> None:
    bench = Bench(camera("C-1"), camera("C-2"))
    bench.sees(BUS, times=6)
    assert bench.inspecting.blinded == {}
    bench.sees(np.full_like(BUS, 8), times=6)
    assert bench.inspecting.blinded == {"C-1": Trouble.BLACK}
    assert len(bench.told.offered) == 12, "its pictures count as visits: no age says it"
    bench.sees(BUS, times=6)
    assert bench.inspecting.blinded == {}


def test_a_camera_that_was_blind_is_still_so_after_a_restart() -> None:
    before = Bench(camera("C-1"))
    before.sees(BUS, times=6)
    before.sees(np.full_like(BUS, 8), times=6)
    stopping = asyncio.Event()
    stopping.set()
    asyncio.run(before.inspecting.run(stopping))
    after = Bench(camera("C-1"), scenes=before.scenes)
    asyncio.run(after.inspecting.run(stopping))
    assert after.inspecting.blinded == {"C-1": Trouble.BLACK}


def test_a_drawn_picture_may_stand_still_and_a_cameras_may_not() -> None:
    drawn, real = Bench(camera("C-1", simulated=True)), Bench(camera("C-1"))
    for bench in (drawn, real):
        for _ in range(20):
            bench.clock.advance(10)
            bench.inspecting.offer(Frame(CameraId("C-1"), bench.clock.now(), BUS), RingName.CORE)
    assert drawn.told.troubles == []
    assert real.told.troubles == [("C-1", Trouble.FROZEN, "")]


def test_what_lies_under_a_mask_says_nothing_about_the_scene() -> None:
    half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    bench = Bench(camera("C-1", masks=(half,)))
    for shown in (BUS, ZIDANE) * 4:
        masked = BUS.copy()
        masked[:, :256] = shown[:, :256]
        bench.sees(masked)
    assert bench.told.refused_frames == []


def test_scenes_outlive_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    async def run(bench: Bench, *pictures: Pixels) -> None:
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bench.inspecting.run(stopping))
            await bench.clock.sleep(0.1)
            for picture in pictures:
                bench.sees(picture)
            stopping.set()

    scenes = Scenes()
    asyncio.run(run(Bench(camera("C-1"), scenes=scenes), *[BUS] * 6))
    second = Bench(camera("C-1"), scenes=scenes)
    asyncio.run(run(second, ZIDANE))
    assert second.told.offered == []
    assert second.told.refused_frames == [CaptureFailure.WRONG_PICTURE]


def test_a_camera_that_is_no_longer_configured_is_not_remembered() -> None:
    async def check() -> None:
        scenes = Scenes({CameraId("gone"): HealthMemory()})
        bench = Bench(camera("C-1"), scenes=scenes)
        stopping = asyncio.Event()
        stopping.set()
        await bench.inspecting.run(stopping)
        assert set(scenes.saved) == {"C-1"}

    asyncio.run(check())


def test_a_full_disk_is_said_and_the_inspection_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        scenes = Scenes()
        scenes.refuses = True
        bench = Bench(camera("C-1"), scenes=scenes)
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bench.inspecting.run(stopping))
            await bench.clock.sleep(2.5 * SAVE_EVERY_S)
            stopping.set()
        assert scenes.saves == 3
        assert counted(bench.metrics, "patrol_stage_errors_total", stage="inspect") == 3
        assert any("disk full" in line for line in told_by(caplog))

    asyncio.run(check())


def test_the_time_between_looks_is_the_pictures_own() -> None:
    bench = Bench(camera("C-1"))
    bench.sees(BUS, times=4)
    black = Frame(CameraId("C-1"), bench.clock.now() + timedelta(seconds=5), np.zeros_like(BUS))
    bench.inspecting.offer(black, RingName.CORE)
    assert bench.told.troubles == []  # one dark moment is no trouble
