"""Confirming: what the detector saw goes through the rules; the tour and the alerts are told what follows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import numpy as np

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import Camera, CameraId
from patrol.domain.clips import AFTER_S, ClipOrder
from patrol.domain.conditions import Seen
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.frame import Frame
from patrol.domain.rules import Rule
from patrol.domain.scene import Scene
from patrol.domain.visits import Asker
from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId, Zone
from patrol.pipeline.confirming import CONFIRMED_AFTER_S, CURIOSITY_S, FOCUS_EVERY_S, SUSPICION_S, Confirming, Sighting
from patrol.pipeline.looking_closer import LookingCloser
from tests.builders import NOON, at, camera, crowd, people, rule, zone
from tests.pipeline.parts import counted, frame_of, fresh_metrics, turns

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


class ToldTour:
    """A tour that writes down what it is told."""

    def __init__(self) -> None:
        self.seen_with: list[tuple[str, int]] = []
        self.dropped_frames: list[Frame] = []
        self.focused: list[tuple[str, float, Asker]] = []

    def seen(self, frame: Frame, people: int) -> None:
        self.seen_with.append((frame.camera_id, people))

    def dropped(self, frame: Frame) -> None:
        self.dropped_frames.append(frame)

    def pin(self, camera_id: CameraId, seconds: float, every_s: float, asker: Asker) -> None:
        assert every_s == FOCUS_EVERY_S
        self.focused.append((camera_id, seconds, asker))


class SlowAlerts:
    """Takes sightings, each only once it may."""

    def __init__(self) -> None:
        self.taken: list[Sighting] = []
        self.may = asyncio.Event()
        self.may.set()

    async def submit(self, sighting: Sighting) -> None:
        await self.may.wait()
        self.taken.append(sighting)


class ToldFilm:
    """A film that writes down which frames it is shown, and of which a rule wants more."""

    def __init__(self) -> None:
        self.in_focus = False
        self.shown: list[tuple[float, bool]] = []

    def see(self, frame: Frame, *, is_wanted: bool) -> bool:
        self.shown.append(((frame.captured_at - NOON).total_seconds(), is_wanted))
        return self.in_focus

    def order(self, order: ClipOrder) -> None:
        raise AssertionError("alerting orders clips")


@dataclass
class ToldWall:
    """A WallSide that writes down what it is shown."""

    shown: list[tuple[Frame, Detections]]

    def see(self, frame: Frame, detections: Detections) -> None:
        self.shown.append((frame, detections))


class Stage:
    def __init__(self, *cameras: Camera, watched_by: Rule | None = None, besides: Rule | None = None) -> None:
        self.tour, self.alerts, self.metrics = ToldTour(), SlowAlerts(), fresh_metrics()
        others = {besides.id: besides} if besides is not None else {}
        watcher = Watcher({RuleId("crowd"): watched_by or rule(for_s=3.0), **others})
        known = self.known = {each.id: each for each in cameras or (camera(),)}
        self.film = ToldFilm()
        rules = LookingCloser(watcher)
        self.on_the_wall: list[tuple[Frame, Detections]] = []
        wall = ToldWall(self.on_the_wall)
        clock = FakeClock(NOON)
        self.confirming = Confirming(known, rules, self.tour, self.alerts, clock, self.metrics, self.film, wall)

    async def sees(self, seconds: float, detections: Detections, camera_id: str = "C-1") -> Frame:
        frame = replace(frame_of(camera_id, at(seconds)), pixels=np.zeros((4, 4, 3), np.uint8))
        await self.confirming.processed(frame, detections)
        return frame


def test_a_crowd_that_holds_is_one_sighting_with_the_frame_that_confirmed_it() -> None:
    async def check() -> None:
        stage = Stage()
        for seconds in range(3):
            await stage.sees(seconds, crowd(5))
        assert stage.alerts.taken == []
        confirming_frame = await stage.sees(3, crowd(5))
        await stage.sees(4, crowd(5))
        (sighting,) = stage.alerts.taken
        assert sighting.frame is confirming_frame
        assert sighting.camera.id == "C-1"
        assert (sighting.event.began_at, sighting.event.confirmed_at) == (at(0), at(3))
        assert len(sighting.detections) == 5
        assert counted(stage.metrics, "patrol_suspicions_total", kind="crowd", ring="core") == 1
        assert counted(stage.metrics, "patrol_events_total", kind="crowd", ring="core") == 1

    asyncio.run(check())


def test_every_frame_counts_as_seen_with_the_people_in_it_wherever_they_stand() -> None:
    async def check() -> None:
        stage = Stage(camera(zones=(zone(polygon=LEFT),)))
        await stage.sees(0, people((0.2, 0.5), (0.9, 0.5)))
        await stage.sees(1, people((0.2, 0.5), label="car"))
        await stage.sees(2, people())
        assert stage.tour.seen_with == [("C-1", 2), ("C-1", 0), ("C-1", 0)]

    asyncio.run(check())


def test_the_wall_is_shown_each_frame_with_what_was_found_in_it() -> None:
    async def check() -> None:
        stage = Stage()
        found = people((0.2, 0.5))
        frame = await stage.sees(0, found)
        assert stage.on_the_wall == [(frame, found)]

    asyncio.run(check())


def test_a_suspicion_asks_for_more_looks_until_it_is_dropped_and_again_when_it_comes_back() -> None:
    async def check() -> None:
        stage = Stage()
        asked = ("C-1", SUSPICION_S, Asker.SUSPICION)
        for seconds, detections in ((0, crowd(3)), (1, crowd(3)), (2, people())):
            await stage.sees(seconds, detections)
        assert stage.tour.focused == [asked]
        await stage.sees(20, people())
        assert stage.tour.focused == [asked, ("C-1", 0.0, Asker.SUSPICION)]
        await stage.sees(30, crowd(4))
        assert stage.tour.focused[2:] == [asked]
        assert stage.alerts.taken == []

    asyncio.run(check())


def test_what_is_confirmed_leaves_its_place_to_others_and_asks_for_the_rest_of_its_clip() -> None:
    async def check() -> None:
        for in_focus in (False, True):
            stage = Stage()
            stage.film.in_focus = in_focus
            await stage.sees(0, crowd(4))
            await stage.sees(3, crowd(4))
            await stage.sees(4, crowd(4))
            clip = [("C-1", AFTER_S, Asker.CLIP)] if in_focus else []
            assert stage.tour.focused == [
                ("C-1", SUSPICION_S, Asker.SUSPICION),
                ("C-1", 0.0, Asker.SUSPICION),
                *clip,
            ]

    asyncio.run(check())


def test_another_rule_that_is_in_doubt_yet_keeps_the_focus() -> None:
    async def check() -> None:
        slow, quick = replace(rule(for_s=9.0), id=RuleId("slow")), rule(for_s=1.0)
        stage = Stage(camera(zones=(zone(rules=(slow.id, quick.id)),)), watched_by=quick, besides=slow)
        for seconds in (0.0, 1.0):
            await stage.sees(seconds, crowd(4))
        assert len(stage.alerts.taken) == 1
        assert [asker for _, seconds, asker in stage.tour.focused if not seconds] == []
        await stage.sees(9.0, crowd(4))
        assert stage.tour.focused[-1] == ("C-1", 0.0, Asker.SUSPICION)

    asyncio.run(check())


@dataclass(frozen=True)
class OnSuspicionOnly:
    """A condition that never holds, and would like a closer look at every frame with somebody in it."""

    kind: Kind = Kind.RUNNING
    labels: frozenset[str] = frozenset({"person"})
    min_confidence: float = 0.3

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        return Seen(is_worth_a_focus=len(scene.detections) > 0)


def test_a_rule_that_could_tell_more_from_a_closer_look_gets_one() -> None:
    async def check() -> None:
        stage = Stage(watched_by=replace(rule(), condition=OnSuspicionOnly()))
        await stage.sees(0, people())
        assert stage.tour.focused == []
        await stage.sees(5, crowd(1))
        assert stage.tour.focused == [("C-1", CURIOSITY_S, Asker.CURIOSITY)]

    asyncio.run(check())


def test_a_focus_lasts_until_a_rule_that_takes_long_can_be_confirmed() -> None:
    async def check() -> None:
        stage = Stage(watched_by=rule(for_s=20.0))
        await stage.sees(0, crowd(5))
        assert stage.tour.focused == [("C-1", 20.0 + CONFIRMED_AFTER_S, Asker.SUSPICION)]

    asyncio.run(check())


def test_a_camera_is_told_seen_before_its_alert_waits_for_a_place() -> None:
    """A store that is away must not make cameras look blind: they were seen."""

    async def check() -> None:
        stage = Stage()
        await stage.sees(0, crowd(3))
        stage.alerts.may.clear()
        waiting = asyncio.create_task(stage.sees(3, crowd(3)))
        await turns()
        assert not waiting.done()
        assert len(stage.tour.seen_with) == 2
        stage.alerts.may.set()
        await waiting
        assert len(stage.alerts.taken) == 1

    asyncio.run(check())


def test_the_film_sees_every_frame_and_which_of_them_a_rule_wants_more_of() -> None:
    async def check() -> None:
        stage = Stage()
        for seconds, detections in ((0, people()), (5, crowd(4)), (6, crowd(4))):
            await stage.sees(seconds, detections)
        assert stage.film.shown == [(0.0, False), (5.0, True), (6.0, False)]

    asyncio.run(check())


def test_a_sighting_knows_whether_a_focus_saw_it() -> None:
    async def check() -> None:
        for in_focus in (False, True):
            stage = Stage()
            await stage.sees(0, crowd(4))
            stage.film.in_focus = in_focus
            await stage.sees(3, crowd(4))
            assert [sighting.in_focus for sighting in stage.alerts.taken] == [in_focus]

    asyncio.run(check())


def test_cameras_keep_their_suspicions_apart() -> None:
    async def check() -> None:
        stage = Stage(camera("C-1"), camera("C-2"))
        for seconds in range(4):
            await stage.sees(seconds, crowd(3), "C-1" if seconds % 2 else "C-2")
        assert stage.alerts.taken == []

    asyncio.run(check())


def test_a_dropped_frame_is_passed_on_to_the_tour() -> None:
    stage = Stage()
    frame = frame_of()
    stage.confirming.dropped(frame)
    assert stage.tour.dropped_frames == [frame]
    assert stage.tour.seen_with == []


def test_a_frame_that_was_taken_before_a_mask_was_drawn_is_masked_all_the_same() -> None:
    async def check() -> None:
        before = camera()
        stage = Stage(before)
        after = replace(before, masks=(LEFT,))
        stage.known[before.id] = after
        stage.confirming.redrawn(before, after)
        frame = replace(frame_of("C-1", at(0)), pixels=np.full((8, 32, 3), 200, np.uint8))
        await stage.confirming.processed(frame, crowd(0))
        ((shown, _),) = stage.on_the_wall
        assert shown.pixels[:, :16].max() == 0
        assert shown.pixels[:, 20:].min() == 200
        assert frame.pixels.min() == 200  # its own buffer stays as it is

    asyncio.run(check())
