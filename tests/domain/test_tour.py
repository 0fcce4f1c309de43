"""The tour's promises, on a simulated clock: bounds held, nobody starved, failing cameras harmless."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import Camera, CameraId, RingName, StreamAddress
from patrol.domain.errors import CaptureFailure
from patrol.domain.hosts import host_of
from patrol.domain.leads import KEPT_OPEN_DEADLINE_S, PATIENCE, STEP
from patrol.domain.tour import Tour
from patrol.domain.tour_status import quantile
from patrol.domain.visits import Asker, TourSettings, Turn, Visit
from tests.builders import camera, ring
from tests.examples import examples

SETTINGS = TourSettings(backoff_base_s=1.0, backoff_cap_s=30.0)


@dataclass
class Run:
    """A simulated tour. ``takes``: seconds a visit of a camera would take; longer than its deadline, it fails then.

    ``fails``: cameras whose visits bring nothing, ``unsteady``: those of which every third does not.

    ``at_once``: how many visits the machine bears at a time, whatever the tour would like. ``passing``: cameras whose
    sessions are kept open for a focus, as visits end.
    """

    tour: Tour
    takes: Callable[[CameraId], float]
    at_once: int = 1_000_000
    fails: frozenset[CameraId] = frozenset()
    unsteady: frozenset[CameraId] = frozenset()
    passing: set[CameraId] = field(default_factory=set)
    chance: random.Random = field(default_factory=lambda: random.Random(4))
    gaps: dict[CameraId, list[float]] = field(default_factory=dict)
    shares_after_first: list[float] = field(default_factory=list)
    tries: dict[CameraId, list[float]] = field(default_factory=dict)
    turns: list[tuple[float, Visit]] = field(default_factory=list)
    stretches: list[float] = field(default_factory=list)
    under_way: Counter[str | None] = field(default_factory=Counter)
    most_under_way: Counter[str | None] = field(default_factory=Counter)

    def until(self, end: float, each_second: Callable[[float], None] = lambda now: None) -> None:
        now, busy, second = 0.0, [], 0
        while now < end:
            while busy and busy[0][0] <= now:
                self._end(*heapq.heappop(busy))
            if now >= second:
                each_second(now)
                second += 1
            visit = self.tour.next(now) if len(busy) < self.at_once else None
            if isinstance(visit, Visit):
                heapq.heappush(busy, self._begin(visit, now))
                continue
            wait = max(visit, 1e-6) if isinstance(visit, float) else 1.0
            now = min([now + wait, second, *(ends for ends, *_ in busy[:1])])

    def _begin(self, visit: Visit, now: float) -> tuple[float, int, Visit, float]:
        self.turns.append((now, visit))
        self.tries.setdefault(visit.camera.id, []).append(now)
        host = host_of(visit.camera)
        self.under_way[host] += 1
        self.most_under_way[host] = max(self.most_under_way[host], self.under_way[host])
        takes = self.takes(visit.camera.id)
        return now + min(takes, visit.deadline_s), len(self.turns), visit, takes

    def _end(self, now: float, _number: int, visit: Visit, takes: float) -> None:
        camera_id = visit.camera.id
        self.under_way[host_of(visit.camera)] -= 1
        if takes > visit.deadline_s:
            self.tour.failed(camera_id, CaptureFailure.TIMED_OUT, now)
        elif camera_id in self.fails or (camera_id in self.unsteady and self.chance.random() < 1 / 3):
            self.tour.failed(camera_id, CaptureFailure.REFUSED, now)
        else:
            self.tour.captured(camera_id, takes)
            gap = self.tour.seen(camera_id, now, people=0)
            self.gaps.setdefault(camera_id, []).append(gap)
            if len(self.gaps[camera_id]) > 1 and camera_id not in self.fails | self.unsteady:
                self.shares_after_first.append(gap / self.tour.bounds()[camera_id] / self.tour.stretch)
        is_passing = camera_id in self.passing
        self.tour.ended(visit, is_kept_open=is_passing, is_passing=is_passing)


def cameras(count: int, bound_s: float, ring_name: RingName = RingName.CORE, prefix: str = "C") -> list[Camera]:
    return [camera(f"{prefix}-{n}", revisit_bound_s=bound_s, ring=ring_name) for n in range(count)]


def tour_of(found: list[Camera], tour_settings: TourSettings = SETTINGS) -> Tour:
    return Tour(found, tour_settings, now=0.0, jitter=random.Random(1).random)


def test_three_rings_hold_their_bounds() -> None:
    found = cameras(64, 5, prefix="C") + cameras(200, 15, prefix="P") + cameras(212, 30, prefix="F")
    run = Run(tour_of(found), takes=lambda _: 0.15)
    run.until(120)
    bounds = {c.id: c.revisit_bound_s for c in found}
    assert set(run.gaps) == set(bounds)
    assert all(gap <= bounds[camera_id] for camera_id, gaps in run.gaps.items() for gap in gaps)
    assert run.tour.review(120) == 1.0


def skipping(tour: Tour, at: float, seconds: float, *camera_ids: CameraId) -> Callable[[float], None]:
    """Has cameras skipped at that second, and reviews every second."""

    def each_second(now: float) -> None:
        if now == at:
            for camera_id in camera_ids:
                tour.skip(camera_id, seconds, now)
        tour.review(now)

    return each_second


def test_a_skipped_camera_is_not_visited_and_then_before_all_others_and_no_other_bound_knows_of_it() -> None:
    found = cameras(12, 5) + cameras(12, 15, prefix="P")
    run = Run(tour_of(found), takes=lambda _: 0.2)
    skipped = CameraId("C-3")
    stretches: list[float] = []
    skip = skipping(run.tour, 20, 60.0, skipped)
    run.until(120, lambda now: (skip(now), stretches.append(run.tour.stretch))[0])
    (again, *_) = (at for at in run.tries[skipped] if at > 20.2)
    assert again == pytest.approx(80, abs=0.3)  # along with others, perhaps
    assert max(run.gaps[skipped]) > 60  # told as what it was
    assert all(gap <= 5 for other in found[:12] if other.id != skipped for gap in run.gaps[other.id])
    assert set(stretches) == {1.0}


def test_a_skipped_camera_counts_as_unseen_and_a_person_is_why_until_the_tour_had_its_time() -> None:
    found = cameras(3, 5)
    run = Run(tour_of(found), takes=lambda _: 0.2)
    skipped = CameraId("C-1")
    told: list[tuple[float, bool, bool]] = []
    skip = skipping(run.tour, 10, 30.0, skipped)

    def each_second(now: float) -> None:
        skip(now)
        told.append((now, skipped in run.tour.past_bound(now), run.tour.is_excused(skipped, now)))

    run.until(60, each_second)
    assert all(is_past and is_excused for now, is_past, is_excused in told if 16 <= now < 40)
    assert not any(is_past for now, is_past, _ in told if now > 41)
    assert [is_excused for now, _, is_excused in told if now > 46] == [False] * 13


def test_a_skip_that_is_ended_ends_at_once_and_a_suspicion_does_not_break_one() -> None:
    found = cameras(3, 30)
    run = Run(tour_of(found), takes=lambda _: 0.2)
    skipped = CameraId("C-0")

    def each_second(now: float) -> None:
        if now == 40:
            run.tour.skip(skipped, 600.0, now)
            run.tour.pin(skipped, now, 10.0, 0.25, Asker.SUSPICION)
        if now == 60:
            run.tour.skip(skipped, 0.0, now)
        run.tour.review(now)

    run.until(70, each_second)
    (again, *_) = (at for at in run.tries[skipped] if at > 40.3)
    assert again == pytest.approx(60, abs=0.3)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 100), st.integers(0, 40)), max_size=12))
@examples(30)
def test_whatever_is_skipped_the_others_hold_their_bounds(skips: list[tuple[int, int, int]]) -> None:
    found = cameras(8, 5)
    run = Run(tour_of(found), takes=lambda _: 0.3)

    def each_second(now: float) -> None:
        for number, at, seconds in skips:
            if at == now:
                run.tour.skip(found[number].id, float(seconds), now)
        run.tour.review(now)
        assert run.tour.stretch == 1.0

    run.until(150, each_second)
    touched = {found[number].id for number, _, _ in skips}
    assert all(gap <= 5 for other in found if other.id not in touched for gap in run.gaps[other.id])
    # And whoever was skipped is seen again.
    assert all(run.tour.blind_age_s(each.id, 150) <= 5 for each in found)


def seen_at(found: list[Camera], step_s: float, settings: TourSettings) -> Tour:
    """Each was seen a step after the one before it."""
    tour = tour_of(found, settings)
    for number, each in enumerate(found):
        tour.captured(each.id, 0.1)
        tour.seen(each.id, number * step_s, people=0)
    return tour


def looked_at(tour: Tour, now: float) -> tuple[list[str], float]:
    """Who is looked at now, and how long nothing is due then."""
    ids: list[str] = []
    while isinstance(visit := tour.next(now), Visit):
        ids.append(visit.camera.id)
    return ids, visit


def test_who_comes_due_a_moment_later_is_looked_at_along_with_one_that_is_due() -> None:
    settings = replace(SETTINGS, together_s=0.2)
    tour = seen_at(cameras(8, 5), 0.06, settings)
    due = 5 - settings.visit_deadline_s - settings.lead_s
    ids, wait_s = looked_at(tour, due - 0.1)
    assert ids == []
    assert wait_s == pytest.approx(0.1)
    assert looked_at(tour, due) == (["C-0", "C-1", "C-2", "C-3"], pytest.approx(0.24))
    assert looked_at(tour, due + 0.24)[0] == ["C-4", "C-5", "C-6", "C-7"]


def test_nobody_comes_along_whose_bound_is_short_or_who_failed_last_time() -> None:
    settings = replace(SETTINGS, together_s=0.2, lead_s=0.0, visit_deadline_s=0.5)
    long, short = cameras(3, 5), cameras(1, 3, prefix="S")
    tour = seen_at([*long, *short], 0.0, settings)
    tour.failed(CameraId("C-1"), CaptureFailure.REFUSED, 4.0)
    tour.seen(CameraId("C-2"), 0.1, people=0)
    tour.seen(CameraId("S-0"), 2.1, people=0)
    assert set(looked_at(tour, 4.5)[0]) == {"C-0", "C-1", "C-2"}  # C-1's back-off is over
    assert looked_at(tour, 4.6)[0] == ["S-0"]


def test_the_first_looks_are_spread_and_none_is_late() -> None:
    run = Run(tour_of(cameras(100, 10)), takes=lambda _: 0.05)
    run.until(10)
    firsts = sorted(times[0] for times in run.tries.values())
    assert len(firsts) == 100
    assert max(sum(t <= first < t + 1 for first in firsts) for t in range(10)) <= 15
    assert firsts[-1] <= 9.1


def test_a_failing_camera_backs_off_and_never_takes_a_healthy_ones_turn() -> None:
    healthy, dead = cameras(20, 5), cameras(10, 5, prefix="D")
    run = Run(
        tour_of(healthy + dead),
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
        pauses += [tour.failed(CameraId("C-0"), CaptureFailure.REFUSED, 0.0) for _ in range(8)]
    assert pauses[:8] == [0.0] * 8
    assert pauses[8:16] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]
    assert max(pauses) < SETTINGS.backoff_cap_s


def test_a_camera_that_comes_back_is_healthy_at_once() -> None:
    tour = tour_of(cameras(1, 5))
    tour.failed(CameraId("C-0"), CaptureFailure.REFUSED, 0.0)
    assert tour.camera_statuses(1.0)[0].failing == "refused"
    tour.seen(CameraId("C-0"), 2.0, people=3)
    status = tour.camera_statuses(3.0)[0]
    assert (status.failing, status.people, status.blind_age_s) == (None, 3, 1.0)


def test_a_camera_is_never_visited_twice_at_once() -> None:
    tour = tour_of(cameras(1, 5))
    tour.pin(CameraId("C-0"), now=0.0, seconds=100, every_s=0.1)
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
    run = Run(tour_of(found), at_once=1, takes=lambda _: 0.05)
    run.tour.pin(CameraId("C-3"), now=0.0, seconds=10, every_s=1.0)
    run.until(20)
    focused = [now for now, visit in run.turns if visit.turn is Turn.FOCUS]
    assert 6 <= len(focused) <= 10
    assert max(focused) <= 11
    assert all(gap <= 5 for gaps in run.gaps.values() for gap in gaps)


def test_a_focus_waits_while_there_is_nothing_to_spare_and_is_made_up_for_then() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=1)
    tour.pin(CameraId("C-0"), now=0.0, seconds=10, every_s=1.0)
    assert isinstance(tour.next(1.5, may_focus=False), float)
    visit = tour.next(1.6)
    assert isinstance(visit, Visit)
    assert visit.turn is Turn.FOCUS


def test_a_focus_in_a_full_tour_gets_nothing() -> None:
    run = Run(tour_of(cameras(60, 5)), at_once=1, takes=lambda _: 0.2)  # needs 12 visits/s, has 5
    run.tour.pin(CameraId("C-3"), now=0.0, seconds=60, every_s=0.5)
    run.until(60)
    late = [visit for now, visit in run.turns if now > 6]
    assert all(visit.turn is Turn.DUE for visit in late)


def test_over_capacity_everybody_is_stretched_by_one_factor_and_nobody_starves() -> None:
    found = cameras(50, 5, prefix="C") + cameras(100, 15, RingName.FAR, prefix="F")
    run = Run(tour_of(found), at_once=1, takes=lambda _: 0.1)  # needs 16.7 visits/s, has 10
    stretches: list[float] = []
    run.until(300, each_second=lambda now: stretches.append(run.tour.review(now)))
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
    run = Run(tour_of(cameras(40, 5)), at_once=1, takes=lambda _: 0.2 if slow[0] else 0.01)
    stretches: list[float] = []

    def each_second(now: float) -> None:
        slow[0] = now < 60
        stretches.append(run.tour.review(now))

    run.until(200, each_second)
    assert max(stretches) > 1.3
    assert stretches[-1] == 1.0


def test_a_slow_first_answer_is_not_called_a_stretch() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    assert isinstance(tour.next(3.3), Visit)  # the camera takes its time: the visit is under way
    assert tour.review(14.0) == 1.0


def test_a_visit_that_begins_late_is_announced_before_its_gap_is_too_long() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    visit = tour.next(4.9)
    assert isinstance(visit, Visit)
    assert tour.stretch == 1.0  # it may still make it
    assert tour.review(6.0) == pytest.approx(1.2)
    tour.captured(CameraId("C-0"), 1.6)
    assert tour.seen(CameraId("C-0"), 6.5, people=0) == 6.5
    assert tour.stretch == pytest.approx(1.3)


def test_a_stretch_announced_between_two_reviews_is_shown_before_it_comes_down() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    assert isinstance(tour.next(4.9), Visit)
    tour.seen(CameraId("C-0"), 5.1, people=0)  # 2% late, and over before anybody has looked
    assert tour.review(5.5) == pytest.approx(1.02)
    assert tour.review(6.5) == 1.0


def test_a_stretch_that_was_shown_comes_down_with_every_review() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    assert isinstance(tour.next(4.9), Visit)
    assert tour.review(7.5) == pytest.approx(1.5), "a review found it, and showed it"
    tour.seen(CameraId("C-0"), 7.5, people=0)
    assert tour.review(8.0) == pytest.approx(1.5 * 0.97)
    assert isinstance(tour.next(14.5), Visit)
    assert tour.stretch == pytest.approx(1.5 * 0.97), "late, but by no more than was said"
    tour.seen(CameraId("C-0"), 14.6, people=0)
    assert tour.review(14.7) == pytest.approx(1.5 * 0.97**2)


def test_a_picture_that_waits_for_the_detector_is_no_stretch_unless_it_waits_too_long() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    visit = tour.next(4.2)
    assert isinstance(visit, Visit)
    tour.captured(CameraId("C-0"), 0.1)
    tour.ended(visit)
    assert tour.review(5.5) == 1.0
    assert tour.seen(CameraId("C-0"), 4.3, people=0) == 4.3
    assert tour.stretch == 1.0
    visit = tour.next(8.5)
    assert isinstance(visit, Visit)
    tour.captured(CameraId("C-0"), 0.1)
    assert tour.review(16.3) == pytest.approx(2.0), "12 s unseen, 2 of them allowed to the detector"


@pytest.mark.parametrize("bound_s", [15.0, 30.0])
@pytest.mark.parametrize("apart_s", [0.5, 2.0, 2.6, 3.7])
def test_a_camera_whose_key_frames_must_be_waited_for_is_looked_at_early_enough(bound_s: float, apart_s: float) -> None:
    tour, now, gaps = tour_of(cameras(1, bound_s)), 0.0, list[float]()
    while now < 100 * bound_s:
        visit = tour.next(now)
        if not isinstance(visit, Visit):
            now += visit
            continue
        next_key_frame_s = apart_s - now % apart_s
        assert next_key_frame_s <= visit.deadline_s, "no visit is in vain"
        now += next_key_frame_s
        tour.captured(visit.camera.id, next_key_frame_s, waits_s=apart_s)
        tour.ended(visit)
        gaps.append(tour.seen(visit.camera.id, now, people=0))
    assert max(gaps) <= bound_s
    assert max(gaps) > bound_s - apart_s - 2.0, "and not much earlier"


def test_a_camera_that_has_only_old_pictures_is_no_stretch_of_the_tours() -> None:
    def with_an_old_picture() -> Tour:
        tour = tour_of(cameras(1, 5))
        tour.captured(CameraId("C-0"), 0.0, age_s=15.0)  # at 20
        tour.seen(CameraId("C-0"), 5.0, people=0)
        return tour

    tour = with_an_old_picture()
    assert isinstance(tour.next(20.3), Visit), "it is past its bound already"
    assert tour.review(21.5) == 1.0
    assert tour.past_bound(21.5) == ("C-0",)
    tour = with_an_old_picture()
    assert isinstance(tour.next(26.0), Visit)
    assert tour.stretch == pytest.approx(1.2), "so long after the last picture was taken, it is the tour that is late"


@examples(40)
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
        takes=lambda camera_id: 2.0 if camera_id.startswith("D") else chance.uniform(0.01, 0.3),
        fails=frozenset(c.id for c in broken),
    )
    run.until(70)
    bounds = {c.id: c.revisit_bound_s for c in found}
    assert set(run.gaps) == set(bounds)
    assert all(gap <= bounds[camera_id] for camera_id, gaps in run.gaps.items() for gap in gaps)


# --- the guarantee ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crowd:
    """Some cameras on some hosts, and how they behave; drawn by hypothesis.

    ``dead``: never bring a picture, and take any time to say so. ``laggards``: now and then take much longer than the
    deadline. ``unsteady``: fail now and then. The others are healthy; of them ``slow`` take all the deadline allows.
    """

    cameras: tuple[Camera, ...]
    dead: frozenset[CameraId]
    laggards: frozenset[CameraId]
    unsteady: frozenset[CameraId]
    slow: frozenset[CameraId]
    pins: bool
    settings: TourSettings
    sessions: dict[str, int]
    seed: int

    @property
    def healthy(self) -> frozenset[CameraId]:
        return frozenset(c.id for c in self.cameras) - self.dead - self.laggards - self.unsteady

    def deadline_s(self, camera_id: CameraId) -> float:
        """What a healthy camera may take; see TourSettings."""
        found = next(c for c in self.cameras if c.id == camera_id)
        return min(self.settings.visit_deadline_s, found.revisit_bound_s / 2)


ROUNDING_S = 1e-4  # the simulation goes in steps of a millionth of a second where nothing can begin yet
MANY = st.just(32)
ROOMY = {"workers": MANY, "visit_deadline_s": st.sampled_from([0.5, 2.0, 10.0]), "sessions": MANY}
TIGHT = {"workers": st.integers(1, 3), "visit_deadline_s": st.sampled_from([0.1, 0.2, 0.3]), "sessions": MANY}
FEW_SESSIONS = {"workers": MANY, "visit_deadline_s": st.sampled_from([0.1, 0.3]), "sessions": st.integers(1, 4)}
BOTH = {"workers": st.integers(2, 6), "visit_deadline_s": st.sampled_from([0.1, 0.2]), "sessions": st.integers(1, 4)}


@st.composite
def crowds(draw: st.DrawFn) -> Crowd:
    shape = draw(st.sampled_from([ROOMY, TIGHT, FEW_SESSIONS, BOTH]))
    hosts = [draw(shape["sessions"]) for _ in range(draw(st.integers(1, 3)))]
    bounds = st.sampled_from(draw(st.sampled_from([(4.0,), (5.0, 15.0, 30.0), (1.0, 2.0, 3.7, 12.3)])))
    found = tuple(
        camera(
            f"C-{number}",
            revisit_bound_s=draw(bounds),
            stream=StreamAddress(f"rtsp://host-{draw(st.integers(0, len(hosts) - 1))}/{number}"),
        )
        for number in range(draw(st.integers(1, 16)))
    )
    some = st.just(frozenset()) | st.frozensets(st.sampled_from([c.id for c in found]))
    return Crowd(
        cameras=found,
        dead=draw(some),
        laggards=draw(some),
        unsteady=draw(some),
        slow=draw(st.just(frozenset(c.id for c in found)) | some),
        pins=draw(st.booleans()),
        settings=TourSettings(
            workers=draw(shape["workers"]),
            visit_deadline_s=draw(shape["visit_deadline_s"]),
            longest_visit_s=draw(st.sampled_from([1.0, 10.0])),
            lead_s=0.0,
            backoff_base_s=0.5,
            backoff_cap_s=draw(st.sampled_from([0.5, 5.0])),
        ),
        sessions={f"host-{n}": sessions for n, sessions in enumerate(hosts)},
        seed=draw(st.integers(0, 10_000)),
    )


@dataclass
class GuaranteedRun:
    """What was simulated, and whether the tour was admitted all the time."""

    run: Run
    admitted: bool = True


def run_of(crowd: Crowd) -> GuaranteedRun:
    """The cameras toured for a while; pins at random."""
    chance = random.Random(crowd.seed)

    def takes(camera_id: CameraId) -> float:
        deadline_s = crowd.deadline_s(camera_id)
        if camera_id in crowd.dead:
            return chance.choice([0.0, deadline_s, chance.uniform(0.0, 30.0)])
        if camera_id in crowd.laggards:
            return chance.choice([0.0, deadline_s, 2 * deadline_s, chance.uniform(0.0, 12.0)])
        if camera_id in crowd.slow:
            return deadline_s
        return chance.choice([0.0, deadline_s, chance.uniform(0.0, deadline_s)])

    tour = Tour(crowd.cameras, crowd.settings, 0.0, chance.random, crowd.sessions)
    run = Run(tour, takes, fails=crowd.dead, unsteady=crowd.unsteady, chance=random.Random(crowd.seed + 1))
    guaranteed = GuaranteedRun(run)

    def each_second(now: float) -> None:
        if crowd.pins:
            pinned = chance.choice(crowd.cameras).id
            asker = chance.choice(list(Asker))
            tour.pin(pinned, now, chance.uniform(0, 5), chance.choice([0.05, 0.5, 1.0]), asker)
        run.stretches.append(tour.review(now))
        guaranteed.admitted = guaranteed.admitted and tour.admitted

    run.until(60, each_second)
    return guaranteed


@examples(200)
@given(crowds())
def test_no_healthy_camera_passes_its_bound_whatever_the_others_do(crowd: Crowd) -> None:
    """For any mix of bounds, durations up to the deadline, pins and hosts; others are dead, unsteady, or far too slow.

    Admitted: the stretch stays 1.0. Not admitted: no gap is longer than its bound times the stretch announced.
    """
    guaranteed = run_of(crowd)
    run = guaranteed.run
    bounds = {c.id: c.revisit_bound_s for c in crowd.cameras}
    healthy = {camera_id: gaps[1:] for camera_id, gaps in run.gaps.items() if camera_id in crowd.healthy}
    if guaranteed.admitted:
        assert max(run.stretches) <= 1.0 + ROUNDING_S
        assert set(healthy) == crowd.healthy, "each was seen"
        for camera_id, gaps in healthy.items():
            assert all(gap <= bounds[camera_id] + ROUNDING_S for gap in gaps), camera_id
    most = max([*run.stretches, run.tour.review(60.0)])
    for camera_id, gaps in healthy.items():
        assert all(gap <= most * bounds[camera_id] + ROUNDING_S for gap in gaps), camera_id


@examples(60)
@given(crowds())
def test_nobody_starves_and_no_host_is_asked_for_more_than_it_bears(crowd: Crowd) -> None:
    run = run_of(crowd).run
    for host, sessions in crowd.sessions.items():
        assert run.most_under_way[host] <= sessions
    worst = max(run.stretches)
    longest = {c.id: c.revisit_bound_s * worst + crowd.settings.visit_deadline_s for c in crowd.cameras}
    for c in crowd.cameras:
        if c.id in crowd.healthy and 3 * longest[c.id] < 60:
            assert len(run.gaps.get(c.id, [])) >= 2, c.id


def test_ring_status_counts_its_own_cameras_only() -> None:
    tour = tour_of(cameras(3, 5) + cameras(2, 30, RingName.FAR, prefix="F"))
    tour.seen(CameraId("C-0"), 8.0, people=0)
    tour.failed(CameraId("C-1"), CaptureFailure.TIMED_OUT, 8.0)
    status = tour.ring_status(ring(), visits=7, now=10.0)
    assert (status.cameras, status.failing, status.visits) == (3, 1, 7)
    assert (status.blind_age_p50_s, status.blind_age_max_s) == (10.0, 10.0)
    assert tour.ring_status(ring(RingName.PERIPHERY), 0, 10.0).blind_age_max_s == 0.0


def test_quantiles() -> None:
    assert quantile([], 0.5) == 0.0
    assert quantile([1, 2, 3, 4], 0.5) == 3
    assert quantile([1, 2, 3, 4], 0.99) == 4


# --- hosts, retries and what comes back -----------------------------------------------------------------------------


def on_host(count: int, host: str, bound_s: float = 5.0, prefix: str = "H") -> list[Camera]:
    addresses = [StreamAddress(f"rtsp://{host}/{number}") for number in range(count)]
    return [camera(f"{prefix}-{n}", revisit_bound_s=bound_s, stream=address) for n, address in enumerate(addresses)]


def segment(count: int, bound_s: float = 30.0) -> list[Camera]:
    """Cameras with an address each, behind one switch."""
    return [found for n in range(count) for found in on_host(1, f"10.0.3.{n}", bound_s, prefix=f"S{n}")]


def most_within(times: list[float], seconds: float) -> int:
    """The most that began in any stretch of so many seconds."""
    ordered, oldest, most = sorted(times), 0, 0
    for index, at in enumerate(ordered):
        while ordered[oldest] <= at - seconds:
            oldest += 1
        most = max(most, index - oldest + 1)
    return most


def begun(run: Run, turn: Turn, since: float = 0.0, until: float = 1e9) -> list[float]:
    return [now for now, visit in run.turns if visit.turn is turn and since <= now < until]


def test_a_recorder_is_never_asked_for_more_sessions_than_it_bears_and_its_neighbour_not_held_up() -> None:
    channels, others = on_host(8, "recorder", 10.0), on_host(8, "another", 10.0, prefix="A")
    tour = Tour(channels + others, SETTINGS, 0.0, random.Random(1).random, {"recorder": 2})
    run = Run(tour, takes=lambda camera_id: 0.5 if camera_id.startswith("H") else 0.1)
    for c in channels[:4]:
        tour.pin(c.id, 0.0, 100, 0.5)
    run.until(100)
    assert run.most_under_way["recorder"] == 2
    assert all(gap <= 10.0 for gaps in run.gaps.values() for gap in gaps)
    assert tour.stretch == 1.0


def test_a_recorder_that_is_down_is_tried_once_at_a_time_and_seldom() -> None:
    found = on_host(16, "recorder")
    run = Run(tour_of(found), takes=lambda _: 0.3, fails=frozenset(c.id for c in found))
    run.until(320, each_second=lambda now: run.most_under_way.clear() if now == 20 else None)
    assert run.most_under_way["recorder"] == 1
    # Its pauses reach 30 s, 15 on average; without the breaker 16 cameras would make a try a second.
    assert 5 <= len(begun(run, Turn.RETRY, since=20)) <= 60


def test_a_recorder_that_answers_again_has_all_its_channels_back_paced() -> None:
    found = on_host(16, "recorder")
    run = Run(tour_of(found), takes=lambda _: 0.1, fails=frozenset(c.id for c in found))

    def each_second(now: float) -> None:
        run.fails = run.fails if now < 60 else frozenset()

    run.until(180, each_second)
    assert set(run.gaps) == {c.id for c in found}
    back = begun(run, Turn.RETRY, since=60)
    assert most_within(back, 1.0) <= 2 * SETTINGS.retries_per_host_per_s


def test_retries_are_paced_in_all_however_many_cameras_fail() -> None:
    found = segment(300, 5.0)
    run = Run(tour_of(found), takes=lambda _: 0.05, fails=frozenset(c.id for c in found))
    run.until(60)
    tries = begun(run, Turn.RETRY)
    assert most_within(tries, 1.0) <= 1.5 * SETTINGS.retries_per_s + 1
    assert len(tries) > 5 * 60  # the pace is used, too


def test_a_segment_of_120_cameras_that_comes_back_is_paced_and_harms_nobody() -> None:
    healthy, lost = cameras(100, 5), segment(120)
    run = Run(tour_of(healthy + lost), takes=lambda _: 0.2)

    def each_second(now: float) -> None:
        run.fails = frozenset(c.id for c in lost) if 60 <= now < 180 else frozenset()
        run.stretches.append(run.tour.review(now))

    run.until(330, each_second)
    opened = [now for now, visit in run.turns if visit.camera in lost and now >= 180]
    assert most_within(opened, 1.0) <= 25  # of 120; in step they would all come in the same second
    assert all(gap <= 5 for c in healthy for gap in run.gaps[c.id])
    assert max(run.stretches) == 1.0
    assert all(run.tour.blind_age_s(c.id, 330.0) <= 30 for c in lost)


def test_one_hiccup_is_tried_again_at_once_and_the_bound_still_held() -> None:
    run = Run(tour_of(cameras(20, 5)), takes=lambda _: 0.2)

    def each_second(now: float) -> None:
        run.fails = frozenset({CameraId("C-7")}) if 40 <= now < 43 and not begun(run, Turn.RETRY) else frozenset()

    run.until(60, each_second)
    assert [visit.camera.id for _, visit in run.turns if visit.turn is Turn.RETRY][:1] == ["C-7"]
    assert max(run.gaps["C-7"]) <= 5


def test_a_second_failure_and_a_camera_never_seen_wait() -> None:
    tour = Tour(cameras(2, 5), SETTINGS, 0.0, lambda: 0.5)
    assert tour.failed(CameraId("C-0"), CaptureFailure.REFUSED, 0.0) == 1.0
    tour.seen(CameraId("C-1"), 0.0, people=0)
    assert tour.failed(CameraId("C-1"), CaptureFailure.REFUSED, 4.0) == 0.0
    assert tour.failed(CameraId("C-1"), CaptureFailure.REFUSED, 4.2) == 2.0


def test_in_overload_cameras_that_failed_get_their_turn_too() -> None:
    busy, dead = cameras(60, 5), cameras(3, 5, prefix="D")
    run = Run(tour_of(busy + dead), at_once=1, takes=lambda _: 0.2, fails=frozenset(c.id for c in dead))

    def each_second(now: float) -> None:  # needs 12 visits/s, has 5
        run.tour.review(now)
        run.fails = run.fails if now < 200 else frozenset()

    run.until(600, each_second)
    assert all(len([at for at in run.tries[c.id] if at < 200]) >= 3 for c in dead)
    assert all(c.id in run.gaps for c in dead)


def test_a_retry_whose_host_has_no_room_holds_up_nobody_that_is_due() -> None:
    (neighbour, failing), other = on_host(2, "10.0.0.1"), camera("other")
    tour, now = tour_of([neighbour, failing, other], TourSettings(sessions_per_host=1)), 0.0
    while True:
        visit = tour.next(now)
        now += 0.01
        if not isinstance(visit, Visit):
            continue
        if visit.camera.id == neighbour.id and tour.failing(failing.id):
            break  # it keeps its host's only session until every bound has passed
        if visit.camera.id == failing.id:
            tour.failed(failing.id, CaptureFailure.NO_KEY_FRAME, now)
        else:
            tour.seen(visit.camera.id, now, people=0)
        tour.ended(visit)
    visit = tour.next(now + 30.0)
    assert isinstance(visit, Visit)
    assert visit.camera.id == other.id


def test_a_camera_that_came_back_is_found_even_where_the_tour_has_little_to_spare() -> None:
    back = cameras(1, 5, prefix="D")
    run = Run(tour_of(cameras(20, 5) + back), at_once=1, takes=lambda _: 0.2, fails=frozenset({back[0].id}))

    def each_second(now: float) -> None:  # needs 4.2 visits/s, has 5
        run.tour.review(now)
        run.fails = run.fails if now < 30 else frozenset()

    run.until(300, each_second)
    assert run.tour.blind_age_s(back[0].id, 300.0) <= 5 * run.tour.stretch


def test_a_tour_that_makes_more_visits_than_its_pace_is_not_halted_by_the_first_late_camera() -> None:
    found = cameras(100, 10)
    run = Run(tour_of(found, TourSettings(opens_per_s=13.0)), takes=lambda _: 0.1)

    def each_second(now: float) -> None:
        if now == 20:  # 20 visits a second from now on, and none of them late
            run.tour.set_bounds({c.id: 5.0 for c in found}, now)
        run.at_once = 1 if 120 <= now < 124 else 1_000_000  # a busy machine, for four seconds
        run.stretches.append(run.tour.review(now))

    run.until(160, each_second)
    assert max(run.stretches[:120]) == 1.0
    assert max(run.stretches) < 3.0


# --- how long a visit may take --------------------------------------------------------------------------------------


def visited(tour: Tour, camera_id: str, at: float, seconds: float) -> None:
    """A visit that brought a picture after so many seconds."""
    tour.captured(CameraId(camera_id), seconds)
    tour.seen(CameraId(camera_id), at, people=0)


def test_every_visit_is_given_the_deadline_and_one_of_a_slow_camera_more() -> None:
    tour = tour_of(cameras(1, 30))
    slow = CameraId("C-0")
    visited(tour, "C-0", 1.0, 0.1)
    assert tour.deadline_s(slow, 1.0) == SETTINGS.visit_deadline_s
    visited(tour, "C-0", 1.0, 2.0)
    assert PATIENCE * 2.0 <= tour.deadline_s(slow, 1.0) < PATIENCE * 2.0 * STEP
    for second in range(60):
        visited(tour, "C-0", 2.0 + second, 0.1)
    assert tour.deadline_s(slow, 62.0) == SETTINGS.visit_deadline_s


def test_a_slow_camera_whose_visits_others_must_wait_for_is_given_more_once_they_come_due_early_enough() -> None:
    channels = on_host(4, "recorder", 20.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=2, visit_deadline_s=1.0))
    for c in channels:
        visited(tour, c.id, 0.0, 0.1)
    visited(tour, "H-0", 1.0, 0.5)
    tour.review(1.0)
    assert [tour.deadline_s(CameraId("H-0"), at) for at in (1.0, 20.9, 21.0)] == [1.0, 1.0, 1.5]


def test_a_deadline_changes_in_steps_so_that_the_others_need_not_reckon_anew_with_every_visit() -> None:
    tour = tour_of(cameras(1, 30))
    given = set()
    for number in range(400):
        visited(tour, "C-0", float(number), 0.6 + 0.1 * (number % 3))
        tour.review(float(number))
        given.add(tour.deadline_s(CameraId("C-0"), float(number)))
    assert len(given) <= 3
    assert max(given) < 2 * PATIENCE * 0.8


def test_a_camera_that_has_become_slow_makes_the_others_of_its_recorder_come_due_earlier() -> None:
    channels = on_host(4, "recorder", 20.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=2, visit_deadline_s=1.0, lead_s=0.0))
    for c in channels:
        visited(tour, c.id, 0.0, 0.1)
    due_s = tour.next(0.0)
    before = tour.worst_waits_s
    tour.captured(channels[0].id, 0.5)
    tour.seen(channels[0].id, 0.5, people=0)
    tour.review(1.0)
    assert isinstance(due_s, float)
    assert max(wait_s or 0.0 for wait_s in tour.worst_waits_s.values()) > max(
        wait_s or 0.0 for wait_s in before.values()
    )


@pytest.mark.parametrize("why", [CaptureFailure.TIMED_OUT, CaptureFailure.NO_KEY_FRAME])
def test_after_a_time_out_the_next_visit_gets_twice_as_long_up_to_half_the_bound(why: CaptureFailure) -> None:
    tour = tour_of(cameras(1, 30))
    visited(tour, "C-0", 1.0, 0.1)
    given = []
    for number in range(5):
        visit = tour.next(100.0 * (number + 1))
        assert isinstance(visit, Visit)
        given.append(visit.deadline_s)
        tour.failed(CameraId("C-0"), why, 100.0 * (number + 1) + visit.deadline_s)
        tour.ended(visit)
    assert given[0] == 1.5
    assert all(later >= min(10.0, 2 * earlier) for earlier, later in itertools.pairwise(given))
    assert given[-1] == 10.0
    assert tour_of(cameras(1, 2)).deadline_s(CameraId("C-0"), 0.0) == 1.0


def test_a_refusal_does_not_make_the_next_visit_longer() -> None:
    tour = tour_of(cameras(1, 30))
    visited(tour, "C-0", 1.0, 0.1)
    tour.failed(CameraId("C-0"), CaptureFailure.REFUSED, 2.0)
    visit = tour.next(3.0)
    assert isinstance(visit, Visit)
    assert (visit.turn, visit.deadline_s) == (Turn.RETRY, SETTINGS.visit_deadline_s)


@examples(50)
@given(
    bound_s=st.sampled_from([5.0, 15.0, 30.0]),
    takes_s=st.lists(st.floats(0.0, 12.0), min_size=5, max_size=40),
)
def test_a_camera_that_answers_too_late_now_and_then_is_seen_soon_after_its_bound(
    bound_s: float, takes_s: list[float]
) -> None:
    """Not promised, and still bounded: one visit that was cut off, and one that is given as long as any."""
    turns = itertools.cycle([0.1, *takes_s])
    run = Run(tour_of(cameras(1, bound_s)), takes=lambda _: min(next(turns), bound_s / 2, 10.0))
    run.until(20 * bound_s, each_second=lambda now: run.tour.review(now) and None)
    longest_s = min(10.0, bound_s / 2)
    worst = max(run.gaps[CameraId("C-0")][1:], default=0.0)
    assert worst <= bound_s + 2 * longest_s + 2 * SETTINGS.backoff_cap_s


# --- other bounds from now on ---------------------------------------------------------------------------------------


def changing(bounds: dict[float, dict[CameraId, float]], takes_s: float, found: list[Camera]) -> Run:
    """A tour of 200 s in which other bounds hold from certain seconds on."""
    run = Run(tour_of(found), takes=lambda _: takes_s)

    def each_second(now: float) -> None:
        if now in bounds:
            run.tour.set_bounds(bounds[now], now)
        run.stretches.append(run.tour.review(now))
        assert run.tour.past_bound(now) == ()

    run.until(200, each_second)
    return run


def test_stricter_bounds_for_400_cameras_in_the_middle_of_a_tour_make_nobody_late_and_no_rush() -> None:
    found = cameras(400, 30, RingName.FAR, prefix="F") + cameras(60, 5)
    strict = {c.id: 10.0 for c in found[:400]}
    run = changing({60.0: strict}, 0.2, found)
    assert max(run.stretches) == 1.0
    assert all(gap <= 5 for c in found[400:] for gap in run.gaps[c.id])
    since_then = [gap for c in found[:400] for gap in run.gaps[c.id][-5:]]
    assert max(since_then) <= 10
    assert most_within(begun(run, Turn.DUE, since=60), 1.0) <= 2 * (400 / 10 + 60 / 5)


def test_looser_bounds_in_the_middle_of_a_tour_save_visits_and_make_nobody_late() -> None:
    found = cameras(200, 10) + cameras(60, 5, prefix="O")
    run = changing({60.0: {c.id: 40.0 for c in found[:200]}}, 0.2, found)
    assert max(run.stretches) == 1.0
    assert all(gap <= 5 for c in found[200:] for gap in run.gaps[c.id])
    loosened = [now for now, visit in run.turns if visit.camera in found[:200]]
    assert sum(120 <= now < 180 for now in loosened) < 0.4 * sum(0 <= now < 60 for now in loosened)


def test_a_slightly_stricter_bound_lets_no_camera_wait_longer_than_the_old_one() -> None:
    found = cameras(60, 30)
    run = changing({60.0: {c.id: 28.0 for c in found}}, 0.2, found)
    assert max(gap for gaps in run.gaps.values() for gap in gaps) <= 30


def test_stricter_bounds_for_slow_cameras_announce_no_stretch() -> None:
    found = cameras(200, 30)
    run = changing({60.0: {c.id: 10.0 for c in found}}, 2.5, found)
    assert max(run.stretches) == 1.0


def test_a_camera_that_cannot_be_seen_stays_past_its_bound_when_the_bound_changes() -> None:
    tour = tour_of(cameras(1, 30))
    for second in range(40):
        tour.failed(CameraId("C-0"), CaptureFailure.REFUSED, float(second))
    assert tour.past_bound(40.0) == ("C-0",)
    tour.set_bounds({CameraId("C-0"): 10.0}, 40.0)
    assert tour.past_bound(40.1) == ("C-0",)


def test_a_session_that_is_free_is_used_although_the_camera_it_was_for_has_another_bound_now() -> None:
    channels, other = on_host(4, "recorder", 20.0), on_host(1, "another", 20.0, prefix="A")
    tour = tour_of(channels + other, TourSettings(sessions_per_host=1, visit_deadline_s=1.0))
    for c in channels + other:
        tour.seen(c.id, 0.0 if c in channels else 10.0, people=0)
    visit = tour.next(16.0)
    assert isinstance(visit, Visit)
    assert isinstance(tour.next(16.0), float)  # the other three wait for the recorder's only session
    visited(tour, visit.camera.id, 16.1, 0.1)
    tour.ended(visit)
    tour.set_bounds({other[0].id: 15.0, channels[1].id: 15.0}, 16.1)
    free_for = [found for _ in range(3) if isinstance(found := tour.next(16.2), Visit)]
    assert any(found.camera.id in {"H-2", "H-3"} for found in free_for)


@examples(40)
@given(
    before=st.lists(st.sampled_from([4.0, 6.0, 15.0, 30.0]), min_size=1, max_size=12),
    after=st.lists(st.sampled_from([4.0, 6.0, 15.0, 30.0]), min_size=12, max_size=12),
    when=st.integers(10, 50),
    seed=st.integers(0, 1000),
)
def test_whatever_the_bounds_become_nobody_waits_longer_than_by_the_looser_of_the_two(
    before: list[float], after: list[float], when: int, seed: int
) -> None:
    found = [camera(f"C-{n}", revisit_bound_s=bound_s) for n, bound_s in enumerate(before)]
    chance = random.Random(seed)
    run = Run(tour_of(found), takes=lambda _: chance.uniform(0.0, SETTINGS.visit_deadline_s))
    changed = {c.id: bound_s for c, bound_s in zip(found, after, strict=False)}
    at_change: dict[CameraId, int] = {}

    def each_second(now: float) -> None:
        if now == when:
            run.tour.set_bounds(changed, now)
            at_change.update({camera_id: len(gaps) for camera_id, gaps in run.gaps.items()})
        run.stretches.append(run.tour.review(now))

    run.until(110, each_second)
    assert max(run.stretches) == 1.0
    for c in found:
        first, old_s, new_s = at_change.get(c.id, 0), c.revisit_bound_s, changed[c.id]
        assert all(gap <= old_s + ROUNDING_S for gap in run.gaps[c.id][1:first])
        assert all(gap <= max(old_s, new_s) + ROUNDING_S for gap in run.gaps[c.id][max(1, first) : first + 1])
        assert all(gap <= new_s + ROUNDING_S for gap in run.gaps[c.id][max(1, first + 1) :])


# --- past its bound, and in focus -----------------------------------------------------------------------------------


def test_past_its_bound_is_who_was_not_seen_in_time_and_nobody_else() -> None:
    dead, healthy = cameras(2, 5, prefix="D"), cameras(10, 5)
    run = Run(tour_of(healthy + dead), takes=lambda _: 0.2, fails=frozenset(c.id for c in dead))
    past: list[tuple[CameraId, ...]] = []
    run.until(30, each_second=lambda now: past.append(run.tour.past_bound(now)))
    assert past[:5] == [()] * 5
    assert set(past[-1]) == {"D-0", "D-1"}
    assert run.tour.failing(CameraId("D-0")) == "refused"
    assert run.tour.failing(CameraId("C-0")) is None


def test_with_all_bounds_stretched_only_who_is_later_than_that_is_past_its_bound() -> None:
    tour = tour_of(cameras(2, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    tour.seen(CameraId("C-1"), 4.0, people=0)
    tour._stretch.factor = 1.5
    assert tour.past_bound(7.4) == ()
    assert tour.past_bound(7.6) == ("C-0",)


def test_a_camera_whose_picture_was_taken_in_time_is_not_past_its_bound_while_the_detector_works() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    visit = tour.next(3.4)
    assert isinstance(visit, Visit)
    tour.captured(CameraId("C-0"), 1.4)
    tour.ended(visit)
    assert tour.past_bound(5.1) == ()


def test_a_focus_makes_no_more_extra_looks_than_there_is_capacity_for() -> None:
    found = cameras(40, 10)
    run = Run(tour_of(found), takes=lambda _: 0.05)
    run.tour.set_spare(2.0, 0.0)
    for c in found:
        run.tour.pin(c.id, 0.0, 60, 0.5)
    run.until(60)
    assert len(begun(run, Turn.FOCUS)) == pytest.approx(2.0 * 60, rel=0.1)
    assert all(gap <= 10 for gaps in run.gaps.values() for gap in gaps)


def test_where_nothing_is_to_spare_a_focus_gets_next_to_nothing() -> None:
    run = Run(tour_of(cameras(40, 10)), takes=lambda _: 0.05)
    run.tour.set_spare(-5.0, 0.0)
    run.tour.pin(CameraId("C-1"), 0.0, 100, 0.5)
    run.until(100)
    assert len(begun(run, Turn.FOCUS)) <= 12


def test_a_camera_is_in_focus_for_as_long_as_it_was_asked_for() -> None:
    tour = tour_of(cameras(2, 10))
    tour.pin(CameraId("C-0"), now=5.0, seconds=15.0, every_s=1.0)
    assert [tour.in_focus(CameraId("C-0"), at) for at in (5.0, 19.9, 20.0)] == [True, True, False]
    assert not tour.in_focus(CameraId("C-1"), 6.0)


def test_a_focus_can_be_ended_before_its_time() -> None:
    run = Run(tour_of(cameras(1, 5)), takes=lambda _: 0.05)
    run.tour.pin(CameraId("C-0"), 0.0, 100, 0.5)
    run.until(10, each_second=lambda now: run.tour.pin(CameraId("C-0"), 5.0, 0, 0.5) if now == 5 else None)
    assert max(begun(run, Turn.FOCUS)) <= 5.0


def test_what_was_announced_between_two_reviews_is_shown_by_the_next_one() -> None:
    tour = tour_of(cameras(1, 30))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    tour.review(29.9)
    visit = tour.next(29.9)
    assert isinstance(visit, Visit)
    tour.captured(CameraId("C-0"), 0.5)
    tour.ended(visit)
    tour.seen(CameraId("C-0"), 30.4, people=0)
    assert tour.review(30.9) == pytest.approx(30.4 / 30)
    assert tour.review(31.9) == 1.0


def test_a_detector_that_takes_nothing_more_is_a_stretch_and_not_the_cameras_fault() -> None:
    tour = tour_of(cameras(1, 5) + cameras(1, 5, prefix="T"))
    for camera_id in ("C-0", "T-0"):
        tour.seen(CameraId(camera_id), 0.0, people=0)
    taken = tour.next(4.0)
    assert isinstance(taken, Visit)
    tour.captured(taken.camera.id, 0.1)
    tour.ended(taken)
    # Nobody asks for another visit: as many pictures as may wait for the detector do.
    assert tour.review(10.0) == pytest.approx(2.0)
    assert tour.past_bound(10.0) == ()


def test_who_failed_just_now_is_tried_again_before_those_that_have_more_time() -> None:
    core, many = cameras(1, 5), cameras(100, 30, RingName.FAR, prefix="F")
    tour = tour_of(many + core)
    for c in many + core:
        tour.seen(c.id, 0.0, people=0)
    for c in many + core:
        tour.failed(c.id, CaptureFailure.BROKEN, 1.0)
    visit = tour.next(1.0)
    assert isinstance(visit, Visit)
    assert (visit.camera.id, visit.turn) == ("C-0", Turn.RETRY)


def test_an_operator_who_lets_a_camera_go_does_not_end_what_a_rule_asked_for() -> None:
    tour = tour_of(cameras(1, 60))
    tour.pin(CameraId("C-0"), 0.0, 15.0, 1.0, Asker.SUSPICION)
    tour.pin(CameraId("C-0"), 0.0, 60.0, 1.0, Asker.OPERATOR)
    tour.pin(CameraId("C-0"), 1.0, 0.0, 1.0, Asker.OPERATOR)
    assert tour.in_focus(CameraId("C-0"), 14.0)
    assert not tour.in_focus(CameraId("C-0"), 16.0)


def test_no_focus_where_there_is_nothing_to_spare() -> None:
    run = Run(tour_of(cameras(2, 60)), takes=lambda _: 0.05)
    run.tour.pin(CameraId("C-0"), 0.0, 300, 1.0)
    run.until(200, each_second=lambda now: run.tour.set_spare(-3.0, now))
    assert len(begun(run, Turn.FOCUS, since=30)) == 0


def test_a_quicker_focus_does_not_wait_for_the_slower_one_it_replaces() -> None:
    run = Run(tour_of(cameras(1, 60)), takes=lambda _: 0.05)
    run.tour.pin(CameraId("C-0"), 0.0, 300, 40.0)
    run.until(30, each_second=lambda now: run.tour.pin(CameraId("C-0"), 5.0, 60, 1.0) if now == 5 else None)
    assert len(begun(run, Turn.FOCUS, since=5)) >= 15


# --- sessions that are kept open, and the pace of those that are not ------------------------------------------------


def test_a_camera_that_is_kept_open_needs_no_session_and_leaves_its_host_one_less() -> None:
    channels = on_host(6, "recorder", 10.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=3, visit_deadline_s=0.5))
    kept = frozenset(c.id for c in channels[:2])
    tour.set_kept_open(kept)
    for c in channels:
        tour.seen(c.id, 0.0, people=0)
    visits = [visit for _ in range(7) if isinstance(visit := tour.next(9.9), Visit)]
    assert {visit.camera.id for visit in visits if not visit.in_new_session} == kept
    assert sum(visit.in_new_session for visit in visits) == 1


def test_a_session_that_outlives_its_visit_is_nobody_elses() -> None:
    channels = on_host(3, "recorder", 10.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=2, visit_deadline_s=0.5))
    for c in channels:
        tour.seen(c.id, 0.0, people=0)
    first, second = (tour.next(9.9) for _ in range(2))
    assert isinstance(first, Visit)
    assert isinstance(second, Visit)
    assert isinstance(tour.next(9.9), float), "both sessions are in use"
    tour.ended(first, is_kept_open=True)
    assert isinstance(tour.next(9.9), float), "one is kept open, one is in use"
    tour.ended(second)
    assert isinstance(tour.next(9.9), Visit)


def test_a_session_that_was_closed_without_its_hosts_word_is_nobody_elses_until_it_has_surely_let_go() -> None:
    channels = on_host(4, "recorder", 100.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=2, visit_deadline_s=0.5))
    for c in channels:
        tour.seen(c.id, 0.0, people=0)
    first, second = (tour.next(99.9) for _ in range(2))
    assert isinstance(first, Visit)
    assert isinstance(second, Visit)
    tour.unconfirmed(first.camera.id, 40.0, 99.9)
    tour.ended(first)
    assert isinstance(tour.next(100.0), float), "one may be held, one is in use"
    assert isinstance(tour.next(139.8), float)
    assert isinstance(tour.next(139.9), Visit), "also while the other visit goes on"
    tour.unconfirmed(second.camera.id, 120.0, 140.0)
    tour.ended(second)
    assert isinstance(tour.next(199.9), float), "one may be held, one is in use"
    assert isinstance(tour.next(200.0), Visit), "a minute is the most"


def test_a_camera_that_never_says_that_it_let_go_is_seen_in_time_all_the_same() -> None:
    channels = on_host(2, "camera", 5.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=2, visit_deadline_s=0.5))
    run = Run(tour, takes=lambda _: 0.2)
    run.until(60, each_second=lambda now: tour.unconfirmed(channels[0].id, 60.0, now))
    assert max(gap for gaps in run.gaps.values() for gap in gaps[1:]) <= 5.0 + ROUNDING_S


def test_a_host_whose_sessions_are_all_kept_open_still_lets_the_others_in_one_by_one() -> None:
    channels = on_host(4, "recorder", 20.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=2, visit_deadline_s=0.5))
    tour.set_kept_open(frozenset(c.id for c in channels[:2]))
    run = Run(tour, takes=lambda _: 0.2)
    run.until(60)
    assert {camera_id for camera_id, gaps in run.gaps.items() if max(gaps[1:]) <= 20} == {c.id for c in channels}


def test_sessions_that_are_kept_open_are_counted_in_what_is_promised() -> None:
    channels = on_host(10, "recorder", 10.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=4, visit_deadline_s=0.5, lead_s=0.0))
    tour.set_kept_open(frozenset(c.id for c in channels[:3]))
    for c in channels:
        tour.seen(c.id, 0.0, people=0)  # so that all are due together
    run = Run(tour, takes=lambda _: 0.5)
    run.until(11)
    worst = max(gap for gaps in run.gaps.values() for gap in gaps)
    assert worst <= 10.0 + ROUNDING_S or not tour.admitted


def test_sessions_that_are_no_longer_kept_open_are_all_used_for_those_that_wait() -> None:
    channels = on_host(12, "recorder", 20.0)
    tour = tour_of(channels, TourSettings(sessions_per_host=8, visit_deadline_s=1.0))
    tour.set_kept_open(frozenset(c.id for c in channels[:7]))
    for c in channels:
        tour.seen(c.id, 0.0, people=0)
    visits = [visit for _ in range(14) if isinstance(visit := tour.next(19.0), Visit)]
    assert len(visits) == 8
    tour.set_kept_open(frozenset())
    assert sum(isinstance(tour.next(19.1), Visit) for _ in range(6)) >= 4


def test_a_tour_that_was_late_once_is_in_time_again_however_many_visits_its_bounds_ask_for() -> None:
    found = cameras(100, 10)
    run = Run(tour_of(found, TourSettings(opens_per_s=13.0)), takes=lambda _: 0.1)

    def each_second(now: float) -> None:
        if now == 20:  # 20 visits a second from now on
            run.tour.set_bounds({c.id: 5.0 for c in found}, now)
        run.at_once = 1 if 60 <= now < 64 else 1_000_000  # a busy machine, for four seconds
        run.stretches.append(run.tour.review(now))

    run.until(240, each_second)
    assert max(run.stretches[:60]) == 1.0
    assert run.stretches[-1] == 1.0


def test_so_many_looks_for_focus_are_under_way_at_once_until_the_detector_is_through_with_them() -> None:
    tour = tour_of(cameras(10, 60), TourSettings(focus_at_once=2))
    for c in cameras(10, 60):
        tour.seen(c.id, 0.0, people=0)
        tour.pin(c.id, 0.0, 60.0, 1.0)
    begun_now = [visit for _ in range(10) if isinstance(visit := tour.next(2.0), Visit)]
    assert [visit.turn for visit in begun_now] == [Turn.FOCUS] * 2
    for visit in begun_now:
        tour.captured(visit.camera.id, 0.1)
        tour.ended(visit)
    assert isinstance(tour.next(3.5), float), "their pictures stand in the detector's line"
    tour.seen(begun_now[0].camera.id, 2.1, people=0)
    tour.dropped(begun_now[1].camera.id)
    assert sum(isinstance(tour.next(5.0), Visit) for _ in range(10)) == 2


def looked_once(tour: Tour, now: float, number: int = 0) -> bool:
    """Whether a look for focus begins now, of this camera; it brings its picture at once, for the detector."""
    visit = tour.next(now)
    if not isinstance(visit, Visit):
        return False
    assert (visit.camera.id, visit.turn) == (f"C-{number}", Turn.FOCUS)
    tour.captured(visit.camera.id, 0.01)
    tour.ended(visit)
    return True


def test_a_focus_takes_the_next_picture_while_the_last_ones_are_in_the_detector() -> None:
    tour = tour_of(cameras(1, 60))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    tour.pin(CameraId("C-0"), 0.0, 60.0, 0.25)
    begun_at = [step / 20 for step in range(1, 101) if looked_once(tour, step / 20)]
    assert begun_at == [0.25, 0.5, 0.75], "so many may wait for the detector"
    for captured_at in begun_at:
        tour.seen(CameraId("C-0"), captured_at, people=0)
    assert looked_once(tour, 5.05)
    assert tour.blind_age_s(CameraId("C-0"), 5.05) == pytest.approx(4.3)


def test_a_camera_in_focus_comes_due_once_all_its_pictures_went_through_the_detector() -> None:
    tour = tour_of(cameras(1, 5))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    tour.pin(CameraId("C-0"), 0.0, 1.2, 0.5)
    assert [step / 10 for step in range(30) if looked_once(tour, step / 10)] == [0.5, 1.0]
    tour.seen(CameraId("C-0"), 0.5, people=0)
    assert isinstance(tour.next(4.9), float), "its other picture is in the detector"
    tour.dropped(CameraId("C-0"))
    visit = tour.next(4.9)
    assert isinstance(visit, Visit)
    assert visit.turn is Turn.DUE


def test_one_of_several_looks_that_fails_takes_its_own_place_only() -> None:
    tour = tour_of(cameras(1, 60), TourSettings(focus_at_once=2))
    tour.seen(CameraId("C-0"), 0.0, people=0)
    tour.pin(CameraId("C-0"), 0.0, 60.0, 0.25)
    assert looked_once(tour, 0.25)
    second = tour.next(0.5)
    assert isinstance(second, Visit)
    tour.failed(CameraId("C-0"), CaptureFailure.BROKEN, 0.6)
    tour.ended(second)
    assert isinstance(tour.next(0.7), float), "the first is in the detector yet"
    tour.seen(CameraId("C-0"), 0.25, people=0)
    assert [looked_once(tour, at) for at in (1.0, 1.3, 1.6)] == [True, True, False]


def pinned_in_a_crowd(*askers: Asker, spare_per_s: float) -> tuple[Run, dict[Asker, list[float]]]:
    """Ten cameras for each asker, four looks a second for each, little to spare; when each asker's were looked at."""
    found = cameras(10 * len(askers), 60)
    run = Run(tour_of(found), takes=lambda _: 0.05)
    run.tour.set_spare(spare_per_s, 0.0)
    asker_of = {each.id: askers[number % len(askers)] for number, each in enumerate(found)}
    for camera_id, asker in asker_of.items():
        run.tour.pin(camera_id, 0.0, 20.0, 0.25, asker)
    run.until(20)
    begun: dict[Asker, list[float]] = {asker: [] for asker in askers}
    for now, visit in run.turns:
        if visit.turn is Turn.FOCUS:
            begun[asker_of[visit.camera.id]].append(now)
    return run, begun


