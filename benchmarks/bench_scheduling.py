"""What deciding costs: who is visited next, of 476, of 10,000 and of 100,000 cameras, in simulated time.

    python -m benchmarks.bench_scheduling [--json FILE] [--seconds-each 40]

The rings keep the sample's proportions (64 core, 200 periphery, 212 far); their bounds (5, 15, 30 s) grow with the
number of cameras, so that they always ask for 33 visits a second, and there are as many recorders of four channels as
it takes. Measured is the processor time of this thread in the tour's own code, per visit that was decided: ``next``
(idle calls included), ``captured``, ``seen`` or ``failed``, ``ended``. What is called once a second stands apart.

The floor, in the same run: one heappush and one heappop on a heap of as many entries. The growth is held against
log2(n), which is 1.9 times as large for 100,000 as for 476; caches that no longer hold everything cost the rest.
It takes about a minute of one core.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import math
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Relation, Report, Table, Target
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName, StreamAddress
from patrol.domain.errors import CaptureFailure
from patrol.domain.tour import Tour
from patrol.domain.visits import TourSettings, Visit

SAMPLE = 476
SIZES = (SAMPLE, 10_000, 100_000)
SHARES = ((RingName.CORE, 64, 5.0), (RingName.PERIPHERY, 200, 15.0), (RingName.FAR, 212, 30.0))
CHANNELS, SESSIONS = 4, 8  # of one recorder; so many that no channel ever waits for another
DEADLINE_S = 0.5
VISIT_S = (0.05, 0.3)
VISITS_PER_FAR_BOUND = 2.1  # and camera, if each is visited exactly at its bound
LEAST_VISITS = 30_000  # for a cost worth telling
DEAD_SHARE = 0.1
OVERLOAD_AT_ONCE = 3  # visits of 0.175 s on average: 17 a second, of 33
REVIEWS_PER_FAR_BOUND = 6
GROWTH_LIMIT = 3.0
ROUNDING = 1e-6


class Scene(StrEnum):
    """What the tour has to cope with."""

    HEALTHY = "healthy"
    DEAD = "10% dead"
    OVERLOAD = "overload"


# How long a run is, at least, in bounds of the far ring: every healthy camera is seen twice; with dead ones each is
# seen once, most of them often; in overload, where all bounds are stretched more than twofold, each once.
LENGTHS = {Scene.HEALTHY: 2.0, Scene.DEAD: 1.05, Scene.OVERLOAD: 2.7}


@dataclass(frozen=True, slots=True)
class Cost:
    """One run. ``worst_share``: the longest gap, as a share of its bound times the stretch announced by then."""

    scene: Scene
    cameras: int
    visits: int
    failed_visits: int
    us_per_visit: float
    us_next: float
    us_outcome: float
    floor_us: float
    worst_share: float
    stretch: float
    never_seen: int
    admitted: bool


@dataclass(frozen=True, slots=True)
class Seldom:
    """What is not done for every visit, in milliseconds of processor a call, for so many cameras."""

    cameras: int
    build: float
    set_bounds_of_a_ring: float
    review_stretch: float
    review_stretch_in_overload: float
    camera_statuses: float
    ring_status_of_all: float
    past_bound: float
    bounds: float
    bytes_per_camera: float


def scaled(count: int) -> list[Camera]:
    """So many cameras in the sample's proportions, the rings mixed, with bounds that keep the rate."""
    kinds = [(ring, bound_s) for ring, share, bound_s in SHARES for _ in range(share)]
    random.Random(1).shuffle(kinds)
    return [_camera(number, *kinds[number % SAMPLE], count / SAMPLE) for number in range(count)]


def _camera(number: int, ring: RingName, bound_s: float, scale: float) -> Camera:
    return Camera(
        id=CameraId(f"camera-{number}"),
        name="",
        name_en="",
        site="",
        ring=ring,
        revisit_bound_s=bound_s * scale,
        place=Place(0.0, 0.0),
        heading_deg=0.0,
        view_deg=90.0,
        stream=StreamAddress(f"rtsp://recorder-{number // CHANNELS}/{number % CHANNELS}"),
    )


