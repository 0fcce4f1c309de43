"""A part of Patrol as it is not: as a newer version would be, or with an auditor or a follow-up that stands still.

    python -m faults.altered newer patrol run --role dispatch ...

Patrol's own code has no hooks for that; what is changed is changed here, before its ``main`` runs.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from typing import Any

from sqlalchemy import Column, String

from patrol.adapters import sql_bodies, sql_rows
from patrol.adapters.sql_outbox import OUTBOX
from patrol.adapters.sql_tables import ALERTS, INCIDENTS, ORDERS
from patrol.domain import messages
from patrol.domain.messages import Message

NEWER, UNAUDITED, UNFOLLOWED = "newer", "unaudited", "unfollowed"
FIELD = "ofanewerversion"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def newer() -> None:
    """Write more than this version knows: into messages, into stored values, and into the database's tables."""
    usual = messages._message

    def with_more(*arguments: Any, **more: Any) -> Message:
        message = usual(*arguments, **more)
        content = json.loads(message.body)
        content |= {"traceparent": TRACE, FIELD: True}
        content["data"] |= {FIELD: {"of": ["any", "kind"], "depth": 2}}
        return Message(message.stream, message.id, json.dumps(content, ensure_ascii=False, separators=(",", ":")))

    messages._message = with_more
    for bodies in (sql_bodies.KNOWN_INCIDENTS, sql_bodies.KNOWN_ORDERS):
        bodies._adapter = _WithMore(bodies._adapter)  # type: ignore[assignment]
    for name in ("ALERT_JSON", "DUTY_JSON"):
        setattr(sql_rows, name, _WithMore(getattr(sql_rows, name)))
    for table in (INCIDENTS, ORDERS, ALERTS, OUTBOX):
        table.append_column(Column(FIELD, String, nullable=False, server_default="usual"))


class _WithMore:
    """A TypeAdapter whose JSON has one field more."""

    def __init__(self, usual: Any) -> None:
        self._usual = usual
        self.validate_json = usual.validate_json

    def dump_json(self, value: object) -> bytes:
        return json.dumps(json.loads(self._usual.dump_json(value)) | {FIELD: 2}, ensure_ascii=False).encode()


def unaudited() -> None:
    """The relay lives, beats and publishes; only its auditor does nothing."""
    from patrol.pipeline.auditing import Auditing

    async def run(self: Auditing, stopping: asyncio.Event) -> None:
        await stopping.wait()

    Auditing.run = run  # type: ignore[method-assign]


def unfollowed() -> None:
    """Dispatch lives, sends, and takes receipts; nobody doubts, escalates or reminds."""
    from patrol.pipeline.following_up import FollowingUp

    async def run(self: FollowingUp, stopping: asyncio.Event) -> None:
        await stopping.wait()

    FollowingUp.run = run  # type: ignore[method-assign]


if __name__ == "__main__":
    {NEWER: newer, UNAUDITED: unaudited, UNFOLLOWED: unfollowed}[sys.argv[1]]()
    module = sys.argv[2]
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
