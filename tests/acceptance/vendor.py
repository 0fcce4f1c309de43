"""Another vendor's side of the queue: a dispatch console that logs every alert, and terminals that answer orders.

Written against docs/queue.md with redis-py alone: nothing of Patrol's own code is used here.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import redis

ALERTS = [f"patrol:alert:{level}" for level in ("red", "yellow", "blue", "green")]
ORDERS = [f"patrol:order:{ring}" for ring in ("core", "periphery", "far")]
ANSWERS = ("accepted", "en_route", "on_scene", "done")


class Vendor:
    """Reads alerts and orders in a thread until ``stop``. ``alerts`` and ``orders`` are its own log, at its own end."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vendor", daemon=True)
        self._streams = dict.fromkeys([*ALERTS, *ORDERS], ">")
        self.alerts: dict[str, dict[str, Any]] = {}
        self.orders: list[dict[str, Any]] = []

    def __enter__(self) -> Vendor:
        for stream in self._streams:
            self._redis.xgroup_create(stream, "vendor", id="0", mkstream=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._redis.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            answer = self._redis.xreadgroup("vendor", "seat-1", self._streams, count=50, block=200)
            for stream, entries in _pairs(answer):
                for entry_id, fields in entries:
                    self._take(json.loads(fields[b"ce"]))
                    self._redis.xack(stream, "vendor", entry_id)

    def _take(self, envelope: dict[str, Any]) -> None:
        if envelope["type"] == "cn.patrol.alert.v1":
            self.alerts[envelope["data"]["alert_id"]] = envelope["data"] | {"received_at": time.time()}
        elif envelope["type"] == "cn.patrol.order.v1":
            order = envelope["data"]
            if order["order_id"] not in [known["order_id"] for known in self.orders]:
                for sequence, kind in enumerate(ANSWERS, start=1):
                    self._answer(envelope, sequence, kind)
            self.orders.append(order)

    def _answer(self, envelope: dict[str, Any], sequence: int, kind: str) -> None:
        order = envelope["data"]
        now = datetime.now(UTC).isoformat()
        receipt = {
            "specversion": "1.0",
            "id": f"vendor:{order['order_id']}:{sequence}",
            "source": "/vendor",
            "type": "cn.patrol.receipt.v1",
            "subject": envelope["subject"],
            "sequence": f"{sequence:012d}",
            "time": now,
            "data": {
                "subject_id": order["order_id"],
                "sequence": sequence,
                "consumer": "vendor",
                "seat": order["unit_id"],
                "kind": kind,
                "at": now,
            },
        }
        self._redis.xadd("patrol:receipt", {"ce": json.dumps(receipt)})


def _pairs(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    if isinstance(answer, dict):
        return [(stream, [entry for page in pages for entry in page]) for stream, pages in answer.items()]
    return answer or []
