"""Closer looks: made for the frames of cameras whose rules ask, in their order, and only while there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

import numpy as np
import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import CameraId
from patrol.domain.closer import Look
from patrol.domain.conditions import Seen
from patrol.domain.density import DensityMap
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.frame import Frame
from patrol.domain.rules import Rule, looks_at
from patrol.domain.scene import Scene
from patrol.domain.schedules import EVERY_DAY, TimeWindow
from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId, Zone
from patrol.pipeline.looking_closer import LOOKS_AT_ONCE, LOOKS_PER_S, LookingCloser, Networks, SpareLooks
from patrol.pipeline.looking_finely import FinelyLooking
from tests.builders import CLASSES, at, camera, crowd, people, rule, zone

CURIOUS = RuleId("curious")


@dataclass(frozen=True)
class Curious:
    """Asks for both looks wherever somebody is, and keeps the scenes that it saw."""

    seen: list[Scene]
    looks: frozenset[Look] = frozenset(Look)
    kind: Kind = Kind.CROWD
    labels: frozenset[str] = frozenset({"person"})
    min_confidence: float = 0.3

    def asks_for(self, zone: Zone, at: datetime, detections: Detections, memory: object) -> frozenset[Look]:
        return self.looks if len(detections) else frozenset()

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        self.seen.append(scene)
        return Seen()


class Finer:
    class_names = CLASSES

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [crowd(9) for _ in frames]


@dataclass
class Dense:
    """A DensityEstimator; the first frame of all takes longest."""

    asked: list[CameraId] = field(default_factory=list)

    async def estimate(self, frames: Sequence[Frame]) -> Sequence[DensityMap]:
        self.asked += [frame.camera_id for frame in frames]
        await asyncio.sleep(0.05 if len(self.asked) == 1 else 0)
        return [DensityMap(np.ones((4, 4), np.float32)) for _ in frames]


def frame(seconds: float = 0.0, camera_id: str = "C-1") -> Frame:
    return Frame(CameraId(camera_id), at(seconds), np.zeros((90, 160, 3), np.uint8))


@dataclass
class Stage:
    """``made``: (look, whether it was made) as told."""

    scenes: list[Scene] = field(default_factory=list)
    made: list[tuple[Look, bool]] = field(default_factory=list)
    density: Dense = field(default_factory=Dense)
    room: bool = True

    def looking(self, networks: Networks | None = None, hours: tuple[TimeWindow, ...] = ()) -> LookingCloser:
        curious = rule(id=CURIOUS, condition=Curious(self.scenes), hours=hours)
        return LookingCloser(
            Watcher({CURIOUS: curious}),
            networks or Networks(finer=Finer(), density=self.density),
            has_room=lambda: self.room,
            on_look=lambda look, is_made: self.made.append((look, is_made)),
        )


WATCHED = camera(zones=(zone(rules=(CURIOUS,)),))


def test_a_rule_that_asks_sees_what_came_of_it() -> None:
    stage = Stage()
    asyncio.run(stage.looking().observe(WATCHED, frame(), crowd(1)))
    (scene,) = stage.scenes
    assert scene.finer is not None
    assert (len(scene.detections), len(scene.finer)) == (1, 9)
    assert scene.density is not None
    assert scene.density.total == 16
    assert sorted(stage.made) == [(Look.DENSITY, True), (Look.FINER, True)]


def test_without_a_question_no_network_works() -> None:
    stage = Stage()
    asyncio.run(stage.looking().observe(WATCHED, frame(), people()))
    assert stage.density.asked == []
    assert stage.scenes[0].density is None
    assert stage.made == []


def test_a_rule_that_is_not_in_force_asks_nothing() -> None:
    stage = Stage()
    at_night = TimeWindow(begins=time(1), ends=time(2), days=EVERY_DAY)
    asyncio.run(stage.looking(hours=(at_night,)).observe(WATCHED, frame(), crowd(1)))
    assert stage.density.asked == []


def test_without_room_the_look_is_left_out_and_counted() -> None:
    stage = Stage(room=False)
    asyncio.run(stage.looking().observe(WATCHED, frame(), crowd(1)))
    assert stage.density.asked == []
    assert stage.scenes[0].finer is None
    assert sorted(stage.made) == [(Look.DENSITY, False), (Look.FINER, False)]


def test_what_is_not_installed_is_not_asked_for() -> None:
    stage = Stage()
    asyncio.run(stage.looking(Networks(finer=Finer())).observe(WATCHED, frame(), crowd(1)))
    assert stage.made == [(Look.FINER, True)]
    assert stage.scenes[0].density is None


def test_frames_of_one_camera_keep_their_order_and_do_not_wait_for_other_cameras() -> None:
    stage = Stage()
    looking = stage.looking()
    other = camera("C-2", zones=WATCHED.zones)

    async def run() -> None:
        await asyncio.gather(
            looking.observe(WATCHED, frame(0), crowd(1)),
            looking.observe(WATCHED, frame(1), people()),
            looking.observe(other, frame(2, "C-2"), crowd(1)),
        )

    asyncio.run(run())
    assert [scene.at for scene in stage.scenes] == [at(2), at(0), at(1)]
    assert [scene.density is not None for scene in stage.scenes] == [False, True, False], "one frame's looks at a time"
    assert [is_made for _, is_made in stage.made].count(False) == 2


def test_rules_that_ask_nothing_want_no_network() -> None:
    plain = rule()
    curious: Rule = rule(id=CURIOUS, condition=Curious([]))
    rules = {plain.id: plain, CURIOUS: curious}
    assert looks_at(WATCHED, rules) == frozenset(Look)
    assert looks_at(camera(zones=()), rules) == frozenset()


class Named:
    """A detector whose boxes say who found them: as many as its number."""

    class_names = CLASSES

    def __init__(self, number: int) -> None:
        self.number = number
        self.shown: list[CameraId] = []

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        self.shown += [frame.camera_id for frame in frames]
        return [crowd(self.number) for _ in frames]


def test_cameras_that_are_to_be_looked_at_finely_are_and_no_others() -> None:
    usual, finer = Named(1), Named(2)
    both = FinelyLooking(usual, finer, {CameraId("C-2"), CameraId("C-4")}.__contains__, 0.35)
    found = asyncio.run(both.detect([frame(0, f"C-{n}") for n in range(1, 6)]))
    assert [len(each) for each in found] == [1, 2, 1, 2, 1]
    assert (usual.shown, finer.shown) == (["C-1", "C-3", "C-5"], ["C-2", "C-4"])
    assert both.class_names == CLASSES
    assert len(asyncio.run(both.detect([frame()]))) == 1
    surer = FinelyLooking(usual, finer, lambda _: True, 0.95)
    assert [len(each) for each in asyncio.run(surer.detect([frame()]))] == [0], "unsure boxes only hint at somebody"


def test_closer_looks_are_few_however_many_are_asked_for_and_none_while_the_detector_is_behind() -> None:
    clock, keeps_up = FakeClock(), [True]
    spare = SpareLooks(lambda: keeps_up[0], clock)

    async def asked_for(seconds: int) -> int:
        made = 0
        for _ in range(10 * seconds):
            made += spare()
            await clock.sleep(0.1)
        return made

    assert asyncio.run(asked_for(60)) == pytest.approx(LOOKS_AT_ONCE + 60 * LOOKS_PER_S, abs=1)
    keeps_up[0] = False
    assert asyncio.run(asked_for(60)) == 0
    keeps_up[0] = True
    assert spare()
