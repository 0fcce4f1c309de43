"""What is made of a tour that was measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench_tour import GROWTH_NEEDS_S, TOO_SHORT, Findings, Tour, WarmUp, report, stage_ms, targets
from benchmarks.clips import Clips, Stretch
from benchmarks.figures import Spread
from benchmarks.packs import Pack, write_pack
from benchmarks.patrol_under_test import STAGE_FUNCTIONS, Floor, Story
from benchmarks.processes import Use
from benchmarks.serving import spots
from patrol.config.measuring import measured


def sample(at: float, processed: int, stretch: float = 1.0) -> dict[str, Any]:
    names = ("visits", "processed", "captured", "dropped", "failures", "focus", "suspicions", "alerts")
    counts = dict.fromkeys(names, 0) | {"processed": processed, "visits": processed}
    return {
        "at": at,
        "now": at,
        "stretch": stretch,
        "counts": counts,
        "idle_tests": {},
        "kept_open": 0,
        "visits_took_s": processed * 0.2,
        "threads": {"MainThread": at, "native": 0.1 * at},
        "stages": {"decode": 0.02 * at},
    }


MINUTES = GROWTH_NEEDS_S / 60
WARM_UP = WarmUp(30.0, 0.9, 1.0, 0)


def findings(folder: Path, *, stretch: float = 1.0, gap_s: float = 4.9, mb_a_minute: float = 0.0) -> Findings:
    write_pack(Pack("h264", b"", 640, 360, 12, (0,), (bytes(100),) * 24), folder / "a.clip")
    stretch_of = Stretch("a.clip", 0, 1)
    looks = [Use(10.0 * n, 10.0 + 1.2 * n, 500 + mb_a_minute * n / 6, 100, 30, 2) for n in range(31)]
    samples = [sample(0.0, 1000), sample(60.0, 1500, stretch), sample(120.0, 2000)]
    tour = Tour(Story(precision="int8"), -30.0, 0.0, GROWTH_NEEDS_S, looks, samples, 700.0, 6.0, 0.2)
    gaps = {"core": Spread.of([gap_s]), "periphery": Spread.of([14.0]), "far": Spread.of([29.0])}
    floor = Floor(100, 0, 5.0, 50.0, 100, 25.0, 60.0, "int8")
    clips = Clips(folder, "made", (stretch_of,), stretch_of, stretch_of, ())
    return Findings(tour, WARM_UP, gaps, floor, [10.0, 12.0, 10.5], 3, clips, "key-frame")


def missed(found: Findings) -> list[str]:
    return [target.name for target in targets(found) if not target.kept]


def test_processor_time_a_visit_is_all_of_patrols_over_all_frames_processed(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert found.tour.visits == 1000
    assert found.tour.ms_per_visit == pytest.approx(36.0)
    assert found.ratio == pytest.approx(1.2)
    assert found.tour.spent_s("threads") == {"MainThread": 120.0, "native": 12.0}


def test_what_a_visit_costs_is_written_where_patrol_check_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "bench-tour.json"
    file.write_text(json.dumps({"figures": report(findings(tmp_path)).figures}, default=str))
    cost = measured(str(file))
    assert (cost.cost_ms, cost.visit_s) == (pytest.approx(36.0), pytest.approx(0.2))


def test_another_way_to_measure_does_not_take_the_place_of_the_usual_one(tmp_path: Path) -> None:
    usual = findings(tmp_path)
    assert usual.name == "tour"
    assert replace(usual, join="mid-gop", warm_rings=("core",)).name == "tour-mid-gop-warm-core"


def test_a_good_run_keeps_everything(tmp_path: Path) -> None:
    assert missed(findings(tmp_path)) == []


def test_a_stretch_that_was_gone_again_fails_the_run(tmp_path: Path) -> None:
    assert missed(findings(tmp_path, stretch=1.01)) == ["stretch factor throughout"]


def test_a_bound_that_was_passed_fails_the_run(tmp_path: Path) -> None:
    assert missed(findings(tmp_path, gap_s=5.01)) == ["gap p99.9 core, s"]


def test_memory_that_grows_fails_the_run(tmp_path: Path) -> None:
    found = findings(tmp_path, mb_a_minute=5.0)
    assert found.mb_a_minute == pytest.approx(5.0)
    assert found.tour.mb_grown == pytest.approx(5.0 * (MINUTES - 1))
    assert missed(found) == ["memory growth from the first minute to the last, MB"]


def test_memory_that_comes_and_goes_has_not_grown(tmp_path: Path) -> None:
    found = findings(tmp_path)
    spikes = [replace(look, resident_mb=530.0) if n in (1, 14, 29) else look for n, look in enumerate(found.tour.looks)]
    assert missed(replace(found, tour=replace(found.tour, looks=spikes))) == []


def test_the_most_memory_counts_from_the_start_of_the_process(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert missed(replace(found, tour=replace(found.tour, most_mb=1001.0))) == ["memory at most since the start, MB"]


def test_a_round_that_was_not_made_fails_the_run(tmp_path: Path) -> None:
    assert missed(replace(findings(tmp_path), rounds_asked=4)) == ["plain rounds made"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"failed": 1}, "floor: bare visits that failed"),
        ({"precision": "bf16"}, "floor: in the tour's precision"),
        ({"precision": "bf16 and int8"}, "floor: in the tour's precision"),
    ],
)
def test_a_floor_that_says_nothing_of_the_tour_fails_the_run(
    tmp_path: Path, changes: dict[str, Any], name: str
) -> None:
    found = findings(tmp_path)
    assert missed(replace(found, floor=replace(found.floor, **changes))) == [name]


def test_a_floor_without_a_visit_fails_the_run(tmp_path: Path) -> None:
    found = findings(tmp_path)
    nothing = replace(found.floor, visits=0, connect_and_decode_ms=math.nan)
    assert missed(replace(found, floor=nothing)) == ["processor-ms a visit / floor", "floor: bare visits"]


def test_what_a_visit_costs_is_told_by_what_it_was_for(tmp_path: Path) -> None:
    told = stage_ms(findings(tmp_path).tour)
    assert list(told) == [*STAGE_FUNCTIONS, "infer (OpenVINO's own threads)", "everything else"]
    assert told["decode"] == pytest.approx(2.4)
    assert told["infer (OpenVINO's own threads)"] == pytest.approx(12.0)
    assert sum(told.values()) == pytest.approx(36.0)


def test_the_warm_up_is_told_with_its_first_looks() -> None:
    cameras = spots({"core": 1, "far": 1})
    seen = [("core-001", -27.0, -26.9), ("core-001", -21.0, -20.9), ("core-001", -1.0, -0.9), ("far-001", -10.0, -9.9)]
    story = Story(seen=seen, failed=[("far-001", "refused", -20.0), ("far-001", "refused", 1.0)])
    story.samples = [sample(at, 0, stretch) for at, stretch in ((-20.0, 1.3), (-10.0, 1.0), (10.0, 2.0))]
    tour = Tour(story, -30.0, 0.0, 60.0, [], [], 700.0, 6.0, 0.2)
    assert WarmUp.of(tour, cameras) == WarmUp(30.0, 4.0, 1.3, 1)


def test_a_short_run_says_that_it_cannot_tell_growth(tmp_path: Path) -> None:
    found = findings(tmp_path, mb_a_minute=5.0)
    short = replace(found, tour=replace(found.tour, end=GROWTH_NEEDS_S - 1))
    assert missed(short) == []
    assert TOO_SHORT in "".join(table.text() for table in report(short).tables)


def test_what_is_told_names_the_precision_and_the_round(tmp_path: Path) -> None:
    told = report(findings(tmp_path))
    assert "round 10.50 s" in told.summary
    assert told.summary.endswith("int8")
    assert told.as_json()["figures"]["round_s"] == {"median": 10.5, "worst": 12.0}
    assert all(table.text() for table in told.tables)
    assert "floor: of 100 bare visits failed" in told.tables[-1].text()
