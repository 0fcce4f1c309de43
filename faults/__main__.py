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
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from faults import generator, journal
from faults.checking import Findings, Window, check
from faults.injecting import all_faults, script
from faults.world import KILLED, World

ROOT = Path(__file__).parents[1]
BETWEEN_S = (1.5, 4.0)
WARM_UP_S = 5.0
SETTLE_S = 120.0
PROCESS_RECOVERY_S, QUEUE_RECOVERY_S = 10.0, 30.0
LOOK_S = 0.05


def main() -> int:
    """Exit code 0: nothing lost, nothing twice, nothing illegal, and back in time."""
    arguments = argparse.ArgumentParser(prog="faults", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments.add_argument("--minutes", type=float, default=2.0, help="at least; each fault comes once at least")
    arguments.add_argument("--rate", type=float, default=8.0, help="alerts a second")
    arguments.add_argument("--fsync", choices=("always", "everysec"), default="always", help="the queue's")
    arguments.add_argument("--keep", action="store_true", help="do not delete the folder with all files")
    options = arguments.parse_args()
    folder = ROOT / "var" / "faults" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{options.seed}"
    folder.mkdir(parents=True)
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.rate:g} alerts/s; in {folder}", flush=True)
    world = World(folder, options.rate, options.fsync)
    try:
        world.start()
        _let_pass(world, WARM_UP_S)
        world.save_queue()
        windows = _inject(world, random.Random(options.seed), 60 * options.minutes)
        settled = _settle(world)
    finally:
        world.end()
    found = check(
        journal.read(folder / generator.FILE),
        journal.read(folder / "console.jsonl"),
        journal.read(folder / "orders.jsonl"),
        world.database,
        windows,
    )
    code = _tell(found, windows, world, options.seed, settled)
    if code == 0 and not options.keep:
        shutil.rmtree(folder)
    return code


def _let_pass(world: World, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        world.look_after()
        if until():
            return True
        time.sleep(LOOK_S)
    return until()


def _inject(world: World, chance: random.Random, seconds: float) -> list[Window]:
    windows: list[Window] = []
    ends_at = time.monotonic() + seconds
    faults = all_faults()
    for fault in script(faults, chance):
        if time.monotonic() >= ends_at and len(windows) >= len(faults):  # each at least once
            break
        begin = time.time()
        print(f"  {ends_at - time.monotonic():5.0f} s left: {fault.name}", flush=True)
        fault.begin(world, chance)
        _let_pass(world, fault.seconds)
        fault.end(world)
        windows.append(Window(fault.name, begin, time.time(), fault.of_queue))
        _let_pass(world, chance.uniform(*BETWEEN_S))
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

    done = _let_pass(world, SETTLE_S, is_done)
    _let_pass(world, 3.0)  # the last messages reach the readers
    return done


def _tell(found: Findings, windows: list[Window], world: World, seed: int, settled: bool) -> int:
    counts = Counter(window.name for window in windows)
    print(f"\n{'fault':44} {'times':>5} {'worst recovery, s':>18}")
    for name, count in sorted(counts.items()):
        print(f"{name:44} {count:5} {found.recovery_s.get(name, 0.0):18.1f}")
    kills = {
        name: sum(count for fault, count in counts.items() if fault.startswith(f"kill -9 {name}")) for name in KILLED
    }
    print(f"\nkills: {', '.join(f'{name} {count}' for name, count in kills.items())}")
    bound = 3 / found.accepted if found.accepted else 1.0
    print(f"alerts submitted {found.submitted}, accepted {found.accepted}; orders as the units saw them {found.orders}")
    print(f"delivered again: {found.duplicate_deliveries} alerts, {found.orders_repeated} orders")
    wrong = {
        "lost": found.lost,
        "duplicate orders": found.duplicate_orders,
        "illegal transitions": found.illegal_transitions,
    }
    for what, items in wrong.items():
        print(f"{what}: {len(items)}" + (f", such as {'; '.join(items[:5])}" if items else ""))
    in_time = found.recovery_of_processes_s <= PROCESS_RECOVERY_S and found.recovery_of_queue_s <= QUEUE_RECOVERY_S
    kept = settled and in_time and found.accepted > 0 and not any(wrong.values())
    told = {
        "seed": seed,
        "accepted": found.accepted,
        "faults": dict(counts),
        "kills": kills,
        "wrong": {what: list(items) for what, items in wrong.items()},
        "recovery_s": {"processes": found.recovery_of_processes_s, "queue": found.recovery_of_queue_s},
        "delivered_again": found.duplicate_deliveries,
        "bound_at_95": bound,
        "kept": kept,
    }
    (ROOT / "var" / "faults" / "faults.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(
        f"faults: seed {seed}, {len(windows)} faults, {found.accepted} alerts, lost {len(found.lost)}"
        f" (below {bound:.2%} at 95%), duplicate orders {len(found.duplicate_orders)},"
        f" illegal transitions {len(found.illegal_transitions)}, recovery {found.recovery_of_processes_s:.1f} s"
        f" (processes, at most {PROCESS_RECOVERY_S:g}), {found.recovery_of_queue_s:.1f} s (queue, at most"
        f" {QUEUE_RECOVERY_S:g}): {'all kept' if kept else 'MISSED'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
