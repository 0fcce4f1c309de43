"""The longest wait for a slot, against services that do their worst."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patrol.domain.slots import Demand, worst_wait_s
from tests.examples import examples

UNTIL_S = 400.0


@dataclass
class Adversary:
    """Slots that are never idle while someone waits and never interrupt a visit; all else is done to make one wait.

    Every camera comes due again ``bound - visit - wait_s`` after its last capture, or some time later. ``victim`` is
    served last. ``lower_rank_s``: a visit of lower rank, begun in a free slot, that long, one at a time.
    """

    demands: list[Demand]
    slots: int
    wait_s: float
    lower_rank_s: float
    chance: random.Random
    waiting: dict[int, float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    lower_rank_ends: float = 0.0

    def __post_init__(self) -> None:
        self.victim = self.chance.randrange(len(self.demands))
        self.lazy = self.chance.choice([0.0, 0.0, 0.3])  # how often it does less than its worst
        together = self.chance.random() < 0.5
        whole = [0.0 if together else float(self.chance.randrange(20)) for _ in self.demands]
        self.due = [(at, camera) for camera, at in enumerate(whole)]
        heapq.heapify(self.due)

    def run(self) -> float:
        """The longest wait there was."""
        now = 0.0
        while now < UNTIL_S:
            self._take_lower_rank(now)
            while self.due and self.due[0][0] <= now:
                at, camera = heapq.heappop(self.due)
                self.waiting[camera] = at
            self.busy = [ends for ends in self.busy if ends > now]
            while self.waiting and len(self.busy) < self.slots:
                self._begin(now)
            now = min([*self.busy, *(at for at, _ in self.due[:1])], default=UNTIL_S)
        return max(self.waits, default=0.0)

    def _take_lower_rank(self, now: float) -> None:
        """It begins just before somebody comes due, when nobody waits."""
        free = len([ends for ends in self.busy if ends > now]) < self.slots
        if self.lower_rank_s and free and not self.waiting and self.lower_rank_ends <= now:
            self.lower_rank_ends = now + self.lower_rank_s
            self.busy.append(self.lower_rank_ends)

    def _begin(self, now: float) -> None:
        others = [camera for camera in self.waiting if camera != self.victim]
        camera = self.chance.choice(others) if others else self.victim
        self.waits.append(now - self.waiting.pop(camera))
        demand = self.demands[camera]
        lazily = self.chance.random() < self.lazy
        takes_s = self.chance.uniform(0.0, demand.visit_s) if lazily else demand.visit_s
        captured = now + (self.chance.uniform(0.0, takes_s) if camera != self.victim and lazily else 0.0)
        again = captured + demand.bound_s - demand.visit_s - self.wait_s
        # A visit under way is over before its camera comes due anew; the analysis counts on as little as that.
        self.busy.append(now + takes_s)
        heapq.heappush(self.due, (max(again, now + takes_s) + lazily * self.chance.uniform(0.0, 2.0), camera))


DEMANDS = st.lists(
    st.builds(
        lambda visit, times: Demand(float(visit), float(visit * times)),
        st.integers(1, 4),
        st.sampled_from([4, 6, 15, 40]),
    ),
    min_size=1,
    max_size=8,
)


@examples(300)
@given(
    demands=DEMANDS, slots=st.integers(1, 3), lower_rank_s=st.sampled_from([0.0, 0.0, 3.0]), seed=st.integers(0, 9999)
)
def test_nobody_ever_waits_longer_than_the_worst_wait(
    demands: list[Demand], slots: int, lower_rank_s: float, seed: int
) -> None:
    worst = worst_wait_s(demands, slots, lower_rank_s)
    assume(worst is not None)
    assert worst is not None
    assert Adversary(demands, slots, worst, lower_rank_s, random.Random(seed)).run() <= worst + 1e-6


@pytest.mark.parametrize(("count", "slots", "worst"), [(8, 1, 14.0), (9, 2, 8.0), (12, 4, 5.5)])
def test_the_worst_wait_is_what_really_happens_when_all_come_at_once(count: int, slots: int, worst: float) -> None:
    """It is no wild over-estimate: the simulated service comes within one visit of it."""
    demands = [Demand(2.0, 100.0)] * count
    assert worst_wait_s(demands, slots) == pytest.approx(worst)
    waited = max(Adversary(demands, slots, worst, 0.0, random.Random(seed)).run() for seed in range(20))
    assert worst - 2.0 < waited <= worst


def test_cameras_that_come_back_while_one_waits_are_counted_again() -> None:
    """Two long visits keep the slot for 16 s: a quick camera that is seen every 35 s comes back meanwhile."""
    slow = [Demand(8.0, 100.0)] * 2
    assert worst_wait_s([*slow, Demand(1.0, 100.0), Demand(1.0, 100.0)], 1) == 17.0
    assert worst_wait_s([*slow, Demand(1.0, 35.0), Demand(1.0, 35.0)], 1) == 18.0


def test_with_a_slot_for_each_nobody_waits_but_for_a_lower_rank() -> None:
    demands = [Demand(10.0, 12.0)] * 4
    assert worst_wait_s(demands, 4) == 0.0
    assert worst_wait_s(demands[:1], 1, blocked_by_s=1.5) == 1.5
    assert worst_wait_s([], 1) == 0.0


def test_more_work_than_slots_has_no_worst_wait() -> None:
    assert worst_wait_s([Demand(2.0, 4.0)] * 3, 1) is None
    assert worst_wait_s([Demand(5.0, 5.0)] * 2, 1) is None
    assert worst_wait_s([Demand(1.0, 100.0)] * 99, 1) is None


@given(demands=DEMANDS, slots=st.integers(1, 3))
def test_another_slot_never_makes_anyone_wait_longer_and_another_camera_never_shorter(
    demands: list[Demand], slots: int
) -> None:
    waits = [worst_wait_s(demands, slots), worst_wait_s(demands, slots + 1), worst_wait_s(demands[:-1], slots)]
    usual, more_slots, fewer_cameras = (float("inf") if wait is None else wait for wait in waits)
    assert more_slots <= usual
    assert fewer_cameras <= usual
