"""What is made of the queue's figures, and that a load really passes through Patrol."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import queue_floor, queue_peer
from benchmarks.bench_queue import Found, Judged, best_of, growth_per_s, judged, largest_held, load_of, report, targets
from benchmarks.queue_floor import Floor, Way
from benchmarks.queue_path import Load, Passage, pass_through
from patrol.adapters.valkey_embedded import embedded_valkey


def passage(count: int = 100, rate: float = 10.0, late_s: float = 0.02, grows_s: float = 0.0) -> Passage:
    """Alerts that take ``late_s``, and each ``grows_s`` longer than the one before."""
    due = [number / rate for number in range(count)]
    shown = [at + late_s + number * grows_s for number, at in enumerate(due)]
    accepted = [at + late_s / 2 for at in due]
    return Passage(Load(rate, count, 10), due, accepted, shown, {"service": 1.0}, count, count, 0, 7, 3.5)


def test_times_are_counted_from_when_an_alert_was_due_and_the_warm_up_is_left_out() -> None:
    found = passage()
    slow_start = replace(found, shown=[at + 9.0 for at in found.shown[:10]] + list(found.shown[10:]))
    each = judged(slow_start)
    assert (each.alerts, each.lost) == (90, 0)
    assert each.to_receipt.p50 == pytest.approx(20.0)
    assert each.to_receipt.max == pytest.approx(20.0)
    assert each.to_accepted.p99 == pytest.approx(10.0)
    assert each.cpu_ms == {"service": pytest.approx(10.0)}
    assert each.held


def test_a_rate_at_which_what_is_under_way_grows_is_not_held() -> None:
    assert judged(passage(1000, 100.0)).held
    falling_behind = judged(passage(1000, 100.0, grows_s=0.0005))  # 95 a second pass
    assert falling_behind.growth_per_s == pytest.approx(5, rel=0.1)
    assert falling_behind.to_receipt.p99 < 1000.0
    assert not falling_behind.held


def test_a_rate_at_which_a_second_is_not_kept_is_not_held_though_nothing_grows() -> None:
    late = judged(replace(passage(1000, 100.0, late_s=1.2), load=Load(100.0, 1000, 200)))
    assert abs(late.growth_per_s) < 0.1
    assert not late.held


@pytest.mark.parametrize(
    "change",
    [{"stored": 99}, {"receipts": 99}, {"pending": 1}, {"shown": [math.nan, *passage().shown[1:]]}],
    ids=["not stored", "no receipt", "never acknowledged", "the console was never told"],
)
def test_one_alert_that_did_not_pass_is_lost_also_in_the_warm_up_and_then_nothing_is_held(change: dict) -> None:  # type: ignore[type-arg]
    each = judged(replace(passage(), **change))
    assert each.lost == 1
    assert not each.held


def test_growth_of_nothing_is_no_number() -> None:
    assert math.isnan(growth_per_s([], [], 0))


def at_rate(rate: float, holds: bool, p99: float = 30.0) -> Judged:
    each = judged(passage())
    return replace(each, rate=rate, lost=0 if holds else 5, to_receipt=replace(each.to_receipt, p99=p99))


def test_the_largest_rate_is_looked_for_upwards_until_one_is_not_held() -> None:
    tried = largest_held(1000.0, lambda rate: at_rate(rate, rate < 1200))
    assert [each.rate for each in tried] == [1000, 1100, 1210]
    assert best_of(tried).rate == 1100  # type: ignore[union-attr]


def test_or_downwards_until_one_is() -> None:
    tried = largest_held(1000.0, lambda rate: at_rate(rate, rate < 850))
    assert [each.rate for each in tried] == [1000, 909, 826]
    assert best_of(tried).rate == 826  # type: ignore[union-attr]


def test_where_none_is_held_there_is_no_largest() -> None:
    tried = largest_held(20.0, lambda rate: at_rate(rate, False))
    assert best_of(tried) is None


def found(largest: float = 1100.0, one_by_one: float = 1500.0, p99: float = 30.0, holds: bool = True) -> Found:
    floors = [Floor(way, 10, rate, 0.2) for way, rate in zip(Way, (one_by_one, 3000.0, 9000.0), strict=True)]
    return Found(
        [at_rate(50.0, True, p99)], [at_rate(largest, holds)], floors, [at_rate(400.0, True)], "taskiq-redis", {}
    )


def test_targets_are_kept_only_where_all_of_it_holds() -> None:
    assert all(target.kept for target in targets(found()))
    assert [target.name for target in targets(found(largest=990.0)) if not target.kept] == ["alerts/s held"]
    assert [t.name for t in targets(found(p99=51.0)) if not t.kept] == ["due to receipt stored at 50/s, p99, ms"]
    assert [t.name for t in targets(found(one_by_one=2300.0)) if not t.kept] == ["rate held : floor, one by one"]
    assert len([target for target in targets(found(holds=False)) if not target.kept]) == 2


def test_the_last_line_has_it_all() -> None:
    told = report(found())
    assert told.last_line() == (
        "bench-queue: due to receipt p50/p99 50/s 20.0/30.0 ms; largest rate held 1100/s;"
        " floor one by one 1500, a commit each 3000, in groups 9000/s; taskiq-redis 400/s; all 4 targets kept"
    )
    json.dumps(told.as_json())


def test_a_load_has_its_warm_up_besides() -> None:
    assert load_of(50.0, 20.0) == Load(50.0, 1150, 150)


@pytest.mark.long
@pytest.mark.parametrize("at_once", [1, 8])
def test_a_few_alerts_pass_through_all_of_patrol(tmp_path: Path, at_once: int) -> None:
    passed = pass_through(Load(40.0, 60, 20, at_once=at_once, ahead=at_once), tmp_path / "run")
    assert (passed.stored, passed.receipts, passed.pending) == (60, 60, 0)
    # Whoever accepts learns of it in a process of its own, at times later than the console is shown it.
    assert all(due < accepted for due, accepted in zip(passed.due, passed.accepted, strict=True))
    assert all(due < shown for due, shown in zip(passed.due, passed.shown, strict=True))
    assert judged(passed).lost == 0
    assert set(passed.cpu_s) == {"service", "tour", "console", "queue"}


@pytest.mark.long
def test_a_few_alerts_pass_through_one_process(tmp_path: Path) -> None:
    passed = pass_through(Load(40.0, 60, 20, apart=False), tmp_path / "run")
    assert judged(passed).lost == 0
    assert set(passed.cpu_s) == {"service", "console", "queue"}


@pytest.mark.parametrize("way", list(Way))
def test_the_floor_passes_what_it_says(tmp_path: Path, way: Way) -> None:
    with embedded_valkey(tmp_path / "valkey") as address:
        found = queue_floor.floor(way, '{"of": "some size"}', 100, address, tmp_path)
    assert found.per_s > 10
    with queue_floor.database_at(tmp_path / f"{way}.db") as database:
        assert database.execute("SELECT count(*), count(DISTINCT id) FROM outbox").fetchone() == (100, 100)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


@pytest.mark.skipif(not queue_peer.is_there(), reason="taskiq-redis is not installed: make install-bench-queue")
def test_a_few_alerts_pass_through_the_job_queue(tmp_path: Path) -> None:
    passed = pass_through(Load(40.0, 60, 20, apart=False), tmp_path / "run", queue_peer.TASKIQ)
    assert (passed.stored, passed.receipts, passed.pending) == (60, 60, 0)
    assert judged(passed).lost == 0
