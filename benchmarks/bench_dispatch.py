"""Choosing units: how long a choice takes, and who is late, against plain nearest-idle and what cannot be avoided.

    python -m benchmarks.bench_dispatch [--incidents 10000] [--units 200] [--seed 26] [--boards 400]

Latency: boards of so many units with 50 incidents that want crews (red ones two), and with 500, as in a storm; all
units free, half or a fifth of them, the others under way or on scene; the time on the clock of one choice as dispatch
makes it, everything told: of those that wait it looks at the ones whose turn it is (turns.py), here as there.

Late share: one simulated room (dispatch_scenario.py, dispatch_simulation.py), calm with storms in it, decided on by
several rules that meet the very same incidents, answers and times on scene. One crew an incident. An incident is late
where nobody is there within its ring's response target. Compared are:

- patrol: as dispatch chooses, with its usual policy, whenever something is called in, a crew gets free or falls out;
- patrol, nobody taken: the same, and no unit is ever taken from what it is on its way to;
- patrol, answers counted: the same as patrol, where an order is expected to be accepted after 5 s, which counts for who
  will be late (``Policy.answer_s``);
- nearest idle: in the order in which they came, each gets the free crew that is there soonest;
- nearest idle, by level: the same, the most urgent first;
- hindsight: knows what will be called within five minutes, who would accept what and when everybody gets free, and
  plans on it (``dispatch_simulation.Hindsight``). No optimum either, but what such knowledge is worth;
- unavoidable: a bound, no rule. No rule, also none that knows all beforehand, takes units away or moves them about
  before anybody calls, can be late less often: of each storm, and of each quarter of an hour of calm, the
  fewest late if 200 crews could wait anywhere at its beginning, and each goes from one incident that it reaches in time
  to the next that it can then still reach in time, at the speed of the fastest that may serve both, the soonest
  acceptance and the shortest mobilisation; late ones cost no time at all. (Vertex-disjoint paths, as an assignment.)

Intervals: 95%, of the difference in late share on the same incidents, by drawing storms and quarters of an hour of calm
again, whole (bootstrap): what happens within one of them hangs together.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks.dispatch_scenario import ACCEPTS_WITHIN_S, Scenario, scenario_of
from benchmarks.dispatch_simulation import Case, Hindsight, Rule, assignment, chosen, nearest_idle, simulated, want_of
from benchmarks.figures import Report, Spread, Table, Target, nearest_rank
from patrol.app.running import SEEN_THROUGH_EVERY
from patrol.domain.assigning import load_solver
from patrol.domain.choosing import Commitment, Policy, Want
from patrol.domain.dispatch import DETOUR_FACTOR, Duty
from patrol.domain.events import Level
from patrol.domain.orders import OrderState
from patrol.domain.shares import Range, wilson
from patrol.domain.units import UnitId, UnitState
from patrol.evaluation.statistics import bootstrapped

OPEN, OPEN_IN_STORM = 50, 500
FREE_SHARES = (1.0, 0.5, 0.2)
LATENCY_MS = 50.0
CALM_BLOCK_S = 900.0
HORIZON_S = 300.0
OURS, PLAIN = "patrol", "nearest idle"

RULES: Mapping[str, Callable[[], Rule]] = {
    OURS: lambda: assignment(Policy()),
    PLAIN: nearest_idle,
    "patrol, nobody taken": lambda: assignment(Policy(preempts={})),
    "patrol, answers counted": lambda: assignment(Policy(answer_s=sum(ACCEPTS_WITHIN_S) / 2)),
    "nearest idle, by level": lambda: nearest_idle(by_level=True),
    "hindsight": lambda: Hindsight(HORIZON_S),
}

Numbers = Sequence[int]
Latencies = Mapping[float, Sequence[float]]
"""Milliseconds, by the share of units that are free."""


# -- how long a choice takes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Board:
    """What one choice is made of."""

    wants: list[Want]
    duties: list[Duty]
    commitments: dict[UnitId, Commitment]


def board_of(scenario: Scenario, free_share: float, chance: random.Random, waiting_now: int = OPEN) -> Board:
    """So many incidents that want crews, and what the busy units are on."""
    happenings = chance.sample(scenario.happenings, min(len(scenario.happenings), waiting_now + len(scenario.units)))
    cases = [Case(replace(one, at_s=-chance.uniform(0, 300))) for one in happenings]
    targets = {ring: scenario.rings[ring].response_target_s for ring in scenario.rings}
    wants = [want_of(case, targets[case.happening.ring]) for case in cases]
    waiting = [replace(want, crews=2 if want.level is Level.RED else 1) for want in wants[:waiting_now]]
    duties, commitments, served = [], {}, iter(wants[waiting_now:])
    for unit in scenario.units:
        if chance.random() < free_share:
            duties.append(Duty(unit))
            continue
        state = chance.choice((OrderState.EN_ROUTE, OrderState.ON_SCENE, OrderState.ON_SCENE))
        duties.append(Duty(unit, UnitState(state.value)))
        want = next(served, None)
        if want is not None:
            waiting.append(replace(want, crews=0, crews_on_it=1))
            commitments[unit.id] = Commitment(want.incident_id, want.level, state, want.ring)
    return Board(waiting, duties, commitments)


def latencies_ms(scenario: Scenario, boards: int, seed: int, waiting_now: int = OPEN) -> dict[float, list[float]]:
    """Milliseconds of each choice, by the share of units that are free."""
    chance = random.Random(seed)
    load_solver()
    found: dict[float, list[float]] = {share: [] for share in FREE_SHARES}
    with _collecting_as_the_service():
        for number in range(boards):
            share = FREE_SHARES[number % len(FREE_SHARES)]
            board = board_of(scenario, share, chance, waiting_now)
            begun = time.perf_counter()
            chosen(board.wants, board.duties, board.commitments, Policy(), 0.0)
            found[share].append((time.perf_counter() - begun) * 1000)
    return found


@contextlib.contextmanager
def _collecting_as_the_service() -> Iterator[None]:
    """Python's collector set as ``patrol run`` sets it: what was there at the start is not looked through each time."""
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEEN_THROUGH_EVERY, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


