"""The feed's web app: one page, its live events, an operator's actions, health and metrics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Collection, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from patrol.domain.camera import CameraId
from patrol.domain.errors import (
    IllegalTransition,
    MessageError,
    NotAsAsked,
    NotToBeSent,
    NotTogether,
    PatrolError,
    QueueError,
    StoreError,
    UnitBusy,
)
from patrol.domain.incidents import AlertId, EvidenceId, IncidentId, OrderId
from patrol.domain.message_data import PositionData
from patrol.domain.pins import Pin
from patrol.domain.requests import ViewAcceptance
from patrol.domain.units import UnitId
from patrol.ports import (
    Clock,
    EvidenceFates,
    EvidenceStore,
    HealthCheck,
    PrecisionView,
    RoomDesk,
    RoomView,
    UnitDesk,
)
from patrol.web.assets import load_assets
from patrol.web.feeding import FeedFull, FeedLimits, RoomFeed
from patrol.web.guarding import OwnHostOnly, SecurityHeaders, check_same_origin, error_response, operator_of
from patrol.web.layout import EncodedLayout, RoomLayout
from patrol.web.ranging import response_of
from patrol.web.schemas import (
    AcceptViewBody,
    AcknowledgeBody,
    CloseBody,
    ConfirmBody,
    DisplayedBody,
    LevelBody,
    MergeBody,
    OrderBody,
    PinBody,
    PositionBody,
    PositionsBody,
    ReopenBody,
    ReplayBody,
    SplitBody,
    TakeBackBody,
    UnitStateBody,
    WithdrawBody,
    encode_letters,
    encode_precision,
    encode_room,
    with_time,
)
from patrol.web.serving import serve

__all__ = ["FeedLimits", "RoomLayout", "make_status_app", "make_web_app", "serve"]

MAX_BODY = 16 * 1024
MAX_POSITIONS_BODY = 256 * 1024  # a thousand positions, as a message says them
ANSWER_WITHIN_S = 5.0
CHECK_WITHIN_S = 1.0
LETTERS_SHOWN = 50
ID = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,127}")

Body = TypeVar("Body", bound=BaseModel)
Answer = TypeVar("Answer")


def make_web_app(
    view: RoomView,
    desk: RoomDesk,
    evidence: EvidenceStore,
    checks: Sequence[HealthCheck],
    registry: CollectorRegistry,
    layout: RoomLayout,
    clock: Clock,
    *,
    stopping: asyncio.Event,
    hosts: Collection[str] = (),
    limits: FeedLimits | None = None,
    fates: EvidenceFates | None = None,
    precision: PrecisionView | None = None,
    units: UnitDesk | None = None,
) -> Starlette:
    """The app, ready for ``serve``, which also runs its feed.

    ``hosts``: dotted names under which people open the page, besides addresses and dotless names.
    ``stopping``: once set, streams end and ``/readyz`` says so. ``fates``: why pictures that were there are not.
    ``precision``: how often the rules were right.
    ``units``: where positions and states of units go; without it nobody can send any.
    """
    encoded = EncodedLayout.of(layout)
    encode = partial(encode_room, layout=layout, layout_version=encoded.version)
    feed = RoomFeed(view, encode, with_time, clock, stopping, limits or FeedLimits())
    room = _Room(view, encoded, feed)
    actions = _Actions(desk)
    requests = _Requests(desk, layout)
    letters = _Letters(desk)
    kept = _Evidence(evidence, fates)
    appraisal = [Route("/api/v1/precision", _Appraisal(precision).precision)] if precision is not None else []
    app = Starlette(
        routes=[
            *_asset_routes(),
            Route("/api/layout", room.layout),
            Route("/api/state", room.state),
            Route("/events", _Events(feed), methods=["GET"]),
            Route("/api/incidents/{incident_id}/displayed", actions.displayed, methods=["POST"]),
            Route("/api/incidents/{incident_id}/confirm", actions.confirm, methods=["POST"]),
            Route("/api/incidents/{incident_id}/acknowledge", actions.acknowledge, methods=["POST"]),
            Route("/api/incidents/{incident_id}/close", actions.close, methods=["POST"]),
            Route("/api/incidents/{incident_id}/withdraw-closing", actions.withdraw_closing, methods=["POST"]),
            Route("/api/incidents/{incident_id}/reopen", actions.reopen, methods=["POST"]),
            Route("/api/incidents/{incident_id}/level", actions.change_level, methods=["POST"]),
            Route("/api/incidents/{incident_id}/merge", actions.merge, methods=["POST"]),
            Route("/api/incidents/{incident_id}/split", actions.split, methods=["POST"]),
            Route("/api/incidents/{incident_id}/orders", actions.order_unit, methods=["POST"]),
            Route("/api/incidents/{incident_id}/orders/{order_id}/take-back", actions.take_back, methods=["POST"]),
            Route("/api/cameras/{camera_id}/pin", requests.pin, methods=["POST"]),
            Route("/api/cameras/{camera_id}/accept-view", requests.accept_view, methods=["POST"]),
            *appraisal,
            Route("/api/dead-letters", letters.latest),
            Route("/api/dead-letters/{letter_id}/replay", letters.replay, methods=["POST"]),
            *(_unit_routes(_Units(units, layout)) if units is not None else ()),
            Route("/evidence/{evidence_id}.jpg", kept.picture),
            Route("/evidence/{clip_id}.webm", kept.clip),
            *_status_routes(checks, registry, stopping),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(OwnHostOnly, names=hosts),
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
        ],
        exception_handlers={
            HTTPException: _http_error,
            StoreError: _store_away,
            QueueError: _queue_away,
            TimeoutError: _too_slow,
            NotTogether: _not_together,
            NotToBeSent: _not_to_be_sent,
            NotAsAsked: _not_as_asked,
            UnitBusy: _unit_busy,
            IllegalTransition: _closed_already,
        },
    )
    app.state.feed = feed
    return app


def make_status_app(
    checks: Sequence[HealthCheck], registry: CollectorRegistry, *, stopping: asyncio.Event
) -> Starlette:
    """Health and metrics alone, for the roles that show people nothing; for ``serve``."""
    return Starlette(routes=_status_routes(checks, registry, stopping), middleware=[Middleware(SecurityHeaders)])


def _status_routes(checks: Sequence[HealthCheck], registry: CollectorRegistry, stopping: asyncio.Event) -> list[Route]:
    return [
        Route("/healthz", _healthz),
        Route("/readyz", _Readiness(checks, stopping).readyz),
        Route("/metrics", partial(_metrics, registry)),
    ]


class _Room:
    """The room as JSON."""

    def __init__(self, view: RoomView, layout: EncodedLayout, feed: RoomFeed) -> None:
        self._view = view
        self._layout = layout
        self._feed = feed

    async def layout(self, request: Request) -> Response:
        return Response(self._layout.json, media_type="application/json")

    async def state(self, request: Request) -> Response:
        snapshot = await _in_time(self._view.snapshot())
        room = encode_room(snapshot, self._layout.layout, self._layout.version)
        return Response(with_time(snapshot.at, room), media_type="application/json")


class _Events:
    """The live feed, as an ASGI app: a viewer's place is given back however its stream ends."""

    def __init__(self, feed: RoomFeed) -> None:
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if scope["method"] == "HEAD":
            await Response(headers=headers, media_type="text/event-stream")(scope, receive, send)
            return
        try:
            with self._feed.viewer():
                async with aclosing(self._feed.messages()) as messages:
                    stream = StreamingResponse(messages, headers=headers, media_type="text/event-stream")
                    await stream(scope, receive, send)
        except FeedFull:
            full = error_response(503, "feed_full", "as many viewers watch as the feed takes; close one or try again")
            full.headers["Retry-After"] = "10"
            await full(scope, receive, send)


