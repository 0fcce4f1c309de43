"""Reading what was asked, within bounds; and answering in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from patrol.web.guarding import check_same_origin
from patrol.web.problems import Refused

MAX_BODY = 16 * 1024
ANSWER_WITHIN_S = 5.0
ID = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,127}")

Body = TypeVar("Body", bound=BaseModel)
Answer = TypeVar("Answer")


async def in_time(answer: Awaitable[Answer]) -> Answer:
    """What is answered within ``ANSWER_WITHIN_S``. Raises TimeoutError."""
    async with asyncio.timeout(ANSWER_WITHIN_S):
        return await answer


async def read(request: Request, model: type[Body], most: int = MAX_BODY) -> Body:
    """The body of a request from our own page, or from no browser. Raises HTTPException for any other."""
    check_same_origin(request.scope)
    _check_json(request.headers)
    try:
        return model.model_validate_json(await _limited_body(request, most))
    except ValidationError as error:
        at = _where(error)
        words = "; ".join(f"{each['path']}: {each['detail']}" for each in at)
        raise Refused(400, "bad_request", words, errors=at) from None


def id_in(request: Request, name: str) -> str:
    """An id in the address. Raises HTTPException 404 for what can be none."""
    value = str(request.path_params[name])
    if not ID.fullmatch(value):
        raise HTTPException(404, "there is nothing by this id")
    return value


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


def _where(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong, by its place in the body; see ProblemAt."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"path": ".".join(map(str, each["loc"])) or "body", "detail": each["msg"]} for each in problems]
