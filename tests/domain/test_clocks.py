"""The time kept: as much later as the machine was up for, near its clock, and unmoved by any jump of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.clocks import JUMP_S, SLEW, Anchor, KeptTime, Reading, begun, gone_on

NOON = 1_790_000_000.0
HOUR = 3600.0


def reading(boot_s: float, off_s: float = 0.0) -> Reading:
    """The machine, up for so long, with its clock off by so much."""
    return Reading(NOON + boot_s + off_s, boot_s)


def fresh(boot_s: float = 0.0, off_s: float = 0.0) -> KeptTime:
    return begun(None, "boot-1", reading(boot_s, off_s))


def test_at_the_very_first_the_machines_clock_is_believed() -> None:
    assert fresh(5.0, HOUR) == KeptTime(NOON + 5.0 + HOUR, 5.0)


@pytest.mark.parametrize(("off_s", "forwards", "backwards"), [(HOUR, 1, 0), (-HOUR, 0, 1), (2.1, 1, 0)])
def test_a_jump_is_counted_once_and_not_followed(off_s: float, forwards: int, backwards: int) -> None:
    kept = fresh()
    for second in range(1, 100):
        kept = gone_on(kept, reading(second, off_s))
        assert kept.time_s == NOON + second
    assert kept.is_off
    assert kept.offset_s == pytest.approx(off_s)
    assert (kept.forwards, kept.backwards) == (forwards, backwards)
    back = gone_on(kept, reading(100))
    assert not back.is_off
    assert (back.forwards, back.backwards) == (1, 1), "putting it back is a jump, too"
    assert back.time_s == NOON + 100


def test_a_small_difference_is_taken_in_slowly() -> None:
    kept = fresh()
    for second in range(1, 401):
        before = kept.time_s
        kept = gone_on(kept, reading(second, 2.0))
        assert kept.time_s - before == pytest.approx(1.0 + min(SLEW, max(0.0, 2.0 - SLEW * (second - 1))), abs=1e-4)
    assert kept.time_s == pytest.approx(NOON + 402)
    assert (kept.forwards, kept.offset_s) == (0, pytest.approx(0.0, abs=1e-4))


def test_two_small_steps_that_make_a_great_one_are_a_jump() -> None:
    kept = gone_on(gone_on(fresh(), reading(1, 1.5)), reading(2, 3.0))
    assert (kept.is_off, kept.forwards) == (True, 1)


@pytest.mark.parametrize("off_s", [0.0, HOUR, -HOUR])
def test_a_restart_since_the_same_boot_goes_on_whatever_the_clock_was_set_to(off_s: float) -> None:
    kept = begun(Anchor("boot-1", NOON + 50, 50.0), "boot-1", reading(90.0, off_s))
    assert kept.time_s == NOON + 90
    assert kept.is_off is (off_s != 0.0)
    assert kept.forwards + kept.backwards == int(off_s != 0.0)


@pytest.mark.parametrize(("off_s", "begins_at"), [(0.0, NOON + 10), (HOUR, NOON + 10 + HOUR), (-HOUR, NOON - 60)])
def test_after_another_boot_the_clock_is_believed_but_never_goes_back(off_s: float, begins_at: float) -> None:
    kept = begun(Anchor("boot-1", NOON - 60, 9e6), "boot-2", reading(10.0, off_s))
    assert kept.time_s == begins_at
    assert kept.is_off is (off_s < 0)


def test_an_anchor_that_cannot_be_of_this_boot_is_as_one_of_another() -> None:
    assert begun(Anchor("boot-1", NOON, 500.0), "boot-1", reading(10.0)).time_s == NOON + 10


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(-7200, 7200)), max_size=40))
def test_time_never_goes_back_and_runs_no_faster_or_slower_than_promised(steps: list[tuple[float, float]]) -> None:
    kept, boot_s = fresh(), 0.0
    for elapsed_s, off_s in steps:
        boot_s += elapsed_s
        later = gone_on(kept, reading(boot_s, off_s))
        passed_s = later.time_s - kept.time_s
        assert elapsed_s * (1 - SLEW) - 1e-5 <= passed_s <= elapsed_s * (1 + SLEW) + 1e-5
        assert abs(later.offset_s - (reading(boot_s, off_s).wall_s - later.time_s)) < 1e-5
        kept = later


@given(st.lists(st.floats(-JUMP_S, JUMP_S), min_size=1, max_size=20))
def test_a_clock_that_stays_near_is_never_called_off(offs_s: list[float]) -> None:
    kept = fresh()
    for number, off_s in enumerate(offs_s, 1):
        kept = gone_on(replace(kept, offset_s=0.0), Reading(kept.time_s + 1 + off_s, float(number)))
        assert (kept.is_off, kept.forwards, kept.backwards) == (False, 0, 0)
