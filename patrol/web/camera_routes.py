"""What operators ask of the tour."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.camera import CameraId
from patrol.domain.pins import Pin
from patrol.domain.requests import ViewAcceptance
from patrol.domain.skips import Skip
from patrol.ports import RoomDesk
from patrol.web.answering import done
from patrol.web.entering import DeclaredRoute, asking_of, declared, operator_of
from patrol.web.layout import RoomLayout
from patrol.web.reading import read
from patrol.web.schemas import AcceptViewBody, PinBody, SkipBody


def camera_routes(desk: RoomDesk, layout: RoomLayout) -> list[DeclaredRoute]:
    """For more of a camera than the tour has of it anyway, or for nothing of it."""
    requests = _Requests(desk, layout)
    return [
        declared("/api/v1/cameras/{camera_id}/pin", requests.pin, Permission.LOOK, "POST"),
        declared("/api/v1/cameras/{camera_id}/skip", requests.skip, Permission.LOOK, "POST"),
        declared("/api/v1/cameras/{camera_id}/accept-view", requests.accept_view, Permission.LOOK, "POST"),
    ]


class _Requests:
    """What an operator asks of the tour; guarded like every action."""

    def __init__(self, desk: RoomDesk, layout: RoomLayout) -> None:
        self._desk = desk
        self._cameras = frozenset(camera.id for camera in layout.cameras)

    async def pin(self, request: Request) -> Response:
        body = await read(request, PinBody)
        operator, camera_id = operator_of(request), self._camera_id(request)
        try:
            pin = Pin(camera_id, body.seconds, body.every_s, operator)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return await done(self._desk.asked(asking_of(request)).pin(pin))

    async def skip(self, request: Request) -> Response:
        body = await read(request, SkipBody)
        operator, camera_id = operator_of(request), self._camera_id(request)
        try:
            skip = Skip(camera_id, body.seconds, operator, body.reason)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return await done(self._desk.asked(asking_of(request)).skip(skip))

    async def accept_view(self, request: Request) -> Response:
        await read(request, AcceptViewBody)
        operator, camera_id = operator_of(request), self._camera_id(request)
        return await done(self._desk.asked(asking_of(request)).accept_view(ViewAcceptance(camera_id, operator)))

    def _camera_id(self, request: Request) -> CameraId:
        camera_id = CameraId(request.path_params["camera_id"])
        if camera_id not in self._cameras:
            raise HTTPException(404, "there is no such camera")
        return camera_id