class _Actions:
    """What an operator does. Another site's page can send none of these: they need JSON and our own origin."""

    def __init__(self, desk: RoomDesk) -> None:
        self._desk = desk

    async def displayed(self, request: Request) -> Response:
        body = await _read(request, DisplayedBody)
        return await _done(self._desk.displayed(_incident_id(request), body.seat))

    async def confirm(self, request: Request) -> Response:
        await _read(request, ConfirmBody)
        operator = operator_of(request.headers)
        return await _done(self._desk.confirm(_incident_id(request), operator))

    async def acknowledge(self, request: Request) -> Response:
        await _read(request, AcknowledgeBody)
        operator = operator_of(request.headers)
        return await _done(self._desk.acknowledge(_incident_id(request), operator))

    async def close(self, request: Request) -> Response:
        body = await _read(request, CloseBody)
        operator = operator_of(request.headers)
        incident_id = _incident_id(request)
        said = body.disposition, operator, body.reason, body.reason_code, body.original
        closing = self._desk.close(incident_id, *said)
        return JSONResponse({"done": True, "closed": await _of_an_incident(closing)})

    async def withdraw_closing(self, request: Request) -> Response:
        await _read(request, WithdrawBody)
        operator = operator_of(request.headers)
        return await _done(self._desk.withdraw_closing(_incident_id(request), operator))

    async def reopen(self, request: Request) -> Response:
        body = await _read(request, ReopenBody)
        operator = operator_of(request.headers)
        return await _done(self._desk.reopen(_incident_id(request), operator, body.reason))

    async def change_level(self, request: Request) -> Response:
        body = await _read(request, LevelBody)
        operator = operator_of(request.headers)
        return await _done(self._desk.change_level(_incident_id(request), body.level, operator, body.reason))

    async def merge(self, request: Request) -> Response:
        body = await _read(request, MergeBody)
        operator, incident_id = operator_of(request.headers), _incident_id(request)
        return await _led_to(self._desk.merge(incident_id, IncidentId(body.other), operator))

    async def split(self, request: Request) -> Response:
        body = await _read(request, SplitBody)
        operator, incident_id = operator_of(request.headers), _incident_id(request)
        return await _led_to(self._desk.split(incident_id, AlertId(body.alert_id), operator))

    async def order_unit(self, request: Request) -> Response:
        body = await _read(request, OrderBody)
        operator, incident_id = operator_of(request.headers), _incident_id(request)
        return await _done(self._desk.order_unit(incident_id, UnitId(body.unit_id), operator))

    async def take_back(self, request: Request) -> Response:
        await _read(request, TakeBackBody)
        operator, incident_id = operator_of(request.headers), _incident_id(request)
        return await _done(self._desk.take_back(incident_id, OrderId(request.path_params["order_id"]), operator))


