"""What is made of the visits that were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bench_visiting import Findings, Visits, Warm, report

FOUND = Findings(
    kbit_per_s=493.0,
    cold=Visits(1000, 3.6, 100.0, 0.13, 0.21),
    cold_by_ffmpeg=Visits(600, 6.5, 60.0, 0.22, 0.39),
    warm=Warm(32, 0.85, 0.054, Visits(32, 3.0, 300.0, 0.003, 0.007)),
    unconfirmed=0,
)


def test_all_ways_are_told_and_the_result_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(FOUND).tell(tmp_path) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {way} " in said for way in ("cold", "cold by FFmpeg", "warm"))
    assert said.splitlines()[-1] == (
        "bench-visiting: at 493 kbit/s a cold visit costs 3.60 ms of processor, FFmpeg's 1.8 times that;"
        " a camera kept open costs 0.85 ms a second; all 2 targets kept"
    )
    assert (tmp_path / "bench-visiting.json").is_file()


@pytest.mark.parametrize(
    "found", [replace(FOUND, unconfirmed=1), replace(FOUND, cold=replace(FOUND.cold, processor_ms=6.6))]
)
def test_a_session_left_behind_or_a_client_that_costs_more_than_ffmpeg_fails_the_run(
    found: Findings, tmp_path: Path
) -> None:
    assert report(found).tell(tmp_path) == 1
