"""When somebody appears, and how long it takes until that is suspected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import bench_onset
from benchmarks.bench_onset import (
    BOUNDS,
    Findings,
    Onset,
    Suspicion,
    arguments_of,
    chosen,
    first_suspicions,
    label_of,
    performed,
    planned,
    report,
    runs_of,
    targets,
    unprovoked,
)
from benchmarks.clips import GOP_S, Clips, Stretch
from benchmarks.patrol_under_test import Story
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


def test_onsets_are_shown_by_the_next_key_frame_of_the_cameras_clock() -> None:
    cameras = spots({"core": 5, "far": 5})
    offsets = {camera.camera_id: 0.37 * camera.number for camera in cameras}
    onsets = planned(cameras, offsets, begin=1000.0, span_s=300.0)
    for onset in onsets:
        phase = (onset.begin + offsets[onset.camera.camera_id]) % GOP_S
        assert min(phase, GOP_S - phase) < 1e-6
        assert 0 <= onset.begin - onset.at < GOP_S
        assert 1000.0 <= onset.at <= onset.end <= 1300.0 + 2 * GOP_S
        assert onset.end - onset.begin >= BOUNDS[onset.camera.ring] + 4


def test_onsets_come_at_any_time_between_two_key_frames() -> None:
    onsets = planned(spots({"core": 60}), dict.fromkeys((f"core-{n:03d}" for n in range(1, 61)), 0.0), 0.0, 300.0)
    waits = sorted(onset.begin - onset.at for onset in onsets)
    assert waits[len(waits) // 4] < 0.8
    assert waits[-len(waits) // 4] > 1.2


def test_a_place_is_empty_again_between_two_onsets() -> None:
    cameras = spots({"core": 20})
    onsets = planned(cameras, dict.fromkeys((c.camera_id for c in cameras), 0.0), begin=0.0, span_s=120.0)
    for camera in cameras:
        first, second = sorted((o for o in onsets if o.camera == camera), key=lambda onset: onset.begin)
        assert second.begin - first.end >= 2 * BOUNDS["core"]


ONSET = Onset(CAMERA, at=98.5, begin=100.0, end=111.0)


def suspicion(captured: float, camera_id: str = "core-001") -> Suspicion:
    return Suspicion(camera_id, captured + 0.5, captured)


def test_an_onset_has_the_first_suspicion_from_a_picture_that_shows_somebody() -> None:
    suspected = [suspicion(130.0), suspicion(104.5), suspicion(99.0), suspicion(101.0, "far-001"), suspicion(106.0)]
    assert first_suspicions([ONSET], suspected) == [suspicion(104.5)]


def test_an_onset_that_nobody_suspects_is_missed() -> None:
    assert first_suspicions([ONSET], [suspicion(99.0), suspicion(140.0)]) == [None]


def test_a_suspicion_belongs_to_one_onset() -> None:
    onsets = [ONSET, Onset(CAMERA, 200.0, 200.0, 211.0)]
    assert first_suspicions(onsets, [suspicion(203.0)]) == [None, suspicion(203.0)]


def test_a_picture_that_waited_long_is_judged_by_when_it_was_taken() -> None:
    late = Suspicion("core-001", at=117.0, captured=110.0)
    assert first_suspicions([ONSET], [late]) == [late]
    assert unprovoked([ONSET], [late], since=0.0) == 0


def test_suspicions_while_nobody_is_there_are_counted_where_it_is_known() -> None:
    suspected = [suspicion(at) for at in (20.0, 99.0, 105.0, 112.9, 113.1)] + [suspicion(50.0, "core-002")]
    assert unprovoked([ONSET], suspected, since=30.0) == 2


def findings(*first: Suspicion | None, nobody: int = 0, stretch: float = 1.0) -> Findings:
    onsets = [replace(ONSET, camera=Spot(f"{ring}-001", ring, n)) for n, ring in enumerate(BOUNDS)]
    counts = {"processed": 10}
    sample = {"stretch": stretch, "counts": counts, "idle_tests": {}, "threads": {"MainThread": 1.0}}
    story = Story(precision="int8", samples=[sample])
    return Findings(story, onsets, first, nobody, [], [sample], 1)


GOOD = [suspicion(104.0), suspicion(113.0), suspicion(128.0)]


def missed(found: Findings) -> list[str]:
    return [target.name for target in targets(found) if not target.kept]


def test_the_clock_is_started_twice_and_both_are_held_against_the_bound() -> None:
    found = findings(*GOOD)
    assert found.from_onset["core"].p99 == 6.0
    assert found.from_picture["core"].p99 == 4.5
    assert found.from_capture["core"].p99 == 0.5
    assert missed(found) == []
    assert missed(findings(suspicion(104.2), *GOOD[1:])) == ["onset to suspicion, p99 core, s"]


def test_one_onset_missed_or_suspected_without_anybody_there_fails_the_run() -> None:
    assert "onsets missed" in missed(findings(*GOOD[:2], None))
    assert missed(findings(*GOOD, nobody=1)) == ["suspicions while nobody was there"]
    assert missed(findings(*GOOD, stretch=1.02)) == ["stretch factor throughout"]


def test_all_three_delays_are_told(tmp_path: Path) -> None:
    stretch = Stretch("a.clip", 0, 1)
    told = report(findings(*GOOD), Clips(tmp_path, "made", (stretch,), stretch, stretch, ()), "key-frame")
    assert [table.title for table in told.tables[:3]] == [
        "from onset to suspicion, s",
        "from first key frame with somebody in it to suspicion, s",
        "from taking the picture to suspicion, s",
    ]
    assert told.summary.startswith("3 onsets, 0 missed, p50/p99 core 6.0/6.0 s")
    assert "(from the first key frame core 4.5/4.5 s" in told.summary


@pytest.mark.parametrize(
    ("missing", "why"),
    [("no GStreamer", "no GStreamer"), (None, "the detector tells people from nobody in none of the scenes")],
)
def test_what_keeps_it_from_being_measured_is_told_and_no_target_is_said_to_be_kept(
    missing: str | None, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_onset, "missing_parts", lambda: missing)
    monkeypatch.setattr(bench_onset, "staged", lambda join: None)
    options = arguments_of("What is measured.\nAnd how.").parse_args(["--minutes", "1"])
    assert (options.minutes, options.warm_up, options.join) == (1.0, bench_onset.WARM_UP_S, "key-frame")
    assert performed("bench-onset", options, lambda found, clips, folder: pytest.fail("it was measured")) == 2
    assert capsys.readouterr().err == f"bench-onset: not measured: {why}\n"
