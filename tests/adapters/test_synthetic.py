"""Drawn cameras."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from patrol.adapters.synthetic import ROUND_S, SyntheticSource, drawn
from patrol.domain.errors import CaptureError, CaptureFailure
from tests.adapters.looking import NOON, StandingClock, camera_at


def test_the_same_seed_and_time_give_the_same_picture() -> None:
    assert np.array_equal(drawn("7", NOON, (640, 360)), drawn("7", NOON, (640, 360)))


def test_seeds_can_be_told_apart() -> None:
    pictures = [drawn(str(seed), NOON, (64, 36)) for seed in range(20)]
    assert len({picture.tobytes() for picture in pictures}) == 20


def test_something_moves_and_comes_back() -> None:
    now, later, round_later = (drawn("7", NOON + timedelta(seconds=s), (640, 360))[:300] for s in (0, 5, ROUND_S))
    assert (now != later).any(axis=2).mean() > 0.02
    assert np.array_equal(now, round_later)


def test_no_time_left_is_a_time_out() -> None:
    with pytest.raises(CaptureError) as caught:
        asyncio.run(SyntheticSource(None, StandingClock()).capture(camera_at("synthetic:7"), 0.0))
    assert caught.value.failure is CaptureFailure.TIMED_OUT