def test_where_there_is_too_little_for_all_what_a_rule_suspects_is_looked_at_before_the_rest_of_a_clip() -> None:
    _, begun = pinned_in_a_crowd(Asker.CLIP, Asker.SUSPICION, spare_per_s=20.0)
    assert len(begun[Asker.SUSPICION]) == pytest.approx(400, rel=0.1)
    assert len(begun[Asker.CLIP]) <= 20
    _, begun = pinned_in_a_crowd(Asker.CLIP, Asker.SUSPICION, spare_per_s=60.0)
    assert len(begun[Asker.CLIP]) == pytest.approx(400, rel=0.1), "what is left is theirs"


def test_what_there_is_to_spare_is_shared_out_evenly() -> None:
    run, _ = pinned_in_a_crowd(Asker.SUSPICION, spare_per_s=10.0)
    looks = Counter(visit.camera.id for _, visit in run.turns if visit.turn is Turn.FOCUS)
    assert len(looks) == 10
    assert max(looks.values()) - min(looks.values()) <= 2


def test_a_suspicion_goes_first_also_where_its_camera_waits_already_as_one_of_lower_rank() -> None:
    tour = tour_of(cameras(2, 60))
    tour.set_spare(0.0, 0.0)
    for number, each in enumerate(cameras(2, 60)):
        tour.seen(each.id, 0.0, people=0)
        tour.pin(each.id, 0.1 * number, 60.0, 0.25, Asker.CLIP)
    while isinstance(tour.next(1.0), Visit):
        pass
    for each in cameras(2, 60):
        tour.dropped(each.id)
    assert isinstance(tour.next(2.0), float), "both wait, and there is nothing to spare"
    tour.pin(CameraId("C-1"), 2.1, 60.0, 0.25, Asker.SUSPICION)
    tour.set_spare(1.0, 2.1)
    visit = tour.next(3.2)
    assert isinstance(visit, Visit)
    assert visit.camera.id == "C-1"