# -- who is late ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of some incidents: how many, how many late, the share with its 95% interval (Wilson), response in seconds."""

    incidents: int
    late: int
    share: float
    interval: Range | None
    response_s: Spread

    @classmethod
    def of(cls, response_s: Sequence[float], late: Sequence[bool], among: Numbers) -> Lateness:
        """Of the incidents of these numbers."""
        count = sum(late[number] for number in among)
        share = count / len(among) if among else math.nan
        return cls(len(among), count, share, wilson(count, len(among)), Spread.of([response_s[n] for n in among]))


def are_late(scenario: Scenario, response_s: Sequence[float]) -> list[bool]:
    """Whether each incident's first crew was there too late."""
    return [not spent <= scenario.target_s(number) for number, spent in enumerate(response_s)]


def blocks_of(scenario: Scenario) -> list[list[int]]:
    """Incidents that hang together: of one storm, or of a quarter of an hour of calm; by number."""
    blocks: dict[tuple[int, int], list[int]] = {}
    for number, one in enumerate(scenario.happenings):
        key = (1, one.storm) if one.storm is not None else (0, int(one.at_s // CALM_BLOCK_S))
        blocks.setdefault(key, []).append(number)
    return list(blocks.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """In late share, ours less another's, with its 95% interval; and how many incidents only one of them has late."""

    share: float
    interval: Range | None
    only_ours: int
    only_theirs: int


def difference(ours: Sequence[bool], theirs: Sequence[bool], blocks: Sequence[Numbers]) -> Difference:
    """Over the incidents of these blocks."""
    sums = [
        np.array([sum(ours[n] for n in block) - sum(theirs[n] for n in block), len(block)], np.float64)
        for block in blocks
    ]
    among = [number for block in blocks for number in block]
    share = sum(each[0] for each in sums) / max(1, len(among))
    interval = bootstrapped(sums, lambda drawn: np.asarray(drawn[:, 0] / drawn[:, 1]))
    return Difference(
        float(share),
        interval,
        sum(ours[n] and not theirs[n] for n in among),
        sum(theirs[n] and not ours[n] for n in among),
    )


def fewest_late(scenario: Scenario, block: Numbers) -> int:
    """How many of these must be late, whatever is done: see the module's own words. Exact for that relaxation.

    Each incident and each crew is a row, which goes on to one column: an incident, or its end. An incident that is late
    goes on to itself, which costs 1; so nobody comes from there.
    """
    crews, count = len(scenario.units), len(block)
    happenings = [scenario.happenings[number] for number in block]
    costs = np.full((crews + count, count + crews), np.inf)
    costs[:, count:] = 0.0
    for row, unit in enumerate(scenario.units):
        costs[row, :count] = [0.0 if one.ring in unit.rings else np.inf for one in happenings]
    fastest = _Fastest(scenario)
    soonest_s = ACCEPTS_WITHIN_S[0]
    for row, before in enumerate(happenings):
        free_s = before.at_s + soonest_s + fastest.mobilise_s + before.on_scene_s
        for column, one in enumerate(happenings):
            due_s = one.at_s + scenario.rings[one.ring].response_target_s
            speed_m_s = fastest.speed_m_s(before.ring, one.ring)
            if row != column and free_s <= due_s and speed_m_s:
                way_s = before.place.distance_m(one.place) * DETOUR_FACTOR / speed_m_s
                costs[crews + row, column] = 0.0 if free_s + way_s <= due_s else np.inf
        costs[crews + row, row] = 1.0
    # Imported here: it takes a second.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return round(float(costs[rows, columns].sum()))


class _Fastest:
    """The best that any crew could do."""

    def __init__(self, scenario: Scenario) -> None:
        self._units = scenario.units
        self.mobilise_s = min((unit.mobilise_s for unit in scenario.units), default=0.0)
        self._speeds: dict[tuple[str, str], float] = {}

    def speed_m_s(self, one: str, other: str) -> float:
        """Of whoever may serve both rings; 0 where nobody does."""
        if (one, other) not in self._speeds:
            able = [unit.speed_m_s for unit in self._units if {one, other} <= unit.rings]
            self._speeds[one, other] = max(able, default=0.0)
        return self._speeds[one, other]


# -- and how it is told -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was found of one scenario. ``response_s``: by rule. ``bounds``: by block, the fewest late."""

    scenario: Scenario
    response_s: Mapping[str, Sequence[float]]
    bounds: Sequence[int]

    def parts(self) -> dict[str, list[list[int]]]:
        """All, storms and calm, in blocks."""
        blocks = blocks_of(self.scenario)
        storms = [block for block in blocks if self.scenario.happenings[block[0]].storm is not None]
        calm = [block for block in blocks if self.scenario.happenings[block[0]].storm is None]
        return {"all": blocks, "storms": storms, "calm": calm}

    def bound(self, blocks: Sequence[Numbers]) -> int:
        """The fewest late of these blocks."""
        by_first = {block[0]: fewest for block, fewest in zip(blocks_of(self.scenario), self.bounds, strict=True)}
        return sum(by_first[block[0]] for block in blocks)


def compared(scenario: Scenario, workers: int) -> Comparison:
    """Every rule over the same scenario, and the bound."""
    with ProcessPoolExecutor(workers) as pool:
        runs = {name: pool.submit(_run, scenario, name) for name in RULES}
        bounds = list(pool.map(functools.partial(fewest_late, scenario), blocks_of(scenario), chunksize=8))
        return Comparison(scenario, {name: run.result() for name, run in runs.items()}, bounds)


def _run(scenario: Scenario, name: str) -> list[float]:
    begun = time.monotonic()

    def tell(called: int) -> None:
        if called % 1000 == 0:
            print(f"{name}: {called:,} incidents, {time.monotonic() - begun:.0f} s", file=sys.stderr)

    return simulated(scenario, RULES[name](), tell)


def lateness_table(found: Comparison) -> Table:
    """Late share by rule and part."""
    rows: list[Sequence[object]] = []
    for part, blocks in found.parts().items():
        among = [number for block in blocks for number in block]
        for name, spent in found.response_s.items():
            its = Lateness.of(spent, are_late(found.scenario, spent), among)
            mean_s = float(np.mean([spent[n] for n in among])) if among else math.nan
            p90 = nearest_rank([spent[n] for n in among], 0.9)
            told = (mean_s, its.response_s.p50, p90, its.response_s.p99, its.response_s.max)
            rows.append((part, name, its.incidents, its.late, _percent(its.share), _span(its.interval), *told))
        bound = found.bound(blocks)
        share = _percent(bound / len(among)) if among else "-"
        rows.append((part, "unavoidable", len(among), bound, share, "", *[None] * 5))
    headings = ("part", "rule", "incidents", "late", "share", "95%", "mean s", "p50", "p90", "p99", "max")
    return Table("late, and seconds until the first crew was there", headings, rows)


def level_table(found: Comparison) -> Table:
    """Late share by level."""
    names = list(found.response_s)
    rows: list[Sequence[object]] = []
    for part, blocks in found.parts().items():
        for level in Level:
            among = [n for block in blocks for n in block if found.scenario.happenings[n].level is level]
            shares = [
                Lateness.of(spent, are_late(found.scenario, spent), among).share for spent in found.response_s.values()
            ]
            rows.append((part, level.value, len(among), *(_percent(share) for share in shares)))
    return Table("late share by level", ("part", "level", "incidents", *names), rows)


def differences(found: Comparison) -> dict[str, dict[str, Difference]]:
    """Ours less each other rule's, by part."""
    ours = are_late(found.scenario, found.response_s[OURS])
    return {
        part: {
            name: difference(ours, are_late(found.scenario, spent), blocks)
            for name, spent in found.response_s.items()
            if name != OURS
        }
        for part, blocks in found.parts().items()
    }


def level_differences(found: Comparison) -> dict[str, dict[str, Difference]]:
    """Ours less plain nearest-idle, by part and level."""
    ours, plain = (are_late(found.scenario, found.response_s[name]) for name in (OURS, PLAIN))
    happenings = found.scenario.happenings
    return {
        part: {
            f"{PLAIN}, {level}": difference(
                ours, plain, [[n for n in block if happenings[n].level is level] for block in blocks]
            )
            for level in Level
        }
        for part, blocks in found.parts().items()
    }


def difference_table(found: Mapping[str, Mapping[str, Difference]]) -> Table:
    """Of every part and rule."""
    rows = [
        (part, name, f"{each.share * 100:+.2f}", _span(each.interval), each.only_ours, each.only_theirs)
        for part, by_rule in found.items()
        for name, each in by_rule.items()
    ]
    headings = ("part", "patrol less", "points", "95%", "late only by patrol", "only by the other")
    return Table("late share, patrol less another's, same incidents, in points", headings, rows)


def latency_table(found: Mapping[float, Sequence[float]], waiting_now: int) -> Table:
    """By the share of free units, and all."""
    every = {"all": _all(found), **{f"{share:.0%} free": values for share, values in found.items()}}
    rows = [
        (name, spread.count, spread.p50, spread.p99, spread.max)
        for name, spread in ((name, Spread.of(values)) for name, values in every.items())
    ]
    return Table(f"one choice, {waiting_now} open incidents, ms", ("units", "boards", "p50", "p99", "max"), rows)


def targets_of(latency: Mapping[float, Sequence[float]], found: Mapping[str, Mapping[str, Difference]]) -> list[Target]:
    """What must hold. Below means below: an upper end of exactly zero is not."""
    plain = {part: by_rule[PLAIN].interval for part, by_rule in found.items()}
    return [
        Target(f"one choice, {OPEN} open incidents, p99, ms", Spread.of(_all(latency)).p99, LATENCY_MS),
        Target("late share less nearest idle's, all, upper end of 95%", _end(plain["all"], 1), 0.0),
        Target("late share less nearest idle's, storms, upper end of 95%", _end(plain["storms"], 1), -1e-6),
        Target("late share less nearest idle's, calm, lower end of 95%", _end(plain["calm"], 0), 0.0),
    ]


def report_of(latency: Latencies, in_storm: Latencies, found: Comparison) -> Report:
    """All of it. ``in_storm``: where so many wait that not all are looked at."""
    by_part, by_level = differences(found), level_differences(found)
    late = {name: are_late(found.scenario, spent) for name, spent in found.response_s.items()}
    figures: dict[str, Any] = {
        "latency_ms": {f"{share:g}": asdict(Spread.of(values)) for share, values in latency.items()},
        "latency_in_storm_ms": {f"{share:g}": asdict(Spread.of(values)) for share, values in in_storm.items()},
        "late": {
            part: {
                name: asdict(Lateness.of(found.response_s[name], late[name], [n for block in blocks for n in block]))
                for name in late
            }
            | {"unavoidable": found.bound(blocks)}
            for part, blocks in found.parts().items()
        },
        "differences": _told(by_part),
        "differences_by_level": _told(by_level),
    }
    storms = [n for block in found.parts()["storms"] for n in block]
    ours, plain = (sum(late[name][n] for n in storms) / max(1, len(storms)) for name in (OURS, PLAIN))
    bound = found.bound(found.parts()["storms"]) / max(1, len(storms))
    p99 = Spread.of(_all(latency)).p99
    summary = (
        f"a choice takes {p99:.1f} ms at p99; under storms {ours:.1%} late, nearest idle {plain:.1%},"
        f" {bound:.1%} unavoidable"
    )
    both = {part: by_part[part] | by_level[part] for part in by_part}
    timed = [latency_table(latency, OPEN), latency_table(in_storm, OPEN_IN_STORM)]
    tables = [*timed, lateness_table(found), level_table(found), difference_table(both)]
    return Report("dispatch", figures, tables, targets_of(latency, by_part), summary)


def _told(found: Mapping[str, Mapping[str, Difference]]) -> dict[str, dict[str, Any]]:
    return {part: {name: asdict(each) for name, each in rules.items()} for part, rules in found.items()}


def _all(found: Mapping[float, Sequence[float]]) -> list[float]:
    return [each for values in found.values() for each in values]


def _end(interval: Range | None, end: int) -> float | None:
    return None if interval is None else interval[end]


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.2%}"


def _span(interval: Range | None) -> str:
    return "-" if interval is None else f"{interval[0] * 100:.2f} .. {interval[1] * 100:.2f}"


def main() -> int:
    """Run it all; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=200, help="crews")
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--boards", type=int, default=400, help="choices that are timed")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="simulations at once")
    options = parser.parse_args()
    scenario = scenario_of(options.incidents, options.units, options.seed)
    latency = latencies_ms(scenario, options.boards, options.seed)
    in_storm = latencies_ms(scenario, max(len(FREE_SHARES), options.boards // 10), options.seed, OPEN_IN_STORM)
    print("choices timed", file=sys.stderr)
    return report_of(latency, in_storm, compared(scenario, options.workers)).tell()


if __name__ == "__main__":
    sys.exit(main())
