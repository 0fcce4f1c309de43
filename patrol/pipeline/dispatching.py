"""Dispatching: alerts from the queue become orders; receipts from the queue move them on."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from patrol.domain.errors import MessageError
from patrol.domain.incidents import IncidentId
from patrol.domain.messages import (
    ALERT,
    ALERT_STREAMS,
    HEARTBEAT,
    HEARTBEAT_STREAM,
    RECEIPT,
    RECEIPT_STREAM,
    Envelope,
    read_heartbeat,
    read_receipt,
)
from patrol.domain.orders import ReceiptKind
from patrol.pipeline.deciding import Deciding
from patrol.ports import Clock, Effect, Heartbeats

GROUP = "dispatch"
STREAMS = (*ALERT_STREAMS, RECEIPT_STREAM, HEARTBEAT_STREAM)
# Behind a backlog of alerts, receipts would be read after their orders were taken back, and the units be sent again and
# again, without end. What the alerts ask for, follow-up does from the store meanwhile.
FIRST = (RECEIPT_STREAM,)


class AlertAcknowledgements(Protocol):
    """Where it is kept that a consumer has an alert."""

    async def acknowledge_alert(self, alert_id: str, at: datetime) -> None:
        """The first receipt counts; an unknown alert changes nothing. Raises StoreError."""


class Dispatching:
    """The dispatch group's handling of messages."""

    def __init__(
        self, deciding: Deciding, acknowledgements: AlertAcknowledgements, heartbeats: Heartbeats, clock: Clock
    ) -> None:
        self._deciding = deciding
        self._acknowledgements = acknowledgements
        self._heartbeats = heartbeats
        self._clock = clock

    async def handle(self, envelope: Envelope) -> bool:
        """Store a message's effect; see consuming.Handle."""
        once = Effect(GROUP, f"{envelope.source}#{envelope.id}", envelope.id)
        try:
            if envelope.type == ALERT:
                return await self._take_alert(envelope, once)
            if envelope.type == RECEIPT:
                return await self._take_receipt(envelope, once)
            if envelope.type == HEARTBEAT:  # that it is the newest makes it count once
                return await self._heartbeats.arrive(GROUP, read_heartbeat(envelope), self._clock.now())
        except KeyError:
            raise MessageError(f"subject: no incident {envelope.subject!r} in the store") from None
        raise MessageError(f"type: expected {ALERT}, {RECEIPT} or {HEARTBEAT}, got {envelope.type}")

    async def _take_alert(self, envelope: Envelope, once: Effect) -> bool:
        alert_id = envelope.data.get("alert_id")
        if not isinstance(alert_id, str):
            raise MessageError(f"data.alert_id: expected a string, got {alert_id!r}")
        outcome = await self._deciding.take_alert(envelope.incident_id, once)
        await self._acknowledgements.acknowledge_alert(alert_id, self._clock.now())
        return outcome is not None

    async def _take_receipt(self, envelope: Envelope, once: Effect) -> bool:
        receipt = read_receipt(envelope)
        incident_id: IncidentId = envelope.incident_id
        if receipt.kind is ReceiptKind.DISPLAYED:
            shown_at = min(receipt.at, self._clock.now())
            return await self._deciding.display(incident_id, receipt.seat, shown_at, once) is not None
        return await self._deciding.receive(incident_id, receipt, once) is not None
