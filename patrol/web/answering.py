"""What an operator's action is answered with, and how it is said that something failed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from patrol.domain.errors import (
    DoneBefore,
    IllegalTransition,
    NotAsAsked,
    NotToBeSent,
    NotTogether,
    QueueError,
    StoreError,
    UnitBusy,
)
from patrol.domain.incidents import IncidentId
from patrol.web.entering import REFUSALS, named_by
from patrol.web.guarding import SECURITY_HEADERS
from patrol.web.problems import Refused, error_response
from patrol.web.reading import ANSWER_WITHIN_S, in_time
from patrol.web.repeating import Repeats, answer_of, key_of

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


async def of_an_incident(action: Awaitable[Answer]) -> Answer:
    """What an action on an incident gives. Raises HTTPException 404 where there is none, TimeoutError."""
    try:
        return await in_time(action)
    except KeyError:
        raise HTTPException(404, "there is no such incident") from None


async def done(action: Awaitable[None]) -> Response:
    """That it was done."""
    await of_an_incident(action)
    return JSONResponse({"done": True})


async def led_to(action: Awaitable[IncidentId]) -> Response:
    """That it was done, and with which incident it goes on."""
    return JSONResponse({"done": True, "incident_id": await of_an_incident(action)})


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
    response = error_response(error.status_code, CODES[error.status_code], error.detail)
    response.headers.update(error.headers or {})
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error_response(error.status, error.code, str(error), **error.more)


async def _mistake(request: Request, error: Exception) -> Response:
    """A mistake of ours: nothing of it is told but a number, by which it is found in the log."""
    number = uuid4().urn
    log.error("%s %s failed: %s", request.method, request.url.path, number)
    answer = error_response(500, "internal", "this is a mistake of Patrol's; its log says more", instance=number)
    answer.headers.update(SECURITY_HEADERS)  # what puts them on every other answer is inside of this
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _store_away(request: Request, error: Exception) -> Response:
    return error_response(503, "store_away", f"nothing was changed: {error}")


async def _queue_away(request: Request, error: Exception) -> Response:
    return error_response(503, "queue_away", f"the queue was not reached: {error}")


async def _too_slow(request: Request, error: Exception) -> Response:
    return error_response(503, "too_slow", f"no answer within {ANSWER_WITHIN_S:g} s; look before you try again")


async def _closed_already(request: Request, error: Exception) -> Response:
    assert isinstance(error, IllegalTransition)
    return error_response(409, "closed_already", str(error), by=error.by)


async def _unit_busy(request: Request, error: Exception) -> Response:
    return error_response(409, "unit_on_order", str(error))


async def _not_to_be_sent(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotToBeSent)
    return error_response(409, f"not_to_be_sent_{error.why.value}", str(error), by=error.by)


async def _not_together(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotTogether)
    return error_response(409, f"not_together_{error.why.value}", str(error), by=error.by)


async def _not_as_asked(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAsAsked)
    return error_response(409, f"not_as_asked_{error.why.value}", str(error), by=error.by)


async def _done_before(request: Request, error: Exception) -> Response:
    """Another process did the same request in this very moment."""
    repeats: Repeats = request.app.state.repeats
    deed = await repeats.deeds.done(named_by(request), key_of(request)) if repeats.deeds is not None else None
    assert deed is not None  # or else it would not have been refused
    return answer_of(deed)


FAILURES: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _http_error,
    Refused: _refused,
    Exception: _mistake,
    **REFUSALS,
    DoneBefore: _done_before,
    StoreError: _store_away,
    QueueError: _queue_away,
    TimeoutError: _too_slow,
    IllegalTransition: _closed_already,
    UnitBusy: _unit_busy,
    NotToBeSent: _not_to_be_sent,
    NotTogether: _not_together,
    NotAsAsked: _not_as_asked,
}
"""How each error is answered, of whatever route."""
