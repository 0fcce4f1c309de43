"""The same job done with a plain job queue: taskiq on Redis Streams (taskiq-redis), as its documentation has it.

    python -m benchmarks.queue_peer service ORDER.json    commits each alert, then hands a task to the queue
    python -m benchmarks.queue_peer console ORDER.json    taskiq's receiver: its task adds a receipt

Of the ecosystem's queues it is the one nearest to what Patrol does: a stream, a consumer group, an acknowledgement once
the task is done, and what a dead worker left taken over. arq keeps jobs in a sorted set under a time-out, has no
group and no acknowledgement, and is only maintained; rq and Celery have no asyncio.

As durable as it can be: SQLite as Patrol has it (``synchronous=FULL``), the same embedded Valkey, the message
acknowledged once its receipt is stored. What it has not: an outbox (what was committed and not yet sent dies with the
process), levels, leases, dead letters, anything that finds what a queue has lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.queue_floor import database_at
from benchmarks.queue_path import ARRIVED, GIVEN_UP_S, READY, SHOWN, Way, go, load_of, say

STREAM, GROUP = "taskiq", "taskiq"
TASKIQ = Way("benchmarks.queue_peer", GROUP, (STREAM,))
NAME = "taskiq-redis"
AT_ONCE = 32


def is_there() -> bool:
    """Whether it is installed (``make install-bench-queue``)."""
    from importlib.util import find_spec

    return find_spec("taskiq_redis") is not None


def _broker(address: str) -> Any:
    from taskiq_redis import RedisStreamBroker

    return RedisStreamBroker(address, queue_name=STREAM, consumer_group_name=GROUP, consumer_id="0")


def _task(broker: Any, work: Any) -> Any:
    return broker.register_task(work, task_name="answer")


async def _nothing(message: str) -> None:
    """What the producer knows of the task: its name."""


async def produce(order: Mapping[str, Any]) -> None:
    """Commit each alert when it is due, then hand it over; up to ``AT_ONCE`` are on their way at a time."""
    folder, load, body = Path(order["folder"]), load_of(order), json.loads(order["body"])
    broker = _broker(order["redis_url"])
    task = _task(broker, _nothing)
    await broker.startup()
    say(folder / READY, None)
    await go(folder)
    due, accepted = [], []
    room = asyncio.Semaphore(AT_ONCE)

    async def hand_over(message: str) -> None:
        await task.kiq(message)
        room.release()

    with contextlib.closing(database_at(folder / "patrol.db")) as database:
        database.execute("CREATE TABLE alerts (id TEXT PRIMARY KEY, body TEXT)")
        async with asyncio.TaskGroup() as tasks:
            begin = time.monotonic() + 0.5
            for number in range(load.count):
                due.append(begin + number / load.rate)
                if (early_s := due[-1] - time.monotonic()) > 0:
                    await asyncio.sleep(early_s)
                elif early_s < -GIVEN_UP_S:
                    break
                message = _message(body, number)
                _commit(database, number, message)
                accepted.append(time.monotonic())
                await room.acquire()
                tasks.create_task(hand_over(message))
    due += [begin + number / load.rate for number in range(len(due), load.count)]
    say(folder / ARRIVED, {"due": due, "accepted": accepted + [None] * (load.count - len(accepted))})
    await asyncio.Event().wait()


def _message(body: Mapping[str, Any], number: int) -> str:
    told = {**body, "id": f"A-{number}", "data": {**body["data"], "alert_id": f"A-{number}"}}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _commit(database: sqlite3.Connection, number: int, message: str) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO alerts VALUES (?, ?)", (f"A-{number}", message))
    database.execute("COMMIT")


async def consume(order: Mapping[str, Any]) -> None:
    """Add a receipt for every alert, until it is cancelled."""
    from redis.asyncio import Redis
    from taskiq.acks import AcknowledgeType
    from taskiq.api import run_receiver_task

    broker, shown = _broker(order["redis_url"]), {}
    async with Redis.from_url(order["redis_url"]) as queue:

        async def answer(message: str) -> None:
            alert = json.loads(message)
            await queue.xadd("patrol:receipt", {"ce": _receipt(alert)})
            shown[int(alert["id"].removeprefix("A-"))] = time.monotonic()

        _task(broker, answer)
        with contextlib.suppress(asyncio.CancelledError):
            await run_receiver_task(
                broker, max_async_tasks=AT_ONCE, run_startup=True, ack_time=AcknowledgeType.WHEN_EXECUTED
            )
    say(Path(order["folder"]) / SHOWN, shown)


def _receipt(alert: Mapping[str, Any]) -> str:
    subject = alert["data"]["alert_id"]
    receipt = {
        "specversion": "1.0",
        "id": f"peer:{subject}:displayed",
        "source": "/peer",
        "type": "cn.patrol.receipt.v1",
        "subject": alert["subject"],
        "sequence": "000000000001",
        "data": {"subject_id": subject, "sequence": 1, "consumer": "peer", "seat": "seat-1", "kind": "displayed"},
    }
    return json.dumps(receipt)


async def _until_told(work: Any) -> None:
    running = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(
        _until_told({"service": produce, "console": consume}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text())))
    )