def tour_of(cameras: list[Camera]) -> Tour:
    """As the service makes it, with visits of at most half a second."""
    settings = TourSettings(visit_deadline_s=DEADLINE_S, sessions_per_host=SESSIONS)
    return Tour(cameras, settings, 0.0, random.Random(2).random)


@dataclass
class Simulation:
    """A tour in simulated time. ``next_ns`` and ``outcome_ns``: processor time in the tour's code, clock reads out."""

    tour: Tour
    dead: frozenset[CameraId]
    at_once: int
    read_ns: float
    chance: random.Random = field(default_factory=lambda: random.Random(3))
    visits: int = 0
    failed_visits: int = 0
    next_ns: float = 0.0
    outcome_ns: float = 0.0
    review_ns: list[float] = field(default_factory=list)
    worst_share: float = 0.0
    stretch: float = 1.0
    seen: set[CameraId] = field(default_factory=set)

    def run(self, until: float, review_every_s: float, processor_s: float) -> None:
        """Until this time, or until so much processor time was spent; ``review_stretch`` now and then."""
        now, review_at, stop_at = 0.0, review_every_s, time.thread_time() + processor_s
        busy: list[tuple[float, int, Visit]] = []
        while now < until:
            while busy and busy[0][0] <= now:
                ends, _, visit = heapq.heappop(busy)
                self._end(visit, ends)
            if now >= review_at:
                self._review(now)
                review_at += review_every_s
                if time.thread_time() > stop_at:
                    return
            found = self._next(now) if len(busy) < self.at_once else 1.0
            if isinstance(found, Visit):
                heapq.heappush(busy, (now + self._takes_s(found), self.visits, found))
                continue
            now = min(now + max(found, 1e-6), review_at, busy[0][0] if busy else math.inf)

    def _takes_s(self, visit: Visit) -> float:
        return min(visit.deadline_s, self.chance.uniform(*VISIT_S))

    def _next(self, now: float) -> Visit | float:
        began = time.thread_time_ns()
        found = self.tour.next(now)
        self.next_ns += time.thread_time_ns() - began - self.read_ns
        self.visits += isinstance(found, Visit)
        return found

    def _end(self, visit: Visit, now: float) -> None:
        camera_id = visit.camera.id
        if camera_id in self.dead:
            self._timed(lambda: self.tour.failed(camera_id, CaptureFailure.REFUSED, now), visit)
            self.failed_visits += 1
            return
        gap_s = self._timed(lambda: self._brought(camera_id, now), visit)
        self.stretch = max(self.stretch, self.tour.stretch)
        if camera_id in self.seen:  # a first look ends no gap
            self.worst_share = max(self.worst_share, gap_s / visit.camera.revisit_bound_s / self.tour.stretch)
        self.seen.add(camera_id)

    def _brought(self, camera_id: CameraId, now: float) -> float:
        self.tour.captured(camera_id, 0.2)
        return self.tour.seen(camera_id, now, people=0)

    def _timed(self, outcome: Callable[[], float], visit: Visit) -> float:
        began = time.thread_time_ns()
        found = outcome()
        self.tour.ended(visit)
        self.outcome_ns += time.thread_time_ns() - began - self.read_ns
        return found

    def _review(self, now: float) -> None:
        began = time.thread_time_ns()
        self.tour.review(now)
        self.review_ns.append(time.thread_time_ns() - began)


def clock_read_ns() -> float:
    """What reading the clock twice adds to what is measured between."""
    reads = []
    for _ in range(20_000):
        began = time.thread_time_ns()
        reads.append(time.thread_time_ns() - began)
    return float(np.mean(reads))


def floor_us(count: int, pairs: int = 100_000) -> float:
    """One heappush and one heappop of (time, number, id), microseconds, on a heap of ``count``; the least of three."""
    chance = random.Random(4)
    heap = [(chance.random(), number, f"camera-{number}") for number in range(count)]
    heapq.heapify(heap)
    later = [1.0 + chance.random() for _ in range(pairs)]
    found = []
    for _ in range(3):
        began = time.thread_time_ns()
        for at in later:
            _, number, name = heapq.heappop(heap)
            heapq.heappush(heap, (at, number, name))
        found.append((time.thread_time_ns() - began) / 1e3 / pairs)
    return min(found)


