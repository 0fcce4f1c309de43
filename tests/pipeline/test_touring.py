"""Touring: healthy cameras are seen in time, whatever the others do, and a stop is a stop."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import numpy as np
import pytest

from patrol.adapters.memory import FakeClock, MemoryTourReports, MemoryTourRequests
from patrol.domain.camera import Camera, CameraId, RingName, StreamAddress
from patrol.domain.camera_history import VisitEnd
from patrol.domain.detections import Detections
from patrol.domain.errors import CaptureError, CaptureFailure, QueueError
from patrol.domain.frame import Frame
from patrol.domain.pins import Pin
from patrol.domain.requests import LiveSession, ViewAcceptance
from patrol.domain.room import TourStatus
from patrol.domain.skips import Skip
from patrol.domain.tour import Tour
from patrol.domain.troubles import Trouble
from patrol.domain.visits import Asker, TourSettings
from patrol.metrics import Metrics
from patrol.pipeline.detecting import Detecting
from patrol.pipeline.touring import TourBook, Touring, VisitRate
from patrol.ports import Clock
from tests.builders import CLASSES, NOON, camera, ring
from tests.pipeline.parts import counted, fresh_metrics, told_by, turns

RINGS = {
    RingName.CORE: ring(RingName.CORE, revisit_bound_s=5.0),
    RingName.PERIPHERY: ring(RingName.PERIPHERY, revisit_bound_s=15.0),
    RingName.FAR: ring(RingName.FAR, revisit_bound_s=30.0),
}
PIXELS = np.zeros((2, 2, 3), np.uint8)

Look = Callable[[Camera, float], Awaitable[None]]
"""How long a camera takes to answer and whether it does."""


@dataclass
class FakeCameras:
    """Cameras that answer in ``takes_s``, except those with a look of their own. Counts visits at the same time."""

    clock: FakeClock
    takes_s: float = 0.2
    looks: dict[str, Look] = field(default_factory=dict)
    under_way: int = 0
    most_under_way: int = 0
    visits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    twice_at_once: list[str] = field(default_factory=list)
    _busy: set[str] = field(default_factory=set)

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.visits[camera.id].append(self.clock.monotonic())
        if camera.id in self._busy:
            self.twice_at_once.append(camera.id)
        self._busy.add(camera.id)
        try:
            await self.looks.get(camera.id, self._look)(camera, deadline_s)
            return Frame(camera.id, self.clock.now(), PIXELS)
        finally:
            self.under_way -= 1
            self._busy.discard(camera.id)

    async def _look(self, _camera: Camera, _deadline_s: float) -> None:
        await self.clock.sleep(self.takes_s)

    async def silent(self, _camera: Camera, deadline_s: float) -> None:
        """A network that swallows everything: the visit holds its slot for the whole deadline."""
        await self.clock.sleep(deadline_s)
        raise CaptureError(CaptureFailure.TIMED_OUT)

    async def refusing(self, _camera: Camera, _deadline_s: float) -> None:
        await self.clock.sleep(0.01)
        raise CaptureError(CaptureFailure.REFUSED, "ECONNREFUSED of rtsp://admin:S3cret@10.0.0.1/live")


class QuickDetector:
    def __init__(self, clock: Clock, takes_s: float) -> None:
        self.class_names = CLASSES
        self._clock = clock
        self._takes_s = takes_s

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        await self._clock.sleep(self._takes_s * len(frames))
        return [Detections.none(2, 2, CLASSES) for _ in frames]


class SeenAndDropped:
    """What the confirming stage tells the tour, without rules."""

    def __init__(self, book: TourBook) -> None:
        self._book = book
        self.seen_at: dict[str, list[float]] = defaultdict(list)

    async def processed(self, frame: Frame, detections: Detections) -> None:
        self.seen_at[frame.camera_id].append((frame.captured_at - NOON).total_seconds())
        self._book.seen(frame, people=len(detections))

    def dropped(self, frame: Frame) -> None:
        self._book.dropped(frame)


class NoReview:
    capacity_per_s: float | None = 48.0
    needed_per_s: float | None = 33.0
    reviews = 0

    def review(self, visits: int) -> None:
        """Nothing is reviewed here: see test_reviewing."""
        self.reviews += 1


class NoSessions:
    """Nothing is kept open here, and nothing waited for."""

    kept_open: frozenset[CameraId] = frozenset()
    passing: frozenset[CameraId] = frozenset()

    def longest_wait_s(self, camera_id: CameraId) -> float:
        return 0.0

    def __init__(self) -> None:
        self.held: list[tuple[CameraId, float]] = []

    def hold(self, camera_id: CameraId, seconds: float) -> None:
        self.held.append((camera_id, seconds))


class Frames:
    """Every picture is its camera's own, and goes to the detector."""

    def __init__(self, detecting: Detecting) -> None:
        self.offer = detecting.offer
        self.accepted: list[ViewAcceptance] = []
        self.blinded: dict[CameraId, Trouble] = {}

    def accept_view(self, acceptance: ViewAcceptance) -> None:
        self.accepted.append(acceptance)


