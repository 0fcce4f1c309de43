"""What lives outside in ``make bench-storm``: a console's consumer and the units' terminals, with nothing of Patrol's.

    python -m benchmarks.storm_console FOLDER

Writes down when each message came, by the machine's clock, in lines of JSON; accepts every order at once. Ends when a
file says stop. REDIS_URL says where the queue is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

FILE, STOP, UP = "seen.jsonl", "console.stop", "console.up"
ALERTS = tuple(f"patrol:alert:{level}" for level in ("red", "yellow", "blue", "green"))
ORDERS = tuple(f"patrol:order:{ring}" for ring in ("core", "periphery", "far"))
GROUP = "storm"


def listen(folder: Path) -> None:
    """Read until told to stop."""
    redis = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    streams = [*ALERTS, *ORDERS]
    for stream in streams:
        try:
            redis.xgroup_create(stream, GROUP, "0", mkstream=True)
        except RedisError as error:
            if "BUSYGROUP" not in str(error):
                raise
    (folder / UP).touch()
    with (folder / FILE).open("w", encoding="utf-8", buffering=1) as file:
        while not (folder / STOP).exists():
            answer: Any = redis.xreadgroup(GROUP, "seat", dict.fromkeys(streams, ">"), count=100, block=200)
            now = time.time()
            for stream, entries in answer or ():
                for _, fields in entries:
                    message = json.loads(fields["ce"])
                    file.write(json.dumps(_line(stream, message, now)) + "\n")
                    if message["type"] == "cn.patrol.order.v1":
                        redis.xadd("patrol:receipt", {"ce": json.dumps(_accepted(message))})
                redis.xack(stream, GROUP, *(entry_id for entry_id, _ in entries))


def _line(stream: str, message: dict[str, Any], now: float) -> dict[str, Any]:
    data = message["data"]
    named = ("alert_id", "order_id", "incident_id", "camera_id", "rule_id", "level")
    return {"at": now, "stream": stream, **{name: data[name] for name in named if name in data}}


def _accepted(message: dict[str, Any]) -> dict[str, Any]:
    order, now = message["data"], datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "specversion": "1.0",
        "id": f"terminal:{order['order_id']}:accepted",
        "source": "/terminals",
        "type": "cn.patrol.receipt.v1",
        "subject": message["subject"],
        "sequence": "000000000001",
        "time": now,
        "data": {
            "subject_id": order["order_id"],
            "sequence": 1,
            "consumer": "terminal",
            "seat": order["unit_id"],
            "kind": "accepted",
            "at": now,
        },
    }


if __name__ == "__main__":
    listen(Path(sys.argv[1]))
