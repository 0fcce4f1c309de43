"""What happened with an incident. Whoever sees it sees that: names, times and reasons, and no address of anybody."""

from __future__ import annotations

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.incident_record import IncidentRecord
from patrol.domain.incidents import IncidentId
from patrol.ports import RecordView
from patrol.web.answering import of_an_incident
from patrol.web.entering import DeclaredRoute, declared
from patrol.web.reading import id_in

_RECORD = TypeAdapter(IncidentRecord)


def record_routes(view: RecordView) -> list[DeclaredRoute]:
    """The record of one incident."""
    return [declared("/api/v1/incidents/{incident_id}/history", _Records(view).record, Permission.SEE)]


class _Records:
    """Records as JSON."""

    def __init__(self, view: RecordView) -> None:
        self._view = view

    async def record(self, request: Request) -> Response:
        found = await of_an_incident(self._view.record(IncidentId(id_in(request, "incident_id"))))
        return Response(_RECORD.dump_json(found), media_type="application/json")