class Station:
    """A tour with its detector on a clock that runs on by itself."""

    def __init__(
        self, cameras: Sequence[Camera], settings: TourSettings, *, takes_s: float = 0.2, detect_s: float = 0.01
    ) -> None:
        self.clock = FakeClock(NOON)
        self.metrics: Metrics = fresh_metrics()
        self.cameras = cameras
        self.source = FakeCameras(self.clock, takes_s)
        self.tour = Tour(cameras, settings, self.clock.monotonic(), Random(1).random)
        self.sessions = NoSessions()
        self.book = TourBook(self.tour, RINGS, self.sessions, self.clock, self.metrics)
        self.fates = SeenAndDropped(self.book)
        self.detecting = Detecting(
            QuickDetector(self.clock, detect_s), self.clock, self.metrics, self.fates, batch=8, close_after_s=0.02
        )
        self.reports = MemoryTourReports()
        self.requests = MemoryTourRequests()
        self.frames = Frames(self.detecting)
        self.review = NoReview()
        self.touring = Touring(
            self.book, self.source, self.frames, self.detecting, self.review, self.reports, self.requests, self.clock
        )

    async def run_for(self, seconds: float) -> float:
        """Tour for so long; returns how long the stop took."""
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.touring.run(stopping))
            tasks.create_task(self.detecting.run())
            tasks.create_task(self.touring.run_reports(stopping))
            await self.clock.sleep(seconds)
            stopping.set()
            stopped_at = self.clock.monotonic()
        return self.clock.monotonic() - stopped_at

    def worst_gap_s(self, camera_id: str, after_s: float = 0.0) -> float:
        times = [0.0, *self.fates.seen_at[camera_id]]
        return max((b - a for a, b in itertools.pairwise(times) if b > after_s), default=float("inf"))


def ring_cameras(core: int, periphery: int = 0, far: int = 0) -> list[Camera]:
    counts = {RingName.CORE: core, RingName.PERIPHERY: periphery, RingName.FAR: far}
    return [
        camera(f"{name.value}-{number}", ring=name, revisit_bound_s=RINGS[name].revisit_bound_s, zones=())
        for name, count in counts.items()
        for number in range(count)
    ]


def test_the_tour_says_which_cameras_are_blind_though_they_are_visited() -> None:
    station = Station(ring_cameras(2), TourSettings())
    station.frames.blinded[CameraId("core-1")] = Trouble.COVERED
    told = {status.id: status.blinded for status in station.touring.status().cameras}
    assert told == {"core-0": None, "core-1": Trouble.COVERED}


