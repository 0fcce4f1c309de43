"""Closing: what operators do with an incident, up to the feedback that ends it; and what they ask of the tour
and of the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from patrol.domain.dead_letters import DeadLetter
from patrol.domain.deeds import Action
from patrol.domain.errors import DoneBefore, QueueError
from patrol.domain.events import Level
from patrol.domain.incidents import AlertId, Disposition, FalseAlarmReason, IncidentId, OrderId
from patrol.domain.pins import Pin
from patrol.domain.requests import TourRequest, ViewAcceptance
from patrol.domain.skips import Skip
from patrol.domain.units import UnitId
from patrol.pipeline.deciding import Deciding
from patrol.ports import DeadLetters, DeedLog, TourRequests


class Desk:
    """RoomDesk over the store, the way to the tour and the dead letters. What it is not given, it says it has not.

    ``deeds``: where it is noted who asked for what does not go through the store; before it is asked. ``request``: by
    which what is asked for names itself.
    """

    def __init__(
        self,
        deciding: Deciding,
        requests: TourRequests | None = None,
        letters: DeadLetters | None = None,
        deeds: DeedLog | None = None,
        request: str = "",
    ) -> None:
        self._deciding = deciding if not request else deciding.asked(request)
        self._requests = requests
        self._letters = letters
        self._deeds = deeds
        self._request = request

    def asked(self, request: str) -> Desk:
        """See RoomDesk."""
        return Desk(self._deciding, self._requests, self._letters, self._deeds, request)

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
        await self._note(pin.operator, Action.PIN, pin.camera_id, f"{pin.seconds:g} s")
        await self._ask(pin)

    async def skip(self, skip: Skip) -> None:
        """See RoomDesk."""
        detail = f"{skip.seconds:g} s: {skip.reason}" if skip.seconds else "0 s"
        await self._note(skip.operator, Action.SKIP, skip.camera_id, detail)
        await self._ask(skip)

    async def accept_view(self, acceptance: ViewAcceptance) -> None:
        """See RoomDesk."""
        await self._note(acceptance.operator, Action.ACCEPT_VIEW, acceptance.camera_id)
        await self._ask(acceptance)

    async def dead_letters(self, limit: int, before: str | None = None) -> Sequence[DeadLetter]:
        """See RoomDesk."""
        return await self._of_the_queue().latest(limit, before)

    async def replay(self, letter_id: str, operator: str) -> None:
        """See RoomDesk."""
        letters = self._of_the_queue()
        is_first = await self._note(operator, Action.REPLAY, letter_id)
        try:
            await letters.replay(letter_id, operator)
        except KeyError:
            if is_first:  # else it was put back then
                raise

    async def _note(self, who: str, action: Action, subject: str, detail: str = "") -> bool:
        """Whether it was not noted before. What was may not have reached the queue then: it is asked again."""
        if self._deeds is None:
            return True
        try:
            await self._deeds.note(who, action, subject, detail, self._request)
        except DoneBefore:
            return False
        return True

    def _of_the_queue(self) -> DeadLetters:
        if self._letters is None:
            raise QueueError("this desk has no way to the dead letters")
        return self._letters

    async def _ask(self, request: TourRequest) -> None:
        if self._requests is None:
            raise QueueError("this desk has no way to the tour")
        await self._requests.ask(request)
