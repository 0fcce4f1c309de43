"""Patrol as the benchmarks run it: its configuration, and what is written down of it."""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import closing
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest

from benchmarks import patrol_under_test
from benchmarks.patrol_under_test import (
    COUNTERS,
    INPUT_VARIABLE,
    TIMED_EVERY,
    Floor,
    Journal,
    Plan,
    Story,
    configuration_of,
    input_px,
    install_hooks,
    timed,
    values,
    with_size,
    wrap,
)
from benchmarks.serving import spots
from patrol.config import DetectorSettings, load
from patrol.domain.camera import RingName
from patrol.domain.conditions import Crowd
from tests.pipeline.parts import fresh_metrics


def test_the_configuration_is_one_that_patrol_takes(tmp_path: Path) -> None:
    cameras = spots()
    plan = Plan(cameras, {camera.camera_id: f"rtsp://{camera.host}/{camera.camera_id}" for camera in cameras})
    (tmp_path / "patrol.yaml").write_text(json.dumps(configuration_of(plan), ensure_ascii=False))
    configuration = load(tmp_path / "patrol.yaml", {})
    assert len(configuration.cameras) == 476
    assert len({camera.stream.host_name for camera in configuration.cameras}) == 476
    assert {ring.revisit_bound_s for ring in configuration.rings.values()} == {5.0, 15.0, 30.0}
    assert sum(camera.ring is RingName.CORE for camera in configuration.cameras) == 64


def test_a_plan_may_change_the_rule_the_tour_and_the_strategy(tmp_path: Path) -> None:
    cameras = spots({"far": 2})
    plan = Plan(
        cameras,
        {"far-001": "rtsp://127.0.0.1/x", "far-002": "rtsp://127.0.0.2/x"},
        rule={"at_least": 9},
        tour={"backoff_cap_s": 2},
        strategies={"far": "cold"},
        own_strategies={"far-002": "warm"},
    )
    (tmp_path / "patrol.yaml").write_text(json.dumps(configuration_of(plan), ensure_ascii=False))
    configuration = load(tmp_path / "patrol.yaml", {})
    assert next(iter(configuration.rules.values())).condition == Crowd(9)
    assert configuration.tour.backoff_cap_s == 2
    assert [camera.strategy for camera in configuration.cameras] == ["cold", "warm"]


