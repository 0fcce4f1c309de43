"""Closing: what operators do with an incident, up to the feedback that ends it."""

from __future__ import annotations

from patrol.domain.incidents import Disposition, IncidentId
from patrol.pipeline.deciding import Deciding


class Desk:
    """RoomDesk over the store."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding

    async def displayed(self, incident_id: IncidentId, seat: str) -> None:
        """See RoomDesk."""
        await self._deciding.display(incident_id, seat)

    async def confirm(self, incident_id: IncidentId, operator: str) -> None:
        """See RoomDesk."""
        await self._deciding.confirm(incident_id, operator)

    async def close(self, incident_id: IncidentId, disposition: Disposition, operator: str, reason: str) -> None:
        """See RoomDesk."""
        await self._deciding.close(incident_id, disposition, operator, reason)
