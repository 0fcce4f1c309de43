"""Drilling: a drill goes in where events do, is watched on its way, and is closed as one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from patrol.domain.alerts import Candidate
from patrol.domain.errors import IllegalTransition
from patrol.domain.incidents import ClockName, Disposition, Incident, IncidentId, IncidentState
from patrol.domain.messages import receipt_message
from patrol.domain.orders import Order, OrderState, Receipt, ReceiptKind
from patrol.pipeline.deciding import Deciding
from patrol.ports import AlertStore, Clock, EvidenceStore, IncidentReader, Publisher

LOOKS_EVERY_S = 0.2
CLOSED_LOOKED_AT = 200

OnStep = Callable[[str, datetime, str], None]
"""Told of every step: its name (a clock's or ``order``), when, and who or what."""

# What a unit says next, by how far its order is.
_NEXT = {
    OrderState.SENT: ReceiptKind.ACCEPTED,
    OrderState.ACCEPTED: ReceiptKind.EN_ROUTE,
    OrderState.EN_ROUTE: ReceiptKind.ON_SCENE,
    OrderState.ON_SCENE: ReceiptKind.DONE,
}


@dataclass(slots=True)
class Progress:
    """How far it has come. ``told``: the steps that ``on_step`` was told of."""

    incident: Incident
    order: Order | None = None
    told: set[str] = field(default_factory=set)


class Drilling:
    """One drill. ``acting``: with it, the drill's unit answers by itself, a step at every look."""

    def __init__(
        self,
        store: AlertStore,
        reader: IncidentReader,
        evidence: EvidenceStore,
        deciding: Deciding,
        clock: Clock,
        on_step: OnStep,
        acting: Publisher | None = None,
    ) -> None:
        self._store = store
        self._reader = reader
        self._evidence = evidence
        self._deciding = deciding
        self._clock = clock
        self._on_step = on_step
        self._acting = acting
        self._answered: set[tuple[str, ReceiptKind]] = set()

    async def begin(self, candidate: Candidate, picture: bytes) -> Progress:
        """Have it accepted as any event is. Raises StoreError."""
        assert candidate.drill
        await self._evidence.put(candidate.evidence_id, picture)
        acceptance = await self._store.accept(candidate, self._clock.now())
        assert acceptance.incident is not None  # its cool-down is 0
        progress = Progress(acceptance.incident)
        self._tell(progress)
        return progress

    async def watch(self, progress: Progress, within_s: float) -> Progress:
        """Until it is handled or closed, or so many seconds have passed. Raises StoreError, QueueError."""
        ends_at = self._clock.monotonic() + within_s
        while progress.incident.state not in (IncidentState.HANDLED, IncidentState.CLOSED):
            if self._clock.monotonic() >= ends_at:
                break
            await self._clock.sleep(LOOKS_EVERY_S)
            await self._look(progress)
            if self._acting is not None and progress.order is not None:
                await self._answer(self._acting, progress.order, progress.incident.id)
        return progress

    async def close(self, progress: Progress, operator: str, reason: str) -> Progress:
        """Close it, unless a person did so before. Raises StoreError."""
        with contextlib.suppress(IllegalTransition):
            await self._deciding.close(progress.incident.id, Disposition.DRILL, operator, reason)
        await self._look(progress)
        return progress

    async def _look(self, progress: Progress) -> None:
        ledger = await self._reader.open_ledger()
        if not any(incident.id == progress.incident.id for incident in ledger.incidents):
            ledger = await self._reader.latest_closed(CLOSED_LOOKED_AT)
        for incident in ledger.incidents:
            if incident.id == progress.incident.id:
                progress.incident = incident
        for order in ledger.orders:
            if order.incident_id == progress.incident.id:
                progress.order = order  # the latest one
        self._tell(progress)

    def _tell(self, progress: Progress) -> None:
        clocks = progress.incident.clocks
        for name in sorted(clocks.keys() - progress.told, key=list(ClockName).index):
            progress.told.add(name)
            self._on_step(name, clocks[name].at, clocks[name].source)
        if progress.order is not None and progress.order.id not in progress.told:
            progress.told.add(progress.order.id)
            self._on_step("order", progress.order.sent_at, progress.order.unit_id)

    async def _answer(self, publisher: Publisher, order: Order, incident_id: IncidentId) -> None:
        kind = _NEXT.get(order.state)
        if kind is None or (order.id, kind) in self._answered:
            return
        self._answered.add((order.id, kind))
        receipt = Receipt(
            subject_id=order.id,
            sequence=len(self._answered),
            consumer="drill",
            seat=order.unit_id,
            kind=kind,
            at=self._clock.now(),
            place=order.destination if kind is ReceiptKind.ON_SCENE else None,
        )
        await publisher.publish([receipt_message(receipt, incident_id)])
