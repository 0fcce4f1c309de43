"""Quantiles, targets and how they are told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.figures import Relation, Report, Spread, Table, Target, median, nearest_rank, slope


def test_nearest_rank_is_always_one_of_the_values() -> None:
    values = [15.0, 20.0, 35.0, 40.0, 50.0]  # the example of the method's definition
    assert [nearest_rank(values, share) for share in (0.05, 0.3, 0.4, 0.5, 1.0)] == [15.0, 20.0, 20.0, 35.0, 50.0]


def test_the_last_of_a_thousand_is_not_in_the_999th_permille() -> None:
    assert nearest_rank([0.0] * 999 + [9.0], 0.999) == 0.0
    assert nearest_rank([0.0] * 998 + [9.0] * 2, 0.999) == 9.0


def test_with_few_values_every_high_quantile_is_the_largest() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(count=3, p50=2.0, p99=3.0, p999=3.0, max=3.0)


def test_of_nothing_there_are_no_quantiles() -> None:
    spread = Spread.of([])
    assert spread.count == 0
    assert math.isnan(spread.p50)
    assert math.isnan(spread.max)


def test_one_value_that_never_came_is_the_worst() -> None:
    assert Spread.of([1.0, 2.0, math.inf]).max == math.inf


def test_medians() -> None:
    assert median([5.0, 1.0, 3.0]) == 3.0
    assert median([4.0, 1.0]) == 2.5
    assert math.isnan(median([]))


def test_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([0, 1000, 2000, 3000], [100.0, 100.1, 100.2, 100.3]) == pytest.approx(0.0001)


def test_without_two_different_places_there_is_no_slope() -> None:
    assert math.isnan(slope([5, 5], [1.0, 2.0]))


@pytest.mark.parametrize(
    ("value", "relation", "kept"),
    [
        (11.0, Relation.AT_MOST, True),
        (11.01, Relation.AT_MOST, False),
        (11.0, Relation.AT_LEAST, True),
        (10.9, Relation.AT_LEAST, False),
        (11.0, Relation.EXACTLY, True),
        (11.1, Relation.EXACTLY, False),
    ],
)
def test_a_target_is_kept_by_its_relation(value: float, relation: Relation, kept: bool) -> None:
    assert Target("round, s", value, 11.0, relation).kept is kept


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("relation", list(Relation))
def test_what_was_not_measured_is_never_kept(value: float | None, relation: Relation) -> None:
    assert not Target("round, s", value, 11.0, relation).kept


def a_report(*targets: Target) -> Report:
    return Report(
        "sample", {"gap": math.inf, "rounds": [1.0, math.nan]}, [Table("t", ("a", "b"), [("x", 1)])], targets, "said"
    )


def test_the_exit_code_and_the_last_line_say_what_was_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = a_report(Target("round, s", 12.0, 11.0), Target("memory, MB", 500.0, 1000.0)).tell(tmp_path)
    last = capsys.readouterr().out.splitlines()[-1]
    assert code == 1
    assert last == "bench-sample: said; MISSED: round, s: 12 (<= 11)"


def test_all_kept_is_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert a_report(Target("round, s", 10.0, 11.0), Target("memory, MB", 5.0, 6.0)).tell(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("; all 2 targets kept")


def test_one_target_is_not_all_of_them() -> None:
    assert a_report(Target("round, s", 10.0, 11.0)).last_line().endswith("; its target kept")


def test_what_has_no_targets_boasts_of_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert a_report().tell(tmp_path) == 0
    said = capsys.readouterr().out
    assert "target" not in said.replace(str(tmp_path), "")
    assert said.splitlines()[-1] == "bench-sample: said; held against nothing"


def test_the_json_is_strict_and_holds_figures_and_targets(tmp_path: Path) -> None:
    a_report(Target("round, s", None, 11.0)).tell(tmp_path)
    text = (tmp_path / "bench-sample.json").read_text()
    said = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert said["figures"] == {"gap": None, "rounds": [1.0, None]}
    assert said["targets"] == [{"name": "round, s", "value": None, "limit": 11.0, "relation": "<=", "kept": False}]
    assert said["machine"]["cores"] >= 1


def test_a_table_lines_its_columns_up() -> None:
    table = Table("gaps, s", ("ring", "p50", "late"), [("core", 4.0, 12), ("periphery", None, True)])
    assert table.lines() == [
        "gaps, s",
        "  ring       p50  late",
        "  core         4    12",
        "  periphery    -  True",
    ]


def test_text_stands_to_the_left_and_empty_headings_take_no_line() -> None:
    assert Table("besides", ("", ""), [("clips", "a long text"), ("n", 3)]).lines() == [
        "besides",
        "  clips  a long text",
        "  n      3",
    ]
