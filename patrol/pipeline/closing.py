"""Closing: what operators do with an incident, up to the feedback that ends it; and what they ask of the tour."""

from __future__ import annotations

from patrol.domain.errors import QueueError
from patrol.domain.incidents import Disposition, IncidentId
from patrol.domain.pins import Pin
from patrol.domain.requests import TourRequest, ViewAcceptance
from patrol.pipeline.deciding import Deciding
from patrol.ports import TourRequests


class Desk:
    """RoomDesk over the store and the way to the tour. Without ``requests`` nothing can be asked of the tour."""

    def __init__(self, deciding: Deciding, requests: TourRequests | None = None) -> None:
        self._deciding = deciding
        self._requests = requests

    async def displayed(self, incident_id: IncidentId, seat: str) -> None:
        """See RoomDesk."""
        await self._deciding.display(incident_id, seat)

    async def confirm(self, incident_id: IncidentId, operator: str) -> None:
        """See RoomDesk."""
        await self._deciding.confirm(incident_id, operator)

    async def close(self, incident_id: IncidentId, disposition: Disposition, operator: str, reason: str) -> None:
        """See RoomDesk."""
        await self._deciding.close(incident_id, disposition, operator, reason)

    async def pin(self, pin: Pin) -> None:
        """See RoomDesk."""
        await self._ask(pin)

    async def accept_view(self, acceptance: ViewAcceptance) -> None:
        """See RoomDesk."""
        await self._ask(acceptance)

    async def _ask(self, request: TourRequest) -> None:
        if self._requests is None:
            raise QueueError("this desk has no way to the tour")
        await self._requests.ask(request)