def test_more_comes_due_than_the_bounds_ask_for() -> None:
    found = cameras(10, 5)
    tour = tour_of(found)
    for c in found:
        tour.captured(c.id, 0.1)
        tour.seen(c.id, 0.0, people=0)
    lead_s = SETTINGS.visit_deadline_s + SETTINGS.lead_s
    assert tour.due_per_s == pytest.approx(10 / (5 - lead_s))


def test_a_picture_that_came_late_for_the_cameras_own_reasons_is_no_stretch_while_it_is_in_the_detector() -> None:
    tour = tour_of(cameras(1, 5))
    tour.captured(CameraId("C-0"), 0.1)
    tour.seen(CameraId("C-0"), 0.0, people=0)
    visit = tour.next(3.3)
    assert isinstance(visit, Visit)
    tour.captured(CameraId("C-0"), 18.0)  # its key frames lie 20 s apart
    tour.ended(visit)
    assert tour.review(21.5) == 1.0
    tour.seen(CameraId("C-0"), 21.3, people=0)
    assert isinstance(tour.next(23.6), Visit)
    tour.failed(CameraId("C-0"), CaptureFailure.BROKEN, 23.7)
    again = tour.next(40.0)
    assert isinstance(again, Visit)
    tour.captured(CameraId("C-0"), 0.1)
    tour.ended(again)
    assert tour.review(43.0) == 1.0, "it had failed"


