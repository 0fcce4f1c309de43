"""A dispatch console or a unit's terminal in ten lines: typed messages in, receipts out. Contract: docs/queue.md.

    async with connect("redis://127.0.0.1:6379/0", group="my-console", seat="seat-1") as console:
        async for alert in console.alerts():
            print(alert.data.level, alert.data.camera_id, alert.data.words.zh)
            await alert.displayed()

Needs redis and pydantic, and nothing that sees pictures.
"""

from __future__ import annotations

from patrol.client.console import Console, connect
from patrol.client.received import Received
from patrol.domain.errors import ConfigError, MessageError, PatrolError, QueueError
from patrol.domain.message_data import (
    AlertData,
    HeartbeatData,
    IncidentData,
    MessageData,
    OrderData,
    PlaceData,
    RecallData,
    ReceiptData,
)
from patrol.domain.orders import ReceiptKind

__all__ = [
    "AlertData",
    "ConfigError",
    "Console",
    "HeartbeatData",
    "IncidentData",
    "MessageData",
    "MessageError",
    "OrderData",
    "PatrolError",
    "PlaceData",
    "QueueError",
    "RecallData",
    "ReceiptData",
    "ReceiptKind",
    "Received",
    "connect",
]
