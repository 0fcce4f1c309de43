"""What the page is made of and shows: its files, the room, the live feed, how often rules were right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from patrol.domain.accounts import Permission
from patrol.domain.incidents import Incident, IncidentId
from patrol.domain.room import ClosedPlace, OpenPlace, RoomSnapshot
from patrol.ports import PrecisionView, RoomView
from patrol.web.answering import of_an_incident
from patrol.web.assets import load_assets
from patrol.web.encoding import Part, state_message
from patrol.web.entering import OPEN, DeclaredRoute, Gate, declared
from patrol.web.feeding import FeedFull, RoomFeed
from patrol.web.layout import EncodedLayout
from patrol.web.paging import asked_in, page_of, refuse_cursor
from patrol.web.problems import error_response
from patrol.web.reading import id_in, in_time
from patrol.web.schemas import encode_alone, encode_incidents, encode_precision
from patrol.web.sign_in_routes import SIGN_IN_PAGE
from patrol.web.streaming import answer_head, send_events

AFTER = "after"
CLOSED, OPEN_ONES = "closed", "open"


# The program itself is no secret; what it shows is.
def asset_routes() -> list[DeclaredRoute]:
    """The page's own files."""
    assets = dict(load_assets())
    page, sign_in = assets.pop("index.html"), assets.pop("sign-in.html")
    return [
        declared("/", page.response, Permission.SEE, otherwise=SIGN_IN_PAGE),
        declared(SIGN_IN_PAGE, sign_in.response, OPEN),
        *(declared(f"/static/{name}", asset.response, OPEN) for name, asset in assets.items()),
    ]


def room_routes(
    view: RoomView,
    layout: EncodedLayout,
    encode: Callable[[RoomSnapshot], Mapping[Part, bytes]],
    feed: RoomFeed,
    gate: Gate,
) -> list[DeclaredRoute]:
    """The room, once and live."""
    room = _Room(view, layout, encode)
    return [
        declared("/api/v1/layout", room.layout, Permission.SEE),
        declared("/api/v1/state", room.state, Permission.SEE),
        declared("/api/v1/incidents", room.open, Permission.SEE),
        declared("/api/v1/incidents/closed", room.past, Permission.SEE),
        declared("/api/v1/incidents/{incident_id}", room.one, Permission.SEE),
        declared("/api/v1/events", _Events(feed, gate), Permission.SEE),
    ]


def precision_routes(view: PrecisionView) -> list[DeclaredRoute]:
    """How often the rules were right."""
    return [declared("/api/v1/precision", _Appraisal(view).precision, Permission.SEE)]


class _Room:
    """The room as JSON."""

    def __init__(
        self, view: RoomView, layout: EncodedLayout, encode: Callable[[RoomSnapshot], Mapping[Part, bytes]]
    ) -> None:
        self._view = view
        self._layout = layout
        self._encode = encode

    async def layout(self, request: Request) -> Response:
        return Response(self._layout.json, media_type="application/json")

    async def state(self, request: Request) -> Response:
        snapshot = await in_time(self._view.snapshot())
        return Response(state_message(snapshot.at, self._encode(snapshot)), media_type="application/json")

    async def past(self, request: Request) -> Response:
        asked = asked_in(request, CLOSED)
        found = await in_time(self._view.past(asked.with_one_more, place_in(asked.after)))
        shown, following = page_of(found.incidents, asked, CLOSED, place_of)
        return Response(encode_incidents(shown, following, found), media_type="application/json")

    async def open(self, request: Request) -> Response:
        asked = asked_in(request, OPEN_ONES)
        found = await in_time(self._view.open(asked.with_one_more, open_place_in(asked.after)))
        shown, following = page_of(found.incidents, asked, OPEN_ONES, open_place_of)
        return Response(encode_incidents(shown, following, found), media_type="application/json")

    async def one(self, request: Request) -> Response:
        found = await of_an_incident(self._view.one(IncidentId(id_in(request, "incident_id"))))
        return Response(encode_alone(found), media_type="application/json")


def open_place_of(incident: Incident) -> str:
    """Where an open incident stands among all that are, as a cursor says it."""
    place = OpenPlace.of(incident)
    return f"{place.accepted_at.isoformat()} {place.id}"


def open_place_in(text: str | None) -> OpenPlace | None:
    """The place in a cursor. Raises Refused."""
    if text is None:
        return None
    try:
        accepted, incident_id = text.split(" ")
        return OpenPlace(_moment(accepted), IncidentId(incident_id))
    except (ValueError, OverflowError):
        refuse_cursor()


def place_of(incident: Incident) -> str:
    """Where a closed incident stands among all that are, as a cursor says it."""
    place = ClosedPlace.of(incident)
    assert place is not None  # or else it would not have been found
    return f"{place.closed_at.isoformat()} {place.accepted_at.isoformat()} {place.id}"


def place_in(text: str | None) -> ClosedPlace | None:
    """The place in a cursor. Raises Refused."""
    if text is None:
        return None
    try:
        closed, accepted, incident_id = text.split(" ")
        return ClosedPlace(_moment(closed), _moment(accepted), IncidentId(incident_id))
    except (ValueError, OverflowError):
        refuse_cursor()


def _moment(text: str) -> datetime:
    """Raises ValueError, and OverflowError for a time that there is elsewhere, and not in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


class _Events:
    """The live feed, as an ASGI app: a viewer's place is given back however its stream ends."""

    def __init__(self, feed: RoomFeed, gate: Gate) -> None:
        self._feed = feed
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await answer_head(scope, receive, send)
            return
        # A browser that comes back by itself says the one; a page that opens a new stream can only say the other.
        asked = HTTPConnection(scope)
        seen = asked.headers.get("last-event-id") or asked.query_params.get(AFTER, "")
        try:
            with self._feed.viewer():
                async with aclosing(self._gate.while_let_in(scope, self._feed.messages(seen))) as messages:
                    await send_events(scope, receive, send, messages)
        except FeedFull:
            full = error_response(503, "feed_full", "as many viewers watch as the feed takes; close one or try again")
            full.headers["Retry-After"] = "10"
            await full(scope, receive, send)


class _Appraisal:
    """How often the rules were right."""

    def __init__(self, view: PrecisionView) -> None:
        self._view = view

    async def precision(self, request: Request) -> Response:
        report = await in_time(self._view.precision())
        headers = {"Cache-Control": "no-store"}
        return Response(encode_precision(report), media_type="application/json", headers=headers)