def test_a_camera_that_is_kept_open_comes_due_later_and_one_whose_session_broke_as_early_as_others() -> None:
    tour = tour_of(cameras(2, 5))
    for c in cameras(2, 5):
        tour.captured(c.id, 0.01)
        tour.seen(c.id, 0.0, people=0)
    tour.set_kept_open(frozenset({CameraId("C-0")}))
    tour.review(0.5)
    for c in cameras(2, 5):
        tour.seen(c.id, 1.0, people=0)
    due = {visit.camera.id: at / 100 for at in range(100, 700) if isinstance(visit := tour.next(at / 100), Visit)}
    assert due["C-1"] == pytest.approx(1.0 + 5 - SETTINGS.visit_deadline_s - SETTINGS.lead_s, abs=0.02)
    assert due["C-0"] == pytest.approx(1.0 + 5 - KEPT_OPEN_DEADLINE_S - SETTINGS.lead_s, abs=0.02)
    tour.set_kept_open(frozenset())
    assert tour.deadline_s(CameraId("C-0"), 7.0) == SETTINGS.visit_deadline_s


def test_a_camera_whose_session_broke_or_was_for_a_focus_only_comes_due_as_early_as_others() -> None:
    kept = frozenset({CameraId("C-0"), CameraId("C-1")})
    tour = tour_of(cameras(2, 5))
    tour.set_kept_open(kept, passing=frozenset({CameraId("C-1")}))
    tour.review(0.5)
    for c in cameras(2, 5):
        tour.captured(c.id, 0.01)
        tour.seen(c.id, 1.0, people=0)
    assert tour.passing == {"C-1"}
    assert tour.deadline_s(CameraId("C-1"), 1.0) == SETTINGS.visit_deadline_s
    tour.set_kept_open(frozenset({CameraId("C-1")}), passing=frozenset({CameraId("C-1")}))
    due = {visit.camera.id: at / 100 for at in range(100, 700) if isinstance(visit := tour.next(at / 100), Visit)}
    assert due == pytest.approx(dict.fromkeys(kept, 1.0 + 5 - SETTINGS.visit_deadline_s - SETTINGS.lead_s), abs=0.02)