def test_every_camera_is_seen_within_its_bound_and_never_twice_at_once() -> None:
    async def check() -> None:
        station = Station(ring_cameras(6, 10, 12), TourSettings(workers=4))
        await station.run_for(120)
        for each in station.cameras:
            assert station.worst_gap_s(each.id) <= each.revisit_bound_s, each.id
        assert station.source.twice_at_once == []
        assert station.source.most_under_way <= 4
        counts = station.detecting.counts
        assert counts.captured == counts.processed + counts.dropped
        assert sum(map(len, station.fates.seen_at.values())) == counts.processed

    asyncio.run(check())


@pytest.mark.long
@pytest.mark.parametrize("how", ["silent", "refusing"])
def test_a_dead_network_segment_never_makes_a_healthy_camera_late(how: str) -> None:
    """A third of all cameras swallow every visit until its deadline, as a dead switch does."""

    async def check() -> None:
        station = Station(ring_cameras(9, 15, 15), TourSettings(workers=8, visit_deadline_s=10.0))
        dead = [each for each in station.cameras if int(each.id.rpartition("-")[2]) % 3 == 0]
        station.source.looks = {each.id: getattr(station.source, how) for each in dead}
        await station.run_for(150)
        for each in station.cameras:
            if each not in dead:
                # The first failures of all at once may cost a moment; from then on every bound holds.
                assert station.worst_gap_s(each.id, after_s=40) <= each.revisit_bound_s, each.id
        for each in dead:
            assert len(station.source.visits[each.id]) >= 2  # tried again, at a distance
            assert station.fates.seen_at[each.id] == []
        status = station.touring.status()
        assert {found.id for found in status.cameras if found.failing} == {each.id for each in dead}

    asyncio.run(check())


def test_what_happened_to_each_camera_is_remembered_span_by_span() -> None:
    async def check() -> None:
        station = Station(ring_cameras(2), TourSettings())
        station.source.looks = {"core-1": station.source.refusing}
        await station.run_for(31)
        seen, failing = (station.book.record(each.id) for each in station.cameras)
        assert seen is not None
        assert failing is not None
        assert station.book.record(CameraId("none")) is None
        assert seen.visits[1].end is VisitEnd.SEEN
        assert seen.visits[1].people == 0
        assert len(seen.visits) == len(station.source.visits["core-0"])
        assert {visit.failure for visit in failing.visits} == {CaptureFailure.REFUSED}
        assert failing.visits[0].seconds == pytest.approx(0.01)
        assert [(each.detail, each.count) for each in failing.errors] == [("ECONNREFUSED of …", len(failing.visits))]
        assert seen.errors == ()
        kept, missed = station.book.end_span(NOON)
        assert (kept.visits, kept.failures) == (len(seen.visits), {})
        assert kept.blind_age_s == pytest.approx(station.worst_gap_s("core-0"), abs=0.01)
        assert missed.failures == {CaptureFailure.REFUSED: len(station.source.visits["core-1"])}
        assert missed.blind_age_s > 30
        assert [each.visits for each in station.book.end_span(NOON)] == [0, 0]

    asyncio.run(check())


def test_slow_cameras_cost_only_themselves() -> None:
    async def check() -> None:
        station = Station(ring_cameras(8, 8), TourSettings(workers=8))

        async def slowly(_camera: Camera, _deadline_s: float) -> None:
            await station.clock.sleep(4.0)

        slow = [f"periphery-{number}" for number in range(4)]
        station.source.looks = dict.fromkeys(slow, slowly)
        await station.run_for(120)
        for each in station.cameras:
            if each.id not in slow:
                assert station.worst_gap_s(each.id) <= each.revisit_bound_s, each.id
        assert all(station.fates.seen_at[camera_id] for camera_id in slow)

    asyncio.run(check())


