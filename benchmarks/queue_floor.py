"""What cannot be spared: the same two durable steps an alert takes, bare, without anything of Patrol's.

    python -m benchmarks.queue_floor reader ORDER.json

A writer commits each alert in SQLite (WAL, ``synchronous=FULL``) and adds its message to a stream of the same queue
(``appendfsync`` as shipped); a reader in a process of its own reads it as one of a group (XREADGROUP), and acknowledges
it (XACK). One row and one entry an alert, of the same message; Patrol writes five rows, two entries, a receipt and a
key. The plain synchronous clients: nothing cheaper is to be had in Python.

Three ways, of the same durability: nothing is added to the stream before it is committed.

``one by one``: a commit, an XADD and an XACK for each alert, each waited for.
``a commit each``: a commit for each alert; up to ``GROUPED`` of them are then added, read and acknowledged in one round
trip, as Patrol's relay and console do.
``in groups``: also the commits: up to ``GROUPED`` alerts a transaction.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STREAM, GROUP, SEAT = "floor", "floor-reader", "seat-1"
GROUPED = 32
READ_WITHIN_S = 60.0


class Way(StrEnum):
    """How much is done at once."""

    ONE_BY_ONE = "one by one"
    A_COMMIT_EACH = "a commit each"
    IN_GROUPS = "in groups"


@dataclass(frozen=True, slots=True)
class Floor:
    """What one way holds: alerts a second, from the first commit to the last XACK. ``commit_ms``: median of one."""

    way: Way
    count: int
    per_s: float
    commit_ms: float


def floor(way: Way, body: str, count: int, address: str, folder: Path) -> Floor:
    """Pass ``count`` copies of one message in one way, on a queue that runs, with a database in ``folder``."""
    from redis import Redis

    folder.mkdir(parents=True, exist_ok=True)
    order = folder / "reader.json"
    order.write_text(json.dumps({"address": address, "count": count, "way": way}))
    with Redis.from_url(address) as queue, contextlib.closing(database_at(folder / f"{way}.db")) as database:
        database.execute("CREATE TABLE outbox (number INTEGER PRIMARY KEY, stream TEXT, id TEXT, body TEXT)")
        queue.delete(STREAM)
        queue.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        command = [sys.executable, "-m", "benchmarks.queue_floor", "reader", str(order)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as reader:
            assert reader.stdout is not None
            reader.stdout.readline()  # it is ready
            began = time.monotonic()
            commits_s = _write(way, body, count, database, queue)
            ended = float(reader.stdout.readline())
            reader.wait(READ_WITHIN_S)
        assert queue.xpending(STREAM, GROUP)["pending"] == 0, "the floor did not acknowledge all"
        queue.delete(STREAM)
    return Floor(way, count, count / (ended - began), sorted(commits_s)[len(commits_s) // 2] * 1000)


def database_at(file: Path) -> sqlite3.Connection:
    """A new SQLite database that keeps what it has committed, as Patrol's."""
    database = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        database.execute(f"PRAGMA {pragma}").close()
    return database


def _write(way: Way, body: str, count: int, database: sqlite3.Connection, queue: Any) -> list[float]:
    commits_s: list[float] = []
    for first in range(0, count, _at_once(way)):
        numbers = range(first, min(first + _at_once(way), count))
        if way is Way.A_COMMIT_EACH:
            for number in numbers:
                commits_s.append(_commit(database, body, (number,)))
        else:
            commits_s.append(_commit(database, body, numbers))
        if way is Way.ONE_BY_ONE:
            queue.xadd(STREAM, {"ce": body})
            continue
        pipeline = queue.pipeline(transaction=False)
        for _ in numbers:
            pipeline.xadd(STREAM, {"ce": body})
        pipeline.execute()
    return commits_s


def _at_once(way: Way) -> int:
    return 1 if way is Way.ONE_BY_ONE else GROUPED


def _commit(database: sqlite3.Connection, body: str, numbers: Sequence[int]) -> float:
    began = time.monotonic()
    database.execute("BEGIN IMMEDIATE")
    database.executemany(
        "INSERT INTO outbox (stream, id, body) VALUES (?, ?, ?)", [(STREAM, f"A-{number}", body) for number in numbers]
    )
    database.execute("COMMIT")
    return time.monotonic() - began


def read(order: dict[str, Any]) -> int:
    """The reader's process: says when it is ready, and when it has acknowledged all."""
    from redis import Redis

    way, left = Way(order["way"]), int(order["count"])
    with Redis.from_url(order["address"]) as queue:
        queue.ping()
        print("ready", flush=True)
        ends_at = time.monotonic() + READ_WITHIN_S
        while left and time.monotonic() < ends_at:
            answer: Any = queue.xreadgroup(GROUP, SEAT, {STREAM: ">"}, count=_at_once(way), block=1000)
            ids = [entry_id for _, entries in answer or () for entry_id, _ in entries]
            if ids:
                queue.xack(STREAM, GROUP, *ids)
            left -= len(ids)
        print(time.monotonic(), flush=True)
    return 0 if left == 0 else 1


if __name__ == "__main__":
    sys.exit({"reader": read}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text())))
