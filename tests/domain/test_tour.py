"""The tour's promises, on a simulated clock: bounds held, nobody starved, failing cameras harmless."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.tour import Tour, TourSettings, Turn, Visit, quantile, visits_per_s_needed
from tests.builders import camera, ring

SETTINGS = TourSettings(workers=4, lead_s=1.0, backoff_base_s=1.0, backoff_cap_s=30.0)


@dataclass
class Run:
    """A simulated tour with ``workers`` visits at a time. ``takes``: seconds a visit of a camera takes."""

    tour: Tour
    workers: int
    takes: Callable[[CameraId], float]
    fails: frozenset[CameraId] = frozenset()
    gaps: dict[CameraId, list[float]] = field(default_factory=dict)
    tries: dict[CameraId, list[float]] = field(default_factory=dict)
    turns: list[tuple[float, Visit]] = field(default_factory=list)

    def until(self, end: float, each_second: Callable[[float], None] = lambda now: None) -> None:
        now, busy, number, second = 0.0, [], 0, 0
        while now < end:
            while busy and busy[0][0] <= now:
                ended, _, camera_id = heapq.heappop(busy)
                self._end(camera_id, ended)
            if now >= second:
                each_second(now)
                second += 1
            visit = self.tour.next(now) if len(busy) < self.workers else None
            if isinstance(visit, Visit):
                number += 1
                self.turns.append((now, visit))
                self.tries.setdefault(visit.camera.id, []).append(now)
                heapq.heappush(busy, (now + self.takes(visit.camera.id), number, visit.camera.id))
                continue
            wait = max(visit, 1e-6) if isinstance(visit, float) else 1.0
            now = min([now + wait, *(ended for ended, _, _ in busy[:1])]) if busy else now + wait

    def _end(self, camera_id: CameraId, now: float) -> None:
        if camera_id in self.fails:
            self.tour.failed(camera_id, "refused", now)
        else:
            self.gaps.setdefault(camera_id, []).append(self.tour.seen(camera_id, now, people=0))


def cameras(count: int, bound_s: float, ring_name: RingName = RingName.CORE, prefix: str = "C") -> list[Camera]:
    return [camera(f"{prefix}-{n}", revisit_bound_s=bound_s, ring=ring_name) for n in range(count)]


def tour_of(found: list[Camera], tour_settings: TourSettings = SETTINGS) -> Tour:
    return Tour(found, tour_settings, now=0.0, jitter=random.Random(1).random)


def test_three_rings_hold_their_bounds() -> None:
    found = cameras(64, 5, prefix="C") + cameras(200, 15, prefix="P") + cameras(212, 30, prefix="F")
    run = Run(tour_of(found), workers=8, takes=lambda _: 0.15)
    run.until(120)
    bounds = {c.id: c.revisit_bound_s for c in found}
    assert set(run.gaps) == set(bounds)
    assert all(gap <= bounds[camera_id] for camera_id, gaps in run.gaps.items() for gap in gaps)
    assert run.tour.review_stretch(120) == 1.0


def test_the_first_looks_are_spread_and_none_is_late() -> None:
    run = Run(tour_of(cameras(100, 10)), workers=4, takes=lambda _: 0.05)
    run.until(10)
    firsts = sorted(times[0] for times in run.tries.values())
    assert len(firsts) == 100
    assert max(sum(t <= first < t + 1 for first in firsts) for t in range(10)) <= 15
    assert firsts[-1] <= 9.1


def test_a_failing_camera_backs_off_and_never_takes_a_healthy_ones_turn() -> None:
    healthy, dead = cameras(20, 5), cameras(10, 5, prefix="D")
    run = Run(
        tour_of(healthy + dead),
        workers=4,
        takes=lambda camera_id: 1.0 if camera_id.startswith("D") else 0.1,
        fails=frozenset(c.id for c in dead),
    )
    run.until(300)
    assert all(gap <= 5 for gaps in run.gaps.values() for gap in gaps)
    # With the cap at 30 s and full jitter the mean pause is about 15 s.
    assert all(len(run.tries[c.id]) < 60 for c in dead)
    assert all(len(run.tries[c.id]) > 5 for c in dead)


def test_back_off_is_random_up_to_a_doubling_ceiling() -> None:
    pauses: list[float] = []
    for draw in (0.0, 0.5, 0.999):
        tour = Tour(cameras(1, 5), SETTINGS, 0.0, lambda draw=draw: draw)
        pauses += [tour.failed(CameraId("C-0"), "refused", 0.0) for _ in range(8)]
    assert pauses[:8] == [0.0] * 8
    assert pauses[8:16] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]
    assert max(pauses) < SETTINGS.backoff_cap_s


def test_a_camera_that_comes_back_is_healthy_at_once() -> None:
    tour = tour_of(cameras(1, 5))
    tour.failed(CameraId("C-0"), "refused", 0.0)
    assert tour.camera_statuses(1.0)[0].failing == "refused"
    tour.seen(CameraId("C-0"), 2.0, people=3)
    status = tour.camera_statuses(3.0)[0]
    assert (status.failing, status.people, status.blind_age_s) == (None, 3, 1.0)


def test_a_camera_is_never_visited_twice_at_once() -> None:
    tour = tour_of(cameras(1, 5))
    tour.focus(CameraId("C-0"), now=0.0, seconds=100, every_s=0.1)
    assert isinstance(tour.next(10.0), Visit)
    assert isinstance(tour.next(20.0), float)


def test_a_dropped_frame_leaves_its_camera_unseen_and_due_again() -> None:
    tour = tour_of(cameras(1, 5))
    assert isinstance(tour.next(4.0), Visit)
    tour.dropped(CameraId("C-0"))
    assert isinstance(tour.next(4.5), Visit)
    assert tour.blind_age_s(CameraId("C-0"), 4.5) == 4.5


def test_a_focus_looks_again_every_second_but_only_when_nothing_is_due() -> None:
    found = cameras(10, 5)
    run = Run(tour_of(found), workers=1, takes=lambda _: 0.05)
    run.tour.focus(CameraId("C-3"), now=0.0, seconds=10, every_s=1.0)
    run.until(20)
    focused = [now for now, visit in run.turns if visit.turn is Turn.FOCUS]
    assert 6 <= len(focused) <= 10
    assert max(focused) <= 11
    assert all(gap <= 5 for gaps in run.gaps.values() for gap in gaps)


def test_a_focus_in_a_full_tour_gets_nothing() -> None:
    run = Run(tour_of(cameras(60, 5)), workers=1, takes=lambda _: 0.2)  # needs 12 visits/s, has 5
    run.tour.focus(CameraId("C-3"), now=0.0, seconds=60, every_s=0.5)
    run.until(60)
    late = [visit for now, visit in run.turns if now > 6]
    assert all(visit.turn is Turn.DUE for visit in late)


def test_over_capacity_everybody_is_stretched_by_one_factor_and_nobody_starves() -> None:
    found = cameras(50, 5, prefix="C") + cameras(100, 15, RingName.FAR, prefix="F")
    run = Run(tour_of(found), workers=1, takes=lambda _: 0.1)  # needs 16.7 visits/s, has 10
    stretches: list[float] = []
    run.until(300, each_second=lambda now: stretches.append(run.tour.review_stretch(now)))
    settled = stretches[100:]
    assert min(settled) > 1.4
    assert max(settled) < 2.6
    bounds = {c.id: c.revisit_bound_s for c in found}
    worst = {camera_id: max(gaps[5:]) / bounds[camera_id] for camera_id, gaps in run.gaps.items()}
    assert len(worst) == 150
    assert max(worst.values()) < 2.8
    assert min(worst.values()) > 1.2


def test_the_stretch_comes_back_to_one() -> None:
    slow = [True]
    run = Run(tour_of(cameras(40, 5)), workers=1, takes=lambda _: 0.2 if slow[0] else 0.01)
    stretches: list[float] = []

    def each_second(now: float) -> None:
        slow[0] = now < 60
        stretches.append(run.tour.review_stretch(now))

    run.until(200, each_second)
    assert max(stretches) > 1.3
    assert stretches[-1] == 1.0


def test_a_slow_first_answer_is_not_called_a_stretch() -> None:
    tour = tour_of(cameras(1, 5))
    tour.next(4.0)  # the camera takes its time: the visit is under way
    assert tour.review_stretch(14.0) == 1.0


@settings(max_examples=40, deadline=None)
@given(
    counts=st.tuples(st.integers(0, 12), st.integers(0, 20), st.integers(0, 20)),
    dead=st.integers(0, 6),
    seed=st.integers(0, 1000),
)
def test_no_healthy_camera_passes_its_bound_while_there_is_capacity(
    counts: tuple[int, int, int], dead: int, seed: int
) -> None:
    chance = random.Random(seed)
    found = cameras(counts[0], 5) + cameras(counts[1], 15, prefix="P") + cameras(counts[2], 30, prefix="F")
    broken = cameras(dead, 5, prefix="D")
    run = Run(
        Tour(found + broken, SETTINGS, 0.0, chance.random),
        workers=8,
        takes=lambda camera_id: 2.0 if camera_id.startswith("D") else chance.uniform(0.01, 0.3),
        fails=frozenset(c.id for c in broken),
    )
    run.until(70)
    bounds = {c.id: c.revisit_bound_s for c in found}
    assert set(run.gaps) == set(bounds)
    assert all(gap <= bounds[camera_id] for camera_id, gaps in run.gaps.items() for gap in gaps)


def test_ring_status_counts_its_own_cameras_only() -> None:
    tour = tour_of(cameras(3, 5) + cameras(2, 30, RingName.FAR, prefix="F"))
    tour.seen(CameraId("C-0"), 8.0, people=0)
    tour.failed(CameraId("C-1"), "timed_out", 8.0)
    status = tour.ring_status(ring(), visits=7, now=10.0)
    assert (status.cameras, status.failing, status.visits) == (3, 1, 7)
    assert (status.blind_age_p50_s, status.blind_age_max_s) == (10.0, 10.0)
    assert tour.ring_status(ring(RingName.PERIPHERY), 0, 10.0).blind_age_max_s == 0.0


def test_quantiles_and_the_demand_of_the_bounds() -> None:
    assert quantile([], 0.5) == 0.0
    assert quantile([1, 2, 3, 4], 0.5) == 3
    assert quantile([1, 2, 3, 4], 0.99) == 4
    assert visits_per_s_needed(cameras(64, 5) + cameras(200, 15) + cameras(212, 30)) == pytest.approx(33.2)