def test_a_camera_that_comes_back_is_seen_again_and_no_longer_called_failing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        station = Station(ring_cameras(3), TourSettings(workers=2, backoff_cap_s=4.0))
        back_at = 60.0

        async def away_at_first(_camera: Camera, _deadline_s: float) -> None:
            await station.clock.sleep(0.1)
            if station.clock.monotonic() < back_at:
                raise CaptureError(CaptureFailure.UNREACHABLE)

        station.source.looks = {"core-0": away_at_first}
        await station.run_for(90)
        first_seen = station.fates.seen_at["core-0"][0]
        assert back_at <= first_seen <= back_at + 8
        assert station.touring.status().rings[0].failing == 0
        failures = counted(
            station.metrics, "patrol_visit_failures_total", ring="core", failure=CaptureFailure.UNREACHABLE.value
        )
        assert failures == sum(began + 0.1 < back_at for began in station.source.visits["core-0"])

    caplog.set_level("INFO", "patrol")
    asyncio.run(check())
    told = told_by(caplog)
    assert told == ["camera core-0 cannot be seen: unreachable", "camera core-0 is back"]  # changes only, no retries


def test_a_stop_waits_a_moment_for_visits_under_way_and_no_longer() -> None:
    async def check() -> None:
        station = Station(ring_cameras(4, 4), TourSettings(workers=8, visit_deadline_s=30.0), takes_s=0.5)
        station.source.looks = {"core-0": station.source.silent, "core-1": station.source.silent}
        took_s = await station.run_for(20)
        assert took_s <= 2.0
        assert station.source.under_way == 0
        counts = station.detecting.counts
        assert counts.captured == counts.processed + counts.dropped

    asyncio.run(check())


def test_a_stop_comes_through_also_while_every_slot_is_held_by_a_silent_camera() -> None:
    async def check() -> None:
        station = Station(ring_cameras(6), TourSettings(workers=3, visit_deadline_s=600.0))
        station.source.looks = {each.id: station.source.silent for each in station.cameras}
        took_s = await station.run_for(30)
        assert station.source.most_under_way == 4  # three that are due, one more try
        assert took_s <= 2.0

    asyncio.run(check())


@pytest.mark.long
def test_slots_are_given_back_by_visits_that_fail() -> None:
    async def check() -> None:
        station = Station(ring_cameras(5), TourSettings(workers=1, visit_deadline_s=1.0, backoff_cap_s=2.0))
        station.source.looks = {"core-0": station.source.silent, "core-1": station.source.refusing}
        await station.run_for(60)
        assert all(station.fates.seen_at[f"core-{number}"] for number in (2, 3, 4))
        assert len(station.source.visits["core-0"]) > 3

    asyncio.run(check())


def test_visits_rest_while_too_many_frames_wait_for_the_detector() -> None:
    async def check() -> None:
        station = Station(ring_cameras(200), TourSettings(workers=32), takes_s=0.01, detect_s=0.2)
        most_waiting = 0

        async def look() -> None:
            nonlocal most_waiting
            for _ in range(300):
                most_waiting = max(most_waiting, station.detecting.waiting)
                await station.clock.sleep(0.1)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look())
            tasks.create_task(station.run_for(30))
        assert 30 <= most_waiting <= 64 + 32  # the limit and what was under way when it was reached
        assert station.touring.status().stretch > 1.5  # and it is said that the bounds do not hold

    asyncio.run(check())


