"""The simulated room, the rules in it, the bound, and what is made of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from benchmarks import bench_dispatch
from benchmarks.bench_dispatch import (
    OURS,
    PLAIN,
    RULES,
    Comparison,
    are_late,
    blocks_of,
    difference,
    fewest_late,
    report_of,
)
from benchmarks.dispatch_scenario import Answer, Happening, Scenario, scenario_of
from benchmarks.dispatch_simulation import Room, Sent, nearest_idle, simulated
from patrol.domain import turns
from patrol.domain.camera import Ring
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.vocabulary import RingName
from tests.builders import north, unit

CORE = RingName.CORE
RINGS = {CORE: Ring(CORE, 5.0, response_target_s=60.0, accept_within_s=10.0)}


def happening(number: int, at_s: float, metres: float, **changes: object) -> Happening:
    plain = Happening(IncidentId(f"I-{number}"), at_s, north(metres), CORE, Level.RED, 600.0, None)
    return replace(plain, **changes)  # type: ignore[arg-type]


def room_of(*happenings: Happening, homes: tuple[float, ...] = (0.0,)) -> Scenario:
    crews = tuple(unit(f"U-{n}", home=north(metres)) for n, metres in enumerate(homes))
    return Scenario(crews, happenings, RINGS, seed=0)


@pytest.fixture
def everybody_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scenario, "answer", lambda self, incident, unit: Answer(True, 2.0))


@cache
def small() -> Scenario:
    return scenario_of(incidents=120, units=25, seed=3)


@cache
def small_comparison() -> Comparison:
    scenario = small()
    response_s = {name: simulated(scenario, rule()) for name, rule in RULES.items()}
    return Comparison(scenario, response_s, [fewest_late(scenario, block) for block in blocks_of(scenario)])


def test_the_same_seed_is_the_same_room() -> None:
    assert scenario_of(60, 10, seed=4) == scenario_of(60, 10, seed=4)
    assert scenario_of(60, 10, seed=4) != scenario_of(60, 10, seed=5)


def test_so_many_incidents_and_crews_two_fifths_of_them_in_storms() -> None:
    scenario = small()
    assert (len(scenario.happenings), len(scenario.units)) == (120, 25)
    assert sum(one.storm is not None for one in scenario.happenings) >= 48
    assert [one.at_s for one in scenario.happenings] == sorted(one.at_s for one in scenario.happenings)


def test_what_a_unit_answers_depends_on_unit_and_incident_alone() -> None:
    answers = {(n, u): small().answer(n, u) for n in range(120) for u in range(25)}
    assert answers == {(n, u): small().answer(n, u) for n in range(120) for u in range(25)}
    shares = [sum(a.after_s == math.inf for a in answers.values()), sum(a.accepts for a in answers.values())]
    assert shares == pytest.approx([3000 * 0.04, 3000 * 0.92], rel=0.25)


@pytest.mark.usefixtures("everybody_accepts")
def test_a_crew_accepts_mobilises_travels_handles_and_is_free_where_it_stands() -> None:
    first, second = happening(1, 0.0, 100), happening(2, 700.0, 100)
    spent = simulated(room_of(first, second), nearest_idle())
    assert spent[0] == pytest.approx(2 + 5 + 100 * 1.3 / 2.6, abs=0.1)
    handled_s = spent[0] + 600
    home_m = 100 - (700 - handled_s) * 2.6 / 1.3  # on its way home again
    assert spent[1] == pytest.approx(2 + 5 + (100 - home_m) * 1.3 / 2.6, abs=0.1)


@pytest.mark.usefixtures("everybody_accepts")
def test_who_finds_nobody_free_waits_in_the_order_of_arrival() -> None:
    spent = simulated(room_of(happening(1, 0.0, 0), happening(2, 10.0, 50), happening(3, 20.0, 0)), nearest_idle())
    assert spent[0] < spent[1] < spent[2]


@pytest.mark.parametrize(("answer", "after_s"), [(Answer(False, 3.0), 3.0), (Answer(False, math.inf), 10.0)])
def test_who_declines_or_is_silent_is_followed_by_the_next(
    answer: Answer, after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scenario, "answer", lambda self, incident, unit: answer if unit == 0 else Answer(True, 2.0))
    (spent,) = simulated(room_of(happening(1, 0.0, 0), homes=(0.0, 100.0)), nearest_idle())
    assert spent == pytest.approx(after_s + 2 + 5 + 50, abs=0.1)


@pytest.mark.usefixtures("everybody_accepts")
def test_a_unit_that_is_taken_goes_on_from_where_it_is_and_the_other_waits_again() -> None:
    green = happening(1, 0.0, 400, level=Level.GREEN)
    red = happening(2, 60.0, 100)
    spent = simulated(room_of(green, red), RULES[OURS]())
    assert spent[1] == pytest.approx(2 + 5 + (106 - 100) * 1.3 / 2.6, abs=0.1)
    assert spent[0] > 600
    untouched = simulated(room_of(green, red), RULES["patrol, nobody taken"]())
    assert untouched[0] == pytest.approx(2 + 5 + 400 * 1.3 / 2.6, abs=0.1)


@pytest.mark.usefixtures("everybody_accepts")
def test_patrol_looks_at_those_alone_whose_turn_it_is_as_dispatch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = happening(1, 0.0, 0)
    overdue, fresh = happening(2, 1.0, 90), happening(3, 600.0, 90)
    room = room_of(busy, overdue, fresh)
    spent = simulated(room, RULES[OURS]())
    assert spent[2] < spent[1], "the one that can still be in time goes first"
    monkeypatch.setattr(turns, "MOST_WAITING", 1)
    spent = simulated(room, RULES[OURS]())
    assert spent[1] < spent[2]


def test_nobody_is_sent_who_is_busy_and_nobody_to_whom_somebody_is() -> None:
    sent: list[Sent] = []

    def watched(room: Room) -> list[Sent]:
        found = list(RULES["patrol, nobody taken"]()(room))
        for each in found:
            assert room.crews[each.unit].trip is None
            assert each.incident in room.waiting
        sent.extend(found)
        return found

    spent = simulated(small(), watched)
    assert all(math.isfinite(each) for each in spent)
    assert len(sent) >= 120


def test_no_rule_is_late_less_often_than_the_bound_says_in_any_block() -> None:
    found = small_comparison()
    for spent in found.response_s.values():
        late = are_late(found.scenario, spent)
        for block, fewest in zip(blocks_of(found.scenario), found.bounds, strict=True):
            assert fewest <= sum(late[number] for number in block)


def test_the_bound_counts_what_no_crew_can_reach_from_what_it_reached_before() -> None:
    far_apart = room_of(happening(1, 0.0, 0), happening(2, 10.0, 5000), happening(3, 20.0, 10_000))
    assert fewest_late(far_apart, [0, 1, 2]) == 2  # one crew is in one place
    in_turn = room_of(happening(1, 0.0, 0), happening(2, 600.0, 50), happening(3, 1300.0, 80))
    assert fewest_late(in_turn, [0, 1, 2]) == 0
    assert fewest_late(room_of(happening(1, 0.0, 0, ring=RingName.CORE), homes=()), [0]) == 1


def test_a_difference_is_of_the_same_incidents_and_drawn_by_blocks() -> None:
    ours, theirs = [False, True, False, False], [True, True, True, False]
    found = difference(ours, theirs, [[0, 1], [2, 3]])
    assert (found.share, found.only_ours, found.only_theirs) == (-0.5, 0, 2)
    assert found.interval == (-0.5, -0.5)


def test_the_report_says_who_is_late_by_how_much_and_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_of({1.0: [3.0, 4.0], 0.2: [5.0]}, {1.0: [70.0]}, small_comparison())
    code = report.tell(tmp_path)
    assert code == (0 if all(target.kept for target in report.targets) else 1)
    out = capsys.readouterr().out
    for name in (*RULES, "unavoidable", "storms", "calm"):
        assert name in out
    figures = json.loads((tmp_path / "bench-dispatch.json").read_text())["figures"]
    assert figures["late"]["all"][PLAIN]["incidents"] == 120
    assert figures["latency_in_storm_ms"]["1"]["max"] == 70.0
    assert out.splitlines()[-1].startswith("bench-dispatch: a choice takes 5.0 ms at p99; under storms ")


def test_a_difference_of_nothing_is_not_below() -> None:
    nothing = difference([True, False], [True, False], [[0], [1]])
    kept = {
        target.name.split(", ")[1]: target.kept
        for target in bench_dispatch.targets_of(
            {1.0: [1.0]}, {part: {PLAIN: nothing} for part in ("all", "storms", "calm")}
        )
    }
    assert kept["all"]
    assert not kept["storms"]


def test_choices_are_timed_by_the_share_of_free_units() -> None:
    found = bench_dispatch.latencies_ms(small(), boards=3, seed=1)
    assert {share: len(values) for share, values in found.items()} == {1.0: 1, 0.5: 1, 0.2: 1}
    assert min(each for values in found.values() for each in values) > 0
    assert sum(map(len, bench_dispatch.latencies_ms(small(), boards=3, seed=1, waiting_now=80).values())) == 3
