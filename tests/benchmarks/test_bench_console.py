"""What is made of a page that was measured: what is missing is missed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks import console_alerts, console_feed, console_paint, console_pictures
from benchmarks.bench_console import together
from benchmarks.clips import FPS
from benchmarks.console_pictures import STILLS, VIEWS, Drawn
from benchmarks.figures import Report

FLOOR = Drawn("an empty page", 0, 60, 60, 0.1)
STILL = Drawn("the wall", STILLS, 59, 60, 0.8)
LIVE = Drawn("live views", VIEWS, 30, 30, 1.5, float(FPS))
LOADS = [
    {"useful_ms": ms, "contentful_ms": 90.0, "server_ms": 20.0, "bytes": 400_000, "cards": 12} for ms in (700.0, 900.0)
]


def kept(report: Report) -> list[bool]:
    return [target.kept for target in report.targets]


def test_live_views_are_kept_where_the_page_draws_and_each_of_them_shows() -> None:
    assert kept(console_pictures.report(FLOOR, STILL, LIVE, None)) == [True, True, True]
    slow, black = replace(LIVE, least_per_s=29), replace(LIVE, decoded_per_s=0.0)
    assert kept(console_pictures.report(FLOOR, STILL, slow, None)) == [True, False, True]
    assert kept(console_pictures.report(FLOOR, STILL, black, None)) == [True, True, False]


def test_live_views_that_could_not_be_measured_are_missed_and_it_is_said_why() -> None:
    report = console_pictures.report(FLOOR, STILL, None, "no GStreamer")
    assert kept(report) == [True, False, False]
    assert report.figures["live_views_missing"] == "no GStreamer"


def test_an_input_that_the_browser_does_not_tell_took_less_than_it_tells() -> None:
    assert console_feed.all_of([40.0, 24.0], 4) == [40.0, 24.0, 16.0, 16.0]
    assert console_feed.all_of([40.0, 24.0], 1) == [40.0, 24.0]


@pytest.mark.parametrize(("slow", "is_kept"), [(5, True), (6, False)])
def test_inputs_are_judged_all_together_at_p95(slow: int, is_kept: bool) -> None:
    found = {"step": [16.0] * 50, "confirm": [16.0] * (50 - slow) + [120.0] * slow}
    assert kept(console_feed.report(found, [])) == [is_kept]


def test_without_an_input_nothing_is_kept() -> None:
    assert kept(console_feed.report({"step": []}, [])) == [False]


def test_the_slowest_load_is_judged_and_the_script() -> None:
    assert kept(console_paint.report(LOADS, 146.0, 350.0)) == [True, True]
    late = [*LOADS, {**LOADS[0], "useful_ms": 1001.0}]
    assert kept(console_paint.report(late, 351.0, 350.0)) == [False, False]


def test_an_alert_that_never_came_is_missed_also_where_the_others_were_quick() -> None:
    assert kept(console_alerts.report([0.3] * 60, 60)) == [True, True]
    assert kept(console_alerts.report([0.3] * 59, 60)) == [True, False]
    assert kept(console_alerts.report([], 0))[0] is False
    assert math.isnan(console_alerts.report([], 0).targets[0].value or 0.0)


def test_of_all_parts_one_that_is_missed_is_enough_to_fail(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = console_alerts.report([0.3], 1), console_feed.report({"step": [200.0]}, [])
    assert together({"alerts": good}).tell() == 0
    assert together({"alerts": good, "feed": bad}).tell() == 1
    assert "missed" in capsys.readouterr().out.splitlines()[-1].lower()
