"""Which ring's bound cannot be kept, and what could."""

from __future__ import annotations

import pytest

from patrol.config import Configuration, load
from patrol.config.capacity import USABLE_SHARE, feasibility
from patrol.domain.camera import RingName
from tests.config.files import CREDENTIALS, SAMPLE

NEEDED = 64 / 5 + 200 / 15 + 212 / 30


@pytest.fixture(scope="module")
def sample() -> Configuration:
    return load(SAMPLE, CREDENTIALS)


def test_the_need_is_the_sum_of_one_over_the_bound(sample: Configuration) -> None:
    found = feasibility(sample.cameras, sample.rings, 100)

    assert found.needed_per_s == pytest.approx(NEEDED)
    assert [demand.visits_per_s for demand in found.rings] == pytest.approx([64 / 5, 200 / 15, 212 / 30])


def test_just_enough_keeps_every_bound(sample: Configuration) -> None:
    found = feasibility(sample.cameras, sample.rings, NEEDED / USABLE_SHARE * 1.0001)

    assert found.kept
    assert found.stretch == 1.0
    assert [demand.possible_bound_s for demand in found.rings] == pytest.approx([5, 15, 30])


def test_a_little_less_costs_the_outer_ring_and_says_what_it_could_have(sample: Configuration) -> None:
    usable = NEEDED - 212 / 60
    found = feasibility(sample.cameras, sample.rings, usable / USABLE_SHARE)

    assert [demand.kept for demand in found.rings] == [True, True, False]
    assert found.rings[2].possible_bound_s == pytest.approx(60)
    assert found.stretch == pytest.approx(NEEDED / usable)


def test_when_the_inner_ring_cannot_be_kept_nothing_is_left_for_the_others(sample: Configuration) -> None:
    found = feasibility(sample.cameras, sample.rings, 6.4 / USABLE_SHARE)

    assert not found.kept
    assert found.rings[0].possible_bound_s == pytest.approx(10)
    assert [demand.possible_bound_s for demand in found.rings[1:]] == [None, None]


def test_a_ring_without_cameras_asks_for_nothing(sample: Configuration) -> None:
    core = [camera for camera in sample.cameras if camera.ring is RingName.CORE]
    found = feasibility(core, sample.rings, 12.8 / USABLE_SHARE * 1.0001)

    assert found.kept
    assert found.rings[2].visits_per_s == 0