def test_the_report_says_what_happened_and_a_queue_that_is_away_does_not_stop_the_tour() -> None:
    class Away(MemoryTourReports):
        tried = 0

        async def report(self, status: TourStatus) -> None:
            self.tried += 1
            if self.tried % 2:
                raise QueueError("away")
            await super().report(status)

    async def check() -> None:
        station = Station(ring_cameras(2, 1, 1), TourSettings(workers=2))
        station.touring._reports = reports = Away()
        await station.run_for(40)
        assert reports.tried >= 39
        status = await reports.latest()
        assert status is not None
        assert {found.name: found.cameras for found in status.rings} == {
            RingName.CORE: 2,
            RingName.PERIPHERY: 1,
            RingName.FAR: 1,
        }
        assert status.stretch == 1.0
        assert 0.3 < status.visits_per_s < 1.2
        assert set(status.recent) <= {each.id for each in station.cameras}
        assert status.frames_captured >= status.frames_processed + status.frames_dropped
        for name, bound_s in (("core", 5.0), ("periphery", 15.0), ("far", 30.0)):
            assert counted(station.metrics, "patrol_revisit_bound_seconds", ring=name) == bound_s
            assert 0 < counted(station.metrics, "patrol_blind_age_seconds", ring=name, stat="max") <= bound_s
        visits = sum(counted(station.metrics, "patrol_visits_total", ring=name.value) for name in RingName)
        assert visits == station.detecting.counts.captured

    asyncio.run(check())


def test_a_queue_that_swallows_packets_holds_up_neither_the_review_nor_the_stop() -> None:
    async def check() -> None:
        station = Station(ring_cameras(2, 1, 1), TourSettings(workers=2))

        class BlackHole(MemoryTourReports, MemoryTourRequests):
            tried = 0

            async def report(self, status: TourStatus) -> None:
                self.tried += 1
                await station.clock.sleep(15.2)  # three tries of five seconds
                raise QueueError("timed out")

            async def take(self) -> Sequence[Pin]:
                await station.clock.sleep(15.2)
                raise QueueError("timed out")

        station.touring._reports = station.touring._requests = hole = BlackHole()
        took_s = await station.run_for(100)
        assert station.review.reviews >= 99
        assert hole.tried == 4
        assert took_s <= 1.0

    asyncio.run(check())


def test_seconds_in_which_all_bounds_were_stretched_are_counted() -> None:
    station = Station(ring_cameras(1), TourSettings())  # nobody looks at it: it is late after 5 s
    found = []
    for _ in range(4):
        station.touring.status()
        found.append(counted(station.metrics, "patrol_tour_stretched_seconds_total"))
        station.clock.advance(2.0)
    station.touring.status()
    found.append(counted(station.metrics, "patrol_tour_stretched_seconds_total"))
    assert found == [0.0, 0.0, 0.0, 2.0, 4.0]


def test_a_suspicion_brings_more_looks_in_spare_capacity() -> None:
    async def check() -> None:
        station = Station(ring_cameras(0, 0, 3), TourSettings(workers=2))
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(station.touring.run(stopping))
            tasks.create_task(station.detecting.run())
            await station.clock.sleep(60)
            station.book.pin(CameraId("far-1"), 10.0, 1.0, Asker.SUSPICION)
            await station.clock.sleep(12)
            stopping.set()
        looks = [seconds for seconds in station.source.visits["far-1"] if seconds > 60]
        assert 8 <= len(looks) <= 12
        assert station.sessions.held == [("far-1", 10.0)]
        assert counted(station.metrics, "patrol_focus_visits_total") >= len(looks) - 1

    asyncio.run(check())


@pytest.mark.long
def test_looks_for_focus_never_make_the_pictures_of_those_who_are_due_wait() -> None:
    """All cameras are in focus; the detector does 22 frames a second, and the bounds ask for 9 of them."""

    async def check() -> None:
        station = Station(ring_cameras(0, 120), TourSettings(workers=256), takes_s=0.05, detect_s=0.09)
        waited: list[float] = []
        focused = 0

        async def look() -> None:
            nonlocal focused
            await station.clock.sleep(20)
            station.tour.set_spare(26.0, station.clock.monotonic())  # twice what there is
            for each in station.cameras:
                station.book.pin(each.id, 60.0, 0.7, Asker.SUSPICION)
                await station.clock.sleep(0.05)
            for _ in range(340):
                waited.append(station.detecting._frames.oldest_age_s())
                await station.clock.sleep(0.1)
            focused = int(counted(station.metrics, "patrol_focus_visits_total"))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look())
            tasks.create_task(station.run_for(62))
        assert focused > 200, "what there is to spare is spent"
        assert max(waited) < 2.0, "and nobody waits for longer than two batches take"

    asyncio.run(check())