@examples(60)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 20), bound_s=st.sampled_from([4.0, 5.0, 15.0]))
def test_sessions_that_are_opened_for_a_focus_and_closed_at_any_moment_make_nobody_late(
    seed: int, count: int, bound_s: float
) -> None:
    chance = random.Random(seed)
    slow_s = 0.95 * SETTINGS.visit_deadline_s
    run = Run(tour_of(cameras(count, bound_s)), takes=lambda _: slow_s if chance.random() < 0.02 else 0.05)

    def each_second(now: float) -> None:
        asked_for = CameraId(f"C-{chance.randrange(count)}")
        run.tour.pin(asked_for, now, chance.uniform(0.0, 3.0), every_s=0.25)
        run.passing.add(asked_for)
        run.passing -= {each for each in run.passing if chance.random() < 0.3}
        kept = frozenset(run.passing & run.tour.kept_open)
        run.tour.set_kept_open(kept, passing=kept)
        run.stretches.append(run.tour.review(now))

    run.until(40 * bound_s, each_second)
    assert max(gap for gaps in run.gaps.values() for gap in gaps) <= bound_s
    assert set(run.stretches) == {1.0}


def test_a_session_that_is_opened_for_a_focus_is_no_reason_to_come_later() -> None:
    tour = tour_of(cameras(1, 5))
    visit = tour.next(0.0)
    assert isinstance(visit, Visit)
    tour.captured(visit.camera.id, 0.01)
    tour.seen(visit.camera.id, 0.0, people=1)
    tour.ended(visit, is_kept_open=True)  # told of its session only after its picture was looked at
    tour.set_kept_open(tour.kept_open, passing=tour.kept_open)
    due = next(at / 100 for at in range(700) if isinstance(tour.next(at / 100), Visit))
    assert due == pytest.approx(5 - SETTINGS.visit_deadline_s - SETTINGS.lead_s, abs=0.02)