def test_what_is_written_down_comes_back(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal.jsonl")) as journal:
        others = dict.fromkeys(("idle_tests", "kept_open", "visits_took_s", "threads", "stages"))
        journal.write(precision="int8")
        journal.note("seen", "core-001", 10.0, 10.2)
        journal.note("failed", "core-002", "refused", 11.0)
        journal.write(at=1.0, now=11.5, stretch=1.0, counts={"visits": 1}, **others)
        journal.note("seen", "core-001", 14.0, 14.2)
        journal.note("suspected", "core-001", 14.3, 14.0)
        journal.note("fell_back", "core-002", 14.1)
        journal.write(at=2.0, now=15.0, stretch=1.1, counts={"visits": 2}, **others)
    story = Story.read(tmp_path / "journal.jsonl")
    assert story.precision == "int8"
    assert story.seen == [("core-001", 10.0, 10.2), ("core-001", 14.0, 14.2)]
    assert story.failed == [("core-002", "refused", 11.0)]
    assert story.suspected == [("core-001", 14.3, 14.0)]
    assert story.fell_back == [("core-002", 14.1)]
    assert [sample["stretch"] for sample in story.between(1.5, 3.0)] == [1.1]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_text('{"seen": [["a", 1.0, 1.1]]}\n{"seen": [["a", 2.0, 2')
    assert Story.read(file).seen == [("a", 1.0, 1.1)]


def test_a_stage_is_charged_for_processor_time_and_not_for_waiting(tmp_path: Path) -> None:
    def work() -> str:
        time.sleep(0.1)
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return "done"

    with closing(Journal(tmp_path / "journal.jsonl")) as journal:
        assert timed(journal, "work", work)() == "done"
    assert journal.stages["work"] == pytest.approx(0.05 * TIMED_EVERY, rel=0.6)


def test_a_floor_is_the_mean_of_what_was_measured_before_and_after() -> None:
    both = Floor(100, 0, 4.0, 50.0, 100, 20.0, 60.0, "int8").and_then(Floor(80, 1, 5.0, 40.0, 90, 22.0, 50.0, "int8"))
    assert both == Floor(180, 1, 4.5, 45.0, 190, 21.0, 55.0, "int8")
    assert both.ms == 25.5


def test_a_floor_in_two_precisions_is_in_neither() -> None:
    first = Floor(100, 0, 4.0, 50.0, 100, 20.0, 60.0, "bf16")
    assert first.and_then(replace(first, precision="int8")).precision == "bf16 and int8"


def test_without_a_visit_there_is_no_floor() -> None:
    floor = Floor(100, 0, 4.0, 50.0, 100, 20.0, 60.0, "int8")
    assert math.isnan(floor.and_then(replace(floor, visits=0, connect_and_decode_ms=math.nan)).ms)


def test_one_call_is_measured_for_so_many(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal.jsonl")) as journal:
        work = timed(journal, "work", lambda number: number + 1)
        assert [work(number) for number in range(TIMED_EVERY)] == list(range(1, TIMED_EVERY + 1))
        after_one_round = journal.stages["work"]
        assert after_one_round > 0
        for number in range(TIMED_EVERY - 1):
            work(number)
        assert journal.stages["work"] > after_one_round, "the first of the second round"
        now = journal.stages["work"]
        work(0)
        assert journal.stages["work"] == now


def busy(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_of_a_coroutine_its_own_steps_are_charged_and_not_what_others_do_meanwhile(tmp_path: Path) -> None:
    async def work(answer: int) -> int:
        busy(0.02)
        await asyncio.sleep(0.05)
        busy(0.02)
        return answer

    async def check() -> None:
        with closing(Journal(tmp_path / "journal.jsonl")) as journal:
            under_way = asyncio.create_task(timed(journal, "work", work)(7))
            await asyncio.sleep(0)
            busy(0.1)
            assert await under_way == 7
        assert journal.stages["work"] == pytest.approx(0.04 * TIMED_EVERY, rel=0.5)

    asyncio.run(check())


def test_a_coroutine_that_is_measured_is_cancelled_and_fails_like_any_other(tmp_path: Path) -> None:
    said: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            said.append("cancelled")
            await asyncio.sleep(0)
            raise ValueError("and failed") from None

    async def check() -> None:
        with closing(Journal(tmp_path / "journal.jsonl")) as journal, pytest.raises(ValueError, match="and failed"):
            async with asyncio.timeout(0.01):
                await timed(journal, "work", work)()

    asyncio.run(check())
    assert said == ["cancelled"]


def test_patrol_is_not_measured_where_a_function_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(patrol_under_test, "STAGE_FUNCTIONS", {"fly": (("patrol.domain.tour", "Tour.fly"),)})
    with closing(Journal(tmp_path / "journal.jsonl")) as journal, pytest.raises(LookupError, match=r"Tour\.fly"):
        install_hooks(journal)


def test_what_is_counted_is_where_it_is_looked_for() -> None:
    metrics = fresh_metrics()
    metrics.detect.dropped.labels("shutdown").inc(2)
    metrics.stages.took("visit", RingName.CORE, 1.5)
    metrics.tour.stretch.set(1.25)
    assert all(sum(values(attrgetter(path)(metrics)).values()) >= 0 for path in COUNTERS.values())
    assert sum(values(metrics.detect.dropped).values()) == 2
    assert values(metrics.stages.duration)["visit", "core", "none"] == 1.5
    assert values(metrics.tour.stretch) == {(): 1.25}


def test_every_function_that_is_watched_is_there() -> None:
    functions = [each for stage in patrol_under_test.STAGE_FUNCTIONS.values() for each in stage]
    functions += patrol_under_test.WATCHED
    assert [name for name in functions if not wrap(*name, lambda function: function)] == []


def test_a_function_that_is_not_there_is_said_to_be_missing() -> None:
    assert not wrap("patrol.domain.tour", "Tour.fly", lambda function: function)
    assert not wrap("patrol.no_such_module", "fly", lambda function: function)


def test_the_model_sees_what_ships_unless_another_size_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(INPUT_VARIABLE, raising=False)
    assert configuration_of(Plan((), {}))["detector"] == {"input_px": list(DetectorSettings().input_px)}
    monkeypatch.setenv(INPUT_VARIABLE, "512x288")
    assert configuration_of(Plan((), {}, detector={"look_every": 5}))["detector"] == {
        "input_px": [512, 288],
        "look_every": 5,
    }
    assert with_size("int8") == "int8 at 512x288"


def test_a_size_that_is_none_is_told_with_what_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INPUT_VARIABLE, "small")
    with pytest.raises(ValueError, match="'small' is no size; expected WIDTHxHEIGHT"):
        input_px()
