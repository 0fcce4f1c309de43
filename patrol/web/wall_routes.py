"""The tour wall: its stream, and what a page has in sight."""

from __future__ import annotations

from contextlib import aclosing

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from patrol.domain.accounts import Permission
from patrol.web.entering import DeclaredRoute, Gate, declared
from patrol.web.problems import error_response
from patrol.web.reading import read
from patrol.web.schemas import WallCamerasBody
from patrol.web.streaming import answer_head, send_events
from patrol.web.wall_feeding import WallFeed, WallFull


def wall_routes(feed: WallFeed, gate: Gate) -> list[DeclaredRoute]:
    """Whoever sees the room sees what the tour sees."""
    sights = _Sights(feed)
    return [
        declared("/api/v1/wall/events", _WallEvents(feed, gate), Permission.SEE),
        declared("/api/v1/wall/{viewer_id}/cameras", sights.look_at, Permission.SEE, "POST"),
    ]


class _Sights:
    """What each page has in sight."""

    def __init__(self, feed: WallFeed) -> None:
        self._feed = feed

    async def look_at(self, request: Request) -> Response:
        body = await read(request, WallCamerasBody)
        try:
            self._feed.look_at(str(request.path_params["viewer_id"]), body.cameras)
        except KeyError:
            raise HTTPException(404, "there is no such viewer, or not any more") from None
        return JSONResponse({"done": True})


class _WallEvents:
    """The stream, as an ASGI app: a viewer's place is given back however it ends."""

    def __init__(self, feed: WallFeed, gate: Gate) -> None:
        self._feed = feed
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await answer_head(scope, receive, send)
            return
        try:
            with self._feed.viewer() as viewer:
                async with aclosing(self._gate.while_let_in(scope, self._feed.messages(viewer))) as messages:
                    await send_events(scope, receive, send, messages)
        except WallFull:
            full = error_response(503, "wall_full", "as many pages show the wall as it takes; close one or try again")
            full.headers["Retry-After"] = "10"
            await full(scope, receive, send)