class _Requests:
    """What an operator asks of the tour; guarded like every action."""

    def __init__(self, desk: RoomDesk, layout: RoomLayout) -> None:
        self._desk = desk
        self._cameras = frozenset(camera.id for camera in layout.cameras)

    async def pin(self, request: Request) -> Response:
        body = await _read(request, PinBody)
        operator, camera_id = operator_of(request.headers), self._camera_id(request)
        try:
            pin = Pin(camera_id, body.seconds, body.every_s, operator)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return await _done(self._desk.pin(pin))

    async def accept_view(self, request: Request) -> Response:
        await _read(request, AcceptViewBody)
        operator, camera_id = operator_of(request.headers), self._camera_id(request)
        return await _done(self._desk.accept_view(ViewAcceptance(camera_id, operator)))

    def _camera_id(self, request: Request) -> CameraId:
        camera_id = CameraId(request.path_params["camera_id"])
        if camera_id not in self._cameras:
            raise HTTPException(404, "there is no such camera")
        return camera_id


class _Units:
    """What units' terminals and operators tell of units; guarded like every action."""

    def __init__(self, desk: UnitDesk, layout: RoomLayout) -> None:
        self._desk = desk
        self._units = frozenset(unit.id for unit in layout.units)

    async def position(self, request: Request) -> Response:
        body = await _read(request, PositionBody)
        return await self._report([body.of(self._unit_id(request))], ())

    async def positions(self, request: Request) -> Response:
        """Those of unknown units are named in the answer, and hold up no other."""
        body = await _read(request, PositionsBody, MAX_POSITIONS_BODY)
        known = [each for each in body.positions if each.unit_id in self._units]
        unknown = [each.unit_id for each in body.positions if each.unit_id not in self._units]
        return await self._report([each.of(UnitId(each.unit_id)) for each in known], unknown)

    async def _report(self, positions: Sequence[PositionData], unknown: Collection[str]) -> Response:
        try:
            await _in_time(self._desk.report(positions))
        except MessageError as error:
            raise HTTPException(422, str(error)) from None
        return JSONResponse({"accepted": len(positions), "unknown_units": sorted(set(unknown))}, 202)

    async def state(self, request: Request) -> Response:
        body = await _read(request, UnitStateBody)
        operator, unit_id = operator_of(request.headers), self._unit_id(request)
        try:
            state = await _in_time(self._desk.set_state(unit_id, body.state, operator, body.reason))
        except KeyError:  # of another configuration than the one that dispatches
            raise HTTPException(404, "there is no such unit") from None
        return JSONResponse({"done": True, "state": state.value})

    def _unit_id(self, request: Request) -> UnitId:
        unit_id = UnitId(request.path_params["unit_id"])
        if unit_id not in self._units:
            raise HTTPException(404, "there is no such unit")
        return unit_id


