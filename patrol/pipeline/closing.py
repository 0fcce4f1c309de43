"""Closing: what operators do with an incident, up to the feedback that ends it; and what they ask of the tour
and of the queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from patrol.domain.dead_letters import DeadLetter
from patrol.domain.deeds import ASKED, NOT_KNOWN, Action, Asking
from patrol.domain.errors import DoneBefore, QueueError, StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import AlertId, Disposition, FalseAlarmReason, IncidentId, OrderId
from patrol.domain.pins import Pin
from patrol.domain.requests import ViewAcceptance
from patrol.domain.skips import Skip
from patrol.domain.units import UnitId
from patrol.pipeline.deciding import Deciding
from patrol.ports import DeadLetters, DeedLog, TourRequests

log = logging.getLogger(__name__)


class Desk:
    """RoomDesk over the store, the way to the tour and the dead letters. What it is not given, it says it has not.

    ``deeds``: where it is noted who asked for what does not go through the store; before it is asked. ``asking``: by
    what it is asked for.
    """

    def __init__(
        self,
        deciding: Deciding,
        requests: TourRequests | None = None,
        letters: DeadLetters | None = None,
        deeds: DeedLog | None = None,
        asking: Asking = NOT_KNOWN,
    ) -> None:
        self._deciding = deciding.asked(asking)
        self._requests = requests
        self._letters = letters
        self._deeds = deeds
        self._asking = asking

    def asked(self, asking: Asking) -> Desk:
        """See RoomDesk."""
        return Desk(self._deciding, self._requests, self._letters, self._deeds, asking)

    async def displayed(self, incident_id: IncidentId, seat: str) -> None:
        """See RoomDesk."""
        await self._deciding.display(incident_id, seat)

    async def confirm(self, incident_id: IncidentId, operator: str) -> None:
        """See RoomDesk."""
        await self._deciding.confirm(incident_id, operator)

    async def acknowledge(self, incident_id: IncidentId, operator: str) -> None:
        """See RoomDesk."""
        await self._deciding.acknowledge(incident_id, operator)

    async def close(
        self,
        incident_id: IncidentId,
        disposition: Disposition,
        operator: str,
        reason: str,
        reason_code: FalseAlarmReason | None = None,
        duplicate_of: IncidentId | None = None,
    ) -> bool:
        """See RoomDesk."""
        outcome = await self._deciding.close(incident_id, disposition, operator, reason, reason_code, duplicate_of)
        return outcome.incident is not None and not outcome.incident.is_open

    async def withdraw_closing(self, incident_id: IncidentId, operator: str) -> None:
        """See RoomDesk."""
        await self._deciding.withdraw_closing(incident_id, operator)

    async def change_level(
        self, incident_id: IncidentId, level: Level, operator: str, reason: str, seen_at: datetime | None = None
    ) -> None:
        """See RoomDesk."""
        await self._deciding.change_level(incident_id, level, operator, reason, seen_at)

    async def note(self, incident_id: IncidentId, operator: str, text: str) -> None:
        """See RoomDesk."""
        await self._deciding.note(incident_id, operator, text)

    async def reopen(self, incident_id: IncidentId, operator: str, reason: str) -> None:
        """See RoomDesk."""
        await self._deciding.reopen(incident_id, operator, reason)

    async def merge(self, incident_id: IncidentId, other_id: IncidentId, operator: str) -> IncidentId:
        """See RoomDesk."""
        return await self._deciding.merge(incident_id, other_id, operator)

    async def split(self, incident_id: IncidentId, alert_id: AlertId, operator: str) -> IncidentId:
        """See RoomDesk."""
        return await self._deciding.split(incident_id, alert_id, operator)

    async def order_unit(
        self, incident_id: IncidentId, unit_id: UnitId, operator: str, seen_at: datetime | None = None
    ) -> None:
        """See RoomDesk."""
        await self._deciding.order_unit(incident_id, unit_id, operator, seen_at)

    async def take_back(self, incident_id: IncidentId, order_id: OrderId, operator: str) -> None:
        """See RoomDesk."""
        await self._deciding.take_back(incident_id, order_id, operator)

    async def pin(self, pin: Pin) -> None:
        """See RoomDesk."""
        await self._ask(pin, Action.PIN, f"{pin.seconds:g} s")

    async def skip(self, skip: Skip) -> None:
        """See RoomDesk."""
        detail = f"{skip.seconds:g} s: {skip.reason}" if skip.seconds else "0 s"
        await self._ask(skip, Action.SKIP, detail)

    async def accept_view(self, acceptance: ViewAcceptance) -> None:
        """See RoomDesk."""
        await self._ask(acceptance, Action.ACCEPT_VIEW)

    async def dead_letters(self, limit: int, before: str | None = None) -> Sequence[DeadLetter]:
        """See RoomDesk."""
        return await self._of_the_queue().latest(limit, before)

    async def replay(self, letter_id: str, operator: str) -> None:
        """See RoomDesk."""
        letters = self._of_the_queue()
        number, is_first = await self._note(operator, Action.REPLAY, letter_id)
        try:
            await letters.replay(letter_id, operator)
        except KeyError:
            if is_first:  # else it was put back then
                raise
        await self._is_asked(number)

    async def _note(self, who: str, action: Action, subject: str, detail: str = "") -> tuple[int, bool]:
        """The deed's number, and whether it is new: what is not may not have reached the queue, and is asked again."""
        if self._deeds is None:
            return 0, True
        try:
            return await self._deeds.note(who, action, subject, detail, self._asking), True
        except DoneBefore as before:
            return before.number, False

    async def _is_asked(self, number: int) -> None:
        """Whoever reads the deed sees that it went through. Done it is, also where that cannot be kept."""
        if self._deeds is None:
            return
        try:
            await self._deeds.came_of(number, ASKED)
        except StoreError as error:
            log.warning("deed %d was done, and does not say so: %s", number, error)

    def _of_the_queue(self) -> DeadLetters:
        if self._letters is None:
            raise QueueError("this desk has no way to the dead letters")
        return self._letters

    async def _ask(self, request: Pin | Skip | ViewAcceptance, action: Action, detail: str = "") -> None:
        number, _ = await self._note(request.operator, action, request.camera_id, detail)
        if self._requests is None:
            raise QueueError("this desk has no way to the tour")
        await self._requests.ask(request)
        await self._is_asked(number)