def test_a_wall_clock_that_jumps_never_makes_a_gap_below_zero() -> None:
    station = Station(ring_cameras(1), TourSettings())
    station.clock.advance(3)
    for hours in (-1, 1):  # as a clock set while the picture was on its way
        station.book.seen(Frame(CameraId("core-0"), station.clock.now() + timedelta(hours=hours), PIXELS), 0)
    assert counted(station.metrics, "patrol_gap_seconds_sum", ring="core") >= 0


def test_the_rate_of_visits_is_that_of_the_last_reports() -> None:
    rate = VisitRate()
    assert rate.update(0.0, 0) == 0.0
    assert rate.update(1.0, 30) == 30.0
    found = [rate.update(1.0 + second, 30 + 10 * second) for second in range(1, 20)]
    assert found[-1] == 10.0


@pytest.mark.long
def test_with_healthy_cameras_only_no_slot_is_kept_back() -> None:
    async def check() -> None:
        station = Station(ring_cameras(32), replace(TourSettings(), workers=8), takes_s=1.0)
        await station.run_for(30)
        assert station.source.most_under_way == 8

    asyncio.run(check())


def test_what_no_frame_source_may_raise_stops_the_tour_instead_of_blinding_one_camera_quietly() -> None:
    async def check() -> None:
        station = Station(ring_cameras(2), TourSettings(workers=2))

        async def buggy(_camera: Camera, _deadline_s: float) -> None:
            await turns(1)
            raise ZeroDivisionError

        station.source.looks = {"core-0": buggy}
        with pytest.raises(ExceptionGroup) as caught:
            await station.run_for(30)
        assert caught.group_contains(ZeroDivisionError, depth=2)

    asyncio.run(check())


def test_a_session_that_was_closed_without_its_hosts_word_is_counted_and_takes_a_slot() -> None:
    async def check() -> None:
        cameras = [replace(each, stream=StreamAddress(f"rtsp://recorder/{each.id}")) for each in ring_cameras(8)]
        station = Station(cameras, TourSettings(sessions_per_host=3), takes_s=0.4)

        async def unconfirmed(found: Camera, _deadline_s: float) -> None:
            await station.clock.sleep(0.4)
            if not station.source.visits["core-1"][1:]:
                station.book.unconfirmed(found, 60.0)

        station.source.looks = {"core-1": unconfirmed}
        await station.run_for(10)
        station.source.most_under_way = 0
        await station.run_for(40)
        assert station.source.most_under_way == 2
        assert counted(station.metrics, "patrol_sessions_unconfirmed_total", ring="core") == 1

    asyncio.run(check())


def test_an_operators_pin_is_looked_at_every_second_and_shown_until_it_is_over() -> None:
    async def check() -> None:
        station = Station(ring_cameras(0, 0, 3), TourSettings(workers=4))
        await station.requests.ask(Pin(CameraId("far-1"), 10.0, 1.0, "seat-1"))
        await station.requests.ask(Pin(CameraId("nowhere"), 10.0, 1.0, "seat-1"))
        await station.run_for(8)
        status = await station.reports.latest()
        assert status is not None
        assert status.pinned is not None
        assert [(each.id, each.operator) for each in status.pinned] == [("far-1", "seat-1")]
        assert len(station.source.visits["far-1"]) >= 6
        assert (status.capacity_per_s, status.needed_per_s) == (48.0, 33.0)

    asyncio.run(check())


