"""What units' terminals and operators tell of units."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patrol.domain.accounts import Permission
from patrol.domain.errors import MessageError
from patrol.domain.message_data import PositionData
from patrol.domain.units import UnitId
from patrol.ports import UnitDesk
from patrol.web.entering import DeclaredRoute, asking_of, declared, operator_of
from patrol.web.layout import RoomLayout
from patrol.web.reading import in_time, read
from patrol.web.schemas import PositionBody, PositionsBody, UnitStateBody

MAX_POSITIONS_BODY = 256 * 1024  # a thousand positions, as a message says them


def unit_routes(desk: UnitDesk, layout: RoomLayout) -> list[DeclaredRoute]:
    """Where units are, and what they do."""
    units = _Units(desk, layout)
    return [
        declared("/api/v1/units/{unit_id}/position", units.position, Permission.REPORT_POSITIONS, "POST"),
        declared("/api/v1/units/{unit_id}/state", units.state, Permission.DISPATCH, "POST"),
        declared("/api/v1/positions", units.positions, Permission.REPORT_POSITIONS, "POST"),
    ]


class _Units:
    """Only units that are configured have any."""

    def __init__(self, desk: UnitDesk, layout: RoomLayout) -> None:
        self._desk = desk
        self._units = frozenset(unit.id for unit in layout.units)

    async def position(self, request: Request) -> Response:
        body = await read(request, PositionBody)
        return await self._report([body.of(self._unit_id(request))], ())

    async def positions(self, request: Request) -> Response:
        """Those of unknown units are named in the answer, and hold up no other."""
        body = await read(request, PositionsBody, MAX_POSITIONS_BODY)
        known = [each for each in body.positions if each.unit_id in self._units]
        unknown = [each.unit_id for each in body.positions if each.unit_id not in self._units]
        return await self._report([each.of(UnitId(each.unit_id)) for each in known], unknown)

    async def _report(self, positions: Sequence[PositionData], unknown: Collection[str]) -> Response:
        try:
            await in_time(self._desk.report(positions))
        except MessageError as error:
            raise HTTPException(422, str(error)) from None
        return JSONResponse({"accepted": len(positions), "unknown_units": sorted(set(unknown))}, 202)

    async def state(self, request: Request) -> Response:
        body = await read(request, UnitStateBody)
        operator, unit_id = operator_of(request), self._unit_id(request)
        try:
            state = await in_time(self._desk.set_state(unit_id, body.state, operator, body.reason, asking_of(request)))
        except KeyError:  # of another configuration than the one that dispatches
            raise HTTPException(404, "there is no such unit") from None
        return JSONResponse({"done": True, "state": state.value})

    def _unit_id(self, request: Request) -> UnitId:
        unit_id = UnitId(request.path_params["unit_id"])
        if unit_id not in self._units:
            raise HTTPException(404, "there is no such unit")
        return unit_id