def simulated(scene: Scene, count: int, floor: float, seconds: float) -> tuple[Cost, Simulation]:
    """One run, cut short after so many seconds of processor time."""
    cameras = scaled(count)
    tour, scale = tour_of(cameras), count / SAMPLE
    dead = random.Random(5).sample(cameras, int(count * DEAD_SHARE)) if scene is Scene.DEAD else []
    at_once = OVERLOAD_AT_ONCE if scene is Scene.OVERLOAD else sys.maxsize
    simulation = Simulation(tour, frozenset(c.id for c in dead), at_once, clock_read_ns())
    far_bounds = max(LENGTHS[scene], LEAST_VISITS / VISITS_PER_FAR_BOUND / count)
    simulation.run(30.0 * scale * far_bounds, 30.0 * scale / REVIEWS_PER_FAR_BOUND, seconds)
    visits = max(1, simulation.visits)
    cost = Cost(
        scene,
        count,
        simulation.visits,
        simulation.failed_visits,
        us_per_visit=(simulation.next_ns + simulation.outcome_ns) / 1e3 / visits,
        us_next=simulation.next_ns / 1e3 / visits,
        us_outcome=simulation.outcome_ns / 1e3 / visits,
        floor_us=floor,
        worst_share=simulation.worst_share,
        stretch=simulation.stretch,
        never_seen=count - len(dead) - len(simulation.seen),
        admitted=tour.admitted,
    )
    return cost, simulation


def milliseconds(call: Callable[[], object], times: int = 3) -> float:
    """Processor time of one call, the median of some."""
    found = []
    for _ in range(times):
        began = time.thread_time_ns()
        call()
        found.append((time.thread_time_ns() - began) / 1e6)
    return float(np.median(found))


def seldom(count: int, in_overload: Simulation) -> Seldom:
    """What else the tour is asked, for so many cameras that were all seen."""
    cameras = scaled(count)
    tour = tour_of(cameras)
    for number, camera in enumerate(cameras):
        tour.seen(camera.id, number / count, people=0)
    rings = [Ring(name, bound_s, 60.0, 10.0) for name, _, bound_s in SHARES]
    core = [camera for camera in cameras if camera.ring is RingName.CORE]
    bounds = iter({c.id: c.revisit_bound_s * share for c in core} for share in (0.9, 1.0, 0.9))
    return Seldom(
        count,
        build=milliseconds(lambda: tour_of(cameras), times=1),
        set_bounds_of_a_ring=milliseconds(lambda: tour.set_bounds(next(bounds), 2.0)),
        review_stretch=milliseconds(lambda: tour.review(2.0)),
        review_stretch_in_overload=float(np.median(in_overload.review_ns)) / 1e6,
        camera_statuses=milliseconds(lambda: tour.camera_statuses(2.0)),
        ring_status_of_all=milliseconds(lambda: [tour.ring_status(ring, 0, 2.0) for ring in rings]),
        past_bound=milliseconds(lambda: tour.past_bound(2.0)),
        bounds=milliseconds(tour.bounds),
        bytes_per_camera=memory_per_camera(min(count, 10_000)),
    )


def memory_per_camera(count: int) -> float:
    """Bytes the tour holds for a camera once each was visited twice; the cameras themselves are the configuration's."""
    cameras = scaled(count)
    tracemalloc.start()
    try:
        tour = tour_of(cameras)
        for number in range(2):
            for index, camera in enumerate(cameras):
                tour.seen(camera.id, number + index / count, people=0)
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


def fitted(costs: Iterable[Cost]) -> tuple[float, float, float]:
    """(a, b, largest residual as a share) of cost = a + b x log2(n), least squares, microseconds."""
    points = list(costs)
    logs = np.log2([cost.cameras for cost in points])
    found = np.array([cost.us_per_visit for cost in points])
    slope, intercept = np.polyfit(logs, found, 1)
    residual = np.abs(intercept + slope * logs - found) / found
    return float(intercept), float(slope), float(residual.max())


def growth(costs: Mapping[tuple[Scene, int], Cost], scene: Scene) -> float:
    """How many times as much a visit costs with most cameras as with the sample's."""
    return costs[scene, SIZES[-1]].us_per_visit / costs[scene, SIZES[0]].us_per_visit


