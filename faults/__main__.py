"""``make faults``: run Patrol for some minutes while it is hit again and again, then count what was lost.

    python -m faults --seed 7 --minutes 3 --rate 10

The seed gives the same faults in the same order again.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from faults import generator, journal
from faults.checking import Window, check
from faults.fault import Fault
from faults.figures import STOP
from faults.injecting import all_faults, only, script
from faults.telling import Result
from faults.world import UP_WITHIN_S, World

ROOT = Path(__file__).parents[1]
WARM_UP_S = 5.0
SETTLE_S = 120.0


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
        ended_at = time.monotonic()
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
        dispatch_kills=world.died["dispatch"],
        ended_at=ended_at,
    )
    result = Result(found, tuple(windows), world, options, SETTLE_S if not settled else None)
    result.tell()
    if result.kept and not options.keep:
        shutil.rmtree(folder)
    return 0 if result.kept else 1


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
    (world.folder / STOP).touch()
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


if __name__ == "__main__":
    sys.exit(main())