def _unit_routes(units: _Units) -> list[Route]:
    return [
        Route("/api/v1/units/{unit_id}/position", units.position, methods=["POST"]),
        Route("/api/v1/units/{unit_id}/state", units.state, methods=["POST"]),
        Route("/api/v1/positions", units.positions, methods=["POST"]),
    ]


class _Letters:
    """Messages that could not be handled: looked at, and put back by somebody with a name."""

    def __init__(self, desk: RoomDesk) -> None:
        self._desk = desk

    async def latest(self, request: Request) -> Response:
        found = await _in_time(self._desk.dead_letters(LETTERS_SHOWN))
        return Response(encode_letters(found), media_type="application/json", headers={"Cache-Control": "no-store"})

    async def replay(self, request: Request) -> Response:
        await _read(request, ReplayBody)
        operator, letter_id = operator_of(request.headers), _id(request, "letter_id")
        try:
            return await _done(self._desk.replay(letter_id, operator))
        except MessageError as error:
            return error_response(409, "not_replayable", str(error))


class _Appraisal:
    """How often the rules were right."""

    def __init__(self, view: PrecisionView) -> None:
        self._view = view

    async def precision(self, request: Request) -> Response:
        report = await _in_time(self._view.precision())
        headers = {"Cache-Control": "no-store"}
        return Response(encode_precision(report), media_type="application/json", headers=headers)


# What is kept never changes under its id; an hour keeps the feed quick and little on the disk.
KEPT_HEADERS = {"Cache-Control": "private, max-age=3600, immutable"}


class _Evidence:
    """The pictures and clips that go with alerts."""

    def __init__(self, store: EvidenceStore, fates: EvidenceFates | None) -> None:
        self._store = store
        self._fates = fates

    async def picture(self, request: Request) -> Response:
        evidence_id = EvidenceId(_id(request, "evidence_id"))
        jpeg = await _in_time(self._store.get(evidence_id))
        if jpeg is None:
            return await self._missing(evidence_id, "there is no such picture")
        return Response(jpeg, media_type="image/jpeg", headers=KEPT_HEADERS)

    async def clip(self, request: Request) -> Response:
        clip_id = EvidenceId(_id(request, "clip_id"))
        webm = await _in_time(self._store.get_clip(clip_id))
        if webm is None:
            return await self._missing(clip_id, "there is no such clip, or not yet")
        return response_of(webm, "video/webm", KEPT_HEADERS, request.headers)

    async def _missing(self, evidence_id: EvidenceId, unknown: str) -> Response:
        gone = await _in_time(self._fates.why_gone(evidence_id)) if self._fates is not None else None
        if gone is None:
            raise HTTPException(404, unknown)
        return error_response(410, f"gone_{gone.value}", "this was kept once, and is not there any more")


