"""How often something may begin, and how long to wait before the next try."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.pacing import TokenBucket, full_jitter

RATES = st.sampled_from([0.1, 1.0, 3.0, 100.0])
PAUSES = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=60)


def begun_in(bucket: TokenBucket, since: float, until: float, step_s: float) -> list[float]:
    """When something began, if it was tried every ``step_s``."""
    begun = []
    for number in range(round((until - since) / step_s)):
        now = since + number * step_s
        if bucket.wait_s(now) == 0.0:
            bucket.take(now)
            begun.append(now)
    return begun


def test_after_a_pause_some_begin_at_once_and_then_one_at_a_time() -> None:
    begun = begun_in(TokenBucket(per_s=2.0, burst=4.0, now=0.0), 0.0, 10.0, 0.01)
    assert sum(at < 0.1 for at in begun) == 4
    assert len(begun) == pytest.approx(4 + 2 * 10, abs=1)
    assert all(later - sooner >= 0.49 for sooner, later in pairwise(begun[4:]))


def test_a_long_pause_saves_up_no_more_than_the_burst() -> None:
    bucket = TokenBucket(per_s=10.0, burst=3.0, now=0.0)
    assert len(begun_in(bucket, 3600.0, 3600.05, 0.001)) == 3


@given(per_s=RATES, burst=st.floats(0.0, 20.0), pauses=PAUSES)
def test_never_more_begin_than_the_rate_and_one_burst(per_s: float, burst: float, pauses: list[float]) -> None:
    bucket, now, begun = TokenBucket(per_s, burst, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        while bucket.wait_s(now) == 0.0:
            bucket.take(now)
            begun += 1
        assert begun <= max(1.0, burst) + per_s * now + 1e-3


@given(per_s=RATES, burst=st.floats(0.0, 20.0), start=st.floats(0.0, 1e6), takes=st.integers(1, 50))
def test_the_wait_it_names_is_enough(per_s: float, burst: float, start: float, takes: int) -> None:
    """A rounding error must not leave anyone a hair short: they would ask again for ever."""
    bucket = TokenBucket(per_s, burst, start)
    for _ in range(takes):
        bucket.take(start)
    wait_s = bucket.wait_s(start)
    assert bucket.wait_s(start + wait_s + 1e-6) == pytest.approx(0.0, abs=1e-6)
    assert bucket.wait_s(start + wait_s + 1e-3) == 0.0


def test_what_began_without_asking_is_owed() -> None:
    bucket = TokenBucket(per_s=1.0, burst=2.0, now=0.0)
    for _ in range(5):
        bucket.take(0.0)
    assert bucket.wait_s(0.0) == pytest.approx(4.0)
    assert bucket.wait_s(4.0) == 0.0


def test_a_clock_that_went_back_gives_nothing_away() -> None:
    bucket = TokenBucket(per_s=1.0, burst=1.0, now=100.0)
    bucket.take(100.0)
    assert bucket.wait_s(50.0) == pytest.approx(1.0)
    assert bucket.wait_s(100.5) == pytest.approx(0.5)


@pytest.mark.parametrize(("failures", "ceiling"), [(0, 1.0), (1, 2.0), (3, 8.0), (5, 30.0), (100_000, 30.0)])
def test_the_ceiling_doubles_with_each_failure_up_to_the_cap(failures: int, ceiling: float) -> None:
    assert full_jitter(failures, 1.0, 30.0, lambda: 1.0) == ceiling
    assert full_jitter(failures, 1.0, 30.0, lambda: 0.0) == 0.0
    assert full_jitter(failures, 1.0, 30.0, lambda: 0.25) == ceiling / 4


def test_a_thousand_that_failed_together_do_not_come_back_together() -> None:
    chance = random.Random(7)
    tries = sorted(full_jitter(5, 1.0, 60.0, chance.random) for _ in range(1000))  # over 32 s
    busiest = max(sum(at <= other < at + 1.0 for other in tries) for at in range(32))
    assert busiest < 60  # 31 on average
