"""A crew's terminal: it reads orders off the queue and answers when the test says so.

Written against docs/queue.md with redis-py alone, as vendor.py is.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import redis

from tests.acceptance.vendor import ORDERS

Order = dict[str, Any]


class Crew:
    """The terminals of all units, in one hand. Raises AssertionError for an order that does not come."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url)
        self._read = dict.fromkeys(ORDERS, "0")
        self._orders: list[Order] = []
        self._answers = 0

    def close(self) -> None:
        """The terminals are switched off."""
        self._redis.close()

    def order(self, incident_id: str, unit_id: str | None = None, within_s: float = 20.0) -> Order:
        """The order to this incident, for that unit or any, once it has come."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for order in self._orders:
                if order["incident_id"] == incident_id and unit_id in (None, order["unit_id"]):
                    return order
            self._hear()
        raise AssertionError(f"no order to {incident_id} came within {within_s:g} s")

    def _hear(self) -> None:
        for stream, entries in self._redis.xread(self._read, count=50, block=100) or ():
            for entry_id, fields in entries:
                self._read[stream.decode()] = entry_id.decode()
                envelope = json.loads(fields[b"ce"])
                if envelope["type"] == "cn.patrol.order.v1":
                    self._orders.append(envelope["data"])

    def answers(self, order: Order, kind: str) -> None:
        """The crew presses a button."""
        self._answers += 1
        now, incident_id = _now(), order["incident_id"]
        data = {
            "subject_id": order["order_id"],
            "sequence": self._answers,
            "consumer": "crew",
            "seat": order["unit_id"],
            "kind": kind,
            "at": now,
        }
        receipt = {
            "specversion": "1.0",
            "id": f"crew:{order['order_id']}:{self._answers}",
            "source": "/crew",
            "type": "cn.patrol.receipt.v1",
            "subject": f"incident/{incident_id}",
            "sequence": f"{self._answers:012d}",
            "time": now,
            "data": data,
        }
        self._redis.xadd("patrol:receipt", {"ce": json.dumps(receipt)})

    def stands_at(self, order: Order, metres_north: float) -> None:
        """Where the order's unit is now: so far from where it is sent."""
        there, unit_id, now = order["destination"], order["unit_id"], _now()
        place = {"latitude": there["latitude"] + metres_north / 111_195, "longitude": there["longitude"]}
        milliseconds = f"{time.time() * 1000:.0f}"
        position = {
            "specversion": "1.0",
            "id": f"{unit_id}:{milliseconds}",
            "source": "/crew",
            "type": "cn.patrol.position.v1",
            "subject": f"unit/{unit_id}",
            "partitionkey": unit_id,
            "correlationid": unit_id,
            "sequence": milliseconds,
            "time": now,
            "data": {"unit_id": unit_id, "place": place, "at": now},
        }
        self._redis.xadd("patrol:position", {"ce": json.dumps(position)})


def _now() -> str:
    return datetime.now(UTC).isoformat()
