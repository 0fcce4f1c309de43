"""When somebody appears, and how long it takes until that is suspected."""

from __future__ import annotations

import math

import pytest

from benchmarks.bench_onset import BOUNDS, Onset, chosen, delays, label_of, planned, runs_of
from benchmarks.clips import GOP_S, Stretch
from benchmarks.serving import Spot, spots

CAMERA = Spot("core-001", "core", 0)


@pytest.mark.parametrize(
    ("confidences", "label"),
    [([], False), ([0.2], False), ([0.25], None), ([0.5, 0.3], None), ([0.3, 0.6], True), ([0.9], True)],
)
def test_a_picture_is_only_used_where_it_is_clear(confidences: list[float], label: bool | None) -> None:
    assert label_of(confidences) is label


def test_stretches_are_unbroken_and_long_enough() -> None:
    labels = [True] * 4 + [None] + [True] * 2 + [False] * 3 + [True] * 3
    assert runs_of(labels, True, "a.clip") == [Stretch("a.clip", 0, 4), Stretch("a.clip", 10, 3)]
    assert runs_of(labels, False, "a.clip") == [Stretch("a.clip", 7, 3)]


def test_cameras_are_chosen_from_all_over_a_ring() -> None:
    cameras = spots({"core": 4, "far": 10})
    names = [camera.camera_id for camera in chosen(cameras, {"core": 1.0, "far": 0.3})]
    assert names == ["core-001", "core-002", "core-003", "core-004", "far-004", "far-007", "far-010"]


def test_onsets_fall_where_groups_of_pictures_begin_by_the_cameras_clock() -> None:
    cameras = spots({"core": 5, "far": 5})
    offsets = {camera.camera_id: 0.37 * camera.number for camera in cameras}
    onsets = planned(cameras, offsets, begin=1000.0, span_s=300.0)
    for onset in onsets:
        phase = (onset.begin + offsets[onset.camera.camera_id]) % GOP_S
        assert min(phase, GOP_S - phase) < 1e-6
        assert 1000.0 <= onset.begin <= onset.end <= 1300.0 + 2 * GOP_S
        assert onset.end - onset.begin >= BOUNDS[onset.camera.ring] + 4


def test_a_place_is_empty_again_between_two_onsets() -> None:
    cameras = spots({"core": 20})
    onsets = planned(cameras, dict.fromkeys((c.camera_id for c in cameras), 0.0), begin=0.0, span_s=120.0)
    for camera in cameras:
        first, second = sorted((o for o in onsets if o.camera == camera), key=lambda onset: onset.begin)
        assert second.begin - first.end >= 2 * BOUNDS["core"]


def test_the_delay_is_to_the_first_suspicion_after_the_onset() -> None:
    suspected = [("core-001", 130.0), ("core-001", 104.5), ("core-001", 99.0), ("far-001", 101.0)]
    assert delays([Onset(CAMERA, 100.0, 111.0)], suspected)["core"] == [4.5]


def test_an_onset_that_nobody_suspects_takes_for_ever() -> None:
    assert delays([Onset(CAMERA, 100.0, 111.0)], [("core-001", 99.0), ("core-001", 140.0)])["core"] == [math.inf]


def test_a_suspicion_belongs_to_one_onset() -> None:
    onsets = [Onset(CAMERA, 100.0, 111.0), Onset(CAMERA, 200.0, 211.0)]
    assert delays(onsets, [("core-001", 203.0)])["core"] == [math.inf, 3.0]
