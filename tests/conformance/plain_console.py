"""A console in plain redis-py that keeps the contract, or breaks it in the one way that its argument names."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
GROUP, LEASE_MS = "plain", 2000
SEAT = f"seat-{uuid.uuid4()}" if FAULT == "restart_renamed" else "seat-1"
LEVELS = ("red",) if FAULT == "every_stream" else ("red", "yellow", "blue", "green")
STREAMS = [f"patrol:alert:{level}" for level in LEVELS]
KNOWN = {"alert_id", "incident_id", "camera_id", "ring", "kind", "level", "rule_id", "zone_id", "began_at", "score"}
KNOWN |= {"detected_at", "count", "words", "evidence_id", "clip_id", "simulated", "drill"}

queue = Redis.from_url(os.environ["REDIS_URL"])
seen: set[str] = set()


def make_groups() -> None:
    for stream in STREAMS:
        try:
            queue.xgroup_create(stream, GROUP, id="$" if FAULT == "group_at_zero" else "0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def bury(stream: str, entry_id: bytes, body: bytes, reason: str) -> None:
    if (FAULT, "version" in reason) not in {("unknown_major", True), ("poison_is_kept", False)}:
        letter = {"ce": body, "stream": stream, "entry_id": entry_id, "group": GROUP, "attempts": 1, "reason": reason}
        queue.xadd("patrol:dead", {**letter, "at": datetime.now(UTC).isoformat()})
    queue.xack(stream, GROUP, entry_id)


def tell(alert: dict[str, Any]) -> None:
    subject, at = alert["data"]["alert_id"], datetime.now(UTC).isoformat()
    key = uuid.uuid4() if FAULT == "duplicate" else f"{GROUP}:{subject}:displayed"
    at = at.removesuffix("+00:00") if FAULT == "receipts" else at
    data = {"subject_id": subject, "sequence": 1, "consumer": GROUP, "seat": SEAT, "kind": "displayed", "at": at}
    receipt = {"specversion": "1.0", "id": str(key), "source": "/plain", "type": "cn.patrol.receipt.v1"}
    receipt |= {"subject": alert["subject"], "sequence": "1", "data": data}
    queue.xadd("patrol:receipt", {"ce": json.dumps(receipt)})


def handle(stream: str, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
    body = fields.get(b"ce", b"")
    try:
        alert = json.loads(body)
        kind, _, version = alert["type"].rpartition(".")
    except (ValueError, TypeError, KeyError) as error:
        while FAULT == "poison_passes":
            time.sleep(1)
        bury(stream, entry_id, body, f"cannot be read: {error}")
        return
    if version != "v1":
        bury(stream, entry_id, body, f"unknown version of {kind}: {version}")
        return
    if FAULT == "unknown_fields" and alert["data"].keys() - KNOWN:
        bury(stream, entry_id, body, "unknown fields")
        return
    if FAULT == "acknowledges_last":
        queue.xack(stream, GROUP, entry_id)
    key = f"{alert['source']} {alert['id']}"
    if key not in seen or FAULT == "duplicate":
        while True:
            try:
                tell(alert)
                break
            except RedisError:
                time.sleep(0.1)
    seen.add(key)
    queue.xack(stream, GROUP, entry_id)


def unfinished() -> None:
    for stream in STREAMS:
        for entries in [entries for _, entries in queue.xreadgroup(GROUP, SEAT, {stream: "0"})]:
            for entry_id, fields in entries:
                handle(stream, entry_id, fields)


def of_the_dead() -> None:
    for stream in STREAMS:
        for entry_id, fields in queue.xautoclaim(stream, GROUP, SEAT, min_idle_time=LEASE_MS, start_id="0-0")[1]:
            handle(stream, entry_id, fields)


def main() -> None:
    make_groups()
    if FAULT != "restart":
        unfinished()
    while True:
        try:
            if FAULT not in ("dead_seat", "restart"):
                of_the_dead()
            for stream, entries in queue.xreadgroup(GROUP, SEAT, dict.fromkeys(STREAMS, ">"), count=1, block=500):
                for entry_id, fields in entries:
                    handle(stream.decode(), entry_id, fields)
        except ResponseError as error:
            if "NOGROUP" in str(error) and FAULT != "group_again":
                make_groups()
            time.sleep(0.1)


main()
