"""What operators do with an incident."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patrol.domain.accounts import Permission
from patrol.domain.incidents import AlertId, IncidentId, OrderId
from patrol.domain.units import UnitId
from patrol.ports import RoomDesk
from patrol.web.answering import done, led_to, of_an_incident
from patrol.web.entering import DeclaredRoute, asking_of, declared, operator_of
from patrol.web.reading import id_in, read
from patrol.web.schemas import (
    AcknowledgeBody,
    CloseBody,
    ConfirmBody,
    DisplayedBody,
    LevelBody,
    MergeBody,
    NoteBody,
    OrderBody,
    ReopenBody,
    SplitBody,
    TakeBackBody,
    WithdrawBody,
)


def incident_routes(desk: RoomDesk) -> list[DeclaredRoute]:
    """One route for each thing that can be said or done; who sends units needs more than who says something."""
    actions = _Actions(desk)
    said = {
        "displayed": actions.displayed,
        "confirm": actions.confirm,
        "acknowledge": actions.acknowledge,
        "close": actions.close,
        "withdraw-closing": actions.withdraw_closing,
        "reopen": actions.reopen,
        "level": actions.change_level,
        "note": actions.note,
        "merge": actions.merge,
        "split": actions.split,
    }
    sent = {"orders": actions.order_unit, "orders/{order_id}/take-back": actions.take_back}
    of_one = "/api/v1/incidents/{incident_id}"
    return [
        *(declared(f"{of_one}/{name}", action, Permission.ACT, "POST") for name, action in said.items()),
        *(declared(f"{of_one}/{name}", action, Permission.DISPATCH, "POST") for name, action in sent.items()),
    ]


class _Actions:
    """What an operator does. Another site's page can send none of these: they need JSON and our own origin."""

    def __init__(self, desk: RoomDesk) -> None:
        self._desk = desk

    def _for(self, request: Request) -> RoomDesk:
        return self._desk.asked(asking_of(request))

    async def displayed(self, request: Request) -> Response:
        body = await read(request, DisplayedBody)
        return await done(self._desk.displayed(_incident_id(request), body.seat))

    async def confirm(self, request: Request) -> Response:
        await read(request, ConfirmBody)
        operator = operator_of(request)
        return await done(self._for(request).confirm(_incident_id(request), operator))

    async def acknowledge(self, request: Request) -> Response:
        await read(request, AcknowledgeBody)
        operator = operator_of(request)
        return await done(self._for(request).acknowledge(_incident_id(request), operator))

    async def close(self, request: Request) -> Response:
        body = await read(request, CloseBody)
        operator = operator_of(request)
        incident_id = _incident_id(request)
        said = body.disposition, operator, body.reason, body.reason_code, body.original
        closing = self._for(request).close(incident_id, *said)
        return JSONResponse({"done": True, "closed": await of_an_incident(closing)})

    async def withdraw_closing(self, request: Request) -> Response:
        await read(request, WithdrawBody)
        operator = operator_of(request)
        return await done(self._for(request).withdraw_closing(_incident_id(request), operator))

    async def reopen(self, request: Request) -> Response:
        body = await read(request, ReopenBody)
        operator = operator_of(request)
        return await done(self._for(request).reopen(_incident_id(request), operator, body.reason))

    async def change_level(self, request: Request) -> Response:
        body = await read(request, LevelBody)
        operator = operator_of(request)
        return await done(
            self._for(request).change_level(_incident_id(request), body.level, operator, body.reason, body.seen_at)
        )

    async def note(self, request: Request) -> Response:
        body = await read(request, NoteBody)
        operator = operator_of(request)
        return await done(self._for(request).note(_incident_id(request), operator, body.text))

    async def merge(self, request: Request) -> Response:
        body = await read(request, MergeBody)
        operator, incident_id = operator_of(request), _incident_id(request)
        return await led_to(self._for(request).merge(incident_id, IncidentId(body.other), operator))

    async def split(self, request: Request) -> Response:
        body = await read(request, SplitBody)
        operator, incident_id = operator_of(request), _incident_id(request)
        return await led_to(self._for(request).split(incident_id, AlertId(body.alert_id), operator))

    async def order_unit(self, request: Request) -> Response:
        body = await read(request, OrderBody)
        operator, incident_id = operator_of(request), _incident_id(request)
        return await done(self._for(request).order_unit(incident_id, UnitId(body.unit_id), operator, body.seen_at))

    async def take_back(self, request: Request) -> Response:
        await read(request, TakeBackBody)
        operator, incident_id = operator_of(request), _incident_id(request)
        return await done(self._for(request).take_back(incident_id, OrderId(request.path_params["order_id"]), operator))


def _incident_id(request: Request) -> IncidentId:
    return IncidentId(id_in(request, "incident_id"))
