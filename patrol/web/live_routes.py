"""Live views, and the stills that are there where none can be had."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patrol.domain.accounts import Permission
from patrol.domain.camera import CameraId
from patrol.domain.errors import CaptureError, LiveRefused
from patrol.ports import Clock, LiveDesk, Looker, StillDesk
from patrol.web.answers import LiveOpened, LiveShown, LiveZone
from patrol.web.entering import DeclaredRoute, Gate, declared, visitor_of
from patrol.web.problems import error_response
from patrol.web.reading import id_in, read
from patrol.web.schemas import Body

_OPENED, _SHOWN = TypeAdapter(LiveOpened), TypeAdapter(LiveShown)
LONGEST_OFFER = 12_000
AGE_HEADER = "X-Patrol-Age-S"


class LiveBody(Body):
    """``offer``: the browser's SDP, for one video that it receives."""

    offer: Annotated[str, Field(min_length=1, max_length=LONGEST_OFFER)]


def live_routes(live: LiveDesk, stills: StillDesk, gate: Gate, clock: Clock) -> list[DeclaredRoute]:
    """To look at a camera as it is now."""
    routes = _Live(live, stills, gate, clock)
    return [
        declared("/api/v1/cameras/{camera_id}/live", routes.open, Permission.SEE, "POST"),
        declared("/api/v1/live/{viewer_id}", routes.status, Permission.SEE),
        declared("/api/v1/live/{viewer_id}", routes.leave, Permission.SEE, "DELETE"),
        declared("/api/v1/cameras/{camera_id}/still", routes.still, Permission.SEE),
    ]


class _Live:
    """Each view belongs to the sign-in it was opened with; a room without accounts is one."""

    def __init__(self, live: LiveDesk, stills: StillDesk, gate: Gate, clock: Clock) -> None:
        self._live = live
        self._stills = stills
        self._gate = gate
        self._clock = clock

    async def open(self, request: Request) -> Response:
        body = await read(request, LiveBody)
        scope = request.scope
        looker = Looker(_key_of(request), lambda: self._gate.is_still_let_in(scope))
        try:
            view = await self._live.open(_camera_id(request), body.offer, looker)
        except KeyError:
            raise HTTPException(404, "there is no such camera") from None
        except LiveRefused as refused:
            failure = refused.failure.value if refused.failure is not None else None
            return error_response(503, f"live_{refused.reason.value}", str(refused), failure=failure)
        zones = tuple(LiveZone(zone.name, zone.name_en, zone.outline) for zone in view.zones)
        return _json(_OPENED.dump_json(LiveOpened(view.viewer_id, view.answer, view.way, zones)))

    async def status(self, request: Request) -> Response:
        status = self._live.status(id_in(request, "viewer_id"), _key_of(request))
        if status is None:
            raise HTTPException(404, "there is no such view")
        return _json(_SHOWN.dump_json(LiveShown(status.end, status.sent, status.dropped)))

    async def leave(self, request: Request) -> Response:
        if not await self._live.leave(id_in(request, "viewer_id"), _key_of(request)):
            raise HTTPException(404, "there is no such view")
        return JSONResponse({"done": True})

    async def still(self, request: Request) -> Response:
        try:
            still = await self._stills.still(_camera_id(request))
        except KeyError:
            raise HTTPException(404, "there is no such camera") from None
        except CaptureError as error:
            return error_response(503, "no_picture", str(error), failure=error.failure.value)
        age_s = max(0.0, (self._clock.now() - still.captured_at).total_seconds())
        return Response(still.jpeg, media_type="image/jpeg", headers={AGE_HEADER: f"{age_s:.1f}"})


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _camera_id(request: Request) -> CameraId:
    return CameraId(id_in(request, "camera_id"))


def _key_of(request: Request) -> str:
    sign_in = visitor_of(request).sign_in
    return sign_in.id if sign_in is not None else visitor_of(request).name
