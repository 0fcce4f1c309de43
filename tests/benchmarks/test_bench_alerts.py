"""From somebody who appears to the accepted alert, as the store has it."""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.bench_alerts import (
    Delays,
    Kept,
    Told,
    first_alerts,
    kept_alerts,
    report,
    rule_as_it_ships,
    targets,
    unprovoked,
)
from benchmarks.bench_onset import BOUNDS, Findings, Onset, Suspicion
from benchmarks.patrol_under_test import Plan as PatrolPlan
from benchmarks.patrol_under_test import Story, configuration_of
from benchmarks.serving import Spot
from patrol.domain.incidents import EvidenceId
from tests.builders import NOON, at, candidate, event
from tests.pipeline.parts import sql_store

CAMERA = Spot("core-001", "core", 0)
ONSET = Onset(CAMERA, at=98.5, begin=100.0, end=111.0)


def kept(began: float, accepted_after_s: float = 2.0, camera_id: str = "core-001", clip: float | None = 4.0) -> Kept:
    return Kept(camera_id, began, began + accepted_after_s - 0.1, began + accepted_after_s, clip)


def test_an_onset_has_the_first_alert_of_what_began_while_somebody_was_there() -> None:
    alerts = [kept(90.0), kept(103.0, camera_id="far-001"), kept(104.0), kept(106.0)]
    assert first_alerts([ONSET], alerts) == [kept(104.0)]
    assert first_alerts([ONSET], alerts[:2]) == [None]


def test_alerts_while_nobody_was_there_are_counted_where_it_is_known() -> None:
    alerts = [kept(began) for began in (20.0, 99.0, 105.0, 113.1)] + [kept(50.0, camera_id="core-002")]
    assert unprovoked([ONSET], alerts, since=30.0) == 2


def test_delays_are_nearest_ranks() -> None:
    assert Delays.of([float(n) for n in range(1, 101)]) == Delays(100, 50.0, 90.0, 99.0, 100.0)


def told(*alerts: Kept | None, stray: int = 0) -> Told:
    onsets = [replace(ONSET, camera=Spot(f"{ring}-001", ring, n)) for n, ring in enumerate(BOUNDS)]
    first = [Suspicion(onset.camera.camera_id, 104.5, 104.0) for onset in onsets]
    sample = {"stretch": 1.0, "counts": {"processed": 10}, "idle_tests": {}, "threads": {"MainThread": 1.0}}
    found = Findings(Story(precision="int8", samples=[sample]), onsets, first, 0, [], [sample], 1)
    return Told(found, alerts, stray)


GOOD = (kept(104.0), kept(104.0, clip=None), kept(104.0))


def test_pictures_of_a_suspicion_are_told_apart_from_those_before_and_after_it() -> None:
    found = told(GOOD[0], None, None)
    ours = [("core-001", captured, captured + 0.5) for captured in (99.0, 104.0, 104.25, 104.75, 105.2, 107.0)]
    others = [("far-001", 104.0, 104.5), ("far-002", 104.3, 104.8)]
    found.found.story.seen.extend([*reversed(ours), *others])
    pictures = found.between_pictures()
    assert (pictures.count, pictures.p50, pictures.p90) == (3, pytest.approx(0.45), 0.5)


def missed(found: Told) -> list[str]:
    return [target.name for target in targets(found) if not target.kept]


def test_a_core_cameras_alert_is_held_against_its_bound_and_every_focus_against_three_seconds() -> None:
    assert missed(told(*GOOD)) == []
    assert told(*GOOD).from_onset()["core"].p90 == 7.5
    assert told(*GOOD).from_picture()["core"].p90 == 6.0
    assert told(*GOOD).from_suspicion()["core"].p99 == pytest.approx(1.4)
    late = kept(104.0, accepted_after_s=2.6)
    assert missed(told(late, *GOOD[1:])) == ["onset to accepted alert, p90 core, s"]
    slow = kept(104.0, accepted_after_s=3.7)
    assert missed(told(GOOD[0], slow, GOOD[2])) == ["suspicion to confirmation, p99 periphery, s"]


def test_an_onset_without_an_alert_and_an_alert_without_an_onset_fail_the_run() -> None:
    assert "onsets without an alert" in missed(told(*GOOD[:2], None))
    assert told(*GOOD[:2], None).from_onset()["far"].p50 == math.inf
    assert missed(told(*GOOD, stray=1)) == ["alerts while nobody was there"]


def test_all_delays_and_clips_are_told() -> None:
    found = report(told(*GOOD), "made", "key-frame")
    assert len(found.tables) == 5
    assert found.figures["clip_after_s"]["p99"] == 4.0
    assert found.figures["without_clip"] == 1
    assert found.summary.startswith(
        "3 onsets, 0 without an alert; onset to accepted alert p50/p90/p99 core 7.5/7.5/7.5"
    )


def test_alerts_are_read_as_the_store_keeps_them_with_their_clips(tmp_path: Path) -> None:
    with_clip, without, lost = (EvidenceId(f"V-20260101-120000-{n:012x}") for n in (1, 2, 3))

    async def accept() -> None:
        async with sql_store(tmp_path) as store:
            for number, clip_id in enumerate((with_clip, None, lost), 1):
                one = candidate(
                    number, cool_down_s=0.0, clip_id=clip_id, event=event(began_at=at(-3 - number), confirmed_at=at(-1))
                )
                assert (await store.accept(one, at(number))).alert is not None

    asyncio.run(accept())
    clip = tmp_path / "evidence" / "20260101" / f"{with_clip}.webm"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"clip")
    kept_at = (NOON + timedelta(seconds=6)).timestamp()
    os.utime(clip, (kept_at, kept_at))
    first, second, third = kept_alerts(tmp_path)
    assert (first.camera_id, first.began, first.accepted) == ("C-1", at(-4).timestamp(), at(1).timestamp())
    assert first.confirmed == at(-0.5).timestamp()
    assert [each.clip_after_s for each in (first, second, third)] == [pytest.approx(5.0), None, math.inf]
    assert without not in {file.stem for file in clip.parent.iterdir()}


def test_the_rule_is_the_one_that_ships_without_its_cool_down() -> None:
    rule = configuration_of(PatrolPlan([CAMERA], {"core-001": "rtsp://127.0.0.1/x"}, rule=rule_as_it_ships()))["rules"]
    assert rule["watched"]["kind"] == "intrusion"
    assert (rule["watched"]["at_least"], rule["watched"]["for_s"], rule["watched"]["clear_after_s"]) == (1, 1, 10)
    assert rule["watched"]["cool_down_s"] == 0