class _Readiness:
    """Whether Patrol is fit for work."""

    def __init__(self, checks: Sequence[HealthCheck], stopping: asyncio.Event) -> None:
        self._checks = tuple(checks)
        self._stopping = stopping

    async def readyz(self, request: Request) -> Response:
        async with asyncio.TaskGroup() as tasks:
            answers = [(check.name, tasks.create_task(_problem_of(check))) for check in self._checks]
        failing = [{"name": name, "problem": task.result()} for name, task in answers if task.result() is not None]
        if self._stopping.is_set():
            failing.append({"name": "patrol", "problem": "stopping"})
        return JSONResponse({"ready": not failing, "failing": failing}, 503 if failing else 200)


async def _problem_of(check: HealthCheck) -> str | None:
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            return await check.problem()
    except TimeoutError:
        return f"no answer within {CHECK_WITHIN_S:g} s"
    except PatrolError as error:
        return str(error)


async def _healthz(request: Request) -> Response:
    return JSONResponse({"alive": True})


async def _metrics(registry: CollectorRegistry, request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": content_type})


def _asset_routes() -> list[Route]:
    return [
        Route("/" if name == "index.html" else f"/static/{name}", asset.response, name=name)
        for name, asset in load_assets().items()
    ]


async def _in_time(answer: Awaitable[Answer]) -> Answer:
    async with asyncio.timeout(ANSWER_WITHIN_S):
        return await answer


async def _of_an_incident(action: Awaitable[Answer]) -> Answer:
    try:
        return await _in_time(action)
    except KeyError:
        raise HTTPException(404, "there is no such incident") from None


async def _done(action: Awaitable[None]) -> Response:
    await _of_an_incident(action)
    return JSONResponse({"done": True})


async def _led_to(action: Awaitable[IncidentId]) -> Response:
    return JSONResponse({"done": True, "incident_id": await _of_an_incident(action)})


def _incident_id(request: Request) -> IncidentId:
    return IncidentId(_id(request, "incident_id"))


def _id(request: Request, name: str) -> str:
    value = str(request.path_params[name])
    if not ID.fullmatch(value):
        raise HTTPException(404, "there is nothing by this id")
    return value


async def _read(request: Request, model: type[Body], most: int = MAX_BODY) -> Body:
    check_same_origin(request.headers)
    _check_json(request.headers)
    try:
        return model.model_validate_json(await _limited_body(request, most))
    except ValidationError as error:
        raise HTTPException(400, _in_words(error)) from None


def _check_json(headers: Headers) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "expected Content-Type: application/json")


async def _limited_body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(413, f"expected at most {most} bytes")
    return bytes(body)


def _in_words(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems)


CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    422: "out_of_range",
}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = error_response(error.status_code, CODES.get(error.status_code, "error"), error.detail)
    response.headers.update(error.headers or {})
    return response


async def _store_away(request: Request, error: Exception) -> Response:
    return error_response(503, "store_away", f"nothing was changed: {error}")


async def _queue_away(request: Request, error: Exception) -> Response:
    return error_response(503, "queue_away", f"the queue was not reached: {error}")


async def _too_slow(request: Request, error: Exception) -> Response:
    return error_response(503, "too_slow", f"no answer within {ANSWER_WITHIN_S:g} s; look before you try again")


async def _closed_already(request: Request, error: Exception) -> Response:
    return error_response(409, "closed_already", str(error))


async def _not_to_be_sent(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotToBeSent)
    return error_response(409, f"not_to_be_sent_{error.why.value}", str(error))


async def _unit_busy(request: Request, error: Exception) -> Response:
    return error_response(409, "unit_on_order", str(error))


async def _not_together(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotTogether)
    return error_response(409, f"not_together_{error.why.value}", str(error))


async def _not_as_asked(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAsAsked)
    return error_response(409, f"not_as_asked_{error.why.value}", str(error))
