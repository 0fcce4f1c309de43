"""Covering: the cover is that of the free crews of its own world, worked out when they change and not too often."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.board import Sending
from patrol.domain.camera import RingName
from patrol.domain.dispatch import Duty
from patrol.domain.units import UnitState
from patrol.domain.wants import Policy
from patrol.pipeline.covering import EVERY_S, Covering
from tests.builders import NOON, at, camera, duty, north, ring, unit

CORE = RingName.CORE
CAMERAS = (camera("C-1", place=north(0)), camera("C-2", place=north(1000)))
BUSY = UnitState.EN_ROUTE


def covering(clock: FakeClock, simulated: bool = False, detour: float = 1.3, answer_s: float = 0.0) -> Covering:
    sending = Sending(policy=Policy(answer_s=answer_s))
    return Covering(CAMERAS, {CORE: ring(CORE)}, clock, simulated=simulated, sending=sending, detour=detour)


def share(duties: Sequence[Duty], **changes: object) -> float:
    return covering(FakeClock(NOON), **changes).look(duties).shares[CORE]  # type: ignore[arg-type]


def test_after_an_assignment_it_is_worked_out_anew_with_whom_to_move() -> None:
    clock = FakeClock(NOON)
    looked = covering(clock)
    near, far, twin = duty("U-1", 0), duty("U-2", 1000), duty("U-3", 1010)
    assert (looked.look([near, far, twin]).shares, looked.look([near, far, twin]).move_up) == ({CORE: 1.0}, None)
    sent = [duty("U-1", 0, state=BUSY), far, twin]
    clock.advance(EVERY_S - 0.1)
    assert looked.look(sent).shares == {CORE: 1.0}, "not more often than that"
    clock.advance(0.1)
    left = looked.look(sent)
    assert left.shares == {CORE: 0.5}
    assert left.move_up is not None
    assert (left.move_up.unit_id, left.move_up.post.name_en) == ("U-2", "the post of Joint 1")
    assert left.move_up.eta_s == pytest.approx(5 + 1000 * 1.3 / 2.6, rel=1e-3)
    clock.advance(EVERY_S)
    back = looked.look([near, far, twin])
    assert (back.shares, back.move_up) == ({CORE: 1.0}, None)


def test_while_nobody_is_sent_comes_free_or_moves_far_it_stays_what_it_is() -> None:
    clock = FakeClock(NOON)
    looked = covering(clock)
    first = looked.look([duty("U-1", 0), duty("U-2", 1000, state=BUSY)])
    for now in (
        [duty("U-1", 0, place=north(40)), duty("U-2", 1000, state=BUSY)],
        [duty("U-1", 0), duty("U-2", 1000, state=BUSY, place=north(400))],
        [duty("U-1", 0), duty("U-2", 1000, state=UnitState.ON_SCENE)],
    ):
        clock.advance(EVERY_S)
        assert looked.look(now) is first
    clock.advance(EVERY_S)
    assert looked.look([duty("U-1", 0, place=north(400)), duty("U-2", 1000, state=BUSY)]) is not first


def test_many_small_moves_are_a_large_one() -> None:
    clock = FakeClock(NOON)
    looked = covering(clock)
    assert looked.look([duty("U-1", 0)]).shares == {CORE: 0.5}
    for metres in range(30, 600, 30):
        clock.advance(EVERY_S)
        looked.look([duty("U-1", 0, place=north(metres))])
    assert looked.look([duty("U-1", 0, place=north(metres))]).shares == {CORE: 0.0}


def test_each_world_covers_itself_alone() -> None:
    made_up = Duty(unit("U-1", home=north(0), simulated=True))
    real = duty("U-2", 1000)
    assert share([made_up]) == 0.0
    assert share([made_up], simulated=True) == 0.5
    assert share([made_up, real]) == share([real], simulated=False) == 0.5
    assert share([], simulated=True) == 0.0


def test_it_goes_by_where_dispatch_takes_a_unit_to_be() -> None:
    # 55 s from 100 m: with a position of 40 s ago it may be 40 s farther away.
    assert share([duty("U-1", 500, place=north(100), fix_at=at(-20), had_fix=True)]) == 0.5
    assert share([duty("U-1", 500, place=north(100), fix_at=at(-40), had_fix=True)]) == 0.0
    assert share([duty("U-1", 500, place=north(0), fix_at=at(-700), had_fix=True)]) == 0.0, "nobody knows where"
    assert [share([duty("U-1", 100)], answer_s=seconds) for seconds in (4.0, 6.0)] == [0.5, 0.0]


def test_a_position_that_gets_old_counts_less_and_less() -> None:
    clock = FakeClock(NOON)
    looked = covering(clock)
    silent = [duty("U-1", 500, place=north(60), fix_at=NOON, had_fix=True)]
    assert looked.look(silent).shares == {CORE: 0.5}
    clock.advance(35)
    assert looked.look(silent).shares == {CORE: 0.0}


def test_ways_are_longer_than_the_straight_line_by_what_is_configured() -> None:
    there = [duty("U-1", 0, place=north(120))]
    assert (share(there, detour=1.0), share(there, detour=1.3)) == (0.5, 0.0)
