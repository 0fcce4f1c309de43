"""``make faults``: run Patrol for some minutes while it is hit again and again, then count what was lost.

    python -m faults --seed 7 --minutes 3 --rate 10

The seed gives the same faults in the same order again.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from faults import generator, journal
from faults.checking import BACKUP, Findings, Window, check
from faults.injecting import Fault, all_faults, only, script
from faults.world import PATROLS, UP_WITHIN_S, World

ROOT = Path(__file__).parents[1]
WARM_UP_S = 5.0
SETTLE_S = 120.0
PROCESS_RECOVERY_S, QUEUE_RECOVERY_S = 10.0, 30.0


def main() -> int:
    """Exit code 0: nothing lost, nothing twice, nothing illegal, and back in time."""
    arguments = argparse.ArgumentParser(prog="faults", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments.add_argument("--minutes", type=float, default=2.0, help="at least; each fault comes once at least")
    arguments.add_argument("--rate", type=float, default=8.0, help="alerts a second")
    arguments.add_argument("--between", type=float, nargs=2, default=(1.0, 2.5), help="seconds from one to the next")
    arguments.add_argument("--kills", type=int, default=1, help="of each process, in a round of all faults")
    arguments.add_argument("--fsync", choices=("always", "everysec"), default="always", help="the queue's")
    arguments.add_argument("--only", action="append", help="faults whose name holds this; more than once: or that")
    arguments.add_argument("--json", type=Path, default=ROOT / "var" / "faults" / "faults.json")
    arguments.add_argument("--folder", type=Path, default=ROOT / "var" / "faults", help="where all files are made")
    arguments.add_argument("--keep", action="store_true", help="do not delete the folder with all files")
    options = arguments.parse_args()
    folder = options.folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{options.seed}"
    folder.mkdir(parents=True)
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.rate:g} alerts/s; in {folder}", flush=True)
    world = World(folder, options.rate, options.fsync)
    faults = only(all_faults(options.kills, with_clock=world.clock is not None), options.only or ())
    if world.clock is None:
        print("  left out: the wall clock an hour ahead and behind (no C compiler)", flush=True)
    try:
        started_at = time.monotonic()
        world.start()
        if not world.let_pass(UP_WITHIN_S, lambda: _flows(folder)):
            raise TimeoutError(f"nothing flows after {UP_WITHIN_S:g} s: see the logs in {folder}")
        world.let_pass(WARM_UP_S)
        world.save_queue()
        start = Window("everything starts", started_at, time.monotonic(), of_queue=False)
        windows = [start, *_inject(world, faults, random.Random(options.seed), 60 * options.minutes, options.between)]
        settled = _settle(world)
    finally:
        world.end()
    found = check(
        journal.read(folder / generator.FILE),
        journal.read(folder / "console.jsonl"),
        journal.read(folder / "orders.jsonl"),
        world.database,
        windows,
        world.killed_on_the_way,
        lambda number: _has_picture(world, number),
    )
    code = _tell(found, windows, world, options, settled)
    if code == 0 and not options.keep:
        shutil.rmtree(folder)
    return code


def _flows(folder: Path) -> bool:
    """Whether all of it is up: an incident has gone the whole way, and was closed."""
    seen = folder / "console.jsonl"
    return seen.exists() and '"closed"' in seen.read_text("utf-8")


def _has_picture(world: World, number: int) -> bool:
    evidence_id = generator.evidence_id(number)
    file = world.folder / "var" / "evidence" / evidence_id[2:10] / f"{evidence_id}.jpg"
    return file.exists() and file.read_bytes() == generator.picture(number)


def _inject(
    world: World, faults: Sequence[Fault], chance: random.Random, seconds: float, between_s: tuple[float, float]
) -> list[Window]:
    windows: list[Window] = []
    log = journal.Journal(world.folder / "faults.jsonl")
    ends_at = time.monotonic() + seconds
    for fault in script(faults, chance):
        if time.monotonic() >= ends_at and len(windows) >= len(faults):  # each at least once
            break
        begin = time.monotonic()
        print(f"  {ends_at - time.monotonic():5.0f} s left: {fault.name}", flush=True)
        fault.begin(world, chance)
        world.let_pass(fault.seconds)
        fault.end(world)
        windows.append(Window(fault.name, begin, time.monotonic(), fault.of_queue))
        log.write(window=asdict(windows[-1]), killed=world.killed_on_the_way[-20:], wrong=world.wrong)
        world.let_pass(chance.uniform(*between_s))
    return windows


def _settle(world: World) -> bool:
    """No more alerts, no more faults: wait until every incident is closed, or for too long."""
    (world.folder / generator.STOP).touch()
    print("  no more faults: waiting until every incident is closed", flush=True)

    def is_done() -> bool:
        connection = sqlite3.connect(f"file:{world.database}?mode=ro", uri=True, timeout=5)
        try:
            (open_count,) = connection.execute("SELECT count(*) FROM incidents WHERE is_open = 1").fetchone()
            (waiting,) = connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return bool(open_count == waiting == 0)

    done = world.let_pass(SETTLE_S, is_done)
    world.let_pass(3.0)  # the last messages reach the readers
    return done


def _tell(found: Findings, windows: list[Window], world: World, options: argparse.Namespace, settled: bool) -> int:
    seed = options.seed
    counts = Counter(window.name for window in windows)
    print(f"\n{'fault':44} {'times':>5} {'worst recovery, s':>18}")
    for name, count in sorted(counts.items()):
        print(f"{name:44} {count:5} {found.recovery_s.get(name, 0.0):18.1f}")
    kills = {name: world.kills[name] for name in sorted(world.kills)}
    print(f"\nkilled: {', '.join(f'{name} {count}' for name, count in kills.items())}")
    print(f"ended by themselves: {', '.join(f'{what} {n}' for what, n in sorted(world.ended.items())) or 'none'}")
    print(f"seen: {', '.join(f'{what} {count}' for what, count in sorted(world.counted.items())) or 'nothing'}")
    bound = 3 / found.accepted if found.accepted else 1.0
    print(f"alerts submitted {found.submitted}, accepted {found.accepted}; orders as the units saw them {found.orders}")
    print(f"delivered again: {found.duplicate_deliveries} alerts, {found.orders_repeated} orders")
    if counts[BACKUP]:
        gone = len(found.gone_with_database)
        print(f"accepted, told to nobody, and gone with the database that a backup took the place of: {gone}")
    wrong = {
        "lost": found.lost,
        "duplicate orders": found.duplicate_orders,
        "illegal transitions": found.illegal_transitions,
        "untimely recalls": found.untimely_recalls,
        "no picture": found.no_picture,
        "not as it should be": (*world.wrong, *_nothing_tried(found, world, counts)),
    }
    for what, items in wrong.items():
        print(f"{what}: {len(items)}" + (f", such as {'; '.join(items[:5])}" if items else ""))
    in_time = found.recovery_of_processes_s <= PROCESS_RECOVERY_S and found.recovery_of_queue_s <= QUEUE_RECOVERY_S
    print(f"worst recovery from the first of several kills in a row: {found.recovery_of_kills_in_a_row_s:.1f} s")
    if not settled:
        print(f"after {SETTLE_S:g} s incidents were still open, or messages waited")
    kept = settled and in_time and found.accepted > 0 and not any(wrong.values())
    told = {
        "seed": seed,
        "accepted": found.accepted,
        "submitted": found.submitted,
        "gone_with_database": list(found.gone_with_database),
        "orders": found.orders,
        "orders_repeated": found.orders_repeated,
        "rate": options.rate,
        "minutes": options.minutes,
        "fsync": options.fsync,
        "faults": dict(counts),
        "kills": kills,
        "ended_by_themselves": dict(world.ended),
        "seen": dict(world.counted),
        "worst_recovery_s": found.recovery_s,
        "settled": settled,
        "wrong": {what: list(items) for what, items in wrong.items()},
        "recovery_s": {
            "processes": found.recovery_of_processes_s,
            "kills in a row": found.recovery_of_kills_in_a_row_s,
            "queue": found.recovery_of_queue_s,
        },
        "delivered_again": found.duplicate_deliveries,
        "bound_at_95": bound,
        "kept": kept,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(
        f"faults: seed {seed}, {len(windows)} faults, {found.accepted} alerts, lost {len(found.lost)}"
        f" (below {bound:.2%} at 95%), duplicate orders {len(found.duplicate_orders)},"
        f" illegal transitions {len(found.illegal_transitions)}, recovery {found.recovery_of_processes_s:.1f} s"
        f" (processes, at most {PROCESS_RECOVERY_S:g}), {found.recovery_of_queue_s:.1f} s (queue, at most"
        f" {QUEUE_RECOVERY_S:g}): {'all kept' if kept else 'MISSED'}"
    )
    return 0 if kept else 1


def _nothing_tried(found: Findings, world: World, counts: Counter[str]) -> list[str]:
    """Faults that did nothing, and so say nothing."""
    wrong = []
    if counts["queue failed over, replica's link cut"] and not world.counted["entries that only the dead master had"]:
        wrong.append("no fail-over lost anything")
    if counts["a newer minor version beside this one"] and not found.newer:
        wrong.append("no message of a newer version was seen")
    if missing := [name for name in PATROLS if not world.kills[name]]:
        wrong.append(f"never killed: {', '.join(missing)}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