def targets_of(costs: Mapping[tuple[Scene, int], Cost]) -> list[Target]:
    """What must hold, in every run."""
    found = [
        Target(f"cost per visit, {SIZES[-1]:,} : {SIZES[0]} cameras, {scene}", growth(costs, scene), GROWTH_LIMIT)
        for scene in Scene
    ]
    for (scene, count), cost in costs.items():
        where = f"{scene}, {count:,} cameras"
        found.append(Target(f"worst gap : stretched bound, {where}", cost.worst_share, 1.0 + ROUNDING))
        found.append(Target(f"healthy cameras never seen, {where}", cost.never_seen, 0, Relation.EXACTLY))
        if scene is Scene.OVERLOAD:
            found.append(Target(f"stretch, {where}", cost.stretch, 1.5, Relation.AT_LEAST))
        else:
            found.append(Target(f"stretch, {where}", cost.stretch, 1.0, Relation.EXACTLY))
    return found


def cost_table(costs: Iterable[Cost]) -> Table:
    """Of every run."""
    headings = (
        "scene",
        "cameras",
        "visits",
        "us/visit",
        "next",
        "outcome",
        "floor",
        "x floor",
        "worst gap",
        "stretch",
        "admitted",
    )
    rows = [
        (
            str(cost.scene),
            cost.cameras,
            cost.visits,
            cost.us_per_visit,
            cost.us_next,
            cost.us_outcome,
            cost.floor_us,
            cost.us_per_visit / cost.floor_us,
            cost.worst_share,
            cost.stretch,
            cost.admitted,
        )
        for cost in costs
    ]
    return Table("processor time per visit; worst gap as a share of its bound times the stretch", headings, rows)


def seldom_table(found: Iterable[Seldom]) -> Table:
    """One column for each number of cameras."""
    columns = [asdict(each) for each in found]
    names = [name for name in columns[0] if name != "cameras"]
    rows = [(name.replace("_", " "), *(column[name] for column in columns)) for name in names]
    headings = ("cameras", *(f"{column['cameras']:,}" for column in columns))
    return Table("apart: milliseconds of processor a call (the last row: bytes)", headings, rows)


def report_of(costs: Mapping[tuple[Scene, int], Cost], others: list[Seldom]) -> Report:
    """All of it."""
    healthy = [costs[Scene.HEALTHY, count] for count in SIZES]
    a, b, residual = fitted(healthy)
    figures: dict[str, Any] = {
        "costs": [asdict(cost) for cost in costs.values()],
        "seldom": [asdict(each) for each in others],
        "fit": {"constant_us": a, "us_per_log2": b, "largest_residual": residual},
    }
    summary = (
        f"{healthy[0].us_per_visit:.1f} / {healthy[1].us_per_visit:.1f} / {healthy[2].us_per_visit:.1f} us a visit"
        f" for {' / '.join(f'{count:,}' for count in SIZES)} cameras ({growth(costs, Scene.HEALTHY):.2f} x;"
        f" {a:.1f} + {b:.2f} log2 n, within {residual:.0%}), {others[-1].bytes_per_camera:.0f} bytes a camera"
    )
    return Report("scheduling", figures, [cost_table(costs.values()), seldom_table(others)], targets_of(costs), summary)


def main() -> int:
    """Run it all; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--seconds-each", type=float, default=40.0, help="processor time of one run at most")
    options = parser.parse_args()
    costs: dict[tuple[Scene, int], Cost] = {}
    others = []
    for count in SIZES:
        floor = floor_us(count)
        for scene in Scene:
            costs[scene, count], simulation = simulated(scene, count, floor, options.seconds_each)
            gc.collect()
            print(f"{scene}, {count:,} cameras: {costs[scene, count].us_per_visit:.1f} us a visit", file=sys.stderr)
        others.append(seldom(count, simulation))  # the last one was overloaded
    report = report_of(costs, others)
    for table in report.tables:
        print(table.text(), end="\n\n")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    print(report.last_line())
    return 0 if all(target.kept for target in report.targets) else 1


if __name__ == "__main__":
    sys.exit(main())