def test_a_skip_is_told_until_it_is_over_and_ends_an_operators_pin_and_a_pin_ends_it() -> None:
    async def check() -> None:
        station = Station(ring_cameras(3), TourSettings(workers=4))
        core = CameraId("core-1")
        skip = Skip(core, 300.0, "李明", "正在检修")
        await station.requests.ask(Pin(core, 600.0, 1.0, "seat-1"))
        await station.run_for(4)
        status = station.touring.status()
        assert status.pinned is not None
        assert [(each.id, each.is_hold) for each in status.pinned] == [(core, True)]
        for request in (Skip(CameraId("nowhere"), 60.0, "x", "y"), skip):
            await station.requests.ask(request)
        await station.run_for(30)
        status = station.touring.status()
        assert status.skipped is not None
        assert [(each.id, each.operator, each.reason) for each in status.skipped] == [(core, "李明", "正在检修")]
        assert status.pinned == ()
        assert counted(station.metrics, "patrol_cameras_skipped", ring="core") == 1
        quiet = station.source.visits[core][-1]
        assert quiet < 8
        await station.requests.ask(Pin(core, 60.0, 1.0, "seat-2"))
        await station.run_for(5)
        assert station.touring.status().skipped == ()
        assert station.source.visits[core][-1] > quiet + 20
        await station.requests.ask(skip)
        await station.run_for(2)
        station.clock.advance(300)
        assert station.touring.status().skipped == ()
        assert counted(station.metrics, "patrol_cameras_skipped", ring="core") == 0

    asyncio.run(check())


def test_a_pin_for_more_than_key_frames_has_the_camera_held_and_a_slow_one_does_not() -> None:
    async def check() -> None:
        station = Station(ring_cameras(0, 0, 3), TourSettings(workers=4))
        await station.requests.ask(Pin(CameraId("far-1"), 10.0, 1.0, "seat-1"))
        await station.requests.ask(Pin(CameraId("far-2"), 10.0, 5.0, "seat-1"))
        await station.run_for(3)
        assert station.sessions.held == [("far-1", 10.0), ("far-2", 0.0)]

    asyncio.run(check())


def test_a_camera_is_held_for_as_long_as_anybody_asks_for_it_and_let_go_at_once_after() -> None:
    async def check() -> None:
        station = Station(ring_cameras(0, 0, 1), TourSettings())
        far = CameraId("far-0")
        station.book.pin(far, 10.0, 0.25, Asker.SUSPICION)
        station.book.pinned(Pin(far, 4.0, 1.0, "seat-1"))
        station.book.pin(far, 0.0, 0.25, Asker.SUSPICION)
        station.book.pinned(Pin(far, 0.0, 1.0, "seat-1"))
        assert station.sessions.held == [(far, 10.0), (far, 10.0), (far, 4.0), (far, 0.0)]

    asyncio.run(check())


def test_a_session_that_a_live_view_takes_is_left_to_its_host_but_never_the_last() -> None:
    async def check() -> None:
        cameras = [replace(each, stream=StreamAddress(f"rtsp://10.0.0.1/{each.id}")) for each in ring_cameras(0, 0, 3)]
        station = Station(cameras, TourSettings(sessions_per_host=2))
        host = station.tour._standings[cameras[0].id].host
        for camera_id in (cameras[0].id, cameras[1].id, CameraId("nowhere")):
            await station.requests.ask(LiveSession(camera_id, 6.0))
        await station.run_for(3)
        assert host.unconfirmed == 2
        assert host.free + host.under_way == 1
        station.tour.next(station.clock.monotonic() + 6)
        assert host.unconfirmed == 0
        assert host.free + host.under_way == 2

    asyncio.run(check())


def test_an_accepted_view_is_handed_to_whoever_judges_pictures() -> None:
    async def check() -> None:
        station = Station(ring_cameras(0, 0, 3), TourSettings(workers=4))
        await station.requests.ask(ViewAcceptance(CameraId("far-1"), "李明"))
        await station.requests.ask(Pin(CameraId("far-1"), 10.0, 1.0, "seat-1"))
        await station.run_for(3)
        assert station.frames.accepted == [ViewAcceptance(CameraId("far-1"), "李明")]

    asyncio.run(check())
